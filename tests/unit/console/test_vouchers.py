"""Vouchers in the console: approved of by another, found by serial number, blocked; lock-outs."""

import hashlib
from datetime import timedelta

import pytest

from tests.unit.console.office import Office, text_of
from trunkline import charging, customers, vouchers
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.vouchers import Attempt, NewBatch, NewDealer, VoucherBatch, VoucherKeys, VoucherState

PASSPHRASE = "correct horse battery"
ENTITY = LegalEntityId("ent_skerry")


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


@pytest.fixture
def batch(office: Office) -> VoucherBatch:
    """Three of 10.00 that Eve asked for."""
    vouchers.keep_keys(office.books, lambda: VoucherKeys.of(["5e" * 32]))
    now = office.clock.now()
    new = NewBatch(
        name="Spring", entity=ENTITY, face=eur("10"), count=3,
        expires_at=now + timedelta(days=300), passphrase=PASSPHRASE,
    )  # fmt: skip
    with office.books.transaction() as tx:
        return vouchers.make_batch(tx, new, by="Eve", now=now)


def sold(office: Office, batch: VoucherBatch) -> list[str]:
    """Its codes, once a kiosk has it."""
    office.relay.drain()
    now = office.clock.now()
    with office.books.transaction() as tx:
        sealed = vouchers.sealed_file(tx, batch.id)
        vouchers.note_exported(tx, batch.id, sha256=hashlib.sha256(sealed).hexdigest(), now=now)
        role = customers.give_role(
            tx, {"name": "Kiosk", "@type": "Dealer", "status": "active"}, now=now
        )["id"]
        new = NewDealer(role=role, entity=ENTITY, currency="EUR", credit_limit=eur("100"))
        vouchers.add_dealer(tx, new, now=now)
        vouchers.sell_vouchers(
            tx, batch.id, first=batch.first, last=batch.last, dealer=role, by="Dan", now=now
        )
    return [code for _, code in vouchers.unseal(sealed.splitlines(), PASSPHRASE)]


def state(office: Office, serial: int) -> VoucherState:
    with office.books.read() as r:
        return vouchers.voucher(r, serial).state


def test_who_asked_doesnt_approve_and_another_does(office: Office, batch: VoucherBatch) -> None:
    eve, dan = office.visitor("*", name="Eve"), office.visitor("*", name="Dan")
    shown = text_of(dan.get("/console/vouchers"))
    assert "Spring" in shown
    assert "requested" in shown
    decide = f"/console/vouchers/batches/{batch.id}"
    assert eve.post(decide, {"verb": "approve"}).status_code == 403
    assert dan.post(decide, {"verb": "burn"}).status_code == 400
    assert dan.post(decide, {"verb": "approve"}).status_code == 303
    office.relay.drain()
    assert "sealed" in text_of(dan.get("/console/vouchers"))
    assert dan.post(decide, {"verb": "decline"}).status_code == 409
    assert office.visitor("console:*", name="Poor").get("/console/vouchers").status_code == 403


def test_one_voucher_is_blocked_and_made_good_again(office: Office, batch: VoucherBatch) -> None:
    customer, subscriber = office.subscriber()
    care = office.visitor("*", name="Dan")
    care.post(f"/console/vouchers/batches/{batch.id}", {"verb": "approve"})
    codes = sold(office, batch)
    found = care.get(f"/console/vouchers?serial={batch.first}")
    assert (found.status_code, found.headers["location"]) == (
        303, f"/console/vouchers/{batch.first}"
    )  # fmt: skip
    where = found.headers["location"]
    shown = text_of(care.get(where))
    assert "Kiosk" in shown
    assert "active" in shown
    assert care.post(where, {"verb": "block"}).status_code == 303
    assert state(office, batch.first) is VoucherState.STOPPED
    assert care.post(where, {"verb": "resume"}).status_code == 303
    assert state(office, batch.first) is VoucherState.ACTIVE
    now = office.clock.now()
    with office.charging.read() as r:
        balance = charging.balance(r, subscriber, now)
    with office.books.transaction() as tx:
        vouchers.redeem(tx, Attempt(code=codes[0], balance=balance, caller="app"), now=now)
    office.relay.drain()
    page = care.get(where)
    assert customer.name in text_of(page)
    assert care.post(where, {"verb": "block"}).status_code == 409
    theirs = care.get(f"/console/customers/{customer.id}")
    assert f'href="{where}"' in theirs.text
    for each in (page, theirs, care.get("/console/vouchers")):
        assert not any(code in each.text or code.replace(" ", "") in each.text for code in codes)
    looks = office.visitor("console:*", "vouchers:read", name="Ann")
    assert customer.name not in text_of(looks.get(where))
    assert "Block" not in text_of(looks.get(f"/console/vouchers/{batch.first + 1}"))
    assert looks.post(f"/console/vouchers/{batch.first + 1}", {"verb": "block"}).status_code == 403
    for wrong in ("0", "x", "9" * 30):
        assert care.get(f"/console/vouchers/{wrong}").status_code == 404
        assert "no voucher" in text_of(care.get(f"/console/vouchers?serial={wrong}"))


def test_who_is_locked_out_may_try_again(office: Office, batch: VoucherBatch) -> None:
    _, subscriber = office.subscriber()
    now = office.clock.now()
    with office.charging.read() as r:
        balance = charging.balance(r, subscriber, now)
    for _ in range(5):
        with office.books.transaction() as tx:
            vouchers.redeem(tx, Attempt(code="1", balance=balance, caller="app"), now=now)
    care = office.visitor("*", name="Dan")
    who = f"account {subscriber}"
    assert who in text_of(care.get("/console/vouchers"))
    assert care.post("/console/vouchers/release", {"who": who}).status_code == 303
    assert who not in text_of(care.get("/console/vouchers"))
    assert care.post("/console/vouchers/release", {"who": who}).status_code == 404
