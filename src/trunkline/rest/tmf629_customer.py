"""TMF629 Customer Management, v4.

Extensions: `brand`, the brand whose customer it is (left out, the operator's only one), and
`externalId`, the name under which it came in.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec import UNSET, UnsetType

from trunkline import catalog, customers
from trunkline.catalog import BrandId
from trunkline.customers import (
    CUSTOMERS,
    BillingAccount,
    Customer,
    CustomerId,
    CustomerStatus,
    Individual,
    Party,
    PartyId,
)
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Reader, Tx
from trunkline.rest.tmf632_party import ContactMediumForm, medium_forms
from trunkline.rest.wire import (
    ACCOUNT,
    CUSTOMER,
    PARTY,
    Characteristic,
    PartyIn,
    Ref,
    RefIn,
    Since,
    characteristics,
    given,
    ref,
    values_of,
)
from trunkline.rest.wire import Party as PartyRef
from trunkline.tmf import Aggregate, Api, Entity, Verb, Wire, href, owned_by

_CUSTOMERS = f"{CUSTOMER}/customer"
Found = tuple[Customer, Party, Sequence[BillingAccount]]


class CustomerForm(Entity, kw_only=True, tag="Customer"):
    name: str
    status: str
    status_reason: str | None = None
    engaged_party: PartyRef
    valid_for: Since
    account: tuple[Ref, ...] = ()
    contact_medium: tuple[ContactMediumForm, ...] = ()
    characteristic: tuple[Characteristic, ...] = ()
    brand: Ref
    external_id: str | None = None


class CustomerCreate(Wire):
    name: str
    engaged_party: PartyIn
    status: CustomerStatus = CustomerStatus.ACTIVE
    characteristic: tuple[Characteristic, ...] = ()
    brand: RefIn | None = None
    external_id: str | None = None


class CustomerStatusPatch(Wire):
    status: CustomerStatus
    status_reason: str | None = None


class CustomerPatch(Wire):
    name: str | UnsetType = UNSET
    characteristic: tuple[Characteristic, ...] | UnsetType | None = UNSET


def _find(r: Reader, ids: Sequence[str]) -> list[Found]:
    found = customers.customers(r, [CustomerId(each) for each in ids])
    parties = customers.parties(r, {each.party for each in found.values()})
    accounts = customers.accounts_of_customers(r, found)
    return [(each, parties[each.party], accounts[each.id]) for each in found.values()]


def _customer(found: Found) -> CustomerForm:
    customer, party, accounts = found
    type_ = "Individual" if isinstance(party, Individual) else "Organization"
    return CustomerForm(
        id=customer.id,
        href=href(_CUSTOMERS, customer.id),
        name=customer.name,
        status=customer.status,
        status_reason=customer.status_reason,
        engaged_party=PartyRef(
            id=party.id,
            href=href(f"{PARTY}/{type_.lower()}", party.id),
            name=party.name,
            referred_type=type_,
        ),
        valid_for=Since(start_date_time=format_instant(customer.created_at)),
        account=tuple(ref(ACCOUNT, "BillingAccount", each.id, each.name) for each in accounts),
        contact_medium=medium_forms(party.contact_media),
        characteristic=characteristics(customer.characteristics),
        brand=Ref(id=customer.brand),
        external_id=customer.external_id,
    )


def _create(tx: Tx, new: CustomerCreate, now: datetime) -> str:
    return customers.create_customer(
        tx,
        party=PartyId(new.engaged_party.id),
        brand=_brand(tx, new.brand),
        name=new.name,
        status=new.status,
        external_id=new.external_id,
        characteristics=values_of(new.characteristic, "characteristic"),
        now=now,
    ).id


def _brand(r: Reader, given: RefIn | None) -> BrandId:
    brands = catalog.brands(r)
    if given is None:
        if len(brands) != 1:
            raise Invalid("is required: there is more than one", path="brand")
        return brands[0].id
    if given.id not in {brand.id for brand in brands}:
        raise Invalid(f"there is no brand {given.id[:60]}", path="brand.id")
    return BrandId(given.id)


def _change_status(tx: Tx, ident: str, patch: CustomerStatusPatch, now: datetime) -> None:
    customers.change_customer_status(
        tx, customer=CustomerId(ident), to=patch.status, reason=patch.status_reason, now=now
    )


def _change(tx: Tx, ident: str, patch: CustomerPatch, now: datetime) -> None:
    values = None
    if not isinstance(patch.characteristic, UnsetType):
        values = values_of(patch.characteristic or (), "characteristic")
    customers.change_customer(
        tx,
        customer=CustomerId(ident),
        name=given(patch.name),
        characteristics=values,
        now=now,
    )


API = Api(
    number="TMF629",
    title="Customer Management",
    version="4.0.0",
    base=CUSTOMER,
    resources=(
        Aggregate(
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
                "validFor.startDateTime": CUSTOMERS.c.created_at,
            },
            find=_find,
            to_wire=_customer,
            form=CustomerForm,
            owner=owned_by(CUSTOMERS.c.id, writes=False),
            accepts=CustomerCreate,
            create=_create,
            verbs=(
                Verb(on="status", form=CustomerStatusPatch, run=_change_status),
                Verb(form=CustomerPatch, run=_change),
            ),
        ),
    ),
)
