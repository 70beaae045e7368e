"""What a declaration says about a resource. Three kinds: Document, Aggregate, Task."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
import sqlalchemy as sa

from trunkline.kernel.errors import Invalid, TrunklineError
from trunkline.platform.db import Reader, Tx
from trunkline.platform.messages import DatabaseName
from trunkline.platform.principals import Binding
from trunkline.tmf import query, wire
from trunkline.tmf.access import Databases, Owner
from trunkline.tmf.paths import Expression, Path, Paths, column, supplied
from trunkline.tmf.query import Query

Model = TypeVar("Model")
Body = dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Resource(Generic[Model]):
    """`path` is the collection's whole path. `key` gives the ids, and `order` the columns by
    which a list is stable (the key itself, where it is a column); `paths` maps what may
    be filtered and sorted by to columns (`id` is always there). `find` loads the models of
    some ids, in any order and skipping those that don't exist; `to_wire` makes the answer of
    one. `where` holds for every row that is one. Reads and writes happen in `database`.
    `owner` says whose a row is; without it, callers bound to a customer find it closed.
    `attribute_event` and `state_event` end the names of the events that tell of a change, as
    the API's document has them. `later` gives, of what a POST answers or what a DELETE leaves, the
    address to ask after where the work goes on (202), or None where it is done. With `puts` a PUT
    may replace it but for these attributes, where the body leaves them out."""

    path: str
    type: str
    key: Expression
    find: Callable[[Reader, Sequence[str]], Iterable[Model]]
    to_wire: Callable[[Model], Any]
    paths: Paths
    where: Expression | None = None
    order: tuple[sa.Column[Any], ...] = ()
    database: DatabaseName = "books"
    delete: Callable[[Tx, str, datetime], None] | None = None
    owner: Owner | None = None
    attribute_event: str = "AttributeValueChangeEvent"
    state_event: str = "StateChangeEvent"
    arrivals: Mapping[str, str] = field(default_factory=dict)
    """The ends of the events that the document has of arriving in some state, by that state;
    they come beside."""
    later: Callable[[Body], str | None] | None = None
    refusal: Callable[[Body], TrunklineError | None] | None = None
    """Of what a POST made, the error to answer with where that came to nothing, and is kept."""
    puts: frozenset[str] | None = None

    kind: ClassVar[str] = ""

    @cached_property
    def filters(self) -> dict[str, Path]:
        """The declared paths, with `id`."""
        declared = {"id": self.key, **self.paths}
        return {
            name: path if isinstance(path, Path) else column(path)
            for name, path in declared.items()
        }

    @property
    def conditions(self) -> tuple[Expression, ...]:
        return () if self.where is None else (self.where,)

    @property
    def stable(self) -> tuple[sa.Column[Any], ...]:
        if self.order:
            return self.order
        assert isinstance(self.key, sa.Column), f"{self.path} needs an order"
        return (self.key,)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def page(self, r: Reader, asked: Query) -> tuple[list[Any], int]:
        """What a list was asked for, as wire forms, and how many match in all."""
        found = query.find(
            r, asked, key=self.key, order=self.stable, paths=self.filters, where=self.conditions
        )
        return (self.answers(r, found.ids) if found.ids else []), found.total

    def answers(self, r: Reader, ids: Sequence[str]) -> list[Any]:
        """The wire forms of these ids, in their order."""
        found = {wire.ident(each): each for each in map(self.to_wire, self.find(r, ids))}
        return [found[each] for each in ids if each in found]

    def among(
        self, r: Reader, ids: Collection[str], binding: Binding, databases: Databases
    ) -> dict[str, bool]:
        """Of these ids, those that exist, and whether they are the customer's."""
        mine = sa.false() if self.owner is None else self.owner.condition(binding, databases)
        own = sa.func.coalesce(mine, sa.false()).label("own")
        found = sa.select(self.key.label("ident"), own).where(
            self.key.in_(list(ids)), *self.conditions
        )
        return {row.ident: bool(row.own) for row in r.execute(found)}

    def created(self, tx: Tx, body: Body, now: datetime) -> str:
        """Creates from a body, and returns the id. Raises what the operation raises."""
        raise NotImplementedError

    def changed(self, tx: Tx, ident: str, before: Body, after: Body, now: datetime) -> None:
        """Makes of `before` what `after` asks for, or refuses."""
        raise NotImplementedError

    @property
    def creates(self) -> bool:
        return False

    @property
    def changes(self) -> bool:
        return False


