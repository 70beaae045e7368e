"""Writes on dealers: who they are, what they may sell for, what they pay in."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from trunkline.customers import ROLES
from trunkline.kernel.errors import Conflict, Forbidden, Invalid
from trunkline.kernel.money import LARGEST, CurrencyMismatch, Money, check_currency
from trunkline.ledger import LegalEntityId, legal_entity, post
from trunkline.platform.changes import Change
from trunkline.platform.db import Reader, Tx
from trunkline.tmf import documents
from trunkline.vouchers.dealers import store
from trunkline.vouchers.dealers.model import (
    DEALER_LIFECYCLE,
    Dealer,
    DealerPaymentId,
    DealerReferenceUsed,
    DealerState,
    UnknownDealer,
    dealer_payment_entry,
)

RESOURCE = "Dealer"

_MOST_PPM = 500_000

_MOST_KEYS = 50


class NotADealer(Forbidden):
    """The caller's key acts for another dealer, or for none and not for all."""

    code = "notADealer"


class NewDealer(msgspec.Struct, frozen=True, kw_only=True):
    """`role` is the party role (TMF669) that they are."""

    role: str
    entity: LegalEntityId
    currency: str
    credit_limit: Money | None = None
    commission_ppm: int = 0
    keys: Sequence[str] = ()


def add_dealer(tx: Tx, new: NewDealer, *, now: datetime) -> Dealer:
    """Lets a party role sell. Raises `DocumentNotFound`, `UnknownLegalEntity`, `Invalid`, and
    `Conflict` where it does already."""
    role = documents.get(tx, ROLES, new.role)
    if role["status"] in ("rejected", "suspended", "terminated"):
        raise Invalid(f"the role is {role['status']}", path="id")
    legal_entity(tx, new.entity)
    currency = check_currency(new.currency, path="currency")
    limit = Money.zero(currency) if new.credit_limit is None else new.credit_limit
    _check_terms(limit, currency, new.commission_ppm, new.keys)
    dealer = Dealer(
        id=new.role,
        name=str(role["name"])[:200],
        entity=new.entity,
        float_=Money.zero(currency),
        credit_limit=limit,
        commission_ppm=new.commission_ppm,
        state=DealerState.ACTIVE,
        created_at=now,
        keys=tuple(sorted(set(new.keys))),
    )
    store.insert_dealer(tx, dealer)
    store.put_keys(tx, dealer.id, dealer.keys)
    tx.changed(RESOURCE, dealer.id, Change.CREATED)
    return dealer


def change_dealer(
    tx: Tx,
    dealer_id: str,
    *,
    state: DealerState | None = None,
    credit_limit: Money | None = None,
    commission_ppm: int | None = None,
    keys: Sequence[str] | None = None,
) -> Dealer:
    """Changes what is given. Raises `UnknownDealer`, `IllegalTransition`, `Invalid`."""
    present = hold_dealer(tx, dealer_id)
    changed = msgspec.structs.replace(
        present,
        credit_limit=present.credit_limit if credit_limit is None else credit_limit,
        commission_ppm=present.commission_ppm if commission_ppm is None else commission_ppm,
        keys=present.keys if keys is None else tuple(sorted(set(keys))),
    )
    _check_terms(
        changed.credit_limit, changed.float_.currency, changed.commission_ppm, changed.keys
    )
    if state is not None and state is not present.state:
        DEALER_LIFECYCLE.check(present.state, state)
        changed = msgspec.structs.replace(changed, state=state)
        tx.changed(RESOURCE, dealer_id, Change.STATE)
    store.save_dealer(tx, changed)
    if changed.keys != present.keys:
        store.put_keys(tx, dealer_id, changed.keys)
    tx.changed(RESOURCE, dealer_id, Change.ATTRIBUTES)
    return changed


def receive_dealer_payment(
    tx: Tx, dealer_id: str, *, amount: Money, reference: str, now: datetime
) -> Dealer:
    """Money that a dealer paid in, once for each of their references. Raises `UnknownDealer`,
    `Invalid`, `CurrencyMismatch`, `DealerReferenceUsed`."""
    dealer = hold_dealer(tx, dealer_id)
    check_amount(amount, dealer)
    check_reference(reference)
    payment = tx.new_id(DealerPaymentId, now)
    standing = store.add_dealer_payment(tx, payment, dealer_id, reference, amount, now)
    if standing is not None:
        if standing[1] != amount:
            raise DealerReferenceUsed(f"{reference} was {standing[1]}", path="reference")
        return dealer
    post(tx, dealer_payment_entry(dealer, payment, amount, now), now)
    return move_float(tx, dealer, amount)


def acting_dealer(r: Reader, *, key: str | None, named: str | None, for_all: bool) -> str:
    """For whom a caller sells: the dealer whose key it has, or, for one who has no dealer's and
    may act `for_all`, the dealer that they name. Raises `NotADealer`, `Invalid`."""
    own = None if key is None else store.dealer_of_key(r, key)
    if own is not None:
        if named is not None and named != own:
            raise NotADealer("this key acts for another dealer", path="dealer")
        return own
    if not for_all:
        raise NotADealer("this key acts for no dealer", path="dealer")
    if named is None:
        raise Invalid("is required: this key acts for no dealer", path="dealer")
    return named


def hold_dealer(tx: Tx, dealer_id: str) -> Dealer:
    """The dealer, whom nobody else changes until the transaction ends. Raises `UnknownDealer`."""
    dealer = store.lock_dealer(tx, dealer_id)
    if dealer is None:
        raise UnknownDealer(f"there is no dealer {dealer_id[:60]}", path="dealer")
    return dealer


def check_amount(amount: Money, dealer: Dealer) -> None:
    """Raises `CurrencyMismatch`, `Invalid`."""
    if amount.currency != dealer.float_.currency:
        raise CurrencyMismatch(f"the dealer sells in {dealer.float_.currency}", path="amount")
    if not 0 < amount.micros <= LARGEST // 1000 or amount.rounded() != amount:
        raise Invalid(f"{amount} is not an amount that can be paid", path="amount")


def check_reference(reference: str) -> None:
    """Raises `Invalid`."""
    if not 1 <= len(reference) <= 200 or not reference.isprintable():
        raise Invalid("a reference is 1 to 200 printable characters", path="reference")


def _check_terms(limit: Money, currency: str, commission: int, keys: Sequence[str]) -> None:
    if limit.currency != currency:
        raise CurrencyMismatch(f"is not in {currency}", path="creditLimit")
    if not 0 <= limit.micros <= LARGEST // 1000:
        raise Invalid("is no credit limit", path="creditLimit")
    if not 0 <= commission <= _MOST_PPM:
        raise Invalid(f"is 0 to {_MOST_PPM // 10_000} %", path="commission")
    if len(set(keys)) > _MOST_KEYS:
        raise Conflict(f"has at most {_MOST_KEYS} keys", path="keys")


def move_float(tx: Tx, dealer: Dealer, by: Money) -> Dealer:
    """What a sale costs, below zero, or what is given back."""
    changed = msgspec.structs.replace(dealer, float_=dealer.float_ + by)
    store.save_dealer(tx, changed)
    tx.changed(RESOURCE, dealer.id, Change.ATTRIBUTES)
    return changed
