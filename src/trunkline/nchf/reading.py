"""A ChargingDataRequest in charging's terms (TS 32.290; TS 32.255, 32.260, 32.274)."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from trunkline.charging import (
    MOST_UNITS,
    NOT_REQUESTED,
    SERVER_DECIDES,
    ChargeRequest,
    Circumstances,
    Identity,
    Kind,
    Service,
    UnitRequest,
    network_of_access,
)
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import format_instant, parse_instant, to_micros
from trunkline.nchf.documents import (
    INFORMATION,
    Area,
    ChargingData,
    PduSessionCharging,
    RequestedUnit,
    SmsCharging,
    UnitUsage,
    UsedUnit,
    UserLocation,
)
from trunkline.nchf.problems import Problem, invalid, undecodable
from trunkline.nchf.references import API_CALLS, LONGEST, named, ref_of
from trunkline.rating import BY_TIME, RECEIVED
from trunkline.tmf.hub import parse_callback

EDGE = "nchf"
"""What the `notify` words of this edge's sessions begin with, before ":" and the URI."""

_FUNCTIONS = {
    "SMSF": Service.SMS,
    "SMS": Service.SMS,
    "IMS_Node": Service.VOICE,
    "NEF": API_CALLS,
    "NEFF": API_CALLS,
}
_SUBSCRIBERS = {"imsi": "imsi", "msisdn": "msisdn"}

_TERMINATING = "TERMINATING"
"""roleOfNode, of calls..."""
_DELIVERY = "DELIVERY"
"""...and sMMessageType, of messages: who receives it is charged."""

_REASONS = {
    "QUOTA_THRESHOLD": 0,
    "QHT": 1,
    "FINAL": 2,
    "QUOTA_EXHAUSTED": 3,
    "VALIDITY_TIME": 4,
    "OTHER_QUOTA_TYPE": 5,
    "FORCED_REAUTHORISATION": 7,
}
"""Of triggers, as a Reporting-Reason says it (TS 32.299, 7.2.175)."""
_CONDITION_CHANGE = 6
_CONTINUING = (Kind.UPDATE, Kind.TERMINATE)
"""No number counts from the create's on to 0: who sends it there doesn't count (free5GC's SMF), and
its time stamps tell its requests apart, and an update from a release of the same instant."""
_FINAL = _REASONS["FINAL"]

_decode = msgspec.json.Decoder(ChargingData).decode
_LEAP = re.compile(rb'("invocationTimeStamp"\s*:\s*")([0-9T:-]{17}60[0-9.Z:+-]{1,20})"')


class Reading(msgspec.Struct, gc=False):
    """A request as charging sees it, and what its answer repeats."""

    request: ChargeRequest
    data: ChargingData


def decoded(body: bytes) -> ChargingData:
    """Raises `Problem`."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as fault:
        after = _LEAP.sub(_second_after, body, count=1)
        if after != body:
            return decoded(after)
        raise undecodable(fault) from None


def _second_after(found: re.Match[bytes]) -> bytes:
    """The member, when it tells of a leap second, which decoders don't know."""
    try:
        instant = parse_instant(found[2].decode())
    except Invalid:
        return found[0]
    return found[1] + format_instant(instant).encode() + b'"'


class Ways(msgspec.Struct, frozen=True, gc=False):
    """How requests are read: a time stamp more than `tolerance` seconds from when it came is not
    believed; with `by_service` a container's serviceId names what is priced. The operator's own
    services, in the order in which they decide: of units by rating group, of whole requests by
    serviceSpecificationInfo, by the kind of charging information, by nodeFunctionality."""

    tolerance: int = 86_400
    by_service: bool = False
    groups: Mapping[int, int] = {}
    specifications: Mapping[str, int] = {}
    information: Mapping[str, int] = {}
    functions: Mapping[str, int] = {}


def created(data: ChargingData, received: int, ways: Ways) -> Reading:
    """What a POST to the collection asks, `received` at this second: a session's beginning, or an
    event's all. Raises `Problem`."""
    identities = _identities(data)
    service = _service(data, ways)
    reading = _read(
        data,
        ref_of(data, service, identities),
        Kind.EVENT if data.one_time else Kind.INITIAL,
        identities,
        service,
        received,
        ways,
    )
    request = reading.request
    request.anew = True
    if data.one_time:
        _check_event(data)
        afterwards = data.event_type == "PEC"
        for unit in request.units:
            if afterwards and unit.used:
                unit.requested = NOT_REQUESTED
            else:
                unit.requested = max(unit.requested, SERVER_DECIDES)
            unit.final = False
        if afterwards and not request.units:
            request.units = (UnitRequest(used=1),)
    request.called = "" if request.service in RECEIVED else _called(data)
    return reading


