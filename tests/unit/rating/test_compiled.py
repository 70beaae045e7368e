"""The compiled kernel comes when it is asked for, and changes nothing but speed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.rating.builders import NOON, bucket, rate_of, tariff_of
from trunkline.rating import (
    CHARGE,
    POSITION,
    POSITION_END,
    Rater,
    UsageRule,
    compiled,
    kernel,
    new_slice,
)


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "form", None)


def test_importing_rating_loads_neither_numba_nor_numpy() -> None:
    program = (
        "import sys, trunkline.rating; "
        "loaded = {'numba', 'numpy'} & sys.modules.keys(); "
        "sys.exit(' '.join(loaded) or None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("unloaded")
def test_a_rater_takes_the_compiled_form_up_once_it_is_there() -> None:
    rate = rate_of("0.03", 7, increments={0: 5}, fee="0.10")
    rater = Rater(tariff_of(UsageRule("data", rate)))
    plain = new_slice(0, 0, start=NOON, units=1234, limit=3_000_000, buckets=[bucket(99)])
    again = list(plain)
    code = rater.rate(plain)
    assert compiled.load() is compiled.load()
    assert rater.rate(again) == code
    assert again == plain


@pytest.mark.parametrize("buckets", [0, 3, 100])
def test_slices_of_any_length_come_to_the_same(buckets: int) -> None:
    form, tariff = compiled.load(), tariff_of(UsageRule("data", rate_of("0.03", 7)))
    held = [bucket(99)] * buckets
    plain = new_slice(0, 0, start=NOON, units=1234, limit=3_000_000, buckets=held)
    again = list(plain)
    assert form.rate(form.array(tariff.table), again) == kernel.rate(tariff.table, plain)
    assert again == plain


def test_what_does_not_fit_in_64_bits_is_refused() -> None:
    form, tariff = compiled.load(), tariff_of(UsageRule("data", rate_of("1")))
    table = form.array(tariff.table)
    for buckets in ([], [bucket(99)] * 100):
        slice_ = new_slice(0, 0, start=NOON, units=1 << 63, buckets=buckets)
        before = list(slice_)
        with pytest.raises(OverflowError):
            form.rate(table, slice_)
        assert slice_ == before


@pytest.mark.slow
@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize("place", ["here", "file/within"])
def test_machine_code_is_kept_where_it_can_be(tmp_path: Path, place: str) -> None:
    """A folder that can't be made (a file stands in its way) costs time, not the result."""
    (tmp_path / "file").write_text("")
    compiled.load(tmp_path / place)
    assert any((tmp_path / "here").rglob("*.nbc")) is (place == "here")
    slice_ = new_slice(0, 0, start=NOON, units=10)
    assert Rater(tariff_of(UsageRule("data", rate_of("1")))).rate(slice_) == 0


def test_a_session_goes_on_under_another_tariff() -> None:
    """5 units at 1 micro for 4 are 1.25; then 6 at 1 for 3 are 2: the quarter is lost, what was
    charged stays, 3 in all. Then a minimum of 10 asks for the other 7."""
    old = Rater(tariff_of(UsageRule("data", rate_of("0.000001", 4))))
    new = Rater(tariff_of(UsageRule("data", rate_of("0.000001", 3))))
    dear = Rater(tariff_of(UsageRule("data", rate_of("0", minimum="0.000010"))))
    position = None
    charges = []
    for rater, units in ((old, 5), (new, 6), (dear, 1), (old, 40)):
        slice_ = new_slice(0, 0, start=NOON, units=units, position=position)
        assert rater.rate(slice_) == 0
        position = slice_[POSITION:POSITION_END]
        charges.append(slice_[CHARGE])
    assert charges == [1, 2, 7, 3]
