"""Buckets and their sums, from charging's own database: what TMF654 lists of balances.

Buckets stand inside their accounts, encoded. A list finds the accounts by SQL, in the order of
their products' ids, opens them, and compares by itself what stands inside.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from trunkline import charging
from trunkline.charging import (
    ACCOUNTS,
    HAS_NUMBER,
    NUMBER,
    Balance,
    BucketBalance,
    ChargingAccountId,
    Status,
)
from trunkline.kernel.money import Money as Amount
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Reader
from trunkline.platform.principals import Binding
from trunkline.rest.forms.wire import ACCOUNT, BALANCE, PRODUCTS, Period, Quantity, Ref, ref
from trunkline.tmf import Aggregate, Entity, Path, child, column, href, matching, wire
from trunkline.tmf.access import Databases
from trunkline.tmf.errors import BadQuery
from trunkline.tmf.paths import Op
from trunkline.tmf.query import Query, Term

BUCKETS = f"{BALANCE}/bucket"
SUMS = f"{BALANCE}/accumulatedBalance"
MONETARY = "monetary"
SHARED = "shared"
CREDIT = "credit"
MOST_COMPARED = 2000
"""Accounts that one list opens to compare or sort what stands inside them."""
MOST_WALKED = 20_000
"""Accounts that one list opens on its way to its page."""
_CHUNK = 500

STATUSES = {
    Status.PRE_ACTIVE: "active",
    Status.ACTIVE: "active",
    Status.ONE_WAY: "suspended",
    Status.BARRED: "suspended",
    Status.EXPIRED: "expired",
    Status.CLOSED: "expired",
}


class BucketForm(Entity, kw_only=True, tag="Bucket"):
    name: str
    usage_type: str
    status: str
    is_shared: bool
    remaining_value: Quantity
    remaining_value_name: str
    reserved_value: Quantity
    party_account: Ref
    product: tuple[Ref, ...]
    logical_resource: tuple[Ref, ...] = ()
    valid_for: Period | None = None
    status_reason: str | None = None
    """An extension: which status the charging account has, where it isn't simply active."""


class SumForm(Entity, kw_only=True, tag="AccumulatedBalance"):
    """What a product has left of one kind, over all its buckets. Of several numbers it shows the
    first."""

    name: str
    usage_type: str
    bucket: tuple[Ref, ...]
    total_balance: Quantity
    party_account: Ref
    product: tuple[Ref, ...]
    logical_resource: Ref | None = None


Form = TypeVar("Form", BucketForm, SumForm)


def buckets_of(balance: Balance, numbers: Sequence[str] = ()) -> Iterator[BucketForm]:
    """Its money, where it has a balance; what of a hybrid account's limit is left; and the
    allowances of the running month, of whoever has these `numbers`. What a pool leases to its
    members is shared, at the pool and at the member."""
    alike: dict[str, Any] = {
        "status": STATUSES[balance.status],
        "status_reason": None if balance.status is Status.ACTIVE else balance.status_word,
        "party_account": ref(ACCOUNT, "BillingAccount", balance.billing_account),
        "product": (ref(PRODUCTS, "Product", balance.account),),
        "logical_resource": tuple(
            Ref(id=each, name=each, referred_type="MSISDN") for each in numbers
        ),
    }
    yield from _of_money(balance, alike)
    for each in balance.buckets:
        units = charging.service_unit(each.service)
        ident = f"{balance.account}~{each.number}"
        yield BucketForm(
            id=ident,
            href=href(BUCKETS, ident),
            name=each.name,
            usage_type=usage_type(each),
            is_shared=each.shared,
            remaining_value=Quantity(amount=Decimal(each.remaining), units=units),
            remaining_value_name=f"{each.remaining:,} {units}",
            reserved_value=Quantity(amount=Decimal(each.reserved), units=units),
            valid_for=Period(
                start_date_time=format_instant(each.starts),
                end_date_time=format_instant(each.expires),
            ),
            **alike,
        )


