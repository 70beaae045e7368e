"""A session's life: reserve, report, release."""

from datetime import UTC, datetime

from tests.unit.charging.builders import (
    DAY,
    FIVE_GIGABYTES,
    GB,
    MB,
    NOON,
    Phone,
    account,
    asks,
    compiled,
    plan,
    postpaid,
    request,
    rule,
    tariffs,
)
from trunkline.charging import NOT_REQUESTED, SERVER_DECIDES, Kind, Result, Service
from trunkline.charging.actions.deciding import reserve
from trunkline.charging.sessions import MOST_SESSIONS
from trunkline.charging.state import decode, encode
from trunkline.kernel.money import Money
from trunkline.rating import Allowance

WITH_DATA = tariffs(compiled(plan(FIVE_GIGABYTES)))


def test_money_is_reserved_then_debited_for_what_was_used() -> None:
    phone = Phone(account("10"))
    answer = phone.begin(asks(100 * MB))
    assert answer.units[0].granted == 100 * MB
    assert phone.state.held == 1_000_000
    assert phone.state.money == 10_000_000
    phone.end(asks(used=40 * MB))
    assert phone.state.held == 0
    assert phone.state.money == 9_600_000
    assert phone.state.sessions == []


def test_an_allowance_is_used_before_money() -> None:
    phone = Phone(account("10"), WITH_DATA)
    answer = phone.begin(asks(100 * MB))
    assert answer.units[0].granted == 100 * MB
    assert phone.reserved() == [100 * MB]
    phone.go_on(asks(100 * MB, used=100 * MB))
    phone.end(asks(used=MB))
    assert phone.remaining() == [5 * GB - 101 * MB]
    assert phone.reserved() == [0]
    assert phone.state.money == 10_000_000


def test_a_retransmission_gets_the_same_answer_and_is_charged_nothing() -> None:
    phone = Phone(account("10"))
    phone.begin(asks(10 * MB))
    update = request(Kind.UPDATE, 1, asks(10 * MB, used=10 * MB))
    first = phone.send(update)
    before = encode(phone.state)
    assert phone.send(update) == first
    assert encode(phone.state) == before


def test_a_request_that_was_overtaken_is_none_that_is_repeated() -> None:
    """A gateway asks for two rating groups at once, over two connections (RFC 8506, 5.1.2)."""
    phone = Phone(account("10"))
    phone.begin(asks(10 * MB))
    early = request(Kind.UPDATE, 2, asks(10 * MB, used=2 * MB, group=2))
    late = request(Kind.UPDATE, 1, asks(10 * MB, used=MB, group=1))
    first = phone.send(early)
    assert phone.send(early) == first
    assert phone.send(late).units[0].granted == 10 * MB
    assert phone.state.money == 9_970_000
    before = encode(phone.state)
    phone.send(late)
    assert phone.send(early) == first
    assert encode(phone.state) == before
    phone.send(request(Kind.TERMINATE, 3, asks(used=MB, group=1), asks(used=MB, group=2)))
    assert phone.state.money == 9_950_000


def test_what_the_last_request_overtook_is_charged_as_if_it_had_come_before() -> None:
    """A block of ten megabytes is begun once, however the two reports of it come."""
    blocks = tariffs(compiled(plan(rules=(rule("data", "0.01", MB, increment=10 * MB),))))
    phone = Phone(account("10"), blocks)
    phone.begin(asks(100 * MB))
    late = request(Kind.UPDATE, 1, asks(100 * MB, used=4 * MB))
    last = request(Kind.TERMINATE, 2, asks(used=5 * MB))
    ended = phone.send(last)
    assert phone.state.money == 9_900_000
    phone.state = decode(encode(phone.state))
    answer = phone.send(late)
    assert answer.result is answer.units[0].result is Result.SUCCESS
    assert answer.units[0].granted == NOT_REQUESTED
    assert (phone.state.money, phone.state.held, phone.state.sessions) == (9_900_000, 0, [])
    assert [(each.number, each.units) for each in phone.journal] == [(2, 5 * MB), (1, 4 * MB)]
    before = encode(phone.state)
    assert phone.send(late) == phone.send(last) == ended
    assert encode(phone.state) == before
    assert phone.send(request(Kind.UPDATE, 3, asks(used=MB))).result is Result.UNKNOWN_SESSION


