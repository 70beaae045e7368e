"""Cases of one test that share what its fixtures made."""

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import pytest

Test = Callable[..., None]


def together(names: str | tuple[str, ...], cases: Iterable[Any]) -> Callable[[Test], Test]:
    """As `pytest.mark.parametrize`, within one test: for cases that leave nothing behind which
    another would find, so that one operator is founded for all of them. Each that fails is told
    by itself."""
    if isinstance(names, str):
        names, cases = (names,), [(each,) for each in cases]
    told = [dict(zip(names, case, strict=True)) for case in cases]

    def decorate(test: Test) -> Test:
        @wraps(test)
        def run(*own: Any, subtests: pytest.Subtests, **fixtures: Any) -> None:
            for case in told:
                with subtests.test(**case):
                    test(*own, **fixtures, **case)

        signature = inspect.signature(test)
        asked = [each for each in signature.parameters.values() if each.name not in names]
        asked.append(inspect.Parameter("subtests", inspect.Parameter.KEYWORD_ONLY))
        run.__signature__ = signature.replace(parameters=asked)  # type: ignore[attr-defined]
        return run

    return decorate
