"""Charging's answer as a Credit-Control-Answer (RFC 8506, 3.2; TS 32.299, 6.4.3)."""

import ipaddress
import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from msgspec.structs import astuple

from trunkline.charging import (
    NOT_REQUESTED,
    Action,
    ChargeAnswer,
    FinalUnit,
    Kind,
    Result,
    Service,
    UnitAnswer,
)
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.diameter.answers import Identity, answer_to, failed
from trunkline.diameter.currencies import NO_CURRENCY, NUMBERS
from trunkline.diameter.gy_request import Reading
from trunkline.diameter.services import NO_SERVICES
from trunkline.rating import BY_TIME

RESULT_CODES = {
    Result.SUCCESS: d.SUCCESS,
    Result.UNKNOWN_SUBSCRIBER: d.USER_UNKNOWN,
    Result.UNKNOWN_SESSION: d.UNKNOWN_SESSION_ID,
    Result.CREDIT_LIMIT: d.CREDIT_LIMIT_REACHED,
    Result.DENIED: d.END_USER_SERVICE_DENIED,
    Result.RATING_FAILED: d.RATING_FAILED,
    Result.INVALID: d.INVALID_AVP_VALUE,
    Result.FAILED: d.UNABLE_TO_COMPLY,
}

_OWES_FAILED_AVP = frozenset((Result.RATING_FAILED, Result.INVALID))

_RESULT_AVPS = {result: codec.u32(d.RESULT_CODE, code) for result, code in RESULT_CODES.items()}
_FAILOVER = codec.u32(d.CC_SESSION_FAILOVER, d.FAILOVER_SUPPORTED)
"""Over any connection, to any node, a session goes on (RFC 8506, 8.4)."""
_NUMBER_HEAD = struct.pack(">II", d.CC_REQUEST_NUMBER, 0x4000000C)


class CreditAnswers:
    """Writes the answers of one node; what is the same in all of them is encoded once. A session
    that begins is told its `failure_handling`. `groups` are rating groups with services of their
    own."""

    def __init__(
        self,
        identity: Identity,
        failure_handling: int = 0,
        groups: Mapping[int, int] = NO_SERVICES.groups,
    ) -> None:
        self._groups: dict[int | None, int] = dict(groups.items())
        self._without_answer = _FAILOVER + codec.u32(
            d.CREDIT_CONTROL_FAILURE_HANDLING, failure_handling
        )
        self._middles = {
            (result, kind): avp
            + identity.avps
            + codec.u32(d.AUTH_APPLICATION_ID, d.CREDIT_CONTROL)
            + codec.u32(d.CC_REQUEST_TYPE, kind)
            + _NUMBER_HEAD
            for result, avp in _RESULT_AVPS.items()
            for kind in Kind
        }

    def encode(self, reading: Reading, answer: ChargeAnswer, result: Result) -> bytes:
        """The whole CCA, whose Result-Code tells `result`. One that charging refuses says nothing
        of its services."""
        request = reading.request
        units = b""
        if answer.result is not Result.SUCCESS:
            pass
        elif reading.by_service:
            of, usual = self._groups, request.service
            units = b"".join(
                [
                    _service(unit, of.get(unit.rating_group, usual) if of else usual)
                    for unit in answer.units
                ]
            )
        elif answer.units:
            unit = answer.units[0]
            units = b"".join(_unit(unit, request.service))
            if answer.money:
                units = _granted_money(unit, answer)
        parts = [
            reading.session,
            self._middles[result, request.kind],
            request.number.to_bytes(4, "big"),
            units,
        ]
        if request.kind is Kind.EVENT:
            parts.append(_event(request.action, answer))
        elif request.kind is Kind.INITIAL and result is Result.SUCCESS:
            parts.append(self._without_answer)
        if result in _OWES_FAILED_AVP:
            parts.append(failed(_at_fault(reading)))
        if reading.proxies:
            parts.append(reading.proxies)
        return answer_to(reading.message, *parts)


def result_of(reading: Reading, answer: ChargeAnswer) -> Result:
    """What the whole request came to: services have codes of their own beside it, unless the
    gateway knows of no services and what it asked for is refused."""
    units = answer.units
    if answer.result is not Result.SUCCESS or not units:
        return answer.result
    if not reading.by_service:
        return units[0].result
    if reading.one_service and not any(_goes_on(unit) for unit in units):
        return units[0].result
    return Result.SUCCESS


def _goes_on(unit: UnitAnswer) -> bool:
    return unit.result is Result.SUCCESS or unit.final


def _service(unit: UnitAnswer, service: int) -> bytes:
    """One MSCC. Most services are answered alike: the same grant, for the same time."""
    return _mscc(astuple(unit), service)


@lru_cache(maxsize=1024)
def _mscc(values: tuple[Any, ...], service: int) -> bytes:
    """In the order of RFC 8506, 8.16."""
    unit = UnitAnswer(*values)
    granted, validity, final = _unit(unit, service)
    if unit.holding or unit.threshold:
        final += _limits(unit, service)
    names = b""
    if unit.service_identifier is not None:
        names = codec.u32(d.SERVICE_IDENTIFIER, unit.service_identifier)
    if unit.rating_group is not None:
        names += codec.u32(d.RATING_GROUP, unit.rating_group)
    return codec.grouped(
        d.MULTIPLE_SERVICES_CREDIT_CONTROL,
        granted,
        names,
        validity,
        _RESULT_AVPS[unit.result],
        final,
    )


