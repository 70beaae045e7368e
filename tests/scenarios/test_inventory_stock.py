"""Numbers and SIMs: taken off the shelf for one holder alone, given back, left to rest."""

import threading
from datetime import datetime, timedelta

import pytest

from tests.locks import both
from trunkline.inventory import (
    Iccid,
    Imsi,
    Msisdn,
    NewProduct,
    NotAvailable,
    OutOfStock,
    ProductId,
    ResourceKind,
    ResourceNotFound,
    ResourceState,
    SimMismatch,
    add_numbers,
    add_sims,
    assign_resources,
    create_product,
    number,
    numbers_beginning,
    release_resources,
    reserve_number,
    reserve_numbers,
    reserve_sim,
    resources_of,
    stock_levels,
    stocks,
    take_back_resources,
)
from trunkline.kernel.errors import Invalid
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.relay import Relay
from trunkline.tmf import documents

FIRST = Msisdn("4915900000000")
NUMBER = ResourceKind.NUMBER


def sim(serial: int) -> tuple[Iccid, Imsi]:
    return Iccid.of(f"894902200000{serial:07}"), Imsi(f"26202{serial:010}")


def make_product(tx: Tx, now: datetime) -> ProductId:
    new = NewProduct(
        name="Mobile M",
        offering="off_m",
        offering_name="Mobile M",
        customer="cus_1",
        billing_account="bac_1",
    )
    return create_product(tx, new, now=now).id


