"""`vouchers` and `dealers`: batches of codes, and who sells them."""

import hashlib
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from trunkline.cli.running import echo_all, open_file, opened, parse_day, record

if TYPE_CHECKING:
    from trunkline.charging import BucketGrant
    from trunkline.ledger import LegalEntityId
    from trunkline.platform.db import Reader

Result = TypeVar("Result")

group = typer.Typer(help="Vouchers: batches of codes, sold and redeemed.", no_args_is_help=True)
dealers = typer.Typer(help="Dealers, who sell vouchers and top-ups.", no_args_is_help=True)
Batch = Annotated[str, typer.Argument(help="Its id, as `vouchers list` says.")]
First = Annotated[int, typer.Argument(min=1, help="The first serial number.")]
Last = Annotated[int, typer.Argument(min=1, help="The last one.")]
Entity = Annotated[
    str | None, typer.Option(help="A legal entity's id, where there is more than one.")
]


@group.command("make")
def make(
    name: Annotated[str, typer.Argument(help="What the batch is called.")],
    face: Annotated[str, typer.Argument(help="What one is worth: 10 or 10.00.")],
    count: Annotated[int, typer.Argument(min=1, help="How many.")],
    until: Annotated[str, typer.Option(help="The last day on which they can be redeemed (UTC).")],
    passphrase_file: Annotated[
        Path | None,
        typer.Option(help="Its first line seals the codes; without it one is made and printed."),
    ] = None,
    bonus: Annotated[str, typer.Option(help="What is given beside.")] = "0",
    valid_days: Annotated[
        int | None, typer.Option(min=1, help="The balance then holds for so long at least.")
    ] = None,
    brand: Annotated[str | None, typer.Option(help="Whose customers alone redeem them.")] = None,
    gift: Annotated[
        list[str] | None,
        typer.Option(
            help="Given beside: SERVICE:UNITS:DAYS:NAME, such as data:1000000000:7:'1 GB'."
        ),
    ] = None,
    entity: Entity = None,
) -> None:
    """Ask for a batch. Once somebody else approves of it its codes are drawn and sealed; they are
    worth nothing until they are sold."""
    import secrets

    from trunkline import vouchers
    from trunkline.kernel.money import Money
    from trunkline.platform import audit

    ends = datetime.fromisoformat(f"{parse_day(until, '--until')}T00:00:00+00:00")
    phrase = secrets.token_hex(16) if passphrase_file is None else _first_line(passphrase_file)
    with opened() as system:
        now = system.clock.now()
        with system.books.transaction() as tx:
            owner, currency = _entity(tx, entity)
            batch = vouchers.make_batch(
                tx,
                vouchers.NewBatch(
                    name=name,
                    entity=owner,
                    face=Money.of(face, currency, path="face"),
                    bonus=Money.of(bonus, currency, path="bonus"),
                    count=count,
                    expires_at=ends + timedelta(days=1),
                    passphrase=phrase,
                    brand=brand,
                    valid_days=valid_days,
                    gifts=tuple(_gift(each) for each in gift or ()),
                ),
                by=audit.operating_system_user(),
                now=now,
            )
            record(tx, "make vouchers", batch.id, now, face=str(batch.face), count=count)
    if passphrase_file is None:
        typer.echo(f"The file is sealed with {phrase}: it is kept nowhere", err=True)
    typer.echo(f"{batch.id} {batch.first} to {batch.last}")
    if batch.state is vouchers.BatchState.REQUESTED:
        typer.echo("Somebody else approves of it: trunkline vouchers approve", err=True)


@group.command("approve")
def approve(batch: Batch) -> None:
    """Approve of a batch that somebody else asked for: its codes are drawn."""
    from trunkline import vouchers
    from trunkline.platform import audit

    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        known = vouchers.voucher_batch(tx, batch)
        vouchers.approve_batch(tx, known.id, by=audit.operating_system_user(), now=now)
        record(tx, "approve vouchers", known.id, now)
    typer.echo(f"{known.id}: {known.size:,} of {known.face}, asked for by {known.asked_by}")


