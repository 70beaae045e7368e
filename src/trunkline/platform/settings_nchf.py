"""The 5G server: a section of the settings."""

from typing import Annotated

from msgspec import Meta

from trunkline.platform.section import Port, Section


class NchfSettings(Section, frozen=True):
    """The 5G server beside Gy: Nchf over HTTP/2 (3GPP TS 32.291, TS 29.594). Files are PEM's."""

    host: Annotated[str, Meta(description="Loopback, unless told otherwise")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="0 takes a free one")] = 7777
    certificate: Annotated[str, Meta(description="The server's chain; empty: no TLS")] = ""
    key: Annotated[str, Meta(description="The certificate's private key")] = ""
    client_authority: Annotated[str, Meta(description="Who signs clients' certificates")] = ""
    allow_networks: Annotated[tuple[str, ...], Meta(description="Who may call")] = ("127.0.0.0/8",)
    notify_networks: Annotated[
        tuple[str, ...], Meta(description="Who is notified, beside the public internet")
    ] = ("127.0.0.0/8",)
    token_keys: Annotated[
        str, Meta(description="The NRF's keys (JWKS), where its access tokens are asked for")
    ] = ""
    url: Annotated[str, Meta(description="apiRoot, behind a proxy; empty: as it was called")] = ""
    service_identifiers: Annotated[
        bool, Meta(description="Containers' serviceId is priced, each service rounded by itself")
    ] = False
    nrf: Annotated[
        str, Meta(description="apiRoot of the NRF to register at; empty: none (3GPP TS 29.510)")
    ] = ""
    nrf_instance: Annotated[
        str, Meta(description="nfInstanceId, a UUID; empty: made of the address")
    ] = ""
    nrf_plmns: Annotated[tuple[str, ...], Meta(description="Our own PLMNs, as 99970")] = ()
    nrf_supis: Annotated[
        tuple[str, ...],
        Meta(description="IMSIs served, as 999700000000000-999709999999999 or ^imsi-99970.*"),
    ] = ()
    nrf_gpsis: Annotated[
        tuple[str, ...],
        Meta(description="Numbers served, as 46701000000-46701999999"),
    ] = ()
    nrf_served_plmns: Annotated[
        tuple[str, ...], Meta(description="PLMNs served, as 99970-99979")
    ] = ()
    nrf_group: Annotated[str, Meta(description="The CHF group")] = ""
    nrf_api_prefix: Annotated[
        str,
        Meta(description="apiPrefix told of us; empty: url's path. free5GC's SMF wants all of url"),
    ] = ""
