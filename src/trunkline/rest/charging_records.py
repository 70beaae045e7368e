"""Why something was charged: a record of charging's journal, run again, beyond TM Forum's APIs.

For staff: what a subscriber may know of it stands in TMF635 and TMF677.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

import falcon

from trunkline import charging
from trunkline.charging import ChargingAccountId, Explanation
from trunkline.kernel import money
from trunkline.kernel.time import format_instant
from trunkline.rest import charging_policy
from trunkline.rest.charging_policy import BASE
from trunkline.rest.forms.described import in_path, operation
from trunkline.rest.forms.wire import Money
from trunkline.tmf import Api, Timestamp, Wire, wire
from trunkline.tmf.http import Server, send

_PATH = f"{BASE}/record/{{account}}/{{seq}}/explanation"
_PLACES = 12
"""Decimal places of micros that are shown of an exact price."""


class AllowanceForm(Wire, kw_only=True):
    """An allowance that paid: what it had free, and what was taken of it."""

    id: str | None = None
    free: int
    taken: int
    starts: Timestamp
    expires: Timestamp


class StepForm(Wire, kw_only=True):
    """Whole increments at one price from one source: an allowance (its place in `allowances`),
    or money. `cost` is exact and includes the connection fee."""

    first_unit: int
    units: int
    allowance: int | None = None
    cost: Decimal
    connection_fee: Money | None = None


class StandingForm(Wire, kw_only=True):
    """The session so far: units used, units covered ahead, its price to the last fraction and
    what of it was charged."""

    used: int
    ahead: int
    exact: Decimal
    charged: Money


class ExplanationForm(Wire, kw_only=True):
    record: str
    kind: str
    why: str
    at: Timestamp
    session: str
    number: int
    service: str | None = None
    rating_group: int | None = None
    units: int
    units_by_allowances: int
    overrun: int
    tariff_version: int | None = None
    effective_from: Timestamp | None = None
    plan: str | None = None
    rule: str | None = None
    prefix: str | None = None
    started: Timestamp | None = None
    allowances: tuple[AllowanceForm, ...] = ()
    steps: tuple[StepForm, ...] = ()
    before: StandingForm | None = None
    after: StandingForm | None = None
    charge: Money
    recomputed: Money
    on_bill: Money | None = None
    waived: Money | None = None
    waiver: str | None = None
    balance_before: Money
    balance_after: Money
    holds: bool
    differences: tuple[str, ...] = ()


class Explained:
    """GET: the record's explanation."""

    scopes: ClassVar = {"GET": "charging:read"}

    def __init__(self, server: Server) -> None:
        self._charging = server.databases["charging"]

    def on_get(self, _req: falcon.Request, resp: falcon.Response, account: str, seq: str) -> None:
        which = charging.record_name(f"{account}/{seq}")
        with self._charging.read() as r:
            found = charging.explain(r, ChargingAccountId(which[0]), which[1])
        send(resp, wire.encode(form_of(found)))


def form_of(found: Explanation) -> ExplanationForm:
    currency = found.stored.currency
    return ExplanationForm(
        record=found.record,
        kind=found.kind.name.lower(),
        why=found.why,
        at=format_instant(found.at),
        session=found.session,
        number=found.number,
        service=_service(found),
        rating_group=found.rating_group,
        units=found.units,
        units_by_allowances=found.free,
        overrun=found.overrun,
        tariff_version=found.tariff,
        effective_from=None
        if found.effective_from is None
        else format_instant(found.effective_from),
        plan=found.plan,
        rule=found.label,
        prefix=found.prefix,
        started=None if found.started is None else format_instant(found.started),
        allowances=tuple(
            AllowanceForm(
                id=each.name or None,
                free=each.free,
                taken=each.taken,
                starts=format_instant(each.starts),
                expires=format_instant(each.expires),
            )
            for each in found.buckets
        ),
        steps=tuple(_step(each) for each in found.steps),
        before=_standing(found.before, currency),
        after=_standing(found.after, currency),
        charge=Money.of(found.stored),
        recomputed=Money.of(found.recomputed),
        on_bill=None if found.on_bill is None else Money.of(found.on_bill),
        waived=None if found.waived is None else Money.of(found.waived),
        waiver=found.waiver,
        balance_before=Money.of(found.balance_before),
        balance_after=Money.of(found.balance_after),
        holds=found.holds,
        differences=found.differences,
    )


def _service(found: Explanation) -> str | None:
    if found.service is None:
        return None
    return str(getattr(found.service, "name", found.service)).lower()


def _step(step: charging.PriceStep) -> StepForm:
    return StepForm(
        first_unit=step.first,
        units=step.units,
        allowance=step.allowance,
        cost=exact(step.cost),
        connection_fee=Money.of(step.fee) if step.fee.micros else None,
    )


def _standing(standing: Any, currency: str) -> StandingForm | None:
    if standing is None:
        return None
    return StandingForm(
        used=standing.used,
        ahead=standing.ahead,
        exact=exact(standing.exact),
        charged=Money.of(money.Money(standing.charged, currency)),
    )


def exact(micros: Fraction) -> Decimal:
    """Micros, and fractions of one, in the currency's main unit."""
    scaled = round(micros * 10**_PLACES)
    return Decimal(scaled).scaleb(-6 - _PLACES).normalize() + 0


def _paths() -> dict[str, Any]:
    return {
        _PATH: {
            "parameters": in_path("account", "seq"),
            "get": operation(
                "CHARGING", "explainChargingRecord",
                "Why a record was charged what it was charged",
                note="The event is run again by the tariff that it was charged by; `holds` is "
                "false, and `differences` says why, where that gives anything but what was "
                "stored.",
                scope="charging:read", answers={"200": ExplanationForm},
            ),
        },
    }  # fmt: skip


API = Api(
    number="CHARGING",
    title="Charging's records explained, and how accounts stand to policies",
    version="1.0.0",
    base=BASE,
    resources=(),
    beside=_paths() | charging_policy.paths(),
    hub=False,
)


def add_routes(app: falcon.App[Any, Any], server: Server) -> None:
    app.add_route(_PATH, Explained(server))
    charging_policy.add_routes(app, server)