def _of_money(balance: Balance, alike: Mapping[str, Any]) -> Iterator[BucketForm]:
    nothing = Amount.zero(balance.money.currency)

    def bucket(
        name: str, mark: str, left: Amount, reserved: Amount = nothing, **more: Any
    ) -> BucketForm:
        ident = f"{balance.account}~{mark}" if mark else str(balance.account)
        told: dict[str, Any] = {"is_shared": False, "remaining_value_name": str(left)} | more
        return BucketForm(
            id=ident,
            href=href(BUCKETS, ident),
            name=name,
            usage_type=MONETARY,
            remaining_value=money(left),
            reserved_value=money(reserved),
            **told,
            **alike,
        )

    # Usage takes a hybrid account's balance first: what is reserved beyond it is the limit's.
    limit, on_bill = balance.credit_limit, balance.on_bill
    held = balance.reserved if on_bill is None else min(balance.reserved, balance.money)
    if balance.kind.has_balance:
        own = balance.money - (balance.shared_money or nothing)
        shared = balance.members is not None
        yield bucket("Balance", "", own, held, is_shared=shared, valid_for=_until(balance))
    if limit is not None and on_bill is not None:
        left = max(limit - on_bill, nothing)
        reserved = balance.reserved - held
        yield bucket("Credit", CREDIT, left, reserved, remaining_value_name=f"{left} of {limit}")
    if balance.shared_money is not None:
        yield bucket("Shared balance", SHARED, balance.shared_money, is_shared=True)


def _until(balance: Balance) -> Period | None:
    if balance.valid_until is None:
        return None
    return Period(end_date_time=format_instant(balance.valid_until))


def sums_of(balance: Balance, numbers: Sequence[str] = ()) -> Iterator[SumForm]:
    """One for each kind of bucket that it has; what may go onto a bill is no money of the
    subscriber's, and apart."""
    kinds: dict[str, list[BucketForm]] = {}
    for each in buckets_of(balance, numbers):
        kind = CREDIT if each.id == f"{balance.account}~{CREDIT}" else each.usage_type
        kinds.setdefault(kind, []).append(each)
    for kind, buckets in kinds.items():
        ident = f"{balance.account}~{kind}"
        total = sum((each.remaining_value.amount for each in buckets), start=Decimal(0))
        yield SumForm(
            id=ident,
            href=href(SUMS, ident),
            name=f"Remaining {'money' if kind == MONETARY else kind}",
            usage_type=buckets[0].usage_type,
            bucket=tuple(ref(BALANCE, "Bucket", each.id, each.name) for each in buckets),
            total_balance=Quantity(amount=total, units=buckets[0].remaining_value.units),
            party_account=buckets[0].party_account,
            product=buckets[0].product,
            logical_resource=next(iter(buckets[0].logical_resource), None),
        )


def usage_type(bucket: BucketBalance) -> str:
    return charging.service_name(bucket.service)


def money(amount: Amount) -> Quantity:
    return Quantity(amount=amount.to_decimal(), units=amount.currency)


_IN_SQL: Mapping[str, Path] = {
    "product.id": column(ACCOUNTS.c.id),
    "partyAccount.id": column(ACCOUNTS.c.billing_account),
    "logicalResource.id": child(NUMBER, on=HAS_NUMBER),
}


def to_number(text: str, path: str) -> float:
    try:
        number = float(Decimal(text))
    except (InvalidOperation, OverflowError):
        raise BadQuery(f"{text[:40]!r} is not a number", path=path) from None
    return number


