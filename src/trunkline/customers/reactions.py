"""What the customers' domain does by itself."""

from trunkline.customers.tickets.reactions import REACTIONS as TICKETS

REACTIONS = (*TICKETS,)
