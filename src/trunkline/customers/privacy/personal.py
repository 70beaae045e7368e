"""What is known of a person, told and forgotten (GDPR, articles 15, 17 and 20).

Erasure takes names, addresses and words away and leaves the rows: orders, invoices and the
ledger refer to them, and invoices are kept as the law wants them. Consents stay, which hold no
name: that somebody refused must be known for longer than who it was. Domains above are told
(`PartyErased`) and do the same to what is theirs, by `erase_in`.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.customers import history, store
from trunkline.customers.agreements.store import AGREEMENTS
from trunkline.customers.events import PartyChanged, PartyErased
from trunkline.customers.interactions.store import INTERACTIONS
from trunkline.customers.kept_accounts import (
    FINANCIAL_ACCOUNTS,
    PARTY_ACCOUNTS,
    SETTLEMENT_ACCOUNTS,
)
from trunkline.customers.model import (
    CustomerStatus,
    Individual,
    Organization,
    PartyId,
    PartyNotFound,
    type_of,
)
from trunkline.customers.privacy import store as privacy
from trunkline.customers.privacy.kinds import AGREEMENT, PROFILE
from trunkline.customers.roles.operations import ROLES
from trunkline.customers.searching import terms_of
from trunkline.customers.tables import agreement
from trunkline.customers.tickets.store import TICKETS
from trunkline.kernel.errors import Conflict
from trunkline.platform.changes import Change
from trunkline.platform.db import Reader, Tx
from trunkline.tmf import documents
from trunkline.tmf.mentions import mentioning

ERASED = "erased"
NOTHING: Mapping[str, Any] = MappingProxyType({})
Body = dict[str, Any]

_WORDS = frozenset(
    {
        "changeReason", "content", "description", "reason", "statusChangeReason", "subject",
        "text",
    }
)  # fmt: skip
_NAMES = frozenset({"email", "phoneNumber", "contactMedium", "ip", "appUserId"})
_GONE = frozenset({"attachment", "channel", "contactMedium"})
_REPLACED = frozenset({"channel"})
"""Documents must have it, and it may be a number or an address."""
_ERASED = {"id": ERASED, "href": ERASED, "name": ERASED}
_OF_CUSTOMER = {
    "troubleTickets": (TICKETS, TICKETS.table.c.customer_id),
    "partyInteractions": (INTERACTIONS, INTERACTIONS.table.c.customer_id),
    "agreements": (AGREEMENTS, agreement.c.customer_id),
    "partyRoles": (ROLES, ROLES.table.c.party_id),
    "partyPrivacyProfiles": (PROFILE, PROFILE.table.c.party_id),
    "partyPrivacyAgreements": (AGREEMENT, AGREEMENT.table.c.party_id),
}
_CALLED = {INTERACTIONS.name: ("reason",), ROLES.name: ("name",)}
_SIGNED = (AGREEMENTS, PROFILE, AGREEMENT)
"""What was agreed stays as it was worded, without the names of who is forgotten."""


class StillACustomer(Conflict):
    """What is known of a customer is needed while they are one."""

    code = "stillACustomer"


def personal_data(r: Reader, party: PartyId) -> Body:
    """All that this domain knows of a party, as plain JSON. Raises `PartyNotFound`."""
    found = _party(r, party)
    customers = store.customers_of_party(r, party)
    ids = [party, *(each.id for each in customers)]
    accounts = store.accounts_of(r, [each.id for each in customers])
    return {
        "party": _plain(found),
        "customers": [_plain(each) for each in customers],
        "billingAccounts": [_plain(each) for each in accounts],
        "consents": [_plain(each) for each in privacy.history(r, [party])],
        "changes": history.changes_of(r, ids),
        **{name: _bodies(r, owner, ids) for name, (_, owner) in _OF_CUSTOMER.items()},
    }


def erase_party(tx: Tx, *, party: PartyId, now: datetime) -> list[str]:
    """Forgets who a party is, wherever this domain says so; the same again changes nothing
    more. Returns the ids that it was known by: its own and its customers'. Raises
    `PartyNotFound`, and `StillACustomer` while one of its customers isn't closed."""
    present = store.find_parties(tx, [party], lock=True).get(party)
    if present is None:
        raise PartyNotFound(f"there is no party {party[:60]}")
    customers = store.customers_of_party(tx, party)
    for each in customers:
        if each.status is not CustomerStatus.CLOSED:
            raise StillACustomer(f"customer {each.id} is {each.status}", path="status")
    nobody = _nobody(present, now)
    store.update_party(tx, nobody)
    accounts = store.accounts_of(tx, [each.id for each in customers])
    for account in accounts:
        unnamed = msgspec.structs.replace(
            account, name=ERASED, description=None, details={}, updated_at=now
        )
        store.update_account(tx, unnamed)
        tx.changed("BillingAccount", account.id, Change.ATTRIBUTES)
    for each in customers:
        left = msgspec.structs.replace(
            each, name=ERASED, status_reason=None, characteristics={}, details={},
            external_id=None, updated_at=now,
        )  # fmt: skip
        store.update_customer(tx, left)
        store.replace_terms(tx, each.id, terms_of(left, nobody, store.accounts_of(tx, [each.id])))
        tx.changed("Customer", each.id, Change.ATTRIBUTES)
    ids = [str(party), *(str(each.id) for each in customers)]
    history.erase_history(tx, ids)
    for kind, owner in _OF_CUSTOMER.values():
        words, called = kind not in _SIGNED, _CALLED.get(kind.name, ())
        erase_in(tx, owner, ids, ids, kind=kind, words=words, called=called, now=now)
    for kind in (PARTY_ACCOUNTS, SETTLEMENT_ACCOUNTS, FINANCIAL_ACCOUNTS):
        owner = kind.table.c.related_party_id
        erase_in(tx, owner, ids, ids, kind=kind, called=("name",), now=now)
    _erase_mentions(tx, ids, now)
    tx.changed(type_of(nobody), party, Change.ATTRIBUTES)
    tx.emit(PartyChanged(party=party))
    tx.emit(
        PartyErased(
            party=party, known_as=tuple(ids), accounts=tuple(str(each.id) for each in accounts)
        )
    )
    return ids


