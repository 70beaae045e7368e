"""What is done to vouchers and dealers by other means than a resource's own: a batch's sealed
file, spans of serial numbers, what dealers pay in, and who is locked out."""

from datetime import datetime
from typing import Any, ClassVar

import falcon

from trunkline import vouchers
from trunkline.kernel.errors import Invalid, NotFound
from trunkline.kernel.time import format_instant
from trunkline.platform import audit
from trunkline.platform.db import Tx
from trunkline.rest.forms.dealers import DEALERS, VOUCHER_BASE, DealerForm, dealer_form
from trunkline.rest.forms.described import in_path, in_query, operation
from trunkline.rest.forms.wire import MoneyIn, placed
from trunkline.tmf import Timestamp, Wire, wire
from trunkline.tmf.http import Server, read_object, send
from trunkline.vouchers import VoucherBatchId, VoucherState

BATCHES = f"{VOUCHER_BASE}/voucherBatch"
_LOCKOUTS = f"{VOUCHER_BASE}/lockout"
_READ, _WRITE = "vouchers:read", "vouchers:write"


class Span(Wire):
    first: int
    last: int


class Sold(Wire):
    first: int
    last: int
    dealer: str
    price: MoneyIn | None = None


class Changed(Wire):
    """How many vouchers it was, by what they are now."""

    vouchers: dict[str, int]
    sale: str | None = None


class PaidIn(Wire):
    amount: MoneyIn
    reference: str


class LockoutForm(Wire):
    who: str
    failures: int
    until: Timestamp


class NoSuchVerb(NotFound):
    code = "notFound"