def inside(*texts: str, numbers: Sequence[str] = ()) -> dict[str, Path]:
    """The paths that can be filtered and sorted by: those of the account's row by SQL, and
    those inside it."""
    text = column(sa.literal("", sa.String))
    number = Path(sa.literal(0, sa.Float), to_number, "number")
    return {
        **_IN_SQL,
        **dict.fromkeys(texts, text),
        **dict.fromkeys(numbers, number),
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class InAccounts(Aggregate[Form], Generic[Form]):
    """What accounts hold: `forms` of each, with ids that begin with the account's.

    Of more than `MOST_COMPARED` accounts a list is in the order of its products, and counts one
    for each account that it hasn't opened: X-Total-Count is then the least that there are. Who
    reads on from there says product.id.gt."""

    forms: Callable[[Balance, Sequence[str]], Iterable[Form]]
    now: Callable[[], datetime]

    def page(self, r: Reader, asked: Query) -> tuple[list[Any], int]:
        conditions = list(asked.reach)
        own: list[Term] = []
        for term in asked.terms:
            if term.path in _IN_SQL:
                path = _IN_SQL[term.path]
                conditions.append(path.matches(term.op, term.values, term.path))
            elif term.path not in self.filters:
                said = ", ".join(sorted(self.filters))
                raise BadQuery(f"can't be filtered by; what can: {said}", path=term.path)
            else:
                # Its condition isn't used, but it says whether there can be one.
                self.filters[term.path].matches(term.op, term.values, term.path)
                own.append(term)
                if term.path == "id" and term.op is Op.EQ:
                    conditions.append(ACCOUNTS.c.id.in_(_accounts(term.values)))
        for name, _ in asked.sort:
            if name not in self.filters:
                raise BadQuery("can't be sorted by", path=name[:60])
        total = r.execute(sa.select(sa.func.count()).where(*conditions).select_from(ACCOUNTS))
        accounts = total.scalar_one()
        if accounts <= MOST_COMPARED:
            return self._compared(r, asked, conditions, own)
        if own or asked.sort not in ((), (("product.id", False),)):
            raise BadQuery(
                f"more than {MOST_COMPARED} products have them: name a product.id or a "
                "partyAccount.id",
                path=own[0].path if own else "sort",
            )
        return self._walked(r, asked, conditions, accounts)

    def _compared(
        self, r: Reader, asked: Query, conditions: Sequence[Any], own: Sequence[Term]
    ) -> tuple[list[Any], int]:
        found = [form for _, forms in self._opened(r, conditions) for form in forms]
        if own:
            found = [each for each in found if matching.matches(wire.plain(each), own)]
        for name, descends in reversed(asked.sort):
            found.sort(key=lambda each: _order(each, name), reverse=descends)
        return found[asked.offset : asked.offset + asked.limit], len(found)

    def _walked(
        self, r: Reader, asked: Query, conditions: Sequence[Any], accounts: int
    ) -> tuple[list[Any], int]:
        found: list[Form] = []
        opened = 0
        for forms in self._opened(r, conditions):
            found += forms[1]
            opened += 1
            if len(found) >= asked.offset + asked.limit:
                break
            if opened == MOST_WALKED:
                raise BadQuery(
                    f"is past {MOST_WALKED} products: go on with product.id.gt", path="offset"
                )
        page = found[asked.offset : asked.offset + asked.limit]
        return page, len(found) + accounts - opened

    def answers(self, r: Reader, ids: Sequence[str]) -> list[Any]:
        accounts = _accounts(ids)
        found = {
            form.id: form
            for _, forms in self._opened(r, [ACCOUNTS.c.id.in_(accounts)])
            for form in forms
        }
        return [found[each] for each in ids if each in found]

    def among(
        self, r: Reader, ids: Collection[str], binding: Binding, databases: Databases
    ) -> dict[str, bool]:
        mine = sa.false() if self.owner is None else self.owner.condition(binding, databases)
        rows = r.execute(
            sa.select(ACCOUNTS.c.id, mine.label("own")).where(ACCOUNTS.c.id.in_(_accounts(ids)))
        )
        own = {row.id: bool(row.own) for row in rows}
        return {each.id: own[each.product[0].id] for each in self.answers(r, list(ids))}

    def _opened(
        self, r: Reader, conditions: Sequence[Any]
    ) -> Iterator[tuple[ChargingAccountId, list[Form]]]:
        """Account by account, in the order of their ids."""
        after: ChargingAccountId | None = None
        ids = sa.select(ACCOUNTS.c.id).where(*conditions).order_by(ACCOUNTS.c.id).limit(_CHUNK)
        while True:
            wanted = ids if after is None else ids.where(ACCOUNTS.c.id > after)
            found = [ChargingAccountId(each) for each in r.execute(wanted).scalars()]
            balances = charging.balances_by_id(r, found, self.now()) if found else {}
            numbers = charging.numbers_of(r, found)
            for each in found:
                yield each, list(self.forms(balances[each], numbers.get(each, ())))
            if len(found) < _CHUNK:
                return
            after = found[-1]


def _accounts(ids: Iterable[str]) -> set[str]:
    """The accounts whose these may be: a product's own id may hold the mark, too."""
    return {part for each in ids for part in (each, each.rpartition("~")[0]) if part}


def _order(form: Any, name: str) -> tuple[bool, Any]:
    """What lacks the path comes last; the least of several values counts."""
    found = list(matching.values(wire.plain(form), name))
    if not found:
        return True, ""
    return False, min(each.encode() if isinstance(each, str) else each for each in found)
