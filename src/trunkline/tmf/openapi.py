"""OpenAPI 3.1 documents, made of the declarations: what is really supported."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from trunkline.tmf.errors import ErrorBody
from trunkline.tmf.hub.openapi import hub_paths
from trunkline.tmf.paths import Op, Path
from trunkline.tmf.query import DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET
from trunkline.tmf.resource import Aggregate, Api, Document, Resource
from trunkline.tmf.wire import Number

Schema = dict[str, Any]
_REF = "#/components/schemas/{name}"
_JSON = "application/json"


def document(
    apis: Iterable[Api], *, title: str, version: str, token_url: str | None = None
) -> Schema:
    """One document for these APIs; clients get their tokens at `token_url`."""
    apis = tuple(apis)
    titles = _titles(apis)
    forms = [form for resource in titles for form in _forms(resource)]
    schemas, components = msgspec.json.schema_components(
        (ErrorBody, *forms), ref_template=_REF, schema_hook=_schema_of
    )
    wanted = _names(titles)
    names = {
        schema["$ref"]: wanted[form]
        for form, schema in zip((ErrorBody, *forms), schemas, strict=True)
        if form in wanted
    }
    taken = {*names.values(), *titles.values()}
    for long in components:
        short = _short(long)
        names.setdefault(_REF.format(name=long), f"{short}_Part" if short in taken else short)
    schemas, components = _tidied(schemas, names), _tidied(components, names)
    components = {names.get(_REF.format(name=old), old): each for old, each in components.items()}
    named = iter(schemas[1:])
    paths: Schema = {}
    for api in apis:
        for resource in api.resources:
            by_form = {form: next(named) for form in _forms(resource)}
            paths |= _paths(api, resource, by_form, titles[resource])
            if isinstance(resource, Document):
                components[titles[resource]] = _kept(resource, by_form)
            if resource.changes:
                components[f"{titles[resource]}_Update"] = _update(resource, by_form)
        paths |= {**(hub_paths(api) if api.hub else {}), **api.beside}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": "/"}],
        "tags": [{"name": api.number, "description": api.title} for api in apis],
        "security": [*([{"oauth": []}] if token_url else []), *_BY_SECRET],
        "paths": _secured(paths) if token_url else paths,
        "components": {
            "schemas": {**components, "Partial": _PART, "JsonPatch": _STEP},
            "securitySchemes": _schemes(apis, token_url),
            "responses": {
                "error": {
                    "description": "Refused, with the reason",
                    "content": {_JSON: {"schema": schemas[0]}},
                }
            },
        },
    }


_BY_SECRET: list[Schema] = [{"bearer": []}, {"key": []}]
_SCOPE = re.compile(r"Needs the scope `([^`]+)`")


def _schemes(apis: Iterable[Api], token_url: str | None) -> Schema:
    """A key, itself or as a bearer token, and tokens that are got with one (RFC 6749, section
    4.4)."""
    schemes: Schema = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    if token_url is not None:
        scopes = {
            f"{api.scope}:{right}": f"{verb} {api.title}"
            for api in apis
            for right, verb in (("read", "Read"), ("write", "Change"))
        }
        flow = {"tokenUrl": token_url, "scopes": scopes}
        schemes["oauth"] = {"type": "oauth2", "flows": {"clientCredentials": flow}}
    return schemes


def _secured(paths: Schema) -> Schema:
    """Each operation with the scope that it says it needs."""
    for operations in paths.values():
        for operation in operations.values():
            said = isinstance(operation, dict) and _SCOPE.search(operation.get("description", ""))
            if said:
                operation["security"] = [{"oauth": [said.group(1)]}, *_BY_SECRET]
    return paths


def _schema_of(kind: type) -> Schema:
    if kind is Number:
        return {"type": "number"}
    raise NotImplementedError


def _short(name: str) -> str:
    """A class's name; where several have it, msgspec says their modules too."""
    *modules, own = name.split(".")
    if not modules:
        return own
    api = re.match(r"tmf\d+", modules[-1])
    return f"{own}_{api.group().upper() if api else modules[-1]}"


def _titles(apis: Iterable[Api]) -> dict[Resource[Any], str]:
    """What resources are called in the document: by their type, and where several APIs have
    one of that type, by their API's number too."""
    apis = tuple(apis)
    held = Counter(resource.type for api in apis for resource in api.resources)
    return {
        resource: resource.type if held[resource.type] == 1 else f"{resource.type}_{api.number}"
        for api in apis
        for resource in api.resources
    }


