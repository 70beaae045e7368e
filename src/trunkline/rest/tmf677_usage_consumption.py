"""TMF677 Usage Consumption, v4: what products have used and have left, at the instant of asking.

A query names products, party accounts, related parties (customers) or logical resources (numbers)
in its `searchCriteria`, or `partyAccount` and `relatedParty` beside it; all that it names must
hold. It is answered from charging's own database at once, and kept with its answer: a usage
consumption for each product, with its buckets and what of each is used: of a member of a pool what
it has used of that and still may, of a pool what each member has.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from trunkline import charging, customers
from trunkline.charging import (
    CONSUMPTION_QUERIES,
    Balance,
    ChargingAccountId,
    MemberUse,
    MonthOfUsage,
)
from trunkline.customers import CustomerId, PartyId
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Database, Reader, Tx
from trunkline.rest.forms.consumption import (
    MOST_MEMBERS,
    Counter,
    by_member,
    counter,
    counters,
    in_units,
)
from trunkline.rest.forms.lookups import owners
from trunkline.rest.forms.prepay_buckets import BucketForm, Held, buckets_of, money, period
from trunkline.rest.forms.wire import ACCOUNT, CONSUMPTION, PRODUCTS, Party, ref
from trunkline.tmf import (
    Api,
    Body,
    Document,
    Moment,
    Wire,
    documents,
    in_json,
    owned_by,
    wire,
)

_QUERIES = f"{CONSUMPTION}/queryUsageConsumption"
MOST_PRODUCTS = 100
"""That one query tells of."""


class Named(Wire):
    id: str
    href: str | None = None
    name: str | None = None
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class PartyNamed(Wire):
    id: str
    referred_type: str = msgspec.field(name="@referredType")
    href: str | None = None
    name: str | None = None
    role: str | None = None


class BucketNamed(Wire):
    id: str | None = None
    usage_type: str | None = None
    name: str | None = None


class Criteria(Wire):
    """A UsageConsumption whose attributes are what is looked for."""

    product: tuple[Named, ...] = ()
    party_account: tuple[Named, ...] = ()
    related_party: tuple[PartyNamed, ...] = ()
    logical_resource: tuple[Named, ...] = ()
    bucket_ref_or_value: tuple[BucketNamed, ...] = ()
    service: tuple[Named, ...] = ()
    valid_period: dict[str, Any] | None = None


class QueryUsageConsumption(Wire):
    search_criteria: Criteria
    party_account: tuple[Named, ...] = ()
    related_party: tuple[PartyNamed, ...] = ()
    query_usage_consumption_date: Moment | None = None


def _ask(database: Database, tx: Tx, body: Body, now: datetime) -> str:
    asked = wire.convert(body, QueryUsageConsumption)
    criteria = asked.search_criteria
    for given, path in ((criteria.service, "service"), (criteria.valid_period, "validPeriod")):
        if given:
            raise Invalid(
                "is not looked for: name products, accounts, parties or numbers",
                path=f"searchCriteria.{path}",
            )
    with database.read() as r:
        found = _found(tx, r, asked, now)
        parties = owners(tx, [each.billing_account for each in found])
        consumption = [
            _consumption(r, each, parties.get(each.billing_account), criteria, now)
            for each in found
        ]
    whose = {each.id for each in parties.values()}
    answered = {
        **body,
        "queryUsageConsumptionDate": format_instant(now),
        "usageConsumption": wire.plain(consumption),
        "customer": whose.pop() if len(whose) == 1 else _only_customer(asked),
    }
    ident: str = documents.create(tx, CONSUMPTION_QUERIES, answered, now)["id"]
    return ident


def _only_customer(asked: QueryUsageConsumption) -> str | None:
    """Whose question it is where nothing was found."""
    parties = [*asked.related_party, *asked.search_criteria.related_party]
    ids = {each.id for each in parties if each.referred_type.lower() == "customer"}
    return ids.pop() if len(ids) == 1 else None


def _found(tx: Tx, r: Reader, asked: QueryUsageConsumption, now: datetime) -> list[Balance]:
    """The balances of the products that all that is named has in common."""
    criteria = asked.search_criteria
    payers: set[str] | None = None
    for parties, path in (
        (criteria.related_party, "searchCriteria.relatedParty"),
        (asked.related_party, "relatedParty"),
    ):
        if parties:
            payers = _both(payers, _payers(tx, parties, path))
    for accounts, path in (
        (criteria.party_account, "searchCriteria.partyAccount"),
        (asked.party_account, "partyAccount"),
    ):
        if accounts:
            _check_known(customers.known_accounts(tx, _ids(accounts)), accounts, path)
            payers = _both(payers, _ids(accounts))
    products: set[str] | None = None
    if criteria.product:
        known = charging.balances_by_id(r, map(ChargingAccountId, _ids(criteria.product)), now)
        _check_known(known, criteria.product, "searchCriteria.product")
        products = set(known)
    if criteria.logical_resource:
        products = _both(products, _holders(tx, r, criteria.logical_resource, now))
    named = [each.id for each in criteria.bucket_ref_or_value if each.id is not None]
    if named:
        products = _both(products, {part for each in named for part in _owners(each)})
    return _balances(r, payers, products, now)


def _balances(
    r: Reader, payers: set[str] | None, products: set[str] | None, now: datetime
) -> list[Balance]:
    ids = charging.charging_account_ids(
        r, billing_accounts=payers, accounts=products, limit=MOST_PRODUCTS + 1
    )
    if len(ids) > MOST_PRODUCTS:
        raise Invalid(f"finds more than {MOST_PRODUCTS} products", path="searchCriteria")
    found = charging.balances_by_id(r, ids, now)
    return [found[each] for each in ids]


def _both(one: set[str] | None, other: set[str]) -> set[str]:
    return other if one is None else one & other


def _ids(named: Iterable[Named]) -> set[str]:
    return {each.id for each in named}


def _owners(bucket: str) -> set[str]:
    return {bucket, bucket.rpartition("~")[0]}


def _check_known(known: Iterable[str], named: Sequence[Named | PartyNamed], path: str) -> None:
    there = set(known)
    for index, each in enumerate(named):
        if each.id not in there:
            raise Invalid(f"there is no {each.id[:100]!r}", path=f"{path}[{index}].id")


def _payers(tx: Tx, parties: Sequence[PartyNamed], path: str) -> set[str]:
    """The accounts of these customers, or of the customers that these parties are."""
    ids = {each.id for each in parties}
    _check_known(customers.known_parties(tx, ids), parties, path)
    owners = set(customers.customers(tx, map(CustomerId, ids)))
    for ident in ids - owners:
        owners |= {each.id for each in customers.customers_of_party(tx, PartyId(ident))}
    found = customers.accounts_of_customers(tx, owners)
    return {account.id for accounts in found.values() for account in accounts}


def _holders(tx: Tx, r: Reader, numbers: Sequence[Named], now: datetime) -> set[str]:
    """Who is a customer isn't told which numbers others have."""
    is_customer = tx.by_subscriber
    found = set()
    for index, each in enumerate(numbers):
        digits = each.id.removeprefix("+")
        holder = charging.account_of(r, ("msisdn", digits), now)
        if holder is None and is_customer:
            continue
        if holder is None:
            raise Invalid(
                f"nobody has {each.id[:40]!r}", path=f"searchCriteria.logicalResource[{index}].id"
            )
        found.add(str(holder))
    return found


