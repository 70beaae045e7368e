"""Documents: JSON bodies that are kept whole, with typed columns for what is decided and found by.

A `Kind` says which: its table (`table`), the columns that a body fills, what the server
supplies, which references must exist, and its lifecycle. `create`, `change` and `delete` do the
rest alike for all kinds: ids, revisions, transitions, the facts for the hub. What moves money,
stock or services is no document.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.kernel.errors import Conflict, Invalid, NotFound, TrunklineError
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.platform.changes import Change
from trunkline.platform.collisions import collision
from trunkline.platform.db import (
    Instant,
    Json,
    Reader,
    Tx,
    books_metadata,
    decode_json,
    encode_json,
)
from trunkline.platform.storable import check_storable
from trunkline.tmf import mentions, resource
from trunkline.tmf.paths import Expression, Path, Paths

Body = dict[str, Any]
Known = Callable[[Reader, Collection[str]], Collection[str]]
"""Of some ids, those that exist."""


class DocumentNotFound(NotFound):
    code = "documentNotFound"


class DocumentExists(Conflict):
    code = "documentExists"


class UnknownReference(Invalid):
    code = "unknownReference"


class UnknownState(Invalid):
    code = "unknownState"


def table(name: str, *columns: sa.Column[Any] | sa.Index | sa.ForeignKey) -> sa.Table:
    """A kind's table in the books: `columns` beside those that all kinds have."""
    return sa.Table(
        name,
        books_metadata,
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        *columns,
        sa.Column("body", Json, nullable=False),
    )


def _unchanged(body: Body, _before: Body | None, _now: datetime) -> Body:
    return body


def _allowed(_tx: Tx, _body: Body, _before: Body | None) -> None:
    return None


def _deletable(_tx: Tx, _body: Body) -> None:
    return None


@dataclass(frozen=True, kw_only=True, eq=False)
class Kind:
    """One kind of document, by its TM Forum type, `name`.

    `columns(body)` gives the values of the table's own columns. `complete(body, before, now)`
    is pure: it answers with the body as it is to be kept (`before` is None for a new one), with
    what the server supplies, and raises `Invalid` for what the schema can't say. `refers` maps
    dotted paths of references (objects with an `id`, or lists of them) to who knows them.
    `check(tx, body, before)` asks the database whatever else must hold; `deletable` raises where
    one may not go. `named` are dotted paths of references that lists are asked for by (their
    filters are `naming(kind, path)`). `lifecycle` rules the attribute `state`; a new document
    begins in one of `begins` (the first, where its body names none)."""

    name: str
    ids: type[Id]
    table: sa.Table
    columns: Callable[[Body], Mapping[str, Any]]
    complete: Callable[[Body, Body | None, datetime], Body] = _unchanged
    refers: Mapping[str, Known] = field(default_factory=dict)
    check: Callable[[Tx, Body, Body | None], None] = _allowed
    deletable: Callable[[Tx, Body], None] = _deletable
    lifecycle: Lifecycle[Any] | None = None
    state: str = "status"
    begins: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    @cached_property
    def insert(self) -> sa.Insert:
        return sa.insert(self.table)

    @cached_property
    def update(self) -> sa.Update:
        return sa.update(self.table).where(self.table.c.id == sa.bindparam("ident"))

    @cached_property
    def delete(self) -> sa.Delete:
        return sa.delete(self.table).where(self.table.c.id == sa.bindparam("ident"))

    @cached_property
    def some(self) -> sa.Select[Any]:
        return sa.select(self.table.c.body).where(
            self.table.c.id.in_(sa.bindparam("ids", expanding=True))
        )

    @cached_property
    def locked(self) -> sa.Select[Any]:
        return (
            sa.select(self.table.c.body, self.table.c.revision)
            .where(self.table.c.id == sa.bindparam("ident"))
            .with_for_update()
        )

    @cached_property
    def among(self) -> sa.Select[Any]:
        return sa.select(self.table.c.id).where(
            self.table.c.id.in_(sa.bindparam("ids", expanding=True))
        )


def find(r: Reader, kind: Kind, ids: Collection[str]) -> list[Body]:
    """The bodies of those that exist, in any order."""
    return list(r.execute(kind.some, {"ids": list(ids)}).scalars()) if ids else []


def get(r: Reader, kind: Kind, ident: str) -> Body:
    """Raises `DocumentNotFound`."""
    found = find(r, kind, [ident])
    if not found:
        raise _missing(kind, ident)
    return found[0]