@group.command("decline")
def decline(batch: Batch) -> None:
    """Decline a batch that was asked for: nothing is drawn."""
    from trunkline import vouchers

    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        known = vouchers.VoucherBatchId.parse(batch, path="batch")
        vouchers.decline_batch(tx, known, now=now)
        record(tx, "decline vouchers", known, now)
    typer.echo(f"{known} is declined")


@group.command("export")
def export(
    batch: Batch,
    file: Annotated[Path, typer.Argument(help="The file to write; there must be none yet.")],
) -> None:
    """Write the sealed file for the printer. It is the only one: what is here of it is deleted
    once it is on the disk."""
    from trunkline import vouchers
    from trunkline.kernel.errors import Invalid

    with opened() as system:
        known = vouchers.VoucherBatchId.parse(batch, path="batch")
        with system.books.read() as r:
            sealed = vouchers.sealed_file(r, known)
        fresh = file.with_name(f"{file.name}.part")
        with fresh.open("wb") as out:
            out.write(sealed)
            out.flush()
            os.fsync(out.fileno())
        try:
            file.hardlink_to(fresh)
        except FileExistsError:
            if file.read_bytes() != sealed:
                raise Invalid("is there already", path=str(file)) from None
        finally:
            fresh.unlink()
        with system.books.transaction() as tx:
            now = system.clock.now()
            digest = hashlib.sha256(sealed).hexdigest()
            vouchers.note_exported(tx, known, sha256=digest, now=now)
            record(tx, "export vouchers", known, now, file=str(file), sha256=digest)
    typer.echo(f"{file}: {len(sealed):,} bytes, SHA-256 {digest}")


@group.command("unseal")
def unseal(
    file: Annotated[Path, typer.Argument(help="A sealed file.")],
    passphrase_file: Annotated[Path, typer.Option(help="Its first line is the passphrase.")],
) -> None:
    """For the printer: what a sealed file holds, as CSV (serial, code). It needs no database."""
    from trunkline import vouchers

    with open_file(file) as lines:
        rows = list(vouchers.unseal(lines, _first_line(passphrase_file)))
    typer.echo("serial,code")
    for serial, code in rows:
        typer.echo(f"{serial},{code}")


@group.command("list")
def list_batches() -> None:
    """List the batches: what they are worth, where they stand, and how many are in which state."""
    from trunkline import vouchers

    with opened() as system, system.books.read() as r:
        column = vouchers.VOUCHER_BATCHES.c.id
        ids = list(r.execute(vouchers.VOUCHER_BATCHES.select().order_by(column)).scalars())
        counts = vouchers.voucher_counts(r, ids)
        lines = []
        for each in sorted(vouchers.voucher_batches(r, ids), key=lambda each: each.first):
            many = ", ".join(f"{count:,} {state}" for state, count in counts[each.id].items())
            # Good before `expires_at`: the day is the last one, as `make` was given it.
            last_day = each.expires_at - timedelta(microseconds=1)
            lines.append(
                f"{each.id} {each.name}: {each.first} to {each.last} at {each.face}, {each.state}, "
                f"until {last_day:%Y-%m-%d}: {many or 'none drawn'}"
            )
        echo_all(lines, "There are no batches")


@group.command("show")
def show(serial: Annotated[int, typer.Argument(min=1, help="Its serial number.")]) -> None:
    """Show one voucher, and what redeemed it."""
    from trunkline import vouchers

    with opened() as system, system.books.read() as r:
        found = vouchers.voucher(r, serial)
        typer.echo(
            f"{serial} of {found.batch}: {found.state} since {found.changed_at:%Y-%m-%d %H:%M}"
        )
        if found.sale:
            typer.echo(f"sold by {found.sale}")
        if found.top_up:
            top_up = vouchers.channel_top_up(r, found.top_up)
            typer.echo(
                f"{top_up.id}: {top_up.amount} for {top_up.account}, {top_up.state}, "
                f"asked by {top_up.caller} at {top_up.requested_at:%Y-%m-%d %H:%M:%S}"
            )


