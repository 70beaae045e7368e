"""Messaging: what is said to people, and by which way it reaches them.

Messages and their dispatches to each receiver, templates in several languages, quiet hours,
consent honoured at the moment of sending, and the channels: SMTP, SMPP, an inbox. Whoever stands
above and has something to say emits `SendMessage`, or calls `notify`; what is sent happens
outside of every transaction, by a sender in the jobs process.
"""

from trunkline.messaging.events import SendMessage, WordHeard
from trunkline.messaging.incoming import STOP
from trunkline.messaging.model import (
    Accepted,
    ChannelAway,
    ChannelName,
    Deferred,
    Dispatch,
    DispatchId,
    DispatchState,
    InvalidMessage,
    MessageId,
    MessageState,
    NoAddress,
    Outcome,
    Outgoing,
    Purpose,
    QuietHours,
    Receipt,
    ReceiptState,
    Rejected,
    SavedTemplate,
    Throttled,
    Unanswered,
)
from trunkline.messaging.operations import (
    change_message,
    delete_message,
    notify,
    notify_customer,
    read_message,
    say,
)
from trunkline.messaging.personal import erase_personal_data, export_personal_data
from trunkline.messaging.queries import (
    MESSAGES,
    declarations,
    dispatches_of,
    inbox,
    messages,
    served,
    template_versions,
    wordings,
)
from trunkline.messaging.saving import declare_template, save_template, set_quiet_hours
from trunkline.messaging.sender import Channel, Ear, Sender
from trunkline.messaging.sending import (
    begin_sending,
    declare_channels,
    note_outcome,
)
from trunkline.messaging.smpp.channel import SmppChannel
from trunkline.messaging.smpp.session import Centre
from trunkline.messaging.smtp import MailServer, SmtpChannel
from trunkline.messaging.templates import (
    Declaration,
    InvalidTemplate,
    InvalidVariables,
    UnknownTemplate,
    VariableKind,
    money,
)

__all__ = [
    "MESSAGES",
    "STOP",
    "Accepted",
    "Centre",
    "Channel",
    "ChannelAway",
    "ChannelName",
    "Declaration",
    "Deferred",
    "Dispatch",
    "DispatchId",
    "DispatchState",
    "Ear",
    "InvalidMessage",
    "InvalidTemplate",
    "InvalidVariables",
    "MailServer",
    "MessageId",
    "MessageState",
    "NoAddress",
    "Outcome",
    "Outgoing",
    "Purpose",
    "QuietHours",
    "Receipt",
    "ReceiptState",
    "Rejected",
    "SavedTemplate",
    "SendMessage",
    "Sender",
    "SmppChannel",
    "SmtpChannel",
    "Throttled",
    "Unanswered",
    "UnknownTemplate",
    "VariableKind",
    "WordHeard",
    "begin_sending",
    "change_message",
    "declarations",
    "declare_channels",
    "declare_template",
    "delete_message",
    "dispatches_of",
    "erase_personal_data",
    "export_personal_data",
    "inbox",
    "messages",
    "money",
    "note_outcome",
    "notify",
    "notify_customer",
    "read_message",
    "save_template",
    "say",
    "served",
    "set_quiet_hours",
    "template_versions",
    "wordings",
]
