"""The operator's settings as charging's policy."""

from decimal import Decimal
from itertools import pairwise

import msgspec

from trunkline.charging import (
    ROAMING,
    CounterPolicy,
    FinalAction,
    FinalUnit,
    GrantPolicy,
    GrantSize,
    Passing,
    RoamingPolicy,
    RoamingZone,
    Rules,
    Threshold,
)
from trunkline.kernel.money import to_micros
from trunkline.messaging import STOP
from trunkline.platform.settings import InvalidSettings, Settings
from trunkline.platform.settings_policy import (
    CounterSettings,
    PolicySettings,
    RatingGroupSettings,
)

_BAR = "policy.bar_exhausted"
_ACTIONS = {"redirect": FinalAction.REDIRECT, "restrict": FinalAction.RESTRICT}


def grant_policy(settings: Settings) -> GrantPolicy:
    """Raises `InvalidSettings` for a redirection to nowhere, and a group that is told twice."""
    known, ruled = settings.charging, settings.policy
    default = GrantPolicy()
    calls_end = None
    if ruled.calls_redirect_to:
        if not ruled.calls_redirect_to.startswith(("sip:", "sips:")):
            raise InvalidSettings("is no SIP URI", path="policy.calls_redirect_to")
        calls_end = FinalUnit(FinalAction.REDIRECT, ruled.calls_redirect_to)

    def sized(size: GrantSize, amount: int, last: FinalUnit | None = None) -> GrantSize:
        return GrantSize(
            amount,
            min(size.smallest, amount),
            max(size.largest, amount),
            known.validity_seconds,
            last=last,
        )

    data = GrantSize(
        min(known.grant_bytes, ruled.largest_bytes),
        min(ruled.smallest_bytes, known.grant_bytes),
        ruled.largest_bytes,
        known.validity_seconds,
        ruled.holding_seconds,
        ruled.threshold_percent,
        _last(ruled.last, ruled.redirect_to, ruled.filters, "policy"),
    )
    groups: dict[int, GrantSize] = {}
    for each in ruled.rating_groups:
        if each.group in groups:
            raise InvalidSettings(f"{each.group} stands there twice", path="policy.rating_groups")
        groups[each.group] = _of_group(each, data)
    return GrantPolicy(
        data=data,
        voice=sized(default.voice, known.grant_seconds, calls_end),
        sms=sized(default.sms, known.grant_messages),
        groups=groups,
        rules=rules(settings),
    )


def rules(settings: Settings) -> Rules:
    """What every process knows. Raises `InvalidSettings`."""
    ruled = settings.policy
    if ruled.bar_exhausted and settings.network.adapter == "none":
        raise InvalidSettings("there is no [network] to stop anything on", path=_BAR)
    return Rules(
        passing=Passing.of(
            emergency=ruled.emergency_numbers,
            freephone=ruled.freephone_prefixes,
            care=ruled.care_numbers,
            top_up=ruled.top_up_numbers,
            groups=ruled.free_rating_groups,
        ),
        counters=_counters(ruled),
        roaming=_roaming(ruled) if ruled.home_networks else None,
    )


def _roaming(ruled: PolicySettings) -> RoamingPolicy:
    _check_amount(ruled.roaming_limit, "policy.roaming_limit")
    for each in ruled.roaming_limits:
        _check_amount(each.limit, f"policy.roaming_limits: {each.currency}")
    _check_networks(ruled.home_networks, "policy.home_networks")
    for zone in ruled.roaming_zones:
        _check_networks(zone.networks, f"policy.roaming_zones: {zone.name}")
    last = None
    if ruled.roaming_redirect_to:
        last = FinalUnit(FinalAction.REDIRECT, ruled.roaming_redirect_to, ruled.filters)
    return RoamingPolicy(
        home=ruled.home_networks,
        limit=to_micros(ruled.roaming_limit),
        warning=ruled.roaming_warning_percent,
        last=last,
        limits={each.currency: to_micros(each.limit) for each in ruled.roaming_limits},
        zones=tuple(
            RoamingZone(each.name, each.networks, each.like_home) for each in ruled.roaming_zones
        ),
        unknown_is_home=ruled.unknown_network == "home",
        words=_words(ruled.roaming_words),
        waives=ruled.past_roaming_limit == "waive",
    )


def _words(words: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(each.upper() for each in words)
    for word in found:
        if len(word.split()) != 1 or word in STOP:
            path = "policy.roaming_words"
            raise InvalidSettings(f"{word!r} is one word, and none that stops messages", path=path)
    return found


def _check_amount(amount: Decimal, path: str) -> None:
    if amount < 0 or not amount.is_finite():
        raise InvalidSettings("is an amount", path=path)


def _check_networks(networks: tuple[str, ...], path: str) -> None:
    for network in networks:
        if not (network.isascii() and network.isdigit() and 3 <= len(network) <= 6):
            raise InvalidSettings("an MCC, or an MCC and MNC: 3 to 6 digits", path=path)


def _counters(ruled: PolicySettings) -> tuple[CounterPolicy, ...]:
    found = tuple(_counter(each) for each in ruled.counters)
    seen = set()
    for each in found:
        if (each.counter, each.plan) in seen:
            whose = f"of {each.plan}" if each.plan else "of all plans"
            path = f"policy.counters: {each.counter}"
            raise InvalidSettings(f"stands there twice {whose}", path=path)
        seen.add((each.counter, each.plan))
    return found


def _counter(told: CounterSettings) -> CounterPolicy:
    place = f"policy.counters: {told.counter}"
    thresholds = tuple(Threshold(each.percent, each.status) for each in told.thresholds)
    if any(before.percent >= after.percent for before, after in pairwise(thresholds)):
        raise InvalidSettings("thresholds ascend", path=place)
    statuses = [told.initial, *(each.status for each in thresholds)]
    if len(set(statuses)) < len(statuses):
        raise InvalidSettings("each threshold has a status of its own", path=place)
    if told.counter == ROAMING:
        raise InvalidSettings(
            "is what data abroad has cost: it has settings of its own", path=place
        )
    return CounterPolicy(told.counter, told.limit, thresholds, told.initial, told.plan, told.tell)


def _of_group(told: RatingGroupSettings, data: GrantSize) -> GrantSize:
    """As for all data, but for what is told."""
    place = f"policy.rating_groups: {told.group}"
    grant = told.grant or data.default
    size = GrantSize(
        grant,
        min(told.smallest or data.smallest, grant),
        max(told.largest or data.largest, grant),
        told.validity_seconds or data.validity,
        data.holding if told.holding_seconds is None else told.holding_seconds,
        data.threshold if told.threshold_percent is None else told.threshold_percent,
        data.last,
    )
    if told.last is None and told.redirect_to is None and told.filters is None:
        return size
    present = data.last or FinalUnit()
    action = told.last or present.action.name.lower()
    redirect = present.redirect if told.redirect_to is None else told.redirect_to
    filters = present.filters if told.filters is None else told.filters
    return msgspec.structs.replace(size, last=_last(action, redirect, filters, place))


def _last(action: str, redirect_to: str, filters: tuple[str, ...], place: str) -> FinalUnit | None:
    if action not in _ACTIONS:
        return None
    if action == "redirect" and not redirect_to:
        raise InvalidSettings("a redirection leads somewhere", path=f"{place}.redirect_to")
    if action == "restrict" and not filters:
        raise InvalidSettings("what stays open when access is restricted", path=f"{place}.filters")
    return FinalUnit(_ACTIONS[action], redirect_to if action == "redirect" else "", filters)
