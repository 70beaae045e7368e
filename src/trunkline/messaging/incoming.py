"""What people answer by text message: STOP takes their consent to marketing back; what other words
mean, those above know."""

from datetime import datetime

from trunkline import customers
from trunkline.customers import PartyId, Phone
from trunkline.messaging.events import WordHeard
from trunkline.messaging.model import ChannelName
from trunkline.platform.db import Reader, Tx

_MOST = 200
LONGEST_WORD = 20
STOP = frozenset(
    {"STOP", "STOPP", "STOPALL", "ARRET", "ARRÊT", "UNSUBSCRIBE", "ABMELDEN", "CANCEL", "QUIT"}
)


def hear(tx: Tx, *, number: str, text: str, now: datetime) -> list[PartyId]:
    """Withdraws the consent to marketing by text message of all who have this number, where the
    text begins with a word that means it. Returns whose it was. Of any other, its first word is
    told on."""
    word = text.strip().split(maxsplit=1)[0].strip(".!\"'").upper() if text.strip() else ""
    if word not in STOP:
        if 0 < len(word) <= LONGEST_WORD:
            tx.emit(WordHeard(number=number.lstrip("+"), word=word))
        return []
    parties = _having(tx, number)
    for party in parties:
        customers.withdraw_consent(
            tx,
            party=party,
            purpose=customers.MARKETING,
            channel=ChannelName.SMS.value,
            by=party,
            how="sms",
            now=now,
        )
    return parties


def _having(r: Reader, number: str) -> list[PartyId]:
    """The parties of customers with exactly this number, each once."""
    digits = number.lstrip("+")
    found = customers.search_customers(r, digits, limit=_MOST).customers
    parties = customers.parties(r, {each.party for each in found})
    return sorted(
        party.id
        for party in parties.values()
        if any(
            isinstance(each, Phone) and each.number.lstrip("+") == digits
            for each in party.contact_media
        )
    )