class SealedFile:
    """A batch's codes, sealed for the printer."""

    scopes: ClassVar = {"POST": _WRITE}

    def __init__(self, server: Server) -> None:
        self._books = server.databases["books"]
        self._clock = server.clock

    def on_post(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        with self._books.transaction() as tx:
            sealed = vouchers.sealed_file(tx, VoucherBatchId(ident))
            now = self._clock.now()
            who = req.context.caller.identity
            audit.record(tx, who=who, verb="fetch sealed vouchers", what=ident, now=now)
        resp.content_type = "application/octet-stream"
        resp.downloadable_as = f"{ident}.sealed"
        resp.data = sealed


class RangeVerb:
    """Sells, stops, resumes, takes back or writes off the vouchers of a span of serial numbers."""

    scopes: ClassVar = {"POST": _WRITE}

    def __init__(self, server: Server) -> None:
        self._server = server
        self._books = server.databases["books"]

    def on_post(self, req: falcon.Request, resp: falcon.Response, ident: str, verb: str) -> None:
        form, run = _VERBS.get(verb, (None, None))
        if form is None or run is None:
            raise NoSuchVerb(f"a batch has no {verb[:40]!r}, only {', '.join(_VERBS)}")
        span = body_of(self._server, req, form)
        now = self._server.clock.now()
        with self._books.transaction() as tx:
            tx.caller = req.context.caller
            done = run(tx, VoucherBatchId(ident), span, now)
            audit.record(
                tx,
                who=req.context.caller.identity,
                verb=f"{verb} vouchers",
                what=ident,
                detail={"first": span.first, "last": span.last}
                | ({"dealer": span.dealer} if isinstance(span, Sold) else {}),
                now=now,
            )
        send(resp, wire.encode(done))


def _sell(tx: Tx, batch: VoucherBatchId, span: Sold, now: datetime) -> Changed:
    price = None if span.price is None else span.price.parsed("price.value")
    with placed(unknown="dealer"):
        sale = vouchers.sell_vouchers(
            tx,
            batch,
            first=span.first,
            last=span.last,
            dealer=span.dealer,
            price=price,
            by=caller_of(tx),
            now=now,
        )
    return Changed({VoucherState.ACTIVE.value: sale.count}, sale.id)


def _stop(tx: Tx, batch: VoucherBatchId, span: Span, now: datetime) -> Changed:
    stopped, void = vouchers.stop_vouchers(tx, batch, first=span.first, last=span.last, now=now)
    return Changed({VoucherState.STOPPED.value: stopped, VoucherState.VOID.value: void})


def _resume(tx: Tx, batch: VoucherBatchId, span: Span, now: datetime) -> Changed:
    many = vouchers.resume_vouchers(tx, batch, first=span.first, last=span.last, now=now)
    return Changed({VoucherState.ACTIVE.value: many})


def _take_back(tx: Tx, batch: VoucherBatchId, span: Span, now: datetime) -> Changed:
    sale = vouchers.take_back_vouchers(tx, batch, first=span.first, last=span.last, now=now)
    return Changed({VoucherState.VOID.value: span.last - span.first + 1}, sale.id)


def _write_off(tx: Tx, batch: VoucherBatchId, span: Span, now: datetime) -> Changed:
    many = vouchers.write_off_vouchers(tx, batch, first=span.first, last=span.last, now=now)
    return Changed({VoucherState.VOID.value: many})


_VERBS: dict[str, tuple[type[Any], Any]] = {
    "sell": (Sold, _sell),
    "stop": (Span, _stop),
    "resume": (Span, _resume),
    "takeBack": (Span, _take_back),
    "writeOff": (Span, _write_off),
}
_SAID = {
    "sell": "Gives a dealer vouchers: they are good from now on, and the dealer owes the price",
    "stop": "Holds back those that are sold, and ends those that aren't",
    "resume": "Those that were stopped are good again",
    "takeBack": "Takes back, of one sale, what nobody has redeemed",
    "writeOff": "Ends for ever what was held back for long: what was owed is earned",
}


class DealerPayment:
    """What a dealer has paid in."""

    scopes: ClassVar = {"POST": _WRITE}

    def __init__(self, server: Server) -> None:
        self._server = server
        self._books = server.databases["books"]

    def on_post(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        paid = body_of(self._server, req, PaidIn)
        now = self._server.clock.now()
        with self._books.transaction() as tx:
            tx.caller = req.context.caller
            dealer = vouchers.receive_dealer_payment(
                tx,
                ident,
                amount=paid.amount.parsed("amount.value"),
                reference=paid.reference,
                now=now,
            )
            who = req.context.caller.identity
            audit.record(tx, who=who, verb="receive dealer payment", what=ident, now=now)
        send(resp, wire.encode(dealer_form(dealer)))


class Lockouts:
    """Who is refused for having tried wrong codes; DELETE `?who=` lets them try again."""

    scopes: ClassVar = {"GET": _READ, "DELETE": _WRITE}

    def __init__(self, server: Server) -> None:
        self._server = server
        self._books = server.databases["books"]

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        with self._books.read() as r:
            found = vouchers.locked_out(r, now=self._server.clock.now())
        told = [
            LockoutForm(who=each.who, failures=each.failures, until=format_instant(each.until))
            for each in found
        ]
        send(resp, wire.encode(told))

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        who = req.get_param("who", required=True)
        if not who.isprintable():
            raise Invalid("has a character that can't be printed", path="who")
        with self._books.transaction() as tx:
            vouchers.release(tx, who)
            now = self._server.clock.now()
            caller = req.context.caller.identity
            audit.record(tx, who=caller, verb="let try vouchers again", what=who[:200], now=now)
        resp.status = 204


def caller_of(tx: Tx) -> str:
    assert tx.caller is not None, "the guard lets nobody through"
    return tx.caller.identity


def body_of(server: Server, req: falcon.Request, form: type[Any]) -> Any:
    return wire.convert(read_object(req, server.max_body), form)


def paths() -> dict[str, Any]:
    """These in the OpenAPI document."""
    binary = {"type": "string", "contentMediaType": "application/octet-stream"}
    sealed = {
        "description": "The sealed file, the same however often",
        "content": {"application/octet-stream": {"schema": binary}},
    }
    found: dict[str, Any] = {
        f"{BATCHES}/{{id}}/sealedFile": {
            "parameters": in_path("id"),
            "post": operation(
                "VOUCHERS", "fetchSealedVouchers", "Fetch a batch's sealed file",
                scope=_WRITE, answers={"200": sealed},
            ),
        },
        f"{DEALERS}/{{id}}/payment": {
            "parameters": in_path("id"),
            "post": operation(
                "VOUCHERS", "receiveDealerPayment", "What a dealer has paid in",
                note="The same `reference` counts once.", scope=_WRITE, takes=PaidIn,
                example={"amount": _TEN, "reference": "bank-2027-01-17"},
                answers={"200": DealerForm},
            ),
        },
        _LOCKOUTS: {
            "get": operation(
                "VOUCHERS", "listVoucherLockouts", "Who is refused for having tried wrong codes",
                scope=_READ, answers={"200": list[LockoutForm]},
            ),
            "delete": operation(
                "VOUCHERS", "releaseVoucherLockout", "Let somebody try again",
                scope=_WRITE, answers={"204": {"description": "They may"}},
                parameters=[in_query("who", "As the list names them.", required=True)],
            ),
        },
    }  # fmt: skip
    for verb, (form, _) in _VERBS.items():
        example = {"first": 1, "last": 1000}
        found[f"{BATCHES}/{{id}}/{verb}"] = {
            "parameters": in_path("id"),
            "post": operation(
                "VOUCHERS", f"{verb}Vouchers", _SAID[verb], scope=_WRITE, takes=form,
                example=example | ({"dealer": "rol_1", "price": _TEN} if form is Sold else {}),
                answers={"200": Changed},
            ),
        }  # fmt: skip
    return found


_TEN = {"unit": "EUR", "value": 9.5}


def add_routes(app: falcon.App[Any, Any], server: Server) -> None:
    app.add_route(f"{BATCHES}/{{ident}}/sealedFile", SealedFile(server))
    app.add_route(f"{BATCHES}/{{ident}}/{{verb}}", RangeVerb(server))
    app.add_route(f"{DEALERS}/{{ident}}/payment", DealerPayment(server))
    app.add_route(_LOCKOUTS, Lockouts(server))
