"""A light MVNO: no gateway asks charging; usage comes by files, and the host's network is told what
to stop."""

from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import imsi
from trunkline import inventory, usage
from trunkline.inventory import NewProduct, NewService, ProductId, ProductStatus, ServiceState
from trunkline.network import Answer, Instruction, InstructionState, NetworkUnavailable

INSTEAD = {
    "charging.roaming_spent",
    "charging.arrived_abroad",
    "charging.threshold_reached",
    "billing.product_created",
}
"""Reactions of those whom this operator does without."""


class Host:
    """The host's activation system: carries out what it is told, unless it refuses or is away."""

    def __init__(self) -> None:
        self.told: list[str] = []
        """Data abroad by the word alone."""
        self.characteristics: dict[str, dict[str, str]] = {}
        """That it has, by service."""
        self.refuses = ""
        self.away = False

    def carry_out(self, instruction: Instruction) -> Answer:
        if self.away:
            raise NetworkUnavailable("can't be reached")
        wish = instruction.wish
        if wish.verb == "modify":
            had = self.characteristics.get(wish.service, {})
            changed = {
                name: str(word)
                for name, word in wish.characteristics.items()
                if name in usage.CHARACTERISTICS.values() and had.get(name) != word
            }
            self.told += [
                word if name == "dataRoaming" else f"{name} {word}"
                for name, word in sorted(changed.items())
            ]
            if not self.refuses:
                self.characteristics[wish.service] = had | changed
        else:
            self.told.append(str(wish.verb))
        if self.refuses:
            return Answer(state=InstructionState.REFUSED, reason=self.refuses)
        return Answer(state=InstructionState.DONE, remote=wish.service)

    def ask(self, instruction: Instruction) -> Answer:
        raise AssertionError("it answers at once")

    def state_of(self, remote: str) -> str | None:
        raise AssertionError("nobody asks")


def sell_line(operator: Operator, number: int) -> None:
    """An active line of the charging account of this number."""
    product, now = ProductId(f"cac_{number}"), operator.clock.now()
    with operator.books.transaction() as tx:
        inventory.create_products(
            tx,
            [
                NewProduct(
                    id=product,
                    name="Mobile",
                    offering="off",
                    offering_name="Mobile",
                    customer="cus",
                    billing_account=f"bac_{number}",
                    prices=(),
                    status=ProductStatus.ACTIVE,
                    start_date=now,
                )
            ],
            now=now,
        )
        inventory.create_services(
            tx,
            [
                NewService(
                    product=product,
                    customer="cus",
                    name="Mobile line",
                    characteristics={"imsi": imsi(number)},
                    state=ServiceState.ACTIVE,
                )
            ],
            now=now,
        )
