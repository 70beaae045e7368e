"""What holds for any account, tariff and history of sessions."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.unit.charging.builders import (
    DAY,
    NOON,
    account,
    asks,
    compiled,
    credit,
    decided,
    hybrid,
    plan,
    postpaid,
    request,
    rule,
    tariffs,
)
from trunkline.charging import (
    NOT_REQUESTED,
    Action,
    ChargeAnswer,
    ChargeRequest,
    Kind,
    Result,
    Service,
    UnitRequest,
)
from trunkline.charging.grants import GrantPolicy, GrantSize
from trunkline.charging.hybrid import credit_of
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.state import State, decode, encode
from trunkline.charging.tariffs import Tariffs
from trunkline.rating import (
    BUCKET_COUNT,
    BUCKET_SIZE,
    CHARGE,
    DATA,
    NO_LIMIT,
    REMAINING,
    RESERVED,
    TAKEN,
    Allowance,
    UsageRule,
    bucket_offset,
    new_slice,
)

POLICY = GrantPolicy(
    data=GrantSize(default=500, smallest=20, largest=100_000, validity=3600),
    voice=GrantSize(default=120, smallest=30, largest=7200, validity=600),
)
BUCKETS = bucket_offset(0)


class Step(msgspec.Struct, frozen=True):
    """What a gateway does next in one of its sessions. `used` is in percent of the open
    grant, `later` in seconds; `again` sends the request twice."""

    session: int
    group: int
    requested: int
    used: int
    ends: bool
    later: int
    again: bool


def steps(most_used: int) -> st.SearchStrategy[list[Step]]:
    return st.lists(
        st.builds(
            Step,
            session=st.integers(0, 2),
            group=st.integers(1, 2),
            requested=st.sampled_from([NOT_REQUESTED, 0, 1, 7, 30, 100, 1000, 50_000]),
            used=st.integers(0, most_used),
            ends=st.integers(0, 5).map(lambda n: n == 0),
            later=st.sampled_from([0, 1, 60, 3000, DAY]),
            again=st.booleans(),
        ),
        max_size=25,
    )


@st.composite
def price_rules(draw: st.DrawFn) -> tuple[UsageRule, ...]:
    return tuple(
        rule(
            service,
            draw(st.sampled_from(["0", "0.0003", "0.01", "0.25"])),
            draw(st.sampled_from([1, 7, 60, 100])),
            increment=draw(st.sampled_from([1, 6, 60, 100])),
            fee=draw(st.sampled_from(["0", "0.05"])),
        )
        for service in ("data", "voice")
    )


allowances = st.lists(
    st.builds(
        Allowance,
        id=st.just("x"),
        name=st.just("Included"),
        service=st.sampled_from(["data", "voice"]),
        units=st.integers(1, 2000),
        rating_group=st.sampled_from([None, 1]),
        priority=st.integers(0, 2),
    ),
    max_size=3,
).map(lambda found: tuple(msgspec.structs.replace(a, id=f"a{i}") for i, a in enumerate(found)))


@st.composite
def priced(draw: st.DrawFn) -> Tariffs:
    return tariffs(compiled(plan(*draw(allowances), rules=draw(price_rules()))))


accounts = st.one_of(
    st.integers(0, 5_000_000).map(lambda micros: account(f"{micros / 1_000_000:.6f}")),
    st.sampled_from(["0.5", "3"]).map(postpaid),
    st.builds(hybrid, st.sampled_from(["0", "0.3", "2"]), st.sampled_from([None, "0.5", "3"])),
)


def worth(state: State) -> int:
    """The balance, less what of this month's usage went onto a hybrid account's bill."""
    return state.money - (0 if credit_of(state) is None else credit(state).billed)


class Gateway:
    """Plays steps against an account, and checks the books of it after each."""

    def __init__(self, state: State, tariffs_: Tariffs, service: Service) -> None:
        self.state, self.tariffs, self.service = state, tariffs_, service
        self.start = state.money
        self.journal: list[Record] = []
        self.sent: list[tuple[ChargeRequest, int]] = []
        self.answers: list[ChargeAnswer] = []
        self.numbers: dict[str, int] = {}
        self.serial = 0
        self.names: dict[int, str] = {}
        self.now = NOON

    def play(self, step: Step) -> None:
        self.now += step.later
        name = self.names.get(step.session)
        open_ = None if name is None else self.state.session(name)
        if open_ is None or open_.until < self.now:
            self.serial += 1
            name = self.names[step.session] = f"s{self.serial}"
            kind, used = Kind.INITIAL, 0
        else:
            kind = Kind.TERMINATE if step.ends else Kind.UPDATE
            open_quota = [q for q in open_.quotas if q.rating_group == step.group]
            used = open_quota[0].granted * step.used // 100 if open_quota else 0
        assert name is not None
        number = self.numbers[name] = self.numbers.get(name, -1) + 1
        unit = asks(step.requested, used=used, group=step.group)
        message = request(
            kind, number, unit, session=name, at=self.now, service=self.service, called="467"
        )
        answer = self.send(message)
        if step.again:
            before = encode(self.state)
            assert self.send(message) == answer
            assert encode(self.state) == before

    def send(self, message: ChargeRequest) -> ChargeAnswer:
        answer = decided(self.state, message, self.tariffs, self.now, self.journal, POLICY)
        self.sent.append((message, self.now))
        self.answers.append(answer)
        return answer

    def check(self) -> None:
        state = self.state
        quotas = [quota for session in state.sessions for quota in session.quotas]
        assert state.held == sum(quota.money for quota in quotas)
        held: dict[int, int] = {}
        for quota in quotas:
            for number, units in zip(quota.holds[::2], quota.holds[1::2], strict=True):
                held[number] = held.get(number, 0) + units
        granted = {bucket.number: bucket.granted for bucket in state.buckets}
        taken = self.taken()
        for index, bucket in enumerate(state.buckets):
            flat = state.flat[index * BUCKET_SIZE : (index + 1) * BUCKET_SIZE]
            assert 0 <= flat[RESERVED] == held.get(bucket.number, 0) <= flat[REMAINING]
            assert flat[REMAINING] == granted[bucket.number] - taken.get(bucket.number, 0)
        assert state.money == self.start - sum(record.charge for record in self.journal)
        assert [record.seq for record in self.journal] == list(range(1, state.seq + 1))
        if not any(record.overrun for record in self.journal):
            assert state.money - state.held >= state.floor
        if credit_of(state) is not None:
            self.check_bill()

    def check_bill(self) -> None:
        """The balance is never overdrawn, and what it was credited with is on the bill: of each
        usage just what the balance didn't reach."""
        assert self.state.money >= 0
        sums = dict.fromkeys(RecordKind, 0)
        for before, record in pairwise([Record(0, 0, 0, 0, self.start), *self.journal]):
            sums[RecordKind(record.kind)] += record.charge or record.units
            if record.kind == RecordKind.ON_BILL:
                assert (record.balance, -record.charge) == (0, -before.balance)
            elif before.kind == RecordKind.USAGE:
                assert before.balance >= 0
        billed = -sums[RecordKind.ON_BILL] - sums[RecordKind.NEW_MONTH]
        assert credit(self.state).billed == billed

    def taken(self) -> dict[int, int]:
        """Units that the journal took from each bucket, in the order of its own evidence."""
        numbers: list[int] = []
        taken: dict[int, int] = {}
        for record in self.journal:
            if record.kind == RecordKind.ALLOWANCE:
                numbers.append(record.number)
            elif record.slice is not None:
                count = record.slice[BUCKET_COUNT]
                # Older buckets go first when months pass: the last `count` are those in play.
                for place, number in enumerate(numbers[len(numbers) - count :]):
                    units = record.slice[BUCKETS + place * BUCKET_SIZE + TAKEN]
                    taken[number] = taken.get(number, 0) + units
        return taken


