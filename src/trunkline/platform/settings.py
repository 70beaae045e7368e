"""Settings: a TOML file, overridden by the environment, read once into frozen values.

`trunkline.toml` has a table for each section; `TRUNKLINE_HTTP_PORT` overrides `port` in
`[http]` (a list's items are separated by commas there). Every setting has a default that suits
one machine. Unknown keys and wrong types are refused with their place.
"""

import difflib
import ipaddress
import os
import textwrap
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import check_currency
from trunkline.kernel.time import zone
from trunkline.platform.addresses import parse_networks
from trunkline.platform.section import Count, Port
from trunkline.platform.section import Section as _Section
from trunkline.platform.settings_diameter import DiameterSettings
from trunkline.platform.settings_messages import MessagesSettings, SmppSettings, SmtpSettings
from trunkline.platform.settings_nchf import NchfSettings
from trunkline.platform.settings_policy import PolicySettings
from trunkline.platform.settings_vouchers import VoucherSettings

FILE = "trunkline.toml"
PREFIX = "TRUNKLINE_"
FILE_VARIABLE = "TRUNKLINE_CONFIG"
_NOT_SETTINGS = (FILE_VARIABLE, "TRUNKLINE_READY_FD", "TRUNKLINE_SOCKETS", "TRUNKLINE_TEST_")


class InvalidSettings(Invalid):
    """`path` is the file, or the environment's variable, and the key."""

    code = "invalidSettings"


class OperatorSettings(_Section, frozen=True):
    """Who runs this. Used once, when the operator is created in empty databases."""

    name: Annotated[str, Meta(min_length=1, description="The legal entity's, as on invoices")] = (
        "Trunkline Mobile"
    )
    brand: Annotated[str, Meta(min_length=1, description="The name that subscribers know")] = (
        "Trunkline Mobile"
    )
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 code")] = "IE"
    currency: Annotated[str, Meta(description="ISO 4217 code")] = "EUR"
    time_zone: Annotated[str, Meta(description="IANA name; bills' months begin by it")] = (
        "Europe/Dublin"
    )
    languages: Annotated[tuple[str, ...], Meta(min_length=1, description="The first is usual")] = (
        "en",
    )
    tax_name: Annotated[str, Meta(min_length=1, description="As on invoices")] = "VAT"
    tax_percent: Annotated[Decimal, Meta(description="The standard rate")] = Decimal(23)
    tax_number: Annotated[str, Meta(description="As on invoices")] = ""
    address: Annotated[tuple[str, ...], Meta(description="Lines, as on invoices")] = ()
    invoice_prefix: Annotated[
        str, Meta(pattern="^[A-Za-z0-9]{1,12}$", description="Invoice numbers begin with it")
    ] = "INV"


class DatabaseSettings(_Section, frozen=True):
    """sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME; the two must differ."""

    books: Annotated[str, Meta(description="Everything but charging")] = "sqlite:///var/books.db"
    charging: Annotated[str, Meta(description="Online charging's own")] = (
        "sqlite:///var/charging.db"
    )


