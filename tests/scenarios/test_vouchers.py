"""Vouchers: made, sealed, sold, redeemed once, stopped, expired; and those who guess."""

import hashlib
import threading
from datetime import timedelta

import pytest
import sqlalchemy.event

from tests.conftest import MakeDatabase
from tests.scenarios.billing_town import BRAND, ENTITY, eur
from tests.scenarios.voucher_town import KEY, MONTHS, PASSPHRASE, Town
from trunkline import vouchers
from trunkline.charging import CloseAccount
from trunkline.kernel.errors import Conflict, Invalid
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.ledger import ADJUSTMENTS, BREAKAGE, COMMISSIONS, DEALERS, PREPAID, VOUCHERS
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.vouchers import (
    BatchState,
    DealerLimit,
    FileMismatch,
    LockedOut,
    NoVoucherKey,
    TopUpState,
    VoucherKeys,
    VouchersElsewhere,
    VoucherState,
)
from trunkline.vouchers.batches.codes import draw
from trunkline.vouchers.batches.store import voucher as voucher_table
from trunkline.vouchers.jobs import forget_tries
from trunkline.vouchers.top_ups import redeeming


@pytest.fixture
def town(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Town:
    return Town(books, charging, relay, clock)


def test_a_vouchers_life(town: Town) -> None:
    """Ten vouchers of 10.00, sold at 9.50: 95 owed by the kiosk, 5 spent on selling, 100 owed to
    whoever holds them. Ada redeems one: 10 of the 100 are her balance."""
    batch, codes = town.make(10)
    assert (batch.state, batch.made) == (BatchState.EXPORTED, 10)
    assert town.states(batch) == {VoucherState.GENERATED: 10}
    assert town.redeem(codes[0]).state is TopUpState.FAILED  # not sold yet
    town.sell(batch, "9.50")
    assert (town.ledger(DEALERS), town.ledger(COMMISSIONS), town.ledger(VOUCHERS)) == (
        "95.00 EUR",
        "5.00 EUR",
        "-100.00 EUR",
    )
    done = town.redeem(codes[0])
    assert done.state is TopUpState.CREATED
    town.relay.drain()
    done = town.top_up(done)
    assert (done.state, str(done.amount), done.serial) == (
        TopUpState.COMPLETED, "10.00 EUR", batch.first
    )  # fmt: skip
    assert town.money(1) == "10.00 EUR"
    assert (town.ledger(VOUCHERS), town.ledger(PREPAID)) == ("-90.00 EUR", "-10.00 EUR")
    assert town.states(batch) == {VoucherState.REDEEMED: 1, VoucherState.ACTIVE: 9}
    town.check_books()


def test_a_bonus_is_given_beside(town: Town) -> None:
    _, codes = town.made_and_sold(1, bonus=eur("2"))
    town.redeem(codes[0])
    town.relay.drain()
    assert town.money(1) == "12.00 EUR"
    assert town.ledger(ADJUSTMENTS) == "2.00 EUR"
    town.check_books()


def test_codes_are_kept_as_digests_and_leave_once(town: Town) -> None:
    now = town.clock.now()
    with town.books.transaction() as tx:
        batch = vouchers.make_batch(
            tx,
            vouchers.NewBatch(
                name="Big",
                entity=ENTITY,
                face=eur("5"),
                count=2500,
                expires_at=now + MONTHS,
                passphrase=PASSPHRASE,
            ),
            by="Eve",
            now=now,
        )
        vouchers.approve_batch(tx, batch.id, by="Dan", now=now)
    with town.books.read() as r, pytest.raises(Conflict, match="0 of 2500"):
        vouchers.sealed_file(r, batch.id)
    town.relay.drain()
    with town.books.read() as r:
        first = vouchers.sealed_file(r, batch.id)
        assert vouchers.sealed_file(r, batch.id) == first
        kept = [bytes(each) for each in r.execute(voucher_table.select().with_only_columns(
            voucher_table.c.code_digest)).scalars()]  # fmt: skip
    table = list(vouchers.unseal(first.splitlines(), PASSPHRASE))
    assert [serial for serial, _ in table] == list(range(batch.first, batch.last + 1))
    assert len({code for _, code in table}) == len(set(kept)) == 2500
    plain = {code.replace(" ", "").encode() for _, code in table}
    assert not plain & set(kept)
    assert not {hashlib.sha256(each).digest() for each in plain} & set(kept)
    with pytest.raises(FileMismatch), town.books.transaction() as tx:
        vouchers.note_exported(tx, batch.id, sha256="0" * 64, now=now)
    with town.books.transaction() as tx:
        vouchers.note_exported(tx, batch.id, sha256=hashlib.sha256(first).hexdigest(), now=now)
    with town.books.read() as r, pytest.raises(Conflict, match="here no more"):
        vouchers.sealed_file(r, batch.id)
    with pytest.raises(IllegalTransition), town.books.transaction() as tx:
        vouchers.note_exported(tx, batch.id, sha256="0" * 64, now=now)


def test_the_second_gets_nothing_and_the_first_is_told_that_it_is_theirs(town: Town) -> None:
    _, codes = town.made_and_sold()
    town.redeem(codes[0], 1)
    again, other = town.redeem(codes[0], 1), town.redeem(codes[0], 2)
    town.relay.drain()
    assert (again.reason, again.finding) == (redeeming.OURS, "own")
    assert (other.reason, other.finding) == (redeeming.REFUSED, "redeeming")
    later = town.redeem(codes[0], 2)
    assert (later.reason, later.finding) == (redeeming.REFUSED, "redeemed")
    assert (town.money(1), town.money(2)) == ("10.00 EUR", "0.00 EUR")
    town.check_books()


def test_two_at_the_same_instant(town: Town, make_database: MakeDatabase) -> None:
    """Ten tries of one code by two people at once: one gets it."""
    batch, codes = town.made_and_sold(1)
    town.made_and_sold(1)
    gate, done, failed = threading.Barrier(4), [], []
    balances = {person: town.balance(person) for person in (1, 2)}

    def attempt(number: int) -> None:
        mine = make_database("books")
        vouchers.keep_keys(mine, lambda: VoucherKeys.of(["5e" * 32]))
        tried = vouchers.Attempt(code=codes[0], balance=balances[number % 2 + 1], caller="app")
        gate.wait()
        try:
            with mine.transaction() as tx:
                done.append(vouchers.redeem(tx, tried, now=town.clock.now()))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=attempt, args=(each,)) for each in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failed
    assert [each.state for each in done].count(TopUpState.CREATED) == 1
    town.relay.drain()
    assert town.states(batch) == {VoucherState.REDEEMED: 1}
    assert sorted((town.money(1), town.money(2))) == ["0.00 EUR", "10.00 EUR"]
    town.check_books()