def test_a_session_that_nothing_overtook_is_forgotten_but_for_its_answer() -> None:
    phone = Phone(account("10"))
    phone.begin(asks(10 * MB))
    phone.send(request(Kind.UPDATE, 2, asks(10 * MB, used=MB)))
    phone.send(request(Kind.UPDATE, 1, asks(10 * MB, used=MB)))
    phone.send(request(Kind.TERMINATE, 3, asks(used=MB)))
    [done] = phone.state.done
    assert done.left is None


def test_numbers_that_never_came_are_forgotten_but_for_the_last() -> None:
    phone = Phone(account("10"))
    phone.begin(asks(10 * MB))
    phone.send(request(Kind.UPDATE, 1_000_000, asks(10 * MB)))
    [session] = phone.state.sessions
    assert session.missed == list(range(999_992, 1_000_000))
    phone.send(request(Kind.UPDATE, 3, asks(10 * MB, used=MB)))
    assert phone.state.money == 10_000_000


def test_sessions_that_a_gateway_forgets_make_room_for_new_ones() -> None:
    """What a person has reserved isn't the gateway's to forget, though it ends before."""
    phone = Phone(account("10"))
    noon = datetime.fromtimestamp(NOON, UTC)
    reserve(phone.state, Money.of("1", "EUR"), noon, noon, "bac_1")
    for number in range(MOST_SESSIONS + 5):
        phone.send(request(Kind.INITIAL, 0, asks(MB), session=f"s{number}"))
    assert len(phone.state.sessions) == MOST_SESSIONS
    for kind in (Kind.INITIAL, Kind.TERMINATE):
        answer = phone.send(request(kind, 1, session="reservation:bac_1"))
        assert answer.result is Result.INVALID
    assert phone.state.session("reservation:bac_1") is not None
    assert phone.state.held == sum(
        quota.money for session in phone.state.sessions for quota in session.quotas
    )
    last = phone.send(request(Kind.UPDATE, 1, asks(used=MB), session=f"s{MOST_SESSIONS + 4}"))
    assert last.result is Result.SUCCESS


def test_a_gateway_that_starts_again_has_forgotten_its_sessions() -> None:
    """What they had reserved is free when the subscriber comes back; other gateways' stay."""
    phone = Phone(account("10"))

    def begin(session: str, gateway: str, boot: int) -> None:
        first = request(Kind.INITIAL, 0, asks(100 * MB), session=session)
        first.notify, first.boot = gateway, boot
        phone.send(first)

    begin("a", "gy:pgw.example;example", 7)
    begin("b", "gy:pgw.example;example", 0)
    begin("c", "gy:tas.example;example", 3)
    begin("d", "gy:pgw.example;example", 7)
    assert [each.id for each in phone.state.sessions] == ["a", "b", "c", "d"]
    later = request(Kind.UPDATE, 1, asks(MB, used=MB), session="d")
    later.notify, later.boot = "gy:pgw.example;example", 8
    phone.send(later)
    begin("e", "gy:pgw.example;example", 8)
    assert [each.id for each in phone.state.sessions] == ["b", "c", "d", "e"]
    assert phone.send(request(Kind.UPDATE, 1, asks(MB), session="a")).result is (
        Result.UNKNOWN_SESSION
    )


