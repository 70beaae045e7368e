"""Charging's answer as a ChargingDataResponse (TS 32.291, clauses 6.1.6.2.1.2 and 6.1.6.2.1.8)."""

import ipaddress
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
from msgspec import field

from trunkline.charging import (
    NOT_REQUESTED,
    ChargeAnswer,
    FinalAction,
    FinalUnit,
    Kind,
    Result,
    Service,
    UnitAnswer,
)
from trunkline.nchf.problems import refused
from trunkline.nchf.reading import Reading
from trunkline.rating import BY_TIME

RESULT_CODES = {
    Result.SUCCESS: "SUCCESS",
    Result.UNKNOWN_SUBSCRIBER: "END_USER_SERVICE_REJECTED",
    Result.UNKNOWN_SESSION: "END_USER_SERVICE_REJECTED",
    Result.CREDIT_LIMIT: "QUOTA_LIMIT_REACHED",
    Result.DENIED: "END_USER_SERVICE_DENIED",
    Result.RATING_FAILED: "RATING_FAILED",
    Result.INVALID: "END_USER_SERVICE_REJECTED",
    Result.FAILED: "END_USER_SERVICE_REJECTED",
}
"""How each `Result` of a rating group is told (TS 32.291, table 6.1.6.3.14-1)."""


class _Granted(msgspec.Struct, omit_defaults=True, gc=False):
    tariff_change: str | None = field(name="tariffTimeChange", default=None)
    time: int | None = None
    total: int | None = field(name="totalVolume", default=None)
    specific: int | None = field(name="serviceSpecificUnits", default=None)


class _Trigger(msgspec.Struct, omit_defaults=True, gc=False):
    type: str = field(name="triggerType")
    category: str = field(name="triggerCategory")
    tariff_change: str | None = field(name="tariffTimeChange", default=None)


class _Redirect(msgspec.Struct, gc=False):
    type: str = field(name="redirectAddressType")
    address: str = field(name="redirectServerAddress")


class _FinalUnit(msgspec.Struct, omit_defaults=True, gc=False):
    action: str = field(name="finalUnitAction")
    rules: list[str] | None = field(name="restrictionFilterRuleList", default=None)
    filters: list[str] | None = field(name="filterIdList", default=None)
    redirect: _Redirect | None = field(name="redirectServer", default=None)


class _Unit(msgspec.Struct, omit_defaults=True, gc=False):
    rating_group: int = field(name="ratingGroup")
    result: str = field(name="resultCode")
    granted: _Granted | None = field(name="grantedUnit", default=None)
    triggers: list[_Trigger] | None = None
    validity: int | None = field(name="validityTime", default=None)
    holding: int | None = field(name="quotaHoldingTime", default=None)
    final: _FinalUnit | None = field(name="finalUnitIndication", default=None)
    time_threshold: int | None = field(name="timeQuotaThreshold", default=None)
    volume_threshold: int | None = field(name="volumeQuotaThreshold", default=None)
    unit_threshold: int | None = field(name="unitQuotaThreshold", default=None)
    upf: str | None = field(name="uPFID", default=None)


class _InvocationResult(msgspec.Struct, gc=False):
    failure_handling: str = field(name="failureHandling")


class _Response(msgspec.Struct, omit_defaults=True, gc=False):
    stamp: datetime = field(name="invocationTimeStamp")
    sequence: int = field(name="invocationSequenceNumber")
    result: _InvocationResult | None = field(name="invocationResult", default=None)
    failover: str | None = field(name="sessionFailover", default=None)
    units: list[_Unit] | None = field(name="multipleUnitInformation", default=None)


_encode = msgspec.json.Encoder().encode


def written(reading: Reading, answer: ChargeAnswer, failure_handling: str) -> bytes:
    """The body of the answer; empty for a release. What a session's consumer does while it
    gets no answer is told when the session begins. Raises `Problem` where the whole request
    is refused."""
    if answer.result is not Result.SUCCESS:
        raise refused(answer.result)
    request, data = reading.request, reading.data
    kind = request.kind
    if kind is Kind.TERMINATE:
        return b""
    response = _Response(data.stamp, data.sequence)
    if kind is Kind.INITIAL:
        response.result = _InvocationResult(failure_handling)
        response.failover = "FAILOVER_SUPPORTED"
    if answer.units and data.usage:
        response.units = [
            _unit(unit, request.service if asked.service < 0 else asked.service, asked.upf)
            for asked, unit in zip(request.units, answer.units, strict=False)
            if asked.service_identifier is None  # what services used is told with their group
        ]
    return _encode(response)


def _unit(unit: UnitAnswer, service: int, upf: str) -> _Unit:
    told = _Unit(unit.rating_group or 0, RESULT_CODES[unit.result], upf=upf or None)
    if unit.final:
        told.final = _final(unit.last)
    told.validity = unit.validity or None
    if unit.granted == NOT_REQUESTED:
        if unit.result is not Result.SUCCESS:
            told.triggers = _EXHAUSTED
        return told
    granted = told.granted = _Granted()
    threshold = unit.threshold or None
    told.triggers = _triggers(bool(threshold), bool(unit.holding))
    if service == Service.DATA:
        granted.total, told.volume_threshold = unit.granted, threshold
    elif service in BY_TIME:
        granted.time, told.time_threshold = min(unit.granted, 0xFFFFFFFF), threshold
    else:
        granted.specific, told.unit_threshold = unit.granted, threshold
    told.holding = unit.holding or None
    if unit.tariff_change:
        granted.tariff_change = datetime.fromtimestamp(unit.tariff_change, UTC).strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        )
        change = _Trigger("TARIFF_TIME_CHANGE", "DEFERRED_REPORT", granted.tariff_change)
        told.triggers = [change, *told.triggers]
    return told


_EXHAUSTED = [_Trigger("QUOTA_EXHAUSTED", "IMMEDIATE_REPORT")]


@lru_cache
def _triggers(threshold: bool, holding: bool) -> list[_Trigger]:
    """What ends a grant. Each is in force without being told (TS 32.255, 5.2.1.4), but free5GC's
    SMF sets only those that it is told, and shuts who gets none with QUOTA_EXHAUSTED."""
    return [
        *([_Trigger("QUOTA_THRESHOLD", "IMMEDIATE_REPORT")] if threshold else ()),
        *([_Trigger("QHT", "IMMEDIATE_REPORT")] if holding else ()),
        *_EXHAUSTED,
        _Trigger("VALIDITY_TIME", "IMMEDIATE_REPORT"),
    ]


@lru_cache(maxsize=1024)
def _final(last: FinalUnit | None) -> _FinalUnit:
    if last is None or last.action is FinalAction.TERMINATE:
        return _FinalUnit("TERMINATE")
    rules = [each for each in last.filters if each.startswith(("permit ", "deny "))]
    filters = [each for each in last.filters if each not in rules]
    redirect = None
    if last.action is FinalAction.REDIRECT:
        redirect = _Redirect(_address_type(last.redirect), last.redirect)
    action = "RESTRICT_ACCESS" if redirect is None else "REDIRECT"
    return _FinalUnit(action, rules or None, filters or None, redirect)


def _address_type(address: str) -> str:
    try:
        return f"IPV{ipaddress.ip_address(address).version}"
    except ValueError:
        return "URI" if address.startswith(("sip:", "sips:", "tel:")) else "URL"
