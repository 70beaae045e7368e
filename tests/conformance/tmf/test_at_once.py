"""Two who do the same at the same moment, on threads: nobody overwrites, nothing comes twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Answer, Client
from tests.conformance.tmf.neighbours import TICKET

AGENTS = 4
Ask = Callable[[int], Answer]


def at_once(ask: Ask) -> list[Answer]:
    """What each is answered."""
    ready = Barrier(AGENTS)

    def go(n: int) -> Answer:
        ready.wait()
        return ask(n)

    with ThreadPoolExecutor(AGENTS) as agents:
        return list(agents.map(go, range(AGENTS)))


@pytest.fixture
def things(api: Client) -> list[tuple[str, str]]:
    """A document, what verbs change, and what stands in columns, each with a free text."""
    payer = shop.account(api)
    ticket = {"description": "none", "severity": "Major", "ticketType": "incident"}
    return [
        (shop.made(api.post(TICKET, ticket))["href"], "description"),
        (payer["href"], "name"),
        (shop.individual(api)["href"], "familyName"),
        (shop.made(api.post(f"{shop.CATALOG}/category", {"name": "c"}))["href"], "description"),
    ]


def test_of_those_who_read_the_same_one_changes_it(
    api: Client, things: list[tuple[str, str]]
) -> None:
    for href, name in things:
        tag = api.get(href).headers["etag"]

        def change(n: int, href: str = href, name: str = name, tag: str = tag) -> Answer:
            return api.bare("PATCH", href, {name: f"agent {n}"}, headers={"If-Match": tag})

        answers = at_once(change)
        statuses = sorted(each.status for each in answers)
        assert statuses == [200] + [412] * (AGENTS - 1), (href, statuses)
        (won,) = [n for n, each in enumerate(answers) if each.status == 200]
        assert api.get(href).body[name] == f"agent {won}"


def test_a_request_that_comes_several_times_at_once_is_done_once(api: Client) -> None:
    payer, offering = shop.account(api), shop.offer(api)
    order = shop.order_body(payer, offering)

    def place(_n: int) -> Answer:
        path = f"{shop.ORDERING}/productOrder"
        return api.bare("POST", path, order, headers={"Idempotency-Key": "same"})

    answers = at_once(place)
    assert {each.status for each in answers} <= {201, 409}, [each.raw for each in answers]
    assert len({each.body["id"] for each in answers if each.status == 201}) == 1
    assert len(api.get(f"{shop.ORDERING}/productOrder").body) == 1
    other = api.post(f"{shop.ORDERING}/productOrder", order | {"note": []}, Idempotency_Key="same")
    assert (other.status, other.body["code"]) == (409, "idempotencyKeyReused")
