"""What a check digit is for: the slips of whoever types it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.inventory import Iccid, Msisdn, NotANumber

bodies = st.text("0123456789", min_size=15, max_size=17).map(lambda rest: f"89{rest}")


@given(bodies, st.data())
def test_a_wrong_digit_is_found(body: str, data: st.DataObject) -> None:
    iccid = Iccid.of(body)
    place = data.draw(st.integers(2, len(iccid) - 1))
    other = data.draw(st.sampled_from([each for each in "0123456789" if each != iccid[place]]))
    with pytest.raises(NotANumber):
        Iccid.parse(iccid[:place] + other + iccid[place + 1 :])


@given(bodies, st.data())
def test_two_neighbours_swapped_are_found(body: str, data: st.DataObject) -> None:
    iccid = Iccid.of(body)
    swappable = [
        place
        for place in range(2, len(iccid) - 1)
        # 09 and 90 look alike to this check.
        if iccid[place] != iccid[place + 1] and {iccid[place], iccid[place + 1]} != {"0", "9"}
    ]
    if swappable:
        place = data.draw(st.sampled_from(swappable))
        slip = iccid[:place] + iccid[place + 1] + iccid[place] + iccid[place + 2 :]
        with pytest.raises(NotANumber):
            Iccid.parse(slip)


@given(st.text(max_size=25) | st.from_regex(r"\+?[1-9][0-9 ()-]{3,20}", fullmatch=True))
def test_a_number_is_read_or_refused_and_read_again_as_itself(text: str) -> None:
    try:
        number = Msisdn.parse(text)
    except NotANumber:
        return
    assert Msisdn.parse(number) == number
    assert Msisdn.parse(f"+{number}") == number
