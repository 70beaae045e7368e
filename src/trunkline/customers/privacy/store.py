"""The tables of privacy documents, and the append-only record of consents."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from trunkline.customers.model import PartyId
from trunkline.customers.privacy.model import Consent
from trunkline.customers.store import customer, party
from trunkline.platform.db import Instant, Reader, Tx, books_metadata, immutable
from trunkline.tmf import documents

specification = documents.table(
    "privacy_specification",
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("name", sa.Text),
)

profile = documents.table(
    "privacy_profile",
    sa.Column("status", sa.Text, nullable=False),
    sa.Column(
        "specification_id",
        sa.ForeignKey("privacy_specification.id"),
        nullable=False,
        index=True,
    ),
    sa.Column("party_id", sa.String(100), nullable=False, index=True),
    sa.Column("agreed_by", sa.String(100), nullable=False),
)

agreement = documents.table(
    "privacy_agreement",
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("party_id", sa.String(100), index=True),
)

consent = immutable(
    sa.Table(
        "consent",
        books_metadata,
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("party_id", sa.ForeignKey("party.id"), nullable=False),
        sa.Column("purpose", sa.String(60), nullable=False),
        sa.Column("channel", sa.String(60), nullable=False),
        sa.Column("granted", sa.Boolean, nullable=False),
        sa.Column("since", Instant, nullable=False),
        sa.Column("until", Instant),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("how", sa.String(60), nullable=False),
        sa.Column("profile_id", sa.String(100)),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.Index("consent_by_party", "party_id", "number"),
    )
)

_INSERT = sa.insert(consent)
_HISTORY = (
    sa.select(consent)
    .where(consent.c.party_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(consent.c.number)
)
_PARTIES = sa.select(party.c.id).where(party.c.id.in_(sa.bindparam("ids", expanding=True)))
_CUSTOMERS = sa.select(customer.c.id, customer.c.party_id).where(
    customer.c.id.in_(sa.bindparam("ids", expanding=True))
)
_LOCKED_PARTY = sa.select(party.c.id).where(party.c.id == sa.bindparam("which")).with_for_update()
_PROFILES_OF = (
    sa.select(profile.c.id)
    .where(
        sa.or_(
            profile.c.party_id == sa.bindparam("party"),
            profile.c.party_id.in_(
                sa.select(customer.c.id).where(customer.c.party_id == sa.bindparam("party"))
            ),
        )
    )
    .order_by(profile.c.created_at, profile.c.id)
)
_PROFILES = sa.select(profile.c.id).where(profile.c.id.in_(sa.bindparam("ids", expanding=True)))
_USES = sa.select(profile.c.id).where(profile.c.specification_id == sa.bindparam("which")).limit(1)
_COUNT_SPECIFICATIONS = sa.select(sa.func.count()).select_from(specification)


def append(tx: Tx, consents: Iterable[Consent]) -> None:
    rows = [
        {
            "party_id": each.party,
            "purpose": each.purpose,
            "channel": each.channel,
            "granted": each.granted,
            "since": each.since,
            "until": each.until,
            "by": each.by,
            "how": each.how,
            "profile_id": each.profile,
            "recorded_at": each.recorded_at,
        }
        for each in consents
    ]
    if rows:
        tx.execute(_INSERT, rows)


def history(r: Reader, parties: Collection[str]) -> list[Consent]:
    """All that was ever said by these parties, in its order."""
    return [_consent(row) for row in r.execute(_HISTORY, {"ids": list(parties)})]


def lock_party(tx: Tx, which: PartyId) -> None:
    """Words of one party follow one another."""
    tx.execute(_LOCKED_PARTY, {"which": which})


def party_ids(r: Reader, ids: Collection[str]) -> dict[str, PartyId]:
    """The party that each of these ids of parties and customers means."""
    if not ids:
        return {}
    wanted = {"ids": list(ids)}
    found = {each: PartyId(each) for each in r.execute(_PARTIES, wanted).scalars()}
    if len(found) < len(ids):
        found |= {row.id: PartyId(row.party_id) for row in r.execute(_CUSTOMERS, wanted)}
    return found


def profiles_of(r: Reader, party_id: PartyId) -> list[str]:
    return list(r.execute(_PROFILES_OF, {"party": party_id}).scalars())


def profiles_among(r: Reader, ids: Collection[str]) -> Collection[str]:
    return set(r.execute(_PROFILES, {"ids": list(ids)}).scalars()) if ids else set()


def is_used(r: Reader, specification_id: str) -> bool:
    return r.execute(_USES, {"which": specification_id}).first() is not None


def count_specifications(r: Reader) -> int:
    return int(r.execute(_COUNT_SPECIFICATIONS).scalar_one())


def _consent(row: Any) -> Consent:
    return Consent(
        party=PartyId(row.party_id),
        purpose=row.purpose,
        channel=row.channel,
        granted=row.granted,
        since=row.since,
        until=row.until,
        by=row.by,
        how=row.how,
        profile=row.profile_id,
        recorded_at=row.recorded_at,
    )


def as_of(consents: Iterable[Consent], at: datetime) -> dict[tuple[PartyId, str, str], Consent]:
    """The latest word that had begun by `at`, for each party, purpose and channel."""
    latest: dict[tuple[PartyId, str, str], Consent] = {}
    for each in consents:
        if each.since <= at:
            latest[each.party, each.purpose, each.channel] = each
    return latest
