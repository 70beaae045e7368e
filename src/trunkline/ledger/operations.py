"""Writes to the books."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import check_currency
from trunkline.ledger import store
from trunkline.ledger.model import (
    Entry,
    EntryId,
    LegalEntity,
    LegalEntityId,
    check,
    merged,
    prefix_taken,
)
from trunkline.platform.db import Tx


def create_legal_entity(
    tx: Tx,
    *,
    name: str,
    country: str,
    currency: str,
    tax_number: str,
    now: datetime,
    invoice_prefix: str | None = None,
    address: Sequence[str] = (),
    contact: Sequence[str] = (),
    bank_account: str | None = None,
    entity_id: LegalEntityId | None = None,
) -> LegalEntityId:
    """Opens an entity's books with the whole chart. `country` is ISO 3166-1 alpha-2; the
    invoice prefix (default: the name's first letters) begins its invoice numbers and is its
    own: `InvoicePrefixTaken` otherwise."""
    if not name.strip():
        raise Invalid("a legal entity has a name", path="name")
    if len(country) != 2 or not country.isascii() or not country.isupper():
        raise Invalid(f"{country[:10]!r} is not an ISO 3166-1 country code", path="country")
    prefix = invoice_prefix or _prefix_of(name)
    if not prefix.isascii() or not prefix.isalnum() or len(prefix) > 12:
        raise Invalid(f"{prefix[:20]!r} is not 1 to 12 letters and digits", path="invoicePrefix")
    if store.is_prefix_taken(tx, prefix):
        raise prefix_taken(prefix)
    entity = LegalEntity(
        id=entity_id or tx.new_id(LegalEntityId, now),
        name=name.strip(),
        country=country,
        currency=check_currency(currency, path="currency"),
        tax_number=tax_number,
        invoice_prefix=prefix,
        created_at=now,
        address=tuple(address),
        contact=tuple(contact),
        bank_account=bank_account,
    )
    store.insert_entity(tx, entity)
    return entity.id


def post(tx: Tx, entry: Entry, now: datetime) -> bool:
    """Posts one entry; False, and nothing written, if its (kind, reference) already stands.
    Raises what `check` raises."""
    return post_many(tx, (entry,), now) == 1


def post_many(tx: Tx, entries: Sequence[Entry], now: datetime) -> int:
    """Posts those of `entries` whose (kind, reference) does not stand yet, and says how many
    that were. All are checked before the first is written. `PostedMeanwhile` where another
    transaction is posting one of them: it stands when this is tried again."""
    compact = [msgspec.structs.replace(entry, postings=merged(entry.postings)) for entry in entries]
    for entry in compact:
        check(entry)
    seen = store.posted(tx, [entry.reference for entry in compact])
    fresh = []
    for entry in compact:
        key = (entry.kind, entry.reference)
        if key not in seen:
            seen.add(key)
            fresh.append((tx.new_id(EntryId, now), entry))
    if fresh:
        store.insert_entries(tx, fresh, now)
    return len(fresh)


def _prefix_of(name: str) -> str:
    letters = "".join(each for each in name if each.isascii() and each.isalnum())
    return (letters[:3] or "INV").upper()
