"""The Diameter edge: gateways speak Gy and Ro to charging (RFC 6733, RFC 8506, TS 32.299), and
the PCRF speaks Sy (TS 29.219).

The codec and the peer are Trunkline's own. `gy` serves, `gy_request` and `gy_answer`
translate, `telling` tells gateways what they didn't ask for; nothing here knows a price or a
balance.
"""

from trunkline.diameter.gy import GyServer, GySettings, Tls, serve
from trunkline.diameter.peer import PeerSettings
from trunkline.diameter.services import Services
from trunkline.diameter.sy import Statuses

__all__ = ["GyServer", "GySettings", "PeerSettings", "Services", "Statuses", "Tls", "serve"]