def _names(titles: Mapping[Resource[Any], str]) -> dict[Any, str]:
    """What forms are called in the document: by their resource."""
    names: dict[Any, str] = {ErrorBody: "Error"}
    for resource, title in titles.items():
        if isinstance(resource, Document):
            names.setdefault(resource.accepts or resource.schema, f"{title}_Create")
            names.setdefault(resource.schema, f"{title}_Kept")
        if isinstance(resource, Aggregate):
            names.setdefault(resource.form, title)
            if resource.accepts is not None:
                names.setdefault(resource.accepts, f"{title}_Create")
    return names


def _tidied(schema: Any, names: dict[str, str]) -> Any:
    """With these names in references, and without null: what has no value is absent."""
    if isinstance(schema, list | tuple):
        return [_tidied(each, names) for each in schema]
    if not isinstance(schema, dict):
        return schema
    choices = schema.get("anyOf", [])
    kept = [each for each in choices if each != {"type": "null"}]
    rest = {name: _tidied(each, names) for name, each in schema.items() if name != "anyOf"}
    if isinstance(rest.get("title"), str):
        del rest["title"]
    if rest.get("format") == "decimal":
        rest = {"type": "number"}
    properties = rest.get("properties")
    if isinstance(properties, dict):
        rest |= _told_apart(properties)
    named = names.get(rest.get("$ref", ""))
    if named is not None:
        rest["$ref"] = _REF.format(name=named)
    if len(kept) < len(choices) and rest.get("default", ...) is None:
        del rest["default"]
    if len(kept) == 1:
        return rest | _tidied(kept[0], names)
    return rest | {"anyOf": _tidied(kept, names)} if kept else rest


def _told_apart(properties: Schema) -> Schema:
    """Generators of clients make one name of `type` and `@type`: where an object has both, what
    `@type` is stands where they don't look, and they keep it with what they don't know."""
    both = [name for name in properties if name[:1] == "@" and name[1:] in properties]
    if not both:
        return {}
    return {
        "properties": {name: each for name, each in properties.items() if name not in both},
        "patternProperties": {f"^{re.escape(name)}$": properties[name] for name in both},
    }


def _forms(resource: Resource[Any]) -> list[Any]:
    if isinstance(resource, Document):
        return [resource.schema, *([resource.accepts] if resource.accepts else [])]
    assert isinstance(resource, Aggregate)
    forms = [resource.form, resource.accepts, *(verb.form for verb in resource.verbs)]
    return list(dict.fromkeys(form for form in forms if form is not None))


def _paths(api: Api, resource: Resource[Any], schemas: dict[Any, Schema], title: str) -> Schema:
    shown = _shown(resource, schemas, title)
    found = {"anyOf": [shown, _PARTIAL]}
    several = {"type": "array", "items": found}
    collection: Schema = {
        "get": _operation(api, resource, title, "list", {
            "200": _answer("All that match", several, paged=True),
            "206": _answer("A part of what matches", several, paged=True),
        }, parameters=_list_parameters(resource)),
    }  # fmt: skip
    item: Schema = {
        "get": _operation(
            api,
            resource,
            title,
            "retrieve",
            {"200": _answer("Found", found), "304": {"description": "As it was"}},
            parameters=[_FIELDS, _KNOWN],
        ),
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": _TEXT}],
    }
    if resource.creates:
        accepted = _accepted(resource, schemas)
        made = {"201": _answer("Created", shown)}
        if resource.later is not None:
            made["202"] = _answer("Begun; Location says where to ask after it", shown)
        collection["post"] = _operation(
            api, resource, title, "create", made,
            parameters=[_KEY], body={_JSON: {"schema": accepted}},
        )  # fmt: skip
    if resource.changes:
        item["patch"] = _operation(
            api, resource, title, "patch", {"200": _answer("Changed", shown)},
            parameters=[_MATCH], body=_patch_body(title),
        )  # fmt: skip
    if resource.puts is not None:
        item["put"] = _operation(
            api, resource, title, "put", {"200": _answer("Changed", shown)},
            parameters=[_MATCH], body={_JSON: {"schema": _accepted(resource, schemas)}},
        )  # fmt: skip
    if resource.delete is not None:
        gone: Schema = {"204": {"description": "Gone"}}
        if resource.later is not None:
            gone["202"] = {"description": "Begun; Location says where to ask after it"}
        item["delete"] = _operation(api, resource, title, "delete", gone, parameters=[_MATCH])
    return {resource.path: collection, f"{resource.path}/{{id}}": item}


def _shown(resource: Resource[Any], schemas: dict[Any, Schema], title: str) -> Schema:
    if isinstance(resource, Document):
        return {"$ref": _REF.format(name=title)}
    return schemas[resource.form]  # type: ignore[attr-defined]


