"""Customers: searching, and one customer with all that is theirs."""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

import falcon
import phonenumbers

from trunkline import (
    billing,
    customers,
    inventory,
    ordering,
    payments,
    receivables,
    usage,
    vouchers,
)
from trunkline.console.pages.balances import balance_cards, usage_chart
from trunkline.console.pages.orders import order_rows
from trunkline.console.web import Console, Desk
from trunkline.customers import (
    BillingAccountId,
    CustomerId,
    Email,
    Party,
    Phone,
    PostalAddress,
)
from trunkline.inventory import PriceKind, Product, ProductStatus, Service, ServiceState
from trunkline.kernel.money import Money
from trunkline.payments import Purpose
from trunkline.platform.db import Reader

PAGE = 50
MOST = 50
"""Lines of one table on a customer's page."""
FEWEST_DIGITS = 3
"""That are looked up as a number's beginning."""
TOP_UP = "20"
"""What the form proposes, in main units."""

_DIGITS = re.compile(r"(\+|00)?([\d\s()./-]{3,40})", re.ASCII)


class Customers:
    """The latest first, or those that a search finds; a number finds whose it is."""

    scopes: ClassVar[dict[str, str]] = {"GET": "tmf629:read"}

    def __init__(self, console: Console) -> None:
        self._console = console

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        desk: Desk = req.context.desk
        text, after = desk.query("q").strip(), desk.query("after")
        with self._console.books.read() as r:
            page = customers.search_customers(r, text, limit=PAGE, after=after or None)
            found = list(page.customers)
            if not after:
                beginnings = _beginnings(text, self._console.country)
                found = _owners(r, beginnings, {each.id for each in found}) + found
            rows = _rows(r, found)
        query = {"q": text, "after": page.next or ""}
        more = f"/console/customers?{urlencode(query)}" if page.next else ""
        desk.page(resp, "customers.html", "customers", customers=rows, q=text, more=more)


def _owners(
    r: Reader, beginnings: Iterable[str], known: set[CustomerId]
) -> list[customers.Customer]:
    """Whose number begins like this, but for those who are known."""
    numbers = [
        each for digits in beginnings for each in inventory.numbers_beginning(r, digits, limit=PAGE)
    ]
    products = inventory.products(r, [each.product for each in numbers if each.product])
    ids = dict.fromkeys(CustomerId(each.customer) for each in products)
    by_id = customers.customers(r, [each for each in ids if each not in known])
    return [by_id[each] for each in ids if each in by_id]


def _beginnings(text: str, country: str | None) -> list[str]:
    """What a number may begin with that was typed like this, with its country code or as it is
    dialled in `country`; nothing for what is no number."""
    matched = _DIGITS.fullmatch(text)
    if matched is None:
        return []
    digits = re.sub(r"\D", "", matched[2])
    beginnings = [digits]
    if country is not None and not matched[1]:
        code = phonenumbers.country_code_for_region(country)
        beginnings.append(f"{code}{digits.removeprefix('0')}")
    return [each for each in beginnings if len(each) >= FEWEST_DIGITS]


def _rows(r: Reader, found: Iterable[customers.Customer]) -> list[Mapping[str, Any]]:
    found = list(found)
    parties = customers.parties(r, [each.party for each in found])
    numbers: dict[str, list[str]] = {}
    for service in inventory.services_of_customers(r, [each.id for each in found]):
        if service.state is ServiceState.ACTIVE and "msisdn" in service.characteristics:
            numbers.setdefault(service.customer, []).append(service.characteristics["msisdn"])
    return [
        {
            "id": each.id,
            "name": each.name,
            "contact": _reached_at(parties[each.party]),
            "numbers": numbers.get(each.id, []),
            "status": each.status.value,
            "since": each.created_at,
        }
        for each in found
    ]


def _reached_at(party: Party) -> str:
    """An e-mail address or a number, the preferred one first."""
    media = sorted(party.contact_media, key=lambda each: not each.preferred)
    for medium in media:
        match medium:
            case Email(address=text) | Phone(number=text):
                return text
    return ""