@group.command("sell")
def sell(
    batch: Batch,
    first: First,
    last: Last,
    dealer: Annotated[str, typer.Option(help="The dealer's id.")],
    price: Annotated[str | None, typer.Option(help="Of one (its face value).")] = None,
) -> None:
    """Give a dealer these vouchers: from now on they are good, and the dealer owes for them."""
    from trunkline import vouchers
    from trunkline.kernel.money import Money
    from trunkline.platform import audit

    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        known = vouchers.voucher_batch(tx, batch)
        each = None if price is None else Money.of(price, known.face.currency, path="--price")
        sale = vouchers.sell_vouchers(
            tx,
            known.id,
            first=first,
            last=last,
            dealer=dealer,
            price=each,
            by=audit.operating_system_user(),
            now=now,
        )
        record(tx, "sell vouchers", known.id, now, first=first, last=last, dealer=dealer)
    typer.echo(f"{sale.id}: {sale.count:,} vouchers for {sale.price * sale.count}")


def _done(verb: str, batch: str, first: int, last: int, operation: Callable[..., Result]) -> Result:
    """The operation on these of the batch, and in the audit trail that it was."""
    from trunkline import vouchers

    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        known = vouchers.VoucherBatchId.parse(batch, path="batch")
        result = operation(tx, known, first=first, last=last, now=now)
        record(tx, f"{verb} vouchers", known, now, first=first, last=last)
    return result


@group.command("stop")
def stop(batch: Batch, first: First, last: Last) -> None:
    """Hold back what is sold of these, until `resume`; what isn't sold is void for ever."""
    from trunkline import vouchers

    stopped, void = _done("stop", batch, first, last, vouchers.stop_vouchers)
    typer.echo(f"{stopped:,} stopped, {void:,} void")


@group.command("resume")
def resume(batch: Batch, first: First, last: Last) -> None:
    """Make good again what was stopped of these."""
    from trunkline import vouchers

    many = _done("resume", batch, first, last, vouchers.resume_vouchers)
    typer.echo(f"{many:,} active")


@group.command("take-back")
def take_back(batch: Batch, first: First, last: Last) -> None:
    """Take back from their dealer what nobody redeemed of these: all of one sale."""
    from trunkline import vouchers

    sale = _done("take back", batch, first, last, vouchers.take_back_vouchers)
    typer.echo(f"{last - first + 1:,} of {sale.id} are void, and {sale.dealer} owes less")


@group.command("write-off")
def write_off(batch: Batch, first: First, last: Last) -> None:
    """End for ever what was held back for 90 days: what was owed for it is earned."""
    from trunkline import vouchers

    many = _done("write off", batch, first, last, vouchers.write_off_vouchers)
    typer.echo(f"{many:,} written off")


@group.command("expire")
def expire() -> None:
    """End what was not redeemed in time, as the jobs process does every hour."""
    from trunkline import vouchers

    with opened() as system:
        typer.echo(f"{vouchers.expire(system.books, system.clock.now()):,} expired")


@group.command("lockouts")
def lockouts(
    release: Annotated[str | None, typer.Option(help="Let this one try again.")] = None,
) -> None:
    """List who is refused for having tried wrong codes."""
    from trunkline import vouchers

    with opened() as system:
        now = system.clock.now()
        if release is not None:
            with system.books.transaction() as tx:
                vouchers.release(tx, release)
                record(tx, "let try vouchers again", release, now)
        with system.books.read() as r:
            lines = [
                f"{each.who}: {each.failures} failures, until {each.until:%Y-%m-%d %H:%M}"
                for each in vouchers.locked_out(r, now=now)
            ]
        echo_all(lines, "Nobody is refused")


