"""Top-ups at a dealer's till, beyond TM Forum's APIs.

A dealer's program calls with an API key that is the dealer's (`keys` of the dealer) and has the
scopes `retail:read` and `retail:write`: it sells from that dealer's float, and sees that dealer's
top-ups only. Staff's key, which is no dealer's and has the scopes of vouchers too
(`vouchers:read`, `vouchers:write`), names the dealer; one that is no dealer's any more reaches
nobody's. `reference` is the dealer's own name for a top-up: sent again, it answers with what
stands, and sells nothing twice.
The subscriber is known by `msisdn`, or by `product`. A top-up is taken back by a POST to
`topUp/{id}/reversal`, for a day and as far as the balance still has it.
"""

from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar

import falcon

from trunkline import charging, vouchers
from trunkline.charging import Balance, ChargingAccountId, UnknownChargingAccount
from trunkline.kernel.errors import Invalid
from trunkline.platform import audit
from trunkline.platform.db import Reader
from trunkline.rest.forms.dealers import DealerForm, RetailForm, dealer_form, retail_form
from trunkline.rest.forms.described import in_path, in_query, operation
from trunkline.rest.forms.voucher_routes import body_of
from trunkline.rest.forms.wire import MoneyIn, placed
from trunkline.tmf import Api, Wire, href, wire
from trunkline.tmf.http import Server, send
from trunkline.vouchers import Channel, ChannelTopUp, NotADealer, TopUpState, UnknownTopUp

BASE = "/trunkline/retail/v1"
_TOP_UPS = f"{BASE}/topUp"


class RetailCreate(Wire):
    reference: str
    amount: MoneyIn
    msisdn: str | None = None
    product: str | None = None
    dealer: str | None = None


def _form(found: ChannelTopUp) -> RetailForm:
    return retail_form(found, _TOP_UPS)


class _Route:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._books = server.databases["books"]
        self._charging = server.databases["charging"]

    def _dealer(self, r: Reader, req: falcon.Request, named: str | None) -> str:
        caller = req.context.caller
        for_all = caller.may("vouchers:read" if req.method == "GET" else "vouchers:write")
        return vouchers.acting_dealer(r, key=caller.key, named=named, for_all=for_all)

    def _own(self, r: Reader, req: falcon.Request, ident: str) -> ChannelTopUp:
        """Of another dealer's nothing is known."""
        found = vouchers.channel_top_up(r, ident)
        if found.channel is Channel.RETAIL:
            with suppress(NotADealer):
                self._dealer(r, req, found.dealer)
                return found
        raise UnknownTopUp(f"there is no top-up {ident[:60]}")


class TopUps(_Route):
    """POST sells one; GET finds one by the dealer's `reference`."""

    scopes: ClassVar = {"GET": "retail:read", "POST": "retail:write"}

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        reference = req.get_param("reference", required=True)
        with self._books.read() as r:
            dealer = self._dealer(r, req, req.get_param("dealer"))
            found = vouchers.retail_by_reference(r, dealer, reference)
        send(resp, wire.encode([] if found is None else [_form(found)]))

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        new: RetailCreate = body_of(self._server, req, RetailCreate)
        now = self._server.clock.now()
        with self._charging.read() as r:
            balance = _balance(r, new, now)
        with self._books.transaction() as tx:
            tx.caller = req.context.caller
            with placed({"dealer": "dealer", "account": "msisdn"}):
                made = vouchers.sell_top_up(
                    tx,
                    self._dealer(tx, req, new.dealer),
                    balance=balance,
                    amount=new.amount.parsed("amount.value"),
                    reference=new.reference,
                    caller=req.context.caller.identity,
                    now=now,
                )
            who = req.context.caller.identity
            audit.record(tx, who=who, verb="sell top-up", what=made.id, now=now)
        resp.status = 201
        resp.location = href(_TOP_UPS, made.id)
        send(resp, wire.encode(_form(made)))


