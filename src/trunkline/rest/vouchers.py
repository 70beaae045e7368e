"""Batches of vouchers and the dealers who sell them, for staff, beyond TM Forum's APIs.

A batch is asked for by a POST; somebody else approves of it by a PATCH of `state` to `generating`,
or declines (unless the operator's settings do without four eyes). Once it is `sealed` its file is
fetched by a POST to its `sealedFile`, the same file however often, and then declared the printer's
by a PATCH of `state` to `exported` with the file's `sha256`: from then on nobody gets it again.
Serial numbers are sold, stopped, resumed, taken back and written off by a POST to
`voucherBatch/{id}/{verb}`; one voucher is stopped and resumed by a PATCH of its `state`. What a
dealer has paid in is a POST to `dealer/{id}/payment`, once for each `reference`. A voucher is known
by its serial number: of its code nothing is told. What dealers sell at their tills is read here, of
all of them, as `retailTopUp`.

The hub tells of batches, of single vouchers that are redeemed, stopped or resumed (a span is told
as a change of its batch), of dealers and of what they sell.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from trunkline import vouchers
from trunkline.charging import BucketGrant
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import format_instant
from trunkline.ledger import LegalEntityId
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms.dealers import (
    DEALERS,
    VOUCHER_BASE,
    DealerCreate,
    DealerForm,
    DealerPatch,
    RetailForm,
    add_dealer,
    change_dealer,
    dealer_form,
    retail_form,
)
from trunkline.rest.forms.voucher_routes import BATCHES, add_routes, caller_of, paths
from trunkline.rest.forms.wire import Money, MoneyIn, placed
from trunkline.tmf import (
    Aggregate,
    Api,
    Entity,
    Moment,
    Timestamp,
    Verb,
    Wire,
    amount,
    href,
)
from trunkline.vouchers import (
    BatchState,
    Channel,
    ChannelTopUp,
    NewBatch,
    Voucher,
    VoucherBatch,
    VoucherBatchId,
    VoucherState,
)

__all__ = ["API", "add_routes"]

_VOUCHERS = f"{VOUCHER_BASE}/voucher"
_RETAIL = f"{VOUCHER_BASE}/retailTopUp"
_LONGEST_SERIAL = 18
"""Digits."""


class BonusBucket(Wire):
    """Units of a service (TMF654's `usageType`) that are given beside the money: `amount` in its
    unit, bytes, seconds or messages."""

    usage_type: str
    amount: int
    valid_days: int
    name: str


class BatchForm(Entity, kw_only=True, tag="VoucherBatch"):
    """`vouchers` counts them by state, as far as they are drawn."""

    name: str
    legal_entity: str
    brand: str | None = None
    face: Money
    bonus: Money
    bonus_bucket: tuple[BonusBucket, ...] = ()
    count: int
    first_serial: int
    last_serial: int
    state: str
    state_date: Timestamp
    expires_at: Timestamp
    valid_days: int | None = None
    created_at: Timestamp
    asked_by: str | None = None
    approved_by: str | None = None
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
    bonus_bucket: tuple[BonusBucket, ...] = ()


class BatchPatch(Wire):
    state: BatchState
    sha256: str | None = None


class VoucherPatch(Wire):
    state: VoucherState


class VoucherForm(Entity, kw_only=True, tag="Voucher"):
    serial: int
    batch: str
    state: str
    state_date: Timestamp
    sale: str | None = None
    top_up: str | None = None


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
        href=href(BATCHES, batch.id),
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
        bonus_bucket=tuple(
            BonusBucket(
                usage_type=each.service, amount=each.units, valid_days=each.days, name=each.name
            )
            for each in batch.gifts
        ),
        asked_by=batch.asked_by,
        approved_by=batch.approved_by,
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
                gifts=tuple(
                    BucketGrant(each.usage_type, each.amount, each.valid_days, each.name)
                    for each in new.bonus_bucket
                ),
            ),
            by=caller_of(tx),
            now=now,
        ).id


def _move(tx: Tx, ident: str, patch: BatchPatch, now: datetime) -> None:
    batch = VoucherBatchId(ident)
    if patch.state is BatchState.GENERATING:
        vouchers.approve_batch(tx, batch, by=caller_of(tx), now=now)
        return
    if patch.state is BatchState.DECLINED:
        vouchers.decline_batch(tx, batch, now=now)
        return
    if patch.state is not BatchState.EXPORTED:
        raise Invalid("a client may say generating, declined or exported", path="state")
    if patch.sha256 is None:
        raise Invalid("is required: the SHA-256 of the file that was fetched", path="sha256")
    vouchers.note_exported(tx, batch, sha256=patch.sha256, now=now)


def _find_vouchers(r: Reader, ids: Sequence[str]) -> list[Voucher]:
    numbers = [
        int(each)
        for each in ids
        if each.isascii() and each.isdigit() and len(each) <= _LONGEST_SERIAL
    ]
    return vouchers.vouchers(r, numbers)


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


def _stop_or_resume(tx: Tx, ident: str, patch: VoucherPatch, now: datetime) -> None:
    vouchers.change_voucher(tx, int(ident), to=patch.state, now=now)


def _find_retail(r: Reader, ids: Sequence[str]) -> list[ChannelTopUp]:
    return [each for each in vouchers.channel_top_ups(r, ids) if each.channel is Channel.RETAIL]


def _retail(found: ChannelTopUp) -> RetailForm:
    return retail_form(found, _RETAIL)


_b, _v, _d = vouchers.VOUCHER_BATCHES.c, vouchers.VOUCHERS.c, vouchers.DEALERS.c
_t = vouchers.CHANNEL_TOP_UPS.c
_SERIAL = sa.cast(_v.serial, sa.String)
API = Api(
    number="VOUCHERS",
    title="Vouchers and dealers",
    version="1.0.0",
    base=VOUCHER_BASE,
    resources=(
        Aggregate(
            path=BATCHES,
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
            verbs=(Verb(on="state", form=BatchPatch, run=_move),),
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
            verbs=(Verb(on="state", form=VoucherPatch, run=_stop_or_resume),),
        ),
        Aggregate(
            path=DEALERS,
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
            create=add_dealer,
            verbs=(Verb(form=DealerPatch, run=change_dealer),),
        ),
        Aggregate(
            path=_RETAIL,
            type="RetailTopUp",
            key=_t.id,
            where=_t.channel == Channel.RETAIL.value,
            paths={
                "dealer": _t.dealer_id,
                "reference": _t.reference,
                "product": _t.account,
                "state": _t.state,
                "amount.value": amount(_t.amount_micros),
                "amount.unit": _t.currency,
                "requestedDate": _t.requested_at,
                "confirmationDate": _t.confirmed_at,
                "reversalDate": _t.reversed_at,
            },
            find=_find_retail,
            to_wire=_retail,
            form=RetailForm,
        ),
    ),
    beside=paths(),
)
