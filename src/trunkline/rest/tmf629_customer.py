"""TMF629 Customer Management, v4.

Extensions: `brand`, the brand whose customer it is (left out, the operator's only one), and
`externalId`, the name under which it came in. A customer's accounts and agreements are its own,
beside those that it is said to refer to; its contact media are its party's, until it is said to
have others.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from trunkline import catalog, customers
from trunkline.catalog import BrandId
from trunkline.customers import (
    CUSTOMERS,
    BillingAccount,
    Customer,
    CustomerId,
    CustomerStatus,
    Party,
    PartyId,
)
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import format_instant, parse_instant
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms.contact_media import media_of
from trunkline.rest.forms.entities import (
    DescribedReference,
    NamedValue,
    ReferenceInRole,
    RelatedParty,
)
from trunkline.rest.forms.party_types import (
    AccountRef,
    ContactMediumIn,
    CreditProfile,
    addressed,
    unaddressed,
)
from trunkline.rest.forms.references import check_entities, check_methods
from trunkline.rest.forms.wire import (
    CUSTOMER,
    PeriodIn,
    Typed,
    placed,
    values_of,
)
from trunkline.rest.tmf632_party import contact_media_of
from trunkline.tmf import Api, Body, Document, column, documents, in_json, owned_by, wire

_CUSTOMERS = f"{CUSTOMER}/customer"
_REFERENCES = ("engagedParty", "account", "agreement", "relatedParty")
_bare = unaddressed(*_REFERENCES)
_TYPED = {
    "id", "href", "name", "status", "statusReason", "engagedParty", "validFor", "brand",
    "externalId",
}  # fmt: skip
_DERIVED = ("account", "agreement")


class CustomerForm(Typed, kw_only=True):
    engaged_party: ReferenceInRole
    name: str | None = None
    status: str | None = None
    status_reason: str | None = None
    account: tuple[AccountRef, ...] | None = None
    agreement: tuple[DescribedReference, ...] | None = None
    characteristic: tuple[NamedValue, ...] | None = None
    contact_medium: tuple[ContactMediumIn, ...] | None = None
    credit_profile: tuple[CreditProfile, ...] | None = None
    payment_method: tuple[DescribedReference, ...] | None = None
    related_party: tuple[RelatedParty, ...] | None = None
    valid_for: PeriodIn | None = None
    brand: DescribedReference | None = None
    external_id: str | None = None


class CustomerCreate(CustomerForm, kw_only=True):
    name: str


def _find(r: Reader, ids: Sequence[str]) -> list[Body]:
    found = customers.customers(r, [CustomerId(each) for each in ids])
    parties = customers.parties(r, {each.party for each in found.values()})
    accounts = customers.accounts_of_customers(r, found)
    agreed = customers.agreements_of_customers(r, found)
    return [
        _body(each, parties[each.party], accounts[each.id], agreed[each.id])
        for each in found.values()
    ]


def _body(
    customer: Customer,
    party: Party,
    accounts: Iterable[BillingAccount],
    agreed: Iterable[customers.Agreement],
) -> Body:
    validity = {
        "startDateTime": format_instant(customer.valid_from or customer.created_at),
        "endDateTime": customer.valid_until and format_instant(customer.valid_until),
    }
    details = customer.details
    body = {
        **details,
        "id": customer.id,
        "name": customer.name,
        "status": customer.status.value,
        "statusReason": customer.status_reason,
        "engagedParty": {
            "id": party.id,
            "name": party.name,
            "@referredType": customers.type_of(party),
        },
        "validFor": documents.present(validity),
        "characteristic": _characteristics_of(customer),
        "contactMedium": details.get("contactMedium") or _complete(contact_media_of(party)),
        "account": [
            *({"id": each.id, "name": each.name, "@referredType": "BillingAccount"}
              for each in accounts),
            *details.get("account", ()),
        ],
        "agreement": [
            *({"id": each.id, "name": each.name} for each in agreed),
            *details.get("agreement", ()),
        ],
        "brand": {"id": customer.brand},
        "externalId": customer.external_id,
    }  # fmt: skip
    return {name: each for name, each in body.items() if each is not None and each != []}


def _complete(media: Iterable[Body]) -> list[Body]:
    """A customer's media have a type and a characteristic, a party's may do without."""
    return [{"mediumType": "other", "characteristic": {}, **each} for each in media]


def _characteristics_of(customer: Customer) -> list[Body]:
    said = customer.details.get("characteristic")
    if said is not None and values_of(said, "characteristic") == customer.characteristics:
        return list(said)
    return [{"name": name, "value": each} for name, each in customer.characteristics.items()]


def _create(tx: Tx, body: Body, now: datetime) -> str:
    new = wire.convert(body, CustomerCreate)
    given = _own(body)
    details = _details(tx, given, {})
    valid_from, valid_until = _validity(given)
    engaged = new.engaged_party
    with placed({"id": "engagedParty.id", "name": "engagedParty.name"}):
        customers.remember_party(
            tx,
            party=engaged.id,
            name=engaged.name or new.name,
            is_organization=str(engaged.referred_type).lower() == "organization",
            now=now,
        )
    with placed({"party": "engagedParty"}):
        return customers.create_customer(
            tx,
            party=PartyId(new.engaged_party.id),
            brand=_brand(tx, new.brand),
            name=new.name,
            status=_status(given.get("status", CustomerStatus.ACTIVE)),
            status_reason=given.get("statusReason"),
            external_id=new.external_id,
            characteristics=values_of(given.get("characteristic", ()), "characteristic"),
            details=details,
            valid_from=valid_from,
            valid_until=valid_until,
            now=now,
        ).id


def _own(body: Body) -> Body:
    given = _bare(documents.present(body))
    if given.get("@type") == "Customer":
        del given["@type"]
    return given


def _details(tx: Tx, body: Body, before: Body) -> Body:
    """What is kept as it is, after a look at what it refers to."""
    customers.check_parties(tx, body, before, "relatedParty")
    check_entities(tx, body, before, "account", default="billingAccount")
    check_entities(tx, body, before, "agreement", default="agreement")
    check_methods(tx, body, before)
    media_of(body.get("contactMedium"), "contactMedium")
    kept = {name: each for name, each in body.items() if name not in _TYPED}
    return {name: each for name, each in kept.items() if each != []}


def _status(word: str) -> CustomerStatus:
    try:
        return CustomerStatus(word.strip().lower())
    except ValueError:
        words = ", ".join(CustomerStatus)
        raise Invalid(f"{word[:40]!r} is not among {words}", path="status") from None


def _validity(body: Body) -> tuple[datetime | None, datetime | None]:
    period = body.get("validFor", {})
    starts, ends = period.get("startDateTime"), period.get("endDateTime")
    return (
        None if starts is None else parse_instant(starts, path="validFor.startDateTime"),
        None if ends is None else parse_instant(ends, path="validFor.endDateTime"),
    )


def _brand(r: Reader, given: DescribedReference | None) -> BrandId:
    brands = catalog.brands(r)
    if given is None:
        if len(brands) != 1:
            raise Invalid("is required: there is more than one", path="brand")
        return brands[0].id
    if given.id not in {brand.id for brand in brands}:
        raise Invalid(f"there is no brand {given.id[:60]}", path="brand.id")
    return BrandId(given.id)


def _replace(tx: Tx, ident: str, body: Body, now: datetime) -> None:
    present = customers.customer(tx, CustomerId(ident))
    before = _find(tx, [ident])[0]
    given = _own(body)
    for name in ("brand", "externalId"):
        if given.get(name) != before.get(name):
            raise Invalid("can't be changed", path=name)
    if given["engagedParty"]["id"] != present.party:
        raise Invalid("can't be changed", path="engagedParty")
    if given.get("name") is None:
        raise Invalid("is required", path="name")
    details = _details(tx, given, before)
    for name in _DERIVED:
        details[name] = _beside_own(given, before, present, name)
    if "contactMedium" not in present.details and given.get("contactMedium") == before.get(
        "contactMedium"
    ):
        details.pop("contactMedium", None)
    to = _status(given.get("status", present.status))
    reason = given.get("statusReason")
    if to is not present.status:
        told = None if reason == present.status_reason else reason
        customers.change_customer_status(tx, customer=present.id, to=to, reason=told, now=now)
        reason = None
    validity = None if given.get("validFor") == before.get("validFor") else _validity(given)
    customers.change_customer(
        tx,
        customer=present.id,
        name=given["name"],
        characteristics=values_of(given.get("characteristic", ()), "characteristic"),
        details={key: each for key, each in details.items() if each != []},
        validity=validity,
        status_reason=reason,
        now=now,
    )


def _beside_own(given: Body, before: Body, present: Customer, name: str) -> list[Body]:
    """The references that are kept beside a customer's own, which stay in place."""
    kept = {each["id"] for each in present.details.get(name, ()) if "id" in each}
    own = {each["id"] for each in before.get(name, ()) if "id" in each} - kept
    said = given.get(name, [])
    if own - {each.get("id") for each in said}:
        raise Invalid("the customer's own can't be taken away", path=name)
    return [each for each in said if each.get("id") not in own]


