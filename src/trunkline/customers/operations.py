"""Writes on parties and customers.

Each verb for one stands beside its form for many, which a migration and a bulk sign-up use:
one statement for all rows, checked before anything is written.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.catalog import BrandId, brand
from trunkline.customers import history, store
from trunkline.customers.events import (
    CustomerChanged,
    CustomerCreated,
    CustomerStatusChanged,
    PartyChanged,
    PartyRegistered,
)
from trunkline.customers.model import (
    CUSTOMER_LIFECYCLE,
    INDIVIDUAL_LIFECYCLE,
    ORGANIZATION_LIFECYCLE,
    AccountNotFound,
    BillingAccount,
    BillingAccountId,
    Customer,
    CustomerId,
    CustomerNotFound,
    CustomerStatus,
    ExternalIdTaken,
    Individual,
    IndividualStatus,
    InvalidParty,
    NewBillingAccount,
    NewCustomer,
    NewIndividual,
    NewOrganization,
    NewParty,
    Organization,
    OrganizationStatus,
    Party,
    PartyId,
    PartyNotFound,
    at,
    check_external_id,
    check_medium,
    check_name,
    check_texts,
    display_name,
    type_of,
)
from trunkline.customers.searching import terms_of
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx, encode_json
from trunkline.platform.storable import check_storable

_LARGEST_ATTRIBUTES = 100_000
_LAST = (IndividualStatus.DECEASED, OrganizationStatus.CLOSED)


def register_party(tx: Tx, new: NewParty, *, now: datetime) -> Party:
    """A person or an organization. Raises `InvalidParty`, `ExternalIdTaken`."""
    return _register(tx, [new], [""], now)[0]


def register_parties(tx: Tx, parties: Sequence[NewParty], *, now: datetime) -> list[Party]:
    """All of them, or none: the errors are those of the single forms, their paths begin with
    `[i]`."""
    return _register(tx, parties, places(parties), now)


def change_party(tx: Tx, *, party: PartyId, to: NewParty, now: datetime) -> Party:
    """Puts `to` in the place of what is known of the party; its status stays. The same again
    changes nothing. Raises `PartyNotFound`, `InvalidParty` (also where a person would become an
    organization), `ExternalIdTaken`."""
    present = _locked_party(tx, party)
    if isinstance(to, NewIndividual) is not isinstance(present, Individual):
        raise InvalidParty("a person and an organization do not become each other")
    if to.external_id != present.external_id:
        refuse_taken(tx, store.party, [to], [""])
    changed = _party(party, to, "", present.created_at, now)
    changed = msgspec.structs.replace(changed, status=present.status)
    if isinstance(changed, Organization) and isinstance(present, Organization):
        changed = msgspec.structs.replace(
            changed, parent=present.parent, parent_relationship=present.parent_relationship
        )
    if msgspec.structs.replace(changed, updated_at=present.updated_at) == present:
        return present
    store.update_party(tx, changed)
    _index(tx, store.customers_of_party(tx, party))
    history.record(tx, type_of(changed), present, changed)
    tx.changed(type_of(changed), party, Change.ATTRIBUTES)
    tx.emit(PartyChanged(party=party))
    return changed


def change_party_status(
    tx: Tx, *, party: PartyId, to: IndividualStatus | OrganizationStatus, now: datetime
) -> Party:
    """Raises `PartyNotFound`, `IllegalTransition`."""
    present = _locked_party(tx, party)
    if isinstance(present, Individual):
        INDIVIDUAL_LIFECYCLE.check(present.status, IndividualStatus(to), path="status")
    else:
        ORGANIZATION_LIFECYCLE.check(present.status, OrganizationStatus(to), path="status")
    changed = msgspec.structs.replace(present, status=to, updated_at=now)
    store.update_party(tx, changed)
    history.record(tx, type_of(changed), present, changed)
    tx.changed(type_of(changed), party, Change.STATE)
    tx.emit(PartyChanged(party=party))
    return changed


def create_customer(
    tx: Tx,
    *,
    party: PartyId,
    brand: BrandId,
    name: str | None = None,
    status: CustomerStatus = CustomerStatus.ACTIVE,
    external_id: str | None = None,
    characteristics: Mapping[str, Any] | None = None,
    details: Mapping[str, Any] | None = None,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    status_reason: str | None = None,
    now: datetime,
) -> Customer:
    """Makes a party a customer of a brand. Raises `PartyNotFound`, `UnknownBrand`,
    `InvalidParty` for a name, `ExternalIdTaken`."""
    new = NewCustomer(
        party=party,
        brand=brand,
        name=name,
        status=status,
        external_id=external_id,
        characteristics=characteristics or {},
        details=details or {},
        valid_from=valid_from,
        valid_until=valid_until,
        status_reason=status_reason,
    )
    return _create_customers(tx, [new], [""], now)[0]


def create_customers(tx: Tx, customers: Sequence[NewCustomer], *, now: datetime) -> list[Customer]:
    """All of them, or none: the errors are those of `create_customer`, their paths begin with
    `[i]`."""
    return _create_customers(tx, customers, places(customers), now)


def change_customer(
    tx: Tx,
    *,
    customer: CustomerId,
    name: str | None = None,
    characteristics: Mapping[str, Any] | None = None,
    details: Mapping[str, Any] | None = None,
    validity: tuple[datetime | None, datetime | None] | None = None,
    status_reason: str | None = None,
    now: datetime,
) -> Customer:
    """Changes what is given; `validity` is from when and until when. Raises
    `CustomerNotFound`, `InvalidParty`."""
    present = _locked_customer(tx, customer)
    if characteristics is not None:
        _check_attributes(characteristics, path="characteristic")
    changed = msgspec.structs.replace(
        present,
        name=present.name if name is None else check_name(name, path="name"),
        characteristics=present.characteristics if characteristics is None else characteristics,
        details=present.details if details is None else _checked_details(details),
        valid_from=present.valid_from if validity is None else validity[0],
        valid_until=present.valid_until if validity is None else validity[1],
        status_reason=present.status_reason if status_reason is None else _reason(status_reason),
    )
    _check_validity(changed.valid_from, changed.valid_until)
    if changed == present:
        return present
    changed = msgspec.structs.replace(changed, updated_at=now)
    store.update_customer(tx, changed)
    _index(tx, [changed])
    history.record(tx, "Customer", present, changed)
    tx.changed("Customer", customer, Change.ATTRIBUTES)
    tx.emit(CustomerChanged(customer=customer))
    return changed


def change_customer_status(
    tx: Tx,
    *,
    customer: CustomerId,
    to: CustomerStatus,
    reason: str | None = None,
    now: datetime,
) -> Customer:
    """Raises `CustomerNotFound`, `IllegalTransition`, or `InvalidParty` for a reason longer
    than a name."""
    present = _locked_customer(tx, customer)
    CUSTOMER_LIFECYCLE.check(present.status, to, path="status")
    changed = msgspec.structs.replace(
        present, status=to, status_reason=_reason(reason), updated_at=now
    )
    store.update_customer(tx, changed)
    history.record(tx, "Customer", present, changed)
    tx.changed("Customer", customer, Change.STATE)
    tx.emit(CustomerStatusChanged(customer=customer, previous=present.status, status=to))
    return changed


def hold_buyer(
    tx: Tx, *, customer: CustomerId, account: BillingAccountId
) -> tuple[Customer, BillingAccount]:
    """The two, for who decides by their states: neither is suspended, closed or erased before
    this transaction ends. Raises `AccountNotFound`, `CustomerNotFound`."""
    owner, payer = store.held(tx, customer, account)
    if payer is None:
        raise AccountNotFound(f"there is no billing account {account[:60]}")
    if owner is None:
        raise CustomerNotFound(f"there is no customer {customer[:60]}")
    return owner, payer


def places(items: Sequence[object]) -> list[str]:
    return [f"[{index}]" for index in range(len(items))]


def _check_attributes(attributes: Mapping[str, Any], *, path: str) -> None:
    check_storable(attributes, path=path)
    if len(encode_json(attributes)) > _LARGEST_ATTRIBUTES:
        raise InvalidParty(f"is larger than {_LARGEST_ATTRIBUTES:,} bytes", path=path)


def _register(
    tx: Tx, parties: Sequence[NewParty], paths: Sequence[str], now: datetime
) -> list[Party]:
    refuse_taken(tx, store.party, parties, paths)
    for new, path in zip(parties, paths, strict=True):
        if new.status in _LAST:
            raise InvalidParty(f"nobody begins as {new.status}", path=at(path, "status"))
    registered = [
        _party(tx.new_id(PartyId, now), new, path, now, now)
        for new, path in zip(parties, paths, strict=True)
    ]
    keep_parties(tx, registered)
    return registered


def keep_parties(tx: Tx, parties: Sequence[Party]) -> None:
    """For the domain's own use: writes what was checked, and tells of it."""
    store.insert_parties(tx, parties)
    for each in parties:
        tx.changed(type_of(each), each.id, Change.CREATED)
        tx.emit(PartyRegistered(party=each.id))


