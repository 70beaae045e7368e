"""How a Credit-Control-Request is built: where in it lies what charging reads.

Gateways build their messages alike. What a walk over one has found holds for every message of
the same length that has the same AVP headers at the same places: such a one isn't walked again.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import HEADER, Malformed, avp_at, missing, wrong_length

MOST_SERVICES = 100
"""Multiple-Services-Credit-Control in one request."""

MOST_SUBSCRIPTIONS = 16
"""Subscription-Ids in one request."""

LONGEST = 4096
"""Octets of a message whose form is kept..."""
MOST_LENGTHS = 256
"""...and of how many lengths; past them all are forgotten..."""
MOST_ALIKE = 8
"""...and so many of one length: what peers send, of whatever forms, takes 20 MB at most."""

NOWHERE = 0
"""Where what is missing lies: every message has its header there."""

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
        d.ORIGIN_STATE_ID,
    )
)
_TOLD_AGAIN = (d.ORIGIN_HOST, d.ORIGIN_REALM)
"""By Kamailio's ims_charging, whose settings for them come after the connection's own: the first
names who is connected."""
_REQUIRED = (
    d.SESSION_ID,
    d.ORIGIN_HOST,
    d.ORIGIN_REALM,
    d.DESTINATION_REALM,
    d.AUTH_APPLICATION_ID,
    d.SERVICE_CONTEXT_ID,
    d.CC_REQUEST_TYPE,
    d.CC_REQUEST_NUMBER,
)
_SEVERAL = {
    d.MULTIPLE_SERVICES_CREDIT_CONTROL: MOST_SERVICES,
    d.SUBSCRIPTION_ID: MOST_SUBSCRIPTIONS,
    d.USED_SERVICE_UNIT: None,
    d.PROXY_INFO: None,
    d.ROUTE_RECORD: None,
}
"""And how many of them at most."""


class Amount(msgspec.Struct, gc=False):
    """A Requested- or Used-Service-Unit: itself, and where its numbers begin."""

    whole: slice
    total: int = NOWHERE
    directions: tuple[int, ...] = ()
    seconds: int = NOWHERE
    specific: int = NOWHERE
    money: slice | None = None
    reason: int = NOWHERE
    change: int = NOWHERE


class Quota(msgspec.Struct, gc=False):
    """A Multiple-Services-Credit-Control."""

    group: int = NOWHERE
    identifier: int = NOWHERE
    reason: int = NOWHERE
    requested: tuple[Amount, ...] = ()
    used: tuple[Amount, ...] = ()


class Form(msgspec.Struct, gc=False):
    """Where data lies; of a number, where it begins."""

    session_avp: slice
    """With its header and padding."""
    session: slice
    host: slice
    realm: slice
    destination: slice
    context: slice
    kind: int
    number: int
    timestamp: int
    action: int
    indicator: int
    identifier: int
    state: int
    station: tuple[int, int] | None
    information: tuple[int, int] | None
    subscriptions: tuple[tuple[int, slice], ...]
    """Type and data."""
    quotas: tuple[Quota, ...]
    requested: Amount | None
    used: tuple[Amount, ...]
    proxies: tuple[slice, ...]
    """With their headers and padding."""
    route: tuple[slice, ...]
    mask: int = 0
    """The octets that the walk's way depended on..."""
    headers: int = 0
    """...and what they are."""


_known: dict[int, list[Form]] = {}
"""By the length of their messages."""


def form_of(message: bytes) -> Form:
    """Raises `Malformed` for a message that isn't built as it must be."""
    if len(message) > LONGEST:
        return walked(message)
    octets = int.from_bytes(message, "little")
    alike = _known.get(len(message), [])
    for form in alike:
        if octets & form.mask == form.headers:
            return form
    form = walked(message)
    if not alike and len(_known) == MOST_LENGTHS:
        _known.clear()
    _known[len(message)] = [form, *alike[: MOST_ALIKE - 1]]
    return form


def walked(message: bytes) -> Form:
    """`form_of`, not remembered."""
    walk = _Walk(message)
    form = walk.form()
    form.mask = int.from_bytes(walk.mask, "little")
    form.headers = int.from_bytes(message, "little") & form.mask
    return form


class _Part(NamedTuple):
    """An AVP: where its data begins and ends, and where it begins itself."""

    code: int
    flags: int
    vendor: int
    start: int
    finish: int
    at: int

    @property
    def data(self) -> slice:
        return slice(self.start, self.finish)

    @property
    def whole(self) -> slice:
        return slice(self.at, self.finish)

    @property
    def padded(self) -> slice:
        return slice(self.at, (self.finish + 3) & ~3)

    def number(self, size: int = 4) -> int:
        """Where the number of so many octets that its data is begins. Raises `Malformed`."""
        if self.finish - self.start != size:
            raise wrong_length(self.code, self.vendor, size)
        return self.start


