"""What was used beyond its end before the host's network stopped it, and what the host was asked
for and answered.

Without a gateway that asks charging in real time, balances follow files that come soon after the
usage. What a file takes to its end (a prepaid balance, or what data abroad may cost in a month) is
stopped through the host's interface; until the host has done so, usage goes on. That is measured
for each: from the usage that reached the end to the host's answer. A host that refuses is asked
again, and a person hears of it by a trouble ticket. What charging waived of such usage is counted.
"""

from trunkline.usage.exposure.barring import retry_bar
from trunkline.usage.exposure.metrics import measure_exposure
from trunkline.usage.exposure.model import (
    CHARACTERISTICS,
    DELAYS,
    UNSETTLED,
    Band,
    Bar,
    BarState,
    Cause,
    Exposed,
    Exposure,
    NothingRefused,
    UnknownBar,
    Waived,
)
from trunkline.usage.exposure.queries import (
    bars,
    bars_of,
    exposed,
    exposed_by_delay,
    latest_exposures,
    waived,
    waived_lately,
)
from trunkline.usage.exposure.reactions import REACTIONS

__all__ = [
    "CHARACTERISTICS",
    "DELAYS",
    "REACTIONS",
    "UNSETTLED",
    "Band",
    "Bar",
    "BarState",
    "Cause",
    "Exposed",
    "Exposure",
    "NothingRefused",
    "UnknownBar",
    "Waived",
    "bars",
    "bars_of",
    "exposed",
    "exposed_by_delay",
    "latest_exposures",
    "measure_exposure",
    "retry_bar",
    "waived",
    "waived_lately",
]
