"""A Credit-Control-Request in charging's terms (RFC 8506; TS 32.299, clause 6).

What real gateways get wrong without harm is borne here: MSCC with a Multiple-Services-Indicator
of 0 are read all the same, and Requested-Action is only looked at in events; an MSCC may lack its
Rating-Group; several that name one quota are taken as one; octets may come as a total or by
direction; a CC-Time that is an instant, not a duration, counts for nothing.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from trunkline.charging import (
    NOT_REQUESTED,
    SERVER_DECIDES,
    Action,
    ChargeRequest,
    Circumstances,
    Identity,
    Kind,
    Service,
    UnitRequest,
)
from trunkline.diameter import dictionary as d
from trunkline.diameter.circumstances import circumstances
from trunkline.diameter.codec import (
    HEADER,
    Malformed,
    avp,
    avp_at,
    avps,
    from_time,
    missing,
    pair_at,
    u32_in,
    u64_in,
    wrong_length,
)
from trunkline.diameter.money import Sum, added, bounded, money_in
from trunkline.diameter.names import notify_word, session_id
from trunkline.diameter.parties import called, called_party, identities
from trunkline.diameter.services import NO_SERVICES, Services, service_of

MOST_SERVICES = 100
"""Multiple-Services-Credit-Control in one request."""

MOST_SUBSCRIPTIONS = 16
"""Subscription-Ids in one request."""

Value = TypeVar("Value")

_AN_INSTANT = 1_000_000_000
"""A CC-Time from here on (31 years) is a date: open-source gateways send one on their first
report."""

_DATA, _VOICE = Service.DATA, Service.VOICE
_MESSAGES = (Service.SMS, Service.MMS)
_KINDS = {kind.value: kind for kind in Kind}
_ACTIONS = {action.value: action for action in Action}

_SINGLE = frozenset(
    (
        d.SESSION_ID,
        d.CC_REQUEST_TYPE,
        d.CC_REQUEST_NUMBER,
        d.SERVICE_CONTEXT_ID,
        d.EVENT_TIMESTAMP,
        d.REQUESTED_ACTION,
        d.REQUESTED_SERVICE_UNIT,
        d.SERVICE_IDENTIFIER,
        d.ORIGIN_HOST,
        d.ORIGIN_REALM,
        d.CALLED_STATION_ID,
        d.DESTINATION_REALM,
        d.AUTH_APPLICATION_ID,
        d.MULTIPLE_SERVICES_INDICATOR,
    )
)
_REQUIRED = (
    d.SESSION_ID,
    d.ORIGIN_HOST,
    d.ORIGIN_REALM,
    d.DESTINATION_REALM,
    d.AUTH_APPLICATION_ID,
    d.SERVICE_CONTEXT_ID,
)


class Reading(msgspec.Struct, gc=False):
    """A CCR as charging sees it, and what its answer repeats."""

    request: ChargeRequest
    message: bytes
    session: bytes
    """The Session-Id AVP as it came, padding included."""
    proxies: bytes
    origin: bytes
    """Origin-Host: the gateway itself, whoever the peer is."""
    by_service: bool
    """Units came in MSCCs, and are answered there; otherwise at the command's own level."""
    one_service: bool = False
    """The gateway knows no services with credit of their own (Multiple-Services-Indicator 0;
    RFC 8506, 8.40): where its MSCCs are all refused, the request is."""
    realm: bytes = b""
    """Destination-Realm."""
    route: tuple[bytes, ...] = ()
    """Route-Records: the nodes that it came through."""
    oddities: tuple[str, ...] = ()
    """What was borne, for the log and the metrics."""


class _Found(msgspec.Struct, gc=False):
    """Where a request's AVPs lie: (where the data begins, where it ends)."""

    single: dict[int, tuple[int, int]]
    subscriptions: list[tuple[int, int]]
    services: list[tuple[int, int]]
    used: list[tuple[int, int]]
    information: tuple[int, int] | None = None
    session: bytes = b""
    proxies: list[bytes] = []
    route: list[bytes] = []