def continued(data: ChargingData, ref: str, kind: Kind, received: int, ways: Ways) -> Reading:
    """What an update or release asks. Raises `Problem`."""
    known = named(ref)
    if known is not None:
        service, identities = known.service, known.identities
    else:
        if not ref.isprintable() or len(ref) > LONGEST:
            raise Problem(404, "CONTEXT_NOT_FOUND", "there is no such charging session")
        service, identities = _service(data, ways), _identities(data)
    return _read(data, ref, kind, identities, service, received, ways)


def _read(
    data: ChargingData,
    ref: str,
    kind: Kind,
    identities: tuple[Identity, ...],
    service: int,
    received: int,
    ways: Ways,
) -> Reading:
    number = data.sequence
    if number == 0 and kind in _CONTINUING:
        number = to_micros(data.stamp) + (kind is Kind.TERMINATE)
    request = ChargeRequest(
        session=ref,
        number=number,
        kind=kind,
        identities=identities,
        at=_moment(data, received, ways.tolerance),
        received=received,
        service=service,
        units=_units(data.usage, kind, service, ways) if data.usage else (),
        where=_circumstances(data),
        notify="" if data.notify is None else _notify(data.notify),
        again=data.again is True,
    )
    return Reading(request, data)


def _moment(data: ChargingData, received: int, tolerance: int) -> int:
    told = int(data.stamp.timestamp())
    return told if abs(told - received) <= tolerance else received


@lru_cache(maxsize=4096)
def _notify(uri: str) -> str:
    try:
        parse_callback(uri, path="notifyUri")
    except Invalid as fault:
        raise invalid(fault, "/notifyUri") from None
    return f"{EDGE}:{uri}"


def _identities(data: ChargingData) -> tuple[Identity, ...]:
    """IMSIs before numbers: a number may be recycled or ported, a SIM's identity isn't. One that
    the network didn't authenticate names nobody."""
    told, claimed = [data.subscriber], False
    for part in (data.pdu, data.ims):
        if part is not None and part.user is not None:
            told.append(part.user.gpsi)
            claimed = claimed or bool(part.user.claimed)
    if data.sms is not None:
        told += _in_messages(data.sms)
    if data.nef is not None:
        told.append(data.nef.individual)
    # A call may be an emergency's, without a SIM: charging knows.
    if not any(told) and (data.ims is None or not data.ims.called):
        raise Problem(
            400,
            "CHARGING_FAILED",
            "/subscriberIdentifier: it isn't told who is charged",
            (("/subscriberIdentifier", "is missing"),),
        )
    found = [each for text in told if text and (each := identity_of(text)) is not None]
    if claimed:
        found = [each for each in found if each[0] != "imsi"]
    return tuple(sorted(dict.fromkeys(found), key=lambda each: each[0]))


def _in_messages(sms: SmsCharging) -> tuple[str | None, ...]:
    """Who sent the message or, where it is delivered, who receives it."""
    if sms.type == _DELIVERY:
        return (sms.recipients[0].supi, sms.recipients[0].gpsi) if sms.recipients else ()
    return () if sms.originator is None else (sms.originator.supi, sms.originator.gpsi)


def identity_of(text: str) -> Identity | None:
    """ "imsi-999700000000001", "msisdn-46701740601" and, as some have it, bare digits or with a
    "+"; None for what is no identity of a subscriber of ours."""
    kind, _, value = text.rpartition("-")
    value = value.removeprefix("+")
    if not (value.isascii() and value.isdigit() and len(value) <= 15):
        return None
    if not kind:
        kind = "msisdn" if text.startswith("+") else "imsi"
    return (kind, value) if kind in _SUBSCRIBERS else None


def _service(data: ChargingData, ways: Ways) -> int:
    found = ways.specifications.get(data.specification) if data.specification else None
    if found is None and ways.information:
        for name, code in ways.information.items():
            if getattr(data, INFORMATION[name]) is not None:
                found = code
                break
    if found is None and ways.functions:
        found = ways.functions.get(data.consumer.functionality)
    return _usual_service(data) if found is None else found


