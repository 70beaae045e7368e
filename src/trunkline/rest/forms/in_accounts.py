"""Lists of what stands inside charging's accounts, from its own database (TMF654).

Accounts are encoded. A list finds them by SQL, in the order of their products' ids, opens them, and
compares by itself what stands inside. Whose they are is in the books.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, TypeVar

import msgspec
import sqlalchemy as sa

from trunkline import charging, customers
from trunkline.charging import ACCOUNTS, HAS_NUMBER, NUMBER, ChargingAccountId
from trunkline.customers import BillingAccountId, CustomerId
from trunkline.platform.db import Database, Instant, Reader
from trunkline.platform.principals import Binding
from trunkline.rest.forms.lookups import owners
from trunkline.rest.forms.prepay_buckets import BucketForm, Held, SumForm
from trunkline.tmf import Aggregate, Path, child, column, matching, wire
from trunkline.tmf.access import Databases
from trunkline.tmf.errors import BadQuery
from trunkline.tmf.paths import Op
from trunkline.tmf.query import Query, Term

Form = TypeVar("Form", BucketForm, SumForm)

MOST_COMPARED = 2000
"""Accounts that one list opens to compare or sort what stands inside them."""
MOST_WALKED = 20_000
"""Accounts that one list opens on its way to its page."""
_CHUNK = 500
_OWNER = "relatedParty.id"

_IN_SQL: Mapping[str, Path] = {
    "product.id": column(ACCOUNTS.c.id),
    "partyAccount.id": column(ACCOUNTS.c.billing_account),
    "logicalResource.id": child(NUMBER, on=HAS_NUMBER),
}


_EPOCH = datetime.fromtimestamp(0, UTC)


def to_number(text: str, path: str) -> float:
    try:
        number = float(Decimal(text))
    except (InvalidOperation, OverflowError):
        raise BadQuery(f"{text[:40]!r} is not a number", path=path) from None
    return number


def inside(
    *texts: str,
    numbers: Sequence[str] = (),
    flags: Sequence[str] = (),
    instants: Sequence[str] = (),
) -> dict[str, Path]:
    """The paths that can be filtered and sorted by: those of the account's row by SQL, its owner,
    who is only equal, and those inside it."""
    text = column(sa.literal("", sa.String))
    return {
        **_IN_SQL,
        _OWNER: msgspec.structs.replace(text, only_equal=True),
        **dict.fromkeys(texts, text),
        **dict.fromkeys(numbers, Path(sa.literal(0, sa.Float), to_number, "number")),
        **dict.fromkeys(flags, column(sa.literal(False, sa.Boolean))),
        **dict.fromkeys(instants, column(sa.literal(_EPOCH, Instant))),
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class InAccounts(Aggregate[Form], Generic[Form]):
    """What accounts hold: `forms` of each, with ids that begin with the account's.

    Of more than `MOST_COMPARED` accounts a list is in the order of its products, and counts one
    for each account that it hasn't opened: X-Total-Count is then the least that there are. Who
    reads on from there says product.id.gt."""

    forms: Callable[[Held], Iterable[Form]]
    now: Callable[[], datetime]
    books: Database

    def page(self, r: Reader, asked: Query) -> tuple[list[Any], int]:
        conditions, own = list(asked.reach), list[Term]()
        for term in asked.terms:
            if term.path not in self.filters:
                said = ", ".join(sorted(self.filters))
                raise BadQuery(f"can't be filtered by; what can: {said}", path=term.path)
            # Of what is no column the condition isn't used, but says whether there can be one.
            found = self.filters[term.path].matches(term.op, term.values, term.path)
            if term.path in _IN_SQL:
                conditions.append(found)
            elif term.path == _OWNER:
                conditions.append(self._of_customers(term.values))
            else:
                own.append(term)
                if term.path == "id" and term.op is Op.EQ:
                    conditions.append(ACCOUNTS.c.id.in_(_accounts(term.values)))
        for name, _ in asked.sort:
            if name not in self.filters or name == _OWNER:
                raise BadQuery("can't be sorted by", path=name[:60])
        total = r.execute(sa.select(sa.func.count()).where(*conditions).select_from(ACCOUNTS))
        accounts = total.scalar_one()
        if accounts <= MOST_COMPARED:
            page, count = self._compared(r, asked, conditions, own)
            return self._with_owners(page), count
        if own or asked.sort not in ((), (("product.id", False),)):
            raise BadQuery(
                f"more than {MOST_COMPARED} products have them: name a product.id or a "
                "partyAccount.id",
                path=own[0].path if own else "sort",
            )
        page, count = self._walked(r, asked, conditions, accounts)
        return self._with_owners(page), count

    def _of_customers(self, ids: Sequence[str]) -> sa.ColumnElement[bool]:
        with self.books.read() as r:
            found = customers.accounts_of_customers(r, map(CustomerId, ids))
        payers = [each.id for accounts in found.values() for each in accounts]
        return ACCOUNTS.c.billing_account.in_(payers)

    def _with_owners(self, page: Sequence[Form]) -> list[Form]:
        if not page:
            return []
        payers = [BillingAccountId(each.party_account.id) for each in page]
        with self.books.read() as r:
            found = owners(r, payers)
        return [
            msgspec.structs.replace(each, related_party=(found[payer],) if payer in found else ())
            for each, payer in zip(page, payers, strict=True)
        ]

    def _compared(
        self, r: Reader, asked: Query, conditions: Sequence[Any], own: Sequence[Term]
    ) -> tuple[list[Form], int]:
        found = [form for _, forms in self._opened(r, conditions) for form in forms]
        if own:
            found = [each for each in found if matching.matches(wire.plain(each), own)]
        for name, descends in reversed(asked.sort):
            found.sort(key=lambda each: _order(each, name), reverse=descends)
        return found[asked.offset : asked.offset + asked.limit], len(found)

    def _walked(
        self, r: Reader, asked: Query, conditions: Sequence[Any], accounts: int
    ) -> tuple[list[Form], int]:
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
        return self._with_owners(self._named(r, ids))

    def _named(self, r: Reader, ids: Sequence[str]) -> list[Form]:
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
        return {each.id: own[each.product[0].id] for each in self._named(r, list(ids))}

    def _opened(
        self, r: Reader, conditions: Sequence[Any]
    ) -> Iterator[tuple[ChargingAccountId, list[Form]]]:
        """Account by account, in the order of their ids."""
        after: ChargingAccountId | None = None
        ids = sa.select(ACCOUNTS.c.id).where(*conditions).order_by(ACCOUNTS.c.id).limit(_CHUNK)
        while True:
            wanted = ids if after is None else ids.where(ACCOUNTS.c.id > after)
            found = [ChargingAccountId(each) for each in r.execute(wanted).scalars()]
            now = self.now()
            balances = charging.balances_by_id(r, found, now) if found else {}
            numbers = charging.numbers_of(r, found)
            shares = charging.member_shares(r, balances.values(), now)
            for each in found:
                held = Held(balances[each], numbers.get(each, ()), shares.get(each))
                yield each, list(self.forms(held))
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
