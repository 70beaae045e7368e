"""How customers are found by what people type: a prefix of a word of their name, of a phone
number, an email address, an id.

Each customer has a row for each of his terms, and a term is looked up by a range over an
index in byte order. That stays one short index walk at a million customers, on both engines
alike, and pages by key; a full-text index would differ between them and find no prefix of a
number.
"""

import re
import unicodedata
from collections.abc import Iterable

from trunkline.customers.model import (
    BillingAccount,
    Customer,
    Email,
    Organization,
    Party,
    Phone,
)

LONGEST_TERM = 100
MOST_WORDS = 4
_LAST = "\U0010ffff"
_SPLIT = re.compile(r"[\s,;]+")
_NUMBER = re.compile(r"(\+|00)?[\d\s()./-]+", re.ASCII)


def folded(text: str) -> str:
    """Without case and accents: Müller and MULLER are one."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in decomposed if not unicodedata.combining(each))


def terms_of(customer: Customer, party: Party, accounts: Iterable[BillingAccount]) -> set[str]:
    """Everything that one may begin to type to find this customer."""
    words = [customer.name, party.name]
    whole = [customer.id, party.id, customer.external_id or "", party.external_id or ""]
    if isinstance(party, Organization) and party.trading_name:
        words.append(party.trading_name)
    for medium in party.contact_media:
        if isinstance(medium, Email):
            whole.append(medium.address)
        elif isinstance(medium, Phone):
            whole.append(medium.number.removeprefix("+"))
    return _words(words) | _bounded(whole) | terms_of_accounts(accounts)


def terms_of_accounts(accounts: Iterable[BillingAccount]) -> set[str]:
    return _bounded(
        each for account in accounts for each in (account.id, account.external_id or "")
    )


def asked_words(text: str) -> list[str]:
    """The words of a search, the most telling first. A text that is a phone number in any
    spacing is one word: its digits."""
    text = text.strip()
    if _NUMBER.fullmatch(text) and (text[0] in "+(" or text.startswith("00") or " " in text):
        digits = re.sub(r"\D", "", text)
        return [digits.removeprefix("00")] if digits else []
    words = {word[:LONGEST_TERM] for word in _SPLIT.split(folded(text)) if word}
    return sorted(words, key=lambda word: (-len(word), word))[:MOST_WORDS]


def beyond(prefix: str) -> str:
    """What sorts, by bytes, after everything that begins with `prefix`."""
    return prefix + _LAST


def _words(texts: Iterable[str]) -> set[str]:
    found = set()
    for text in texts:
        for word in _SPLIT.split(folded(text)):
            found.add(word)
            found.update(word.split("-")[1:])
    return _bounded(found)


def _bounded(terms: Iterable[str]) -> set[str]:
    return {folded(term)[:LONGEST_TERM] for term in terms} - {""}
