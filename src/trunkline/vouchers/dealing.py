"""Writes on dealers, who sell vouchers and top-ups, and on the top-ups that they sell."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from trunkline.charging import AccountIsClosed, Balance, NotPrepaid, Status
from trunkline.charging.events import ActOnBalance, BalanceVerb, TopUp
from trunkline.customers import ROLES, AccountKind, BillingAccount, billing_account
from trunkline.kernel.errors import Conflict, Forbidden, Invalid
from trunkline.kernel.money import LARGEST, CurrencyMismatch, Money, check_currency
from trunkline.ledger import LegalEntityId, legal_entity, post
from trunkline.platform.changes import Change
from trunkline.platform.db import Reader, Tx
from trunkline.tmf import documents
from trunkline.vouchers import channel_store as store
from trunkline.vouchers.model import (
    DEALER_LIFECYCLE,
    RETAIL,
    RETAIL_REFUSED,
    RETAIL_REVERSED,
    TOP_UP_LIFECYCLE,
    Channel,
    ChannelTopUp,
    ChannelTopUpId,
    Dealer,
    DealerPaymentId,
    DealerReferenceUsed,
    DealerState,
    NotReversible,
    ReversalId,
    TopUpState,
    UnknownDealer,
    UnknownTopUp,
    dealer_payment_entry,
    retail_entry,
)

REVERSIBLE_FOR = timedelta(hours=24)
RESOURCE = "Dealer"
RETAIL_RESOURCE = "RetailTopUp"
_MOST_PPM = 500_000
_MOST_KEYS = 50
_NOTHING: Mapping[str, Any] = {}


class NotADealer(Forbidden):
    """The caller's key acts for no dealer, or for another."""

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
    present = _held(tx, dealer_id)
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
    dealer = _held(tx, dealer_id)
    _check_amount(amount, dealer)
    _check_reference(reference)
    payment = tx.new_id(DealerPaymentId, now)
    standing = store.add_dealer_payment(tx, payment, dealer_id, reference, amount, now)
    if standing is not None:
        if standing[1] != amount:
            raise DealerReferenceUsed(f"{reference} was {standing[1]}", path="reference")
        return dealer
    changed = msgspec.structs.replace(dealer, float_=dealer.float_ + amount)
    store.save_dealer(tx, changed)
    post(tx, dealer_payment_entry(dealer, payment, amount, now), now)
    tx.changed(RESOURCE, dealer_id, Change.ATTRIBUTES)
    return changed


def acting_dealer(r: Reader, *, key: str | None, named: str | None) -> str:
    """For whom a caller sells: the dealer whose key it has, or, for one who has no dealer's, the
    dealer that they name. Raises `NotADealer`, `Invalid`."""
    own = None if key is None else store.dealer_of_key(r, key)
    if own is not None:
        if named is not None and named != own:
            raise NotADealer("this key acts for another dealer", path="dealer")
        return own
    if named is None:
        raise Invalid("is required: this key acts for no dealer", path="dealer.id")
    return named


def sell_top_up(
    tx: Tx,
    dealer_id: str,
    *,
    balance: Balance,
    amount: Money,
    reference: str,
    caller: str,
    details: Mapping[str, Any] = _NOTHING,
    now: datetime,
) -> ChannelTopUp:
    """A top-up for which a dealer was paid: their float pays for it, less their commission. The
    same reference again answers with the one that stands, or raises `DealerReferenceUsed`.
    Raises `DealerLimit`, `DealerBlocked`, `UnknownDealer`, `NotPrepaid`, `AccountIsClosed`,
    `CurrencyMismatch`, `Invalid`."""
    dealer = _held(tx, dealer_id)
    _check_reference(reference)
    _check_amount(amount, dealer)
    standing = store.by_reference(tx, dealer_id, reference)
    if standing is not None:
        if (standing.account, standing.amount) != (balance.account, amount):
            raise DealerReferenceUsed(f"{reference} was another top-up", path="reference")
        return standing
    payer = _payer(tx, dealer, balance)
    cost = (amount - amount.scaled(dealer.commission_ppm, 1_000_000)).rounded()
    dealer.check_can_pay(cost)
    top_up = ChannelTopUp(
        id=tx.new_id(ChannelTopUpId, now),
        channel=Channel.RETAIL,
        account=balance.account,
        billing_account=payer.id,
        entity=payer.legal_entity,
        amount=amount,
        cost=cost,
        state=TopUpState.CREATED,
        requested_at=now,
        caller=caller,
        dealer=dealer_id,
        reference=reference,
        details=details,
    )
    store.insert_top_up(tx, top_up)
    store.save_dealer(tx, msgspec.structs.replace(dealer, float_=dealer.float_ - cost))
    post(tx, retail_entry(top_up, now, RETAIL), now)
    tx.emit(TopUp(payment_id=top_up.id, account=top_up.account, amount=amount))
    for resource in (RETAIL_RESOURCE, "TopupBalance"):
        tx.changed(resource, top_up.id, Change.CREATED)
    tx.changed(RESOURCE, dealer_id, Change.ATTRIBUTES)
    return top_up


