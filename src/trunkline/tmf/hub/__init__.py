"""The hub: TM Forum's notifications (TMF630, part 1, section 5; TMF688).

Who listens, to what, and where; what happened, as an event; and its way there. An operation
says what it changed (`Tx.changed`); with its commit the announcer renders those resources by
their declarations and leaves, in the same transaction, an event and a delivery for each listener
whose filter it matches. The dispatcher, in the jobs process, POSTs them: each at least once, and
in order for each listener and resource. It retries with growing delays, then parks the delivery
where an operator sees it. Topics (TMF688) keep what they match, for a stated time and number.

Nothing is ever sent to an address that settings don't allow.
"""

from trunkline.tmf.hub.announcer import Announcer
from trunkline.tmf.hub.callbacks import (
    Callback,
    CallbackRefused,
    CallbackRule,
    resolve,
)
from trunkline.tmf.hub.callbacks import parse as parse_callback
from trunkline.tmf.hub.dispatcher import Dispatcher
from trunkline.tmf.hub.listeners import (
    Listener,
    ListenerId,
    find_listeners,
    register,
    unregister,
)
from trunkline.tmf.hub.parked import (
    NotParked,
    ParkedDelivery,
    count_parked,
    drop,
    measure,
    parked,
    resend,
    resend_all,
)
from trunkline.tmf.hub.routes import add_hub
from trunkline.tmf.hub.topics import (
    EVENT_PATHS,
    create_topic,
    delete_topic,
    find_topics,
    prune,
)

__all__ = [
    "EVENT_PATHS",
    "Announcer",
    "Callback",
    "CallbackRefused",
    "CallbackRule",
    "Dispatcher",
    "Listener",
    "ListenerId",
    "NotParked",
    "ParkedDelivery",
    "add_hub",
    "count_parked",
    "create_topic",
    "delete_topic",
    "drop",
    "find_listeners",
    "find_topics",
    "measure",
    "parked",
    "parse_callback",
    "prune",
    "register",
    "resend",
    "resend_all",
    "resolve",
    "unregister",
]
