"""A process that redeems codes for a person until it is killed: BOOKS CHARGING INSTANT CODE ..."""

import sys
from datetime import datetime

from tests.scenarios.voucher_town import KEY
from trunkline import charging, vouchers
from trunkline.app import REACTIONS
from trunkline.charging import ChargingAccountId
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, books_metadata, charging_metadata
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay
from trunkline.vouchers import Attempt, VoucherKeys


def main(books_url: str, charging_url: str, instant: str, codes: list[str]) -> None:
    clock, routes = DrivenClock(datetime.fromisoformat(instant)), Routes(REACTIONS)
    books = Database(books_url, metadata=books_metadata, routes=routes, clock=clock)
    charged = Database(charging_url, metadata=charging_metadata, routes=routes, clock=clock)
    vouchers.keep_keys(books, lambda: VoucherKeys.of([KEY]))
    relay = Relay({"books": books, "charging": charged}, routes, clock, hold=0.0)
    with charged.read() as r:
        balance = charging.balance(r, ChargingAccountId("cac_1"), clock.now())
    for number, code in enumerate(codes):
        with books.transaction() as tx:
            done = vouchers.redeem(
                tx, Attempt(code=code, balance=balance, caller="app"), now=clock.now()
            )
        print(done.state, flush=True)  # noqa: T201
        if number % 3 == 0:
            relay.drain()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
