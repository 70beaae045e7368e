"""What the settings of an edge say of certificates."""

from pathlib import Path

from trunkline.kernel.errors import Invalid
from trunkline.platform.settings_diameter import DiameterSettings
from trunkline.platform.settings_nchf import NchfSettings


def check_certificates(known: DiameterSettings | NchfSettings, section: str) -> None:
    """Raises `Invalid` for a certificate without its key, a client's without a server's, and a
    file that isn't there."""
    if bool(known.certificate) != bool(known.key):
        raise Invalid("a certificate and its key go together", path=f"{section}.certificate")
    if known.client_authority and not known.certificate:
        raise Invalid("certificates are shown over TLS only", path=f"{section}.client_authority")
    for name in ("certificate", "key", "client_authority"):
        path = getattr(known, name)
        if path and not Path(path).is_file():
            raise Invalid(f"there is no file {path}", path=f"{section}.{name}")
