"""From a calculated bill to an issued invoice: who sells, who buys, when it is due. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from babel import Locale

from trunkline.billing.charges import Bill
from trunkline.billing.cycle import BilledUsage, BillingCycle
from trunkline.billing.model import BillRunId, Invoice, InvoiceId, PartyOnInvoice
from trunkline.charging import ChargingAccountId
from trunkline.customers import BillingAccount, Customer, Organization, Party, PostalAddress
from trunkline.inventory import ProductId
from trunkline.kernel.money import Money
from trunkline.kernel.time import Period, local_midnight
from trunkline.ledger import Entry, LegalEntity
from trunkline.receivables import OpenItem

_TERRITORIES = Locale("en").territories


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An account's month, ready to be written: `bill` is None where there was nothing to bill.
    `cycle` is the account's as it was read, `moved` as it will stand. `begins` are the products
    that no bill has had before this one."""

    cycle: BillingCycle
    moved: BillingCycle
    month: Period
    account: BillingAccount
    entity: LegalEntity
    brand: str
    buyer: PartyOnInvoice
    tz: ZoneInfo
    bill: Bill | None
    begins: Sequence[ProductId]
    billed: Mapping[ChargingAccountId, BilledUsage]


def invoice_of(
    draft: Draft,
    bill: Bill,
    *,
    invoice_id: InvoiceId,
    number: str,
    previous_balance: Money,
    run: BillRunId | None,
    now: datetime,
) -> Invoice:
    """The invoice that states `bill`. It falls due when its due date, the local day `terms_days`
    after that of its issue, is over."""
    issued_on = now.astimezone(draft.tz).date()
    due_on = issued_on + timedelta(days=draft.account.payment_terms_days)
    return Invoice(
        id=invoice_id,
        number=number,
        account=draft.account.id,
        customer=draft.account.customer,
        entity=draft.entity.id,
        brand=draft.brand,
        seller=seller_of(draft.entity),
        buyer=draft.buyer,
        time_zone=draft.tz.key,
        period=draft.month,
        issued_at=now,
        issue_date=issued_on,
        due_at=local_midnight(due_on + timedelta(days=1), draft.tz),
        due_date=due_on,
        terms_days=draft.account.payment_terms_days,
        net=bill.taxed.net,
        tax=bill.taxed.tax,
        gross=bill.taxed.gross,
        previous_balance=previous_balance,
        taxes=bill.taxed.items,
        lines=bill.lines,
        run=run,
    )


def entry_of(draft: Draft, bill: Bill, invoice_id: InvoiceId, now: datetime) -> Entry:
    """What the invoice moves in the ledger."""
    return Entry(
        entity=draft.entity.id,
        kind="invoice",
        reference=invoice_id,
        postings=bill.postings,
        description=f"{draft.account.id} for {draft.month.start:%Y-%m-%d}",
        booked_at=now,
    )


def item_of(invoice: Invoice) -> OpenItem:
    """What is asked of the account."""
    return OpenItem(
        invoice=invoice.id,
        number=invoice.number,
        account=invoice.account,
        entity=invoice.entity,
        amount=invoice.gross,
        open=invoice.gross,
        issued_at=invoice.issued_at,
        due_at=invoice.due_at,
    )


def seller_of(entity: LegalEntity) -> PartyOnInvoice:
    return PartyOnInvoice(
        name=entity.name,
        address=entity.address,
        contact=entity.contact,
        tax_number=entity.tax_number,
        bank_account=entity.bank_account or "",
    )


def buyer_of(customer: Customer, party: Party, home: str) -> PartyOnInvoice:
    """Name and postal address as they stand on paper; the country only where it isn't `home`."""
    name = party.name
    if customer.name != name and not isinstance(party, Organization):
        name = customer.name
    addresses = [each for each in party.contact_media if isinstance(each, PostalAddress)]
    address = next((each for each in addresses if each.preferred), None)
    if address is None and addresses:
        address = addresses[0]
    return PartyOnInvoice(name=name, address=_lines(address, home) if address else ())


def _lines(address: PostalAddress, home: str) -> tuple[str, ...]:
    town = " ".join(part for part in (address.post_code, address.city) if part)
    if address.state_or_province:
        town = f"{town}, {address.state_or_province}"
    country = "" if address.country == home else _TERRITORIES.get(address.country, address.country)
    lines: Sequence[str | None] = (address.street1, address.street2, town, country)
    return tuple(line for line in lines if line)
