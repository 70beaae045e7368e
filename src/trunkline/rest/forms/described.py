"""OpenAPI of routes that are no resources: what they take, what they give, and who may ask.

Their schemas stand whole where they are used, beside the components that resources share.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from trunkline.tmf.hub import openapi
from trunkline.tmf.wire import Number

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
_REF = "#/components/schemas/{name}"
_JSON = "application/json"


def schema(form: Any, **examples: Any) -> Schema:
    """A form's, without references."""
    (found,), components = msgspec.json.schema_components(
        [form], ref_template=_REF, schema_hook=_hook
    )
    whole: Schema = _inlined(found, components)
    return {**whole, **examples}


def operation(
    api: str,
    name: str,
    said: str,
    *,
    scope: str,
    answers: Mapping[str, Any],
    takes: Any = None,
    example: Any = None,
    parameters: Sequence[Schema] = (),
    note: str = "",
) -> Schema:
    """One method of a path, under the heading `api`. `answers` has what each status gives: a
    form, or a whole response."""
    told: Schema = {
        "tags": [api],
        "operationId": name,
        "summary": said,
        "description": f"Needs the scope `{scope}`. {note}".strip(),
        "responses": {
            **{status: _response(each, said) for status, each in answers.items()},
            "default": openapi.ERROR,
        },
    }
    if parameters:
        told["parameters"] = list(parameters)
    if takes is not None:
        content: Schema = {"schema": schema(takes)}
        if example is not None:
            content["example"] = example
        told["requestBody"] = {"required": True, "content": {_JSON: content}}
    return told


def in_path(*names: str) -> list[Schema]:
    return [{"name": each, "in": "path", "required": True, "schema": TEXT} for each in names]


def in_query(name: str, said: str, *, required: bool = False) -> Schema:
    return {
        "name": name,
        "in": "query",
        "description": said,
        "required": required,
        "schema": {"type": "string", "minLength": 1, "pattern": "^[^\\u0000]+$"},
    }


def _response(given: Any, said: str) -> Schema:
    if isinstance(given, dict):
        return given
    return openapi.answer(said, schema(given))


def _hook(kind: type) -> Schema:
    if kind is Number:
        return {"type": "number"}
    raise NotImplementedError


def _inlined(told: Any, components: Mapping[str, Any]) -> Any:
    """Without references, and without null: what has no value is absent."""
    if isinstance(told, list | tuple):
        return [_inlined(each, components) for each in told]
    if not isinstance(told, dict):
        return told
    if told.get("format") == "decimal":
        return {"type": "number"}
    if "$ref" in told:
        return _inlined(components[told["$ref"].rpartition("/")[2]], components)
    choices = [each for each in told.get("anyOf", ()) if each != {"type": "null"}]
    rest = {
        name: _inlined(each, components)
        for name, each in told.items()
        if name not in ("anyOf", "title") and not (name == "default" and each is None)
    }
    if len(choices) == 1:
        return rest | _inlined(choices[0], components)
    return rest | {"anyOf": _inlined(choices, components)} if choices else rest
