"""What the customers' domain does by itself."""

from trunkline.customers.interactions.reactions import REACTIONS as INTERACTIONS
from trunkline.customers.tickets.reactions import REACTIONS as TICKETS

REACTIONS = (*TICKETS, *INTERACTIONS)
