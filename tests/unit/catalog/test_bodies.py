from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.catalog.builders import offering_body
from trunkline.catalog import DocumentKind, LifecycleStatus, OfferingId
from trunkline.catalog.bodies import Reference, offering_of, read_document, references
from trunkline.kernel.errors import Invalid

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
OFFERING = DocumentKind.OFFERING


def read(body: dict[str, Any], kind: DocumentKind = OFFERING) -> Any:
    return read_document(kind, body, document_id=OfferingId("o"), now=NOW, revision=1)


def test_the_server_supplies_what_a_client_may_leave_out() -> None:
    document = read({"name": "Mobile M", "colour": {"of": ["the", "box"]}})
    assert document.body == {
        "id": "o",
        "name": "Mobile M",
        "colour": {"of": ["the", "box"]},
        "lifecycleStatus": "In study",
        "version": "1.0",
        "lastUpdate": "2026-11-02T09:00:00.000Z",
        "isBundle": False,
        "isSellable": True,
        "@type": "ProductOffering",
    }


@pytest.mark.parametrize("text", ["Launched", "launched", "LAUNCHED"])
def test_a_status_is_known_whatever_its_case(text: str) -> None:
    assert read({"name": "x", "lifecycleStatus": text}).lifecycle_status is LifecycleStatus.LAUNCHED


def test_a_status_is_known_without_its_space() -> None:
    assert read({"name": "x", "lifecycleStatus": "inStudy"}).body["lifecycleStatus"] == "In study"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "name"),
        ({"name": 5}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": " " * 200 + "x"}, "name"),
        ({"name": "x", "lifecycleStatus": "Draft"}, "lifecycleStatus"),
        ({"name": "x", "lifecycleStatus": 1}, "lifecycleStatus"),
        ({"name": "x", "version": 1}, "version"),
        ({"name": "x", "version": "1" * 41}, "version"),
        ({"name": "x", "isBundle": "yes"}, "isBundle"),
        ({"name": "x", "brand": {}}, "brand"),
        ({"name": "x", "validFor": "always"}, "validFor"),
        ({"name": "x", "validFor": {"startDateTime": "soon"}}, "validFor.startDateTime"),
        (
            {"name": "x", "validFor": {"startDateTime": "2026-01-01T00:00:00"}},
            "validFor.startDateTime",
        ),
        (
            {
                "name": "x",
                "validFor": {
                    "startDateTime": "2026-01-02T00:00:00Z",
                    "endDateTime": "2026-01-01T00:00:00Z",
                },
            },
            "validFor.endDateTime",
        ),
    ],
)
def test_what_can_not_be_read_is_refused_with_its_path(body: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(body)
    assert refused.value.path == path


def test_references_are_found_with_their_paths() -> None:
    body = offering_body("o", "p1", "p2", productSpecification={"id": "s"})
    assert references(OFFERING, body) == [
        Reference("productSpecification.id", DocumentKind.SPECIFICATION, "s"),
        Reference("productOfferingPrice[0].id", DocumentKind.PRICE, "p1"),
        Reference("productOfferingPrice[1].id", DocumentKind.PRICE, "p2"),
    ]
    assert references(DocumentKind.CATEGORY, {"parentId": "c"}) == [
        Reference("parentId", DocumentKind.CATEGORY, "c")
    ]


@pytest.mark.parametrize("value", ["p", [5], [{"name": "x"}], [{"id": 5}], {"id": ""}])
def test_a_reference_without_an_id_is_refused(value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        references(OFFERING, {"productOfferingPrice": value})
    assert str(refused.value.path).startswith("productOfferingPrice")


@pytest.mark.parametrize(
    "body", [{"productSpecification": [{"id": "s"}]}, {"category": {"id": "c"}}]
)
def test_a_reference_has_its_shape(body: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        references(OFFERING, body)
    assert refused.value.path == next(iter(body))


def test_the_typed_view_of_an_offering() -> None:
    body = offering_body(
        isSellable=True,
        validFor={"startDateTime": "2026-11-01T00:00:00Z", "endDateTime": "2026-12-01T00:00:00Z"},
        bundledProductOffering=[{"id": "sim"}],
        prodSpecCharValueUse=[
            {"name": "speed", "productSpecCharacteristicValue": [{"value": 50}]},
            {
                "name": "network",
                "productSpecCharacteristicValue": [
                    {"value": "4G"},
                    {"value": "5G", "isDefault": True},
                ],
            },
            {"name": "colour", "productSpecCharacteristicValue": [{"value": 1}, {"value": 2}]},
        ],
    )
    offering = offering_of(read(body), ())
    assert offering.components == ("sim",)
    assert offering.characteristics == {"speed": 50, "network": "5G"}
    assert offering.is_on_sale(NOW)
    assert not offering.is_on_sale(datetime(2026, 12, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "value", [{"a": 1}, [5], [{"name": "x", "productSpecCharacteristicValue": 5}]]
)
def test_characteristics_of_another_shape_are_refused(value: Any) -> None:
    with pytest.raises(Invalid):
        offering_of(read(offering_body(prodSpecCharValueUse=value)), ())
