"""Who may connect to the Gy and Sy server, and how: a section of the settings."""

from typing import Annotated

from msgspec import Meta

from trunkline.platform.section import Count, Port, Section


class DiameterSettings(Section, frozen=True):
    """Who may connect to the Gy and Sy server at [charging]'s address, and over what (RFC 6733).
    Empty lists allow all."""

    peers: Annotated[
        tuple[str, ...], Meta(description="Origin-Hosts of the gateways and agents that may")
    ] = ()
    realms: Annotated[tuple[str, ...], Meta(description="Origin-Realms of those that may")] = ()
    destination_realms: Annotated[
        tuple[str, ...], Meta(description="Destination-Realms that are served; others get 3003")
    ] = ()
    allow_networks: Annotated[
        tuple[str, ...], Meta(description="Where they connect from, as 10.1.0.0/16")
    ] = ()
    connections: Annotated[Count, Meta(description="At a time, at most")] = 1000
    watchdog_seconds: Annotated[
        Count, Meta(description="A peer that is silent for so long is asked whether it lives")
    ] = 30
    tls_port: Annotated[Port, Meta(description="Where TLS is spoken, with a certificate")] = 5868
    certificate: Annotated[
        str, Meta(description="A PEM file with the server's certificate chain; empty: no TLS")
    ] = ""
    key: Annotated[str, Meta(description="A PEM file with its private key")] = ""
    client_authority: Annotated[
        str,
        Meta(description="A PEM file; peers must show a certificate that this authority signed"),
    ] = ""
