"""Reads of the books."""

from trunkline.kernel.money import Money
from trunkline.ledger import store
from trunkline.ledger.model import (
    AccountBalance,
    Entry,
    LegalEntity,
    LegalEntityId,
    UnknownLegalEntity,
)
from trunkline.platform.db import Reader


def legal_entity(r: Reader, entity_id: LegalEntityId) -> LegalEntity:
    """Raises `UnknownLegalEntity`."""
    entity = store.find_entity(r, entity_id)
    if entity is None:
        raise UnknownLegalEntity(f"there is no legal entity {entity_id}")
    return entity


def legal_entities(r: Reader) -> list[LegalEntity]:
    return store.all_entities(r)


def trial_balance(r: Reader, entity: LegalEntityId | None = None) -> list[AccountBalance]:
    """Every account with a posting, by entity, currency and code; the amounts of one entity
    and currency sum to zero."""
    return store.balances(r, entity)


def balance(r: Reader, account: str, currency: str, entity: LegalEntityId | None = None) -> Money:
    """Debits less credits of `account`, of one entity or of all together."""
    return Money(store.account_micros(r, account, currency, entity), currency)


def entries_of(r: Reader, reference: str) -> list[Entry]:
    """The entries, of any kind, that were posted under `reference`."""
    return store.entries(r, reference)