class Customer:
    """One customer."""

    scopes: ClassVar[dict[str, str]] = {"GET": "tmf629:read"}

    def __init__(self, console: Console) -> None:
        self._console = console

    def on_get(self, req: falcon.Request, resp: falcon.Response, customer: str) -> None:
        desk: Desk = req.context.desk
        with self._console.books.read() as r:
            found = customers.customer(r, CustomerId.parse(customer, path="customer"))
            party = customers.party(r, found.party)
            accounts = customers.accounts_of(r, found.id)
            products = inventory.products_of_customer(r, found.id)
            services = inventory.services_of_customers(r, [found.id])
            orders = order_rows(r, ordering.orders_of(r, found.id, limit=MOST))
            account_rows = [_account(r, each) for each in accounts]
            invoices = _invoices(r, found.id)
            received = _payments(r, [each.id for each in accounts])
            channelled = _channelled(r, [each.id for each in accounts])
            rules = _rules(r, [each.id for each in accounts])
            bars = usage.bars_of(r, [each.id for each in products])
        numbers = _numbers(services)
        with self._console.charging.read() as r:
            balances = balance_cards(r, accounts, products, numbers, bars, desk.now)
            chart = usage_chart(r, balances, desk.now, self._console.zone)
        desk.page(
            resp,
            "customer.html",
            "customers",
            customer=found,
            facts=_facts(found, party, desk),
            accounts=account_rows,
            products=[_product(each, numbers) for each in products],
            balances=balances,
            usage_chart=chart,
            orders=orders,
            invoices=invoices,
            payments=received,
            channelled=channelled,
            rules=rules,
            top_up_amount=TOP_UP,
            reference=secrets.token_urlsafe(18),
        )

    def on_get_balances(self, req: falcon.Request, resp: falcon.Response, customer: str) -> None:
        """What changes while one looks at it, as pieces of the page."""
        desk: Desk = req.context.desk
        with self._console.books.read() as r:
            found = customers.customer(r, CustomerId.parse(customer, path="customer"))
            accounts = customers.accounts_of(r, found.id)
            products = inventory.products_of_customer(r, found.id)
            bars = usage.bars_of(r, [each.id for each in products])
        with self._console.charging.read() as r:
            balances = balance_cards(r, accounts, products, {}, bars, desk.now)
        desk.page(resp, "customer_balances.html", balances=balances)


def _facts(
    customer: customers.Customer, party: Party, desk: Desk
) -> list[tuple[str, str | list[str]]]:
    facts: list[tuple[str, str | list[str]]] = []
    for medium in party.contact_media:
        match medium:
            case Email(address=text):
                facts.append(("E-mail", text))
            case Phone(number=text):
                facts.append(("Phone", text))
            case PostalAddress():
                facts.append(("Address", _address_lines(medium)))
    facts.append(("Customer since", desk.day(customer.created_at)))
    if customer.external_id:
        facts.append(("External id", customer.external_id))
    facts.append(("Id", customer.id))
    return facts


def _address_lines(address: PostalAddress) -> list[str]:
    town = " ".join(filter(None, (address.post_code, address.city)))
    lines = (address.street1, address.street2, town, address.state_or_province, address.country)
    return [line for line in lines if line]


def _account(r: Reader, account: customers.BillingAccount) -> Mapping[str, object]:
    owed = receivables.receivable_account(r, account.id)
    return {
        "name": account.name,
        "state": account.state.value,
        "kind": account.kind.value,
        "cycle_day": account.cycle_day,
        "open": owed.open,
        "credit": owed.credit,
    }


def _numbers(services: Iterable[Service]) -> dict[str, str]:
    """The number of each product that has, or had, one."""
    return {
        each.product: each.characteristics["msisdn"]
        for each in services
        if each.product is not None and "msisdn" in each.characteristics
    }


def _product(product: Product, numbers: Mapping[str, str]) -> Mapping[str, object]:
    fees = [each for each in product.present_prices if each.kind is PriceKind.RECURRING]
    monthly = [fee.altered for fee in fees if fee.period_months == 1]
    return {
        "name": product.name,
        "number": numbers.get(product.id, ""),
        "status": product.status.value,
        "since": product.start_date,
        "until": product.termination_date,
        "monthly": sum(monthly[1:], start=monthly[0]) if monthly else None,
        "ended": product.status is ProductStatus.TERMINATED,
    }


def _invoices(r: Reader, customer: CustomerId) -> list[Mapping[str, object]]:
    found = billing.invoices_of_customer(r, customer, limit=MOST)
    items = receivables.open_items_for(r, [each.id for each in found])
    return [
        {
            "id": each.id,
            "number": each.number,
            "issued": each.issue_date,
            "due": each.due_date,
            "state": billing.state_of(each, items.get(each.id)).value,
            "total": each.gross,
            "open": items[each.id].open if each.id in items else Money.zero(each.gross.currency),
        }
        for each in found
    ]


def _payments(r: Reader, accounts: Iterable[BillingAccountId]) -> list[Mapping[str, object]]:
    found = [each for account in accounts for each in payments.payments_of(r, account, limit=MOST)]
    found.sort(key=lambda each: each.received_at, reverse=True)
    return [
        {
            "received": each.received_at,
            "purpose": "top-up" if each.purpose is Purpose.TOP_UP else "invoices",
            "method": each.method.value,
            "reference": each.reference,
            "amount": each.amount,
        }
        for each in found[:MOST]
    ]


def _channelled(r: Reader, accounts: Sequence[BillingAccountId]) -> list[Mapping[str, object]]:
    """Top-ups by vouchers and at dealers, and the codes that gave nothing."""
    return [
        {
            "requested": each.requested_at,
            "by": f"voucher {each.serial}" if each.serial else each.dealer or "wrong code",
            "serial": each.serial,
            "state": each.state.value,
            "why": each.finding or each.reason or "",
            "amount": each.amount,
        }
        for each in vouchers.channel_top_ups_of(r, accounts, limit=MOST)
    ]


def _rules(r: Reader, accounts: Sequence[BillingAccountId]) -> list[Mapping[str, object]]:
    return [
        {
            "threshold": each.threshold,
            "amount": each.amount,
            "cap": each.cap,
            "state": each.state.value,
            "why": each.reason or ("collecting" if each.collection else ""),
        }
        for each in payments.rules_of(r, accounts)
    ]
