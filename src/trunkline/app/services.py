"""How the network asks for services, as settings say it."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.nchf import INFORMATION
from trunkline.platform.settings import Settings
from trunkline.rating import service_code

K = TypeVar("K", int, str)


class AskedBy(msgspec.Struct, frozen=True):
    """Codes of services, by what asks for them."""

    contexts: dict[str, int] = {}
    groups: dict[int, int] = {}
    information: dict[str, int] = {}
    functions: dict[str, int] = {}


def asked_by(settings: Settings) -> AskedBy:
    """Raises `Invalid` for what is no service, is told twice, or asks for nothing."""
    found = AskedBy({}, {}, {}, {})
    for each in settings.policy.services:
        path = f"policy.services: {each.service}"
        code = service_code(each.service, path=path)
        if not (each.contexts or each.rating_groups or each.information or each.functions):
            raise Invalid(
                "is asked for by contexts, rating_groups, information or functions", path=path
            )
        _note(found.contexts, each.contexts, code, path)
        _note(found.groups, each.rating_groups, code, path)
        _note(found.information, each.information, code, path)
        _note(found.functions, each.functions, code, path)
        for name in each.information:
            if name not in INFORMATION:
                raise Invalid(f"{name} is none of {', '.join(INFORMATION)}", path=path)
        for group in each.rating_groups:
            if group in settings.policy.free_rating_groups:
                raise Invalid(f"rating group {group} is free", path=path)
    return found


def _note(known: dict[K, int], names: Iterable[K], code: int, path: str) -> None:
    for name in names:
        if name in known:
            raise Invalid(f"{name} stands there twice", path=path)
        known[name] = code
