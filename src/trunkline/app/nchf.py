"""The 5G edge, as settings describe it."""

from pathlib import Path

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from trunkline import nchf
from trunkline.app.certificates import check_certificates
from trunkline.app.services import asked_by
from trunkline.kernel.errors import Invalid
from trunkline.platform.addresses import parse_networks
from trunkline.platform.settings import Settings
from trunkline.platform.settings_nchf import NchfSettings
from trunkline.tmf.hub import CallbackRule


def nchf_settings(settings: Settings) -> nchf.NchfSettings:
    """Raises `Invalid` for files, networks and services that can't be used."""
    known = settings.nchf
    services = asked_by(settings)
    check_certificates(known, "nchf")
    return nchf.NchfSettings(
        host=known.host,
        port=known.port,
        certificate=known.certificate,
        key=known.key,
        authority=known.client_authority,
        networks=parse_networks(known.allow_networks, "nchf.allow_networks"),
        root=known.url,
        failure_handling=settings.policy.failure_handling.upper(),
        notify=CallbackRule.of(networks=known.notify_networks),
        ways=nchf.Ways(
            settings.charging.event_time_tolerance_seconds,
            known.service_identifiers,
            services.groups,
            services.contexts,
            services.information,
            services.functions,
        ),
        token_keys=_token_keys(known.token_keys) if known.token_keys else None,
        nrf=_nrf(known),
    )


def _nrf(known: NchfSettings) -> nchf.NrfSettings | None:
    if not known.nrf:
        return None
    address = known.url
    if not address:
        if known.host in ("0.0.0.0", "::") or not known.port:  # noqa: S104 - nobody listens there
            raise Invalid("says where consumers reach us, for the NRF to tell", path="nchf.url")
        host = f"[{known.host}]" if ":" in known.host else known.host
        address = f"{'https' if known.certificate else 'http'}://{host}:{known.port}"
    found = nchf.NrfSettings(
        known.nrf,
        address,
        known.nrf_plmns,
        known.nrf_supis,
        known.nrf_gpsis,
        known.nrf_served_plmns,
        known.nrf_group,
        known.nrf_instance,
        known.nrf_api_prefix,
    )
    nchf.check_registration(found)
    return found


def _token_keys(path: str) -> KeySet:
    try:
        return KeySet.import_key_set(msgspec.json.decode(Path(path).read_bytes()))
    except (OSError, JoseError, msgspec.MsgspecError, ValueError, KeyError, TypeError) as fault:
        raise Invalid(f"{path} holds no JWKS: {fault}", path="nchf.token_keys") from None