def test_numbers_are_added_once(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        assert add_numbers(tx, first=FIRST, count=5, now=now) == 5
        assert add_numbers(tx, first=Msisdn("4915900000003"), count=4, now=now) == 2
        assert stock_levels(tx) == {(NUMBER, ResourceState.AVAILABLE): 7}


@pytest.mark.parametrize("count", [0, -1, 10_001])
def test_a_range_has_a_sensible_size(books: Database, now: datetime, count: int) -> None:
    with books.transaction() as tx, pytest.raises(Invalid) as refused:
        add_numbers(tx, first=FIRST, count=count, now=now)
    assert refused.value.path == "count"


def test_a_range_keeps_its_length(books: Database, now: datetime) -> None:
    with books.transaction() as tx, pytest.raises(Invalid, match="leave its range"):
        add_numbers(tx, first=Msisdn("99998"), count=3, now=now)


def test_a_sim_is_one_pair_for_ever(books: Database, now: datetime) -> None:
    (iccid, imsi), (other_iccid, other_imsi) = sim(1), sim(2)
    with books.transaction() as tx:
        assert add_sims(tx, sims=[(iccid, imsi)], now=now) == 1
        assert add_sims(tx, sims=[(iccid, imsi), (other_iccid, other_imsi)], now=now) == 1
        for pair in ((iccid, Imsi("262029999999999")), (sim(3)[0], imsi)):
            with pytest.raises(SimMismatch, match="is in stock with IMSI"):
                add_sims(tx, sims=[pair], now=now)
        with pytest.raises(SimMismatch, match="comes twice"):
            add_sims(tx, sims=[sim(4), (sim(4)[0], sim(5)[1])], now=now)


def test_a_wished_number_is_given_to_the_first_who_asks(books: Database, now: datetime) -> None:
    wished = Msisdn("4915900000001")
    with books.transaction() as tx:
        add_numbers(tx, first=FIRST, count=2, now=now)
        assert reserve_number(tx, holder="first", wished=wished).value == wished
        with pytest.raises(NotAvailable, match="is reserved"):
            reserve_number(tx, holder="second", wished=wished)
        with pytest.raises(ResourceNotFound):
            reserve_number(tx, holder="second", wished=Msisdn("4915999999999"))
        assert reserve_number(tx, holder="second").value == FIRST
        with pytest.raises(OutOfStock, match="no number is left"):
            reserve_number(tx, holder="third")


def test_what_is_released_is_on_the_shelf_again(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        add_numbers(tx, first=FIRST, count=1, now=now)
        add_sims(tx, sims=[sim(1)], now=now)
        reserve_number(tx, holder="first")
        reserve_sim(tx, holder="first")
        assert len(release_resources(tx, holder="first")) == 2
        assert release_resources(tx, holder="first") == []
        assert reserve_number(tx, holder="second").value == FIRST
        assert reserve_sim(tx, holder="second").imsi == sim(1)[1]


def test_a_number_rests_after_its_product_and_its_sim_is_retired(
    books: Database, relay: Relay, clock: DrivenClock, now: datetime
) -> None:
    with books.transaction() as tx:
        add_numbers(tx, first=FIRST, count=1, now=now)
        add_sims(tx, sims=[sim(1)], now=now)
        reserve_number(tx, holder="first")
        reserve_sim(tx, holder="first")
        product = make_product(tx, now)
        assert assign_resources(tx, products={"first": product}) == 2
        assert {each.state for each in resources_of(tx, [product])} == {ResourceState.ASSIGNED}
        take_back_resources(tx, product=product, now=now, quarantine=timedelta(days=90))

    def state() -> ResourceState:
        with books.read() as r:
            found = number(r, FIRST)
        assert found is not None
        return found.state

    clock.advance(timedelta(days=89))
    relay.drain()
    assert state() is ResourceState.QUARANTINED
    clock.advance(timedelta(days=1))
    relay.drain()
    assert state() is ResourceState.AVAILABLE
    with books.read() as r:
        assert stock_levels(r)[ResourceKind.SIM, ResourceState.RETIRED] == 1
        assert [each.kind for each in resources_of(r, [product])] == [ResourceKind.SIM]


def test_two_at_once_never_get_the_same_number(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        add_numbers(tx, first=FIRST, count=60, now=now)
    taken: list[str] = []
    failures: list[BaseException] = []

    def take(who: int) -> None:
        try:
            for turn in range(24):
                with books.transaction() as tx:
                    got = reserve_number(tx, holder=f"{who}/{turn}").value
                taken.append(got)
        except OutOfStock:
            pass
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=take, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(taken) == len(set(taken))
    with books.read() as r:
        assert stock_levels(r)[NUMBER, ResourceState.RESERVED] == len(taken) == 60


def test_who_finds_all_locked_waits_for_what_is_left_on_the_shelf(
    books: Database, now: datetime
) -> None:
    """Three are wanted, two are there: they are locked by who wanted three and goes without."""
    with books.transaction() as tx:
        add_numbers(tx, first=FIRST, count=2, now=now)
    got: list[str] = []

    def go_without(tx: Tx) -> None:
        with pytest.raises(OutOfStock):
            reserve_numbers(tx, holders=["one", "two", "three"])

    def take_one(tx: Tx) -> None:
        got.append(reserve_number(tx, holder="other").value)

    def take_two(tx: Tx) -> None:
        got.extend(each.value for each in reserve_numbers(tx, holders=["a", "b"]))

    assert both(books, go_without, take_two) is None
    with books.transaction() as tx:
        assert len({release_resources(tx, holder=each)[0].value for each in ("a", "b")}) == 2
    assert both(books, go_without, take_one) is None
    assert got == [FIRST, str(int(FIRST) + 1), FIRST]


def test_numbers_in_use_are_found_by_their_beginning(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        add_numbers(tx, first=FIRST, count=3, now=now)
        product = make_product(tx, now)
        reserve_number(tx, holder="item_1", wished=Msisdn("4915900000001"))
        assert numbers_beginning(tx, "49159") == []
        assign_resources(tx, products={"item_1": product})
        for digits in ("4", "49159", "4915900000001"):
            assert [each.product for each in numbers_beginning(tx, digits)] == [product]
        assert numbers_beginning(tx, "4916") == []
        assert numbers_beginning(tx, "49159000000010") == []


def test_two_who_reserve_at_once_are_each_given_what_there_is(
    books: Database, now: datetime
) -> None:
    """Of two stocks with a phone each, the second takes the other one's, or finds nothing."""
    phone = {"name": "Phone"}
    stock = {"stockedProduct": phone, "productStockLevel": {"amount": 1}}
    wanted = {"id": "1", "quantityRequested": {"amount": 1}, "requestedProduct": phone}
    states: list[str] = []

    def reserve(tx: Tx) -> None:
        ident = stocks.reserve(tx, {"reserveProductStockItem": [wanted]}, now)
        [body] = documents.find(tx, stocks.RESERVATIONS, [ident])
        states.append(body["reserveProductStockState"])

    with books.transaction() as tx:
        made = [stocks.create_stock(tx, {**stock, "name": name}, now) for name in ("one", "two")]
    assert both(books, reserve, reserve) is None
    with books.transaction() as tx:
        reserve(tx)
        free = [each["productStockLevel"]["amount"] for each in stocks.shown(tx, made)]
    assert (states, free) == (["done", "done", "terminatedWithError"], [0, 0])
