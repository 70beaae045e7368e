"""Writes on privacy profiles, and on the consents that they and others give."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trunkline.customers.model import PartyId, PartyNotFound
from trunkline.customers.privacy import store
from trunkline.customers.privacy.events import ConsentGiven, ConsentRefused
from trunkline.customers.privacy.kinds import PROFILE, SPECIFICATION
from trunkline.customers.privacy.model import (
    APP,
    EMAIL,
    MARKETING,
    SMS,
    Consent,
    Statement,
    channel_of,
    differences,
    is_yes,
    party_named,
    purpose_of,
    refused_as,
    statements,
)
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body, Kind

_CHANNELS = {
    EMAIL: "News and offers by email",
    SMS: "News and offers by text message",
    APP: "News and offers in the app",
}


def agree_profile(tx: Tx, body: Mapping[str, Any], now: datetime) -> Body:
    """Keeps a new privacy profile, and what it says as consents. Raises what `documents.create`
    raises, and `InvalidProfile`."""
    made = documents.create(tx, PROFILE, body, now)
    _say(tx, made, statements(made), "profile", now)
    return made


def change_profile(tx: Tx, ident: str, body: Mapping[str, Any], now: datetime) -> Body:
    """Puts `body` in the place of the profile; what differs is said anew, and a yes that is no
    longer there is withdrawn. Raises what `documents.change` raises, and `InvalidProfile`."""
    before, after = _changed(tx, PROFILE, ident, body, now)
    _say(tx, after, differences(statements(before), statements(after)), "profile", now)
    return after


def change_privacy_document(
    tx: Tx, kind: Kind, ident: str, body: Mapping[str, Any], now: datetime
) -> Body:
    """The same for specifications and agreements, which nothing follows from. Raises what
    `documents.change` raises."""
    return _changed(tx, kind, ident, body, now)[1]


def _changed(
    tx: Tx, kind: Kind, ident: str, body: Mapping[str, Any], now: datetime
) -> tuple[Body, Body]:
    """Before and after. That a status is another is said; its words are the operator's."""
    before: Body = {}

    def changing(present: Body) -> Mapping[str, Any]:
        before.update(present)
        return body

    after = documents.change(tx, kind, ident, changing, now)
    if after.get("status") != before.get("status"):
        tx.changed(kind.name, ident, Change.STATE)
    return before, after


def delete_profile(tx: Tx, ident: str, now: datetime) -> None:
    """What it granted is withdrawn; the record of consents keeps that it was granted. Raises
    `DocumentNotFound`."""
    present = documents.get(tx, PROFILE, ident)
    _say(tx, present, differences(statements(present), {}), "profile", now)
    documents.delete(tx, PROFILE, ident)


def give_consent(
    tx: Tx, *, party: PartyId, purpose: str, channel: str, by: str, how: str, now: datetime
) -> None:
    """A yes that stands in no profile. Raises `PartyNotFound`."""
    _record(
        tx, party, {(purpose_of(purpose), channel): Statement(granted=True)}, by, how, None, now
    )


def withdraw_consent(
    tx: Tx, *, party: PartyId, purpose: str, channel: str, by: str, how: str, now: datetime
) -> None:
    """A no, from now on, also in the profiles that say yes: an answer to STOP, a click on
    "unsubscribe". Raises `PartyNotFound`."""
    key = purpose_of(purpose), channel
    for ident in store.profiles_of(tx, party):
        if statements(documents.get(tx, PROFILE, ident)).get(key, Statement(False)).granted:
            documents.change(tx, PROFILE, ident, lambda body: _without(body, key), now)
    _record(tx, party, {key: Statement(granted=False)}, by, how, None, now)


def seed_privacy(tx: Tx, now: datetime) -> None:
    """The first profile specification, where there is none: profiles are made of one."""
    if store.count_specifications(tx):
        return
    asked = [
        {
            "name": name,
            "description": said,
            "privacyUsagePurpose": MARKETING,
            "privacyType": "Internal Purpose",
            "criticalityLevel": "medium",
            "partyPrivacyProfileSpecCharacteristicValue": [
                {"value": "allowed", "valueType": "string", "isDefault": False},
                {"value": "refused", "valueType": "string", "isDefault": True},
            ],
        }
        for name, said in _CHANNELS.items()
    ]
    documents.create(
        tx,
        SPECIFICATION,
        {
            "name": "Customer privacy",
            "description": "What a customer allows beyond the service itself",
            "version": "1.0",
            "applicableRole": [{"name": "Customer"}],
            "partyPrivacyProfileSpecCharacteristic": asked,
        },
        now,
    )


def _without(body: Body, key: tuple[str, str]) -> Body:
    """The profile with that purpose and channel refused."""
    said = [
        each | {"value": refused_as(each["value"])}
        if is_yes(each.get("value"))
        and (purpose_of(each.get("privacyUsagePurpose")), channel_of(each["name"])) == key
        else each
        for each in body["partyPrivacyProfileCharacteristic"]
    ]
    return body | {"partyPrivacyProfileCharacteristic": said}


def _say(
    tx: Tx,
    profile: Body,
    said: Mapping[tuple[str, str], Statement],
    how: str,
    now: datetime,
) -> None:
    if said:
        named = party_named(profile)
        party = store.party_ids(tx, {named}).get(named)
        if party is None:
            raise PartyNotFound(f"there is no party {named[:60]} any more")
        _record(tx, party, said, profile["agreedByParty"]["id"], how, profile["id"], now)


def _record(
    tx: Tx,
    party: PartyId,
    said: Mapping[tuple[str, str], Statement],
    by: str,
    how: str,
    profile: str | None,
    now: datetime,
) -> None:
    if party not in store.party_ids(tx, {party}):
        raise PartyNotFound(f"there is no party {party[:60]}")
    store.lock_party(tx, party)
    consents = [
        Consent(
            party=party,
            purpose=purpose,
            channel=channel,
            granted=each.granted,
            # A no counts at once, whatever period a profile is given.
            since=each.since or now if each.granted else now,
            until=each.until if each.granted else None,
            by=by,
            how=how,
            profile=profile,
            recorded_at=now,
        )
        for (purpose, channel), each in said.items()
    ]
    store.append(tx, consents)
    for each in consents:
        told = ConsentGiven if each.granted else ConsentRefused
        tx.emit(told(party=party, purpose=each.purpose, channel=each.channel))
