"""What an account's row holds: money, buckets, open sessions; one compact document.

The structs are encoded as arrays, so their fields are only ever added at the end, with a
default. They are changed in place, between the read of a row and its write. Instants are
seconds since the Unix epoch, money is micros of the account's currency.
"""

from enum import IntEnum

import msgspec

from trunkline.charging.model import ChargeAnswer, Circumstances
from trunkline.charging.terms import Terms
from trunkline.kernel.errors import Invalid
from trunkline.rating import BUCKET_SIZE, RESERVED, Filters

RESERVATION = "reservation:"
"""How the ids of sessions begin that hold a reservation of a person's, not of the network's."""

NO_FLOOR = -(1 << 61)
"""`State.floor` of an account without a credit limit. Nothing that is used takes a balance below
it: sums stay within 64 bits."""


class Status(IntEnum):
    """`lifetime` says which may follow which."""

    ACTIVE = 0
    BARRED = 1
    """By people or policy: nothing is granted."""
    CLOSED = 2
    """Terminated."""
    PRE_ACTIVE = 3
    """Its first use, or first top-up, activates it."""
    ONE_WAY = 4
    """The balance's validity is over, and its grace isn't: only what is free is granted."""
    EXPIRED = 5
    """Grace is over, too: nothing is granted until a top-up."""


class Bucket(msgspec.Struct, array_like=True, gc=False):
    """What a bucket is; what it holds stands at the same place in `State.flat`."""

    number: int
    """Never used again within the account."""
    allowance: str
    period: int
    granted: int
    name: str = ""
    where: Filters | None = None
    """What else it is for, beside its service and rating group."""
    from_use: int = 0
    """Seconds that it holds from its first use on, as long as that hasn't come; else 0."""
    rollover: int = 0
    """Units, at most, that go over into the next month, or still may."""
    into: int = 0
    """The bucket that they went over to; 0 before; its own number once the bucket has made way for
    another plan's (`buckets.made_way`)."""


class Quota(msgspec.Struct, array_like=True, gc=False):
    """Where one rating group of a session stands, and what is reserved for it."""

    rating_group: int
    """-1 for none."""
    service_identifier: int
    """-1 for none."""
    since: int
    """When the usage that will be reported next began."""
    tariff: int
    """The version that the open grant was reckoned with or, without one, in force at the last
    report."""
    position: list[int]
    """The rating kernel's."""
    granted: int = 0
    money: int = 0
    """Reserved."""
    holds: list[int] = []
    """Reserved on buckets: number, units, number, units..."""
    plan: str = ""
    """The plan of the open grant where the account has another one by now."""
    waits: bool = False
    """What was asked for last was refused, or granted as the last: more credit is worth asking
    for again."""
    change: int = 0
    """When, during the open grant, another tariff takes effect; 0 for none."""
    upf: str = ""
    """The user plane function that it is for, where the network tells several apart."""
    service: int = -1
    """Its own, where it isn't its session's."""


class Session(msgspec.Struct, array_like=True, gc=False):
    id: str
    service: int
    destination: int
    """The called number as the rating kernel reads it."""
    number: int
    """Of the last request that was answered with `answer`."""
    until: int
    """The session is given up when nothing is heard of it by then."""
    answer: ChargeAnswer
    quotas: list[Quota]
    where: Circumstances | None = None
    """As the session's last request that told it had it."""
    notify: str = ""
    passes: int = -1
    """Why all of it always passes (`Pass`); -1 where it doesn't."""
    missed: list[int] = []
    """Numbers before `number` that haven't come: the last few."""
    boot: int = 0
    """Which start of who asks (`ChargeRequest.boot`)."""


class Counted(msgspec.Struct, array_like=True, gc=False):
    """Where one of the plan's counters stands."""

    id: str
    month: int
    """The last billing month that it counted in."""
    amount: int
    before: int = 0
    """What it came to in the month before that."""
    told: int = 0
    """So many thresholds of its policy were reached in `month`, and told."""


class Done(msgspec.Struct, array_like=True, gc=False):
    """A session that ended, or an event, remembered for its retransmissions until `until`."""

    session: int
    """A hash of its id."""
    number: int
    until: int
    answer: ChargeAnswer
    left: Session | None = None
    """As it ended, where requests that it overtook haven't come: they are charged by it."""


