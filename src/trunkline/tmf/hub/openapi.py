"""The hub of an API in its OpenAPI document."""

from typing import Any

from trunkline.tmf.resource import Api

Schema = dict[str, Any]

_TEXT = {"type": "string"}
_CALLBACK = {"type": "string", "format": "uri", "pattern": "^https?://", "maxLength": 2000}
_QUERY = {
    "type": "string",
    "maxLength": 2000,
    "description": "A filter (TMF630) over the event: "
    "eventType=ProductOrderStateChangeEvent&productOrder.state=completed",
}
LISTENER: Schema = {
    "type": "object",
    "required": ["id", "href", "callback"],
    "properties": {"id": _TEXT, "href": _TEXT, "callback": _TEXT, "query": _TEXT},
}
_NEW: Schema = {
    "type": "object",
    "required": ["callback"],
    "properties": {
        "callback": _CALLBACK,
        "query": _QUERY,
        "secret": {
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "description": "Events then carry x-trunkline-signature: sha256= and the "
            "HMAC-SHA256 of the body by this secret",
        },
    },
}
_JSON = "application/json"
ERROR: Schema = {"$ref": "#/components/responses/error"}


def answer(said: str, schema: Schema) -> Schema:
    return {"description": said, "content": {_JSON: {"schema": schema}}}


BODY: Schema = {"required": True, "content": {_JSON: {"schema": _NEW}}}


def hub_paths(api: Api) -> Schema:
    """The paths of its hub."""

    def operation(verb: str, said: str, answers: Schema, **rest: Any) -> Schema:
        return {
            "tags": [api.number],
            "operationId": f"{verb}{api.number}",
            "summary": said,
            "description": f"Needs the scope `{api.scope}:read`: who may read, may listen.",
            "responses": {**answers, "default": ERROR},
            **rest,
        }

    shown = answer("Found", LISTENER)
    many = answer("Those of the caller", {"type": "array", "items": LISTENER})
    made, gone = {"201": answer("Registered", LISTENER)}, {"204": {"description": "Gone"}}
    return {
        f"{api.base}/hub": {
            "get": operation("listListeners", "List listeners", {"200": many}),
            "post": operation("registerListener", "Register a listener", made, requestBody=BODY),
        },
        f"{api.base}/hub/{{id}}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": _TEXT}],
            "get": operation("retrieveListener", "Retrieve a listener", {"200": shown}),
            "delete": operation("unregisterListener", "Unregister a listener", gone),
        },
    }
