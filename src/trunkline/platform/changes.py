"""What happened to a resource that clients know: the facts behind TM Forum's notifications.

An operation says it once (`Tx.changed`), whoever called it. The composition root gives the books
an announcer, which makes events of it in the same transaction.
"""

from enum import StrEnum

import msgspec


class Change(StrEnum):
    CREATED = "create"
    ATTRIBUTES = "attributeValueChange"
    STATE = "stateChange"
    DELETED = "delete"


class Changed(msgspec.Struct, frozen=True):
    """`resource` is its TM Forum type (`ProductOrder`), `id` its id there."""

    resource: str
    id: str
    change: Change
