"""The TMF640 client against the simulator: every answer that another system may give."""

from collections.abc import Iterator

import msgspec
import pytest

from trunkline.network import (
    Instruction,
    InstructionId,
    InstructionState,
    NetworkUnavailable,
    Tmf640Element,
    Verb,
    Wish,
)
from trunkline.network.simulator import Simulator

DONE, WORKING, REFUSED = (
    InstructionState.DONE,
    InstructionState.WORKING,
    InstructionState.REFUSED,
)


@pytest.fixture
def simulator() -> Simulator:
    return Simulator()


@pytest.fixture
def url(simulator: Simulator) -> Iterator[str]:
    with simulator.serving() as url:
        yield url


@pytest.fixture
def element(url: str) -> Tmf640Element:
    return Tmf640Element(url, timeout=60.0)


def wanted(verb: Verb = Verb.PROVISION, ident: str = "net_1", **rest: object) -> Instruction:
    wish = Wish(service="svc_1", verb=verb, name="Mobile", characteristics={"imsi": "27201"})
    made = Instruction(id=InstructionId(ident), wish=wish)
    return msgspec.structs.replace(made, **rest)


def test_a_service_is_provisioned_at_once(element: Tmf640Element, simulator: Simulator):
    answer = element.carry_out(wanted())
    assert (answer.state, answer.remote) == (DONE, "hss-1")
    kept = simulator.services["hss-1"]
    assert kept["state"] == "active"
    assert kept["serviceCharacteristic"] == [{"name": "imsi", "value": "27201"}]
    assert element.state_of("hss-1") == "active"
    assert element.state_of("hss-9") is None


def test_it_takes_effect_once(element: Tmf640Element, simulator: Simulator):
    first, again = element.carry_out(wanted()), element.carry_out(wanted())
    assert first == again
    assert list(simulator.services) == ["hss-1"]


def test_an_answer_that_was_lost_is_found_again(element: Tmf640Element, simulator: Simulator):
    simulator.behaviour.lost = 1
    with pytest.raises(NetworkUnavailable):
        element.carry_out(wanted())
    # A system that doesn't heed the key would make a second one.
    answer = element.carry_out(wanted(ident="another key", attempts=1))
    assert (answer.state, answer.remote) == (DONE, "hss-1")
    assert list(simulator.services) == ["hss-1"]


@pytest.mark.parametrize(
    ("verb", "state"),
    [(Verb.SUSPEND, "inactive"), (Verb.RESUME, "active"), (Verb.MODIFY, "active")],
)
def test_a_service_is_changed(element: Tmf640Element, simulator: Simulator, verb: Verb, state: str):
    element.carry_out(wanted())
    answer = element.carry_out(wanted(verb, "net_2", remote="hss-1"))
    assert answer.state is DONE
    assert simulator.services["hss-1"]["state"] == state


def test_a_service_is_ended(element: Tmf640Element, simulator: Simulator):
    element.carry_out(wanted())
    assert element.carry_out(wanted(Verb.TERMINATE, "net_2", remote="hss-1")).state is DONE
    assert simulator.services == {}
    assert element.carry_out(wanted(Verb.TERMINATE, "net_3", remote="hss-1")).state is DONE


def test_what_was_never_named_is_sought_before_it_is_ended(
    element: Tmf640Element, simulator: Simulator
):
    element.carry_out(wanted())
    assert element.carry_out(wanted(Verb.TERMINATE, "net_2")).state is DONE
    assert simulator.services == {}


def test_work_that_takes_long_is_asked_after(element: Tmf640Element, simulator: Simulator):
    simulator.behaviour.looks = 2
    answer = element.carry_out(wanted())
    assert (answer.state, answer.following) == (WORKING, "monitor/mon-2")
    following = wanted(following=answer.following, state=WORKING)
    assert element.ask(following).state is WORKING
    done = element.ask(following)
    assert (done.state, done.remote) == (DONE, "hss-1")
    assert simulator.services["hss-1"]["state"] == "active"


def test_a_refusal_has_its_reason(element: Tmf640Element, simulator: Simulator):
    simulator.behaviour.refused = ["27201"]
    answer = element.carry_out(wanted())
    assert answer.state is REFUSED
    assert "unknown subscriber 27201" in str(answer.reason)


def test_away_slow_or_elsewhere_is_no_answer(
    element: Tmf640Element, simulator: Simulator, url: str
):
    simulator.behaviour.away = 1
    with pytest.raises(NetworkUnavailable, match="503"):
        element.carry_out(wanted())
    simulator.behaviour.delay = 0.5
    with pytest.raises(NetworkUnavailable, match="reached"):
        Tmf640Element(url, timeout=0.05).carry_out(wanted())
    with pytest.raises(NetworkUnavailable, match="reached"):
        Tmf640Element("http://127.0.0.1:1/x").carry_out(wanted())


def test_a_token_lets_in(simulator: Simulator, url: str):
    simulator.behaviour.token = "secret"
    assert Tmf640Element(url).carry_out(wanted()).state is REFUSED
    assert Tmf640Element(url, token="secret").carry_out(wanted()).state is DONE
