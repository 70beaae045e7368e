"""The 5G edge: network functions speak Nchf to charging, over HTTP/2 (TS 32.291, TS 29.594).

`documents`, `reading` and `writing` translate, `references` names sessions, `server` serves;
nothing here knows a price or a balance. What the network is told without asking goes out by
`notifier`; by `registration` an NRF tells the network of us.
"""

from trunkline.nchf.documents import INFORMATION
from trunkline.nchf.reading import Ways
from trunkline.nchf.registration import NrfSettings, check_registration
from trunkline.nchf.server import NchfSettings, create_app, serve

__all__ = [
    "INFORMATION",
    "NchfSettings",
    "NrfSettings",
    "Ways",
    "check_registration",
    "create_app",
    "serve",
]
