"""The resource mechanism: one declaration gives REST, filters, paging, patches and OpenAPI.

It owns the manner of TM Forum's Open APIs (TMF630) once, for all of them: `fields`, filters,
`sort`, `offset` and `limit`, merge patch and JSON Patch, error bodies, scopes, idempotency,
entity tags. It knows no telecom rule; what a resource is, a declaration says.
"""

from trunkline.tmf.access import (
    PUBLIC,
    Owner,
    owned_by,
    owned_elsewhere,
    owned_through,
    published,
)
from trunkline.tmf.paths import Path, Paths, amount, child, column, either, in_json
from trunkline.tmf.resource import Aggregate, Api, Body, Document, Resource, Task, Verb
from trunkline.tmf.wire import Entity, Moment, Number, Timestamp, Wire, href

__all__ = [
    "PUBLIC",
    "Aggregate",
    "Api",
    "Body",
    "Document",
    "Entity",
    "Moment",
    "Number",
    "Owner",
    "Path",
    "Paths",
    "Resource",
    "Task",
    "Timestamp",
    "Verb",
    "Wire",
    "amount",
    "child",
    "column",
    "either",
    "href",
    "in_json",
    "owned_by",
    "owned_elsewhere",
    "owned_through",
    "published",
]
