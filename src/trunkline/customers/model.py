"""Who the customers are, what they pay through, and what was agreed with them."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.catalog import BrandId
from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.ledger import LegalEntityId


class PartyId(Id):
    __slots__ = ()
    prefix = "pty"


class CustomerId(Id):
    __slots__ = ()
    prefix = "cus"


class BillingAccountId(Id):
    __slots__ = ()
    prefix = "bac"


class Email(msgspec.Struct, frozen=True, kw_only=True, tag="email"):
    address: str
    preferred: bool = False


class Phone(msgspec.Struct, frozen=True, kw_only=True, tag="phone"):
    """`number` is E.164 with its plus."""

    number: str
    preferred: bool = False


class PostalAddress(msgspec.Struct, frozen=True, kw_only=True, tag="postalAddress"):
    """`country` is ISO 3166-1 alpha-2."""

    street1: str
    street2: str | None = None
    post_code: str | None = None
    city: str
    state_or_province: str | None = None
    country: str
    preferred: bool = False


class OtherMedium(msgspec.Struct, frozen=True, kw_only=True, tag="other", omit_defaults=True):
    """What is kept and found, but nothing is sent to: a fax, a social network, a number that
    is not international, an address without a town."""

    address: str | None = None
    number: str | None = None
    street1: str | None = None
    street2: str | None = None
    post_code: str | None = None
    city: str | None = None
    state_or_province: str | None = None
    country: str | None = None
    other: str | None = None
    preferred: bool = False


ContactMedium = Email | Phone | PostalAddress | OtherMedium


class IndividualStatus(StrEnum):
    """TMF632 v4, IndividualStateType; the document spells "deceaded"."""

    INITIALIZED = "initialized"
    VALIDATED = "validated"
    DECEASED = "deceased"


class OrganizationStatus(StrEnum):
    """TMF632 v4, OrganizationStateType."""

    INITIALIZED = "initialized"
    VALIDATED = "validated"
    CLOSED = "closed"


INDIVIDUAL_LIFECYCLE = Lifecycle(
    "the individual",
    {
        IndividualStatus.INITIALIZED: {IndividualStatus.VALIDATED, IndividualStatus.DECEASED},
        IndividualStatus.VALIDATED: {IndividualStatus.DECEASED},
        IndividualStatus.DECEASED: frozenset(),
    },
)

ORGANIZATION_LIFECYCLE = Lifecycle(
    "the organization",
    {
        OrganizationStatus.INITIALIZED: {OrganizationStatus.VALIDATED, OrganizationStatus.CLOSED},
        OrganizationStatus.VALIDATED: {OrganizationStatus.CLOSED},
        OrganizationStatus.CLOSED: frozenset(),
    },
)


class NewIndividual(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to register a person: at least one of the three names. `extensions` are
    the party's characteristics and `details` its further attributes, kept and given back as
    they are. `status` is where it begins."""

    given_name: str | None = None
    family_name: str | None = None
    full_name: str | None = None
    birth_date: date | None = None
    gender: str | None = None
    contact_media: tuple[ContactMedium, ...] = ()
    external_id: str | None = None
    extensions: Mapping[str, Any] = {}
    details: Mapping[str, Any] = {}
    status: IndividualStatus = IndividualStatus.INITIALIZED


