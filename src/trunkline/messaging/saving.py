"""Writes on templates and quiet hours."""

from datetime import datetime

from trunkline import catalog
from trunkline.catalog import MarketId
from trunkline.messaging import store, templates
from trunkline.messaging.model import InvalidMessage, QuietHours, SavedTemplate
from trunkline.messaging.queries import declaration
from trunkline.messaging.templates import Declaration, InvalidTemplate, shipped_declarations
from trunkline.platform.db import Tx


def declare_template(tx: Tx, declared: Declaration, *, now: datetime) -> None:  # noqa: ARG001
    """A template of the operator's own: what it is for, and what it is given. Its wordings must
    still fit. Raises `InvalidTemplate`."""
    templates.check_declaration(declared)
    if declared.key in shipped_declarations():
        raise InvalidTemplate(f"{declared.key} is declared already", path="key")
    latest = {each.language: each for each in store.templates(tx, declared.key)}
    for each in latest.values():
        templates.check_wording(declared, each)
    store.declare(tx, declared)


def save_template(
    tx: Tx,
    *,
    key: str,
    language: str,
    subject: str | None = None,
    text: str | None = None,
    sms: str | None = None,
    now: datetime,
) -> SavedTemplate:
    """A new version of what the template says in a language; the versions before are kept.
    Raises `UnknownTemplate` for a key that nobody declared, `InvalidTemplate`, naming the
    placeholder, where it couldn't be sent, and `Conflict` beside another's."""
    declared = declaration(tx, key)
    language = templates.check_language(language)
    versions = [each.version for each in store.templates(tx, key) if each.language == language]
    new = SavedTemplate(
        key=key,
        language=language,
        version=max(versions, default=0) + 1,
        subject=subject,
        text=text,
        sms=sms,
        saved_at=now,
    )
    templates.check_wording(declared, new)
    store.insert_template(tx, new)
    return new


def set_quiet_hours(tx: Tx, *, market: MarketId, quiet: QuietHours) -> None:
    """When nothing is said in a market that can wait; `starts` equal to `ends` is never. Raises
    `UnknownMarket`, and `InvalidMessage` for a time that isn't a whole minute."""
    catalog.market(tx, market)
    for name, each in (("starts", quiet.starts), ("ends", quiet.ends)):
        if each.second or each.microsecond or each.tzinfo is not None:
            raise InvalidMessage("is a whole minute of the day", path=name)
    store.set_quiet_hours(tx, market, quiet)