class State(msgspec.Struct, array_like=True, gc=False):
    entity: str
    currency: str
    prepaid: bool
    """Or hybrid (`Terms.credit`): it has a balance."""
    plan: str
    cycle_day: int
    time_zone: str
    opened: int
    floor: int = 0
    """No grant takes `money` below it: 0 for a prepaid account, the credit limit negated for a
    postpaid one, and what is left of it for a hybrid one."""
    status: int = 0
    money: int = 0
    """A prepaid or hybrid account's balance; a postpaid one's usage of the running month,
    negated."""
    held: int = 0
    """Money reserved for open sessions."""
    seq: int = 0
    """Of the account's last journal record."""
    period: int = 0
    """The running billing month; 0 before the account was first used."""
    starts: int = 0
    ends: int = 0
    renewed: list[int] = []
    """The months, of this one and the one before, whose allowances were granted."""
    flat: list[int] = []
    """The buckets as the rating kernel reads them, in the order of their use."""
    buckets: list[Bucket] = []
    last_bucket: int = 0
    sessions: list[Session] = []
    done: list[Done] = []
    closed: int = 0
    terms: Terms | None = None
    """None for a plain account."""
    counters: list[Counted] = []
    roams_on: int = 0
    """Up to this month the person consented to data abroad beyond the limit."""
    abroad: str = ""
    """The country (MCC) abroad that the person was last heard of in; "" at home."""
    consents: tuple[tuple[int, int], ...] = ()
    """From when until when there was consent to data abroad beyond the limit: what is kept of it
    for usage that is told of later."""
    plans: tuple[tuple[int, str], ...] = ()
    """The plans before this one, the oldest first, each with the instant until which it priced:
    for usage that is told of later."""

    def plan_at(self, at: int) -> str:
        """Which plan prices usage of this instant."""
        return next((plan for until, plan in self.plans if at < until), self.plan)

    def next_plan_after(self, at: int) -> int:
        """The instant after `at` at which another plan began; 0 for none."""
        return next((until for until, _ in self.plans if at < until), 0)

    def session(self, id_: str) -> Session | None:
        """The open session of this id."""
        for session in self.sessions:
            if session.id == id_:
                return session
        return None

    def holds_anything(self) -> bool:
        """Whether any money or units are reserved."""
        return self.held != 0 or any(self.flat[RESERVED::BUCKET_SIZE])


class Resting(msgspec.Struct, array_like=True, gc=False):
    """A state without its terms, which are beside it as they are encoded: no request looks at
    them as long as the account has what it needs (`pools.resting` says whose may rest)."""

    state: State
    until: int
    """Nothing that the terms say is due before; 0 for never."""
    terms: bytes


class StateUnreadable(Invalid):
    code = "stateUnreadable"


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)
_resting = msgspec.msgpack.Decoder(Resting)
_terms = msgspec.msgpack.Decoder(Terms)
_IS_RESTING = 0x90 + len(Resting.__struct_fields__)
"""How an array of so many begins; a state's has more."""

encode = _encoder.encode


def decode(data: bytes) -> State:
    """The inverse of `encode`, its terms awake. Raises `StateUnreadable`."""
    found = decode_resting(data)
    return wake(found) if isinstance(found, Resting) else found


def decode_resting(data: bytes) -> State | Resting:
    """The same, but terms that rest go on resting. Raises `StateUnreadable`."""
    try:
        return _resting.decode(data) if data[0] == _IS_RESTING else _decoder.decode(data)
    except (msgspec.MsgspecError, IndexError) as fault:
        raise StateUnreadable(f"not a charging account's state: {fault}") from None


def encode_resting(state: State, until: int) -> bytes:
    """As `Resting`."""
    terms = state.terms
    state.terms = None
    try:
        return encode(Resting(state, until, encode(terms)))
    finally:
        state.terms = terms


def wake(resting: Resting) -> State:
    """Raises `StateUnreadable`."""
    try:
        resting.state.terms = _terms.decode(resting.terms)
    except msgspec.MsgspecError as fault:
        raise StateUnreadable(f"not a charging account's terms: {fault}") from None
    return resting.state
