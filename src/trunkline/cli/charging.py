"""`charging`: what the online charging system did, and why."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli.running import opened, record

if TYPE_CHECKING:
    from trunkline.app import System
    from trunkline.charging import Explanation
    from trunkline.usage import Bar

group = typer.Typer(help="What online charging did, and why.", no_args_is_help=True)


@group.command()
def explain(
    which: Annotated[str, typer.Argument(metavar="RECORD", help="As usage names it: cac_.../12.")],
) -> None:
    """Run a charging record again and hold the result against what was stored. Exit code 1, and
    what differs, where they aren't the same."""
    from trunkline import charging

    account, seq = charging.record_name(which)
    with opened() as system, system.charging.read() as r:
        found = charging.explain(r, account, seq)
    for line in lines_of(found):
        typer.echo(line)
    if not found.holds:
        for each in found.differences:
            typer.echo(f"DIFFERS  {each}", err=True)
        raise typer.Exit(1)


@group.command("consent")
def consent(
    account: Annotated[str, typer.Argument(help="The charging account: cac_...")],
    withdraw: Annotated[bool, typer.Option("--withdraw", help="No longer.")] = False,
) -> None:
    """Note that a person wants data abroad to go on beyond its limit, until the billing month
    ends."""
    from trunkline import charging

    which = charging.ChargingAccountId.parse(account, path="account")
    with opened() as system:
        now = system.clock.now()
        with system.charging.read() as r:
            charging.balance(r, which, now)
        with system.books.transaction() as tx:
            tx.emit(charging.ConsentToRoam(account=which, given=not withdraw))
            verb = "withdraw consent to roam" if withdraw else "consent to roam"
            record(tx, verb, which, now)
    typer.echo(f"{account}: data abroad {'stops at' if withdraw else 'goes on beyond'} its limit")


@group.command()
def exposure() -> None:
    """What was used past the end of prepaid balances, and of what data abroad may cost, before the
    host's network stopped it: in all, and the latest. For operators whose balances follow files."""
    from trunkline import usage

    with opened() as system, system.books.read() as r:
        totals, latest, waived = usage.exposed(r), usage.latest_exposures(r), usage.waived(r)
    if not totals and not waived:
        typer.echo("Nothing was used past a balance or a limit")
    for total in totals:
        typer.echo(
            f"{total.cause.value}: {total.beyond} beyond {total.ends:,} "
            f"{'end' if total.ends == 1 else 'ends'}, "
            f"{total.unbarred:,} of them not stopped yet"
        )
    for other in waived:
        records = "record" if other.records == 1 else "records"
        typer.echo(f"not charged: {other.amount} of {other.records:,} {records}, {other.waiver}")
    for each in latest:
        lasted = (
            "not stopped yet" if each.seconds is None else f"stopped after {each.seconds:,.0f} s"
        )
        typer.echo(
            f"{each.reached_at:%Y-%m-%d %H:%M}  {each.account}  {each.cause.value}  {each.beyond}  "
            f"{lasted}"
        )


@group.command()
def bars(
    retry: Annotated[bool, typer.Option("--retry", help="Ask for what was refused again.")] = False,
) -> None:
    """What the host's network was asked to stop, or to let go on, and hasn't done; with --retry
    what it refused, as that stands now."""
    from trunkline import usage

    with opened() as system:
        now = system.clock.now()
        with system.books.read() as r:
            if retry:
                found = usage.bars(r, (usage.BarState.REFUSED, usage.BarState.KEPT))
            else:
                found = usage.bars(r)
        told = [_asked_again(system, each, now) for each in found] if retry else found
    if not found:
        typer.echo("The network has done all that it was asked for")
    for each in filter(None, told):
        why = f"  {each.reason}" if each.reason else ""
        ticket = f"  {each.ticket}" if each.ticket else ""
        typer.echo(
            f"{each.asked_at:%Y-%m-%d %H:%M}  {each.product}  {each.service}  {each.cause.value}"
            f"  {each.state.value}{ticket}{why}"
        )


