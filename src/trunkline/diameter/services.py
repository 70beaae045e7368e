"""What is charged for, by the Service-Context-Id of a request (TS 32.299, 7.1.12) and, where the
operator says so, the rating group."""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from trunkline.charging import Service
from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import Malformed, avp


class Services(msgspec.Struct, frozen=True):
    """The operator's own: of whole requests by Service-Context-Id, of MSCCs by Rating-Group."""

    contexts: Mapping[bytes, int] = {}
    groups: Mapping[int, int] = {}


NO_SERVICES = Services()

_SERVICES = {
    "32251": Service.DATA,
    "32260": Service.VOICE,
    "32270": Service.MMS,
    "32274": Service.SMS,
    "32275": Service.VOICE,
}
_OF_GATEWAYS = {b"open5gs-smfd@open5gs.org": Service.DATA}
"""Service-Context-Ids of gateways' own."""


def service_of(context: bytes, contexts: Mapping[bytes, int]) -> int:
    """The operator's own in `contexts` before 3GPP's. Raises `Malformed` for any other."""
    named = contexts.get(context) if contexts else None
    return _service(context) if named is None else named


@lru_cache(maxsize=256)
def _service(context: bytes) -> Service:
    """By the suffix that releases and operators put their own before: `8.32251@3gpp.org`."""
    name, _, domain = context.decode(errors="replace").rpartition("@")
    service = _OF_GATEWAYS.get(context)
    if domain.lower() == "3gpp.org":
        service = _SERVICES.get(name.rpartition(".")[2])
    if service is None:
        raise Malformed(
            d.RATING_FAILED,
            "this Service-Context-Id is not charged here",
            avp(d.SERVICE_CONTEXT_ID, context),
        )
    return service
