"""A Credit-Control-Request in charging's terms (RFC 8506; TS 32.299, clause 6).

What real gateways get wrong without harm is borne here: MSCC with a Multiple-Services-Indicator
of 0 are read all the same, and Requested-Action is only looked at in events; an MSCC may lack its
Rating-Group; several that name one quota are taken as one; octets may come as a total or by
direction; a CC-Time that is an instant, not a duration, counts for nothing.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from trunkline.charging import (
    MOST_UNITS,
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
from trunkline.diameter.codec import Malformed, avp, from_time, missing, u32_at, u64_at
from trunkline.diameter.gy_form import NOWHERE, Amount, Form, Quota, form_of
from trunkline.diameter.money import Sum, added, bounded, money_in
from trunkline.diameter.names import notify_word, session_id
from trunkline.diameter.parties import called, called_party, calling_parties, identities
from trunkline.diameter.services import NO_SERVICES, Services, service_of
from trunkline.rating import BY_TIME

Value = TypeVar("Value")

_AN_INSTANT = 1_000_000_000
"""A CC-Time from here on (31 years) is a date: open-source gateways send one on their first
report."""

_DATA, _VOICE = Service.DATA, Service.VOICE
_MESSAGES = (Service.SMS, Service.MMS)
_CALLS_NOBODY = (Service.DATA, Service.VOICE_IN)
"""Of what is received, who pays is the called party."""
_KINDS = {kind.value: kind for kind in Kind}
_ACTIONS = {action.value: action for action in Action}


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


def read(
    message: bytes,
    received: int,
    clock_tolerance: int = 86_400,
    services: Services = NO_SERVICES,
) -> Reading:
    """The request in a CCR, `received` at this second since the Unix epoch; an Event-Timestamp
    more than `clock_tolerance` seconds from it is not believed. `services` are the operator's own.
    Raises `Malformed` with the Result-Code and Failed-AVP of its answer."""
    form = form_of(message)
    kind = _enumerated(message, form.kind, d.CC_REQUEST_TYPE, _KINDS)
    service = service_of(message[form.context], services.contexts)
    oddities: list[str] = []
    action = Action.DIRECT_DEBIT
    money = spent = 0
    currency = ""
    if kind is Kind.EVENT:
        action = _enumerated(message, form.action, d.REQUESTED_ACTION, _ACTIONS)
    several = u32_at(message, form.indicator)[0] if form.indicator else None
    by_service = bool(form.quotas)
    if by_service:
        units = _services(message, form.quotas, kind, service, services.groups, oddities)
    else:
        units, money, spent, currency = _command_units(message, form, kind, service, oddities)
        by_service = several == d.SEVERAL_SERVICES and _names_a_service(form, kind)
    at = received
    if form.timestamp:
        at = from_time(u32_at(message, form.timestamp)[0])
        if abs(at - received) > clock_tolerance:
            oddities.append("a clock that is off")
            at = received
    origin = message[form.host]
    who, where, terminating = _who_and_where(message, form, kind)
    if terminating and service == _VOICE and not _calls(message, form, who):
        service = Service.VOICE_IN
    request = ChargeRequest(
        session=session_id(message[form.session]),
        number=u32_at(message, form.number)[0],
        kind=kind,
        identities=who,
        at=at,
        received=received,
        service=service,
        called="" if service in _CALLS_NOBODY else _called(message, form),
        units=units,
        action=action,
        money=money,
        where=where,
        notify=notify_word(origin, message[form.realm]),
        spent=spent,
        currency=currency,
        again=bool(message[4] & d.RETRANSMITTED),
        boot=u32_at(message, form.state)[0] if form.state else 0,
    )
    return Reading(
        request,
        message,
        message[form.session_avp],
        b"".join([message[each] for each in form.proxies]),
        origin,
        by_service,
        several == 0,
        message[form.destination],
        tuple([message[each] for each in form.route]),
        tuple(dict.fromkeys(oddities)) if oddities else (),
    )


def _who_and_where(
    message: bytes, form: Form, kind: Kind
) -> tuple[tuple[Identity, ...], Circumstances | None, bool]:
    """An IMSI that is only claimed names nobody; a session that ends has been where it was, and
    was received if it was. The last: whether it is a call to who pays."""
    who = identities(
        [(u32_at(message, type_)[0], message[data]) for type_, data in form.subscriptions]
    )
    if kind is Kind.TERMINATE:
        return who, None, False
    where, claimed, terminating = circumstances(message, form.information, form.station)
    if claimed:
        who = tuple(each for each in who if each[0] != "imsi")
    return who, where, terminating


def _calls(message: bytes, form: Form, who: tuple[Identity, ...]) -> bool:
    """Whether who pays is the caller, whatever role is told: some count the roles from 1, and all
    who call would call for nothing."""
    assert form.information is not None
    return not set(who).isdisjoint(calling_parties(message, form.information))


def _services(
    message: bytes,
    quotas: tuple[Quota, ...],
    kind: Kind,
    service: int,
    groups: Mapping[int, int],
    oddities: list[str],
) -> tuple[UnitRequest, ...]:
    """One `UnitRequest` for each quota that the MSCCs name; `groups` have services of their own."""
    if len(quotas) == 1:
        return (_unit(message, quotas[0], kind, service, groups, oddities),)
    units: dict[tuple[int | None, int | None], UnitRequest] = {}
    for quota in quotas:
        unit = _unit(message, quota, kind, service, groups, oddities)
        known = units.setdefault((unit.rating_group, unit.service_identifier), unit)
        if known is unit:
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
    quota: Quota,
    kind: Kind,
    service: int,
    groups: Mapping[int, int],
    oddities: list[str],
) -> UnitRequest:
    """The contents of one MSCC (RFC 8506, 8.16; TS 32.299, 7.2.5 and 7.2.175)."""
    unit = UnitRequest()
    if quota.group:
        unit.rating_group = group = u32_at(message, quota.group)[0]
        if groups and (own := groups.get(group, service)) != service:
            unit.service = service = own
    if quota.identifier:
        unit.service_identifier = u32_at(message, quota.identifier)[0]
    for each in quota.requested:
        amount, money = _amount(message, each, service, oddities, _wished(kind))
        if money is not None and amount < 0:
            raise _not_in_money(message[each.whole])
        unit.requested = max(amount, SERVER_DECIDES)
    for each in quota.used:
        if _report(message, each, unit, service, oddities) is not None:
            raise _not_in_money(message[each.whole])
    if quota.reason:
        unit.reason = u32_at(message, quota.reason)[0]
    unit.final = unit.reason == d.REPORTING_REASON_FINAL
    return unit


def _report(
    message: bytes, used: Amount, unit: UnitRequest, service: int, oddities: list[str]
) -> Sum | None:
    """Adds what was used to the unit; money, where it is money."""
    amount, money = _amount(message, used, service, oddities)
    if amount > 0:
        unit.used = bounded(unit.used + amount, d.USED_SERVICE_UNIT)
        if used.change and u32_at(message, used.change)[0] == d.AFTER_TARIFF_CHANGE:
            unit.after_change += amount
    if used.reason:
        unit.reason = u32_at(message, used.reason)[0]
    return money


def _names_a_service(form: Form, kind: Kind) -> bool:
    """A session that begins with a service and no more: the server decides how much of it, and
    answers in an MSCC who knows several services (RFC 8506, A.9)."""
    return kind is Kind.INITIAL and form.identifier != NOWHERE and form.requested is None


def _command_units(
    message: bytes, form: Form, kind: Kind, service: int, oddities: list[str]
) -> tuple[tuple[UnitRequest, ...], int, int, str]:
    """Units asked and reported without an MSCC (RFC 8506, 8.17 and 8.19); or, in micros, money
    asked for and spent, and its currency."""
    named = _names_a_service(form, kind)
    if form.requested is None and not form.used and kind is not Kind.EVENT and not named:
        return (), 0, 0, ""
    unit = UnitRequest(requested=SERVER_DECIDES if named else NOT_REQUESTED)
    asked, spent = None, None
    if form.identifier:
        unit.service_identifier = u32_at(message, form.identifier)[0]
    if form.requested is not None:
        amount, asked = _amount(message, form.requested, service, oddities, _wished(kind))
        unit.requested = max(amount, SERVER_DECIDES)
    elif kind is Kind.EVENT and not form.used:
        unit.requested = 1 if service in _MESSAGES else SERVER_DECIDES
    for each in form.used:
        paid = _report(message, each, unit, service, oddities)
        if paid is not None:
            spent = paid if spent is None else added(spent, paid)
    unit.final = unit.reason == d.REPORTING_REASON_FINAL
    if asked is None and spent is None:
        return (unit,), 0, 0, ""
    if asked is not None and spent is not None:
        added(asked, Sum(0, spent.currency))
    asked, spent = asked or Sum(0), spent or Sum(0)
    return (), asked.micros, spent.micros, asked.currency or spent.currency


def _wished(kind: Kind) -> Callable[[int, int], int]:
    """How what is asked for is bounded: a session gets as much as there is, an event all or
    nothing."""
    return bounded if kind is Kind.EVENT else _at_most


def _at_most(amount: int, _code: int) -> int:
    return min(amount, MOST_UNITS)


def _amount(
    message: bytes,
    found: Amount,
    service: int,
    oddities: list[str],
    within: Callable[[int, int], int] = bounded,
) -> tuple[int, Sum | None]:
    """What a Requested- or Used-Service-Unit says: the amount in the service's unit or -1, and
    money or None. A total of octets counts before its directions, unless it is zero."""
    octets = seconds = specific = -1
    if found.total:
        octets = within(u64_at(message, found.total)[0], d.CC_TOTAL_OCTETS)
    if found.directions and octets <= 0:
        both = sum([u64_at(message, each)[0] for each in found.directions])
        octets = within(both, d.CC_INPUT_OCTETS)
    if found.seconds:
        seconds = u32_at(message, found.seconds)[0]
        if seconds >= _AN_INSTANT:
            oddities.append("CC-Time is an instant")
            seconds = 0
    if found.specific:
        specific = within(u64_at(message, found.specific)[0], d.CC_SERVICE_SPECIFIC_UNITS)
    amount = octets if service == _DATA else seconds if service in BY_TIME else specific
    if amount < 0 and (octets > 0 or seconds > 0 or specific > 0):
        oddities.append("units of another service")
    money = None
    if found.money is not None:
        money = money_in(message, found.money.start, found.money.stop)
    return amount, money


def _called(message: bytes, form: Form) -> str:
    """The called party, or else a Called-Station-Id of digits."""
    if number := called_party(message, form.information):
        return number
    return called(message[slice(*form.station)]) if form.station else ""


def _enumerated(message: bytes, place: int, code: int, values: dict[int, Value]) -> Value:
    if not place:
        raise missing(code)
    number = u32_at(message, place)[0]
    value = values.get(number)
    if value is None:
        raise Malformed(
            d.INVALID_AVP_VALUE,
            f"AVP {code} can't be {number}",
            avp(code, number.to_bytes(4, "big")),
        )
    return value


def _not_in_money(octets: bytes) -> Malformed:
    return Malformed(d.RATING_FAILED, "a session's quota can't be asked in money", octets)
