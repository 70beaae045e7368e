"""TMF635 Usage Management, v4: records of usage, as they came and as charging rated them.

A usage comes in a file or by POST, and is rated like the others: `received`, then `rated` with
its amount, or `rejected` with a `statusReason` (an extension); a PATCH of the status to `recycled`
has a rejected one tried again, and DELETE forgets it. `usageType` is voice, sms or data. Its
`usageCharacteristic`s are `subscriber` (who used it, in E.164 digits), `quantity`, `unit`,
`called`, `ratingGroup`, `recordId` (the source's own id of it: the same record comes in once) and
`source`. Others that a client names are kept. What the network charged in real time is in
charging's journal, not here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline import billing, customers, usage
from trunkline.billing import BilledUsage, BillingCycle
from trunkline.charging import ChargingAccountId, Service, service_name, service_unit
from trunkline.customers import BILLING_ACCOUNTS, BillingAccountId, Customer
from trunkline.kernel.errors import Invalid
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms.lookups import of_row
from trunkline.rest.forms.usage_specifications import UsageSpecification
from trunkline.rest.forms.wire import (
    PRODUCTS,
    USAGE,
    Money,
    Party,
    Ref,
    customer_party,
    given,
    placed,
    ref,
)
from trunkline.tmf import (
    PUBLIC,
    Aggregate,
    Api,
    Entity,
    Moment,
    Timestamp,
    Verb,
    Wire,
    amount,
    column,
    documents,
    href,
    in_json,
    owned_through,
)
from trunkline.usage import USAGE_SPECIFICATIONS, USAGES, Usage, UsageId, UsageState

_USAGES = f"{USAGE}/usage"
_SOURCE = "api"
_COLUMNS = {
    "recordId": "record_id",
    "subscriber": "subscriber",
    "called": "called",
    "quantity": "quantity",
    "unit": "unit",
    "ratingGroup": "rating_group",
    "serviceIdentifier": "service_identifier",
    "dnn": "dnn",
    "slice": "slice",
    "qos": "qos",
    "network": "network",
}
"""Characteristics, and the columns of a usage file that they are."""
_OURS = frozenset({"source", "included"})
_STATUSES = (*UsageState, "guided", "rerated", "billed")
"""UsageStatusType; a bill's taking is told by `isBilled`."""

Found = tuple[Usage, Customer | None, bool]


class Characteristic(Wire):
    name: str
    value: Any
    id: str | None = None
    value_type: str | None = None


class Rated(Wire, kw_only=True):
    """RatedProductUsage. A prepaid product's usage is paid for and never billed; a hybrid one's is,
    once a bill has taken what its balance didn't pay."""

    is_billed: bool
    is_tax_exempt: bool
    rating_date: Timestamp
    rating_amount_type: str
    usage_rating_tag: str
    offer_tariff_type: str | None = None
    product_ref: Ref
    tax_excluded_rating_amount: Money


class UsageForm(Entity, kw_only=True, tag="Usage"):
    usage_date: Timestamp
    usage_type: str
    status: str
    status_reason: str | None = None
    description: str | None = None
    usage_characteristic: tuple[Characteristic, ...]
    rated_product_usage: tuple[Rated, ...] = ()
    related_party: tuple[Party, ...] = ()
    usage_specification: Ref | None = None


class SpecificationRef(Wire):
    id: str
    name: str | None = None


class PartyNamed(Wire):
    id: str
    referred_type: str = msgspec.field(name="@referredType")
    href: str | None = None
    name: str | None = None
    role: str | None = None


class UsageCreate(Wire):
    usage_type: str
    usage_date: Moment
    usage_characteristic: tuple[Characteristic, ...]
    description: str | None = None
    status: UsageState = UsageState.RECEIVED
    usage_specification: SpecificationRef | None = None
    related_party: tuple[PartyNamed, ...] = ()
    rated_product_usage: tuple[dict[str, Any], ...] = ()


class StatusPatch(Wire):
    status: str


class UsagePatch(Wire):
    description: str | msgspec.UnsetType | None = msgspec.UNSET


def _find(r: Reader, ids: Sequence[str]) -> list[Found]:
    found = usage.some_usages(r, ids)
    payers = {each.billing_account for each in found if each.billing_account is not None}
    accounts = customers.billing_accounts(r, payers)
    owners = customers.customers(r, {each.customer for each in accounts.values()})
    billed = billing.billed_usage(r, payers)
    cycles = billing.billing_cycles(r, payers)
    return [
        (
            each,
            None
            if each.billing_account is None
            else owners[accounts[each.billing_account].customer],
            _is_billed(each, billed, cycles),
        )
        for each in found
    ]