@dealers.command("add")
def add_dealer(
    role: Annotated[str, typer.Argument(help="The party role (TMF669) that they are.")],
    credit_limit: Annotated[str, typer.Option(help="How far below zero their float may go.")] = "0",
    commission: Annotated[str, typer.Option(help="Of a top-up, in per cent.")] = "0",
    key: Annotated[list[str] | None, typer.Option(help="An API key that acts for them.")] = None,
    entity: Entity = None,
) -> None:
    """Let a party role sell."""
    from decimal import Decimal, InvalidOperation

    from trunkline import vouchers
    from trunkline.kernel.errors import Invalid
    from trunkline.kernel.money import Money

    try:
        ppm = int(Decimal(commission) * 10_000)
    except (InvalidOperation, ValueError, OverflowError):
        raise Invalid("is no number", path="--commission") from None
    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        owner, currency = _entity(tx, entity)
        new = vouchers.NewDealer(
            role=role,
            entity=owner,
            currency=currency,
            credit_limit=Money.of(credit_limit, currency, path="--credit-limit"),
            commission_ppm=ppm,
            keys=key or (),
        )
        dealer = vouchers.add_dealer(tx, new, now=now)
        record(tx, "add dealer", dealer.id, now)
    typer.echo(dealer.id)


@dealers.command("pay")
def pay(
    dealer: Annotated[str, typer.Argument(help="Their id.")],
    amount: Annotated[str, typer.Argument(help="What they paid in.")],
    reference: Annotated[str, typer.Argument(help="Their name for it: it counts once.")],
) -> None:
    """Take in what a dealer paid."""
    from trunkline import vouchers
    from trunkline.kernel.money import Money

    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        known = vouchers.dealer(tx, dealer)
        paid = Money.of(amount, known.float_.currency, path="amount")
        after = vouchers.receive_dealer_payment(
            tx, dealer, amount=paid, reference=reference, now=now
        )
        record(tx, "receive dealer payment", dealer, now, amount=str(paid), reference=reference)
    typer.echo(f"{after.name}: {after.float_}")


@dealers.command("list")
def list_dealers() -> None:
    """List the dealers, their floats and terms."""
    from trunkline import vouchers

    with opened() as system, system.books.read() as r:
        ids = list(r.execute(vouchers.DEALERS.select()).scalars())
        lines = [
            f"{each.id} {each.name}: {each.float_}, credit {each.credit_limit}, "
            f"commission {each.commission_ppm / 10_000:g} %, {each.state}"
            for each in sorted(vouchers.dealers(r, ids), key=lambda each: each.name)
        ]
    echo_all(lines, "There are no dealers")


def _entity(r: "Reader", named: str | None) -> "tuple[LegalEntityId, str]":
    """Whose vouchers they are, and in which currency it keeps its books."""
    from trunkline import ledger
    from trunkline.kernel.errors import Invalid

    if named is not None:
        found = ledger.legal_entity(r, ledger.LegalEntityId(named))
        return found.id, found.currency
    all_of_them = ledger.legal_entities(r)
    if len(all_of_them) != 1:
        raise Invalid("is required: there is more than one legal entity", path="--entity")
    return all_of_them[0].id, all_of_them[0].currency


def _gift(text: str) -> "BucketGrant":
    from trunkline.charging import BucketGrant
    from trunkline.kernel.errors import Invalid

    service, _, rest = text.partition(":")
    units, _, rest = rest.partition(":")
    days, _, name = rest.partition(":")
    if not (units.isdecimal() and days.isdecimal()):
        raise Invalid("is SERVICE:UNITS:DAYS:NAME", path="--gift")
    return BucketGrant(service, int(units), int(days), name)


def _first_line(file: Path) -> str:
    with open_file(file) as lines:
        return lines.readline().decode(errors="replace").rstrip("\r\n")