def erase_in(
    tx: Tx,
    owner: sa.Column[Any],
    owners: Collection[str],
    ids: Collection[str],
    *,
    kind: documents.Kind | None = None,
    column: str = "body",
    words: bool = True,
    beside: Mapping[str, Any] = NOTHING,
    called: Collection[str] = (),
    gone: Collection[str] = _GONE,
    now: datetime,
) -> list[str]:
    """Scrubs the JSON in `column` of the rows whose `owner` is one of these, and puts `beside`
    into their other columns; `called` are attributes that are their owner's own words and have
    a column, too. Beside the rules of a `kind`, which keep what has ended from changing. Returns
    the ids of the rows that were changed."""
    table = owner.table
    key = table.c[column]
    found = sa.select(table.c.id, key.label("kept")).where(owner.in_(list(owners)))
    changed = []
    for row in tx.execute(found.order_by(table.c.id)).all():
        left = scrubbed(row.kept, ids, words=words, gone=gone)
        if called:
            left |= dict.fromkeys(called, ERASED)
        if left == row.kept and not beside:
            continue
        values = {column: left, **beside, **dict.fromkeys(called, ERASED)}
        if kind is not None:
            values |= {"revision": table.c.revision + 1, "updated_at": now}
            tx.changed(kind.name, row.id, Change.ATTRIBUTES)
        tx.execute(sa.update(table).where(table.c.id == row.id).values(values))
        changed.append(str(row.id))
    return changed


def scrubbed(
    value: Any, ids: Collection[str], *, words: bool = True, gone: Collection[str] = _GONE
) -> Any:
    """A JSON value without the names of those with these ids and, with `words`, without what was
    written in it and the attributes that are `gone`."""
    if isinstance(value, Mapping):
        named = value.get("id") in ids
        left: Body = {}
        for name, each in value.items():
            if words and name in gone and name in _REPLACED:
                left[name] = [_ERASED] if isinstance(each, list) else _ERASED
            elif isinstance(each, str) and (
                (named and name == "name") or (words and name in _WORDS)
            ):
                left[name] = ERASED
            elif not (named and name in _NAMES) and not (words and name in gone):
                left[name] = scrubbed(each, ids, words=words, gone=gone)
        return left
    if isinstance(value, list):
        return [scrubbed(each, ids, words=words, gone=gone) for each in value]
    return value


def _nobody(party: Individual | Organization, now: datetime) -> Individual | Organization:
    erased: Any = {
        "name": ERASED, "contact_media": (), "external_id": None, "extensions": {},
        "details": {}, "updated_at": now,
    }  # fmt: skip
    if isinstance(party, Individual):
        erased |= {"given_name": None, "family_name": None, "birth_date": None, "gender": None}
    else:
        erased |= {"trading_name": None}
    return msgspec.structs.replace(party, **erased)


def _erase_mentions(tx: Tx, ids: Collection[str], now: datetime) -> None:
    """Others' tickets, interactions and roles name them too: those keep what was written."""
    kinds = {kind.name: kind for kind, _ in _OF_CUSTOMER.values()}
    for name, document in mentioning(tx, ids):
        if (kind := kinds.get(name)) is not None:
            erase_in(tx, kind.table.c.id, [document], ids, kind=kind, words=False, now=now)


def _bodies(r: Reader, owner: sa.Column[Any], ids: Collection[str]) -> list[Body]:
    table = owner.table
    found = sa.select(table.c.body).where(owner.in_(list(ids))).order_by(table.c.id)
    return list(r.execute(found).scalars())


def _party(r: Reader, party: PartyId) -> Individual | Organization:
    found = store.find_parties(r, [party]).get(party)
    if found is None:
        raise PartyNotFound(f"there is no party {party[:60]}")
    return found


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=str)
