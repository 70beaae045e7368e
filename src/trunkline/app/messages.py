"""The channels that the settings name, and who sends on them."""

from trunkline.app import System
from trunkline.messaging import (
    Centre,
    ChannelName,
    Ear,
    MailServer,
    Sender,
    SmppChannel,
    SmtpChannel,
    declare_channels,
)
from trunkline.platform.settings import Settings
from trunkline.platform.settings_messages import SmppSettings, SmtpSettings


def channels(settings: Settings) -> set[ChannelName]:
    """By which customers are told things."""
    said = {
        ChannelName.EMAIL: bool(settings.smtp.host),
        ChannelName.SMS: bool(settings.smpp.host),
        ChannelName.APP: settings.messages.inbox,
    }
    return {name for name, there in said.items() if there}


def senders(system: System) -> list[Sender]:
    """One for each channel that sends; the books are told which channels there are."""
    settings, clock = system.settings, system.clock
    with system.books.transaction() as tx:
        declare_channels(tx, channels(settings), clock.now())
    made = []
    if settings.smtp.host:
        made.append(Sender(system.books, clock, SmtpChannel(mail_server(settings.smtp), clock)))
    if settings.smpp.host:
        ear = Ear(system.books, clock)
        channel = SmppChannel(centre(settings.smpp), ear.receipt, ear.message)
        made.append(Sender(system.books, clock, channel))
    return made


def mail_server(settings: SmtpSettings) -> MailServer:
    return MailServer(
        host=settings.host,
        port=settings.port,
        security=settings.security,
        user=settings.user,
        password=settings.password,
        sender=settings.sender,
        unsubscribe=settings.unsubscribe,
        certificates=settings.certificates,
        timeout=settings.timeout_seconds,
    )


def centre(settings: SmppSettings) -> Centre:
    return Centre(
        host=settings.host,
        port=settings.port,
        system_id=settings.system_id,
        password=settings.password,
        system_type=settings.system_type,
        tls=settings.tls,
        source=settings.source,
        window=settings.window,
        enquire=settings.enquire_seconds,
        timeout=settings.timeout_seconds,
        receipts=settings.receipts,
    )