def _is_billed(
    each: Usage,
    billed: Mapping[ChargingAccountId, BilledUsage],
    cycles: Mapping[BillingAccountId, BillingCycle],
) -> bool:
    """Whether a bill has taken its journal record: what began in a billed month, up to the
    record at which the bill cut."""
    if each.journal_record is None or each.account is None or each.billing_account is None:
        return False
    cut, cycle = billed.get(each.account), cycles.get(each.billing_account)
    if cut is None or cycle is None or cycle.next_start is None:
        return False
    sequence = int(each.journal_record.rpartition("/")[2])
    return sequence <= cut.seq and each.content.start < cycle.next_start


def _usage(found: Found) -> UsageForm:
    each, owner, billed = found
    content = each.content
    parties = (customer_party(owner.id, owner.name),) if owner is not None else ()
    return UsageForm(
        id=each.id,
        href=href(_USAGES, each.id),
        usage_date=format_instant(content.start),
        usage_type=service_name(content.service),
        status=each.state,
        status_reason=each.error,
        description=each.description,
        usage_characteristic=tuple(_characteristics(each)),
        rated_product_usage=_rated(each, billed=billed),
        related_party=parties,
        usage_specification=(
            None
            if each.specification is None
            else ref(USAGE, "UsageSpecification", each.specification)
        ),
    )


def _characteristics(each: Usage) -> list[Characteristic]:
    content = each.content
    values: dict[str, Any] = {
        "recordId": content.record_id,
        "source": each.source,
        "subscriber": content.subscriber,
        "quantity": content.quantity,
        "unit": service_unit(content.service),
    }
    if content.called:
        values["called"] = content.called
    if content.rating_group is not None:
        values["ratingGroup"] = content.rating_group
    if content.service_identifier is not None:
        values["serviceIdentifier"] = content.service_identifier
    if content.where is not None:
        where = content.where
        told = {"dnn": where.dnn, "slice": where.slice, "network": where.network}
        values |= {name: value for name, value in told.items() if value}
        if where.qos >= 0:
            values["qos"] = where.qos
    if each.free:
        values["included"] = each.free
    if each.waived is not None:
        values |= {"waived": str(each.waived), "waiver": each.waiver}
    values |= each.details.get("characteristics", {})
    return [Characteristic(name=name, value=value) for name, value in values.items()]


def _rated(each: Usage, *, billed: bool) -> tuple[Rated, ...]:
    if each.charge is None or each.account is None or each.answered_at is None:
        return ()
    return (
        Rated(
            is_billed=billed,
            is_tax_exempt=False,
            rating_date=format_instant(each.answered_at),
            rating_amount_type="Total",
            usage_rating_tag="included usage" if each.free else "usage",
            offer_tariff_type=each.label,
            product_ref=ref(PRODUCTS, "Product", each.account),
            tax_excluded_rating_amount=Money.of(each.charge),
        ),
    )


def _take(tx: Tx, new: UsageCreate, now: datetime) -> str:
    if new.status is not UsageState.RECEIVED:
        raise Invalid("begins as received", path="status")
    if new.rated_product_usage:
        raise Invalid("is charging's to say", path="ratedProductUsage")
    parties = customers.known_parties(tx, {each.id for each in new.related_party})
    for index, each in enumerate(new.related_party):
        if each.id not in parties:
            raise Invalid(f"there is no {each.id[:60]!r}", path=f"relatedParty[{index}].id")
    specification = new.usage_specification
    if specification is not None and not documents.find(
        tx, USAGE_SPECIFICATIONS, [specification.id]
    ):
        raise Invalid("there is no such specification", path="usageSpecification.id")
    values, others, places = _values(tx, new, now)
    with placed(places):
        record = usage.record_of(values, now)
        return usage.take_usage(
            tx,
            source=_SOURCE,
            record=record,
            description=new.description,
            specification=None if specification is None else specification.id,
            details={"characteristics": others} if others else {},
            now=now,
        ).id