def known(kind: Kind) -> Known:
    """For other kinds' `refers`."""
    return lambda r, ids: set(r.execute(kind.among, {"ids": list(ids)}).scalars()) if ids else set()


def create(tx: Tx, kind: Kind, body: Mapping[str, Any], now: datetime) -> Body:
    """Keeps a new document; one without an `id` gets one. Raises `DocumentExists`,
    `UnknownReference`, `UnknownState`, and what the kind raises."""
    given = _plain(body)
    ident = given.get("id")
    if ident is None:
        ident = str(tx.new_id(kind.ids, now))
    elif not isinstance(ident, str):
        raise Invalid("is not a string", path="id")
    else:
        ident = str(kind.ids.parse(ident, path="id"))
    made = kind.complete(_begun(kind, given | {"id": ident}), None, now)
    _check(tx, kind, made, None)
    exists = DocumentExists(f"there is a {kind.name} {ident} already", path="id")
    if tx.execute(kind.among, {"ids": [ident]}).first() is not None:
        raise exists
    row = {"revision": 1, "created_at": now, "updated_at": now, "body": made}
    gone = Conflict("something that it refers to has just gone")
    with collision(taken=exists, missing=gone):
        tx.execute(kind.insert, {"id": ident, **row, **kind.columns(made)})
    remember(tx, kind, [made])
    tx.changed(kind.name, ident, Change.CREATED)
    return made


def remember(tx: Tx, kind: Kind, bodies: Iterable[Body]) -> None:
    """For who writes rows of a kind in bulk: makes new documents be found by whom they name."""
    if kind.named:
        mentions.remember(tx, kind.name, ((body["id"], _mentioned(kind, body)) for body in bodies))


def naming(kind: Kind, path: str) -> Path:
    """The filter on the ids of the references at one of the kind's `named` paths."""
    assert path in kind.named, path
    return mentions.naming(kind.name, path, kind.table.c.id)


def _mentioned(kind: Kind, body: Body) -> set[mentions.Named]:
    return {(path, ident) for path in kind.named for _, ident in references(body, path)}


def change(
    tx: Tx, kind: Kind, ident: str, changing: Callable[[Body], Mapping[str, Any]], now: datetime
) -> Body:
    """Puts what `changing` makes of the present body in its place; the row is locked meanwhile.
    What changes nothing leaves no trace. Raises `DocumentNotFound`, `IllegalTransition`, and
    what `create` raises."""
    row = tx.execute(kind.locked, {"ident": ident}).first()
    if row is None:
        raise _missing(kind, ident)
    before: Body = row.body
    wanted = _plain(changing(dict(before)))
    if wanted.get("id") != ident:
        raise Invalid("can't be changed", path="id")
    if wanted == before:
        return before
    _check_transition(kind, before, wanted)
    after = kind.complete(wanted, before, now)
    _check(tx, kind, after, before)
    place = {"ident": ident, "revision": row.revision + 1, "updated_at": now, "body": after}
    tx.execute(kind.update, {**place, **kind.columns(after)})
    if _mentioned(kind, after) != _mentioned(kind, before):
        mentions.forget(tx, kind.name, ident)
        remember(tx, kind, [after])
    moved = kind.lifecycle is not None and after.get(kind.state) != before.get(kind.state)
    tx.changed(kind.name, ident, Change.STATE if moved else Change.ATTRIBUTES)
    return after


def move(tx: Tx, kind: Kind, ident: str, to: str, now: datetime, **others: Any) -> Body:
    """`change` to the state `to`, with other attributes on the way."""
    return change(tx, kind, ident, lambda body: body | others | {kind.state: to}, now)


def delete(tx: Tx, kind: Kind, ident: str) -> None:
    """Raises `DocumentNotFound`, and what the kind's `deletable` raises."""
    row = tx.execute(kind.locked, {"ident": ident}).first()
    if row is None:
        raise _missing(kind, ident)
    kind.deletable(tx, row.body)
    used = Conflict(f"something has come to refer to {kind.name} {ident}")
    with collision(missing=used):
        tx.execute(kind.delete, {"ident": ident})
    if kind.named:
        mentions.forget(tx, kind.name, ident)
    tx.changed(kind.name, ident, Change.DELETED)


