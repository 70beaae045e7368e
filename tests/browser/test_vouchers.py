"""Vouchers in a real browser: a batch approved of, a voucher found, blocked, and good again."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage
from tests.browser.town import Town, wait_until
from trunkline import customers, vouchers
from trunkline.app.founding import operator
from trunkline.kernel.money import Money
from trunkline.vouchers import Attempt, BatchState, NewBatch, NewDealer, VoucherBatch

PASSPHRASE = "correct horse battery"


def asked_for(town: Town) -> VoucherBatch:
    now = town.system.clock.now()
    with town.system.books.transaction() as tx:
        seller = operator(tx)
        new = NewBatch(
            name="Summer", entity=seller.entity.id, face=Money.of(10, "EUR"), count=4,
            expires_at=now + timedelta(days=300), passphrase=PASSPHRASE,
        )  # fmt: skip
        return vouchers.make_batch(tx, new, by="Eve", now=now)


def sold(town: Town, batch: VoucherBatch) -> list[str]:
    now = town.system.clock.now()
    with town.system.books.transaction() as tx:
        seller = operator(tx)
        sealed = vouchers.sealed_file(tx, batch.id)
        vouchers.note_exported(tx, batch.id, sha256=hashlib.sha256(sealed).hexdigest(), now=now)
        role = customers.give_role(
            tx, {"name": "Harbour kiosk", "@type": "Dealer", "status": "active"}, now=now
        )["id"]
        limit = Money.of(100, "EUR")
        new = NewDealer(role=role, entity=seller.entity.id, currency="EUR", credit_limit=limit)
        vouchers.add_dealer(tx, new, now=now)
        vouchers.sell_vouchers(
            tx, batch.id, first=batch.first, last=batch.last, dealer=role, by="Dan", now=now
        )
    return [code for _, code in vouchers.unseal(sealed.splitlines(), PASSPHRASE)]


def state(town: Town, batch: VoucherBatch) -> BatchState:
    with town.system.books.read() as r:
        return vouchers.voucher_batch(r, batch.id).state


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_from_the_approval_to_the_block(
    open_page: OpenPage, town: Town, theme: str, tmp_path: Path
) -> None:
    batch = asked_for(town)
    page = open_page("/console", theme=theme)
    page.get_by_role("link", name="Vouchers").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Vouchers")
    row = page.get_by_role("row", name="Summer").filter(has_text=f"{batch.first} to {batch.last}")
    expect(row).to_contain_text("requested")
    row.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("The batch is decided.")).to_be_visible()
    wait_until(lambda: state(town, batch) is BatchState.SEALED)
    codes = sold(town, batch)
    customer = town.customer(prepaid=True)
    with town.system.books.transaction() as tx:
        attempt = Attempt(code=codes[0], balance=town.balance_of(customer), caller="app")
        vouchers.redeem(tx, attempt, now=town.system.clock.now())
    assert violations(page) == []
    page.get_by_label("Serial number of a voucher").fill(str(batch.first + 1))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Voucher {batch.first + 1}")
    expect(page.get_by_role("region", name="Voucher")).to_contain_text("Harbour kiosk")
    page.get_by_role("button", name="Block").click()
    expect(page.get_by_text("The voucher is blocked.")).to_be_visible()
    expect(page.get_by_role("region", name="Voucher")).to_contain_text("stopped")
    assert violations(page) == []
    page.get_by_role("button", name="Make good again").click()
    expect(page.get_by_role("region", name="Voucher")).to_contain_text("active")
    page.goto(f"{town.url}/console/customers/{customer.id}")
    page.get_by_role("link", name=f"voucher {batch.first}", exact=True).click()
    expect(page.get_by_role("region", name="Voucher")).to_contain_text(customer.name)
    assert violations(page) == []
    for each in (page.url, f"{town.url}/console/vouchers"):
        page.goto(each)
        page.screenshot(path=tmp_path / "page.png")
        assert not any(code in page.content() for code in codes)
