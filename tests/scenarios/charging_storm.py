"""Gateways of both edges that charge at once and go on where they stopped, whoever is killed
meanwhile; an operator who changes things under them; and what holds of all accounts afterwards."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import MB, OPENED, compiled, imsi, plan, rule
from tests.unit.diameter.builders import ccr, cer, mscc, subscription
from trunkline.charging import (
    BarAccount,
    ChangePlan,
    ChargingAccountId,
    RecordKind,
    RecordLine,
    UnbarAccount,
    explain,
    records,
    store,
)
from trunkline.charging.events import ActOnBalance, BalanceVerb
from trunkline.charging.hybrid import credit_of
from trunkline.charging.pools.events import JoinPool, LeavePool
from trunkline.customers import AccountKind
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.kernel.money import Money
from trunkline.kernel.time import format_instant
from trunkline.ledger import CASH, PREPAID, UNBILLED, USAGE_REVENUE
from trunkline.platform.db import Reader
from trunkline.rating import Allowance, Tariff

GONE = (OSError, asyncio.IncompleteReadError, httpx.TransportError)
CHARGING = "/nchf-convergedcharging/v3/chargingdata"
INITIAL, UPDATE, TERMINATION, EVENT = 1, 2, 3, 4
DATA, VOICE, SMS = "32251@3gpp.org", "32260@3gpp.org", "32274@3gpp.org"
FUNCTIONS = {DATA: "SMF", VOICE: "IMS_Node"}

Answer = TypeVar("Answer")
Reported = Counter[tuple[str, int]]
"""Units that were answered as charged, by session and number."""


class Place:
    """Where the charging process is reached, and whether there is one just now."""

    def __init__(self, gy: int, nchf: int) -> None:
        self.gy, self.nchf = gy, nchf
        self.up = asyncio.Event()
        self.answers = 0
        self._awaited: list[tuple[int, asyncio.Event]] = []

    def answered(self) -> None:
        self.answers += 1
        for answers, reached in self._awaited:
            if self.answers >= answers:
                reached.set()

    async def more(self, answers: int) -> None:
        """Waits for so many."""
        awaited = self.answers + answers, asyncio.Event()
        self._awaited.append(awaited)
        await awaited[1].wait()
        self._awaited.remove(awaited)


class Line:
    """One gateway's connections: what isn't answered is sent again until it is."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._client: httpx.AsyncClient | None = None
        self._hops = itertools.count(1)

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            with suppress(OSError):
                await self._streams[1].wait_closed()
        if self._client is not None:
            await self._client.aclose()
        self._streams = self._client = None

    async def over_gy(
        self, kind: int, number: int, who: int, *parts: bytes, session: str, context: str
    ) -> list[codec.Avp]:
        hop = next(self._hops)
        payer = subscription(d.END_USER_IMSI, imsi(who))
        message = ccr(kind, number, payer, *parts, hop=hop, session=session, context=context)

        async def ask() -> list[codec.Avp] | None:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._place.gy)
                await self._exchange(cer(), 7)
            answer = list(codec.avps(await self._exchange(message, hop)))
            late = result_of(answer) in (d.TOO_BUSY, d.UNABLE_TO_COMPLY)
            return None if late else answer

        return await self._until_answered(ask)

    async def over_nchf(self, path: str, body: Any) -> httpx.Response:
        async def ask() -> httpx.Response | None:
            if self._client is None:
                base = f"http://127.0.0.1:{self._place.nchf}"
                self._client = httpx.AsyncClient(base_url=base, http1=False, http2=True)
            response = await self._client.post(CHARGING + path, json=body)
            return None if response.status_code == 503 else response

        return await self._until_answered(ask)

    async def _until_answered(self, ask: Callable[[], Awaitable[Answer | None]]) -> Answer:
        while True:
            await self._place.up.wait()
            try:
                answer = await ask()
            except GONE:
                await self.close()
                continue
            if answer is not None:
                self._place.answered()
                return answer

    async def _exchange(self, message: bytes, hop: int) -> bytes:
        """The answer to this message; what the server asks meanwhile is left unanswered."""
        assert self._streams is not None
        reader, writer = self._streams
        writer.write(message)
        while True:
            head = await reader.readexactly(4)
            whole = head + await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
            header = codec.header_of(whole)
            if not header.flags & d.REQUEST and header.hop_by_hop == hop:
                return whole


def result_of(answer: list[codec.Avp]) -> int:
    return next(avp.u32() for avp in answer if avp.code == d.RESULT_CODE)


def granted_in(answer: list[codec.Avp]) -> int:
    """To the one rating group there is; 0 for nothing."""
    for service in answer:
        if service.code == d.MULTIPLE_SERVICES_CREDIT_CONTROL:
            for part in codec.avps(service.data, 0):
                if part.code == d.GRANTED_SERVICE_UNIT:
                    amounts = [
                        int.from_bytes(amount.data, "big")
                        for amount in codec.avps(part.data, 0)
                        if amount.code != d.TARIFF_TIME_CHANGE
                    ]
                    return amounts[0]
    return 0


