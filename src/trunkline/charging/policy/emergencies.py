"""Emergencies of those who have no account here: unknown, gone, or without a SIM at all. Their
calls and messages pass like everybody's, cost nobody anything, and are kept (3GPP TS 22.101, 10).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.charging.grants import GrantPolicy, freely
from trunkline.charging.model import ChargeAnswer, ChargeRequest, Identity, Kind, Pass, Result
from trunkline.charging.policy.passing import passed_event
from trunkline.charging.sessions import instant_of, is_sound, refusal
from trunkline.kernel.time import from_micros, to_micros
from trunkline.platform.columns import Json
from trunkline.platform.db import Reader, Tx, charging_metadata

KEPT = timedelta(days=180)

_MICROS = 1_000_000

emergencies = sa.Table(
    "charging_emergency",
    charging_metadata,
    sa.Column("session", sa.String, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("service", sa.BigInteger, nullable=False),
    sa.Column("called", sa.String, nullable=False),
    sa.Column("identities", Json(), nullable=False),
    sa.Column("network", sa.String, nullable=False),
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Index("charging_emergency_at", "at"),
)
emergencies.c.identities.info["personal"] = True

_insert = sa.text(
    "INSERT INTO charging_emergency"
    " (session, number, kind, at, service, called, identities, network, units)"
    " VALUES (:session, :number, :kind, :at, :service, :called, :identities, :network, :units)"
    " ON CONFLICT (session, number) DO NOTHING"
).bindparams(sa.bindparam("identities", type_=Json()))
_called = (
    sa.select(emergencies.c.called).where(emergencies.c.session == sa.bindparam("which")).limit(1)
)
_latest = (
    sa.select(emergencies)
    .order_by(emergencies.c.at.desc(), emergencies.c.session, emergencies.c.number)
    .limit(sa.bindparam("most"))
)
_forget = sa.delete(emergencies).where(emergencies.c.at < sa.bindparam("before"))


class Emergency(msgspec.Struct, frozen=True):
    """One request of an emergency call or message of nobody's; `units` were used by then."""

    session: str
    number: int
    kind: Kind
    at: datetime
    service: int
    called: str
    identities: tuple[Identity, ...]
    network: str
    units: int


def answer_emergency(
    tx: Tx, request: ChargeRequest, policy: GrantPolicy, now: int
) -> ChargeAnswer | None:
    """Grants and keeps what somebody without an account asks for in an emergency; None for
    everything else. Asked again, it is answered again and kept once."""
    called = request.called
    if not called and request.kind not in (Kind.INITIAL, Kind.EVENT):
        called = tx.execute(_called, {"which": request.session}).scalar() or ""
    if not called or policy.rules.passing.called(called) != Pass.EMERGENCY:
        return None
    if not is_sound(request):
        return refusal(request, Result.INVALID)
    tx.execute(
        _insert,
        {
            "session": request.session,
            "number": request.number,
            "kind": int(request.kind),
            "at": instant_of(request, now) * _MICROS,
            "service": int(request.service),
            "called": called,
            "identities": [list(each) for each in request.identities],
            "network": "" if request.where is None else request.where.network,
            "units": sum(unit.used for unit in request.units),
        },
    )
    if request.kind is Kind.EVENT:
        return passed_event(request)
    return ChargeAnswer(
        Result.SUCCESS,
        tuple(
            freely(unit, policy.of(request.service), last=request.kind is Kind.TERMINATE)
            for unit in request.units
        ),
    )


def latest_emergencies(r: Reader, limit: int = 50) -> Sequence[Emergency]:
    """The newest first."""
    return [_of(row) for row in r.execute(_latest, {"most": limit})]


def forget_emergencies(tx: Tx, now: datetime) -> int:
    """Those that needn't be kept any longer; returns how many."""
    return tx.execute(_forget, {"before": to_micros(now - KEPT)}).rowcount


def _of(row: Any) -> Emergency:
    return Emergency(
        row.session,
        row.number,
        Kind(row.kind),
        from_micros(row.at),
        row.service,
        row.called,
        tuple((kind, value) for kind, value in row.identities),
        row.network,
        row.units,
    )
