"""What an offering's and an order item's characteristics say of the product's charging account:
how long its balance holds, a fee taken from it, whom it shares with.

`preActive`, `balanceDays`, `topUpDays`, `graceDays`; `lowBalance` (amounts, with commas between);
`feeFrom` = `balance`: the monthly prices are taken from the prepaid balance and not billed;
`firstFee` = `actual` or `thirty`: of the first month only the part that is left, by such days;
`creditLimit`: how much usage of a postpaid or hybrid product may go onto one month's bill;
`memberOf`: the product of the pool that it draws on, at most `poolDataLimit` bytes,
`poolVoiceLimit` seconds, `poolMessageLimit` messages and `poolMoneyLimit` of money a month, and
nothing while `poolPaused` = `true`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from trunkline import customers, inventory
from trunkline.catalog import Offering, OfferingId, offerings
from trunkline.charging import MOST_UNITS, ChargingAccountId, Service
from trunkline.charging.events import (
    JoinPool,
    LeavePool,
    MonthlyFee,
    NewLimit,
    OpenAccount,
    UnitLimit,
    Validity,
)
from trunkline.customers import AccountKind, BillingAccount, BillingAccountId
from trunkline.inventory import (
    BALANCE,
    FEE_FROM,
    PriceKind,
    Product,
    ProductId,
    ProductPrice,
    ProductStatus,
    amend_product,
    products,
)
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import LARGEST, Money
from trunkline.ordering.decomposition import ServiceKind
from trunkline.ordering.model import NotOrderable, OrderItem, TaskKind, UnknownReference
from trunkline.platform.db import Tx
from trunkline.rating import Days

_MEMBER_OF = "memberOf"
_OFFERED = frozenset({FEE_FROM, "serviceKind"})
"""What an order doesn't say of a product by itself."""
_DAYS = {"balanceDays": "first_days", "topUpDays": "top_up_days", "graceDays": "grace_days"}
_MOST_DAYS = 36_525
_LIMITS = {
    "poolDataLimit": Service.DATA,
    "poolVoiceLimit": Service.VOICE,
    "poolMessageLimit": Service.SMS,
}
_CREDIT_LIMIT = "creditLimit"
_FIRST_FEE = "firstFee"
_LIFE = frozenset({"preActive", *_DAYS, _CREDIT_LIMIT, _FIRST_FEE})
"""What a subscriber doesn't decide for himself."""
_POOL = _LIMITS.keys() | {_MEMBER_OF, "poolMoneyLimit", "poolPaused"}
FIXED = _OFFERED | _LIFE | {"lowBalance"}
"""What charging is told when the account is opened, and no order changes by itself; only the
credit limit follows a change of the offering."""
NAMES = FIXED | _POOL


def said(found: Mapping[OfferingId, Offering], item: OrderItem) -> dict[str, Any]:
    """The characteristics that hold for the item: its own before the offering's, but for who
    pays its monthly prices and what delivers it."""
    offering = None if item.offering is None else found.get(OfferingId(item.offering))
    return _merged(offering.characteristics if offering else {}, item.characteristics)


def _merged(offered: Mapping[str, Any], wished: Mapping[str, Any]) -> dict[str, Any]:
    return {**offered, **{name: wished[name] for name in wished.keys() - _OFFERED}}


def check(
    tx: Tx,
    offered: Mapping[str, Any],
    item: OrderItem,
    *,
    kind: ServiceKind,
    account: BillingAccount,
    path: str,
) -> bool:
    """Whether a product that is to be added draws on a pool, if what its offering and its item
    say can be done. Raises `Invalid`, `UnknownReference` for a pool that the caller doesn't
    reach, and `NotOrderable` for what isn't the caller's to say."""
    wished = item.characteristics
    differs = {name for name in NAMES & wished.keys() if wished[name] != offered.get(name)}
    # A product that says so isn't billed.
    not_theirs = (differs & _OFFERED) | (wished.keys() & {FEE_FROM})
    if tx.by_subscriber:
        not_theirs |= differs & _LIFE
    for name in sorted(not_theirs):
        raise NotOrderable(f"{name} is the offering's to say", path=f"{path}.{name}")
    said = _merged(offered, wished)
    with _placed(path):
        opening_terms(said, item.prices, account.kind, account.currency)
        return _joins(tx, said, kind, differs)


