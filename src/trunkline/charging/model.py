"""What is asked of charging and what it answers, in charging's own terms.

The edges (Diameter Gy, Nchf, mediation) translate their wire form into a `ChargeRequest` and
a `ChargeAnswer` back into theirs. These structs are mutable only because that makes them
cheaper to build; nobody changes one after it was made.
"""

from enum import IntEnum

import msgspec

from trunkline.kernel.ids import Id
from trunkline.rating import SMS_IN, VOICE_IN

NOT_REQUESTED = -1
"""`UnitRequest.requested`: usage is reported, and no quota asked for."""

SERVER_DECIDES = 0
"""`UnitRequest.requested`: quota is asked for, without an amount (an empty
Requested-Service-Unit, RFC 8506 section 8.18)."""


SERVICE_URN = "urn:service:"
"""How the called party begins where a service is called, not a number (RFC 5031)."""

MOST_EVENTS = 100
"""Events in one `ChargeUsage`, so that its transaction stays short."""

Identity = tuple[str, str]
"""(type, value): ("imsi", "999700000000001"), ("msisdn", "46701740601")."""


class ChargingAccountId(Id):
    """One subscriber product's account in charging."""

    __slots__ = ()
    prefix = "cac"


class Service(IntEnum):
    """What is delivered; it fixes the unit that amounts are counted in."""

    DATA = 0
    """In bytes."""
    VOICE = 1
    """In seconds."""
    SMS = 2
    """In messages."""
    MMS = 3
    """In messages."""
    CONTENT = 4
    """In micros of the account's currency: events that cost an amount of their own."""
    VOICE_IN = VOICE_IN
    """Calls received, in seconds."""
    SMS_IN = SMS_IN
    """Messages received."""


def service_of(code: int) -> Service | int:
    """A known service; of one that the operator defines, the code as it is (`service_name` tells
    its name)."""
    return _KNOWN.get(code, code)


_KNOWN: dict[int, Service] = {int(each): each for each in Service}
_UNITS: dict[int, str] = {
    Service.DATA: "bytes",
    Service.VOICE: "seconds",
    Service.SMS: "messages",
    Service.MMS: "messages",
    Service.CONTENT: "micros",
    Service.VOICE_IN: "seconds",
    Service.SMS_IN: "messages",
}


def service_unit(code: int) -> str:
    """What a service's usage is counted in; "events" for one that the operator defines."""
    return _UNITS.get(code, "events")


class BucketGrant(msgspec.Struct, frozen=True):
    """Units of a service that are given beside money, good for `days` whatever the month and the
    plan; `name` is for people."""

    service: str
    units: int
    days: int
    name: str


class Kind(IntEnum):
    """The numbers are those of CC-Request-Type (RFC 8506, section 8.3)."""

    INITIAL = 1
    UPDATE = 2
    TERMINATE = 3
    EVENT = 4


class Action(IntEnum):
    """What an EVENT asks for; the numbers are those of Requested-Action (RFC 8506, 8.41)."""

    DIRECT_DEBIT = 0
    REFUND = 1
    CHECK_BALANCE = 2
    PRICE_ENQUIRY = 3


class Result(IntEnum):
    """How a request, or one of its units, ended. Each edge owns a table to its own codes."""

    SUCCESS = 0
    UNKNOWN_SUBSCRIBER = 1
    """No account is bound to any of the identities at the event's time."""
    UNKNOWN_SESSION = 2
    """An UPDATE or TERMINATE for a session that isn't open here."""
    CREDIT_LIMIT = 3
    """Balance and allowances can't pay for the smallest grant."""
    DENIED = 4
    """The account is barred or closed."""
    RATING_FAILED = 5
    """The tariff has no price for it, or the account's plan no tariff."""
    INVALID = 6
    """The request contradicts itself (a negative amount, an EVENT without what it needs)."""
    FAILED = 7
    """This request could not be computed; nothing of it is kept. The same may succeed later."""


class Pass(IntEnum):
    """Why usage passes, charged nothing; the journal's `label` of a `PASSED` record."""

    EMERGENCY = 0
    FREEPHONE = 1
    CARE = 2
    TOP_UP = 3
    ZERO_RATED = 4
    """Data of a rating group that costs nobody anything, such as the top-up portal's."""
    RECEIVED = 5
    """Calls and messages that the subscriber received and no price names."""


class FinalAction(IntEnum):
    """What a gateway does once the last units are used; the numbers are those of
    Final-Unit-Action (RFC 8506, section 8.35)."""

    TERMINATE = 0
    REDIRECT = 1
    RESTRICT = 2


class FinalUnit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a service goes on without credit, where it doesn't end."""

    action: FinalAction = FinalAction.TERMINATE
    redirect: str = ""
    """REDIRECT: where to, as a URL ("https://..."), a SIP URI ("sip:...") or an IP address."""
    filters: tuple[str, ...] = ()
    """What stays open meanwhile: names of the gateway's filters (Filter-Id), or whole rules,
    "permit out ip from 192.0.2.1 to any" (IPFilterRule, RFC 6733, 4.3.1)."""