def test_what_charging_refuses_gives_the_voucher_back(town: Town) -> None:
    """Ada's account is closed while her top-up is under way: Bo gets it."""
    batch, codes = town.made_and_sold(1)
    with town.books.transaction() as tx:
        tx.emit(CloseAccount(account=town.balance(1).account, closed_at=town.clock.now()))
    attempt = vouchers.Attempt(code=codes[0], balance=town.balance(1), caller="app")
    with town.books.transaction() as tx:
        tried = vouchers.redeem(tx, attempt, now=town.clock.now())
    town.relay.drain()
    tried = town.top_up(tried)
    assert tried.state is TopUpState.FAILED
    assert "closed" in (tried.reason or "")
    assert town.states(batch) == {VoucherState.ACTIVE: 1}
    town.check_books()
    town.redeem(codes[0], 2)
    town.relay.drain()
    assert town.money(2) == "10.00 EUR"
    town.check_books()


def test_answers_that_come_twice_count_once(town: Town) -> None:
    _, codes = town.made_and_sold(1)
    done = town.redeem(codes[0])
    town.relay.drain()
    with town.books.transaction() as tx:
        redeeming.note_top_up(tx, done.id, failure="late", now=town.clock.now())
        redeeming.note_top_up(tx, done.id, failure=None, now=town.clock.now())
    assert town.top_up(done).state is TopUpState.COMPLETED
    town.check_books()


