"""TMF681 Communication Management, v4: what is said to people.

`messageType` names the channel: SMS, Email, or Mobile app push notification (an inbox). A receiver
is an address (`email`, `phoneNumber`), or a `party` whose contact medium is taken. Three
characteristics are ours: `purpose` (service, marketing, urgent), `template`, and `language`;
with a template the others are its variables. Each receiver tells in `deliveryState` how far it
is. `state` can be set to cancelled; to inProgress: sent at once; to initial: sent again.
"""

from datetime import datetime
from typing import Any

from trunkline import messaging
from trunkline.messaging import MESSAGES
from trunkline.platform.db import Tx
from trunkline.rest.forms.entities import Attachment, RelatedParty
from trunkline.rest.forms.wire import COMMUNICATION, Some, Typed, placed
from trunkline.tmf import Api, Body, Document, Moment, Paths, in_json, owned_by


class Receiver(Typed, kw_only=True):
    """From `deliveryState` on the server says how far it is."""

    id: str | None = None
    app_user_id: str | None = None
    email: str | None = None
    ip: str | None = None
    name: str | None = None
    phone_number: str | None = None
    party: RelatedParty | None = None
    delivery_state: str | None = None
    delivery_reason: str | None = None
    delivery_time: Moment | None = None
    read_time: Moment | None = None


class Sender(Typed, kw_only=True):
    id: str | None = None
    email: str | None = None
    name: str | None = None
    phone_number: str | None = None
    party: RelatedParty | None = None


class CharacteristicRelationship(Typed, kw_only=True):
    id: str | None = None
    relationship_type: str | None = None


class MessageCharacteristic(Typed, kw_only=True):
    name: str
    value: Any
    id: str | None = None
    value_type: str | None = None
    characteristic_relationship: tuple[CharacteristicRelationship, ...] | None = None


class CommunicationMessage(Typed, kw_only=True):
    content: str
    message_type: str
    receiver: Some[Receiver]
    sender: Sender
    description: str | None = None
    log_flag: bool | None = None
    priority: str | None = None
    scheduled_send_time: Moment | None = None
    send_time: Moment | None = None
    send_time_complete: Moment | None = None
    subject: str | None = None
    try_times: int | None = None
    attachment: tuple[Attachment, ...] | None = None
    characteristic: tuple[MessageCharacteristic, ...] | None = None
    state: str | None = None


def _say(tx: Tx, body: Body, now: datetime) -> str:
    body.pop("id", None)  # the document leaves it to the server
    with placed(unknown="characteristic"):
        return str(messaging.say(tx, body, now)["id"])


def _change(tx: Tx, ident: str, body: Body, now: datetime) -> None:
    with placed(unknown="characteristic"):
        messaging.change_message(tx, ident, body, now)


_PATHS: Paths = {
    "state": MESSAGES.c.state,
    "scheduledSendTime": MESSAGES.c.scheduled_at,
    "sendTime": MESSAGES.c.sent_at,
    "sendTimeComplete": MESSAGES.c.completed_at,
    "logFlag": in_json(MESSAGES.c.body, "logFlag", "boolean"),
    "tryTimes": in_json(MESSAGES.c.body, "tryTimes", "number"),
    **{
        path: in_json(MESSAGES.c.body, path)
        for path in (
            "content", "subject", "description", "messageType", "priority", "@type",
            "receiver.id", "receiver.name", "receiver.email", "receiver.phoneNumber",
            "receiver.party.id", "sender.id", "sender.name", "sender.email",
            "characteristic.name", "characteristic.value",
        )
    },
}  # fmt: skip

API = Api(
    number="TMF681",
    title="Communication Management",
    version="4.0.0",
    base=COMMUNICATION,
    resources=(
        Document(
            path=f"{COMMUNICATION}/communicationMessage",
            type="CommunicationMessage",
            key=MESSAGES.c.id,
            paths=_PATHS,
            schema=CommunicationMessage,
            find=messaging.messages,
            create=_say,
            replace=_change,
            delete=messaging.delete_message,
            owner=owned_by(MESSAGES.c.party_id, parties=True, writes=False),
        ),
    ),
)
