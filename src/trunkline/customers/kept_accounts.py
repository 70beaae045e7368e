"""Accounts beside those that bills are made for, and how bills may come: kept as documents.

A party account gathers what a party owes or is owed, a settlement account is a partner's, a
financial account is the finance department's, which several billing accounts may point at. Their
balances follow the books. Formats, media and cycles of bills are what billing accounts choose
from.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from trunkline.customers import store
from trunkline.customers.known import known_accounts, known_parties
from trunkline.customers.model import ACCOUNT_LIFECYCLE, AccountState, InvalidAccount
from trunkline.kernel.errors import Conflict
from trunkline.kernel.ids import Id
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Reader, Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body

_LONGEST_NAME = 200
_MOST_DAYS = 366


class AccountInUse(Conflict):
    code = "accountInUse"


class PartyAccountId(Id):
    __slots__ = ()
    prefix = "pac"


class SettlementAccountId(Id):
    __slots__ = ()
    prefix = "sac"


class FinancialAccountId(Id):
    __slots__ = ()
    prefix = "fac"


class BillFormatId(Id):
    __slots__ = ()
    prefix = "bft"


class BillMediaId(Id):
    __slots__ = ()
    prefix = "bpm"


class CycleSpecificationId(Id):
    __slots__ = ()
    prefix = "bcs"


def _account_table(name: str) -> sa.Table:
    table = documents.table(
        name,
        sa.Column("name", sa.String(_LONGEST_NAME), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("type", sa.String(100)),
        sa.Column("related_party_id", sa.String(100)),
        sa.Index(f"{name}_by_party", "related_party_id", "id"),
        sa.Index(f"{name}_by_name", "name", "id"),
    )
    table.c.body.info["personal"] = True
    return table


def _account_columns(body: Body) -> dict[str, Any]:
    parties = body.get("relatedParty") or ()
    return {
        "name": body["name"],
        "state": body["state"],
        "type": (body.get("accountType") or "")[:100] or None,
        "related_party_id": parties[0]["id"] if parties else None,
    }


def _complete_account(body: Body, before: Body | None, now: datetime) -> Body:
    _check_name(body)
    said = body.get("accountBalance")
    if said and (before is None or said != before.get("accountBalance")):
        raise InvalidAccount("follows the books", path="accountBalance")
    stamp = body.get("lastModified")
    if before is not None and stamp != before["lastModified"]:
        raise InvalidAccount("can't be changed", path="lastModified")
    return body | {"lastModified": format_instant(now)}


def _complete_owned(body: Body, before: Body | None, now: datetime) -> Body:
    if not body.get("relatedParty"):
        raise InvalidAccount("names one party at least", path="relatedParty")
    return _complete_account(body, before, now)


def _check_name(body: Body) -> None:
    name = body.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        raise InvalidAccount(f"has 1 to {_LONGEST_NAME} characters", path="name")


def _known_all(r: Reader, ids: Collection[str]) -> set[str]:
    """Accounts of any kind."""
    found = known_accounts(r, ids)
    for kind in (PARTY_ACCOUNTS, SETTLEMENT_ACCOUNTS, FINANCIAL_ACCOUNTS):
        found |= set(documents.known(kind)(r, ids))
    return found


def known_financial_accounts(r: Reader, ids: Collection[str]) -> set[str]:
    return set(documents.known(FINANCIAL_ACCOUNTS)(r, ids))


def _check_financial_unused(tx: Tx, body: Body) -> None:
    used = sa.select(1).where(store.billing_account.c.financial_account_id == body["id"]).limit(1)
    if tx.execute(used).first() is not None:
        raise AccountInUse("billing accounts point at it", path="id")


def _plain_table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return documents.table(
        name,
        sa.Column("name", sa.String(_LONGEST_NAME), nullable=False),
        *columns,
        sa.Index(f"{name}_by_name", "name", "id"),
    )


def _plain_columns(body: Body) -> dict[str, Any]:
    return {"name": body["name"]}


def _complete_plain(body: Body, _before: Body | None, _now: datetime) -> Body:
    _check_name(body)
    return body


def _cycle_columns(body: Body) -> dict[str, Any]:
    return {"name": body["name"], "frequency": body["frequency"]}


def _complete_cycle(body: Body, _before: Body | None, _now: datetime) -> Body:
    """Bills are made by the month: `billingDateShift` is the days from its first to the cycle's
    first day, `paymentDueDateOffset` those from a bill to its due date."""
    _check_name(body)
    made: Body = {"frequency": "monthly", "billingPeriod": "1 month"} | body
    if made["frequency"] != "monthly":
        raise InvalidAccount("bills are made monthly", path="frequency")
    shift = made.setdefault("billingDateShift", 0)
    if not 0 <= shift <= 30:
        raise InvalidAccount("is 0 to 30 days", path="billingDateShift")
    due = made.setdefault("paymentDueDateOffset", 14)
    if not 0 <= due <= _MOST_DAYS:
        raise InvalidAccount(f"is 0 to {_MOST_DAYS} days", path="paymentDueDateOffset")
    return made


_STATES = (AccountState.ACTIVE.value, AccountState.SUSPENDED.value)
_REFERS = {"relatedParty": known_parties, "accountRelationship.account": _known_all}


def _accounts(name: str, ids: type[Id], table: str, **others: Any) -> documents.Kind:
    return documents.Kind(
        name=name,
        ids=ids,
        table=_account_table(table),
        columns=_account_columns,
        lifecycle=ACCOUNT_LIFECYCLE,
        state="state",
        begins=_STATES,
        **others,
    )


_OWNED: dict[str, Any] = {
    "complete": _complete_owned,
    "refers": _REFERS | {"financialAccount": known_financial_accounts},
}
PARTY_ACCOUNTS = _accounts("PartyAccount", PartyAccountId, "party_account", **_OWNED)
SETTLEMENT_ACCOUNTS = _accounts(
    "SettlementAccount", SettlementAccountId, "settlement_account", **_OWNED
)
FINANCIAL_ACCOUNTS = _accounts(
    "FinancialAccount",
    FinancialAccountId,
    "financial_account",
    complete=_complete_account,
    refers=_REFERS,
    deletable=_check_financial_unused,
)
BILL_FORMATS = documents.Kind(
    name="BillFormat",
    ids=BillFormatId,
    table=_plain_table("bill_format"),
    columns=_plain_columns,
    complete=_complete_plain,
)
BILL_MEDIA = documents.Kind(
    name="BillPresentationMedia",
    ids=BillMediaId,
    table=_plain_table("bill_presentation_media"),
    columns=_plain_columns,
    complete=_complete_plain,
)
CYCLE_SPECIFICATIONS = documents.Kind(
    name="BillingCycleSpecification",
    ids=CycleSpecificationId,
    table=_plain_table(
        "billing_cycle_specification", sa.Column("frequency", sa.String(20), nullable=False)
    ),
    columns=_cycle_columns,
    complete=_complete_cycle,
)