class _Walk:
    """Over one message, noting the octets that its way depends on."""

    def __init__(self, message: bytes) -> None:
        self.mask = bytearray(len(message))
        self._message = message

    def _parts(self, begin: int, end: int) -> Iterator[_Part]:
        at = begin
        while at < end:
            part = _Part(*avp_at(self._message, at, end), at)
            self._depends_on(at, part.start)
            yield part
            at = (part.finish + 3) & ~3

    def _depends_on(self, begin: int, end: int) -> None:
        self.mask[begin:end] = b"\xff" * (end - begin)

    def form(self) -> Form:
        single: dict[int, _Part] = {}
        several: dict[int, list[_Part]] = {code: [] for code in _SEVERAL}
        information = application = None
        for part in self._parts(HEADER, len(self._message)):
            code = part.code
            if part.vendor:
                if part.vendor != d.VENDOR_3GPP:
                    self._leave(part)
                elif code == d.SERVICE_INFORMATION:
                    information = part.start, part.finish
            elif code in _SINGLE:
                if code not in single:
                    single[code] = part
                elif code not in _TOLD_AGAIN:
                    raise self._too_many(part)
            elif code in several:
                if len(several[code]) == _SEVERAL[code]:
                    raise self._too_many(part)
                several[code].append(part)
            elif code == d.VENDOR_SPECIFIC_APPLICATION_ID:
                application = part
            else:
                self._leave(part)
        if application is not None:
            # Older gateways name the application here, and here only.
            single.setdefault(d.AUTH_APPLICATION_ID, application)
        for code in _REQUIRED:
            if code not in single:
                raise missing(code)
        requested = single.get(d.REQUESTED_SERVICE_UNIT)
        station = single.get(d.CALLED_STATION_ID)

        def number(code: int) -> int:
            return single[code].number() if code in single else NOWHERE

        return Form(
            session_avp=single[d.SESSION_ID].padded,
            session=single[d.SESSION_ID].data,
            host=single[d.ORIGIN_HOST].data,
            realm=single[d.ORIGIN_REALM].data,
            destination=single[d.DESTINATION_REALM].data,
            context=single[d.SERVICE_CONTEXT_ID].data,
            kind=number(d.CC_REQUEST_TYPE),
            number=number(d.CC_REQUEST_NUMBER),
            timestamp=number(d.EVENT_TIMESTAMP),
            action=number(d.REQUESTED_ACTION),
            indicator=number(d.MULTIPLE_SERVICES_INDICATOR),
            identifier=number(d.SERVICE_IDENTIFIER),
            state=number(d.ORIGIN_STATE_ID),
            station=None if station is None else (station.start, station.finish),
            information=information,
            subscriptions=tuple(self._subscriptions(several[d.SUBSCRIPTION_ID])),
            quotas=tuple(map(self._quota, several[d.MULTIPLE_SERVICES_CREDIT_CONTROL])),
            requested=None if requested is None else self._amount(requested),
            used=tuple(map(self._amount, several[d.USED_SERVICE_UNIT])),
            proxies=tuple(each.padded for each in several[d.PROXY_INFO]),
            route=tuple(each.data for each in several[d.ROUTE_RECORD]),
        )

    def _subscriptions(self, wholes: list[_Part]) -> Iterator[tuple[int, slice]]:
        """Of those that have a type: no other names anybody."""
        for whole in wholes:
            kind, data = NOWHERE, slice(0, 0)
            for part in self._parts(whole.start, whole.finish):
                if part.code == d.SUBSCRIPTION_ID_TYPE and not part.vendor:
                    kind = part.number()
                elif part.code == d.SUBSCRIPTION_ID_DATA and not part.vendor:
                    data = part.data
            if kind:
                yield kind, data

    def _quota(self, whole: _Part) -> Quota:
        quota = Quota()
        for part in self._parts(whole.start, whole.finish):
            code = part.code
            if part.vendor:
                if part.vendor != d.VENDOR_3GPP:
                    self._leave(part)
                elif code == d.REPORTING_REASON:
                    quota.reason = part.number()
            elif code == d.RATING_GROUP:
                quota.group = part.number()
            elif code == d.SERVICE_IDENTIFIER:
                quota.identifier = quota.identifier or part.number()
            elif code == d.USED_SERVICE_UNIT:
                quota.used += (self._amount(part),)
            elif code == d.REQUESTED_SERVICE_UNIT:
                quota.requested += (self._amount(part),)
            else:
                self._leave(part)
        return quota

    def _amount(self, whole: _Part) -> Amount:
        amount = Amount(whole.whole)
        for part in self._parts(whole.start, whole.finish):
            code = part.code
            if part.vendor:
                if code == d.REPORTING_REASON and part.vendor == d.VENDOR_3GPP:
                    amount.reason = part.number()
            elif code == d.CC_TOTAL_OCTETS:
                amount.total = part.number(8)
            elif code in (d.CC_INPUT_OCTETS, d.CC_OUTPUT_OCTETS):
                amount.directions += (part.number(8),)
            elif code == d.CC_TIME:
                amount.seconds = part.number()
            elif code == d.CC_SERVICE_SPECIFIC_UNITS:
                amount.specific = part.number(8)
            elif code == d.CC_MONEY:
                amount.money = part.data
            elif code == d.TARIFF_CHANGE_USAGE:
                amount.change = part.number()
            else:
                self._leave(part)
        return amount

    def _leave(self, part: _Part) -> None:
        """It isn't read; which must be understood for that if its mandatory bit is set."""
        understood = not part.vendor and part.code in d.UNDERSTOOD
        if part.flags & d.MANDATORY and not understood:
            raise Malformed(
                d.AVP_UNSUPPORTED,
                f"AVP {part.code} is mandatory and unknown",
                self._message[part.whole],
            )

    def _too_many(self, part: _Part) -> Malformed:
        return Malformed(
            d.AVP_OCCURS_TOO_MANY_TIMES,
            f"AVP {part.code} occurs too often",
            self._message[part.whole],
        )