def test_who_guesses_is_refused_for_growing_periods(town: Town) -> None:
    _, codes = town.made_and_sold(2)
    for guess in draw(4):
        assert town.redeem(guess).finding == "unknown"
    assert town.redeem(codes[0][:-1] + str((int(codes[0][-1]) + 1) % 10)).finding == "malformed"
    with pytest.raises(LockedOut) as locked:
        town.redeem(codes[0])  # even the right one
    assert locked.value.seconds == 15 * 60 + 1
    town.redeem(codes[0], 2, caller="another")  # nobody else is
    with town.books.read() as r:
        whose = {each.who.split()[0] for each in vouchers.locked_out(r, now=town.clock.now())}
    assert whose == {"account", "customer"}
    town.clock.advance(timedelta(minutes=16))
    town.redeem("0000 0000 0000 0000")
    with pytest.raises(LockedOut) as locked:
        town.redeem(codes[1])
    assert locked.value.seconds == 30 * 60 + 1
    with town.books.transaction() as tx:
        for who in list(vouchers.locked_out(tx, now=town.clock.now())):
            vouchers.release(tx, who.who)
    assert town.redeem(codes[1]).state is TopUpState.CREATED
    town.clock.advance(timedelta(days=3))
    assert forget_tries(town.books, town.clock.now()) > 0


def test_stopped_by_their_numbers_and_good_again(town: Town) -> None:
    batch, codes = town.made_and_sold(5)
    span = {"first": batch.first, "last": batch.first + 2}
    town.redeem(codes[0])
    town.relay.drain()
    with town.books.transaction() as tx:
        assert vouchers.stop_vouchers(tx, batch.id, **span, now=town.clock.now()) == (2, 0)
    assert town.redeem(codes[1]).finding == "stopped"
    town.check_books()
    with town.books.transaction() as tx:
        assert vouchers.resume_vouchers(tx, batch.id, **span, now=town.clock.now()) == 2
    assert town.redeem(codes[1]).state is TopUpState.CREATED
    other, unsold = town.make(3)
    with town.books.transaction() as tx:
        stopped = vouchers.stop_vouchers(
            tx, other.id, first=other.first, last=other.last, now=town.clock.now()
        )
    assert stopped == (0, 3)
    with pytest.raises(VouchersElsewhere):
        town.sell(other)
    assert town.redeem(unsold[0], 2).finding == "void"


def test_what_was_not_sold_comes_back(town: Town) -> None:
    batch, codes = town.make(4)
    town.sell(batch, "9")
    town.redeem(codes[0])
    town.relay.drain()
    with pytest.raises(VouchersElsewhere), town.books.transaction() as tx:
        vouchers.take_back_vouchers(
            tx, batch.id, first=batch.first, last=batch.last, now=town.clock.now()
        )
    with town.books.transaction() as tx:
        vouchers.take_back_vouchers(
            tx, batch.id, first=batch.first + 1, last=batch.last, now=town.clock.now()
        )
    assert (town.ledger(DEALERS), town.ledger(COMMISSIONS), town.ledger(VOUCHERS)) == (
        "9.00 EUR",
        "1.00 EUR",
        "0.00 EUR",
    )
    town.check_books()


def test_what_nobody_redeems_is_earned(town: Town) -> None:
    batch, codes = town.made_and_sold(5)
    town.redeem(codes[0])
    town.relay.drain()
    assert vouchers.expire(town.books, town.clock.now()) == 0
    town.clock.advance(12 * MONTHS)
    assert town.redeem(codes[1]).reason == redeeming.EXPIRED
    assert vouchers.expire(town.books, town.clock.now()) == 4
    assert town.ledger(BREAKAGE) == "-40.00 EUR"
    assert town.states(batch) == {VoucherState.REDEEMED: 1, VoucherState.EXPIRED: 4}
    with town.books.read() as r:
        assert vouchers.voucher_batch(r, batch.id).state is BatchState.CLOSED
    assert vouchers.expire(town.books, town.clock.now()) == 0
    town.check_books()


def test_a_batch_isnt_closed_while_one_is_being_redeemed(town: Town) -> None:
    batch, codes = town.made_and_sold(2)
    with town.books.transaction() as tx:
        tx.emit(CloseAccount(account=town.balance(1).account, closed_at=town.clock.now()))
    town.redeem(codes[0])
    town.clock.advance(12 * MONTHS)
    assert vouchers.expire(town.books, town.clock.now()) == 1
    with town.books.read() as r:
        assert vouchers.voucher_batch(r, batch.id).state is BatchState.EXPORTED
    town.relay.drain()
    assert vouchers.expire(town.books, town.clock.now()) == 1
    with town.books.read() as r:
        assert vouchers.voucher_batch(r, batch.id).state is BatchState.CLOSED
    town.check_books()