def units(context: str, amount: int) -> bytes:
    if context == DATA:
        return codec.u64(d.CC_TOTAL_OCTETS, amount)
    return codec.u32(d.CC_TIME, amount)


class Phone:
    """Sessions of one subscriber, one after another, and a message now and then; requests go
    over either edge, and some are sent twice."""

    def __init__(self, line: Line, who: int, chance: random.Random) -> None:
        self._line, self._who, self._chance = line, who, chance
        self.reported: Reported = Counter()

    async def live(self, name: str, sessions: int) -> None:
        try:
            for serial in range(sessions):
                await self._message(f"{name};m{serial}")
                context = self._chance.choice((DATA, DATA, VOICE))
                await self._session(f"{name};{serial}", context)
        finally:
            await self._line.close()

    async def _message(self, name: str) -> None:
        action = codec.u32(d.REQUESTED_ACTION, 0)
        for _ in range(self._times()):
            answer = await self._line.over_gy(
                EVENT, 0, self._who, action, session=name, context=SMS
            )
        if result_of(answer) == d.SUCCESS:
            self.reported[name, 0] = 1

    async def _session(self, name: str, context: str) -> None:
        granted = await self._over_gy(INITIAL, 0, name, context, 0)
        if granted is None:
            return
        last = self._chance.randint(1, 4)
        for number in range(1, last + 1):
            used = granted * self._chance.choice((0, 30, 100, 100, 170)) // 100
            kind = TERMINATION if number == last else UPDATE
            way = self._chance.choice((self._over_gy, self._over_nchf))
            for _ in range(self._times()):
                more = await way(kind, number, name, context, used)
            assert more is not None, "an open session goes on"
            granted = more
            if used:
                self.reported[name, number] = used

    def _times(self) -> int:
        return self._chance.choice((1, 1, 1, 1, 2))

    def _wish(self, context: str) -> int:
        """0 leaves it to the server."""
        return self._chance.choice((0, MB, 20 * MB) if context == DATA else (0, 60, 600))

    async def _over_gy(
        self, kind: int, number: int, name: str, context: str, used: int
    ) -> int | None:
        """What was granted; None where there is no session."""
        parts = b""
        if kind != TERMINATION:
            wish = self._wish(context)
            asked = units(context, wish) if wish else b""
            parts += codec.grouped(d.REQUESTED_SERVICE_UNIT, asked)
        if kind != INITIAL:
            parts += codec.grouped(d.USED_SERVICE_UNIT, units(context, used))
        group = mscc(parts, group=1)
        answer = await self._line.over_gy(
            kind, number, self._who, group, session=name, context=context
        )
        return granted_in(answer) if result_of(answer) == d.SUCCESS else None

    async def _over_nchf(self, kind: int, number: int, name: str, context: str, used: int) -> int:
        unit = "totalVolume" if context == DATA else "time"
        wish = self._wish(context)
        usage: dict[str, Any] = {
            "ratingGroup": 1,
            "usedUnitContainer": [{"localSequenceNumber": number, unit: used}],
        }
        if kind == UPDATE:
            usage["requestedUnit"] = {unit: wish} if wish else {}
        body = {
            "subscriberIdentifier": f"imsi-{imsi(self._who)}",
            "nfConsumerIdentification": {"nodeFunctionality": FUNCTIONS[context]},
            "invocationTimeStamp": format_instant(datetime.now(UTC)),
            "invocationSequenceNumber": number,
            "multipleUnitUsage": [usage],
        }
        verb = "update" if kind == UPDATE else "release"
        response = await self._line.over_nchf(f"/{name}/{verb}", body)
        assert response.status_code in (200, 204), response.text
        if response.status_code == 204:
            return 0
        [told] = response.json()["multipleUnitInformation"]
        granted: int = told.get("grantedUnit", {}).get(unit, 0)
        return granted


POOL = 9
POSTPAID = 4
HYBRID = 5
PEOPLE = (1, 2, 3, POSTPAID, HYBRID)
"""The third is a member of the pool, mostly."""


def account(number: int) -> ChargingAccountId:
    return ChargingAccountId(f"cac_{number}")


