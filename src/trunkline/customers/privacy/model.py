"""Consents, and how they are read from a privacy profile."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.customers.model import PartyId
from trunkline.kernel.errors import Invalid
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.time import parse_instant

MARKETING = "MARKETING"
"""TMF644 names ADMIN, INFORMATION, MARKETING and RESEARCH as examples of purposes."""

EMAIL = "email"
SMS = "sms"
APP = "app"

Body = Mapping[str, Any]


class PrivacySpecificationId(Id):
    __slots__ = ()
    prefix = "pps"


class PrivacyProfileId(Id):
    __slots__ = ()
    prefix = "ppp"


class PrivacyAgreementId(Id):
    __slots__ = ()
    prefix = "ppa"


class Standing(StrEnum):
    """What a status means for what depends on it. TMF644 leaves the words to the operator."""

    PENDING = "pending"
    IN_FORCE = "in force"
    ENDED = "ended"


_TABLE = {
    Standing.PENDING: {Standing.PENDING, Standing.IN_FORCE, Standing.ENDED},
    Standing.IN_FORCE: {Standing.IN_FORCE, Standing.PENDING, Standing.ENDED},
    Standing.ENDED: {Standing.ENDED},
}
PROFILE_LIFECYCLE = Lifecycle("the privacy profile", _TABLE)
AGREEMENT_LIFECYCLE = Lifecycle("the privacy agreement", _TABLE)
SPECIFICATION_LIFECYCLE = Lifecycle("the privacy profile specification", _TABLE)

_IN_FORCE = {"agreed", "active", "approved", "accepted", "signed", "inforce", "granted"}
_ENDED = {
    "terminated", "ended", "cancelled", "canceled", "withdrawn", "revoked", "rejected", "refused",
    "expired", "retired", "obsolete", "closed",
}  # fmt: skip
_YES = {
    "true", "yes", "y", "on", "1", "allow", "allowed", "agree", "agreed", "grant", "granted",
    "accept", "accepted", "consent", "consented", "optin", "optedin", "authorized", "authorised",
    "permitted",
}  # fmt: skip


class Statement(msgspec.Struct, frozen=True):
    """What a party says about one purpose and channel: yes or no, from when, until when."""

    granted: bool
    since: datetime | None = None
    until: datetime | None = None


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """A party's latest word on a purpose and a channel: granted or refused, valid since and
    (without) until; `by` is the party who gave it, `how` by what means ("profile", "sms",
    "console"), `profile` the privacy profile that says so, if one does."""

    party: PartyId
    purpose: str
    channel: str
    granted: bool
    since: datetime
    until: datetime | None = None
    by: str
    how: str
    profile: str | None = None
    recorded_at: datetime

    def holds(self, at: datetime) -> bool:
        return self.granted and self.since <= at and (self.until is None or at < self.until)


class InvalidProfile(Invalid):
    code = "invalidPrivacyProfile"


def _word(text: str) -> str:
    return "".join(each for each in text.lower() if each.isalnum())


def standing(status: str) -> Standing:
    word = _word(status)
    if word in _IN_FORCE:
        return Standing.IN_FORCE
    return Standing.ENDED if word in _ENDED else Standing.PENDING


def purpose_of(text: str | None) -> str:
    """The purpose as consents are kept by it. What names none is taken for marketing, the one
    that consents are asked for."""
    return (text or MARKETING).strip().upper()[:60] or MARKETING


def channel_of(name: str) -> str:
    """What a characteristic's name is about: a channel by which people are told things, or
    else the name itself, in small letters."""
    word = _word(name)
    if "mail" in word and "voice" not in word:
        return EMAIL
    if "sms" in word or "mobile" in word or "textmessage" in word:
        return SMS
    if word.startswith(("app", "inapp", "push")):
        return APP
    return name.strip().lower()[:60]


def is_yes(value: object) -> bool:
    """Whether a characteristic's value allows it. All that isn't plainly a yes is a no."""
    if isinstance(value, bool):
        return value
    return isinstance(value, str) and _word(value) in _YES


def refused_as(value: object) -> object:
    """The refusal in the form of what was said before."""
    return False if isinstance(value, bool) else "refused"


def party_named(profile: Body) -> str:
    """Whose privacy it is: the party it applies to, else the one who agreed."""
    named: str = (profile.get("applicableForParty") or profile["agreedByParty"])["id"]
    return named


def statements(profile: Body) -> dict[tuple[str, str], Statement]:
    """What the profile says, by purpose and channel; nothing where it isn't in force. Of what
    it says twice, a no counts."""
    if standing(profile.get("status", "")) is not Standing.IN_FORCE:
        return {}
    since, until = period(profile.get("validFor"))
    said: dict[tuple[str, str], Statement] = {}
    for each in profile.get("partyPrivacyProfileCharacteristic", ()):
        key = purpose_of(each.get("privacyUsagePurpose")), channel_of(each["name"])
        granted = is_yes(each.get("value")) and (key not in said or said[key].granted)
        said[key] = Statement(granted, since, until)
    return said


def period(valid_for: Body | None) -> tuple[datetime | None, datetime | None]:
    """Raises `InvalidProfile` for one that ends before it begins."""
    start, end = (
        None if text is None else parse_instant(text, path=f"validFor.{name}")
        for name in ("startDateTime", "endDateTime")
        for text in [(valid_for or {}).get(name)]
    )
    if start is not None and end is not None and end <= start:
        raise InvalidProfile("it ends before it begins", path="validFor.endDateTime")
    return start, end


def differences(
    before: Mapping[tuple[str, str], Statement], after: Mapping[tuple[str, str], Statement]
) -> dict[tuple[str, str], Statement]:
    """What has to be said anew. A yes that is no longer said is withdrawn; a no that is no
    longer said stays one."""
    changed = {key: said for key, said in after.items() if before.get(key) != said}
    withdrawn = {
        key: Statement(granted=False)
        for key, said in before.items()
        if said.granted and key not in after
    }
    return changed | withdrawn