@dataclass(frozen=True, kw_only=True, eq=False)
class Document(Resource[Body]):
    """Catalogue-like data: the body is kept whole, also what `schema` doesn't know, and what
    it knows is checked. `create` stores a body and returns its id; `replace` stores a patched
    one; the domain supplies `id`, `lastUpdate` and the like. `find` gives bodies with `id`.
    `accepts` is what one is created from, where that asks for more than `schema`."""

    kind = "document"
    schema: type[msgspec.Struct]
    accepts: type[msgspec.Struct] | None = None
    create: Callable[[Tx, Body, datetime], str] | None = None
    replace: Callable[[Tx, str, Body, datetime], object] | None = None
    to_wire: Callable[[Body], Body] = dict

    @cached_property
    def filters(self) -> dict[str, Path]:
        """Where a body says no `@type` it is shown with ours, and found by it."""
        declared = dict(super().filters)
        if "@type" in declared:
            declared["@type"] = supplied(declared["@type"], self.type)
        return declared

    def answers(self, r: Reader, ids: Sequence[str]) -> list[Any]:
        found = {body["id"]: body for body in self.find(r, ids)}
        return [
            {
                "@type": self.type,
                **self.to_wire(found[each]),
                "href": wire.href(self.path, each),
            }
            for each in ids
            if each in found
        ]

    @property
    def creates(self) -> bool:
        return self.create is not None

    @property
    def changes(self) -> bool:
        return self.replace is not None

    def created(self, tx: Tx, body: Body, now: datetime) -> str:
        assert self.create is not None
        body.pop("href", None)
        wire.convert(body, self.accepts or self.schema)
        return self.create(tx, body, now)

    def changed(self, tx: Tx, ident: str, before: Body, after: Body, now: datetime) -> None:
        assert self.replace is not None
        for name in ("id", "href"):
            if after.get(name) != before[name]:
                raise Invalid("can't be changed", path=name)
        if after == before:
            return
        wire.convert(after, self.schema)
        self.replace(tx, ident, {name: each for name, each in after.items() if name != "href"}, now)


@dataclass(frozen=True, kw_only=True, eq=False)
class Verb:
    """What a PATCH may mean. It is meant when the attribute `on` changes (to one of `to`,
    where given), or, without `on`, when any attribute of `form` does. `run` gets those that
    change, as a `form`; one that the patch removes is None."""

    form: type[msgspec.Struct]
    run: Callable[[Tx, str, Any, datetime], object]
    on: str | None = None
    to: frozenset[str] | None = None

    @cached_property
    def takes(self) -> frozenset[str]:
        return frozenset(field.encode_name for field in msgspec.structs.fields(self.form))

    def is_meant(self, names: set[str], after: Body) -> bool:
        if self.on is None:
            return not names.isdisjoint(self.takes)
        return self.on in names and (self.to is None or after.get(self.on) in self.to)


@dataclass(frozen=True, kw_only=True, eq=False)
class Aggregate(Resource[Model]):
    """What only its domain's operations change. `create` gets the body as `accepts` and
    returns the new id; a PATCH is dispatched to the `verbs` that it means."""

    kind = "aggregate"
    form: type[msgspec.Struct]
    accepts: type[msgspec.Struct] | None = None
    create: Callable[[Tx, Any, datetime], str] | None = None
    verbs: tuple[Verb, ...] = ()

    @property
    def creates(self) -> bool:
        return self.create is not None

    @property
    def changes(self) -> bool:
        return bool(self.verbs)

    def created(self, tx: Tx, body: Body, now: datetime) -> str:
        assert self.create is not None
        assert self.accepts is not None
        return self.create(tx, wire.convert(body, self.accepts), now)

    def changed(self, tx: Tx, ident: str, before: Body, after: Body, now: datetime) -> None:
        names = {
            name for name in before.keys() | after.keys() if after.get(name) != before.get(name)
        }
        for verb in self.verbs:
            if verb.is_meant(names, after):
                given = {name: after.get(name) for name in verb.takes & names}
                names -= verb.takes
                verb.run(tx, ident, wire.convert(given, verb.form), now)
        if names:
            raise self._unmeant(min(names), after)

    def _unmeant(self, name: str, after: Body) -> Invalid:
        values = [to for verb in self.verbs if verb.on == name for to in sorted(verb.to or ())]
        if values:
            said = str(after.get(name))[:40]
            return Invalid(f"can't be set to {said!r}, only to {', '.join(values)}", path=name)
        leads = next((verb.on for verb in self.verbs if name in verb.takes), None)
        if leads is not None:
            return Invalid(f"can only be changed together with {leads}", path=name)
        return Invalid("can't be changed", path=name)


@dataclass(frozen=True, kw_only=True, eq=False)
class Task(Aggregate[Model]):
    """A POST runs a verb; what it did is kept and can be read again, never changed."""

    kind = "task"


@dataclass(frozen=True, kw_only=True, eq=False)
class Api:
    """One Open API: its number ("TMF622"), title, version, base path and resources. `beside`
    holds the OpenAPI paths of what is handled by other means. Without a `hub` nobody listens."""

    number: str
    title: str
    version: str
    base: str
    resources: tuple[Resource[Any], ...]
    beside: Mapping[str, Any] = field(default_factory=dict)
    hub: bool = True

    @property
    def scope(self) -> str:
        """The area of the scopes that its routes need: `tmf622` in `tmf622:write`."""
        return self.number.lower()