class Circumstances(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Over what, and where, a service is used, as far as the network tells."""

    dnn: str = ""
    """The data network's name, or APN, without its operator identifier."""
    slice: str = ""
    """The S-NSSAI: SST, and "-" and SD in six hexadecimal digits where there is one."""
    qos: int = -1
    """5QI, or QCI; -1 where it isn't told."""
    network: str = ""
    """The serving network's MCC and MNC, five or six digits."""


class UnitRequest(msgspec.Struct, gc=False):
    """One Multiple-Services-Credit-Control or multipleUnitUsage: usage reported, quota asked.

    Amounts are in the service's unit. `rating_group` and `service_identifier` are echoed in
    the answer; together, and with `upf`, they name the quota within its session.
    """

    rating_group: int | None = None
    service_identifier: int | None = None
    requested: int = NOT_REQUESTED
    used: int = 0
    final: bool = False
    """No more usage follows under this quota (Reporting-Reason FINAL): release it."""
    reason: int = -1
    """Reporting-Reason (TS 32.299, 7.2.175) as received, or -1; kept with the record."""
    after_change: int = 0
    """Of `used`, the units after the tariff change that its grant announced (Tariff-Change-Usage
    UNIT_AFTER_TARIFF_CHANGE; RFC 8506, 8.27)."""
    upf: str = ""
    """The user plane function that delivers it, where several serve one session and each has a
    quota of its own (uPFID; TS 32.291, 6.1.6.2.1.9)."""
    service: int = -1
    """Its own, where it isn't its request's: one session may deliver several."""


class ChargeRequest(msgspec.Struct, gc=False):
    """One credit-control request. `at` and `received` are seconds since the Unix epoch: when
    the usage happened by the network's clock, and when we heard of it."""

    session: str
    number: int
    kind: Kind
    identities: tuple[Identity, ...]
    """The preferred first; the first that is bound to an account at `at` decides."""
    at: int
    received: int
    service: int
    """A `Service`, or `service_code` of a name that the operator gave ("api-call")."""
    called: str = ""
    """The called party's digits in international form without "+", or the URN of a service in
    lower case ("urn:service:sos.police"); not of data."""
    units: tuple[UnitRequest, ...] = ()
    action: Action = Action.DIRECT_DEBIT
    """For an EVENT only."""
    money: int = 0
    """The amount in micros of the account's currency, where it is asked in money (CC-Money)
    instead of units; 0 otherwise. With neither, an EVENT is about one unit."""
    where: Circumstances | None = None
    notify: str = ""
    """How its edge is told that the session is to be re-authorised or ended: the edge's own
    word, kept with the session; "" where it can't be told."""
    spent: int = 0
    """Micros that a session which is asked for in `money` has used, priced by who asks."""
    currency: str = ""
    """Of `money` and `spent`, where it is told; else the account's."""
    again: bool = False
    """Whoever sends it may have sent it before (the T flag, RFC 6733, 5.5.4;
    retransmissionIndicator, TS 32.291), perhaps hours ago."""
    boot: int = 0
    """Which start of who asks (`notify`) this is, the higher the later: what it began before a
    later one it has forgotten (Origin-State-Id, RFC 6733, 8.16); 0 where that isn't told."""
    anew: bool = False
    """Who asks may use a session's name again (after a restart it counts from the beginning): an
    INITIAL whose `at` is after all that was heard of the session of this name begins another."""


class UnitAnswer(msgspec.Struct, array_like=True, gc=False):
    """The answer to the `UnitRequest` at the same place in the request."""

    rating_group: int | None
    service_identifier: int | None
    result: Result
    granted: int = NOT_REQUESTED
    """In the service's unit; `NOT_REQUESTED` where no quota was asked for or none given."""
    validity: int = 0
    """Seconds for which the grant holds or, where there is none and `last` says how the service
    goes on, after which to ask again; else 0."""
    final: bool = False
    """This grant is the last: nothing is left to follow it (Final-Unit-Indication). Without a
    grant: none is left, and `last` says how the service goes on."""
    last: FinalUnit | None = None
    """With `final`: what follows the last unit; None where the service ends then."""
    holding: int = 0
    """Seconds without traffic after which the quota is to be given back (Quota-Holding-Time,
    TS 32.299, 7.2.139); 0: as the gateway likes."""
    threshold: int = 0
    """In the service's unit: when no more than this is left of the grant, more is to be asked
    for (Volume-, Time- or Unit-Quota-Threshold); 0: as the gateway likes."""
    tariff_change: int = 0
    """Epoch second within the grant's validity from which another price holds
    (Tariff-Time-Change); usage is to be reported apart before and after it. 0: none."""


class ChargeAnswer(msgspec.Struct, array_like=True, gc=False):
    """`result` speaks of the whole request; each unit has its own beside it."""

    result: Result
    units: tuple[UnitAnswer, ...] = ()
    cost: int | None = None
    """For an EVENT: what it costs or cost, in micros of `currency`."""
    currency: str = ""
    enough: bool | None = None
    """For CHECK_BALANCE: whether the balance can pay for what was asked."""
    money: int = 0
    """Granted, in micros of `currency`, to a session that asks for money."""