def _kept(resource: Document, schemas: dict[Any, Schema]) -> Schema:
    """A document as it is shown: what was given, and what every resource has."""
    own = {"id": _TEXT, "href": _TEXT, "@type": _TEXT}
    return {
        "allOf": [
            schemas[resource.schema],
            {"type": "object", "properties": own, "required": list(own)},
        ]
    }


def _accepted(resource: Resource[Any], schemas: dict[Any, Schema]) -> Schema:
    accepts = resource.accepts  # type: ignore[attr-defined]
    return schemas[resource.schema if accepts is None else accepts]  # type: ignore[attr-defined]


def _update(resource: Resource[Any], schemas: dict[Any, Schema]) -> Schema:
    """What a PATCH may merge."""
    verbs = resource.verbs if isinstance(resource, Aggregate) else ()
    if verbs:
        return {"anyOf": [schemas[verb.form] for verb in verbs]}
    return {"type": "object", "description": "A part of the resource"}


def _patch_body(title: str) -> Schema:
    merged = {"$ref": _REF.format(name=f"{title}_Update")}
    steps = {"type": "array", "items": {"$ref": _REF.format(name="JsonPatch")}}
    return {
        _JSON: {"schema": merged},
        "application/merge-patch+json": {"schema": merged},
        "application/json-patch+json": {"schema": steps},
    }


def _operation(
    api: Api,
    resource: Resource[Any],
    title: str,
    verb: str,
    answers: Schema,
    *,
    parameters: list[Schema],
    body: Schema | None = None,
) -> Schema:
    right = "read" if verb in ("list", "retrieve") else "write"
    operation: Schema = {
        "tags": [api.number],
        "operationId": f"{verb}{title}",
        "summary": f"{verb.capitalize()} {resource.type}",
        "description": f"Needs the scope `{api.scope}:{right}`.",
        "parameters": parameters,
        "responses": {**answers, "default": {"$ref": "#/components/responses/error"}},
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _answer(said: str, schema: Schema, *, paged: bool = False) -> Schema:
    answer: Schema = {"description": said, "content": {_JSON: {"schema": schema}}}
    if paged:
        answer["headers"] = {name: {"schema": _WHOLE} for name in _COUNTS}
    return answer


def _list_parameters(resource: Resource[Any]) -> list[Schema]:
    names = ", ".join(resource.filters)
    limit = {**_WHOLE, "default": DEFAULT_LIMIT}
    return [
        _FIELDS,
        _query("offset", "How many to skip.", {**_WHOLE, "default": 0}),
        _query("limit", f"How many to give at most; never more than {MAX_LIMIT}.", limit),
        _query("sort", f"Paths, each with - to descend: {names}.", _sorting(resource)),
        *(_filter(name, path) for name, path in resource.filters.items()),
    ]


def _sorting(resource: Resource[Any]) -> Schema:
    one = f"[-+]?({'|'.join(map(re.escape, resource.filters))})"
    return {"type": "string", "pattern": f"^{one}(,{one})*$"}


def _filter(name: str, path: Path) -> Schema:
    said = "Several values, with commas or repeated, are alternatives."
    others = ", ".join(op for op in path.operators if op is not Op.EQ)
    if others:
        said += f" Also `{name}.` with {others}."
    return _query(name, said, _OF_KIND.get(path.kind, _PRINTED))


def _query(name: str, said: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "description": said, "schema": schema}


_TEXT = {"type": "string"}
_PRINTED = {"type": "string", "pattern": "^[^\\u0000]*$"}
_WHOLE = {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET}
_OF_KIND: dict[str, Schema] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date-time": {"type": "string", "format": "date-time"},
}
_PARTIAL = {"$ref": _REF.format(name="Partial")}
_PART: Schema = {
    "type": "object",
    "description": "What `fields` asked for, and always these two",
    "required": ["id", "href"],
    "properties": {"id": _TEXT, "href": _TEXT},
}
_POINTER = {"type": "string", "pattern": "^(/[^\\u0000]*)?$"}
_STEP: Schema = {
    "type": "object",
    "description": "A step of a JSON Patch (RFC 6902)",
    "required": ["op", "path"],
    "properties": {
        "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
        "path": _POINTER,
        "from": _POINTER,
        "value": {},
    },
}
_COUNTS = ("X-Total-Count", "X-Result-Count")
_FIELDS = _query("fields", "Attributes to give, beside id and href; `none` for no other.", _PRINTED)
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key and body give the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}
_KNOWN = {
    "name": "If-None-Match",
    "in": "header",
    "description": "ETags that are known; 304 where the resource still has one of them.",
    "schema": _TEXT,
}
_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag that was read; 412 where the resource has changed since.",
    "schema": _TEXT,
}