def _consumption(
    r: Reader, balance: Balance, owner: Party | None, criteria: Criteria, now: datetime
) -> Mapping[str, Any]:
    """A product's usage consumption."""
    account, wanted = balance.account, criteria.bucket_ref_or_value
    numbers = charging.numbers_of(r, [account]).get(account, ())
    whose = () if owner is None else (owner,)
    held = Held(balance, numbers, charging.member_shares(r, [balance], now).get(account))
    members = _members(r, balance, now)
    used = [_used(each, now) for each in charging.usage_of_month(r, account, now)]
    product = ref(PRODUCTS, "Product", account)
    told = counters(held, members)
    return {
        "id": account,
        "name": f"Consumption of {account}",
        "creationDate": format_instant(now),
        "lastUpdate": format_instant(now),
        "state": "done",
        "product": [{**wire.plain(product), "consumptionSummary": [*used, *by_member(members)]}],
        "partyAccount": [ref(ACCOUNT, "BillingAccount", balance.billing_account)],
        "relatedParty": whose,
        "logicalResource": [
            {"id": each, "name": each, "@referredType": "MSISDN"} for each in numbers
        ],
        "bucketRefOrValue": [
            _shown_bucket(msgspec.structs.replace(form, related_party=whose), told.get(form.id, ()))
            for form in buckets_of(held)
            if _is_wanted(form, wanted)
        ],
        **_of_members(balance, members),
    }


