"""Settings of what an operator rules about charging beside its prices (`[policy]`)."""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

_Count = Annotated[int, Meta(ge=1)]
_Percent = Annotated[int, Meta(ge=0, le=99)]
_Name = Annotated[str, Meta(min_length=1, max_length=200)]
_RatingGroup = Annotated[int, Meta(ge=0, le=4_294_967_295)]
_Last = Literal["terminate", "redirect", "restrict"]


class RatingGroupSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one rating group's quota is cut, where it isn't as for all data. Amounts are bytes."""

    group: _RatingGroup
    grant: _Count | None = None
    smallest: _Count | None = None
    largest: _Count | None = None
    validity_seconds: _Count | None = None
    holding_seconds: Annotated[int, Meta(ge=0)] | None = None
    threshold_percent: _Percent | None = None
    last: _Last | None = None
    redirect_to: str | None = None
    filters: tuple[str, ...] | None = None


class ThresholdSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    percent: Annotated[int, Meta(ge=1, le=1000)]
    status: Annotated[str, Meta(min_length=1, max_length=100)]


class CounterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a counter of a plan means to the network's policy and to people. `limit` is in the
    counter's units, or in micros of money."""

    counter: Annotated[str, Meta(min_length=1, max_length=100)]
    limit: _Count
    thresholds: Annotated[tuple[ThresholdSettings, ...], Meta(min_length=1)] = (
        ThresholdSettings(percent=80, status="80percent"),
        ThresholdSettings(percent=100, status="exceeded"),
    )
    initial: Annotated[str, Meta(min_length=1, max_length=100)] = "normal"
    plan: str = ""
    tell: bool = True


class ServiceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a service is asked for: by rating groups, over Gy and Nchf, in whichever session; or else
    the whole session by `contexts` (Service-Context-Ids as gateways send them; over Nchf
    serviceSpecificationInfo), by the kind of charging `information` that a network function sends,
    or by its nodeFunctionality. Its units are service-specific, unless it is data or voice."""

    service: Annotated[str, Meta(min_length=1, max_length=11)]
    contexts: tuple[_Name, ...] = ()
    rating_groups: tuple[_RatingGroup, ...] = ()
    information: tuple[_Name, ...] = ()
    functions: tuple[_Name, ...] = ()


class RoamingLimitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    limit: Decimal


class RoamingZoneSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Networks abroad that belong together. With `like_home` what data costs there doesn't count
    towards the limit of what abroad may cost."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    networks: Annotated[tuple[str, ...], Meta(min_length=1)]
    like_home: bool = False


class PolicySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What charging rules beside prices: what always passes, how quota is cut and ends, and what
    abroad may cost. A rating group with a size of its own is a table: [[policy.rating_groups]],
    with group, and grant, smallest, largest, validity_seconds, holding_seconds,
    threshold_percent, last, redirect_to, filters where they differ."""

    emergency_numbers: Annotated[
        tuple[str, ...], Meta(description="Calls and messages to these always pass, free of charge")
    ] = ("112", "911")
    freephone_prefixes: Annotated[
        tuple[str, ...], Meta(description="The same for numbers that begin so: 3531800")
    ] = ()
    care_numbers: Annotated[tuple[str, ...], Meta(description="The same for our own care")] = ()
    top_up_numbers: Annotated[tuple[str, ...], Meta(description="The same for top-ups")] = ()
    free_rating_groups: Annotated[
        tuple[_RatingGroup, ...],
        Meta(description="Data of these always passes, free of charge: the top-up portal's"),
    ] = ()
    smallest_bytes: Annotated[
        _Count, Meta(description="Data is granted in no less while so much is there")
    ] = 1_000_000
    largest_bytes: Annotated[_Count, Meta(description="Nor in more at a time")] = 10_000_000_000
    holding_seconds: Annotated[
        int, Meta(ge=0, description="Data quota comes back after so long without traffic; 0: never")
    ] = 0
    threshold_percent: Annotated[
        _Percent,
        Meta(description="More data is asked for when so much of a grant is left; 0: none"),
    ] = 0
    last: Annotated[
        _Last,
        Meta(description="When nothing is left, data is to terminate, redirect or restrict"),
    ] = "terminate"
    redirect_to: Annotated[str, Meta(description="Where to: a URL, a SIP URI or an IP address")] = (
        ""
    )
    calls_redirect_to: Annotated[
        str,
        Meta(description="Where a call is led when nothing is left, a SIP URI; empty: it ends"),
    ] = ""
    filters: Annotated[
        tuple[str, ...],
        Meta(description="What stays open then: filters by name, or as permit ... rules"),
    ] = ()
    rating_groups: Annotated[
        tuple[RatingGroupSettings, ...], Meta(description="Groups whose quota is cut otherwise")
    ] = ()
    counters: Annotated[
        tuple[CounterSettings, ...],
        Meta(
            description="Counters of plans as policy counters: [[policy.counters]] with counter, "
            "limit, and thresholds = [{percent = 80, status = ...}]; initial, plan, tell"
        ),
    ] = ()
    services: Annotated[
        tuple[ServiceSettings, ...],
        Meta(
            description="How services are asked for, beside 3GPP's ways: [[policy.services]] with "
            "service (api-call, or another name that prices have) and contexts, rating_groups, "
            "information or functions"
        ),
    ] = ()
    failure_handling: Annotated[
        Literal["terminate", "continue", "retry_and_terminate"],
        Meta(
            description="What gateways do with a session while charging doesn't answer "
            "(Credit-Control-Failure-Handling)"
        ),
    ] = "terminate"
    bar_exhausted: Annotated[
        bool,
        Meta(
            description="Without Gy: what usage in files has ended (a prepaid balance, a pool, "
            "what data abroad may cost) is stopped on the network until something pays for it"
        ),
    ] = False
    home_networks: Annotated[
        tuple[str, ...],
        Meta(description="MCC and MNC where nobody is abroad, or whole countries by their MCC"),
    ] = ()
    unknown_network: Annotated[
        Literal["abroad", "home"],
        Meta(
            description="Where data counts as used of which no network is told: abroad protects "
            "people from what it may cost, home is for gateways and files that tell none"
        ),
    ] = "abroad"
    roaming_words: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=20)], ...],
        Meta(
            min_length=1,
            description="Who answers with one of these by text message goes on beyond the limit",
        ),
    ] = ("ROAM",)
    roaming_redirect_to: Annotated[
        str, Meta(description="Where data abroad is redirected when it is cut off: to consent")
    ] = ""
    roaming_limit: Annotated[
        Decimal,
        Meta(
            description="What data abroad may cost a person in a month, in the account's currency, "
            "before it is cut off; 0: no limit",
        ),
    ] = Decimal(50)
    roaming_limits: Annotated[
        tuple[RoamingLimitSettings, ...],
        Meta(
            description="The same in currencies where it is another: [[policy.roaming_limits]] "
            "with currency and limit"
        ),
    ] = ()
    roaming_zones: Annotated[
        tuple[RoamingZoneSettings, ...],
        Meta(
            description="Networks abroad that belong together: [[policy.roaming_zones]] with name, "
            "networks (as for home), and like_home where data costs what it costs at home"
        ),
    ] = ()
    past_roaming_limit: Annotated[
        Literal["waive", "charge"],
        Meta(
            description="What files tell of data abroad past the limit, without consent: the EU "
            "has it not charged; charge is for markets elsewhere"
        ),
    ] = "waive"
    roaming_warning_percent: Annotated[
        _Percent, Meta(description="Of it; then the person is warned")
    ] = 80