def test_a_dealer_sells_no_more_than_they_may(town: Town) -> None:
    """A credit of 1,000: a hundred of 10.00, and no more until something is paid in."""
    town.made_and_sold(100)
    batch, _ = town.make(1)
    with pytest.raises(DealerLimit):
        town.sell(batch)
    with town.books.transaction() as tx:
        vouchers.receive_dealer_payment(
            tx, town.kiosk, amount=eur("10"), reference="b1", now=town.clock.now()
        )
    town.sell(batch)
    town.check_books()


def test_another_key_is_noticed_and_counts_as_no_failure(town: Town) -> None:
    _, codes = town.made_and_sold(1)
    vouchers.keep_keys(town.books, lambda: VoucherKeys.of(["77" * 32]))
    with pytest.raises(NoVoucherKey):
        town.redeem(codes[0])
    vouchers.keep_keys(town.books, lambda: VoucherKeys.of(["77" * 32, "5e" * 32]))
    assert town.redeem(codes[0]).state is TopUpState.CREATED


def test_what_is_no_batch(town: Town) -> None:
    for wrong in (
        {"count": 0},
        {"face": eur("0")},
        {"face": eur("0.001")},
        {"expires_at": town.clock.now()},
        {"passphrase": "short"},
        {"bonus": eur("-1")},
        {"name": " "},
    ):
        with pytest.raises(Invalid):
            town.make(**wrong)


def test_another_brands_customer_learns_nothing(town: Town) -> None:
    _, codes = town.made_and_sold(1, brand=BRAND)
    assert town.redeem(codes[0]).state is TopUpState.CREATED


def test_one_asks_another_approves_and_who_asked_sells_nothing(town: Town) -> None:
    batch, now = asked_for(town), town.clock.now()
    town.relay.drain()
    assert town.states(batch) == {}
    with pytest.raises(vouchers.FourEyes), town.books.transaction() as tx:
        vouchers.approve_batch(tx, batch.id, by="Eve", now=now)
    with town.books.transaction() as tx:
        approved = vouchers.approve_batch(tx, batch.id, by="Dan", now=now)
    assert (approved.asked_by, approved.approved_by) == ("Eve", "Dan")
    with pytest.raises(IllegalTransition), town.books.transaction() as tx:
        vouchers.approve_batch(tx, batch.id, by="Dan", now=now)
    town.relay.drain()
    assert town.states(batch) == {VoucherState.GENERATED: 2}
    with pytest.raises(vouchers.FourEyes), town.books.transaction() as tx:
        vouchers.sell_vouchers(
            tx, batch.id, first=batch.first, last=batch.last, dealer=town.kiosk, by="Eve", now=now
        )


def asked_for(town: Town) -> vouchers.VoucherBatch:
    """By Eve: two of 5.00, good for a month."""
    now = town.clock.now()
    new = vouchers.NewBatch(
        name="Spring", entity=ENTITY, face=eur("5"), count=2, expires_at=now + MONTHS,
        passphrase=PASSPHRASE,
    )  # fmt: skip
    with town.books.transaction() as tx:
        return vouchers.make_batch(tx, new, by="Eve", now=now)


def test_a_house_of_one_approves_of_what_it_asked_for(town: Town) -> None:
    batch = asked_for(town)
    rules = vouchers.VoucherRules(four_eyes=False)
    vouchers.keep_keys(town.books, lambda: VoucherKeys.of([KEY]), rules)
    with town.books.transaction() as tx:
        approved = vouchers.approve_batch(tx, batch.id, by="Eve", now=town.clock.now())
    assert approved.state is BatchState.GENERATING


def test_what_has_expired_is_not_approved_of(town: Town) -> None:
    batch = asked_for(town)
    town.clock.advance(MONTHS)
    with pytest.raises(Conflict), town.books.transaction() as tx:
        vouchers.approve_batch(tx, batch.id, by="Dan", now=town.clock.now())


def test_a_batch_is_made_under_the_key_that_it_was_asked_for_under(town: Town) -> None:
    """Another comes before it until somebody approves: the old one is needed for as long as the
    batch says, and no other."""
    batch = asked_for(town)
    vouchers.keep_keys(town.books, lambda: VoucherKeys.of(["77" * 32, KEY]))
    with town.books.transaction() as tx:
        vouchers.approve_batch(tx, batch.id, by="Dan", now=town.clock.now())
    town.relay.drain()
    with town.books.read() as r:
        sealed = vouchers.sealed_file(r, batch.id)
    vouchers.keep_keys(town.books, lambda: VoucherKeys.of([KEY]))
    code = next(code for _, code in vouchers.unseal(sealed.splitlines(), PASSPHRASE))
    assert town.redeem(code).finding == "generated"