class HttpSettings(_Section, frozen=True):
    """The REST APIs and the console."""

    host: Annotated[str, Meta(description="Loopback, unless told otherwise")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="0 takes a free one")] = 8080
    workers: Annotated[Count, Meta(description="Processes; each serves one request at a time")] = 2
    public_url: Annotated[
        str,
        Meta(
            pattern="^(https?://[^/?#]+(/[^?#]*[^/?#])?)?$",
            description="The URL by which clients know this server, such as "
            "https://api.example.com; tokens name it. Empty, http://HOST:PORT",
        ),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses (10.0.0.7) and networks (10.0.0.0/8) of proxies: what they say "
            "in X-Forwarded-For is where a request comes from"
        ),
    ] = ()

    cors_origins: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^(\*|https?://[^/?#*]+)$")], ...],
        Meta(
            description="Origins (https://shop.example.com) whose pages may call the APIs from a "
            "browser, with a key or token that they hold; * for any. Usually none"
        ),
    ] = ()

    @property
    def url(self) -> str:
        """The URL by which clients know this server, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"


class ChargingSettings(_Section, frozen=True):
    """The Gy and Ro server (RFC 6733, RFC 8506, 3GPP TS 32.299) and what it grants when a
    gateway leaves the amount to it."""

    host: Annotated[str, Meta(description="Loopback, unless told otherwise")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="0 takes a free one")] = 3868
    origin_host: Annotated[str, Meta(min_length=1, description="Origin-Host")] = (
        "charging.trunkline"
    )
    origin_realm: Annotated[str, Meta(min_length=1, description="Origin-Realm")] = "trunkline"
    processes: Annotated[
        Count,
        Meta(
            description="On PostgreSQL, so many share the connections to both servers, each with "
            "a core to itself"
        ),
    ] = 1
    metrics_port: Annotated[
        Port,
        Meta(description="/metrics and /healthz of the first process; the next ones' follow"),
    ] = 9464
    grant_bytes: Annotated[Count, Meta(description="Data granted at a time")] = 50_000_000
    grant_seconds: Annotated[Count, Meta(description="Voice granted at a time")] = 300
    grant_messages: Annotated[Count, Meta(description="Messages granted at a time")] = 1
    validity_seconds: Annotated[Count, Meta(description="How long a grant is good")] = 3600
    batch: Annotated[Count, Meta(description="Requests that share a commit, at most")] = 128
    event_time_tolerance_seconds: Annotated[
        int,
        Meta(
            ge=0,
            description="A gateway's Event-Timestamp further than this from our own clock is not "
            "believed: the moment of arrival counts",
        ),
    ] = 86_400


class ConsoleSettings(_Section, frozen=True):
    """The operators' pages."""

    session_hours: Annotated[Count, Meta(description="A sign-in lasts so long")] = 12
    secure_cookies: Annotated[
        bool, Meta(description="Cookies over HTTPS only; set it behind a TLS proxy")
    ] = False


class ElsewhereSettings(_Section, frozen=True):
    """Kinds that another system masters, a CRM say: references to them are taken on trust."""

    party: Annotated[bool, Meta(description="Individuals, organizations and their roles")] = False
    customer: Annotated[bool, Meta(description="Customers")] = False
    agreement: Annotated[bool, Meta(description="Agreements")] = False


class HubSettings(_Section, frozen=True):
    """Events to those who listen (TM Forum's hub, TMF688)."""

    allow_private: Annotated[
        bool,
        Meta(description="Send to loopback and private addresses too: clients can then reach them"),
    ] = False
    allow_networks: Annotated[
        tuple[str, ...], Meta(description="Send to these networks too, as 10.1.0.0/16")
    ] = ()
    topic_days: Annotated[Count, Meta(description="Topics keep an event so long")] = 7
    topic_events: Annotated[Count, Meta(description="And at most so many each")] = 10_000


class NetworkSettings(_Section, frozen=True):
    """Where services are activated. With the adapter "none" no network is told: a service is what
    Trunkline says it is. "tmf640" tells another system's activation API (TMF640)."""

    adapter: Annotated[Literal["none", "tmf640"], Meta(description="none or tmf640")] = "none"
    url: Annotated[str, Meta(description="The API's base path, for tmf640")] = ""
    token: Annotated[str, Meta(description="Sent as the bearer token, where it isn't empty")] = ""
    timeout_seconds: Annotated[
        int, Meta(ge=1, le=120, description="How long an answer is waited for")
    ] = 10


class PaymentSettings(_Section, frozen=True):
    """Who takes money by a kept method of payment, for automatic top-ups. With the gateway "none"
    what is to be collected waits, for somebody who tells by the API what became of it."""

    gateway: Annotated[Literal["none", "http"], Meta(description="none or http")] = "none"
    url: Annotated[str, Meta(description="For http: {url}/charge is called")] = ""
    token: Annotated[
        str, Meta(description="Sent as the bearer token; better set by TRUNKLINE_PAYMENTS_TOKEN")
    ] = ""
    timeout_seconds: Annotated[
        int, Meta(ge=1, le=120, description="How long an answer is waited for")
    ] = 20


class TicketSettings(_Section, frozen=True):
    """How long trouble tickets may take, by their priority (which follows from the severity where
    nobody says it): until somebody takes one up, and until it is resolved. The clock stands while
    the customer is asked."""

    critical_response_minutes: Annotated[Count, Meta(description="Severity critical, blocker")] = 30
    critical_resolution_minutes: Annotated[Count, Meta(description="The same")] = 4 * 60
    high_response_minutes: Annotated[Count, Meta(description="Severity major, high")] = 2 * 60
    high_resolution_minutes: Annotated[Count, Meta(description="The same")] = 24 * 60
    medium_response_minutes: Annotated[Count, Meta(description="Severity minor, medium")] = 8 * 60
    medium_resolution_minutes: Annotated[Count, Meta(description="The same")] = 3 * 24 * 60
    low_response_minutes: Annotated[Count, Meta(description="Any other severity")] = 24 * 60
    low_resolution_minutes: Annotated[Count, Meta(description="The same")] = 10 * 24 * 60