def _usual_service(data: ChargingData) -> int:
    if data.pdu is not None:
        return Service.DATA
    if data.sms is not None:
        return Service.SMS_IN if data.sms.type == _DELIVERY else Service.SMS
    if data.ims is not None:
        return Service.VOICE_IN if data.ims.role == _TERMINATING else Service.VOICE
    if data.mmtel is not None:
        return Service.VOICE
    if data.nef is not None:
        return API_CALLS
    return _FUNCTIONS.get(data.consumer.functionality, Service.DATA)


def _check_event(data: ChargingData) -> None:
    if data.event_type not in (None, "IEC", "PEC"):
        pointer = "/oneTimeEventType"
        raise Problem(
            400,
            "OPTIONAL_IE_INCORRECT",
            f"{pointer}: must be IEC or PEC",
            ((pointer, "must be IEC or PEC"),),
        )


def _units(usage: list[UnitUsage], kind: Kind, usual: int, ways: Ways) -> tuple[UnitRequest, ...]:
    """One `UnitRequest` for each rating group, and UPF where they are told apart; then, with
    `by_service`, one for each service that a group's containers name. What several tell of one is
    added up. A group that has no service of its own is of the `usual` one."""
    by_service, groups = ways.by_service, ways.groups
    units: dict[tuple[int, str, int | None], UnitRequest] = {}
    upfs = {each.rating_group: each.upf for each in usage if each.upf}
    for each in usage:
        group = each.rating_group
        upf = each.upf or upfs.get(group, "")
        service = groups.get(group, usual) if groups else usual
        own = -1 if service == usual else service
        requested = NOT_REQUESTED
        if each.requested is not None:
            requested = max(_amount(each.requested, service), SERVER_DECIDES)
            if kind is not Kind.EVENT:  # which is all or nothing; a session gets what there is
                requested = min(requested, MOST_UNITS)
        used = each.used or ()
        unnamed = [one for one in used if one.service_id is None] if by_service else used
        _add(units, (group, upf, None), own, requested, _reported(unnamed, service))
        if len(unnamed) < len(used):
            named: dict[int | None, list[UsedUnit]] = {}
            for container in used:
                if container.service_id is not None:
                    named.setdefault(container.service_id, []).append(container)
            for identifier, containers in named.items():
                name = group, upf, identifier
                _add(units, name, own, NOT_REQUESTED, _reported(containers, service))
    if len(units) > _MOST_NAMED:
        raise Problem(400, "CHARGING_FAILED", f"more than {_MOST_NAMED} rating groups and services")
    return tuple(units.values())


_MOST_NAMED = 100


def _add(
    units: dict[tuple[int, str, int | None], UnitRequest],
    name: tuple[int, str, int | None],
    service: int,
    requested: int,
    told: tuple[int, int, int, bool],
) -> None:
    group, upf, identifier = name
    used, after, reason, final = told
    _check_amount(max(used, requested))
    known = units.get(name)
    if known is None:
        final = final and requested == NOT_REQUESTED
        units[name] = UnitRequest(
            group, identifier, requested, used, final, reason, after, upf, service
        )
        return
    known.used += used
    known.after_change += after
    known.requested = max(known.requested, requested)
    known.final = (known.final or final) and known.requested == NOT_REQUESTED
    known.reason = known.reason if known.reason >= 0 else reason
    _check_amount(known.used)


def _reported(used: Sequence[UsedUnit], service: int) -> tuple[int, int, int, bool]:
    """Of a rating group's containers: the units in all, those after the last tariff change, the
    Reporting-Reason, and whether no more follow."""
    units = after = 0
    reason = -1
    final = changes = False
    for container in used:
        amount = max(_amount(container, service), 0)
        units += amount
        after += amount
        if container.triggers:
            changed, why = _triggered(container)
            if changed:
                changes, after = True, 0
            if why >= 0:
                reason = why
                final = final or why == _FINAL
    return units, after if changes else 0, reason, final


def _triggered(container: UsedUnit) -> tuple[bool, int]:
    """Whether a tariff change closed this container, and why it was reported."""
    changed, reason = False, -1
    for trigger in container.triggers or ():
        if trigger.type == "TARIFF_TIME_CHANGE":
            changed = True
        elif trigger.type is not None:
            found = _REASONS.get(trigger.type, _CONDITION_CHANGE)
            reason = found if reason in (-1, _CONDITION_CHANGE) else reason
    return changed, reason