def _unit(unit: UnitAnswer, service: int) -> tuple[bytes, bytes, bytes]:
    """Granted-Service-Unit, Validity-Time, Final-Unit-Indication: each, or nothing."""
    final = _final_unit(unit.last) if unit.final else b""
    validity = codec.u32(d.VALIDITY_TIME, unit.validity) if unit.validity else b""
    if unit.granted == NOT_REQUESTED:
        return b"", validity, final
    granted = _amount(unit.granted, service)
    if unit.tariff_change:
        granted = codec.u32(d.TARIFF_TIME_CHANGE, codec.to_time(unit.tariff_change)) + granted
    return codec.grouped(d.GRANTED_SERVICE_UNIT, granted), validity, final


def _granted_money(unit: UnitAnswer, answer: ChargeAnswer) -> bytes:
    granted = codec.grouped(d.CC_MONEY, *_sum(answer.money, answer.currency))
    return (
        codec.grouped(d.GRANTED_SERVICE_UNIT, granted)
        + codec.u32(d.VALIDITY_TIME, unit.validity)
        + (_final_unit(unit.last) if unit.final else b"")
    )


def _sum(micros: int, currency: str) -> tuple[bytes, bytes]:
    """Unit-Value and Currency-Code (RFC 8506, 8.8 and 8.11)."""
    return (
        codec.grouped(
            d.UNIT_VALUE,
            codec.avp(d.VALUE_DIGITS, micros.to_bytes(8, "big", signed=True)),
            codec.avp(d.EXPONENT, (-6).to_bytes(4, "big", signed=True)),
        ),
        codec.u32(d.CURRENCY_CODE, NUMBERS.get(currency, NO_CURRENCY)),
    )


def _limits(unit: UnitAnswer, service: int) -> bytes:
    """Quota-Holding-Time, and the threshold by the service's unit (TS 32.299, 7.2.139 and 7.2.227
    to 229), with a grant only."""
    if unit.granted == NOT_REQUESTED:
        return b""
    octets = _u32_3gpp(d.QUOTA_HOLDING_TIME, unit.holding) if unit.holding else b""
    if unit.threshold:
        code = _THRESHOLDS.get(service, d.UNIT_QUOTA_THRESHOLD)
        octets += _u32_3gpp(code, min(unit.threshold, 0xFFFFFFFF))
    return octets


_THRESHOLDS: dict[int, int] = {
    Service.DATA: d.VOLUME_QUOTA_THRESHOLD,
    Service.VOICE: d.TIME_QUOTA_THRESHOLD,
    Service.VOICE_IN: d.TIME_QUOTA_THRESHOLD,
}


def _u32_3gpp(code: int, value: int) -> bytes:
    return codec.avp(code, value.to_bytes(4, "big"), d.VENDOR_3GPP)


@lru_cache(maxsize=256)
def _final_unit(last: FinalUnit | None) -> bytes:
    """Final-Unit-Indication (RFC 8506, 8.34): what the gateway does after the last unit."""
    last = last or FinalUnit()
    parts = [codec.u32(d.FINAL_UNIT_ACTION, last.action)]
    for each in last.filters:
        rule = each.startswith(("permit ", "deny "))
        parts.append(codec.text(d.RESTRICTION_FILTER_RULE if rule else d.FILTER_ID, each))
    if last.redirect:
        kind, address = _redirect(last.redirect)
        parts.append(
            codec.grouped(
                d.REDIRECT_SERVER,
                codec.u32(d.REDIRECT_ADDRESS_TYPE, kind),
                codec.text(d.REDIRECT_SERVER_ADDRESS, address),
            )
        )
    return codec.grouped(d.FINAL_UNIT_INDICATION, *parts)


def _redirect(to: str) -> tuple[int, str]:
    """Redirect-Address-Type (RFC 8506, 8.38): IPv4 0, IPv6 1, URL 2, SIP URI 3."""
    if to.startswith(("sip:", "sips:")):
        return 3, to
    try:
        address = ipaddress.ip_address(to)
    except ValueError:
        return 2, to
    return int(address.version == 6), str(address)


def _amount(amount: int, service: int) -> bytes:
    if service == Service.DATA:
        return codec.u64(d.CC_TOTAL_OCTETS, amount)
    if service in BY_TIME:
        return codec.u32(d.CC_TIME, min(amount, 0xFFFFFFFF))
    return codec.u64(d.CC_SERVICE_SPECIFIC_UNITS, amount)


def _event(action: Action, answer: ChargeAnswer) -> bytes:
    """Check-Balance-Result and Cost-Information (RFC 8506, 8.6 and 8.7): of a refund, what comes
    back (6.4)."""
    octets = b""
    if action is Action.CHECK_BALANCE and answer.enough is not None:
        octets = codec.u32(d.CHECK_BALANCE_RESULT, 0 if answer.enough else 1)
    if answer.cost is not None:
        cost = -answer.cost if action is Action.REFUND else answer.cost
        octets += codec.grouped(d.COST_INFORMATION, *_sum(cost, answer.currency))
    return octets


def _at_fault(reading: Reading) -> bytes:
    """The AVP to show for a request that can't be rated or contradicts itself: its first
    MSCC, or else what it names as its service."""
    found = b""
    for part in codec.avps(reading.message):
        if part.code == d.MULTIPLE_SERVICES_CREDIT_CONTROL and not part.vendor:
            return part.encode()
        if part.code == d.SERVICE_CONTEXT_ID and not part.vendor:
            found = part.encode()
    return found
