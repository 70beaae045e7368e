"""Forms that the inventories, service orders and stock share, as their documents have them."""

from typing import Any, Literal

import msgspec

from trunkline.rest.forms.wire import Typed
from trunkline.tmf import Moment, Number, Wire


class Linked(Typed):
    """An object that may stand for another."""

    referred_type: str | None = msgspec.field(name="@referredType", default=None)
    href: str | None = None


class Named(Linked, kw_only=True):
    """A reference, or the thing itself."""

    id: str | None = None
    name: str | None = None


class Amount(Wire):
    """TM Forum's Quantity."""

    amount: Number | None = None
    units: str | None = None


OrderItemActionType = Literal["add", "modify", "delete", "noChange"]


class CharacteristicRelationship(Linked, kw_only=True):
    id: str | None = None
    relationship_type: str | None = None


class Characteristic(Named, kw_only=True):
    name: str
    value_type: str | None = None
    value: Any
    characteristic_relationship: tuple[CharacteristicRelationship, ...] = ()


class ConstraintRef(Named, kw_only=True):
    id: str
    version: str | None = None


class Note(Linked, kw_only=True):
    id: str | None = None
    author: str | None = None
    date: Moment | None = None
    text: str | None = None


class PlaceRefOrValue(Named, kw_only=True):
    """A reference, or the thing itself."""


class RelatedParty(Named, kw_only=True):
    id: str
    role: str | None = None
    referred_type: str = msgspec.field(name="@referredType")


class RelatedPlaceRefOrValue(Named, kw_only=True):
    role: str


class RelatedEntityRefOrValue(Named, kw_only=True):
    role: str


class ResourceRef(Named, kw_only=True):
    id: str
    value: str | None = None


class ServiceRef(Named, kw_only=True):
    id: str


class ServiceSpecificationRef(Named, kw_only=True):
    id: str
    version: str | None = None
