"""Reads of parties, customers, billing accounts and agreements."""

import base64
import binascii
from collections.abc import Iterable

import msgspec

from trunkline.customers import store
from trunkline.customers.agreements import store as agreed
from trunkline.customers.agreements.model import Agreement, AgreementId, AgreementNotFound
from trunkline.customers.model import (
    AccountNotFound,
    BillingAccount,
    BillingAccountId,
    Customer,
    CustomerId,
    CustomerNotFound,
    Party,
    PartyId,
    PartyNotFound,
)
from trunkline.customers.searching import asked_words
from trunkline.kernel.errors import Invalid
from trunkline.platform.db import Reader

MOST_FOUND = 200

PARTIES = store.party
CUSTOMERS = store.customer
BILLING_ACCOUNTS = store.billing_account
"""The tables, for lists that are filtered by their columns."""


def party(r: Reader, party_id: PartyId) -> Party:
    """Raises `PartyNotFound`."""
    found = store.find_parties(r, [party_id]).get(party_id)
    if found is None:
        raise PartyNotFound(f"there is no party {party_id[:60]}")
    return found


def parties(r: Reader, ids: Iterable[PartyId]) -> dict[PartyId, Party]:
    """Those that exist, by id."""
    return store.find_parties(r, ids)


def customer(r: Reader, customer_id: CustomerId) -> Customer:
    """Raises `CustomerNotFound`."""
    found = store.find_customers(r, [customer_id]).get(customer_id)
    if found is None:
        raise CustomerNotFound(f"there is no customer {customer_id[:60]}")
    return found


def customers(r: Reader, ids: Iterable[CustomerId]) -> dict[CustomerId, Customer]:
    """Those that exist, by id."""
    return store.find_customers(r, ids)


def customers_by_external_id(r: Reader, ids: Iterable[str]) -> dict[str, Customer]:
    """Those that came in under one of these external ids, by that."""
    return store.customers_by_external_id(r, ids)


def customers_of_party(r: Reader, party_id: PartyId) -> list[Customer]:
    return store.customers_of_party(r, party_id)


def billing_account(r: Reader, account_id: BillingAccountId) -> BillingAccount:
    """Raises `AccountNotFound`."""
    found = store.find_accounts(r, [account_id]).get(account_id)
    if found is None:
        raise AccountNotFound(f"there is no billing account {account_id[:60]}")
    return found


def billing_accounts(
    r: Reader, ids: Iterable[BillingAccountId]
) -> dict[BillingAccountId, BillingAccount]:
    """Those that exist, by id."""
    return store.find_accounts(r, ids)


def accounts_of(r: Reader, customer_id: CustomerId) -> list[BillingAccount]:
    """A customer's billing accounts, the oldest first."""
    return store.accounts_of(r, [customer_id])


def accounts_of_customers(
    r: Reader, ids: Iterable[CustomerId]
) -> dict[CustomerId, list[BillingAccount]]:
    """The billing accounts of many customers; every id asked for has its list."""
    found: dict[CustomerId, list[BillingAccount]] = {each: [] for each in ids}
    for account in store.accounts_of(r, found):
        found[account.customer].append(account)
    return found


def agreement(r: Reader, agreement_id: AgreementId) -> Agreement:
    """Raises `AgreementNotFound`."""
    found = agreed.find_agreements(r, [agreement_id]).get(agreement_id)
    if found is None:
        raise AgreementNotFound(f"there is no agreement {agreement_id[:60]}")
    return found


def agreements_of(r: Reader, customer_id: CustomerId) -> list[Agreement]:
    """What was settled with a customer, the oldest first."""
    return agreed.agreements_of(r, [customer_id])


def agreements_of_customers(
    r: Reader, ids: Iterable[CustomerId]
) -> dict[CustomerId, list[Agreement]]:
    """What was settled with many customers; every id asked for has its list."""
    found: dict[CustomerId, list[Agreement]] = {each: [] for each in ids}
    for each in agreed.agreements_of(r, found):
        found[each.customer].append(each)
    return found


def count_customers(r: Reader) -> int:
    return store.count_customers(r)


class FoundCustomers(msgspec.Struct, frozen=True):
    """One page of a search. `next` asks for the page after it, and is None on the last."""

    customers: tuple[Customer, ...]
    next: str | None


def search_customers(
    r: Reader, text: str = "", *, limit: int = 20, after: str | None = None
) -> FoundCustomers:
    """Customers that have, for each word of `text`, something that begins with it: a word of
    their name, a phone number, an email address, an id of theirs, their party's or an account's,
    an external id. Case and accents don't count; the four longest words do. All customers, the
    latest first, where `text` is empty.

    `limit` 1 to 200; `after` is the `next` of the page before. Raises `Invalid`.
    """
    if not 1 <= limit <= MOST_FOUND:
        raise Invalid(f"a page has 1 to {MOST_FOUND} customers", path="limit")
    words = asked_words(text)
    if not words:
        return _latest(r, limit, after)
    found = store.search(r, words, limit + 1, _key(after))
    page = found[:limit]
    by_id = store.find_customers(r, [customer_id for _, customer_id in page])
    following = _cursor(page[-1]) if len(found) > limit else None
    return FoundCustomers(
        tuple(by_id[customer_id] for _, customer_id in page if customer_id in by_id), following
    )


def _latest(r: Reader, limit: int, after: str | None) -> FoundCustomers:
    before = None if after is None else _key(after)[1]
    found = store.latest_customers(r, limit + 1, before)
    page = found[:limit]
    following = _cursor(("", page[-1].id)) if len(found) > limit else None
    return FoundCustomers(tuple(page), following)


def _cursor(key: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode("\n".join(key).encode()).decode().rstrip("=")


def _key(cursor: str | None) -> tuple[str, str]:
    if cursor is None:
        return "", ""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        raise Invalid("is not where a page ended", path="after") from None
    term, newline, customer_id = text.partition("\n")
    if not newline or "\0" in text:
        raise Invalid("is not where a page ended", path="after")
    return term, customer_id
