"""What the demonstration's operator sells: TMF620 documents, as a product manager would post
them."""

from decimal import Decimal
from typing import Any, NamedTuple

from trunkline.catalog import DocumentKind

CURRENCY = "EUR"
RATE_SHEET = "international"
SPECIFICATION = "psp_mobile"


class Plan(NamedTuple):
    """A mobile plan and how it fares: `share` of the sign-ups, `thirst` for data (mean bytes
    a month)."""

    offering: str
    name: str
    prepaid: bool
    monthly: str
    gigabytes: int
    minutes: int
    messages: int
    data_price: str
    share: int
    thirst: int


PLANS = (
    Plan("off_go", "Skerry Go", True, "0", 0, 0, 0, "2.50", 30, 900_000_000),
    Plan("off_talk10", "Skerry 10", False, "10", 10, 120, 100, "1.50", 30, 6_500_000_000),
    Plan("off_talk20", "Skerry 20", False, "20", 50, 500, 500, "1.00", 28, 22_000_000_000),
    Plan("off_max", "Skerry Max", False, "35", 200, 2_000, 2_000, "0.50", 12, 60_000_000_000),
)
ACTIVATION_FEE = "5"


def documents() -> list[tuple[DocumentKind, dict[str, Any]]]:
    """All of the catalogue, in an order in which references exist before they are used."""
    kept: list[tuple[DocumentKind, dict[str, Any]]] = [
        (
            DocumentKind.SPECIFICATION,
            {
                "id": SPECIFICATION,
                "name": "Mobile subscription",
                "lifecycleStatus": "Launched",
                "productSpecCharacteristic": [
                    {
                        "name": "serviceKind",
                        "valueType": "string",
                        "configurable": False,
                        "productSpecCharacteristicValue": [{"value": "mobile", "isDefault": True}],
                    }
                ],
            },
        )
    ]
    for plan in PLANS:
        prices = _prices(plan)
        kept += [(DocumentKind.PRICE, price) for price in prices]
        kept.append(
            (
                DocumentKind.OFFERING,
                {
                    "id": plan.offering,
                    "name": plan.name,
                    "description": _description(plan),
                    "isBundle": False,
                    "isSellable": True,
                    "lifecycleStatus": "Launched",
                    "productSpecification": {"id": SPECIFICATION, "name": "Mobile subscription"},
                    "prodSpecCharValueUse": [
                        {
                            "name": "serviceKind",
                            "productSpecCharacteristicValue": [
                                {"value": "mobile", "isDefault": True}
                            ],
                        }
                    ],
                    "productOfferingPrice": [
                        {"id": price["id"], "name": price["name"]} for price in prices
                    ],
                },
            )
        )
    return kept


def _description(plan: Plan) -> str:
    if plan.prepaid:
        return "Pay as you go: no monthly fee, top up whenever you like."
    return f"{plan.gigabytes} GB, {plan.minutes} minutes and {plan.messages} messages a month."


def _prices(plan: Plan) -> list[dict[str, Any]]:
    prices = [_one_time(plan, "activation", "Activation", ACTIVATION_FEE)]
    if plan.monthly != "0":
        prices.append(_recurring(plan))
    for service, amount, units, included in (
        ("data", plan.gigabytes, "GB", "Included data"),
        ("voice", plan.minutes, "min", "Included minutes"),
        ("sms", plan.messages, "message", "Included messages"),
    ):
        if amount:
            prices.append(_allowance(plan, service, amount, units, included))
    prices += [
        _usage(plan, "data", "Data", plan.data_price, "GB", ratingGroup=1),
        _usage(
            plan,
            "voice",
            "Calls",
            "0.09",
            "min",
            rateSheet=RATE_SHEET,
            increments=[{"from": 0, "increment": 60}, {"from": 60, "increment": 1}],
        ),
        _usage(plan, "sms", "Messages", "0.08", "message"),
    ]
    return prices


def _price(plan: Plan, key: str, name: str, kind: str, **rest: Any) -> dict[str, Any]:
    return {
        "id": f"pop_{plan.offering.removeprefix('off_')}_{key}",
        "name": name,
        "priceType": kind,
        "lifecycleStatus": "Launched",
        **rest,
    }


def _money(value: str) -> dict[str, Any]:
    return {"unit": CURRENCY, "value": Decimal(value)}


def _one_time(plan: Plan, key: str, name: str, amount: str) -> dict[str, Any]:
    return _price(plan, key, name, "oneTime", price=_money(amount))


def _recurring(plan: Plan) -> dict[str, Any]:
    return _price(
        plan,
        "monthly",
        f"{plan.name} monthly fee",
        "recurring",
        price=_money(plan.monthly),
        recurringChargePeriodType="month",
        recurringChargePeriodLength=1,
    )


def _allowance(plan: Plan, service: str, amount: int, units: str, name: str) -> dict[str, Any]:
    return _price(
        plan,
        f"included_{service}",
        name,
        "usage",
        **{"@type": "Allowance"},
        service=service,
        unitOfMeasure={"amount": amount, "units": units},
    )


def _usage(
    plan: Plan, service: str, name: str, amount: str, units: str, **rest: Any
) -> dict[str, Any]:
    return _price(
        plan,
        service,
        name,
        "usage",
        **{"@type": "UsagePrice"},
        service=service,
        price=_money(amount),
        unitOfMeasure={"amount": 1, "units": units},
        **rest,
    )
