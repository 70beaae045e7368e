"""Our documents ask for no less than TM Forum's: what those make mandatory, ours do, or the
server supplies or checks it in a way of its own."""

from typing import Any

import pytest

from tests.conformance.tmf.client import documents
from trunkline.platform.clock import SystemClock
from trunkline.rest import open_apis
from trunkline.tmf import Api
from trunkline.tmf.openapi import document

SUPPLIED = {
    "TMF629 Customer.engagedParty.@referredType", "TMF638 Service.feature[].id",
    "TMF638 Service.note[].author", "TMF638 Service.note[].date", "TMF638 Service.note[].text",
    "TMF641 ServiceOrder.note[].text", "TMF641 ServiceOrder.relatedParty[].@type",
    "TMF641 ServiceOrder.serviceOrderItem[].serviceOrderItemRelationship[].orderItem.id",
    "TMF648 Quote.note[].id",
    "TMF654 TransferBalance.channel", "TMF654 TransferBalance.logicalResource",
    "TMF654 TransferBalance.reason", "TMF666 BillingAccount.relatedParty[].name",
    "TMF679 ProductOfferingQualification.note[].id",
    "TMF683 PartyInteraction.interactionItem[].relatedParty[].href",
}  # fmt: skip
"""What a client may leave out: the answer has it."""
CHECKED = {
    "TMF622 ProductOrder.productOrderItem",  # a cart or a quote may hold them
    "TMF638 Service.serviceRelationship[].service",
    "TMF638 Service.serviceRelationship[].service.id",
    "TMF648 Quote.quoteItem",  # a cart may hold them
    "TMF654 AccumulatedBalance.bucket",  # never created by a client
    "TMF666 BillingAccount.relatedParty",
    "TMF666 PartyAccount.relatedParty",
    "TMF666 SettlementAccount.relatedParty",
    "TMF668 Partnership.partner[].account[].id",
    "TMF668 Partnership.partner[].engagedParty",
    "TMF668 Partnership.partner[].name",
}
"""What operations refuse, by its place, or never leave empty."""
APIS = open_apis(None, None, SystemClock())  # type: ignore[arg-type]


class Comparison:
    """Of one API's two documents; `found` is what only theirs asks for."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._ours = document([api], title=api.title, version=api.version)
        self._theirs = documents()[api.base]
        self._seen: set[tuple[str, str]] = set()
        self.found: set[str] = set()

    def all(self) -> set[str]:
        for resource in self._api.resources:
            if resource.type in self._theirs["definitions"]:
                ours = {"$ref": f"#/components/schemas/{resource.type}"}
                theirs = {"$ref": f"#/definitions/{resource.type}"}
                self._compare(ours, theirs, resource.type)
        return {f"{self._api.number} {each}" for each in self.found}

    def _compare(self, ours: Any, theirs: Any, path: str) -> None:
        names = ours.get("$ref", ""), theirs.get("$ref", "")
        if all(names):
            if names in self._seen:
                return
            self._seen.add(names)
        one, other = self._whole(ours), self._named(self._theirs["definitions"], theirs)
        if other.get("type") == "array" and one.get("type") == "array":
            if other.get("minItems", 0) > one.get("minItems", 0):
                self.found.add(path)
            if "items" in one and "items" in other:
                self._compare(one["items"], other["items"], f"{path}[]")
            return
        if not one["properties"]:
            return  # kept as it comes, and not described
        always = {"id", "href"} if "." not in path else set()
        for name in sorted({*other.get("required", ())} - {*one["required"]} - always):
            self.found.add(f"{path}.{name}")
        for name in sorted(other.get("properties", {}).keys() & one["properties"].keys()):
            self._compare(one["properties"][name], other["properties"][name], f"{path}.{name}")

    def _whole(self, schema: Any) -> Any:
        schema = self._named(self._ours["components"]["schemas"], schema)
        parts = [self._whole(each) for each in schema.get("allOf", ())]
        properties, required = dict(schema.get("properties", {})), [*schema.get("required", ())]
        for each in parts:
            properties |= each["properties"]
            required += each["required"]
        return {**schema, "properties": properties, "required": required}

    def _named(self, known: Any, schema: Any) -> Any:
        return known[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def test_what_theirs_makes_mandatory_ours_does() -> None:
    if not documents():
        pytest.skip("../shared/specs/tmf is absent")
    found = {each for api in APIS for each in Comparison(api).all()}
    assert sorted(found - SUPPLIED - CHECKED) == []
    assert sorted((SUPPLIED | CHECKED) - found) == [], "no longer so"