@given(accounts, priced(), steps(most_used=150), st.sampled_from([Service.DATA, Service.VOICE]))
@settings(max_examples=examples(150), deadline=None)
def test_the_books_of_an_account_agree_at_every_step(
    state: State, prices: Tariffs, history: Sequence[Step], service: Service
) -> None:
    """Reservations are those of the open sessions and never more than there is; money and
    buckets are what the journal says; a repeated request changes nothing; and while nobody
    uses more than was granted, no balance passes its floor."""
    gateway = Gateway(decode(encode(state)), prices, service)
    for step in history:
        gateway.play(step)
        gateway.check()


@given(accounts, priced(), steps(most_used=100), st.sampled_from([Service.DATA, Service.VOICE]))
@settings(max_examples=examples(100), deadline=None)
def test_nothing_stays_reserved_when_all_sessions_ended(
    state: State, prices: Tariffs, history: Sequence[Step], service: Service
) -> None:
    gateway = Gateway(decode(encode(state)), prices, service)
    for step in history:
        gateway.play(step)
    for session in list(gateway.state.sessions):
        last = request(Kind.TERMINATE, 1000, session=session.id, at=gateway.now, service=service)
        gateway.send(last)
    gateway.check()
    assert not gateway.state.holds_anything()
    assert gateway.state.sessions == []