class LogSettings(_Section, frozen=True):
    """Logs go to standard error."""

    format: Annotated[Literal["json", "console"], Meta(description="json or console")] = "console"
    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="debug, info, warning or error: the least that is told"),
    ] = "info"


class Settings(_Section, frozen=True):
    """All of them."""

    operator: OperatorSettings = OperatorSettings()
    databases: DatabaseSettings = DatabaseSettings()
    http: HttpSettings = HttpSettings()
    charging: ChargingSettings = ChargingSettings()
    policy: PolicySettings = PolicySettings()
    diameter: DiameterSettings = DiameterSettings()
    nchf: NchfSettings = NchfSettings()
    console: ConsoleSettings = ConsoleSettings()
    hub: HubSettings = HubSettings()
    mastered_elsewhere: ElsewhereSettings = ElsewhereSettings()
    messages: MessagesSettings = MessagesSettings()
    smtp: SmtpSettings = SmtpSettings()
    smpp: SmppSettings = SmppSettings()
    network: NetworkSettings = NetworkSettings()
    payments: PaymentSettings = PaymentSettings()
    vouchers: VoucherSettings = VoucherSettings()
    tickets: TicketSettings = TicketSettings()
    log: LogSettings = LogSettings()


_SECTIONS: dict[str, type[msgspec.Struct]] = {
    field.name: field.type for field in msgspec.structs.fields(Settings)
}


