"""What people are told of policies, and what they answer."""

from datetime import datetime

from trunkline.charging import hot, notices, store, subscriptions
from trunkline.charging.account import UnknownChargingAccount
from trunkline.charging.months import month_at
from trunkline.charging.notices import NoticeKind
from trunkline.charging.policy.events import (
    ArrivedAbroad,
    ConsentedToRoam,
    ConsentToRoam,
    RoamingSpent,
    RoamingStands,
    ThresholdReached,
)
from trunkline.charging.policy.kept import policy_of
from trunkline.charging.policy.roaming import consent
from trunkline.charging.policy.telling import roamed_beyond
from trunkline.customers import billing_account
from trunkline.kernel.money import Money
from trunkline.messaging import SendMessage, WordHeard, money, notify
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction


def consent_to_roam(tx: Tx, command: ConsentToRoam, now: datetime) -> None:
    """Keeps it with the account, until the billing month ends; sessions that were cut off ask
    again. Raises `UnknownChargingAccount`."""
    held = store.hold(tx, command.account)
    if held is None:
        raise UnknownChargingAccount(f"there is no charging account {command.account[:40]!r}")
    state = held.state
    month = month_at(int(now.timestamp()), state.cycle_day, state.time_zone)
    if not consent(state, month, int(now.timestamp()), given=command.given):
        return
    hot.write(tx, [held], [])
    notices.tell(tx, held, NoticeKind.REAUTHORISE)
    if command.given:
        tx.emit(ConsentedToRoam(account=held.id, billing_account=held.billing_account, at=now))
        tx.emit(RoamingStands(account=held.id))
    else:
        tx.emit_all(roamed_beyond({held.key: held}, {held.key: now}, policy_of(tx).rules, now))


def word_heard(tx: Tx, event: WordHeard, now: datetime) -> None:
    """A word that means it is consent, of whose number it is now."""
    roaming = policy_of(tx).rules.roaming
    if roaming is None or event.word not in roaming.words:
        return
    try:
        found = subscriptions.bound_account(tx, (("msisdn", event.number),), now)
    except subscriptions.NobodyBound:
        return
    consent_to_roam(tx, ConsentToRoam(account=found.id, given=True), now)


def roaming_spent(tx: Tx, event: RoamingSpent, _now: datetime) -> None:
    """Regulated: it is told at night, too."""
    said = {"limit": money(event.limit), "word": event.word}
    if not event.cut_off:
        said |= {"percent": str(event.percent), "spent": money(event.spent)}
    template = "roaming.limit" if event.cut_off else "roaming.warning"
    _say(tx, event, template, said)


def consented_to_roam(tx: Tx, event: ConsentedToRoam, _now: datetime) -> None:
    _say(tx, event, "roaming.consented", {})


def arrived_abroad(tx: Tx, event: ArrivedAbroad, _now: datetime) -> None:
    """Those prices are told that there are: what isn't priced can't be used there."""
    said = {
        "zone": event.zone,
        "megabyte": _price(event.megabyte),
        "minute": _price(event.minute),
        "message": _price(event.message),
    }
    _say(tx, event, "roaming.welcome", said)


def threshold_reached(tx: Tx, event: ThresholdReached, _now: datetime) -> None:
    if event.tell:
        said = {"counter": event.counter, "percent": str(event.percent)}
        _say(tx, event, "usage.threshold", said)


def _price(amount: Money | None) -> str:
    return "-" if amount is None else str(amount)


def _say(
    tx: Tx,
    event: RoamingSpent | ConsentedToRoam | ArrivedAbroad | ThresholdReached,
    template: str,
    said: dict[str, str],
) -> None:
    owner = billing_account(tx, event.billing_account).customer
    notify(tx, SendMessage(template=template, customer=owner, variables=said, phone=event.phone))


REACTIONS: tuple[Reaction, ...] = (
    Reaction(
        "charging.consent_to_roam", on=ConsentToRoam, run=consent_to_roam, database="charging"
    ),
    Reaction("charging.word_heard", on=WordHeard, run=word_heard, database="charging"),
    Reaction(
        "charging.consented_to_roam", on=ConsentedToRoam, run=consented_to_roam, database="books"
    ),
    Reaction("charging.roaming_spent", on=RoamingSpent, run=roaming_spent, database="books"),
    Reaction("charging.arrived_abroad", on=ArrivedAbroad, run=arrived_abroad, database="books"),
    Reaction(
        "charging.threshold_reached", on=ThresholdReached, run=threshold_reached, database="books"
    ),
)
