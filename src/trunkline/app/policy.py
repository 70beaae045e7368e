"""The operator's settings as charging's policy."""

import msgspec

from trunkline.charging import FinalAction, FinalUnit, GrantPolicy, GrantSize, Passing
from trunkline.platform.policy_settings import RatingGroupSettings
from trunkline.platform.settings import InvalidSettings, Settings

_ACTIONS = {"redirect": FinalAction.REDIRECT, "restrict": FinalAction.RESTRICT}


def grant_policy(settings: Settings) -> GrantPolicy:
    """Raises `InvalidSettings` for a redirection to nowhere, and a group that is told twice."""
    known, ruled = settings.charging, settings.policy
    default = GrantPolicy()

    def sized(size: GrantSize, amount: int) -> GrantSize:
        return GrantSize(
            amount, min(size.smallest, amount), max(size.largest, amount), known.validity_seconds
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
        voice=sized(default.voice, known.grant_seconds),
        sms=sized(default.sms, known.grant_messages),
        groups=groups,
        passing=Passing.of(
            emergency=ruled.emergency_numbers,
            freephone=ruled.freephone_prefixes,
            care=ruled.care_numbers,
            top_up=ruled.top_up_numbers,
            groups=ruled.free_rating_groups,
        ),
    )


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