def read(
    message: bytes,
    received: int,
    clock_tolerance: int = 86_400,
    services: Services = NO_SERVICES,
) -> Reading:
    """The request in a CCR, `received` at this second since the Unix epoch; an Event-Timestamp
    more than `clock_tolerance` seconds from it is not believed. `services` are the operator's own.
    Raises `Malformed` with the Result-Code and Failed-AVP
    of its answer."""
    found = _scan(message)
    single = found.single
    for code in _REQUIRED:
        if code not in single:
            raise missing(code)
    kind = _enumerated(message, single, d.CC_REQUEST_TYPE, _KINDS)
    number = _u32_of(message, single, d.CC_REQUEST_NUMBER)
    service = service_of(message[slice(*single[d.SERVICE_CONTEXT_ID])], services.contexts)
    oddities: list[str] = []
    action = Action.DIRECT_DEBIT
    money = spent = 0
    currency = ""
    if kind is Kind.EVENT:
        action = _enumerated(message, single, d.REQUESTED_ACTION, _ACTIONS)
    several = _multiple_services(message, single)
    by_service = bool(found.services)
    if by_service:
        units = _services(message, found.services, service, services.groups, oddities)
    else:
        units, money, spent, currency = _command_units(message, found, kind, service, oddities)
        by_service = several == d.SEVERAL_SERVICES and _names_a_service(found, kind)
    at = _moment(message, single, received, clock_tolerance)
    if at is None:
        oddities.append("a clock that is off")
        at = received
    origin = message[slice(*single[d.ORIGIN_HOST])]
    who, where = _who_and_where(message, found, kind)
    request = ChargeRequest(
        session=session_id(message[slice(*single[d.SESSION_ID])]),
        number=number,
        kind=kind,
        identities=who,
        at=at,
        received=received,
        service=service,
        called="" if service == _DATA else _called(message, found),
        units=units,
        action=action,
        money=money,
        where=where,
        notify=notify_word(origin, message[slice(*single[d.ORIGIN_REALM])]),
        spent=spent,
        currency=currency,
    )
    proxies = b"".join(found.proxies)
    borne = tuple(dict.fromkeys(oddities))
    return Reading(
        request,
        message,
        found.session,
        proxies,
        origin,
        by_service,
        several == 0,
        message[slice(*single[d.DESTINATION_REALM])],
        tuple(found.route),
        borne,
    )


def _who_and_where(
    message: bytes, found: _Found, kind: Kind
) -> tuple[tuple[Identity, ...], Circumstances | None]:
    """An IMSI that is only claimed names nobody; a session that ends has been where it was."""
    who = identities(message, found.subscriptions)
    if kind is Kind.TERMINATE:
        return who, None
    station = found.single.get(d.CALLED_STATION_ID)
    where, claimed = circumstances(message, found.information, station)
    if claimed:
        who = tuple(each for each in who if each[0] != "imsi")
    return who, where


def _moment(
    message: bytes, single: dict[int, tuple[int, int]], received: int, tolerance: int
) -> int | None:
    """None for an Event-Timestamp that isn't believed."""
    if d.EVENT_TIMESTAMP not in single:
        return received
    told = from_time(_u32_of(message, single, d.EVENT_TIMESTAMP))
    return told if abs(told - received) <= tolerance else None


def _multiple_services(message: bytes, single: dict[int, tuple[int, int]]) -> int | None:
    """Multiple-Services-Indicator, where there is one."""
    code = d.MULTIPLE_SERVICES_INDICATOR
    return _u32_of(message, single, code) if code in single else None


def _scan(message: bytes) -> _Found:
    """One pass over the request's own AVPs. It looks into none of them, so the codec's walk is
    repeated here without its calls: this runs for every AVP of every request."""
    single: dict[int, tuple[int, int]] = {}
    found = _Found(single, [], [], [])
    at, last = HEADER, len(message)
    while at < last:
        if at + 8 > last:
            avp_at(message, at, last)
        code, word = pair_at(message, at)
        finish = at + (word & 0xFFFFFF)
        following = (finish + 3) & ~3
        if word >= 0x80000000:
            _, flags, vendor, begin, finish = avp_at(message, at, last)
            if vendor != d.VENDOR_3GPP:
                if flags & d.MANDATORY:
                    raise _unsupported(code, message[at:finish])
            elif code == d.SERVICE_INFORMATION:
                found.information = begin, finish
            at = following
            continue
        if finish < at + 8 or finish > last:
            raise wrong_length(code, 0)
        if code in _SINGLE:
            if code in single:
                raise _too_many(code, message[at:finish])
            single[code] = at + 8, finish
            if code == d.SESSION_ID:
                found.session = message[at:following]
        elif code == d.MULTIPLE_SERVICES_CREDIT_CONTROL:
            if len(found.services) == MOST_SERVICES:
                raise _too_many(code, message[at:finish])
            found.services.append((at + 8, finish))
        elif code == d.SUBSCRIPTION_ID:
            if len(found.subscriptions) == MOST_SUBSCRIPTIONS:
                raise _too_many(code, message[at:finish])
            found.subscriptions.append((at + 8, finish))
        elif code == d.USED_SERVICE_UNIT:
            found.used.append((at + 8, finish))
        elif code == d.PROXY_INFO:
            found.proxies.append(message[at:following])
        elif code == d.ROUTE_RECORD:
            found.route.append(message[at + 8 : finish])
        elif code == d.VENDOR_SPECIFIC_APPLICATION_ID:
            # Older gateways name the application here, and here only.
            single.setdefault(d.AUTH_APPLICATION_ID, (at + 8, finish))
        elif code not in d.UNDERSTOOD and word & 0x40000000:
            raise _unsupported(code, message[at:finish])
        at = following
    return found