def test_a_session_has_so_many_quotas_and_no_more() -> None:
    phone = Phone(account("10"))
    phone.begin(asks(1, group=0))
    for number in range(1, 10):
        groups = range(100 * number, 100 * (number + 1))
        phone.send(request(Kind.UPDATE, number, *(asks(1, group=each) for each in groups)))
    groups = range(1000, 1100)
    too_many = phone.send(request(Kind.UPDATE, 10, *(asks(1, group=each) for each in groups)))
    assert too_many.result is Result.INVALID
    assert len(phone.state.sessions[0].quotas) == 901
    for number, groups in ((10, range(900, 999)), (11, range(1000, 1099))):
        fits = phone.send(request(Kind.UPDATE, number, *(asks(1, group=each) for each in groups)))
        assert fits.result is Result.SUCCESS


def test_request_numbers_go_around() -> None:
    phone = Phone(account("10"))
    last = (1 << 32) - 1
    phone.send(request(Kind.INITIAL, last - 1, asks(10 * MB)))
    for number in (last, last, 0, 0, last):
        phone.send(request(Kind.UPDATE, number, asks(10 * MB, used=MB)))
    assert phone.state.money == 9_980_000


def test_who_does_not_count_tells_instants() -> None:
    """Free5GC's SMF, over Nchf: the create has the number 0, what follows the instant instead."""
    phone = Phone(account("10"))
    first, second = 1_795_000_000_000_000, 1_795_000_000_000_900
    phone.send(request(Kind.INITIAL, 0, asks(10 * MB)))
    for number in (first, first, second, second, first):
        phone.send(request(Kind.UPDATE, number, asks(10 * MB, used=MB)))
    assert phone.state.money == 9_980_000
    assert phone.state.sessions[0].missed == []
    for number in (1, 1, 2):
        phone.send(request(Kind.UPDATE, number, asks(10 * MB, used=MB)))
    assert phone.state.money == 9_960_000, "it may begin to count"
    last = request(Kind.TERMINATE, second + 1, asks(used=MB))
    assert phone.send(last) == phone.send(last)
    assert phone.state.money == 9_950_000


def test_a_name_may_be_used_again_by_who_counts_anew() -> None:
    """An SMF that was restarted: its create is none of the session that ended before, unless it
    was sent before that."""
    phone = Phone(account("10"))
    phone.begin(asks(10 * MB))
    phone.end(asks(used=10 * MB))
    again = request(Kind.INITIAL, 0, asks(10 * MB))
    phone.send(again)
    again.anew = True
    phone.send(again)
    assert phone.state.sessions == []
    again.at += 1
    phone.send(again)
    assert len(phone.state.sessions) == 1
    phone.send(request(Kind.TERMINATE, 1, asks(used=MB)))
    assert phone.state.money == 9_890_000, "under a number that the first one had, too"


def test_a_name_is_used_again_by_who_forgot_its_session() -> None:
    """The SMF was killed: what it had reserved is free, and its numbers are new ones."""
    phone = Phone(account("1"))
    phone.begin(asks(50 * MB))
    phone.go_on(asks(50 * MB, used=40 * MB))
    again = request(Kind.INITIAL, 0, asks(20 * MB))
    again.anew = True
    phone.send(again)
    assert [each.number for each in phone.state.sessions] == [1], "sent again, and late"
    again.at += 60
    phone.send(again)
    assert [each.number for each in phone.state.sessions] == [0]
    assert phone.state.held == 200_000
    phone.send(request(Kind.UPDATE, 1, asks(used=10 * MB), at=again.at + 60))
    assert (phone.state.money, phone.state.held) == (500_000, 0)


def test_the_last_request_of_a_session_is_known_again() -> None:
    phone = Phone(account("10"))
    phone.begin(asks(10 * MB))
    last = request(Kind.TERMINATE, 1, asks(used=10 * MB))
    first = phone.send(last)
    before = encode(phone.state)
    assert phone.send(last) == first
    assert encode(phone.state) == before
    assert phone.state.money == 9_900_000


def test_an_unknown_session_is_told_so() -> None:
    phone = Phone(account("10"))
    assert phone.go_on(asks(MB)).result is Result.UNKNOWN_SESSION
    assert phone.end(asks(used=MB)).result is Result.UNKNOWN_SESSION
    assert phone.journal == []