def load(file: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings. Without `file`, the one that TRUNKLINE_CONFIG names, or trunkline.toml in
    the current directory if there is one. Raises `InvalidSettings`."""
    environment = os.environ if environment is None else environment
    named = file or (Path(environment[FILE_VARIABLE]) if FILE_VARIABLE in environment else None)
    path = named or Path(FILE)
    tables: dict[str, dict[str, Any]] = {}
    places: dict[tuple[str, str], str] = {}
    if named is not None or path.exists():
        tables = _read(path)
    for section, key, variable in _variables(environment):
        tables.setdefault(section, {})[key] = environment[variable]
        places[section, key] = variable
    sections = {name: _section(name, table, str(path), places) for name, table in tables.items()}
    settings = msgspec.structs.replace(Settings(), **sections)
    _check(settings, str(path), places)
    return settings


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise InvalidSettings(f"not TOML: {error}", path=str(path)) from None
    except UnicodeDecodeError:
        raise InvalidSettings("not UTF-8 text", path=str(path)) from None
    except OSError as error:
        raise InvalidSettings(error.strerror or str(error), path=str(path)) from None
    for name, table in tables.items():
        if name not in _SECTIONS:
            raise InvalidSettings(
                f"no such section{_perhaps(name, _SECTIONS)}", path=f"{path}: [{name}]"
            )
        if not isinstance(table, dict):
            raise InvalidSettings("is a section: write it as a table", path=f"{path}: [{name}]")
        _check_keys(name, table, f"{path}: {name}.")
    return tables


def _variables(environment: Mapping[str, str]) -> list[tuple[str, str, str]]:
    found = []
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable.startswith(_NOT_SETTINGS):
            continue
        said = variable.removeprefix(PREFIX).lower()
        known = (each for each in _SECTIONS if said.startswith(f"{each}_"))
        section = next(known, said.partition("_")[0])
        key = said.removeprefix(section).removeprefix("_")
        if section not in _SECTIONS:
            raise InvalidSettings(f"no such section{_perhaps(section, _SECTIONS)}", path=variable)
        _check_keys(section, {key: ""}, f"{PREFIX}{section.upper()}_", upper=True)
        found.append((section, key, variable))
    return found


def _check_keys(
    section: str, table: Mapping[str, object], where: str, *, upper: bool = False
) -> None:
    known = {field.name: None for field in msgspec.structs.fields(_SECTIONS[section])}
    for key in table:
        if key not in known:
            place = f"{where}{key.upper() if upper else key}"
            raise InvalidSettings(f"no such setting{_perhaps(key, known)}", path=place)


def _perhaps(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"


def _place(section: str, key: str, file: str, places: Mapping[tuple[str, str], str]) -> str:
    return places.get((section, key), f"{file}: {section}.{key}")


def _section(
    name: str,
    table: dict[str, Any],
    file: str,
    places: Mapping[tuple[str, str], str],
) -> msgspec.Struct:
    values = {}
    hints = get_type_hints(_SECTIONS[name], include_extras=True)
    for key, value in table.items():
        from_environment = (name, key) in places
        if from_environment and get_origin(_plain(hints[key])) is tuple:
            value = [part.strip() for part in value.split(",") if part.strip()]
        try:
            values[key] = msgspec.convert(value, hints[key], strict=not from_environment)
        except msgspec.ValidationError as error:
            raise InvalidSettings(str(error), path=_place(name, key, file, places)) from None
    return _SECTIONS[name](**values)


def _plain(hint: Any) -> Any:
    return get_args(hint)[0]


def _check(settings: Settings, file: str, places: Mapping[tuple[str, str], str]) -> None:
    """What types can't say."""

    def place(section: str, key: str) -> str:
        return _place(section, key, file, places)

    check_currency(settings.operator.currency, path=place("operator", "currency"))
    zone(settings.operator.time_zone, path=place("operator", "time_zone"))
    parse_networks(settings.http.trusted_proxies, path=place("http", "trusted_proxies"))
    percent = settings.operator.tax_percent
    if not percent.is_finite() or not 0 <= percent < 100 or percent != round(percent, 4):
        raise InvalidSettings(
            "must be at least 0 and less than 100, with 4 decimal places at most",
            path=place("operator", "tax_percent"),
        )
    for network in settings.hub.allow_networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise InvalidSettings(str(error), path=place("hub", "allow_networks")) from None
    if settings.smtp.host and "@" not in settings.smtp.sender:
        raise InvalidSettings("an address is needed to send from", path=place("smtp", "sender"))
    books, charging = (
        _database(url, place("databases", key))
        for key, url in msgspec.structs.asdict(settings.databases).items()
    )
    if books == charging:
        raise InvalidSettings("must not be the books", path=place("databases", "charging"))
    if settings.charging.processes > 1 and settings.databases.charging.startswith("sqlite:"):
        raise InvalidSettings(
            "several processes need PostgreSQL: SQLite has one writer at a time",
            path=place("charging", "processes"),
        )
    if settings.payments.gateway != "none" and not _is_web(settings.payments.url):
        raise InvalidSettings("must be an http or https URL", path=place("payments", "url"))
    if settings.network.adapter != "none" and not _is_web(settings.network.url):
        raise InvalidSettings("must be an http or https URL", path=place("network", "url"))


def _is_web(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _database(text: str, path: str) -> tuple[object, ...]:
    """What tells a database from another. What is wrong with a URL is said without repeating
    it: it may hold a password."""
    if not text.startswith(("sqlite:///", "postgresql://")):
        raise InvalidSettings("must begin with sqlite:/// or postgresql://", path=path)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise InvalidSettings("is no URL", path=path) from None
    if url.drivername == "sqlite":
        if not url.database or url.database == ":memory:" or url.query:
            raise InvalidSettings("must name a file: sqlite:///PATH", path=path)
        return (Path(url.database).resolve(),)
    if not url.database:
        raise InvalidSettings("names no database: postgresql://HOST/NAME", path=path)
    if "@" in (url.host or ""):
        raise InvalidSettings("an @ in a user or password is written %40", path=path)
    return url.host, url.port or 5432, url.database, url.query


def default_toml() -> str:
    """A file with every setting at its default, and what it means."""
    lines = [
        "# Trunkline's settings. Every one has this default; keep only what differs.",
        f"# {PREFIX}SECTION_KEY in the environment overrides a key.",
    ]
    for name, section in _SECTIONS.items():
        lines += ["", *_comment(section.__doc__ or ""), f"[{name}]"]
        hints = get_type_hints(section, include_extras=True)
        for field in msgspec.structs.fields(section):
            meaning = next(
                each.description
                for each in reversed(hints[field.name].__metadata__)
                if each.description
            )
            lines += [*_comment(meaning), f"{field.name} = {_toml(field.default)}"]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), 98, initial_indent="# ", subsequent_indent="# ")


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(each) for each in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return str(value)
    return f'"{value}"'