def test_what_was_declined_asks_for_no_key(town: Town) -> None:
    """The batch was asked for under a key that is gone; it never had a code."""
    batch, now = asked_for(town), town.clock.now()
    vouchers.keep_keys(town.books, lambda: VoucherKeys.of(["7a" * 32]))
    with pytest.raises(NoVoucherKey):
        town.redeem(draw(1)[0])
    with town.books.transaction() as tx:
        vouchers.decline_batch(tx, batch.id, now=now)
    assert town.redeem(draw(1)[0]).finding == "unknown"


def test_what_is_held_back_for_long_is_written_off(town: Town) -> None:
    """Three of 10.00 sold, two lost: after 90 days 20 of the 30 owed are earned."""
    batch, codes = town.made_and_sold(3)
    lost = {"first": batch.first, "last": batch.first + 1}
    with town.books.transaction() as tx:
        vouchers.stop_vouchers(tx, batch.id, **lost, now=town.clock.now())
    town.clock.advance(timedelta(days=89))
    with pytest.raises(VouchersElsewhere), town.books.transaction() as tx:
        vouchers.write_off_vouchers(tx, batch.id, **lost, now=town.clock.now())
    town.clock.advance(timedelta(days=1))
    with pytest.raises(VouchersElsewhere), town.books.transaction() as tx:
        vouchers.write_off_vouchers(
            tx, batch.id, first=batch.first, last=batch.last, now=town.clock.now()
        )
    with town.books.transaction() as tx:
        assert vouchers.write_off_vouchers(tx, batch.id, **lost, now=town.clock.now()) == 2
    assert (town.ledger(BREAKAGE), town.ledger(VOUCHERS)) == ("-20.00 EUR", "-10.00 EUR")
    assert town.redeem(codes[0]).finding == "void"
    with town.books.transaction() as tx:
        assert vouchers.resume_vouchers(tx, batch.id, **lost, now=town.clock.now()) == 0
    town.check_books()


def test_a_wrong_code_costs_the_same_whatever_is_wrong(town: Town, books: Database) -> None:
    """The same statements are run, so that an answer's time is no answer."""
    batch, codes = town.made_and_sold(3)
    unsold = town.make(1)[1]
    town.redeem(codes[0], 2, caller="another")
    town.relay.drain()
    with town.books.transaction() as tx:
        vouchers.change_voucher(tx, batch.first + 1, to=VoucherState.STOPPED, now=town.clock.now())
    run: list[list[str]] = []

    @sqlalchemy.event.listens_for(books.engine, "before_cursor_execute")
    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        run[-1].append(statement)

    found = []
    for code in (draw(1)[0], unsold[0], codes[0], codes[1]):
        balance = town.balance(1)
        run.append([])
        with town.books.transaction() as tx:
            tried = vouchers.Attempt(code=code, balance=balance, caller="app")
            found.append(vouchers.redeem(tx, tried, now=town.clock.now()).finding)
    sqlalchemy.event.remove(books.engine, "before_cursor_execute", note)
    assert found == ["unknown", "generated", "redeemed", "stopped"]
    assert len({tuple(each) for each in run}) == 1


def test_the_operator_says_what_is_told(town: Town) -> None:
    batch, codes = town.made_and_sold(3)
    keys = VoucherKeys.of([KEY])
    rules = vouchers.VoucherRules(tells=frozenset({"redeemed", "stopped"}), free_tries=3)
    vouchers.keep_keys(town.books, lambda: keys, rules)
    town.redeem(codes[0], 2)
    town.relay.drain()
    assert town.redeem(codes[0], 1).reason == "the voucher has been redeemed already"
    with town.books.transaction() as tx:
        vouchers.change_voucher(tx, batch.first + 1, to=VoucherState.STOPPED, now=town.clock.now())
    assert "blocked" in (town.redeem(codes[1], 1).reason or "")
    assert town.redeem(codes[0], 2).reason == redeeming.REFUSED  # its own
    assert town.redeem(draw(1)[0]).reason == redeeming.REFUSED
    with pytest.raises(LockedOut):
        town.redeem(codes[2])