class NewOrganization(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to register an organization."""

    name: str
    trading_name: str | None = None
    organization_type: str | None = None
    contact_media: tuple[ContactMedium, ...] = ()
    external_id: str | None = None
    extensions: Mapping[str, Any] = {}
    details: Mapping[str, Any] = {}
    status: OrganizationStatus = OrganizationStatus.INITIALIZED


class Individual(msgspec.Struct, frozen=True, kw_only=True):
    """A person (TMF632). `name` is how they are called on a page or a bill."""

    id: PartyId
    name: str
    status: IndividualStatus
    given_name: str | None = None
    family_name: str | None = None
    birth_date: date | None = None
    gender: str | None = None
    contact_media: tuple[ContactMedium, ...] = ()
    external_id: str | None = None
    extensions: Mapping[str, Any] = {}
    details: Mapping[str, Any] = {}
    created_at: datetime
    updated_at: datetime


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """A company, an authority, an association (TMF632). `parent` is the organization that it
    is a part of, in the sense of `parent_relationship`."""

    id: PartyId
    name: str
    status: OrganizationStatus
    trading_name: str | None = None
    organization_type: str | None = None
    contact_media: tuple[ContactMedium, ...] = ()
    external_id: str | None = None
    extensions: Mapping[str, Any] = {}
    details: Mapping[str, Any] = {}
    parent: PartyId | None = None
    parent_relationship: str | None = None
    created_at: datetime
    updated_at: datetime


Party = Individual | Organization
NewParty = NewIndividual | NewOrganization


class CustomerStatus(StrEnum):
    """Where a customer relation stands (TMF629 leaves the words to the operator, and names
    Rejected)."""

    PROSPECTIVE = "prospective"
    APPROVED = "approved"
    REJECTED = "rejected"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


CUSTOMER_LIFECYCLE = Lifecycle(
    "the customer",
    {
        CustomerStatus.PROSPECTIVE: {
            CustomerStatus.APPROVED,
            CustomerStatus.REJECTED,
            CustomerStatus.ACTIVE,
            CustomerStatus.CLOSED,
        },
        CustomerStatus.APPROVED: {
            CustomerStatus.ACTIVE,
            CustomerStatus.SUSPENDED,
            CustomerStatus.CLOSED,
        },
        CustomerStatus.REJECTED: {CustomerStatus.PROSPECTIVE, CustomerStatus.CLOSED},
        CustomerStatus.ACTIVE: {CustomerStatus.SUSPENDED, CustomerStatus.CLOSED},
        CustomerStatus.SUSPENDED: {CustomerStatus.ACTIVE, CustomerStatus.CLOSED},
        CustomerStatus.CLOSED: {CustomerStatus.ACTIVE},
    },
)


class NewCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to make a party a customer of a brand. `name` None takes the party's."""

    party: PartyId
    brand: BrandId
    name: str | None = None
    status: CustomerStatus = CustomerStatus.ACTIVE
    external_id: str | None = None
    characteristics: Mapping[str, Any] = {}
    details: Mapping[str, Any] = {}
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    status_reason: str | None = None


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A party in the role of a brand's customer (TMF629); from its creation on where
    `valid_from` is None. `details` are further attributes, kept as they are."""

    id: CustomerId
    name: str
    status: CustomerStatus
    status_reason: str | None = None
    party: PartyId
    brand: BrandId
    external_id: str | None = None
    characteristics: Mapping[str, Any] = {}
    details: Mapping[str, Any] = {}
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    created_at: datetime
    updated_at: datetime


class AccountKind(StrEnum):
    """Whether usage is paid before or after."""

    PREPAID = "prepaid"
    POSTPAID = "postpaid"
    HYBRID = "hybrid"
    """Before, from a balance of its own, as far as that reaches: the rest is billed with the
    fees, up to a limit."""

    @property
    def has_balance(self) -> bool:
        """Whether it is topped up, and usage paid from that."""
        return self is not AccountKind.POSTPAID


class AccountState(StrEnum):
    """Where a billing account stands (TMF666 leaves the words to the operator)."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


ACCOUNT_LIFECYCLE = Lifecycle(
    "the billing account",
    {
        AccountState.ACTIVE: {AccountState.SUSPENDED, AccountState.CLOSED},
        AccountState.SUSPENDED: {AccountState.ACTIVE, AccountState.CLOSED},
        AccountState.CLOSED: frozenset(),
    },
)


class NewBillingAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to open a billing account. `cycle_day` 1 to 31: in shorter months the last
    day stands in. `payment_terms_days` runs from an invoice's date to its due date."""

    customer: CustomerId
    name: str
    legal_entity: LegalEntityId
    currency: str
    kind: AccountKind
    cycle_day: int = 1
    payment_terms_days: int = 14
    external_id: str | None = None
    description: str | None = None
    financial_account: str | None = None
    details: Mapping[str, Any] = {}


class BillingAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What bills are made for and paid through (TMF666): one currency, one legal entity."""

    id: BillingAccountId
    customer: CustomerId
    name: str
    state: AccountState
    legal_entity: LegalEntityId
    currency: str
    kind: AccountKind
    cycle_day: int
    payment_terms_days: int
    external_id: str | None = None
    description: str | None = None
    financial_account: str | None = None
    details: Mapping[str, Any] = {}
    """What is said beside: kept, never read."""
    created_at: datetime
    updated_at: datetime


class InvalidParty(Invalid):
    code = "invalidParty"


class InvalidAccount(Invalid):
    code = "invalidAccount"


class PartyNotFound(NotFound):
    code = "partyNotFound"


class CustomerNotFound(NotFound):
    code = "customerNotFound"


class AccountNotFound(NotFound):
    code = "billingAccountNotFound"


class PartyInUse(Conflict):
    """Somebody deals with it: it can't be deleted."""

    code = "partyInUse"


class CustomerInUse(Conflict):
    code = "customerInUse"


class CircularRelationship(Conflict):
    """An organization would be a part of itself."""

    code = "circularRelationship"


class ExternalIdTaken(Conflict):
    """Another resource of this kind came in under the same external id."""

    code = "externalIdTaken"


_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_PHONE = re.compile(r"\+[1-9][0-9]{4,14}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_LONGEST_NAME = 200
_OTHERS = [each for each in OtherMedium.__struct_fields__ if each != "preferred"]


def check_name(text: str, *, path: str) -> str:
    """`text` without space around it. Raises `InvalidParty` where nothing is left, or it is
    longer than 200 characters or holds what can't be printed."""
    name = text.strip()
    if not name or len(text) > _LONGEST_NAME or not name.isprintable():
        raise InvalidParty(f"a name has 1 to {_LONGEST_NAME} printable characters", path=path)
    return name


def check_medium(medium: ContactMedium, *, path: str) -> ContactMedium:
    """The medium in its stored form (a phone number loses spaces, dashes and brackets). Raises
    `InvalidParty`."""
    match medium:
        case Email(address=address):
            if len(address) > 254 or not _EMAIL.fullmatch(address):
                raise InvalidParty(f"{address[:60]!r} is not an email address", path=path)
            return medium
        case Phone(number=number):
            digits = re.sub(r"[\s().-]", "", number)
            if not _PHONE.fullmatch(digits):
                raise InvalidParty(
                    f"{number[:40]!r} is not an international number (E.164, with its plus)",
                    path=path,
                )
            return Phone(number=digits, preferred=medium.preferred)
        case PostalAddress(country=country):
            if not _COUNTRY.fullmatch(country):
                raise InvalidParty(
                    f"{country[:20]!r} is not an ISO 3166-1 alpha-2 code", path=f"{path}.country"
                )
            check_name(medium.street1, path=f"{path}.street1")
            check_name(medium.city, path=f"{path}.city")
            for name in ("street2", "post_code", "state_or_province"):
                if text := getattr(medium, name):
                    check_name(text, path=f"{path}.{name}")
            return medium
        case OtherMedium():
            for name in _OTHERS:
                if text := getattr(medium, name):
                    check_name(text, path=f"{path}.{name}")
            return medium


def display_name(new: NewParty, *, path: str = "") -> str:
    """How the party is called: its full name, else its given and family names."""
    if isinstance(new, NewOrganization):
        return check_name(new.name, path=at(path, "name"))
    if new.full_name is not None:
        return check_name(new.full_name, path=at(path, "fullName"))
    parts = [part for part in (new.given_name, new.family_name) if part]
    if not parts:
        raise InvalidParty(
            "an individual needs a given, family or full name", path=at(path, "familyName")
        )
    return check_name(" ".join(parts), path=at(path, "familyName"))


def type_of(party: Party) -> str:
    """Its TM Forum type."""
    return "Individual" if isinstance(party, Individual) else "Organization"


def at(path: str, name: str) -> str:
    """The path of an attribute of what stands at `path`."""
    return f"{path}.{name}" if path else name


def check_texts(path: str, **texts: str | None) -> None:
    """Raises `InvalidParty` for one that is given and is no name."""
    for name, text in texts.items():
        if text is not None:
            check_name(text, path=at(path, name))


def check_external_id(external_id: str | None, *, path: str = "") -> None:
    """Raises `Invalid` for what can't be an id."""
    if external_id is not None:
        Id.parse(external_id, path=at(path, "externalId"))


def check_terms(cycle_day: int, payment_terms_days: int, *, path: str = "") -> None:
    """Raises `InvalidAccount`."""
    if not 1 <= cycle_day <= 31:
        raise InvalidAccount("a cycle begins on a day from 1 to 31", path=at(path, "cycleDay"))
    if not 0 <= payment_terms_days <= 365:
        raise InvalidAccount("payment terms are 0 to 365 days", path=at(path, "paymentTermsDays"))
