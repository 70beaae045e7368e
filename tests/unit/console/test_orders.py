"""Orders listed, shown, tried again and cancelled."""

import pytest

from tests.unit.console.office import Office, text_of
from trunkline import ordering
from trunkline.ordering import OrderState, ProductOrder
from trunkline.platform import audit


@pytest.fixture
def held(office: Office) -> ProductOrder:
    """An order that finds the shelf empty."""
    customer = office.customer()
    for _ in range(5):
        office.order(customer)
    return office.order(customer)


def state_of(office: Office, order: ProductOrder) -> OrderState:
    office.relay.drain()
    with office.books.read() as r:
        return ordering.order(r, order.id).state


def test_orders_by_state(office: Office, held: ProductOrder) -> None:
    visitor = office.visitor("*")
    everything = text_of(visitor.get("/console/orders"))
    assert "Completed 5" in everything
    assert "Held 1" in everything
    some = visitor.get("/console/orders?state=held")
    assert held.id in some.text
    assert some.text.count("/console/orders/ord_") == 1
    assert visitor.get("/console/orders?state=nonsense").status_code == 400
    assert visitor.get("/console/orders?start=x").status_code == 400
    assert "No orders here" in text_of(visitor.get("/console/orders?start=50"))


def test_a_held_order_says_why(office: Office, held: ProductOrder) -> None:
    assert held.state is OrderState.HELD
    page = text_of(office.visitor("*").get(f"/console/orders/{held.id}"))
    assert "Try again" in page
    assert "Cancel the order" in page
    reader = text_of(office.visitor("*:read", name="r").get(f"/console/orders/{held.id}"))
    assert "Try again" not in reader
    assert "Cancel the order" not in reader


def test_trying_again(office: Office, held: ProductOrder) -> None:
    visitor = office.visitor("*")
    with office.books.read() as r:
        failed, *_ = [
            each for each in ordering.tasks(r, held.id) if each.state is ordering.TaskState.FAILED
        ]
    path = f"/console/orders/{held.id}/retry"
    assert visitor.post(path, {"task": f"{failed.position}"}).status_code == 303
    assert state_of(office, held) is OrderState.HELD
    for task, status in (("", 400), ("x", 400), ("99", 404), ("99999999999", 400)):
        assert visitor.post(path, {"task": task}).status_code == status
    with office.books.read() as r:
        assert [each.verb for each in audit.about(r, held.id)] == ["retry_task"]


def test_cancelling(office: Office, held: ProductOrder) -> None:
    visitor = office.visitor("*")
    answer = visitor.post(f"/console/orders/{held.id}/cancel")
    assert answer.headers["location"] == f"/console/orders/{held.id}?said=order-cancelled"
    assert state_of(office, held) is OrderState.CANCELLED
    page = text_of(visitor.get(f"/console/orders/{held.id}"))
    assert "by admin in the console" in page
    with office.books.read() as r:
        assert [(each.who, each.verb) for each in audit.about(r, held.id)] == [
            ("admin", "cancel_order")
        ]
    assert visitor.post(f"/console/orders/{held.id}/cancel").status_code in (303, 409)
    assert visitor.post("/console/orders/ord_none/cancel").status_code == 404
    assert visitor.post("/console/orders/%00/cancel").status_code == 400


def test_what_is_done_is_not_cancelled(office: Office) -> None:
    order = office.order(office.customer())
    assert order.state is OrderState.COMPLETED
    visitor = office.visitor("*")
    assert "Cancel the order" not in text_of(visitor.get(f"/console/orders/{order.id}"))
    answer = visitor.post(f"/console/orders/{order.id}/cancel")
    assert answer.status_code == 409
    assert "Not any more" in text_of(answer)
    with office.books.read() as r:
        assert audit.about(r, order.id) == []
