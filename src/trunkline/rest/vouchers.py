"""Batches of vouchers and the dealers who sell them, for staff, beyond TM Forum's APIs.

A batch is made by a POST; once it is `sealed` its file is fetched by a POST to its `sealedFile`,
the same file however often, and then declared the printer's by a PATCH of `state` to `exported`
with the file's `sha256`: from then on nobody gets it again. Serial numbers are sold, stopped,
resumed and taken back by a POST to `voucherBatch/{id}/{verb}`. What a dealer has paid in is a POST
to `dealer/{id}/payment`, once for each `reference`. A voucher is known by its serial number: of
its code nothing is told.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

import falcon
import msgspec
import sqlalchemy as sa

from trunkline import vouchers
from trunkline.kernel.errors import Invalid, NotFound
from trunkline.kernel.time import format_instant
from trunkline.ledger import LegalEntityId
from trunkline.platform import audit
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms.voucher_lockouts import Lockouts
from trunkline.rest.forms.wire import Money, MoneyIn, given, placed
from trunkline.tmf import (
    Aggregate,
    Api,
    Entity,
    Moment,
    Number,
    Timestamp,
    Verb,
    Wire,
    amount,
    href,
    wire,
)
from trunkline.tmf.http import Server, read_object, send
from trunkline.vouchers import (
    Dealer,
    DealerState,
    NewBatch,
    NewDealer,
    Voucher,
    VoucherBatch,
    VoucherBatchId,
    VoucherState,
)

BASE = "/trunkline/vouchers/v1"
_BATCHES = f"{BASE}/voucherBatch"
_VOUCHERS = f"{BASE}/voucher"
_DEALERS = f"{BASE}/dealer"
_SCOPE = "vouchers"
_PERCENT = Decimal(10_000)


class BatchForm(Entity, kw_only=True, tag="VoucherBatch"):
    """`vouchers` counts them by state, as far as they are drawn."""

    name: str
    legal_entity: str
    brand: str | None = None
    face: Money
    bonus: Money
    count: int
    first_serial: int
    last_serial: int
    state: str
    state_date: Timestamp
    expires_at: Timestamp
    valid_days: int | None = None
    created_at: Timestamp
    vouchers: dict[str, int]


class BatchCreate(Wire):
    name: str
    legal_entity: str
    face: MoneyIn
    count: int
    expires_at: Moment
    passphrase: str
    bonus: MoneyIn | None = None
    brand: str | None = None
    valid_days: int | None = None


class Exported(Wire):
    state: str
    sha256: str | None = None


class VoucherForm(Entity, kw_only=True, tag="Voucher"):
    serial: int
    batch: str
    state: str
    state_date: Timestamp
    sale: str | None = None
    top_up: str | None = None


class DealerForm(Entity, kw_only=True, tag="Dealer"):
    """`float` is what they have paid in and not sold yet, negative where they owe; `commission`
    is in per cent."""

    name: str
    legal_entity: str
    state: str
    float_: Money = msgspec.field(name="float")
    credit_limit: Money
    commission: Decimal
    keys: tuple[str, ...]
    created_at: Timestamp


class DealerCreate(Wire):
    id: str
    """The party role (TMF669) that they are."""
    legal_entity: str
    currency: str
    credit_limit: MoneyIn | None = None
    commission: Number | None = None
    keys: tuple[str, ...] = ()


class DealerPatch(Wire):
    state: DealerState | msgspec.UnsetType = msgspec.UNSET
    credit_limit: MoneyIn | msgspec.UnsetType = msgspec.UNSET
    commission: Number | msgspec.UnsetType = msgspec.UNSET
    keys: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class Span(Wire):
    first: int
    last: int
    dealer: str | None = None
    price: MoneyIn | None = None


class Changed(Wire):
    """How many vouchers it was, by what they are now."""

    vouchers: dict[str, int]
    sale: str | None = None


class PaidIn(Wire):
    amount: MoneyIn
    reference: str


class NoSuchVerb(NotFound):
    code = "notFound"


Found = tuple[VoucherBatch, dict[str, int]]


def _find_batches(r: Reader, ids: Sequence[str]) -> list[Found]:
    counts = vouchers.voucher_counts(r, ids)
    return [
        (each, {state.value: many for state, many in counts[each.id].items()})
        for each in vouchers.voucher_batches(r, ids)
    ]


def _batch(found: Found) -> BatchForm:
    batch, counts = found
    return BatchForm(
        id=batch.id,
        href=href(_BATCHES, batch.id),
        name=batch.name,
        legal_entity=batch.entity,
        brand=batch.brand,
        face=Money.of(batch.face),
        bonus=Money.of(batch.bonus),
        count=batch.size,
        first_serial=batch.first,
        last_serial=batch.last,
        state=batch.state,
        state_date=format_instant(batch.state_at),
        expires_at=format_instant(batch.expires_at),
        valid_days=batch.valid_days,
        created_at=format_instant(batch.created_at),
        vouchers=counts,
    )


def _make(tx: Tx, new: BatchCreate, now: datetime) -> str:
    with placed({"brand": "brand"}, unknown="legalEntity"):
        return vouchers.make_batch(
            tx,
            NewBatch(
                name=new.name,
                entity=LegalEntityId(new.legal_entity),
                face=new.face.parsed("face.value"),
                bonus=None if new.bonus is None else new.bonus.parsed("bonus.value"),
                count=new.count,
                expires_at=new.expires_at,
                passphrase=new.passphrase,
                brand=new.brand,
                valid_days=new.valid_days,
            ),
            now=now,
        ).id


def _exported(tx: Tx, ident: str, patch: Exported, now: datetime) -> None:
    if patch.state != vouchers.BatchState.EXPORTED:
        raise Invalid("a client may only say exported", path="state")
    if patch.sha256 is None:
        raise Invalid("is required: the SHA-256 of the file that was fetched", path="sha256")
    vouchers.note_exported(tx, VoucherBatchId(ident), sha256=patch.sha256, now=now)


def _find_vouchers(r: Reader, ids: Sequence[str]) -> list[Voucher]:
    return vouchers.vouchers(r, [int(each) for each in ids if each.isascii() and each.isdigit()])


def _voucher(found: Voucher) -> VoucherForm:
    return VoucherForm(
        id=str(found.serial),
        href=href(_VOUCHERS, str(found.serial)),
        serial=found.serial,
        batch=found.batch,
        state=found.state,
        state_date=format_instant(found.changed_at),
        sale=found.sale,
        top_up=found.top_up,
    )


def dealer_form(found: Dealer, base: str = _DEALERS) -> DealerForm:
    return DealerForm(
        id=found.id,
        href=href(base, found.id),
        name=found.name,
        legal_entity=found.entity,
        state=found.state,
        float_=Money.of(found.float_),
        credit_limit=Money.of(found.credit_limit),
        commission=(Decimal(found.commission_ppm) / _PERCENT).normalize() + 0,
        keys=found.keys,
        created_at=format_instant(found.created_at),
    )


def _ppm(percent: Decimal) -> int:
    millionths = percent * _PERCENT
    if not millionths.is_finite() or millionths != int(millionths):
        raise Invalid("has more than 4 decimals", path="commission")
    return int(millionths)


def _add_dealer(tx: Tx, new: DealerCreate, now: datetime) -> str:
    limit = None if new.credit_limit is None else new.credit_limit.parsed("creditLimit.value")
    with placed(unknown="id"):
        return vouchers.add_dealer(
            tx,
            NewDealer(
                role=new.id,
                entity=LegalEntityId(new.legal_entity),
                currency=new.currency,
                credit_limit=limit,
                commission_ppm=0 if new.commission is None else _ppm(new.commission),
                keys=new.keys,
            ),
            now=now,
        ).id


def _change_dealer(tx: Tx, ident: str, patch: DealerPatch, _now: datetime) -> None:
    limit, commission = given(patch.credit_limit), given(patch.commission)
    vouchers.change_dealer(
        tx,
        ident,
        state=given(patch.state),
        credit_limit=None if limit is None else limit.parsed("creditLimit.value"),
        commission_ppm=None if commission is None else _ppm(commission),
        keys=given(patch.keys),
    )


_b, _v, _d = vouchers.VOUCHER_BATCHES.c, vouchers.VOUCHERS.c, vouchers.DEALERS.c
_SERIAL = sa.cast(_v.serial, sa.String)
API = Api(
    number="VOUCHERS",
    title="Vouchers and dealers",
    version="1.0.0",
    base=BASE,
    resources=(
        Aggregate(
            path=_BATCHES,
            type="VoucherBatch",
            key=_b.id,
            paths={
                "name": _b.name,
                "state": _b.state,
                "legalEntity": _b.legal_entity_id,
                "brand": _b.brand_id,
                "face.value": amount(_b.face_micros),
                "face.unit": _b.currency,
                "firstSerial": _b.first_serial,
                "lastSerial": _b.last_serial,
                "expiresAt": _b.expires_at,
                "createdAt": _b.created_at,
            },
            find=_find_batches,
            to_wire=_batch,
            form=BatchForm,
            accepts=BatchCreate,
            create=_make,
            verbs=(Verb(on="state", form=Exported, run=_exported),),
        ),
        Aggregate(
            path=_VOUCHERS,
            type="Voucher",
            key=_SERIAL,
            order=(_v.serial,),
            paths={
                "serial": _v.serial,
                "batch": _v.batch_id,
                "state": _v.state,
                "sale": _v.sale_id,
                "topUp": _v.top_up_id,
                "stateDate": _v.changed_at,
            },
            find=_find_vouchers,
            to_wire=_voucher,
            form=VoucherForm,
        ),
        Aggregate(
            path=_DEALERS,
            type="Dealer",
            key=_d.id,
            paths={
                "name": _d.name,
                "state": _d.state,
                "legalEntity": _d.legal_entity_id,
                "float.value": amount(_d.float_micros),
                "float.unit": _d.currency,
            },
            find=vouchers.dealers,
            to_wire=dealer_form,
            form=DealerForm,
            accepts=DealerCreate,
            create=_add_dealer,
            verbs=(Verb(form=DealerPatch, run=_change_dealer),),
        ),
    ),
)


class SealedFile:
    """A batch's codes, sealed for the printer."""

    scopes: ClassVar = {"POST": f"{_SCOPE}:write"}

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
    """Sells, stops, resumes or takes back the vouchers of a span of serial numbers."""

    scopes: ClassVar = {"POST": f"{_SCOPE}:write"}

    def __init__(self, server: Server) -> None:
        self._server = server
        self._books = server.databases["books"]

    def on_post(self, req: falcon.Request, resp: falcon.Response, ident: str, verb: str) -> None:
        run = _VERBS.get(verb)
        if run is None:
            raise NoSuchVerb(f"a batch has no {verb[:40]!r}, only {', '.join(_VERBS)}")
        span = body_of(self._server, req, Span)
        now = self._server.clock.now()
        with self._books.transaction() as tx:
            tx.caller = req.context.caller
            done = run(tx, VoucherBatchId(ident), span, now)
            audit.record(
                tx,
                who=req.context.caller.identity,
                verb=f"{verb} vouchers",
                what=ident,
                detail={"first": span.first, "last": span.last, "dealer": span.dealer},
                now=now,
            )
        send(resp, wire.encode(done))


