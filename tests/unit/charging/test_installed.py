"""Tariffs that a database has installed."""

from tests.unit.charging.builders import compiled, plan
from trunkline.charging.events import InstallTariff
from trunkline.charging.installed import installed_tariffs
from trunkline.charging.operations import install_tariff
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database


def test_a_version_is_decoded_once_however_many_transactions_ask(
    charging: Database, clock: DrivenClock
) -> None:
    first = compiled(plan())
    with charging.transaction() as tx:
        command = InstallTariff(
            version=first.version, effective_from=first.effective_from, body=first.encode()
        )
        install_tariff(tx, command, clock.now())
    found = []
    for _ in range(2):
        with charging.read() as r:
            found.append(installed_tariffs(r).version(first.version))
    assert found[0] is found[1]
