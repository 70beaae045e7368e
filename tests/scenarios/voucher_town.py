"""A town whose people are prepaid and whose kiosk sells vouchers, on real databases."""

import hashlib
from datetime import timedelta

from tests.scenarios.billing_town import BRAND, ENTITY, eur, found_town, move_in
from tests.unit.charging.builders import compiled, opening, plan
from trunkline import charging as charging_domain
from trunkline import customers, ledger, vouchers
from trunkline.charging import ChargingAccountId, InstallTariff
from trunkline.customers import AccountKind
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.messages import Message
from trunkline.platform.relay import Relay
from trunkline.vouchers import (
    Attempt,
    ChannelTopUp,
    NewBatch,
    NewDealer,
    VoucherBatch,
    VoucherKeys,
    VoucherState,
)

KEY = "5e" * 32
PASSPHRASE = "correct horse battery"
MONTHS = timedelta(days=30)


class Town:
    """Both databases, their relay, two prepaid people (1 and 2) and a kiosk."""

    kind = AccountKind.PREPAID

    def __init__(self, books: Database, charging: Database, relay: Relay, clock: DrivenClock):
        self.books, self.charging, self.relay, self.clock = books, charging, relay, clock
        vouchers.keep_keys(books, lambda: VoucherKeys.of([KEY]))
        with books.transaction() as tx:
            found_town(tx, clock.now())
            people = [move_in(tx, name, clock.now(), kind=self.kind) for name in ("Ada", "Bo")]
            role = customers.give_role(
                tx, {"name": "Kiosk", "@type": "Dealer", "status": "active"}, now=clock.now()
            )
            self.kiosk: str = role["id"]
            vouchers.add_dealer(
                tx,
                NewDealer(
                    role=self.kiosk,
                    entity=ENTITY,
                    currency="EUR",
                    credit_limit=eur("1000"),
                    commission_ppm=50_000,
                ),
                now=clock.now(),
            )
        tariff = compiled(plan())
        self.tell(
            InstallTariff(
                version=tariff.version, effective_from=tariff.effective_from, body=tariff.encode()
            ),
            *(
                opening(number, legal_entity=ENTITY, billing_account=person, kind=self.kind)
                for number, person in enumerate(people, 1)
            ),
        )

    def tell(self, *messages: Message) -> None:
        with self.books.transaction() as tx:
            for message in messages:
                tx.emit(message)
        self.relay.drain()

    def make(self, count: int = 5, **changed: object) -> tuple[VoucherBatch, list[str]]:
        """A batch that is the printer's, and its codes."""
        now = self.clock.now()
        new: dict[str, object] = {
            "name": "Spring",
            "entity": ENTITY,
            "face": eur("10"),
            "count": count,
            "expires_at": now + 12 * MONTHS,
            "passphrase": PASSPHRASE,
        }
        with self.books.transaction() as tx:
            batch = vouchers.make_batch(tx, NewBatch(**(new | changed)), by="Eve", now=now)  # type: ignore[arg-type]
            vouchers.approve_batch(tx, batch.id, by="Dan", now=now)
        self.relay.drain()
        with self.books.read() as r:
            sealed = vouchers.sealed_file(r, batch.id)
        with self.books.transaction() as tx:
            digest = hashlib.sha256(sealed).hexdigest()
            batch = vouchers.note_exported(tx, batch.id, sha256=digest, now=now)
        codes = [code for _, code in vouchers.unseal(sealed.splitlines(), PASSPHRASE)]
        return batch, codes

    def sell(self, batch: VoucherBatch, price: str | None = None) -> None:
        with self.books.transaction() as tx:
            vouchers.sell_vouchers(
                tx,
                batch.id,
                first=batch.first,
                last=batch.last,
                dealer=self.kiosk,
                price=None if price is None else eur(price),
                by="Dan",
                now=self.clock.now(),
            )

    def made_and_sold(self, count: int = 5, **changed: object) -> tuple[VoucherBatch, list[str]]:
        batch, codes = self.make(count, **changed)
        self.sell(batch)
        return batch, codes

    def balance(self, person: int) -> charging_domain.Balance:
        with self.charging.read() as r:
            return charging_domain.balance(r, ChargingAccountId(f"cac_{person}"), self.clock.now())

    def money(self, person: int) -> str:
        return str(self.balance(person).money)

    def redeem(self, code: str, person: int = 1, caller: str = "app") -> ChannelTopUp:
        attempt = Attempt(code=code, balance=self.balance(person), caller=caller)
        with self.books.transaction() as tx:
            return vouchers.redeem(tx, attempt, now=self.clock.now())

    def top_up(self, which: ChannelTopUp) -> ChannelTopUp:
        with self.books.read() as r:
            return vouchers.channel_top_up(r, which.id)

    def states(self, batch: VoucherBatch) -> dict[VoucherState, int]:
        with self.books.read() as r:
            return dict(vouchers.voucher_counts(r, [batch.id])[batch.id])

    def ledger(self, account: str) -> str:
        with self.books.read() as r:
            return str(ledger.balance(r, account, "EUR"))

    def check_books(self, *people: int) -> None:
        """The ledger sums to zero; what it says of vouchers, dealers and balances is what those
        say themselves."""
        with self.books.read() as r:
            assert sum(each.amount.micros for each in ledger.trial_balance(r)) == 0
            ids = list(r.execute(vouchers.VOUCHER_BATCHES.select()).scalars())
            owed = 0
            counts = vouchers.voucher_counts(r, ids)
            for batch in vouchers.voucher_batches(r, ids):
                many = counts[batch.id]
                owed += batch.face.micros * sum(
                    many.get(each, 0) for each in (VoucherState.ACTIVE, VoucherState.STOPPED)
                )
                assert sum(many.values()) == batch.made
            assert ledger.balance(r, ledger.VOUCHERS, "EUR").micros == -owed
            kiosk = vouchers.dealer(r, self.kiosk)
            assert ledger.balance(r, ledger.DEALERS, "EUR") == -kiosk.float_
            held = sum(self.balance(each).money.micros for each in people or (1, 2))
            assert ledger.balance(r, ledger.PREPAID, "EUR").micros == -held


__all__ = ["BRAND", "ENTITY", "Town", "eur"]
