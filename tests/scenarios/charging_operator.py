"""An operator whose network, payments and records reach charging, on real databases."""

from tests.unit.charging.builders import FIVE_GIGABYTES, compiled, opening, plan
from trunkline.charging import (
    ChargingAccountId,
    GroupCommit,
    InstallTariff,
    OpenAccount,
    TopUp,
    post_earnings,
    store,
)
from trunkline.kernel.money import Money
from trunkline.ledger import (
    CASH,
    PREPAID,
    Entry,
    Posting,
    create_legal_entity,
    post,
    trial_balance,
)
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.messages import Message
from trunkline.platform.relay import Relay
from trunkline.rating import Tariff


class Operator:
    """Both databases and their relay, with one legal entity."""

    def __init__(self, books: Database, charging: Database, relay: Relay, clock: DrivenClock):
        self.books, self.charging, self.relay, self.clock = books, charging, relay, clock
        self.network = GroupCommit(charging)
        with books.transaction() as tx:
            self.entity = create_legal_entity(
                tx,
                name="Fjord Mobile",
                country="SE",
                currency="EUR",
                tax_number="SE1",
                invoice_prefix="F",
                now=clock.now(),
            )
        self.install(compiled(plan(FIVE_GIGABYTES, id_="rich"), plan()))

    def tell(self, *messages: Message) -> None:
        with self.books.transaction() as tx:
            for message in messages:
                tx.emit(message)
        self.relay.drain()

    def install(self, tariff: Tariff) -> None:
        self.tell(
            InstallTariff(
                version=tariff.version,
                effective_from=tariff.effective_from,
                body=tariff.encode(),
            )
        )

    def open(self, number: int, **changed: object) -> OpenAccount:
        command = opening(number, legal_entity=self.entity, **changed)
        self.tell(command)
        return command

    def top_up(self, number: int, amount: str, payment: str) -> None:
        """As payments does: the money into the books, the command to charging."""
        money = Money.of(amount, "EUR")
        with self.books.transaction() as tx:
            post(
                tx,
                Entry(
                    self.entity,
                    "topUp",
                    payment,
                    (Posting(CASH, money), Posting(PREPAID, -money)),
                    "Top-up",
                    self.clock.now(),
                ),
                self.clock.now(),
            )
            tx.emit(
                TopUp(payment_id=payment, account=ChargingAccountId(f"cac_{number}"), amount=money)
            )
        self.relay.drain()

    def post_earnings(self) -> int:
        """As the jobs do every few seconds."""
        with self.charging.transaction() as tx:
            posted = post_earnings(tx, self.clock.now())
        self.relay.drain()
        return posted

    def ledger(self, account: str) -> int:
        with self.books.read() as r:
            found = [each for each in trial_balance(r) if each.account == account]
        return sum(each.amount.micros for each in found)

    def money(self, number: int) -> int:
        with self.charging.read() as r:
            found = store.account(r, f"cac_{number}")
        assert found is not None
        return found.state.money

    @property
    def epoch(self) -> int:
        return int(self.clock.now().timestamp())
