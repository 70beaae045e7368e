# ruff: noqa: F403, F405
"""What a session's exact cost has beyond whole micros, where its price changes to one that goes by
other units. Part of the kernel."""

from collections.abc import MutableSequence

from trunkline.rating.layout import *


def common_divisor(one: int, other: int) -> int:
    """The greatest."""
    while other != 0:
        one, other = other, one % other
    return one


def carry_remainder(s: MutableSequence[int], per: int) -> None:
    """Tell the remainder that another price left in 1/`per` micros or, where it takes them, in
    finer parts of a micro; rounded, where no number could tell it."""
    least = common_divisor(s[POS_PER], s[POS_REMAINDER])
    rest = s[POS_REMAINDER] // least
    parts = s[POS_PER] // least
    finer = parts // common_divisor(parts, per)
    if finer <= MOST_COST // per:
        s[POS_PER] = per * finer
        s[POS_REMAINDER] = s[POS_PER] // parts * rest
    else:
        round_remainder(s, per)


def round_remainder(s: MutableSequence[int], per: int) -> None:
    """Round what is less than a micro, and go on in 1/`per`."""
    if 2 * s[POS_REMAINDER] >= s[POS_PER]:
        s[POS_COST] += 1
    s[POS_REMAINDER] = 0
    s[POS_PER] = per


def finer_price(s: MutableSequence[int], price: int, per: int) -> int:
    """`price` for `per` units, in the parts of a micro that the remainder is told in; that is told
    in 1/`per` again where it may be, and rounded where no product could hold the price."""
    finer = s[POS_PER] // per
    if s[POS_REMAINDER] % finer == 0:
        s[POS_REMAINDER] //= finer
        s[POS_PER] = per
    elif price < MOST_COST // s[POS_PER] // finer:
        return price * finer
    else:
        round_remainder(s, per)
    return price
