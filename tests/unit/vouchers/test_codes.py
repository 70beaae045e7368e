"""Codes, their digests, and the file that only the printer can open."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.vouchers.batches import sealing
from trunkline.vouchers.batches.codes import (
    DIGITS,
    InvalidVoucherKey,
    NoVoucherKey,
    VoucherKeys,
    check_digit,
    digest,
    draw,
    grouped,
    is_code,
    plain,
)
from trunkline.vouchers.lockouts.model import (
    FIRST_LOCK,
    FORGOTTEN_AFTER,
    LONGEST_LOCK,
    Lockout,
    failed_again,
)
from trunkline.vouchers.rules import FREE_TRIES

PASSPHRASE = "correct horse battery"
SEAL = sealing.seal_of(PASSPHRASE, b"s" * sealing.SALT)
NOW = datetime(2026, 11, 2, tzinfo=UTC)


def test_the_check_digit_is_damms() -> None:
    assert check_digit("572") == "4"  # the example of his dissertation
    assert check_digit("5724") == "0"


@given(st.integers(0, 10**15 - 1), st.integers(0, DIGITS - 1), st.integers(1, 9))
def test_no_wrong_digit_goes_unseen(body: int, place: int, by: int) -> None:
    digits = f"{body:015d}"
    code = digits + check_digit(digits)
    assert is_code(code)
    wrong = code[:place] + str((int(code[place]) + by) % 10) + code[place + 1 :]
    assert not is_code(wrong)
    for left in range(DIGITS - 1):
        a, b = code[left], code[left + 1]
        if a != b:
            assert not is_code(code[:left] + b + a + code[left + 2 :])


def test_codes_differ_and_are_read_as_they_are_printed() -> None:
    found = draw(2000)
    assert len(set(found)) == 2000
    assert all(map(is_code, found))
    for written in (grouped(found[0]), f" {found[0]} ", "-".join(grouped(found[0]).split())):
        assert plain(written) == found[0]
    assert not is_code("٣" * 16)
    assert not is_code("")


def test_what_is_drawn_twice_is_drawn_again() -> None:
    numbers = iter([7, 7, 8])
    assert [each[:15] for each in draw(2, lambda _: next(numbers))] == [
        "000000000000007",
        "000000000000008",
    ]


def test_keys_are_long_and_old_ones_still_know_their_codes() -> None:
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    before, after = VoucherKeys.of([old]), VoucherKeys.of([new, old])
    (code,) = draw(1)
    kept = digest(before.marked(before.mark), code)
    assert digest(after.marked(before.mark), code) == kept
    assert kept in after.digests(code)
    assert digest(after.marked(after.mark), code) != kept
    with pytest.raises(NoVoucherKey):
        before.marked(after.mark)
    assert before.mark in after.marks
    for wrong in ([], ["ab" * 31], ["not hexadecimal"]):
        with pytest.raises(InvalidVoucherKey):
            VoucherKeys.of(wrong)


def sealed_lines() -> tuple[list[bytes], list[tuple[int, str]]]:
    table = list(enumerate(draw(5), 100))
    lines = [sealing.head("vba_1", 2, SEAL)]
    lines += [
        sealing.piece("vba_1", 2, 0, SEAL, table[:3]),
        sealing.piece("vba_1", 2, 1, SEAL, table[3:]),
    ]
    return lines, [(serial, grouped(code)) for serial, code in table]


def test_the_printer_reads_what_was_sealed() -> None:
    lines, table = sealed_lines()
    assert list(sealing.unseal(lines, PASSPHRASE)) == table
    codes = [code.encode() for _, code in table]
    assert not any(code in line for line in lines for code in codes)


def test_nobody_reads_what_was_altered_or_isnt_theirs() -> None:
    lines, _ = sealed_lines()
    for wrong in (
        [lines[0], lines[2], lines[1]],
        lines[:2],
        [*lines, lines[1]],
        [],
        [b"{}"],
        [lines[0], lines[1].replace(b'"piece":0', b'"piece":7')[:-9] + b'"}'],
        [sealing.head("vba_2", 2, SEAL), *lines[1:]],
    ):
        with pytest.raises(sealing.Unreadable):
            list(sealing.unseal(wrong, PASSPHRASE))
    with pytest.raises(sealing.Unreadable, match="another passphrase"):
        list(sealing.unseal(lines, PASSPHRASE + "!"))
    with pytest.raises(sealing.InvalidPassphrase):
        sealing.seal_of("short", b"s" * 16)


def test_locks_grow_and_are_forgotten() -> None:
    lock: Lockout | None = None
    until = []
    for _ in range(FREE_TRIES + 9):
        lock = failed_again(lock, "account a", FREE_TRIES, NOW)
        until.append(lock.until - NOW)
    assert until[: FREE_TRIES - 1] == [timedelta()] * (FREE_TRIES - 1)
    assert until[FREE_TRIES - 1 : FREE_TRIES + 2] == [FIRST_LOCK, 2 * FIRST_LOCK, 4 * FIRST_LOCK]
    assert until[-1] == LONGEST_LOCK
    assert lock is not None
    later = lock.until + FORGOTTEN_AFTER
    assert failed_again(lock, "account a", FREE_TRIES, later).failures == 1
    assert failed_again(lock, "account a", FREE_TRIES, later - timedelta(1)).failures > 1