def _asked_again(system: "System", bar: "Bar", now: datetime) -> "Bar | None":
    """None, and told, where it has settled since it was listed, or its service has ended: the
    others are asked for still."""
    from trunkline import usage
    from trunkline.kernel.errors import Conflict, NotFound

    try:
        with system.books.transaction() as tx:
            asked = usage.retry_bar(tx, bar.service, bar.cause, now=now)
            record(tx, "retry bar", bar.service, now)
    except (Conflict, NotFound) as error:
        typer.echo(f"{bar.service}  {bar.cause.value}  not asked for: {error.reason}", err=True)
        return None
    return asked


@group.command()
def emergencies() -> None:
    """The latest emergency calls and messages of those who have no account here: unknown, gone, or
    without a SIM. They are kept for 180 days."""
    from trunkline import charging

    with opened() as system, system.charging.read() as r:
        found = charging.latest_emergencies(r)
    if not found:
        typer.echo("No emergencies of nobody's")
    for each in found:
        who = ", ".join(f"{kind} {value}" for kind, value in each.identities) or "nobody said"
        typer.echo(
            f"{each.at:%Y-%m-%d %H:%M:%S}  {each.called}  {who}  {each.kind.name.lower()}"
            f"  {each.units:,} {charging.service_unit(each.service)}  {each.session}"
        )


def lines_of(found: "Explanation") -> list[str]:
    """What is told of it, in the order of the reckoning."""
    said = [("record", f"{found.record}, {found.kind.name.lower()}: {found.why}")]
    said.append(("at", f"{found.at:%Y-%m-%d %H:%M:%S} UTC"))
    if found.session:
        said.append(("session", f"{found.session}, request {found.number}"))
    if found.tariff is not None:
        since = "" if found.effective_from is None else f", since {found.effective_from:%Y-%m-%d}"
        said.append(("tariff", f"version {found.tariff}{since}, plan {found.plan or 'unknown'}"))
    if found.label is not None:
        matched = f", by the prefix {found.prefix}" if found.prefix else ""
        said.append(("rule", f"{found.label}{matched}"))
    if found.units:
        over = f", {found.overrun:,} beyond the grant" if found.overrun else ""
        said.append(("units", f"{found.units:,}, {found.free:,} by allowances{over}"))
    for place, bucket in enumerate(found.buckets):
        said.append(
            (
                "allowance",
                f"{bucket.name or place + 1}: {bucket.taken:,} taken of {bucket.free:,} free",
            )
        )
    for step in found.steps:
        if step.allowance is None:
            fee = f", {step.fee} of it to connect" if step.fee.micros else ""
            how = f"{_exact(step.cost)} {found.stored.currency}{fee}"
        else:
            how = f"allowance {found.buckets[step.allowance].name or step.allowance + 1}"
        said.append(("step", f"{step.units:,} units from unit {step.first:,}: {how}"))
    if found.before is not None and found.after is not None:
        price = found.recomputed if found.waived is None else found.recomputed + found.waived
        how = (
            f"the session's price went from {_exact(found.before.exact)} to "
            f"{_exact(found.after.exact)} {found.stored.currency}; rounded half up, less what "
            f"was charged before, that is {price}"
        )
        said.append(("rounding", how))
    said.append(("charged", f"{found.stored}; run again: {found.recomputed}"))
    if found.waived is not None:
        said.append(("waived", f"{found.waived}, not charged: {found.waiver}"))
    if found.on_bill is not None:
        paid = found.stored - found.on_bill
        said.append(("paid", f"{paid} from the balance, {found.on_bill} on the bill"))
    said.append(("balance", f"{found.balance_before} before, {found.balance_after} after"))
    said.append(("verdict", "holds" if found.holds else "DIFFERS FROM WHAT WAS STORED"))
    return [f"{name:<10} {text}" for name, text in said]


def _exact(micros: object) -> str:
    from fractions import Fraction

    from trunkline.rest.charging_records import exact

    assert isinstance(micros, Fraction)
    return f"{exact(micros):f}"