def _values(
    tx: Tx, new: UsageCreate, now: datetime
) -> tuple[dict[str, str], dict[str, Any], dict[str, str]]:
    """The columns of a usage record, characteristics that are none of them, and where each
    column stands in the body."""
    values = {
        # One that its sender has no name for is known by a name of its own.
        "record_id": str(tx.new_id(UsageId, now)),
        "service": new.usage_type,
        "start": new.usage_date.isoformat(),
        "subscriber": "",
        "called": "",
        "quantity": "",
        "unit": "",
        "rating_group": "",
        "service_identifier": "",
        "dnn": "",
        "slice": "",
        "qos": "",
        "network": "",
    }
    places = dict.fromkeys(values, "usageCharacteristic")
    places |= {"service": "usageType", "start": "usageDate"}
    others: dict[str, Any] = {}
    seen = set()
    for index, each in enumerate(new.usage_characteristic):
        place = f"usageCharacteristic[{index}]"
        if each.name in seen:
            raise Invalid(f"there are two of {each.name[:40]!r}", path=f"{place}.name")
        seen.add(each.name)
        name = _COLUMNS.get(each.name)
        if name is None:
            others[each.name] = each.value
            continue
        if isinstance(each.value, bool) or not isinstance(each.value, str | int | Decimal):
            raise Invalid("is a text or a number", path=f"{place}.value")
        values[name] = str(each.value)
        places[name] = f"{place}.value"
    for name in ("subscriber", "quantity"):
        if not values[name]:
            raise Invalid(f"names no {name}", path="usageCharacteristic")
    for name in others:
        if name in _OURS or not 1 <= len(name) <= 100:
            raise Invalid(f"{name[:40]!r} can't be named by a client", path="usageCharacteristic")
    return values, others, places


def _change_status(tx: Tx, ident: str, patch: StatusPatch, now: datetime) -> None:
    if patch.status != UsageState.RECYCLED:
        if patch.status not in _STATUSES:
            raise Invalid(f"{patch.status[:40]!r} is no status of usage", path="status")
        raise IllegalTransition(
            "follows rating and billing; a client may only have rejected usage recycled",
            path="status",
        )
    with placed({"state": "status"}):
        usage.retry_usage(tx, usages=[UsageId(ident)], now=now)


def _describe(tx: Tx, ident: str, patch: UsagePatch, _now: datetime) -> None:
    usage.describe_usage(tx, usage=UsageId(ident), description=given(patch.description))


def _forget(tx: Tx, ident: str, _now: datetime) -> None:
    usage.forget_usage(tx, usage=UsageId(ident))


_row = USAGES.c
_type = sa.case({int(each): service_name(each) for each in Service}, value=_row.service)
_SPECIFICATIONS = USAGE_SPECIFICATIONS.table.c

API = Api(
    number="TMF635",
    title="Usage Management",
    version="4.0.0",
    base=USAGE,
    resources=(
        Aggregate(
            path=_USAGES,
            type="Usage",
            key=_row.id,
            paths={
                "usageDate": _row.start,
                "usageType": column(_type),
                "status": _row.state,
                "description": _row.description,
                "statusReason": _row.error,
                "usageSpecification.id": _row.specification_id,
                "relatedParty.id": of_row(
                    BILLING_ACCOUNTS.c.customer_id,
                    reference=_row.billing_account,
                    key=BILLING_ACCOUNTS.c.id,
                ),
                "ratedProductUsage.productRef.id": _row.account,
                "ratedProductUsage.ratingDate": _row.answered_at,
                "ratedProductUsage.taxExcludedRatingAmount.value": amount(_row.charge_micros),
                "ratedProductUsage.taxExcludedRatingAmount.unit": _row.currency,
            },
            owner=owned_through(
                _row.billing_account,
                BILLING_ACCOUNTS.c.id,
                BILLING_ACCOUNTS.c.customer_id,
                writes=False,
            ),
            find=_find,
            to_wire=_usage,
            form=UsageForm,
            accepts=UsageCreate,
            create=_take,
            verbs=(
                Verb(on="status", form=StatusPatch, run=_change_status),
                Verb(form=UsagePatch, run=_describe),
            ),
            delete=_forget,
        ),
        documents.as_resource(
            USAGE_SPECIFICATIONS,
            path=f"{USAGE}/usageSpecification",
            schema=UsageSpecification,
            state_event="AttributeValueChangeEvent",
            paths={
                "name": _SPECIFICATIONS.name,
                "lifecycleStatus": _SPECIFICATIONS.lifecycle_status,
                "isBundle": _SPECIFICATIONS.is_bundle,
                "lastUpdate": _SPECIFICATIONS.updated_at,
                "version": in_json(_SPECIFICATIONS.body, "version"),
                "description": in_json(_SPECIFICATIONS.body, "description"),
                "specCharacteristic.name": in_json(_SPECIFICATIONS.body, "specCharacteristic.name"),
            },
            owner=PUBLIC,
        ),
    ),
)
