"""Settings: a TOML file, overridden by the environment. What is unknown or ill-typed is
refused with its place; what is missing has a default that suits one machine.

A key `port` of section `[http]` is TRUNKLINE_HTTP_PORT in the environment.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_type_hints

import msgspec

from trunkline.kernel.errors import Invalid

PREFIX = "TRUNKLINE_"
FILE_VARIABLE = "TRUNKLINE_CONFIG"
DEFAULT_FILE = Path("trunkline.toml")


class InvalidSettings(Invalid):
    """`path` names the file or environment variable and the key."""

    code = "invalidSettings"


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class OperatorSettings(_Section, frozen=True):
    """Used once, when the operator is created in empty databases."""

    name: str = "Trunkline Mobile"
    """The legal entity's name, as it stands on invoices."""
    brand: str = "Trunkline Mobile"
    country: str = "IE"
    currency: str = "EUR"
    time_zone: str = "Europe/Dublin"
    languages: tuple[str, ...] = ("en",)
    tax_name: str = "VAT"
    tax_percent: str = "23"
    """The standard rate, as a decimal: "8.1"."""
    tax_number: str = ""
    address: tuple[str, ...] = ()
    invoice_prefix: str = "INV"


class DatabaseSettings(_Section, frozen=True):
    """`sqlite:///` with a path, or `postgresql://`. The two may not be the same."""

    books: str = "sqlite:///var/books.db"
    charging: str = "sqlite:///var/charging.db"


class HttpSettings(_Section, frozen=True):
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 2
    """Processes; each serves one request at a time."""


class ChargingSettings(_Section, frozen=True):
    """`grant_*` is what the server grants when a gateway leaves the amount to it."""

    host: str = "127.0.0.1"
    port: int = 3868
    origin_host: str = "charging.trunkline"
    origin_realm: str = "trunkline"
    metrics_port: int = 9464
    grant_bytes: int = 50_000_000
    grant_seconds: int = 300
    grant_messages: int = 1
    validity_seconds: int = 3600
    batch: int = 128
    event_time_tolerance_seconds: int = 86_400
    """A gateway's Event-Timestamp further than this from our own clock is not believed, and
    the moment of arrival counts instead."""


class LogSettings(_Section, frozen=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(_Section, frozen=True):
    operator: OperatorSettings = OperatorSettings()
    databases: DatabaseSettings = DatabaseSettings()
    http: HttpSettings = HttpSettings()
    charging: ChargingSettings = ChargingSettings()
    log: LogSettings = LogSettings()


def load(file: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of `file` (default: that of TRUNKLINE_CONFIG, else `trunkline.toml` where
    there is one), overridden by the environment. Raises `InvalidSettings`."""
    environment = os.environ if environment is None else environment
    named = file or (Path(environment[FILE_VARIABLE]) if FILE_VARIABLE in environment else None)
    path = named or DEFAULT_FILE
    values: dict[str, Any] = {}
    if named is not None or path.exists():
        values = _read(path)
    sources = {(section, key): str(path) for section in values for key in values[section]}
    for section, key, text, variable in _overrides(environment):
        values.setdefault(section, {})[key] = text
        sources[section, key] = variable
    sections: dict[str, Any] = {}
    known = get_type_hints(Settings)
    for section, given in values.items():
        sections[section] = _convert(section, given, known[section], sources)
    return Settings(**sections)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise InvalidSettings(error.strerror or str(error), path=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"not TOML: {error}", path=str(path)) from None
    known = Settings.__struct_fields__
    for section, given in values.items():
        if section not in known or not isinstance(given, dict):
            raise InvalidSettings(
                f"there is no section [{section}]; there are {', '.join(known)}", path=str(path)
            )
    return values


def _overrides(environment: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
    """(section, key, text, variable) of every variable that names a section of ours."""
    found = []
    for variable, text in sorted(environment.items()):
        section, _, key = variable.removeprefix(PREFIX).lower().partition("_")
        if variable.startswith(PREFIX) and key and section in Settings.__struct_fields__:
            found.append((section, key, text, variable))
    return found


def _convert(
    section: str, given: Mapping[str, Any], kind: type[Any], sources: Mapping[tuple[str, str], str]
) -> Any:
    types = get_type_hints(kind)
    values = {}
    for key, value in given.items():
        place = f"{sources[section, key]}: [{section}] {key}"
        if key not in types:
            raise InvalidSettings(f"unknown; there are {', '.join(types)}", path=place)
        try:
            # The environment has only text: numbers may come as such from there.
            values[key] = msgspec.convert(
                value, types[key], strict=not sources[section, key].startswith(PREFIX)
            )
        except msgspec.ValidationError as error:
            raise InvalidSettings(str(error), path=place) from None
    return kind(**values)