def _services(
    message: bytes,
    spans: list[tuple[int, int]],
    service: int,
    groups: Mapping[int, int],
    oddities: list[str],
) -> tuple[UnitRequest, ...]:
    """One `UnitRequest` for each quota that the MSCCs name; `groups` have services of their own."""
    first = _unit(message, *spans[0], service, groups, oddities)
    if len(spans) == 1:
        return (first,)
    units = {(first.rating_group, first.service_identifier): first}
    for begin, end in spans[1:]:
        unit = _unit(message, begin, end, service, groups, oddities)
        key = unit.rating_group, unit.service_identifier
        known = units.get(key)
        if known is None:
            units[key] = unit
            continue
        oddities.append("repeated quota")
        known.used = bounded(known.used + unit.used, d.MULTIPLE_SERVICES_CREDIT_CONTROL)
        known.after_change += unit.after_change
        known.requested = max(known.requested, unit.requested)
        known.final = (known.final or unit.final) and known.requested == NOT_REQUESTED
        known.reason = known.reason if known.reason >= 0 else unit.reason
    return tuple(units.values())


def _unit(
    message: bytes,
    begin: int,
    end: int,
    service: int,
    groups: Mapping[int, int],
    oddities: list[str],
) -> UnitRequest:
    """The contents of one MSCC (RFC 8506, 8.16; TS 32.299, 7.2.5 and 7.2.175)."""
    unit = UnitRequest()
    if groups and (own := _own_service(message, begin, end, groups, service)) != service:
        unit.service = service = own
    used = 0
    at = begin
    while at < end:
        code, flags, vendor, start, finish = avp_at(message, at, end)
        if vendor:
            if vendor != d.VENDOR_3GPP:
                if flags & d.MANDATORY:
                    raise _unsupported(code, message[at:finish])
            elif code == d.REPORTING_REASON:
                unit.reason = u32_in(message, start, finish, code, vendor)
        elif code == d.RATING_GROUP:
            unit.rating_group = u32_in(message, start, finish, code)
        elif code == d.USED_SERVICE_UNIT:
            amount, money, reason, after = _amount(message, start, finish, service, oddities)
            if money is not None:
                raise _not_in_money(message[at:finish])
            if amount > 0:
                used += amount
                if after:
                    unit.after_change += amount
            if reason >= 0:
                unit.reason = reason
        elif code == d.REQUESTED_SERVICE_UNIT:
            amount, money, _, _ = _amount(message, start, finish, service, oddities)
            if money is not None and amount < 0:
                raise _not_in_money(message[at:finish])
            unit.requested = max(amount, SERVER_DECIDES)
        elif code == d.SERVICE_IDENTIFIER:
            if unit.service_identifier is None:
                unit.service_identifier = u32_in(message, start, finish, code)
        elif code not in d.UNDERSTOOD and flags & d.MANDATORY:
            raise _unsupported(code, message[at:finish])
        at = (finish + 3) & ~3
    unit.used = bounded(used, d.USED_SERVICE_UNIT)
    unit.final = unit.reason == d.REPORTING_REASON_FINAL
    return unit


def _own_service(
    message: bytes, begin: int, end: int, groups: Mapping[int, int], service: int
) -> int:
    """By the MSCC's Rating-Group; else the request's `service`."""
    for part in avps(message, begin, end):
        if part.code == d.RATING_GROUP and not part.vendor:
            return groups.get(part.u32(), service)
    return service


def _names_a_service(found: _Found, kind: Kind) -> bool:
    """A session that begins with a service and no more: the server decides how much of it, and
    answers in an MSCC who knows several services (RFC 8506, A.9)."""
    single = found.single
    return (
        kind is Kind.INITIAL
        and d.SERVICE_IDENTIFIER in single
        and d.REQUESTED_SERVICE_UNIT not in single
    )