def test_use_beyond_the_grant_is_debited_in_full_and_shown() -> None:
    phone = Phone(account("1"))
    assert phone.begin(asks(50 * MB)).units[0].granted == 50 * MB
    phone.end(asks(used=150 * MB))
    assert phone.state.money == -500_000
    assert phone.journal[-1].overrun == 100 * MB
    assert phone.journal[-1].charge == 1_500_000


def test_the_last_of_the_money_is_a_final_grant() -> None:
    phone = Phone(account("0.025"))
    answer = phone.begin(asks(50 * MB))
    assert [answer.units[0].granted, answer.units[0].final] == [MB, False]
    answer = phone.go_on(asks(50 * MB, used=MB))
    assert [answer.units[0].granted, answer.units[0].final] == [MB, True]
    answer = phone.go_on(asks(50 * MB, used=MB))
    assert answer.units[0].result is Result.CREDIT_LIMIT
    assert phone.state.money == 5_000


def test_who_has_nothing_is_granted_nothing_that_has_a_price() -> None:
    """At 2 a gigabyte 249 octets are 0.498 micros, which are rounded to nothing."""
    by_octet = rule("data", "2", GB)
    phone = Phone(account("0"), tariffs(compiled(plan(rules=(by_octet, rule("sms", "0", 1))))))
    for name in "ab":
        [unit] = phone.begin(asks(MB), session=name).units
        assert unit.result is Result.CREDIT_LIMIT
    assert phone.begin(asks(1), session="c", service=Service.SMS).units[0].granted == 1
    rest = tariffs(compiled(plan(Allowance("all", "500 B", "data", 500), rules=(by_octet,))))
    phone = Phone(account("0"), rest)
    assert phone.begin(asks(100)).units[0].granted == 100
    [unit] = phone.go_on(asks(MB, used=100)).units
    assert unit.granted >= 400
    phone.end(asks(used=400))
    assert phone.begin(asks(MB), session="b").units[0].result is Result.CREDIT_LIMIT


def test_what_was_charged_before_is_granted_whatever_is_left() -> None:
    """Of 0.6 micros one was charged: 200 octets more are paid for."""
    phone = Phone(account("0.000001"), tariffs(compiled(plan(rules=(rule("data", "2", GB),)))))
    assert phone.begin(asks(300)).units[0].granted == 300
    [unit] = phone.go_on(asks(MB, used=300)).units
    assert unit.granted >= 200
    assert phone.state.money == 0
    [unit] = phone.go_on(asks(MB, used=200)).units
    assert unit.result is Result.CREDIT_LIMIT


def test_admission_counts_the_smallest_block() -> None:
    """A begun minute costs 0.15 with its connection; 0.14 doesn't pay for it."""
    poor = Phone(account("0.14"))
    answer = poor.begin(asks(60, group=None), service=Service.VOICE, called="46701234567")
    assert answer.units[0].result is Result.CREDIT_LIMIT
    rich = Phone(account("0.15"))
    answer = rich.begin(asks(60, group=None), service=Service.VOICE, called="46701234567")
    assert answer.units[0].granted == 60
    rich.end(asks(used=60, group=None), service=Service.VOICE)
    assert rich.state.money == 0


def test_two_sessions_share_what_is_left() -> None:
    phone = Phone(account("1"))
    first = phone.begin(asks(100 * MB), session="a").units[0]
    second = phone.begin(asks(100 * MB), session="b").units[0]
    assert [first.granted, second.granted] == [50 * MB, 25 * MB]
    assert not second.final
    assert phone.state.held == 750_000


def test_rating_groups_have_quotas_of_their_own() -> None:
    phone = Phone(account("10"))
    answer = phone.begin(asks(10 * MB, group=1), asks(20 * MB, group=2))
    assert [(each.rating_group, each.granted) for each in answer.units] == [
        (1, 10 * MB),
        (2, 20 * MB),
    ]
    phone.go_on(asks(5 * MB, used=10 * MB, group=1))
    assert phone.state.held == 50_000 + 200_000
    assert [each.rating_group for each in phone.journal] == [1]