def as_resource(
    kind: Kind,
    *,
    path: str,
    schema: type[msgspec.Struct],
    paths: Paths,
    where: Expression | None = None,
    changes: bool = True,
    deletes: bool = True,
    chooses_ids: bool = False,
    **others: Any,
) -> resource.Document:
    """The declaration of a kind whose bodies are its wire form. Clients choose an id only where
    the API's document says so, else what they say is passed over. `others` are those of
    `Document`: its `to_wire`, say, or a `create` and a `replace` that are verbs of the domain."""
    make = others.pop("create", None)

    def created(tx: Tx, body: Body, now: datetime) -> str:
        if not chooses_ids:
            body.pop("id", None)
        if make is not None:
            return str(make(tx, body, now))
        return str(create(tx, kind, body, now)["id"])

    def replaced(tx: Tx, ident: str, body: Body, now: datetime) -> None:
        change(tx, kind, ident, lambda _: body, now)

    def deleted(tx: Tx, ident: str, _now: datetime) -> None:
        delete(tx, kind, ident)

    return resource.Document(
        path=path,
        type=kind.name,
        key=kind.table.c.id,
        where=where,
        paths=paths,
        schema=schema,
        find=others.pop("find", lambda r, ids: find(r, kind, ids)),
        create=created,
        replace=others.pop("replace", replaced) if changes else None,
        delete=others.pop("delete", deleted) if deletes else None,
        **others,
    )


def _missing(kind: Kind, ident: str) -> DocumentNotFound:
    return DocumentNotFound(f"there is no {kind.name} {ident[:100]}")


def _plain(body: Mapping[str, Any]) -> Body:
    """The body as it will be read back: numbers with a fraction are decimals, and what has no
    value is absent."""
    plain: Body = present(decode_json(encode_json(body)))
    check_storable(plain)
    return plain


def present(value: Any) -> Any:
    """Plain JSON without nulls; only a characteristic's `value` may be one."""
    if isinstance(value, list):
        return [present(each) for each in value]
    if isinstance(value, dict):
        return {
            name: present(each)
            for name, each in value.items()
            if each is not None or name == "value"
        }
    return value


def _begun(kind: Kind, body: Body) -> Body:
    if kind.lifecycle is None:
        return body
    state = body.get(kind.state, kind.begins[0])
    if state not in kind.begins:
        raise UnknownState(f"begins as {' or '.join(kind.begins)}", path=kind.state)
    return body | {kind.state: state}


def _check_transition(kind: Kind, before: Body, after: Body) -> None:
    if kind.lifecycle is None or after.get(kind.state) == before.get(kind.state):
        return
    states = {str(each): each for each in kind.lifecycle.states}
    to = after.get(kind.state)
    if not isinstance(to, str) or to not in states:
        raise UnknownState(f"is one of {', '.join(states)}", path=kind.state)
    kind.lifecycle.check(states[before[kind.state]], states[to], path=kind.state)


def _check(tx: Tx, kind: Kind, body: Body, before: Body | None) -> None:
    for path, knows in kind.refers.items():
        named = list(references(body, path))
        if before is not None:
            old = {ident for _, ident in references(before, path)}
            named = [each for each in named if each[1] not in old]
        there = knows(tx, {ident for _, ident in named}) if named else ()
        for place, ident in named:
            if ident not in there:
                raise UnknownReference(f"there is no {ident[:100]!r}", path=f"{place}.id")
    kind.check(tx, body, before)


@contextmanager
def placed(place: str) -> Iterator[None]:
    """What is wrong inside is wrong below this place."""
    try:
        yield
    except TrunklineError as error:
        error.path = f"{place}.{error.path}" if error.path else place
        raise


def references(body: Any, path: str) -> Iterator[tuple[str, str]]:
    """The place and id of each reference at a dotted path; lists are walked through."""
    for place, value in at(body, path):
        if isinstance(value, Mapping) and isinstance(value.get("id"), str):
            yield place, value["id"]


def at(body: Any, path: str) -> Iterable[tuple[str, Any]]:
    """The place and value of all that stands at a dotted path; lists are walked through."""
    return _at(body, path.split("."), "")


def _at(value: Any, steps: Sequence[str], place: str) -> Iterable[tuple[str, Any]]:
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _at(each, steps, f"{place}[{index}]")
    elif not steps:
        yield place, value
    elif isinstance(value, Mapping) and steps[0] in value:
        inner = f"{place}.{steps[0]}" if place else steps[0]
        yield from _at(value[steps[0]], steps[1:], inner)
