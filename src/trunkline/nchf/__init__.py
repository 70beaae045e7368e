"""The 5G edge: network functions speak Nchf to charging, over HTTP/2 (TS 32.291, TS 29.594).

`documents`, `reading` and `writing` translate, `references` names sessions, `server` serves;
nothing here knows a price or a balance. What the network is told without asking goes out by
`notifier`.
"""

from trunkline.nchf.server import NchfSettings, create_app, serve

__all__ = ["NchfSettings", "create_app", "serve"]
