"""What the settings mean for the Diameter edge."""

import ssl

from trunkline.app.certificates import check_certificates
from trunkline.app.services import asked_by
from trunkline.diameter import GySettings, PeerSettings, Services, Tls
from trunkline.kernel.errors import Invalid
from trunkline.platform.addresses import parse_networks
from trunkline.platform.settings import Settings
from trunkline.platform.settings_diameter import DiameterSettings

_FAILURE_HANDLING = {"terminate": 0, "continue": 1, "retry_and_terminate": 2}
"""RFC 8506, 8.14."""


def gy_settings(settings: Settings) -> GySettings:
    """Raises `Invalid` for files, networks and services that can't be used."""
    charging, known = settings.charging, settings.diameter
    services = asked_by(settings)
    return GySettings(
        origin_host=charging.origin_host,
        origin_realm=charging.origin_realm,
        host=charging.host,
        port=charging.port,
        connections=known.connections,
        event_time_tolerance=charging.event_time_tolerance_seconds,
        services=Services(
            {context.encode(): code for context, code in services.contexts.items()},
            services.groups,
        ),
        failure_handling=_FAILURE_HANDLING[settings.policy.failure_handling],
        realms=frozenset(each.lower().encode() for each in known.destination_realms),
        peer=PeerSettings(
            watchdog=float(known.watchdog_seconds),
            allowed=frozenset(each.lower() for each in known.peers),
            realms=frozenset(each.lower() for each in known.realms),
            networks=parse_networks(known.allow_networks, "diameter.allow_networks"),
        ),
        tls=_tls(known),
        shared=charging.processes > 1,
        tls_port=known.tls_port,
    )


def _tls(known: DiameterSettings) -> Tls | None:
    check_certificates(known, "diameter")
    if not known.certificate:
        return None
    tls = Tls(known.certificate, known.key, known.client_authority)
    try:
        tls.context()
    except (OSError, ssl.SSLError) as error:
        raise Invalid(f"not to be used: {error}", path="diameter.certificate") from None
    return tls
