"""Whatever befalls a batch, its face value is somewhere, and once."""

import contextlib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.scenarios.billing_town import eur
from tests.scenarios.voucher_town import MONTHS, Town
from trunkline import ledger, vouchers
from trunkline.kernel.errors import TrunklineError
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.vouchers import TopUpState, VoucherState

COUNT = 6
_place = st.integers(0, COUNT - 1)
_span = st.tuples(_place, _place).map(lambda each: (min(each), max(each)))
STEP = st.one_of(
    st.tuples(st.just("sell"), _span, st.sampled_from(["10", "9.50", "0"])),
    st.tuples(st.sampled_from(["stop", "resume", "take back", "write off"]), _span),
    st.tuples(st.just("redeem"), _place, st.sampled_from([1, 2])),
    st.tuples(
        st.just("block"), _place, st.sampled_from([VoucherState.STOPPED, VoucherState.ACTIVE])
    ),
    st.tuples(st.just("guess"), st.sampled_from([1, 2])),
    st.tuples(st.just("deliver")),
    st.tuples(st.just("expire")),
    st.tuples(st.just("retail"), st.sampled_from(["5", "20"]), st.integers(0, 3)),
    st.tuples(st.just("reverse"), st.integers(0, 3)),
    st.tuples(st.just("fail"), _span),
)


@pytest.fixture
def town(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Town:
    return Town(books, charging, relay, clock)


class Life:
    """One batch's, in a town that others have lived in before."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.batch, self.codes = town.make(COUNT)
        self.redeemed: dict[int, int] = {}
        self.tag = self.batch.id
        with town.books.transaction() as tx:
            for each in vouchers.locked_out(tx, now=town.clock.now()):
                vouchers.release(tx, each.who)

    def run(self, step: tuple[Any, ...]) -> None:
        # What is refused has changed nothing, which is what is looked at.
        with contextlib.suppress(TrunklineError):
            getattr(self, f"do_{step[0].replace(' ', '_')}")(*step[1:])

    def _range(self, span: tuple[int, int]) -> dict[str, Any]:
        first = self.batch.first
        return {
            "first": first + span[0],
            "last": first + span[1],
            "now": self.town.clock.now(),
        }

    def do_sell(self, span: tuple[int, int], price: str) -> None:
        with self.town.books.transaction() as tx:
            vouchers.sell_vouchers(
                tx,
                self.batch.id,
                **self._range(span),
                dealer=self.town.kiosk,
                price=eur(price),
                by="Dan",
            )

    def do_stop(self, span: tuple[int, int]) -> None:
        with self.town.books.transaction() as tx:
            vouchers.stop_vouchers(tx, self.batch.id, **self._range(span))

    def do_resume(self, span: tuple[int, int]) -> None:
        with self.town.books.transaction() as tx:
            vouchers.resume_vouchers(tx, self.batch.id, **self._range(span))

    def do_take_back(self, span: tuple[int, int]) -> None:
        with self.town.books.transaction() as tx:
            vouchers.take_back_vouchers(tx, self.batch.id, **self._range(span))

    def do_write_off(self, span: tuple[int, int]) -> None:
        with self.town.books.transaction() as tx:
            vouchers.write_off_vouchers(tx, self.batch.id, **self._range(span))

    def do_block(self, place: int, to: VoucherState) -> None:
        with self.town.books.transaction() as tx:
            vouchers.change_voucher(tx, self.batch.first + place, to=to, now=self.town.clock.now())

    def do_fail(self, span: tuple[int, int]) -> None:
        """Something that dies after all its writes, before its commit."""
        with self.town.books.transaction() as tx:
            vouchers.stop_vouchers(tx, self.batch.id, **self._range(span))
            raise TrunklineError("killed")

    def do_redeem(self, place: int, person: int) -> None:
        if self.town.redeem(self.codes[place], person).state is TopUpState.CREATED:
            assert place not in self.redeemed
            self.redeemed[place] = person

    def do_guess(self, person: int) -> None:
        assert self.town.redeem("1234567890123456", person).state is TopUpState.FAILED

    def do_deliver(self) -> None:
        self.town.relay.drain()

    def do_expire(self) -> None:
        self.town.clock.advance(5 * MONTHS)
        vouchers.expire(self.town.books, self.town.clock.now())

    def do_retail(self, amount: str, reference: int) -> None:
        balance = self.town.balance(1)
        with self.town.books.transaction() as tx:
            vouchers.sell_top_up(
                tx,
                self.town.kiosk,
                balance=balance,
                amount=eur(amount),
                reference=f"{self.tag}/{reference}",
                caller="till",
                now=self.town.clock.now(),
            )

    def do_reverse(self, reference: int) -> None:
        with self.town.books.transaction() as tx:
            found = vouchers.retail_by_reference(tx, self.town.kiosk, f"{self.tag}/{reference}")
            if found is not None:
                vouchers.reverse_top_up(tx, found.id, now=self.town.clock.now())


@settings(
    max_examples=examples(5),
)
@given(st.lists(STEP, min_size=8, max_size=30))
def test_face_value_is_conserved(town: Town, steps: list[tuple[Any, ...]]) -> None:
    life = Life(town)
    begun = {person: town.balance(person).money for person in (1, 2)}
    for step in steps:
        life.run(step)
        with town.books.read() as r:
            assert sum(each.amount.micros for each in ledger.trial_balance(r)) == 0
    town.relay.drain()
    town.check_books()
    states = town.states(life.batch)
    assert sum(states.values()) == COUNT
    assert states.get(VoucherState.REDEEMED, 0) == len(life.redeemed)
    assert VoucherState.REDEEMING not in states
    for person in (1, 2):
        mine = sum(1 for each in life.redeemed.values() if each == person)
        with town.books.read() as r:
            sold = [
                vouchers.retail_by_reference(r, town.kiosk, f"{life.tag}/{each}")
                for each in range(4)
            ]
        retail = sum(
            each.amount.micros
            for each in sold
            if person == 1 and each is not None and each.state is TopUpState.COMPLETED
        )
        gained = town.balance(person).money.micros - begun[person].micros
        assert gained == mine * life.batch.face.micros + retail
    # What is left expires, and the batch is closed: nothing is owed for it any more.
    town.clock.advance(timedelta(days=400))
    vouchers.expire(town.books, town.clock.now())
    left = town.states(life.batch)
    assert set(left) <= {VoucherState.REDEEMED, VoucherState.EXPIRED, VoucherState.VOID}
    town.check_books()