def reverse_top_up(tx: Tx, top_up_id: str, *, now: datetime) -> ChannelTopUp:
    """Asks a retail top-up back, within `REVERSIBLE_FOR` and where the balance still has it: if
    it hasn't, the top-up stands as before. Asked again, it is asked once. Raises
    `UnknownTopUp`, `NotReversible`, `IllegalTransition`."""
    present = store.lock_top_up(tx, top_up_id)
    if present is None or present.channel is not Channel.RETAIL:
        raise UnknownTopUp(f"there is no retail top-up {top_up_id[:60]}")
    if present.state in (TopUpState.REVERSING, TopUpState.REVERSED):
        return present
    TOP_UP_LIFECYCLE.check(present.state, TopUpState.REVERSING)
    if now > present.requested_at + REVERSIBLE_FOR:
        raise NotReversible(f"it is older than {REVERSIBLE_FOR}", path="state")
    asked = msgspec.structs.replace(
        present,
        state=TopUpState.REVERSING,
        reversal=tx.new_id(ReversalId, now),
        reason=None,
    )
    store.save_top_up(tx, asked)
    assert asked.reversal is not None
    tx.emit(
        ActOnBalance(
            action=asked.reversal,
            verb=BalanceVerb.ADJUST,
            account=asked.account,
            amount=-asked.amount,
        )
    )
    tx.changed(RETAIL_RESOURCE, asked.id, Change.STATE)
    return asked


def note_reversal(tx: Tx, reversal: str, *, failure: str | None, now: datetime) -> None:
    """What charging answered: taken back, or, with a `failure`, not. Once."""
    present = store.lock_by_reversal(tx, reversal)
    if present is None or present.state is not TopUpState.REVERSING:
        return
    to = TopUpState.REVERSED if failure is None else TopUpState.COMPLETED
    TOP_UP_LIFECYCLE.check(present.state, to)
    changed = msgspec.structs.replace(
        present, state=to, reversed_at=now if failure is None else None, reason=failure
    )
    store.save_top_up(tx, changed)
    if failure is None:
        give_back(tx, changed, RETAIL_REVERSED, now)
    for resource in (RETAIL_RESOURCE, "TopupBalance"):
        tx.changed(resource, present.id, Change.STATE)


def note_retail(tx: Tx, top_up: str, *, failure: str | None, now: datetime) -> None:
    """A retail top-up that charging refused costs its dealer nothing."""
    found = store.find_top_ups(tx, [top_up])
    if found and found[0].channel is Channel.RETAIL:
        tx.changed(RETAIL_RESOURCE, top_up, Change.STATE)
        if failure is not None and found[0].state is TopUpState.FAILED:
            give_back(tx, found[0], RETAIL_REFUSED, now)


def give_back(tx: Tx, top_up: ChannelTopUp, kind: str, now: datetime) -> None:
    """The dealer's float has what the top-up cost again."""
    assert top_up.dealer is not None
    if not post(tx, retail_entry(top_up, now, kind), now):
        return
    dealer = _held(tx, top_up.dealer)
    store.save_dealer(tx, msgspec.structs.replace(dealer, float_=dealer.float_ + top_up.cost))
    tx.changed(RESOURCE, dealer.id, Change.ATTRIBUTES)


def _payer(tx: Tx, dealer: Dealer, balance: Balance) -> BillingAccount:
    if balance.kind is not AccountKind.PREPAID:
        raise NotPrepaid("a postpaid product has no balance to top up", path="account")
    if balance.status is Status.CLOSED:
        raise AccountIsClosed("the product has ended", path="account")
    payer = billing_account(tx, balance.billing_account)
    if payer.legal_entity != dealer.entity:
        raise Invalid("is another legal entity's customer", path="account")
    if balance.money.currency != dealer.float_.currency:
        raise CurrencyMismatch(f"the balance is in {balance.money.currency}", path="amount")
    return payer


def _held(tx: Tx, dealer_id: str) -> Dealer:
    dealer = store.lock_dealer(tx, dealer_id)
    if dealer is None:
        raise UnknownDealer(f"there is no dealer {dealer_id[:60]}", path="dealer")
    return dealer


def _check_amount(amount: Money, dealer: Dealer) -> None:
    if amount.currency != dealer.float_.currency:
        raise CurrencyMismatch(f"the dealer sells in {dealer.float_.currency}", path="amount")
    if not 0 < amount.micros <= LARGEST // 1000 or amount.rounded() != amount:
        raise Invalid(f"{amount} is not an amount that can be paid", path="amount")


def _check_reference(reference: str) -> None:
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