def _party(
    party_id: PartyId, new: NewParty, path: str, created_at: datetime, now: datetime
) -> Party:
    name = display_name(new, path=path)
    media = tuple(
        check_medium(medium, path=f"{at(path, 'contactMedium')}[{index}]")
        for index, medium in enumerate(new.contact_media)
    )
    _check_attributes(new.extensions, path=path or "partyCharacteristic")
    _check_attributes(new.details, path=path)
    if isinstance(new, NewOrganization):
        check_texts(path, tradingName=new.trading_name, organizationType=new.organization_type)
        return Organization(
            id=party_id,
            name=name,
            status=new.status,
            trading_name=new.trading_name,
            organization_type=new.organization_type,
            contact_media=media,
            external_id=new.external_id,
            extensions=new.extensions,
            details=new.details,
            created_at=created_at,
            updated_at=now,
        )
    check_texts(path, givenName=new.given_name, familyName=new.family_name, gender=new.gender)
    if new.birth_date is not None and new.birth_date > now.date():
        raise InvalidParty("nobody is born in the future", path=at(path, "birthDate"))
    return Individual(
        id=party_id,
        name=name,
        status=new.status,
        given_name=new.given_name,
        family_name=new.family_name,
        birth_date=new.birth_date,
        gender=new.gender,
        contact_media=media,
        external_id=new.external_id,
        extensions=new.extensions,
        details=new.details,
        created_at=created_at,
        updated_at=now,
    )