@given(accounts, priced(), steps(most_used=150), st.sampled_from([Service.DATA, Service.VOICE]))
@settings(max_examples=examples(75), deadline=None)
def test_the_same_history_has_the_same_answers(
    state: State, prices: Tariffs, history: Sequence[Step], service: Service
) -> None:
    """Even when the state is stored and read again between any two requests."""
    gateway = Gateway(decode(encode(state)), prices, service)
    for step in history:
        gateway.play(step)
    again = decode(encode(state))
    journal: list[Record] = []
    for (message, now), answer in zip(gateway.sent, gateway.answers, strict=True):
        again = decode(encode(again))
        assert decided(again, message, prices, now, journal, POLICY) == answer
    assert again == gateway.state
    assert journal == gateway.journal


@given(price_rules(), st.lists(st.integers(0, 400), min_size=1, max_size=12))
@settings(max_examples=examples(150), deadline=None)
def test_slices_cost_what_the_whole_does(
    rules: tuple[UsageRule, ...], slices: Sequence[int]
) -> None:
    prices = tariffs(compiled(plan(rules=rules)))
    gateway = Gateway(account("1000"), prices, Service.DATA)
    gateway.send(request(Kind.INITIAL, 0, asks(0)))
    for number, used in enumerate(slices, 1):
        gateway.send(request(Kind.UPDATE, number, asks(0, used=used)))
    in_force = prices.at(NOON)
    assert in_force is not None
    found = in_force.plan("plan")
    assert found is not None
    whole = new_slice(found.index, DATA, start=NOON, units=sum(slices), group=1, limit=NO_LIMIT)
    in_force.rate(whole)
    assert gateway.start - gateway.state.money == whole[CHARGE]


@given(
    accounts,
    priced(),
    st.lists(
        st.tuples(st.sampled_from(list(Action)), st.integers(0, 300), st.integers(0, 2_000_000)),
        max_size=12,
    ),
)
@settings(max_examples=examples(100), deadline=None)
def test_events_debit_whole_or_not_at_all(
    state: State, prices: Tariffs, events: Sequence[tuple[Action, int, int]]
) -> None:
    state = decode(encode(state))
    journal: list[Record] = []
    start = state.money
    for serial, (action, units, money) in enumerate(events):
        message = request(
            Kind.EVENT,
            0,
            *([UnitRequest(rating_group=1, requested=units)] if units else []),
            session=f"e{serial}",
            action=action,
            money=0 if units else money,
        )
        before = worth(state)
        answer = decided(state, message, prices, NOON, journal)
        if action is Action.DIRECT_DEBIT:
            assert state.money >= state.floor or worth(state) == before
            if answer.result is Result.SUCCESS:
                assert answer.cost == before - worth(state)
        elif action is Action.REFUND:
            assert worth(state) >= before
        else:
            assert worth(state) == before
        assert decided(state, message, prices, NOON, journal) == answer
        assert not state.holds_anything()
    assert state.money == start - sum(record.charge for record in journal)
