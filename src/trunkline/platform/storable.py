"""What a JSON column of both engines can keep."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trunkline.kernel.errors import Invalid

_LARGEST_EXPONENT = 300


class NotStorable(Invalid):
    code = "notStorable"


def check_storable(value: Any, *, path: str = "") -> None:
    """Raises `NotStorable`, with the path below `path`, for a string that holds U+0000 and for
    a number past 10^300, neither of which PostgreSQL's jsonb keeps (a double, which many
    clients read numbers into, ends at 10^308)."""
    match value:
        case str() if "\0" in value:
            raise NotStorable("holds the character U+0000", path=path or None)
        case Decimal() if not value.is_finite() or abs(value.adjusted()) > _LARGEST_EXPONENT:
            raise NotStorable("is a number out of range", path=path or None)
        case Mapping():
            for name, each in value.items():
                check_storable(name, path=path)
                check_storable(each, path=f"{path}.{name}" if path else str(name))
        case list() | tuple():
            for index, each in enumerate(value):
                check_storable(each, path=f"{path}[{index}]")