def pool_steps(
    tx: Tx, product: Product, wished: Mapping[str, Any], *, kind: ServiceKind, path: str
) -> tuple[TaskKind, ...]:
    """The steps that make a product in service leave its pool (an empty `memberOf`), join
    another, or draw on it within other limits; none where nothing of that changes. Raises as
    `check` does."""
    if not _POOL & wished.keys():
        return ()
    present = _present(tx, product)
    wanted = present | {name: wished[name] for name in _POOL & wished.keys()}
    differs = {name for name in _POOL if wanted.get(name) != present.get(name)}
    if not differs:
        return ()
    with _placed(path):
        joins = _joins(tx, wanted, kind, differs)
    leaves = _MEMBER_OF in differs and present.get(_MEMBER_OF)
    return (
        *((TaskKind.LEAVE_POOL,) if leaves else ()),
        *((TaskKind.JOIN_POOL,) if joins else ()),
    )


def check_change(tx: Tx, product: Product, item: OrderItem, *, path: str) -> None:
    """Raises `Invalid` where the product can't become one of the item's offering for what that
    says."""
    with _placed(path):
        changed_limit(tx, product, item)


@contextmanager
def _placed(path: str) -> Iterator[None]:
    try:
        yield
    except Invalid as fault:
        where = f"{path}.{fault.path}" if fault.path else path
        raise type(fault)(fault.reason, path=where) from None


def _joins(tx: Tx, said: Mapping[str, Any], kind: ServiceKind, differs: set[str]) -> bool:
    """Whether it draws on a pool; `differs` is what the caller has said of that."""
    if joining(said, "") is None:
        return False
    if kind is not ServiceKind.MOBILE:
        raise Invalid("what uses nothing can't draw on a pool", path=_MEMBER_OF)
    pool = str(said[_MEMBER_OF])
    for found in products(tx, [ProductId(pool)]):
        reached = not (differs & _POOL) or not tx.caller or tx.caller.reaches(found.customer)
        if reached and is_pool(found) and found.status is ProductStatus.ACTIVE:
            return True
    raise UnknownReference(f"there is no pool {pool[:60]}", path=_MEMBER_OF)


def join(tx: Tx, product: ProductId, item: OrderItem) -> None:
    """Asks charging to let the product draw on the pool that it and the item name."""
    command = joining(_present(tx, inventory.product(tx, product), item), product)
    assert command is not None, "the plan has asked"
    tx.emit(command)


def leave(tx: Tx, product: ProductId) -> None:
    """Asks charging to let it draw no more on the pool that it has named until now."""
    pool = _present(tx, inventory.product(tx, product))[_MEMBER_OF]
    tx.emit(LeavePool(account=ChargingAccountId(product), pool=ChargingAccountId(str(pool))))


def _present(tx: Tx, product: Product, item: OrderItem | None = None) -> dict[str, Any]:
    """What holds for a product in service, and of a change of it."""
    ident = product.offering if item is None or item.offering is None else item.offering
    found = offerings(tx, {OfferingId(ident)}).get(OfferingId(ident))
    wished = {**product.characteristics, **(item.characteristics if item else {})}
    return _merged(found.characteristics if found else {}, wished)


def is_pool(product: Product) -> bool:
    return product.characteristics.get("serviceKind") == ServiceKind.POOL


def keep(tx: Tx, product: ProductId, said: Mapping[str, Any], *, pays: bool) -> None:
    """What decides later how the product is billed and ended stays with it, whatever becomes of
    the offering: whether its balance `pays` its monthly prices, and what delivers it."""
    kept = {FEE_FROM: BALANCE} if pays else {}
    if said.get("serviceKind") == ServiceKind.POOL:
        kept["serviceKind"] = str(ServiceKind.POOL)

    def amend(present: Product) -> Product:
        return msgspec.structs.replace(present, characteristics={**present.characteristics, **kept})

    if kept:
        amend_product(tx, product, amend)


def opening(
    item: OrderItem,
    product: ProductId,
    account: BillingAccount,
    said: Mapping[str, Any],
    *,
    zone: str,
    now: datetime,
) -> OpenAccount:
    """The command that opens the product's charging account, as yet without identities. Raises
    `Invalid` for a characteristic that can't be understood."""
    assert item.offering is not None
    return OpenAccount(
        account=ChargingAccountId(product),
        billing_account=account.id,
        legal_entity=account.legal_entity,
        currency=account.currency,
        kind=account.kind,
        plan=item.offering,
        cycle_day=account.cycle_day,
        time_zone=zone,
        identities=(),
        shared=said.get("serviceKind") == ServiceKind.POOL,
        opened_at=now,
        **opening_terms(said, item.prices, account.kind, account.currency),
    )


