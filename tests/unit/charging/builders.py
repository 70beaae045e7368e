"""Accounts, tariffs and the requests of a phone, in a test's words."""

from datetime import UTC, datetime
from typing import Any

from trunkline.charging import (
    NOT_REQUESTED,
    Action,
    ChargeAnswer,
    ChargeRequest,
    ChargingAccountId,
    Circumstances,
    Kind,
    OpenAccount,
    Service,
    UnitRequest,
)
from trunkline.charging.account import opened
from trunkline.charging.charge import charge
from trunkline.charging.grants import POLICY, GrantPolicy
from trunkline.charging.hybrid import carry, credit_of
from trunkline.charging.journal import Record
from trunkline.charging.oneoff import charge_event
from trunkline.charging.state import State
from trunkline.charging.tariffs import Tariffs
from trunkline.charging.terms import Credit
from trunkline.customers import AccountKind, BillingAccountId
from trunkline.kernel.money import Money, to_micros
from trunkline.ledger import LegalEntityId
from trunkline.rating import (
    Allowance,
    Increment,
    PlanSource,
    PriceStep,
    Rate,
    Tariff,
    TariffSource,
    UsageRule,
    compile_tariff,
)

OPENED = datetime(2026, 11, 1, tzinfo=UTC)
NOON = int(datetime(2026, 11, 3, 12, tzinfo=UTC).timestamp())
DAY = 86_400
MB = 1_000_000
GB = 1_000_000_000
ENTITY = LegalEntityId("le_1")

FIVE_GIGABYTES = Allowance("all_data", "5 GB", "data", 5 * GB)
TEN_GIGABYTES = Allowance("all_more", "10 GB", "data", 10 * GB)
HUNDRED_MINUTES = Allowance("all_voice", "100 minutes", "voice", 6000)


def rule(
    service: str,
    price: str,
    per: int,
    *,
    increment: int = 1,
    fee: str = "0",
    group: int | None = None,
) -> UsageRule:
    rate = Rate(
        label=f"{service.capitalize()}",
        per=per,
        steps=(PriceStep(0, to_micros(price)),),
        increments=(Increment(0, increment),),
        connection_fee=to_micros(fee),
    )
    return UsageRule(service=service, rate=rate, rating_group=group)


PRICES = (
    rule("data", "0.01", MB, increment=MB),
    rule("voice", "0.10", 60, increment=60, fee="0.05"),
    rule("sms", "0.09", 1),
)
"""A cent a megabyte, ten cents a begun minute and five to connect, nine cents a message."""


def plan(
    *allowances: Allowance, id_: str = "plan", rules: tuple[UsageRule, ...] = PRICES
) -> PlanSource:
    return PlanSource(id=id_, currency="EUR", rules=rules, allowances=allowances)


def compiled(*plans: PlanSource, version: int = 1, start: datetime = OPENED) -> Tariff:
    return compile_tariff(
        TariffSource(plans=plans or (plan(),)), version=version, effective_from=start
    )


def tariffs(*installed: Tariff) -> Tariffs:
    found = {each.version: each for each in installed or (compiled(),)}
    return Tariffs(
        [(int(each.effective_from.timestamp()), each.version) for each in found.values()],
        found.__getitem__,
    )


def opening(number: int = 1, **changed: Any) -> OpenAccount:
    values: dict[str, Any] = {
        "account": ChargingAccountId(f"cac_{number}"),
        "billing_account": BillingAccountId(f"bac_{number}"),
        "legal_entity": ENTITY,
        "currency": "EUR",
        "kind": AccountKind.PREPAID,
        "plan": "plan",
        "cycle_day": 1,
        "time_zone": "UTC",
        "identities": (("imsi", imsi(number)), ("msisdn", f"4670{number:07}")),
        "opened_at": OPENED,
    }
    return OpenAccount(**(values | changed))


def imsi(number: int) -> str:
    return f"99970{number:010}"


def account(money: str = "10", **changed: Any) -> State:
    """A prepaid account with this balance; a postpaid one has used nothing."""
    state = opened(opening(**changed))
    if state.prepaid:
        state.money = to_micros(money)
    return state


def postpaid(limit: str | None = None, **changed: Any) -> State:
    credit = None if limit is None else Money.of(limit, "EUR")
    return account(kind=AccountKind.POSTPAID, credit_limit=credit, **changed)


def hybrid(money: str = "1", limit: str | None = "2", **changed: Any) -> State:
    """A balance, and so much more that may go onto a month's bill."""
    credit = None if limit is None else Money.of(limit, "EUR")
    return account(money, kind=AccountKind.HYBRID, credit_limit=credit, **changed)


def credit(state: State) -> Credit:
    """A hybrid account's."""
    found = credit_of(state)
    assert found is not None
    return found


def decided(
    state: State,
    message: ChargeRequest,
    tariffs_: Tariffs,
    now: int,
    journal: list[Record],
    policy: GrantPolicy = POLICY,
) -> ChargeAnswer:
    """Charges as a batch does, a hybrid account, too."""
    first = len(journal)
    if message.kind is Kind.EVENT:
        answer = charge_event(state, message, tariffs_, now, journal, policy.rules)
    else:
        answer = charge(state, message, tariffs_, now, journal, policy)
    carry(state, journal, first)
    return answer


def request(
    kind: Kind,
    number: int = 0,
    *units: UnitRequest,
    session: str = "s1",
    subscriber: int = 1,
    at: int = NOON,
    service: Service = Service.DATA,
    called: str = "",
    action: Action = Action.DIRECT_DEBIT,
    money: int = 0,
    where: Circumstances | None = None,
) -> ChargeRequest:
    return ChargeRequest(
        session=session,
        number=number,
        kind=kind,
        identities=(("imsi", imsi(subscriber)),),
        at=at,
        received=at,
        service=service,
        called=called,
        units=units,
        action=action,
        money=money,
        where=where,
    )


def asks(
    requested: int = NOT_REQUESTED, *, used: int = 0, group: int | None = 1, final: bool = False
) -> UnitRequest:
    return UnitRequest(rating_group=group, requested=requested, used=used, final=final)


class Phone:
    """One account, driven without a database; keeps the journal and counts its requests."""

    def __init__(
        self, state: State, tariffs_: Tariffs | None = None, policy: GrantPolicy = POLICY
    ) -> None:
        self.state = state
        self.tariffs = tariffs_ or tariffs()
        self.policy = policy
        self.journal: list[Record] = []
        self.now = NOON
        self.numbers: dict[str, int] = {}

    def send(self, message: ChargeRequest) -> ChargeAnswer:
        return decided(self.state, message, self.tariffs, self.now, self.journal, self.policy)

    def _next(
        self, kind: Kind, session: str, units: tuple[UnitRequest, ...], **kw: Any
    ) -> ChargeAnswer:
        number = self.numbers.get(session, -1) + 1
        self.numbers[session] = number
        return self.send(request(kind, number, *units, session=session, at=self.now, **kw))

    def begin(self, *units: UnitRequest, session: str = "s1", **kw: Any) -> ChargeAnswer:
        return self._next(Kind.INITIAL, session, units, **kw)

    def go_on(self, *units: UnitRequest, session: str = "s1", **kw: Any) -> ChargeAnswer:
        return self._next(Kind.UPDATE, session, units, **kw)

    def end(self, *units: UnitRequest, session: str = "s1", **kw: Any) -> ChargeAnswer:
        return self._next(Kind.TERMINATE, session, units, **kw)

    def remaining(self) -> list[int]:
        return self.state.flat[0::7]

    def reserved(self) -> list[int]:
        return self.state.flat[1::7]
