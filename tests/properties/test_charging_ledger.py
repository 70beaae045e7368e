"""Journal, balances and ledger agree, whatever accounts are charged, topped up, refunded and
moved between, and however time passes: prepaid, postpaid and hybrid ones."""

from collections import Counter
from datetime import UTC, datetime

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.unit.charging.builders import (
    DAY,
    MB,
    Phone,
    account,
    asks,
    credit,
    hybrid,
    postpaid,
    request,
)
from trunkline.charging import Action, Kind, UnitRequest
from trunkline.charging.account import top_up
from trunkline.charging.actions import deciding
from trunkline.charging.events import Validity
from trunkline.charging.hybrid import carry, credit_of
from trunkline.charging.journal import RecordKind
from trunkline.charging.oneoff import charge_usage
from trunkline.charging.ongoing import enter
from trunkline.charging.postings import totals
from trunkline.charging.renewal import taken
from trunkline.charging.sessions import give_up_sessions
from trunkline.kernel.errors import TrunklineError
from trunkline.kernel.money import Money
from trunkline.ledger import PREPAID, UNBILLED

SHORT = Validity(first_days=20, top_up_days=10, grace_days=5)
KINDS = (
    lambda: account("2"),
    lambda: account("2", validity=SHORT),
    lambda: postpaid("3"),
    lambda: hybrid("1", "2"),
    lambda: hybrid("1", None),
    lambda: hybrid("1", "2", validity=SHORT),
)
PLACES = range(len(KINDS))


class Step(msgspec.Struct, frozen=True):
    """`much` is in cents, or of what was granted in percent; `later` in seconds."""

    verb: str
    who: int
    other: int
    much: int
    later: int


STEPS = st.lists(
    st.builds(
        Step,
        verb=st.sampled_from(
            ["use", "use", "end", "buy", "refund", "top up", "adjust", "transfer", "file"]
        ),
        who=st.sampled_from(PLACES),
        other=st.sampled_from(PLACES),
        much=st.integers(1, 300),
        later=st.sampled_from([0, 60, 3600, DAY, 9 * DAY]),
    ),
    min_size=3,
    max_size=30,
)


class Operator:
    def __init__(self) -> None:
        self.phones = [Phone(make()) for make in KINDS]
        self.ledger = Counter({PREPAID: -sum(self._balances())})
        self.start = [phone.state.money for phone in self.phones]
        self.serial = 0

    def _balances(self) -> list[int]:
        return [phone.state.money for phone in self.phones if phone.state.prepaid]

    def do(self, step: Step) -> None:
        before = [len(phone.journal) for phone in self.phones]
        self.serial += 1
        for phone in self.phones:
            phone.now += step.later
            give_up_sessions(phone.state, phone.now)
            enter(phone.state, phone.now, phone.journal)
        phone, name = self.phones[step.who], f"n{self.serial}"
        amount = Money(step.much * 10_000, "EUR")
        match step.verb:
            case "use" | "end":
                self._use(phone, step)
            case "buy" | "refund":
                action = Action.DIRECT_DEBIT if step.verb == "buy" else Action.REFUND
                phone.send(
                    request(
                        Kind.EVENT, session=name, at=phone.now, action=action, money=amount.micros
                    )
                )
            case "file":
                first = len(phone.journal)
                unit = UnitRequest(1, used=step.much * MB)
                late = request(Kind.EVENT, 0, unit, session=name, at=phone.now - 3 * DAY)
                charge_usage(phone.state, late, phone.tariffs, phone.journal)
                carry(phone.state, phone.journal, first)
            case _:
                self._move(step, amount, name)
        self._post(before)

    def _use(self, phone: Phone, step: Step) -> None:
        """One session of each, over and over; now and then more than was granted."""
        session = phone.state.session("s1")
        if session is None:
            phone.begin(asks(step.much * MB))
            return
        used = session.quotas[0].granted * step.much // 250
        (phone.end if step.verb == "end" else phone.go_on)(asks(step.much * MB, used=used))

    def _move(self, step: Step, amount: Money, name: str) -> None:
        phone, other = self.phones[step.who], self.phones[step.other]
        at = datetime.fromtimestamp(phone.now, UTC)
        try:
            if step.verb == "top up":
                top_up(phone.state, amount, at, name, phone.journal)
                self.ledger[PREPAID] -= amount.micros
            elif step.verb == "adjust":
                moved = amount if step.much % 2 else -amount
                deciding.adjust(phone.state, moved, at, name, phone.journal)
                self.ledger[PREPAID] -= moved.micros
            elif phone is not other:
                journals = phone.journal, other.journal
                deciding.transfer(phone.state, other.state, amount, at, name, journals)
        except TrunklineError:
            return

    def _post(self, before: list[int]) -> None:
        """As batches and jobs tell the ledger."""
        written = [
            (phone.state, record)
            for phone, first in zip(self.phones, before, strict=True)
            for record in phone.journal[first:]
        ]
        for (_, prepaid, _), micros in totals(written).items():
            self.ledger[PREPAID if prepaid else UNBILLED] += micros
        self.ledger[PREPAID] += sum(taken(written).values())

    def check(self) -> None:
        assert self.ledger[PREPAID] == -sum(self._balances())
        billed = 0
        for phone, start in zip(self.phones, self.start, strict=True):
            state, journal = phone.state, phone.journal
            assert state.money == start - sum(record.charge for record in journal)
            assert [record.seq for record in journal] == list(range(1, state.seq + 1))
            if not state.prepaid:
                billed += sum(
                    record.charge
                    for record in journal
                    if record.kind in (RecordKind.USAGE, RecordKind.REFUND)
                )
            elif credit_of(state) is not None:
                assert state.money >= 0
                assert state.floor == -max(credit(state).limit - credit(state).billed, 0)
                billed -= sum(
                    record.charge for record in journal if record.kind == RecordKind.ON_BILL
                )
        assert self.ledger[UNBILLED] == billed


@given(STEPS)
@settings(max_examples=examples(100), deadline=None)
def test_journal_balances_and_ledger_agree(steps: list[Step]) -> None:
    operator = Operator()
    for step in steps:
        operator.do(step)
        operator.check()
