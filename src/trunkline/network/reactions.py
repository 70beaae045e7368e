"""What is routed only where there is a network (see `operations.is_connected`)."""

from trunkline.network.events import CarryOut
from trunkline.network.operations import SUBSCRIBER, take_down
from trunkline.platform.messages import Reaction

CONNECTED: tuple[Reaction, ...] = (Reaction(SUBSCRIBER, CarryOut, take_down, "books"),)
"""For the routes of an operator with a network."""
REACTIONS: tuple[Reaction, ...] = ()
