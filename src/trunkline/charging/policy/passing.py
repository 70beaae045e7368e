"""What always passes, whatever the account's balance, status or plan: emergency calls, numbers
that the called party pays for, the operator's own care, and ways to top up.

It is granted without a reservation and charged nothing; the journal has it as `PASSED`.
"""

from collections.abc import Iterable, Mapping

import msgspec

from trunkline.charging.model import (
    SERVICE_URN,
    ChargeAnswer,
    ChargeRequest,
    Pass,
    Result,
    UnitAnswer,
)
from trunkline.rating import DATA


def reason(label: int) -> str:
    """In words, why a `PASSED` record passed; "" for what is no reason."""
    return Pass(label).name.lower().replace("_", " ") if label in _REASONS else ""


_REASONS = frozenset(map(int, Pass))


class Passing(msgspec.Struct, frozen=True):
    """`numbers` are whole, `prefixes` the beginnings of numbers, both as the network says the
    called party: digits without "+" (or "00" in its place), or the URN of a service. The URN of
    emergencies needs no list. `groups` are rating groups of data."""

    numbers: Mapping[str, Pass] = {}
    prefixes: tuple[tuple[str, Pass], ...] = ()
    groups: Mapping[int, Pass] = {}

    @classmethod
    def of(
        cls,
        *,
        emergency: Iterable[str] = (),
        freephone: Iterable[str] = (),
        care: Iterable[str] = (),
        top_up: Iterable[str] = (),
        groups: Iterable[int] = (),
    ) -> "Passing":
        """Freephone numbers by their prefixes, all others whole."""
        numbers = dict.fromkeys(map(_digits, top_up), Pass.TOP_UP)
        numbers |= dict.fromkeys(map(_digits, care), Pass.CARE)
        numbers |= dict.fromkeys(map(_digits, emergency), Pass.EMERGENCY)
        return cls(
            numbers,
            tuple((_digits(each), Pass.FREEPHONE) for each in freephone),
            dict.fromkeys(groups, Pass.ZERO_RATED),
        )

    def why(self, service: int, called: str, rating_group: int | None) -> int:
        """Why usage of a service passes; -1 where it doesn't."""
        if service == DATA:
            return -1 if rating_group is None else self.groups.get(rating_group, -1)
        return self.called(called) if called else -1

    def called(self, number: str) -> int:
        """Why a call or message to this number, or service's URN, passes; -1 where it doesn't."""
        if number == _SOS or number.startswith(_SOS + "."):
            return Pass.EMERGENCY
        digits = number.removeprefix("+")
        why = self._of_digits(digits)
        if why < 0 and digits.startswith("00"):
            why = self._of_digits(digits[2:])
        return why

    def _of_digits(self, digits: str) -> int:
        found = self.numbers.get(digits)
        if found is not None:
            return found
        for prefix, why in self.prefixes:
            if digits.startswith(prefix):
                return why
        return -1


NOTHING = Passing()

EMERGENCY_NUMBERS = ("112", "911")
"""Known to every phone (3GPP TS 22.101, 10.1)."""


_SOS = SERVICE_URN + "sos"
"""With what kind it is after a dot, as in "sos.police" (RFC 5031, 4.2)."""


def _digits(number: str) -> str:
    return number.removeprefix("+").replace(" ", "").lower()


def passed_event(request: ChargeRequest) -> ChargeAnswer:
    """The answer to an event that passes."""
    units = tuple(
        UnitAnswer(
            unit.rating_group,
            unit.service_identifier,
            Result.SUCCESS,
            max(unit.requested, unit.used, 0) or 1,
        )
        for unit in request.units
    )
    return ChargeAnswer(Result.SUCCESS, units, cost=0)
