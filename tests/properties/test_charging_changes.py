"""What holds of an account when prices and plans change under its open sessions: several rating
groups in one request, prices that fall with use, announced changes, events in between."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.unit.charging.builders import (
    DAY,
    NOON,
    account,
    compiled,
    decided,
    hybrid,
    plan,
    request,
    tariffs,
)
from trunkline.charging import (
    NOT_REQUESTED,
    BucketGrant,
    ChargeAnswer,
    ChargeRequest,
    Kind,
    Result,
    Service,
    UnitRequest,
)
from trunkline.charging.account import change_plan
from trunkline.charging.buckets import enter_month, give, made_way
from trunkline.charging.grants import GrantPolicy, GrantSize
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.state import State, decode, encode
from trunkline.charging.tariffs import Tariffs
from trunkline.rating import (
    BUCKET_SERVICE,
    BUCKET_SIZE,
    REMAINING,
    RESERVED,
    Allowance,
    Increment,
    PlanSource,
    PriceStep,
    Rate,
    Tiers,
    UsageRule,
)

POLICY = GrantPolicy(
    data=GrantSize(default=500, smallest=20, largest=100_000, validity=3600),
    voice=GrantSize(default=120, smallest=30, largest=7200, validity=600),
)
SERVICES = (Service.DATA, Service.VOICE)


class Unit(msgspec.Struct, frozen=True):
    """`used` and `after` are in percent: of what was granted, and of what was used."""

    group: int
    wish: int
    used: int
    after: int


class Step(msgspec.Struct, frozen=True):
    session: int
    units: tuple[Unit, ...]
    ends: bool
    later: int
    then: str


steps = st.lists(
    st.builds(
        Step,
        session=st.integers(0, 3),
        units=st.lists(
            st.builds(
                Unit,
                group=st.integers(1, 3),
                wish=st.sampled_from([NOT_REQUESTED, 0, 1, 30, 1000]),
                used=st.sampled_from([0, 30, 100]),
                after=st.sampled_from([0, 0, 50, 100]),
            ),
            min_size=1,
            max_size=3,
            unique_by=lambda unit: unit.group,
        ).map(tuple),
        ends=st.integers(0, 4).map(lambda n: n == 0),
        later=st.sampled_from([0, 0, 30, 500, 3000, DAY, 12 * DAY]),
        then=st.sampled_from(["", "", "", "p", "q", "event", "again", "gift"]),
    ),
    max_size=25,
)


@st.composite
def rates(draw: st.DrawFn, service: str) -> Rate:
    tiers = draw(st.sampled_from(Tiers))
    price = st.sampled_from([0, 300, 10_000, 250_000])
    bounds = sorted(draw(st.sets(st.integers(1, 2000), max_size=2)))
    return Rate(
        label=service,
        per=draw(st.sampled_from([1, 7, 60])),
        steps=tuple(PriceStep(each, draw(price)) for each in (0, *bounds)),
        increments=(
            Increment(0, draw(st.sampled_from([1, 6, 60, 300]))),
            Increment(200, draw(st.sampled_from([1, 60, 100]))),
        ),
        connection_fee=draw(st.sampled_from([0, 50_000])),
        minimum=0 if tiers is Tiers.VOLUME else draw(st.sampled_from([0, 100_000])),
        tiers=tiers,
    )


@st.composite
def plans(draw: st.DrawFn, name: str) -> PlanSource:
    rules = tuple(
        UsageRule(service, draw(rates(service)), rating_group=group)
        for service in ("data", "voice")
        for group in (None, 2)
    )
    units, validity = st.integers(1, 2000), st.sampled_from([0, 200, DAY])
    included = [
        Allowance(f"{each} of {name}", name, each, draw(units), validity=lasts, first_use=lasts > 0)
        for each, lasts in (("data", draw(validity)), ("voice", draw(validity)))
        if draw(st.booleans())
    ]
    return plan(*included, id_=name, rules=rules)


@st.composite
def versions(draw: st.DrawFn) -> Tariffs:
    """Another takes effect minutes, hours or days later."""
    later = NOON + draw(st.sampled_from([200, 2000, DAY]))
    return tariffs(
        compiled(draw(plans("p")), draw(plans("q"))),
        compiled(
            draw(plans("p")),
            draw(plans("q")),
            version=2,
            start=datetime.fromtimestamp(later, UTC),
        ),
    )


class Network:
    """Plays steps with sessions of two services, and checks the account's books after each: nothing
    that is used within its grant costs more than was reserved for it."""

    def __init__(self, state: State, prices: Tariffs) -> None:
        self.state, self.prices = state, prices
        self.start, self.now, self.serial = state.money, NOON, 0
        self.journal: list[Record] = []
        self.open: dict[int, tuple[str, int, dict[int, int]]] = {}

    def play(self, step: Step) -> None:
        self.now += step.later
        known = self.open.get(step.session)
        if known is None or self.state.session(known[0]) is None:
            self.serial += 1
            known = (f"s{self.serial}", -1, {})
        name, number, granted = known
        kind = Kind.INITIAL if number < 0 else Kind.TERMINATE if step.ends else Kind.UPDATE
        units = []
        for each in step.units:
            used = granted.get(each.group, 0) * each.used // 100
            after = used * each.after // 100
            units.append(UnitRequest(each.group, None, each.wish, used, after_change=after))
        service = SERVICES[step.session % 2]
        called = "467" if service is Service.VOICE else ""
        message = request(
            kind, number + 1, *units, session=name, at=self.now, service=service, called=called
        )
        reserved, seq = self.reserved(message), self.state.seq
        answer = decided(self.state, message, self.prices, self.now, self.journal, POLICY)
        self.check()
        for unit, money in reserved:
            assert money >= sum(
                each.charge
                for each in self.journal
                if each.seq > seq
                and each.kind == RecordKind.USAGE
                and each.rating_group == unit.rating_group
            )
        if step.then == "again":
            before = encode(self.state)
            again = decided(self.state, message, self.prices, self.now, self.journal, POLICY)
            assert (again, encode(self.state)) == (answer, before)
        self.note(step.session, name, number + 1, granted, answer)
        self.befall(step)

    def reserved(self, message: ChargeRequest) -> list[tuple[UnitRequest, int]]:
        """What was reserved, in money, for the units that were used within their grants."""
        session = self.state.session(message.session)
        return [
            (unit, quota.money)
            for unit in message.units
            for quota in (() if session is None else session.quotas)
            if quota.rating_group == unit.rating_group and 0 < unit.used <= quota.granted
        ]

    def note(
        self, session: int, name: str, number: int, granted: dict[int, int], answer: ChargeAnswer
    ) -> None:
        if answer.result is not Result.SUCCESS or self.state.session(name) is None:
            self.open.pop(session, None)
            return
        told = {each.rating_group or 0: max(each.granted, 0) for each in answer.units}
        self.open[session] = name, number, granted | told

    def befall(self, step: Step) -> None:
        if step.then in ("p", "q"):
            at = datetime.fromtimestamp(self.now, UTC)
            change_plan(self.state, step.then, at, self.prices, self.journal)
        elif step.then == "event":
            self.serial += 1
            event = request(
                Kind.EVENT, 0, UnitRequest(2, requested=10), session=f"e{self.serial}", at=self.now
            )
            decided(self.state, event, self.prices, self.now, self.journal)
        elif step.then == "gift":
            self.serial += 1
            gifts = [BucketGrant(each, self.serial * 37, 2, "Gift") for each in ("data", "voice")]
            month = enter_month(self.state, self.now, (), self.journal)
            for gift in gifts:
                give(self.state, gift, f"p{self.serial}", self.now, month, self.journal)
        self.check()

    def check(self) -> None:
        state = self.state
        quotas = [quota for session in state.sessions for quota in session.quotas]
        assert all(quota.money >= 0 for quota in quotas)
        assert state.held == sum(quota.money for quota in quotas)
        held: dict[int, int] = {}
        for quota in quotas:
            for number, units in zip(quota.holds[::2], quota.holds[1::2], strict=True):
                held[number] = held.get(number, 0) + units
        for index, bucket in enumerate(state.buckets):
            flat = state.flat[index * BUCKET_SIZE : (index + 1) * BUCKET_SIZE]
            assert 0 <= flat[RESERVED] == held.get(bucket.number, 0) <= flat[REMAINING]
            assert flat[REMAINING] <= bucket.granted
        assert state.money == self.start - sum(record.charge for record in self.journal)
        assert [record.seq for record in self.journal] == list(range(1, state.seq + 1))
        if not any(record.overrun for record in self.journal):
            assert state.money >= state.floor


@given(
    st.one_of(
        st.integers(0, 5_000_000).map(
            lambda micros: account(f"{micros / 1_000_000:.6f}", plan="p")
        ),
        st.sampled_from(["0", "0.2", "1"]).map(lambda money: hybrid(money, plan="p")),
    ),
    versions(),
    steps,
)
@settings(max_examples=examples(100), deadline=None)
def test_the_books_agree_whatever_changes_under_a_session(
    state: State, prices: Tariffs, history: Sequence[Step]
) -> None:
    network = Network(decode(encode(state)), prices)
    for step in history:
        network.play(step)
    for name, number, _ in list(network.open.values()):
        if (session := network.state.session(name)) is not None:
            last = request(
                Kind.TERMINATE,
                number + 1,
                session=name,
                at=network.now,
                service=Service(session.service),
            )
            decided(network.state, last, prices, network.now, network.journal, POLICY)
    network.check()
    assert network.state.sessions == []
    assert not network.state.holds_anything()


class Included(msgspec.Struct, frozen=True):
    """What plans include of data and of voice; None: nothing of it."""

    data: int | None
    voice: int | None

    def plan(self, name: str) -> PlanSource:
        included = [
            Allowance(f"{service} of {name}", name, service, units)
            for service, units in (("data", self.data), ("voice", self.voice))
            if units is not None
        ]
        price = (PriceStep(0, 1000),)
        rules = tuple(UsageRule(each, Rate(each, 1, price)) for each in ("data", "voice"))
        return plan(*included, id_=name, rules=rules)


included = st.builds(
    Included, *[st.none() | st.sampled_from([100, 600, 2000]) | st.integers(1, 3000)] * 2
)


@given(
    included,
    included,
    steps.map(lambda found: [each for each in found if each.then != "gift" and each.later < DAY]),
)
@settings(max_examples=examples(100), deadline=None)
def test_a_plan_includes_what_it_says_in_a_month_whatever_plans_were_before(
    p: Included, q: Included, history: Sequence[Step]
) -> None:
    """What is left of it is its units less all that was used of others', granted under whichever
    plan; never less for what was merely granted. Only what was used beyond it, and granted
    before, is had on top."""
    network = Network(account("1000", plan="p"), tariffs(compiled(p.plan("p"), q.plan("q"))))
    for step in history:
        network.play(step)
        state = network.state
        now = {"p": p, "q": q}[state.plan]
        for service, units in ((Service.DATA, now.data), (Service.VOICE, now.voice)):
            free = sum(each.free for each in network.journal if each.service == service)
            left = owed = 0
            for index, bucket in enumerate(state.buckets):
                flat = state.flat[index * BUCKET_SIZE : (index + 1) * BUCKET_SIZE]
                if flat[BUCKET_SERVICE] == service and made_way(bucket):
                    owed += bucket.rollover
                elif flat[BUCKET_SERVICE] == service:
                    left += flat[REMAINING]
            if state.buckets:
                assert left - owed == (units or 0) - free
