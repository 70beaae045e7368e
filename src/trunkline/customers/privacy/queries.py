"""Reads of consents."""

from collections.abc import Collection
from datetime import datetime

from trunkline.customers.model import PartyId
from trunkline.customers.privacy import store
from trunkline.customers.privacy.model import Consent
from trunkline.platform.db import Reader

PRIVACY_SPECIFICATIONS = store.specification
PRIVACY_PROFILES = store.profile
PRIVACY_AGREEMENTS = store.agreement


def consents(r: Reader, party: PartyId, at: datetime) -> list[Consent]:
    """A party's latest word on each purpose and channel at an instant, a no too; whether it
    then holds, `Consent.holds` says."""
    return list(store.as_of(store.history(r, [party]), at).values())


def consent_history(r: Reader, party: PartyId) -> list[Consent]:
    """All that a party ever said, in its order: nothing of it is ever overwritten."""
    return store.history(r, [party])


def consenting(
    r: Reader, parties: Collection[PartyId], *, purpose: str, channel: str, at: datetime
) -> set[PartyId]:
    """Those that allow this purpose on this channel at that instant."""
    latest = store.as_of(store.history(r, parties), at) if parties else {}
    return {
        party
        for (party, of, on), said in latest.items()
        if (of, on) == (purpose, channel) and said.holds(at)
    }


def parties_of(r: Reader, ids: Collection[str]) -> dict[str, PartyId]:
    """The party that each of these ids of parties and customers means."""
    return store.party_ids(r, ids)