class TopUp(_Route):
    scopes: ClassVar = {"GET": "retail:read"}

    def on_get(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        with self._books.read() as r:
            send(resp, wire.encode(_form(self._own(r, req, ident))))


class Reversal(_Route):
    """POST asks a top-up back: `reversing` until charging has given it up."""

    scopes: ClassVar = {"POST": "retail:write"}

    def on_post(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        now = self._server.clock.now()
        with self._books.transaction() as tx:
            tx.caller = req.context.caller
            self._own(tx, req, ident)
            made = vouchers.reverse_top_up(tx, ident, now=now)
            who = req.context.caller.identity
            audit.record(tx, who=who, verb="reverse top-up", what=ident, now=now)
        resp.status = 202 if made.state is TopUpState.REVERSING else 200
        send(resp, wire.encode(_form(made)))


class OwnDealer(_Route):
    """A dealer's float and terms."""

    scopes: ClassVar = {"GET": "retail:read"}

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        with self._books.read() as r:
            found = vouchers.dealer(r, self._dealer(r, req, req.get_param("dealer")))
        send(resp, wire.encode(dealer_form(found)))


def _balance(r: Reader, new: RetailCreate, now: datetime) -> Balance:
    """The balance of whoever has the number now, or of the product."""
    if (new.msisdn is None) == (new.product is None):
        raise Invalid("one of msisdn and product is required", path="msisdn")
    if new.product is not None:
        with placed(unknown="product"):
            return charging.balance(r, ChargingAccountId(new.product), now)
    assert new.msisdn is not None
    digits = new.msisdn.strip().removeprefix("+")
    account = charging.account_of(r, ("msisdn", digits), now)
    if account is None:
        raise UnknownChargingAccount("nobody has this number", path="msisdn")
    return charging.balance(r, account, now)


def _paths() -> dict[str, Any]:
    example = {
        "reference": "till-7/1042",
        "amount": {"unit": "EUR", "value": 20},
        "msisdn": "+46700000001",
    }
    of_dealer = in_query("dealer", "For whom, where the key is staff's.")
    named = in_query("reference", "The dealer's own name for it.", required=True)
    read, write = "retail:read", "retail:write"
    return {
        _TOP_UPS: {
            "get": operation(
                "RETAIL", "findRetailTopUp", "Find a top-up by the dealer's reference",
                note="None or one.", scope=read, answers={"200": list[RetailForm]},
                parameters=[named, of_dealer],
            ),
            "post": operation(
                "RETAIL", "sellTopUp", "Sell a top-up",
                note="The same `reference` sells once. One of `msisdn` and `product` is given.",
                scope=write, takes=RetailCreate, example=example, answers={"201": RetailForm},
            ),
        },
        f"{_TOP_UPS}/{{id}}": {
            "parameters": in_path("id"),
            "get": operation(
                "RETAIL", "retrieveSoldTopUp", "Retrieve a top-up", scope=read,
                answers={"200": RetailForm},
            ),
        },
        f"{_TOP_UPS}/{{id}}/reversal": {
            "parameters": in_path("id"),
            "post": operation(
                "RETAIL", "reverseTopUp", "Ask a top-up back",
                note="For a day, and as far as the balance still has it: 202 while charging is "
                "asked.",
                scope=write, answers={"200": RetailForm, "202": RetailForm},
            ),
        },
        f"{BASE}/dealer": {
            "get": operation(
                "RETAIL", "retrieveOwnDealer", "A dealer's float and terms", scope=read,
                answers={"200": DealerForm}, parameters=[of_dealer],
            ),
        },
    }  # fmt: skip


API = Api(
    number="RETAIL",
    title="Top-ups at dealers' tills",
    version="1.0.0",
    base=BASE,
    resources=(),
    beside=_paths(),
    hub=False,
)


def add_routes(app: falcon.App[Any, Any], server: Server) -> None:
    app.add_route(_TOP_UPS, TopUps(server))
    app.add_route(f"{_TOP_UPS}/{{ident}}", TopUp(server))
    app.add_route(f"{_TOP_UPS}/{{ident}}/reversal", Reversal(server))
    app.add_route(f"{BASE}/dealer", OwnDealer(server))
