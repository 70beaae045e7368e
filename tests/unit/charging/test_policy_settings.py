"""What an operator may rule in `[policy]`, and what is refused, by the place that is at fault."""

from decimal import Decimal
from typing import Any

import pytest

from trunkline.app.policy import grant_policy, rules
from trunkline.charging import FinalAction, FinalUnit
from trunkline.platform.settings import InvalidSettings, NetworkSettings, Settings
from trunkline.platform.settings_policy import CounterSettings, PolicySettings, ThresholdSettings

HOME = {"home_networks": ("272",)}
FAIR = CounterSettings(counter="fair", limit=100)


def ruled(**policy: Any) -> Settings:
    return Settings(policy=PolicySettings(**policy))


def thresholds(*each: tuple[int, str]) -> CounterSettings:
    told = tuple(ThresholdSettings(percent=percent, status=status) for percent, status in each)
    return CounterSettings(counter="fair", limit=100, thresholds=told)


@pytest.mark.parametrize(
    ("policy", "path", "said"),
    [
        ({"bar_exhausted": True}, "policy.bar_exhausted", "no \\[network\\]"),
        ({"counters": (FAIR, FAIR)}, "policy.counters: fair", "twice of all plans"),
        ({"counters": (thresholds((80, "a"), (80, "b")),)}, "policy.counters: fair", "ascend"),
        ({"counters": (thresholds((80, "a"), (90, "a")),)}, "policy.counters: fair", "its own"),
        (
            {
                "counters": (
                    thresholds(
                        (80, "normal"),
                    ),
                )
            },
            "policy.counters: fair",
            "its own",
        ),
        (
            {"counters": (CounterSettings(counter="roaming", limit=1),)},
            "policy.counters: roaming",
            "settings of its own",
        ),
        ({**HOME, "roaming_words": ("GO ON",)}, "policy.roaming_words", "one word"),
        ({**HOME, "roaming_words": ("stop",)}, "policy.roaming_words", "stops messages"),
        ({**HOME, "roaming_limit": Decimal(-1)}, "policy.roaming_limit", "amount"),
        ({"home_networks": ("IE",)}, "policy.home_networks", "digits"),
    ],
)
def test_what_is_refused(policy: dict[str, Any], path: str, said: str) -> None:
    with pytest.raises(InvalidSettings, match=said) as refusal:
        rules(ruled(**policy))
    assert refusal.value.path == path


def test_calls_end_or_are_led_to_a_sip_uri() -> None:
    assert grant_policy(ruled()).voice.last is None
    led = grant_policy(ruled(calls_redirect_to="sip:top-up@ims.example")).voice
    assert led.last == FinalUnit(FinalAction.REDIRECT, "sip:top-up@ims.example")
    with pytest.raises(InvalidSettings, match="no SIP URI") as refusal:
        grant_policy(ruled(calls_redirect_to="https://top-up.example/"))
    assert refusal.value.path == "policy.calls_redirect_to"


def test_where_no_network_is_told_data_counts_as_abroad_unless_the_operator_says_home() -> None:
    for told, is_home in (({}, False), ({"unknown_network": "home"}, True)):
        roaming = rules(ruled(**HOME, **told)).roaming
        assert roaming is not None
        assert roaming.unknown_is_home is is_home
        assert roaming.words == ("ROAM",)


def test_a_plan_may_have_another_limit_than_all() -> None:
    own = CounterSettings(counter="fair", limit=200, plan="large")
    assert [each.limit for each in rules(ruled(counters=(FAIR, own))).counters] == [100, 200]


def test_what_ends_is_stopped_where_there_is_a_network() -> None:
    network = NetworkSettings(adapter="tmf640", url="https://host.example/v4")
    rules(Settings(policy=PolicySettings(bar_exhausted=True), network=network))


def test_past_the_limit_abroad_nothing_is_charged_unless_the_operator_says_so() -> None:
    for settings, waives in ((ruled(**HOME), True), (charging_past_the_limit(), False)):
        roaming = rules(settings).roaming
        assert roaming is not None
        assert roaming.waives is waives


def charging_past_the_limit() -> Settings:
    return ruled(**HOME, past_roaming_limit="charge")