def opening_terms(
    said: Mapping[str, Any], prices: Sequence[ProductPrice], kind: AccountKind, currency: str
) -> dict[str, Any]:
    """The fields of `OpenAccount` that a product's characteristics mean: a limit where usage is
    billed; how it lives and is watched where it has a balance; a fee where it is prepaid. Raises
    `Invalid` for a value that can't be one."""
    terms: dict[str, Any] = {}
    if kind is not AccountKind.PREPAID and _CREDIT_LIMIT in said:
        terms["credit_limit"] = _limit(str(said[_CREDIT_LIMIT]), currency)
    if not kind.has_balance:
        return terms
    if _flag(said, "preActive"):
        terms["pre_active"] = True
    days = {
        field: _number(said, name, most=_MOST_DAYS) for name, field in _DAYS.items() if name in said
    }
    if days:
        terms["validity"] = Validity(**days)
    if said.get("lowBalance"):
        amounts = str(said["lowBalance"]).split(",")
        terms["low_balance"] = tuple(
            Money.of(each.strip(), currency, path="lowBalance") for each in amounts
        )
    fee = monthly_fee(said, prices) if kind is AccountKind.PREPAID else None
    if fee is not None:
        terms["fee"] = fee
    return terms


def _limit(text: str, currency: str) -> Money:
    limit = Money.of(text, currency, path=_CREDIT_LIMIT)
    if not 0 <= limit.micros <= LARGEST // 8:
        raise Invalid(f"{limit} is no limit", path=_CREDIT_LIMIT)
    return limit


def monthly_fee(said: Mapping[str, Any], prices: Sequence[ProductPrice]) -> MonthlyFee | None:
    """What is taken from the balance each month; None where the prices are billed."""
    if said.get(FEE_FROM) != BALANCE:
        return None
    monthly = [price for price in prices if price.kind is PriceKind.RECURRING]
    if any(price.period_months != 1 for price in monthly):
        raise Invalid("is for monthly prices", path=FEE_FROM)
    amounts = [price.amount for price in monthly]
    amounts += [each.amount for price in monthly for each in price.alterations]
    total = sum(amounts[1:], start=amounts[0]) if amounts else None
    if total is None or total.micros <= 0:
        return None
    return MonthlyFee(amount=total, label=monthly[0].name, first=_first(said))


def _first(said: Mapping[str, Any]) -> Days | None:
    days = said.get(_FIRST_FEE)
    if not days:
        return None
    if days not in list(Days):
        raise Invalid(f"{str(days)[:40]!r} is not one of {', '.join(Days)}", path=_FIRST_FEE)
    return Days(days)


def changed_fee(product: Product, prices: Sequence[ProductPrice]) -> MonthlyFee | None:
    """What is taken from the balance after a change of prices, be it nothing more; None where
    they are billed."""
    fee = monthly_fee(product.characteristics, prices)
    if fee is not None or not product.fee_from_balance:
        return fee
    currencies = [price.amount.currency for price in (*prices, *product.prices)]
    return MonthlyFee(amount=Money(0, currencies[0])) if currencies else None


def changed_limit(tx: Tx, product: Product, item: OrderItem) -> NewLimit:
    """How much usage may go onto a month's bill after a change of the offering; UNSET where
    neither offering says so. Raises `Invalid` for a value that can't be one."""
    account = customers.billing_account(tx, BillingAccountId(product.billing_account))
    if account.kind is AccountKind.PREPAID:
        return UNSET
    said = _present(tx, product, item)
    if _CREDIT_LIMIT in said:
        return _limit(str(said[_CREDIT_LIMIT]), account.currency)
    return None if _CREDIT_LIMIT in _present(tx, product) else UNSET


def joining(said: Mapping[str, Any], product: str) -> JoinPool | None:
    """The pool that the product is to draw on. Raises `Invalid`."""
    pool = said.get(_MEMBER_OF)
    if not pool:
        return None
    money, limit = said.get("poolMoneyLimit"), None
    if money is not None and str(money) != "none":
        amount, _, currency = str(money).partition(" ")
        limit = Money.of(amount, currency, path="poolMoneyLimit")
    return JoinPool(
        account=ChargingAccountId(product),
        pool=ChargingAccountId(str(pool)),
        limits=tuple(
            UnitLimit(service, _number(said, name))
            for name, service in _LIMITS.items()
            if name in said
        ),
        money=money is not None,
        money_limit=limit,
        paused=_flag(said, "poolPaused"),
    )


def _flag(said: Mapping[str, Any], name: str) -> bool:
    return str(said.get(name, "")).lower() == "true"


def _number(said: Mapping[str, Any], name: str, *, most: int = MOST_UNITS) -> int:
    text = str(said[name])
    if not text.isdecimal() or len(text) > 20 or int(text) > most:
        raise Invalid(f"{text[:40]!r} is not a whole number, {most} at most", path=name)
    return int(text)