def test_a_final_report_releases_its_quota() -> None:
    phone = Phone(account("10"))
    phone.begin(asks(10 * MB))
    phone.go_on(asks(10 * MB, used=MB, final=True))
    assert phone.state.held == 0
    assert phone.state.sessions != []


def test_a_forgotten_session_is_given_up_when_its_account_is_touched() -> None:
    phone = Phone(account("10"))
    phone.begin(asks(SERVER_DECIDES), session="lost")
    assert phone.state.held
    phone.now += 2 * 3600 + 1
    phone.begin(asks(MB), session="next")
    assert [each.id for each in phone.state.sessions] == ["next"]
    assert phone.state.held == 10_000
    assert phone.go_on(session="lost").result is Result.UNKNOWN_SESSION


def test_a_postpaid_account_goes_down_to_its_limit() -> None:
    phone = Phone(postpaid("0.02"))
    assert phone.begin(asks(10 * MB)).units[0].granted == MB
    phone.end(asks(used=MB))
    assert phone.state.money == -10_000


def test_one_without_a_limit_is_granted_what_it_asks() -> None:
    phone = Phone(postpaid())
    assert phone.begin(asks(GB)).units[0].granted == GB


def test_a_barred_account_is_denied_but_its_usage_still_counts() -> None:
    phone = Phone(account("10"))
    phone.begin(asks(10 * MB))
    phone.state.status = 1
    answer = phone.go_on(asks(10 * MB, used=10 * MB))
    assert answer.units[0].result is Result.DENIED
    assert phone.state.money == 9_900_000
    assert phone.begin(asks(MB), session="other").result is Result.DENIED


def test_a_new_month_brings_its_allowance() -> None:
    phone = Phone(account("10"), WITH_DATA)
    phone.begin(asks(GB))
    phone.end(asks(used=GB))
    phone.now += 30 * DAY
    phone.begin(asks(MB), session="december")
    assert phone.remaining() == [4 * GB, 5 * GB]
    assert phone.reserved() == [0, MB]
    phone.end(session="december")
    phone.now += 31 * DAY
    phone.begin(asks(MB), session="january")
    assert phone.remaining() == [5 * GB, 5 * GB]


def test_what_has_no_price_is_refused_and_kept_when_used() -> None:
    phone = Phone(account("10", plan="another"))
    answer = phone.begin(asks(MB))
    assert answer.units[0].result is Result.RATING_FAILED
    answer = phone.end(asks(used=MB))
    assert answer.units[0].result is Result.RATING_FAILED
    assert [each.units for each in phone.journal] == [MB]
    assert phone.state.money == 10_000_000


def test_amounts_that_make_no_sense_are_refused() -> None:
    phone = Phone(account("10"))
    for unit in (asks(-5), asks(used=-1), asks(1 << 61)):
        assert phone.begin(unit, session=str(unit)).result is Result.INVALID
    assert phone.begin(asks(MB), asks(MB), session="twice").result is Result.INVALID
    assert phone.state.sessions == []


def test_a_network_clock_far_ahead_begins_no_month() -> None:
    phone = Phone(account("10"), WITH_DATA)
    answer = phone.send(request(Kind.INITIAL, 0, asks(MB), at=phone.now + 40 * DAY))
    assert answer.units[0].granted == MB
    assert len(phone.remaining()) == 1


def test_the_state_stays_small() -> None:
    phone = Phone(account("10"), WITH_DATA)
    for index in range(3):
        name = f"smf.epc.mnc070.mcc999.3gppnetwork.org;1700000000;{index}"
        phone.begin(asks(MB, group=10), asks(MB, group=20), session=name)
    assert len(encode(phone.state)) < 1000
    assert decode(encode(phone.state)) == phone.state