class Town:
    """The operator's side. `disturb` does one thing of many."""

    def __init__(self, operator: Operator, chance: random.Random) -> None:
        self._operator, self._chance = operator, chance
        self._serial = itertools.count(2)
        self._now()
        operator.install(self._tariff("0.013"))
        operator.open(POOL, plan="shared", shared=True, identities=())
        for number in PEOPLE:
            limit: dict[str, Any] = {}
            if number in (POSTPAID, HYBRID):
                kind = AccountKind.POSTPAID if number == POSTPAID else AccountKind.HYBRID
                limit = {"kind": kind, "credit_limit": Money.of("3", "EUR")}
            operator.open(number, plan="small" if number == 2 else "plan", **limit)
            if number != POSTPAID:
                operator.top_up(number, "2", f"pay_{number}")
        operator.top_up(POOL, "1", f"pay_{POOL}")
        self._join(3)

    def _now(self) -> datetime:
        """The charging process has a clock of its own: the machine's."""
        clock = self._operator.clock
        clock.advance(datetime.now(UTC) - clock.now())
        return clock.now()

    def _tariff(self, price: str) -> Tariff:
        """The first holds since ever; others from a second from now on, so that quotas that are
        being used announce them."""
        rules = (
            rule("data", price, MB, increment=MB),
            rule("voice", "0.10", 60, increment=60, fee="0.05"),
            rule("sms", "0.09", 1),
        )
        included = {"small": ("all_small", 30), "large": ("all_large", 60), "shared": ("all", 100)}
        plans = [
            plan(Allowance(id_, id_, "data", megabytes * MB), id_=name, rules=rules)
            for name, (id_, megabytes) in included.items()
        ]
        version = next(self._serial)
        start = OPENED if version == 2 else self._now() + timedelta(seconds=1)
        return compiled(plan(rules=rules), *plans, version=version, start=start)

    def _join(self, number: int) -> None:
        self._operator.tell(JoinPool(account=account(number), pool=account(POOL), money=True))

    def disturb(self) -> None:
        now = self._now()
        operator, chance, serial = self._operator, self._chance, next(self._serial)
        who = chance.choice(PEOPLE)
        prepaid = chance.choice([each for each in PEOPLE if each != POSTPAID])
        match chance.randrange(8):
            case 0:
                operator.top_up(prepaid, "0.50", f"more_{serial}")
            case 1:
                new = chance.choice(("plan", "small", "large"))
                operator.tell(ChangePlan(account=account(who), plan=new, changed_at=now))
            case 2:
                operator.tell(BarAccount(account=account(who)))
                operator.tell(UnbarAccount(account=account(who)))
            case 3:
                self._transfer(prepaid, f"bal_{serial}")
            case 4:
                operator.install(self._tariff(f"0.0{chance.randint(10, 30)}"))
            case 5:
                operator.post_earnings()
            case 6:
                operator.tell(LeavePool(account=account(3), pool=account(POOL)))
            case 7:
                self._join(3)

    def _transfer(self, giver: int, action: str) -> None:
        taker = 1 + giver % 3
        self._operator.tell(
            ActOnBalance(
                account=account(giver),
                action=action,
                verb=BalanceVerb.TRANSFER,
                amount=Money.of("0.10", "EUR"),
                to=account(taker),
            )
        )

    def check(self, reported: Reported) -> None:
        """Every answered report is in the journals, once; the journals are the balances, and
        the balances the ledger's."""
        operator = self._operator
        self._now()
        operator.relay.drain()
        operator.post_earnings()
        charged: Reported = Counter()
        money, on_bill = {}, 0
        with operator.charging.read() as r:
            for number in (*PEOPLE, POOL):
                money[number], journal = checked(r, account(number))
                for line in journal:
                    if line.kind in (RecordKind.USAGE, RecordKind.UNRATED):
                        charged[line.session, line.number] += line.units
                    elif line.kind is RecordKind.ON_BILL:
                        on_bill -= line.charge.micros
        assert charged == reported
        owed = on_bill - money.pop(POSTPAID)
        ledger = {name: operator.ledger(name) for name in (PREPAID, UNBILLED, CASH, USAGE_REVENUE)}
        assert ledger[PREPAID] == -sum(money.values())
        assert ledger[UNBILLED] == owed
        assert sum(ledger.values()) == 0


def checked(r: Reader, name: ChargingAccountId) -> tuple[int, list[RecordLine]]:
    """Nothing is open or reserved; the balance is what the journal says, and went below its floor
    by no more than what was used beyond grants; every record is what running it again gives."""
    found = store.account(r, name)
    assert found is not None
    state = found.state
    assert (state.sessions, state.held, state.holds_anything()) == ([], 0, False)
    lines = sorted(records(r, name, limit=100_000), key=lambda line: line.seq)
    assert [line.seq for line in lines] == list(range(1, state.seq + 1))
    balance = beyond = 0
    credit = credit_of(state)
    lowest = min(state.floor, 0) if credit is None else -credit.limit
    for line in lines:
        balance -= line.charge.micros
        beyond += line.charge.micros if line.overrun else 0
        assert balance >= lowest - beyond
        explained = explain(r, name, line.seq)
        assert explained.holds, explained.differences
    assert balance == state.money
    return balance, lines


__all__ = ["PEOPLE", "Line", "Phone", "Place", "Reported", "Town"]