def _delete(tx: Tx, ident: str, _now: datetime) -> None:
    customers.delete_customer(tx, customer=CustomerId(ident))


_FROM = sa.func.coalesce(
    CUSTOMERS.c.valid_from, CUSTOMERS.c.created_at, type_=CUSTOMERS.c.created_at.type
)

API = Api(
    number="TMF629",
    title="Customer Management",
    version="4.0.0",
    base=CUSTOMER,
    resources=(
        Document(
            path=_CUSTOMERS,
            type="Customer",
            key=CUSTOMERS.c.id,
            paths={
                "name": CUSTOMERS.c.name,
                "status": CUSTOMERS.c.status,
                "statusReason": CUSTOMERS.c.status_reason,
                "engagedParty.id": CUSTOMERS.c.party_id,
                "brand.id": CUSTOMERS.c.brand_id,
                "externalId": CUSTOMERS.c.external_id,
                "validFor.startDateTime": column(_FROM),
                "validFor.endDateTime": CUSTOMERS.c.valid_until,
                **{
                    path: in_json(CUSTOMERS.c.details, path)
                    for path in ("relatedParty.id", "relatedParty.role", "paymentMethod.id",
                                 "@type", "@baseType")
                },
            },
            schema=CustomerForm,
            accepts=CustomerCreate,
            find=_find,
            owner=owned_by(CUSTOMERS.c.id, writes=False),
            create=_create,
            replace=_replace,
            delete=_delete,
            to_wire=addressed(*_REFERENCES),
        ),
    ),
)  # fmt: skip
