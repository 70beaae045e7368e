"""An operator with one tariff, so that a gateway has somebody to ask for."""

from datetime import datetime, timedelta

from tests.unit.charging.builders import compiled, opening
from trunkline.charging import (
    ChargingAccountId,
    GrantPolicy,
    GroupCommit,
    InstallTariff,
    explain,
    operations,
    queries,
)
from trunkline.charging.journal import RecordKind
from trunkline.diameter import GySettings
from trunkline.kernel.money import Money
from trunkline.platform.db import Database
from trunkline.rating import PlanSource

SETTINGS = GySettings("ocs.localdomain", "localdomain", port=0, drain=0.2)
ACCOUNT = ChargingAccountId("cac_1")


class Operator:
    """Data costs a cent for each megabyte begun; one account asks."""

    def __init__(
        self,
        charging: Database,
        now: datetime,
        policy: GrantPolicy | None = None,
        *plans: PlanSource,
    ) -> None:
        self._charging = charging
        self._now = now
        self.attempt = GroupCommit(charging, policy=policy or GrantPolicy()).attempt
        tariff = compiled(*plans)
        with charging.transaction() as tx:
            install = InstallTariff(
                version=tariff.version,
                effective_from=tariff.effective_from,
                body=tariff.encode(),
            )
            operations.install_tariff(tx, install, now)

    def open(self, *identities: tuple[str, str], money: str) -> None:
        """The account, since yesterday."""
        command = opening(
            1, account=ACCOUNT, identities=identities, opened_at=self._now - timedelta(days=1)
        )
        with self._charging.transaction() as tx:
            operations.open_account(tx, command)
            operations.top_up(
                tx, ACCOUNT, payment_id="pay_1", amount=Money.of(money, "EUR"), now=self._now
            )

    def top_up(self, money: str, payment: str = "pay_2") -> None:
        with self._charging.transaction() as tx:
            operations.top_up(
                tx, ACCOUNT, payment_id=payment, amount=Money.of(money, "EUR"), now=self._now
            )

    @property
    def balance(self) -> queries.Balance:
        with self._charging.read() as r:
            return queries.balance(r, ACCOUNT, self._now)

    @property
    def usage(self) -> list[queries.RecordLine]:
        """The usage records, in the order of the journal."""
        with self._charging.read() as r:
            lines = queries.records(r, ACCOUNT, limit=1000)
        return sorted(
            (each for each in lines if each.kind is RecordKind.USAGE), key=lambda line: line.seq
        )

    @property
    def charges(self) -> list[tuple[int, int]]:
        """(units, micros) of each usage record."""
        return [(each.units, each.charge.micros) for each in self.usage]

    def check(self) -> None:
        """Nothing is open or reserved; the balance is what the journal says; every record is
        what running it again gives."""
        balance = self.balance
        assert balance.open_sessions == 0
        assert not balance.reserved
        with self._charging.read() as r:
            lines = queries.records(r, ACCOUNT, limit=1000)
            assert balance.money.micros == -sum(line.charge.micros for line in lines)
            for line in lines:
                explained = explain(r, ACCOUNT, line.seq)
                assert explained.holds, explained.differences