def _create_customers(
    tx: Tx, customers: Sequence[NewCustomer], paths: Sequence[str], now: datetime
) -> list[Customer]:
    parties = store.find_parties(tx, {new.party for new in customers})
    for brand_id in {new.brand for new in customers}:
        brand(tx, brand_id)
    refuse_taken(tx, store.customer, customers, paths)
    created = []
    for new, path in zip(customers, paths, strict=True):
        party = parties.get(new.party)
        if party is None:
            raise PartyNotFound(
                f"there is no party {new.party[:60]}", path=at(path, "engagedParty.id")
            )
        name = party.name if new.name is None else check_name(new.name, path=at(path, "name"))
        _check_attributes(new.characteristics, path=at(path, "characteristic"))
        _checked_details(new.details, path=path)
        _check_validity(new.valid_from, new.valid_until, path=path)
        created.append(
            Customer(
                id=tx.new_id(CustomerId, now),
                name=name,
                status=new.status,
                party=new.party,
                brand=new.brand,
                external_id=new.external_id,
                status_reason=_reason(new.status_reason, path=path),
                characteristics=new.characteristics,
                details=new.details,
                valid_from=new.valid_from,
                valid_until=new.valid_until,
                created_at=now,
                updated_at=now,
            )
        )
    keep_customers(tx, created, parties)
    return created


def keep_customers(tx: Tx, created: Sequence[Customer], parties: Mapping[PartyId, Party]) -> None:
    """The same of customers, with their parties."""
    store.insert_customers(tx, created)
    store.add_terms(tx, {each.id: terms_of(each, parties[each.party], ()) for each in created})
    for each in created:
        tx.changed("Customer", each.id, Change.CREATED)
        tx.emit(CustomerCreated(customer=each.id))


def _checked_details(details: Mapping[str, Any], *, path: str = "") -> Mapping[str, Any]:
    _check_attributes(details, path=path)
    return details


def _check_validity(
    valid_from: datetime | None, valid_until: datetime | None, *, path: str = ""
) -> None:
    if valid_from is not None and valid_until is not None and valid_until < valid_from:
        raise InvalidParty("ends before it begins", path=at(path, "validFor.endDateTime"))


def _reason(text: str | None, *, path: str = "") -> str | None:
    return None if text is None else check_name(text, path=at(path, "statusReason"))


def refuse_taken(
    tx: Tx,
    table: sa.Table,
    new: Sequence[NewParty | NewCustomer | NewBillingAccount],
    paths: Sequence[str],
) -> None:
    for each, path in zip(new, paths, strict=True):
        check_external_id(each.external_id, path=path)
    taken = store.taken_external_ids(tx, table, [each.external_id for each in new])
    for each, path in zip(new, paths, strict=True):
        if each.external_id is None:
            continue
        if each.external_id in taken:
            raise ExternalIdTaken(
                f"a {table.name.replace('_', ' ')} came in as {each.external_id} already",
                path=at(path, "externalId"),
            )
        taken.add(each.external_id)


def _index(tx: Tx, customers: Iterable[Customer]) -> None:
    """Makes them found by what is now known of them."""
    for each in customers:
        party = store.find_parties(tx, [each.party])[each.party]
        accounts = store.accounts_of(tx, [each.id])
        store.replace_terms(tx, each.id, terms_of(each, party, accounts))


def _locked_party(tx: Tx, party: PartyId) -> Party:
    present = store.find_parties(tx, [party], lock=True).get(party)
    if present is None:
        raise PartyNotFound(f"there is no party {party[:60]}")
    return present


def _locked_customer(tx: Tx, customer: CustomerId) -> Customer:
    present = store.find_customers(tx, [customer], lock=True).get(customer)
    if present is None:
        raise CustomerNotFound(f"there is no customer {customer[:60]}")
    return present
