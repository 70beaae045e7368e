"""TMF671 Promotion Management, v4: who gets what, under which conditions.

What a pattern's criteria and actions may say so that it takes effect is in
`catalog.promotions`; others are kept and have none.
"""

from trunkline.catalog import DocumentKind
from trunkline.rest.forms.catalogue import Entry, entries, in_body
from trunkline.rest.forms.wire import PROMOTION, PeriodIn, Some
from trunkline.tmf import Api, Wire


class EntityRef(Wire):
    id: str
    href: str | None = None
    name: str | None = None


class Action(Wire):
    action_type: str
    id: str | None = None
    action_value: str | None = None
    action_entity_ref: EntityRef | None = None


class Criteria(Wire):
    criteria_operator: str
    criteria_parameter: str
    criteria_value: str
    id: str | None = None


class CriteriaGroup(Wire):
    criteria: Some[Criteria]
    id: str | None = None
    group_name: str | None = None
    criteria_logical_relationship: str | None = None


class Pattern(Wire):
    action: Some[Action]
    criteria_group: Some[CriteriaGroup]
    id: str | None = None
    name: str | None = None
    description: str | None = None
    priority: int | None = None
    criteria_group_logical_relationship: str | None = None
    valid_for: PeriodIn | None = None


class Promotion(Entry):
    promotion_type: str | None = None
    pattern: tuple[Pattern, ...] = ()


API = Api(
    number="TMF671",
    title="Promotion Management",
    version="4.0.0",
    base=PROMOTION,
    resources=(
        entries(
            PROMOTION,
            DocumentKind.PROMOTION,
            Promotion,
            in_body(
                "promotionType",
                "pattern.name",
                "pattern.action.actionType",
                "pattern.action.actionEntityRef.id",
                "pattern.criteriaGroup.criteria.criteriaParameter",
                "pattern.criteriaGroup.criteria.criteriaValue",
            ),
        ),
    ),
)