def _command_units(
    message: bytes, found: _Found, kind: Kind, service: int, oddities: list[str]
) -> tuple[tuple[UnitRequest, ...], int, int, str]:
    """Units asked and reported without an MSCC (RFC 8506, 8.17 and 8.19); or, in micros, money
    asked for and spent, and its currency."""
    span = found.single.get(d.REQUESTED_SERVICE_UNIT)
    named = _names_a_service(found, kind)
    if span is None and not found.used and kind is not Kind.EVENT and not named:
        return (), 0, 0, ""
    unit = UnitRequest(requested=SERVER_DECIDES if named else NOT_REQUESTED)
    asked, spent = None, None
    if d.SERVICE_IDENTIFIER in found.single:
        unit.service_identifier = _u32_of(message, found.single, d.SERVICE_IDENTIFIER)
    if span is not None:
        amount, asked, _, _ = _amount(message, *span, service, oddities)
        unit.requested = max(amount, SERVER_DECIDES)
    elif kind is Kind.EVENT and not found.used:
        unit.requested = 1 if service in _MESSAGES else SERVER_DECIDES
    for begin, end in found.used:
        amount, paid, reason, after = _amount(message, begin, end, service, oddities)
        if paid is not None:
            spent = paid if spent is None else added(spent, paid)
        unit.used = bounded(unit.used + max(amount, 0), d.USED_SERVICE_UNIT)
        unit.after_change += max(amount, 0) if after else 0
        unit.reason = max(unit.reason, reason)
    unit.final = unit.reason == d.REPORTING_REASON_FINAL
    if asked is None and spent is None:
        return (unit,), 0, 0, ""
    if asked is not None and spent is not None:
        added(asked, Sum(0, spent.currency))
    asked, spent = asked or Sum(0), spent or Sum(0)
    return (), asked.micros, spent.micros, asked.currency or spent.currency


def _amount(
    message: bytes, begin: int, end: int, service: int, oddities: list[str]
) -> tuple[int, Sum | None, int, bool]:
    """What a Requested- or Used-Service-Unit says: the amount in the service's unit or -1,
    money or None, the Reporting-Reason or -1, and whether it was used after a tariff
    change. A total of octets counts before its directions, unless it is zero."""
    total = directions = seconds = specific = reason = -1
    money: Sum | None = None
    after = False
    at = begin
    while at < end:
        code, flags, vendor, start, finish = avp_at(message, at, end)
        if vendor:
            if code == d.REPORTING_REASON and vendor == d.VENDOR_3GPP:
                reason = u32_in(message, start, finish, code, vendor)
        elif code == d.CC_TOTAL_OCTETS:
            total = _units(message, start, finish, code)
        elif code in (d.CC_INPUT_OCTETS, d.CC_OUTPUT_OCTETS):
            directions = max(directions, 0) + _units(message, start, finish, code)
        elif code == d.CC_TIME:
            seconds = u32_in(message, start, finish, code)
            if seconds >= _AN_INSTANT:
                oddities.append("CC-Time is an instant")
                seconds = 0
        elif code == d.CC_SERVICE_SPECIFIC_UNITS:
            specific = _units(message, start, finish, code)
        elif code == d.CC_MONEY:
            money = money_in(message, start, finish)
        elif code == d.TARIFF_CHANGE_USAGE:
            after = u32_in(message, start, finish, code) == d.AFTER_TARIFF_CHANGE
        elif code not in d.UNDERSTOOD and flags & d.MANDATORY:
            raise _unsupported(code, message[at:finish])
        at = (finish + 3) & ~3
    octets = total if total > 0 or directions < 0 else directions
    amount = octets if service == _DATA else seconds if service == _VOICE else specific
    if amount < 0 and max(octets, seconds, specific) > 0:
        oddities.append("units of another service")
    return bounded(amount), money, reason, after


def _called(message: bytes, found: _Found) -> str:
    """The called party, or else a Called-Station-Id of digits."""
    if number := called_party(message, found.information):
        return number
    span = found.single.get(d.CALLED_STATION_ID)
    return called(message[span[0] : span[1]]) if span else ""


def _units(message: bytes, begin: int, end: int, code: int) -> int:
    return bounded(u64_in(message, begin, end, code), code)


def _u32_of(message: bytes, single: dict[int, tuple[int, int]], code: int) -> int:
    if code not in single:
        raise missing(code)
    return u32_in(message, *single[code], code)


def _enumerated(
    message: bytes, single: dict[int, tuple[int, int]], code: int, values: dict[int, Value]
) -> Value:
    number = _u32_of(message, single, code)
    value = values.get(number)
    if value is None:
        raise Malformed(
            d.INVALID_AVP_VALUE,
            f"AVP {code} can't be {number}",
            avp(code, number.to_bytes(4, "big")),
        )
    return value


def _unsupported(code: int, octets: bytes) -> Malformed:
    return Malformed(d.AVP_UNSUPPORTED, f"AVP {code} is mandatory and unknown", octets)


def _too_many(code: int, octets: bytes) -> Malformed:
    return Malformed(d.AVP_OCCURS_TOO_MANY_TIMES, f"AVP {code} occurs too often", octets)


def _not_in_money(octets: bytes) -> Malformed:
    return Malformed(d.RATING_FAILED, "a session's quota can't be asked in money", octets)
