"""Errors name their place, and carry facts for programs."""

import pytest

from trunkline.kernel import errors
from trunkline.kernel.errors import Invalid, TrunklineError


def test_an_error_names_its_place() -> None:
    error = Invalid("must be positive", path="item[0].quantity", quantity=-1)
    assert str(error) == "item[0].quantity: must be positive"
    assert (error.reason, error.path) == ("must be positive", "item[0].quantity")
    assert error.fields == {"quantity": -1}
    assert str(Invalid("must be positive")) == "must be positive"


@pytest.mark.parametrize(
    "family", ["Invalid", "NotFound", "Conflict", "Refused", "Forbidden", "Unavailable"]
)
def test_each_family_has_its_code(family: str) -> None:
    kind = getattr(errors, family)
    assert issubclass(kind, TrunklineError)
    assert kind.code == family[0].lower() + family[1:]
