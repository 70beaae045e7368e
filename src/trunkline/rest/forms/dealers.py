"""Dealers, and what they sell at their tills: their wire forms."""

from datetime import datetime
from decimal import Decimal

import msgspec

from trunkline import vouchers
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import format_instant
from trunkline.ledger import LegalEntityId
from trunkline.platform.db import Tx
from trunkline.rest.forms.wire import Money, MoneyIn, given, instant, placed
from trunkline.tmf import Entity, Number, Timestamp, Wire, href
from trunkline.vouchers import ChannelTopUp, Dealer, DealerState, NewDealer

VOUCHER_BASE = "/trunkline/vouchers/v1"
DEALERS = f"{VOUCHER_BASE}/dealer"
_PERCENT = Decimal(10_000)


class DealerForm(Entity, kw_only=True, tag="Dealer"):
    """`float` is what they have paid in and not sold yet, negative where they owe; `commission`
    is in per cent."""

    name: str
    legal_entity: str
    state: str
    float_: Money = msgspec.field(name="float")
    credit_limit: Money
    commission: Decimal
    keys: tuple[str, ...]
    created_at: Timestamp


class DealerCreate(Wire):
    id: str
    """The party role (TMF669) that they are."""
    legal_entity: str
    currency: str
    credit_limit: MoneyIn | None = None
    commission: Number | None = None
    keys: tuple[str, ...] = ()


class DealerPatch(Wire):
    state: DealerState | msgspec.UnsetType = msgspec.UNSET
    credit_limit: MoneyIn | msgspec.UnsetType = msgspec.UNSET
    commission: Number | msgspec.UnsetType = msgspec.UNSET
    keys: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class RetailForm(Entity, kw_only=True, tag="RetailTopUp"):
    """`cost` is what the dealer's float paid."""

    dealer: str
    reference: str
    amount: Money
    cost: Money
    state: str
    product: str
    requested_date: Timestamp
    confirmation_date: Timestamp | None = None
    reversal_date: Timestamp | None = None
    reason: str | None = None


def dealer_form(found: Dealer) -> DealerForm:
    return DealerForm(
        id=found.id,
        href=href(DEALERS, found.id),
        name=found.name,
        legal_entity=found.entity,
        state=found.state,
        float_=Money.of(found.float_),
        credit_limit=Money.of(found.credit_limit),
        commission=(Decimal(found.commission_ppm) / _PERCENT).normalize() + 0,
        keys=found.keys,
        created_at=format_instant(found.created_at),
    )


def retail_form(found: ChannelTopUp, path: str) -> RetailForm:
    assert found.dealer is not None
    assert found.reference is not None
    return RetailForm(
        id=found.id,
        href=href(path, found.id),
        dealer=found.dealer,
        reference=found.reference,
        amount=Money.of(found.amount),
        cost=Money.of(found.cost),
        state=found.state,
        product=found.account,
        requested_date=format_instant(found.requested_at),
        confirmation_date=instant(found.confirmed_at),
        reversal_date=instant(found.reversed_at),
        reason=found.reason,
    )


def add_dealer(tx: Tx, new: DealerCreate, now: datetime) -> str:
    limit = None if new.credit_limit is None else new.credit_limit.parsed("creditLimit.value")
    with placed(unknown="id"):
        return vouchers.add_dealer(
            tx,
            NewDealer(
                role=new.id,
                entity=LegalEntityId(new.legal_entity),
                currency=new.currency,
                credit_limit=limit,
                commission_ppm=0 if new.commission is None else _ppm(new.commission),
                keys=new.keys,
            ),
            now=now,
        ).id


def change_dealer(tx: Tx, ident: str, patch: DealerPatch, _now: datetime) -> None:
    limit, commission = given(patch.credit_limit), given(patch.commission)
    vouchers.change_dealer(
        tx,
        ident,
        state=given(patch.state),
        credit_limit=None if limit is None else limit.parsed("creditLimit.value"),
        commission_ppm=None if commission is None else _ppm(commission),
        keys=given(patch.keys),
    )


def _ppm(percent: Decimal) -> int:
    millionths = percent * _PERCENT
    if not millionths.is_finite() or millionths != int(millionths):
        raise Invalid("has more than 4 decimals", path="commission")
    return int(millionths)
