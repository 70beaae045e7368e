"""Settings of the ways to people."""

from typing import Annotated, Literal

from msgspec import Meta

from trunkline.platform.section import Count, Port, Section


class MessagesSettings(Section, frozen=True):
    """What customers are told, beside email and text messages."""

    inbox: Annotated[
        bool, Meta(description="Keep messages in an inbox, which the operator's app shows")
    ] = False


class SmtpSettings(Section, frozen=True):
    """Emails to customers go through this mail server. Without a host there are none."""

    host: Annotated[str, Meta(description="Empty: no emails")] = ""
    port: Annotated[Port, Meta(description="587 with STARTTLS, 465 with TLS")] = 587
    security: Annotated[
        Literal["starttls", "tls", "none"], Meta(description="starttls, tls or none")
    ] = "starttls"
    certificates: Annotated[
        str, Meta(description="File of authorities to trust; empty: the system's")
    ] = ""
    user: Annotated[str, Meta(description="Empty: without signing in")] = ""
    password: Annotated[str, Meta(description="Better set by TRUNKLINE_SMTP_PASSWORD")] = ""
    sender: Annotated[str, Meta(description="Address that emails come from")] = ""
    unsubscribe: Annotated[
        str, Meta(description="Address that takes refusals of marketing; empty: none")
    ] = ""
    timeout_seconds: Annotated[Count, Meta(description="How long the server may think")] = 30


class SmppSettings(Section, frozen=True):
    """Text messages to customers go through this message centre (SMPP 3.4). Without a host
    there are none."""

    host: Annotated[str, Meta(description="Empty: no text messages")] = ""
    port: Annotated[Port, Meta(description="As the centre says")] = 2775
    tls: Annotated[bool, Meta(description="TLS from the start")] = False
    system_id: Annotated[str, Meta(max_length=15, description="Who we are to the centre")] = ""
    password: Annotated[
        str, Meta(max_length=8, description="Better set by TRUNKLINE_SMPP_PASSWORD")
    ] = ""
    system_type: Annotated[str, Meta(max_length=12, description="As the centre says")] = ""
    source: Annotated[
        str, Meta(max_length=20, description="Number or name that messages come from")
    ] = ""
    window: Annotated[Count, Meta(description="Submissions under way at a time")] = 10
    enquire_seconds: Annotated[Count, Meta(description="Silence after which we ask")] = 30
    timeout_seconds: Annotated[Count, Meta(description="How long the centre may think")] = 10
    receipts: Annotated[bool, Meta(description="Ask for delivery receipts")] = True
