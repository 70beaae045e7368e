from datetime import date

import pytest

from trunkline.kernel.errors import Invalid
from trunkline.platform.db import Database
from trunkline.tax import (
    RateOverlaps,
    RegimeExists,
    TaxRounding,
    UnknownRegime,
    declare_regime,
    set_rate,
    tax_table,
)


def test_a_new_rate_ends_the_one_before_it(books: Database) -> None:
    with books.transaction() as tx:
        declare_regime(tx, code="DE")
        for percent, since in ((190_000, date(2007, 1, 1)), (160_000, date(2020, 7, 1))):
            set_rate(
                tx,
                regime="DE",
                category="standard",
                name="MwSt",
                millionths=percent,
                valid_from=since,
            )
    with books.read() as r:
        table = tax_table(r, "DE")
    assert table.on(date(2020, 6, 30))["standard"][0].millionths == 190_000
    assert table.on(date(2020, 7, 1))["standard"][0].millionths == 160_000
    assert table.on(date(2006, 12, 31)) == {}


def test_saying_it_twice_changes_nothing(books: Database) -> None:
    with books.transaction() as tx:
        for _ in range(2):
            declare_regime(tx, code="DE", rounding=TaxRounding.LINE)
            set_rate(
                tx,
                regime="DE",
                category="standard",
                name="MwSt",
                millionths=190_000,
                valid_from=date(2007, 1, 1),
            )
    with books.read() as r:
        assert len(tax_table(r, "DE").rates) == 1


def test_days_already_ruled_are_not_rewritten(books: Database) -> None:
    with books.transaction() as tx:
        declare_regime(tx, code="DE")
        set_rate(
            tx,
            regime="DE",
            category="standard",
            name="MwSt",
            millionths=190_000,
            valid_from=date(2007, 1, 1),
        )
    with pytest.raises(RateOverlaps), books.transaction() as tx:
        set_rate(
            tx,
            regime="DE",
            category="standard",
            name="MwSt",
            millionths=200_000,
            valid_from=date(2006, 1, 1),
        )


@pytest.mark.parametrize("text", ["", "x" * 41, "nul\0"])
@pytest.mark.parametrize("place", ["category", "name"])
def test_names_are_short(books: Database, place: str, text: str) -> None:
    names = {"category": "standard", "name": "MwSt"} | {place: text}
    with books.transaction() as tx:
        declare_regime(tx, code="DE")
        with pytest.raises(Invalid) as refused:
            set_rate(
                tx,
                regime="DE",
                category=names["category"],
                name=names["name"],
                millionths=0,
                valid_from=date(2007, 1, 1),
            )
    assert refused.value.path == place


def test_another_regime_under_the_same_code_is_refused(books: Database) -> None:
    with books.transaction() as tx:
        declare_regime(tx, code="DE")
    with pytest.raises(RegimeExists), books.transaction() as tx:
        declare_regime(tx, code="DE", inclusive=True)


def test_an_unknown_regime(books: Database) -> None:
    with books.read() as r, pytest.raises(UnknownRegime):
        tax_table(r, "XX")
