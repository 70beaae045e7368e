"""What the documents about parties share: data types as clients send them (TMF632, 629, 669,
651, 683, 621, 668).

Attributes that nobody declares are kept as well; what is declared is checked.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.rest.forms.entities import MediumCharacteristic
from trunkline.rest.forms.references import address
from trunkline.rest.forms.wire import PeriodIn, QuantityIn, Typed
from trunkline.tmf import Body, Moment
from trunkline.tmf.documents import at

REFERRED = "@referredType"


class Attachment(Typed, kw_only=True):
    """AttachmentRefOrValue."""

    id: str | None = None
    href: str | None = None
    attachment_type: str | None = None
    content: str | None = None
    description: str | None = None
    mime_type: str | None = None
    name: str | None = None
    url: str | None = None
    size: QuantityIn | None = None
    valid_for: PeriodIn | None = None
    referred_type: str | None = msgspec.field(name=REFERRED, default=None)


class ContactMediumIn(Typed, kw_only=True):
    medium_type: str
    characteristic: MediumCharacteristic
    preferred: bool | None = None
    valid_for: PeriodIn | None = None


class CreditProfile(Typed, kw_only=True):
    credit_profile_date: Moment
    valid_for: PeriodIn
    credit_risk_rating: int | None = None
    credit_score: int | None = None


class AccountRef(Typed, kw_only=True):
    """TMF629 and 669 require its name, not its id."""

    name: str
    id: str | None = None
    href: str | None = None
    description: str | None = None
    referred_type: str | None = msgspec.field(name=REFERRED, default=None)


_CALLED = {
    "account": "BillingAccount",
    "associatedAgreement": "Agreement",
    "partner": "PartyRole",
    "specification": "PartnershipSpecification",
}


def addressed(*attributes: str) -> Callable[[Body], Body]:
    """A `to_wire` that gives the references in these attributes (one each, or lists; dotted
    paths reach further in) their addresses, where they have none. One without a type is of the
    type that its attribute is called by."""
    return _mapped(attributes, _with_address)


def unaddressed(*attributes: str) -> Callable[[Body], Body]:
    """The inverse: what is kept holds no address that we give ourselves."""
    return _mapped(attributes, _without_address)


Change = Callable[[Mapping[str, Any], str | None], Mapping[str, Any]]


def _mapped(attributes: Sequence[str], change: Change) -> Callable[[Body], Body]:
    paths = [attribute.split(".") for attribute in attributes]

    def mapped(body: Body) -> Body:
        for path in paths:
            body = _at(body, path, path[-1], change)
        return body

    return mapped


def _at(value: Any, path: list[str], attribute: str, change: Change) -> Any:
    if isinstance(value, list):
        return [_at(each, path, attribute, change) for each in value]
    if not isinstance(value, Mapping):
        return value
    if path:
        if path[0] not in value:
            return value
        return {**value, path[0]: _at(value[path[0]], path[1:], attribute, change)}
    if not isinstance(value.get("id"), str):
        return value
    kind = value.get(REFERRED) or _CALLED.get(attribute, attribute)
    return change(value, address(kind, value["id"]))


def _with_address(reference: Mapping[str, Any], place: str | None) -> Mapping[str, Any]:
    return reference if place is None or "href" in reference else {**reference, "href": place}


def _without_address(reference: Mapping[str, Any], place: str | None) -> Mapping[str, Any]:
    if place is None or reference.get("href") != place:
        return reference
    return {name: each for name, each in reference.items() if name != "href"}


def check_addressed(body: Mapping[str, Any], *paths: str) -> None:
    """For the documents in which a reference has an address: raises `Invalid` for one that has
    none, and whose type isn't found here either."""
    for path in paths:
        for place, value in at(body, path):
            known = address(value.get(REFERRED), str(value.get("id")))
            if value.get("href") is None and known is None:
                raise Invalid("is required", path=f"{place}.href")