def _members(r: Reader, balance: Balance, now: datetime) -> Sequence[MemberUse]:
    if balance.members is None:
        return ()
    return charging.member_uses(r, balance.account, now, MOST_MEMBERS)


def _of_members(balance: Balance, members: Sequence[MemberUse]) -> Mapping[str, str]:
    if balance.members is None or len(members) >= balance.members:
        return {}
    return {"description": f"Of {balance.members:,} members, {len(members)} are told one by one"}


def _is_wanted(bucket: BucketForm, wanted: Sequence[BucketNamed]) -> bool:
    return not wanted or any(
        each.id in (None, bucket.id)
        and each.usage_type in (None, bucket.usage_type)
        and each.name in (None, bucket.name)
        for each in wanted
    )


def _shown_bucket(form: BucketForm, told: Sequence[Counter]) -> Mapping[str, Any]:
    return {**wire.plain(form), **({"bucketCounter": told} if told else {})}


def _used(usage: MonthOfUsage, now: datetime) -> Mapping[str, Any]:
    """What a product has used of a service since its month began; `charge` is an extension."""
    return {
        **counter("used", in_units(usage.service, usage.units), period(usage.since, now)),
        "charge": money(usage.charge),
    }


def _shown(body: Body) -> Body:
    return {name: each for name, each in body.items() if name != "customer"}


_TEXTS = (
    "partyAccount.id",
    "relatedParty.id",
    "searchCriteria.product.id",
    "searchCriteria.partyAccount.id",
    "searchCriteria.relatedParty.id",
    "searchCriteria.logicalResource.id",
    "usageConsumption.id",
    "usageConsumption.state",
    "usageConsumption.product.id",
    "usageConsumption.partyAccount.id",
    "usageConsumption.relatedParty.id",
    "usageConsumption.logicalResource.id",
    "usageConsumption.bucketRefOrValue.id",
    "usageConsumption.bucketRefOrValue.usageType",
)


def api(database: Database) -> Api:
    """The API over charging's `database`; queries are kept in the books."""
    table = CONSUMPTION_QUERIES.table.c
    return Api(
        number="TMF677",
        title="Usage Consumption",
        version="4.0.1",
        base=CONSUMPTION,
        resources=(
            Document(
                path=_QUERIES,
                type=CONSUMPTION_QUERIES.name,
                key=table.id,
                paths={
                    "queryUsageConsumptionDate": table.created_at,
                    **{name: in_json(table.body, name) for name in _TEXTS},
                },
                owner=owned_by(table.customer_id, claims="relatedParty"),
                schema=QueryUsageConsumption,
                find=lambda r, ids: documents.find(r, CONSUMPTION_QUERIES, ids),
                to_wire=_shown,
                create=partial(_ask, database),
                delete=lambda tx, ident, _now: documents.delete(tx, CONSUMPTION_QUERIES, ident),
            ),
        ),
    )
