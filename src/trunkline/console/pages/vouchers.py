"""Vouchers: batches and who approves of them, one voucher by its serial number, and who is locked
out for having tried wrong codes. Codes are shown nowhere: nobody here has them."""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

import falcon

from trunkline import customers, vouchers
from trunkline.console.web import Console, Desk, form
from trunkline.kernel.errors import Invalid
from trunkline.platform import audit
from trunkline.platform.db import Reader
from trunkline.vouchers import BatchState, Voucher, VoucherBatch, VoucherBatchId, VoucherState

MOST = 50
"""Batches and lock-outs that the page shows."""
_LONGEST = 18
"""Digits of a serial number."""
PAGE = "/console/vouchers"


class Vouchers:
    """The latest batches, and who is locked out; a serial number leads to its voucher."""

    scopes: ClassVar[dict[str, str]] = {"GET": "vouchers:read", "POST": "vouchers:write"}

    def __init__(self, console: Console) -> None:
        self._console = console

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        desk: Desk = req.context.desk
        typed = desk.query("serial").strip()
        with self._console.books.read() as r:
            serial = _serial(typed)
            if serial is not None and vouchers.vouchers(r, [serial]):
                resp.status = falcon.HTTP_303
                resp.location = f"{PAGE}/{serial}"
                return
            batches = _batches(r)
            locked = vouchers.locked_out(r, now=desk.now, limit=MOST)
        desk.page(resp, "vouchers.html", "vouchers", batches=batches, locked=locked, serial=typed)

    def on_post_batch(self, req: falcon.Request, resp: falcon.Response, batch: str) -> None:
        """Approves of a batch that somebody else asked for, or declines it."""
        desk: Desk = req.context.desk
        known = VoucherBatchId.parse(batch, path="batch")
        verb = form(req).get("verb", "")
        with self._console.books.transaction() as tx:
            if verb == "approve":
                vouchers.approve_batch(tx, known, by=desk.user, now=desk.now)
            elif verb == "decline":
                vouchers.decline_batch(tx, known, now=desk.now)
            else:
                raise Invalid("is approve or decline", path="verb")
            audit.record(tx, who=desk.user, verb=f"{verb} vouchers", what=known, now=desk.now)
        desk.go(resp, PAGE, "batch-decided")

    def on_post_release(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Lets somebody try again."""
        desk: Desk = req.context.desk
        who = form(req).get("who", "")
        with self._console.books.transaction() as tx:
            vouchers.release(tx, who)
            audit.record(
                tx, who=desk.user, verb="let try vouchers again", what=who[:200], now=desk.now
            )
        desk.go(resp, PAGE, "released")


class OneVoucher:
    """Where one voucher stands, who sold it and, for those who may see customers, who redeemed
    it; it is blocked, or made good again."""

    scopes: ClassVar[dict[str, str]] = {"GET": "vouchers:read", "POST": "vouchers:write"}

    def __init__(self, console: Console) -> None:
        self._console = console

    def on_get(self, req: falcon.Request, resp: falcon.Response, serial: str) -> None:
        desk: Desk = req.context.desk
        with self._console.books.read() as r:
            found = _voucher(r, serial)
            batch = vouchers.voucher_batch(r, found.batch)
            redeemer = _redeemer(r, found) if desk.may("tmf629:read") else None
            facts = _facts(r, found, batch, desk)
        desk.page(
            resp,
            "voucher.html",
            "vouchers",
            voucher=found,
            facts=facts,
            redeemer=redeemer,
            can_block=found.state is VoucherState.ACTIVE,
            can_resume=found.state is VoucherState.STOPPED,
        )

    def on_post(self, req: falcon.Request, resp: falcon.Response, serial: str) -> None:
        desk: Desk = req.context.desk
        blocks = form(req).get("verb", "") == "block"
        to = VoucherState.STOPPED if blocks else VoucherState.ACTIVE
        with self._console.books.transaction() as tx:
            found = _voucher(tx, serial)
            vouchers.change_voucher(tx, found.serial, to=to, now=desk.now)
            audit.record(
                tx,
                who=desk.user,
                verb="stop voucher" if blocks else "resume voucher",
                what=f"voucher {found.serial}",
                now=desk.now,
            )
        desk.go(resp, f"{PAGE}/{found.serial}", "voucher-blocked" if blocks else "voucher-good")


def _serial(text: str) -> int | None:
    digits = text.replace(" ", "")
    return (
        int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST else None
    )


def _voucher(r: Reader, serial: str) -> Voucher:
    return vouchers.voucher(r, _serial(serial) or 0)


def _batches(r: Reader) -> list[Mapping[str, object]]:
    table = vouchers.VOUCHER_BATCHES
    latest = table.select().with_only_columns(table.c.id).order_by(table.c.first_serial.desc())
    ids = list(r.execute(latest.limit(MOST)).scalars())
    counts = vouchers.voucher_counts(r, ids)
    found = {each.id: each for each in vouchers.voucher_batches(r, ids)}
    return [_row(found[each], counts[each]) for each in map(VoucherBatchId, ids)]


def _row(batch: VoucherBatch, counts: Mapping[VoucherState, int]) -> Mapping[str, object]:
    owed = sum(counts.get(each, 0) for each in (VoucherState.ACTIVE, VoucherState.STOPPED))
    return {
        "id": batch.id,
        "name": batch.name,
        "serials": f"{batch.first} to {batch.last}",
        "face": batch.face,
        "beside": [batch.bonus] if batch.bonus.micros else [],
        "gifts": [f"{each.name}, {each.days} days" for each in batch.gifts],
        "state": batch.state.value,
        "asked_by": batch.asked_by or "",
        "approved_by": batch.approved_by or "",
        "waits": batch.state is BatchState.REQUESTED,
        "sold": owed,
        "redeemed": counts.get(VoucherState.REDEEMED, 0),
        "expires": batch.expires_at,
    }


def _redeemer(r: Reader, found: Voucher) -> Mapping[str, object] | None:
    """Whose balance has it."""
    if found.top_up is None:
        return None
    top_up = vouchers.channel_top_up(r, found.top_up)
    payer = customers.billing_account(r, top_up.billing_account)
    who = customers.customer(r, payer.customer)
    return {
        "name": who.name,
        "href": f"/console/customers/{quote(who.id)}",
        "at": top_up.requested_at,
        "amount": top_up.amount,
        "by": top_up.caller,
    }


def _facts(r: Reader, found: Voucher, batch: VoucherBatch, desk: Desk) -> list[tuple[str, str]]:
    facts = [
        ("Face value", str(batch.face)),
        ("Batch", f"{batch.name} ({batch.id})"),
        ("Since", desk.instant(found.changed_at)),
        ("Can be redeemed before", desk.instant(batch.expires_at)),
    ]
    for sale in vouchers.voucher_sales(r, batch.id) if found.sale else ():
        if sale.id == found.sale:
            seller = vouchers.dealer(r, sale.dealer)
            facts.append(("Sold by", f"{seller.name}, {desk.instant(sale.sold_at)}"))
    return facts