def _amount(unit: RequestedUnit | UsedUnit, service: int) -> int:
    """In the service's unit; -1 where it isn't told. A total counts before its directions,
    unless it is zero."""
    if service == Service.DATA:
        if unit.total or (unit.uplink is None and unit.downlink is None):
            amount = unit.total
        else:
            amount = (unit.uplink or 0) + (unit.downlink or 0)
    elif service in BY_TIME:
        amount = unit.time
    else:
        amount = unit.specific
    return -1 if amount is None else amount


def _check_amount(amount: int) -> None:
    if amount > MOST_UNITS:
        raise Problem(400, "CHARGING_FAILED", "an amount that no network delivers")


def _called(data: ChargingData) -> str:
    """The digits of the called party: of a call, or of a message's first recipient."""
    if data.ims is not None and data.ims.called:
        return _called_in_ims(data.ims.called)
    if data.sms is None or not data.sms.recipients:
        return ""
    recipient = data.sms.recipients[0]
    if recipient.gpsi:
        return _digits(recipient.gpsi.removeprefix("msisdn-"))
    for address in (recipient.other, recipient.received):
        if address is not None and address.data and address.type in (None, "MSISDN", "OTHER"):
            return _digits(address.data)
    return ""


_SERVICE = re.compile(r"urn:service:[a-z0-9-]+(\.[a-z0-9-]+)*", re.ASCII)


def _called_in_ims(text: str) -> str:
    """Digits, or the URN of a service (RFC 5031), as emergency calls have it."""
    urn = text.lower()
    return urn if _SERVICE.fullmatch(urn) and len(urn) <= 100 else _digits(text)


def _digits(text: str) -> str:
    """The digits of "4670...", "+4670...", "tel:+4670...;...", "sip:+4670...@..."; or nothing
    where there is no number in it."""
    text = text.partition(":")[2] or text
    text = text.partition("@")[0].partition(";")[0].removeprefix("+")
    text = text.translate({ord(each): None for each in "-.() "}).removeprefix("00")
    return text if text.isascii() and text.isdigit() and len(text) <= 15 else ""


def _circumstances(data: ChargingData) -> Circumstances | None:
    """As far as they are told; None where nothing is."""
    if data.pdu is not None:
        return _of_session(data.pdu)
    network = ""
    if data.sms is not None:
        network = _network(data.sms.location)
    elif data.ims is not None:
        network = _network(data.ims.location)
        if not network and data.ims.access:
            network = network_of_access(",".join(data.ims.access))
    return Circumstances(network=network) if network else None


def _of_session(pdu: PduSessionCharging) -> Circumstances | None:
    session = pdu.session
    if session is None:
        network = _network(pdu.location)
        return Circumstances(network=network) if network else None
    slice_ = ""
    if session.slicing is not None:
        snssai = session.slicing.snssai
        slice_ = f"{snssai.sst}-{snssai.sd.lower()}" if snssai.sd else str(snssai.sst)
    qos = -1
    for told in (session.authorized, session.subscribed):
        if qos < 0 and told is not None and told.five_qi is not None:
            qos = told.five_qi
    serving = session.serving
    network = f"{serving.mcc}{serving.mnc}" if serving is not None else _network(pdu.location)
    return _same(_network_name(session.dnn), slice_, qos, network)


@lru_cache(maxsize=4096)
def _same(dnn: str, slice_: str, qos: int, network: str) -> Circumstances:
    return Circumstances(dnn, slice_, qos, network)


def _network_name(dnn: str) -> str:
    """Without the operator's identifier, "internet.mnc070.mcc999.gprs" (TS 23.003, 9A)."""
    dnn = dnn.lower()
    labels = dnn.split(".")
    if labels[-1] == "gprs" and len(labels) > 3:
        return ".".join(labels[:-3])
    return dnn


def _network(location: UserLocation | None) -> str:
    if location is None:
        return ""
    areas: list[Area | None] = [
        None if cell is None else cell.tai for cell in (location.nr, location.eutra, location.n3ga)
    ]
    for older in (location.utra, location.gera):
        if older is not None:
            areas += (older.cgi, older.sai, older.lai, older.rai)
    for area in areas:
        if area is not None and area.plmn is not None:
            return f"{area.plmn.mcc}{area.plmn.mnc}"
    return ""