def _sell(tx: Tx, batch: VoucherBatchId, span: Span, now: datetime) -> Changed:
    if span.dealer is None:
        raise Invalid("is required", path="dealer")
    price = None if span.price is None else span.price.parsed("price.value")
    with placed(unknown="dealer"):
        sale = vouchers.sell_vouchers(
            tx,
            batch,
            first=span.first,
            last=span.last,
            dealer=span.dealer,
            price=price,
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


_VERBS = {"sell": _sell, "stop": _stop, "resume": _resume, "takeBack": _take_back}


class DealerPayment:
    """What a dealer has paid in."""

    scopes: ClassVar = {"POST": f"{_SCOPE}:write"}

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


def body_of(server: Server, req: falcon.Request, form: type[Any]) -> Any:
    return wire.convert(read_object(req, server.max_body), form)


def add_routes(app: falcon.App[Any, Any], server: Server) -> None:
    """What is beside the resources."""
    app.add_route(f"{_BATCHES}/{{ident}}/sealedFile", SealedFile(server))
    app.add_route(f"{_BATCHES}/{{ident}}/{{verb}}", RangeVerb(server))
    app.add_route(f"{_DEALERS}/{{ident}}/payment", DealerPayment(server))
    app.add_route(f"{BASE}/lockout", Lockouts(server))
