"""The commands about files of usage, and what the network was asked to stop."""

from pathlib import Path

import pytest

from tests.unit.cli.test_answers import Run, run
from trunkline import usage
from trunkline.app import open_system
from trunkline.charging import BalanceStands, ChargedUsage, ChargingAccountId
from trunkline.inventory import NewService, ProductId, ServiceState, create_services
from trunkline.kernel.money import Money
from trunkline.platform import settings
from trunkline.platform.db import Reader
from trunkline.usage import Bar, BarState, Cause, bars, retry_bar
from trunkline.usage.exposure.reactions import on_balance_stands
from trunkline.usage.exposure.store import count_waived, put_bar

__all__ = ["run"]


def test_a_record_of_nobodys_is_told_and_sent_again(run: Run) -> None:
    assert run("db", "upgrade")[0] == 0
    Path("calls.csv").write_text(
        "record_id,service,subscriber,start,quantity\n"
        "d1,data,353850000001,2026-11-01T10:00:00Z,600\n"
        "nonsense\n"
    )
    code, said, errors = run("usage", "files")
    assert (code, said, errors.splitlines()[-1]) == (0, "", "No file came in")
    assert run("import", "usage", "calls.csv")[0] == 2
    _, said, _ = run("usage", "files")
    assert "cdr  calls.csv  1 taken, 0 here already, 1 refused\n" in said
    code, said, _ = run("usage", "rejected", "--retry")
    assert code == 0
    assert "unknownSubscriber: 1\n" in said
    assert "2026-11-01 10:00:00  cdr d1  353850000001  unknownSubscriber  line 2\n" in said
    assert "1 sent to charging again" in said
    assert run("usage", "rejected", "--error", "ratingFailed")[1] == "Nothing waits\n"
    assert run("charging", "bars")[1] == "The network has done all that it was asked for\n"


def refused_bars(*products: str) -> list[Bar]:
    """Of active lines, which the network is to stop and has refused to."""
    system = open_system(settings.load())
    system.books.elsewhere = frozenset({"party", "customer"})
    now = system.clock.now()
    new = NewService(
        product=None,
        customer="cus_1",
        name="Mobile line",
        characteristics={},
        state=ServiceState.ACTIVE,
    )
    with system.books.transaction() as tx:
        services = create_services(tx, [new] * len(products), now=now)
        refused = [
            Bar(
                service=service.id,
                cause=Cause.BALANCE,
                product=ProductId(product),
                state=BarState.REFUSED,
                asked_at=now,
                reason="not now",
            )
            for service, product in zip(services, products, strict=True)
        ]
        for bar in refused:
            put_bar(tx, bar)
    system.close()
    return refused


def test_what_the_network_refused_is_told_and_asked_for_again(run: Run) -> None:
    """The operator has no network by now: what it is asked for is done at once."""
    assert run("db", "upgrade")[0] == 0
    [bar] = refused_bars("prod_1")
    told = f"{bar.asked_at:%Y-%m-%d %H:%M}  prod_1  {bar.service}  balance  "
    assert run("charging", "bars")[1] == f"{told}refused  not now\n"
    assert run("charging", "bars", "--retry")[1].startswith(f"{told}barred")
    assert run("charging", "bars")[1] == "The network has done all that it was asked for\n"


def test_a_bar_that_settles_meanwhile_keeps_no_other_from_being_asked_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of two is settled by another process as soon as they are listed."""
    assert run("db", "upgrade")[0] == 0
    refused_bars("prod_1", "prod_2")
    listed: list[Bar] = []

    def listed_and_settled(r: Reader, *states: tuple[BarState, ...]) -> list[Bar]:
        listed[:] = bars(r, *states)
        another = open_system(settings.load())
        with another.books.transaction() as tx:
            retry_bar(tx, listed[0].service, Cause.BALANCE, now=another.clock.now())
        another.close()
        return listed[:]

    with monkeypatch.context() as patched:
        patched.setattr(usage, "bars", listed_and_settled)
        code, said, errors = run("charging", "bars", "--retry")
    settled, other = listed
    assert code == 0
    assert f"{settled.service}  balance  not asked for: it is barred\n" in errors
    assert f"{other.product}  {other.service}  balance  barred" in said
    assert run("charging", "bars")[1] == "The network has done all that it was asked for\n"


def test_what_was_used_past_an_end_is_counted(run: Run) -> None:
    assert run("db", "upgrade")[0] == 0
    assert run("charging", "exposure")[1] == "Nothing was used past a balance or a limit\n"
    system = open_system(settings.load())
    now = system.clock.now()
    for number, told in ((1, "1 end, 1 of"), (2, "2 ends, 2 of")):
        spent = BalanceStands(
            account=ChargingAccountId(f"cac_{number}"),
            exhausted_at=now,
            beyond=Money.of("0.25", "EUR"),
        )
        with system.books.transaction() as tx:
            on_balance_stands(tx, spent, now)
        assert told in run("charging", "exposure")[1]
    waived = ChargedUsage(id="usg_1", waived=Money.of("0.20", "EUR"), waiver="roamingLimit")
    for told in ("0.20 EUR of 1 record, roamingLimit", "0.40 EUR of 2 records, roamingLimit"):
        with system.books.transaction() as tx:
            count_waived(tx, [waived], now)
        assert f"not charged: {told}\n" in run("charging", "exposure")[1]
    system.close()
