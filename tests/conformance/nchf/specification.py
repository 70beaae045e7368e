"""3GPP's documents, read from ../shared/specs/3gpp, to hold requests and answers against."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from jsonschema import FormatChecker
from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

SPECS = Path(__file__).parents[4] / "shared" / "specs" / "3gpp"
CONVERGED = "TS32291_Nchf_ConvergedCharging.yaml"
SPENDING = "TS29594_Nchf_SpendingLimitControl.yaml"
_FOLDER = "https://3gpp/"


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]
    """Instants stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


@cache
def document(name: str) -> Any:
    return yaml.load((SPECS / name).read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe one


def _retrieve(uri: str) -> "Resource[Any]":
    return DRAFT4.create_resource(document(uri.removeprefix(_FOLDER)))


_registry: "Registry[Any]" = Registry(retrieve=_retrieve)  # type: ignore[call-arg]


@cache
def _validator(pointer: str) -> OAS30Validator:
    return OAS30Validator(
        {"$ref": _FOLDER + pointer}, registry=_registry, format_checker=FormatChecker()
    )


def check(schema: str, found: Any, file: str = CONVERGED) -> None:
    """Fails where `found` is no `schema` of the file; nothing is looked at without the files."""
    if not SPECS.exists():
        return
    faults = [
        f"{fault.json_path}: {fault.message}"
        for fault in _validator(f"{file}#/components/schemas/{schema}").iter_errors(found)
    ]
    assert not faults, "\n".join(faults)


def check_answer(file: str, path: str, method: str, status: int, kind: str, body: Any) -> None:
    """Holds an answer against its operation: the status is one of the documented, and the body
    has the schema of its media type."""
    if not SPECS.exists():
        return
    responses = document(file)["paths"][path][method]["responses"]
    key = str(status) if str(status) in responses else "default"
    assert key != "default" or status in (405, 413, 415), f"{status} isn't documented"
    response = responses[key]
    place = f"{file}#/paths/{_escaped(path)}/{method}/responses/{key}"
    if "$ref" in response:
        name, _, inner = response["$ref"].partition("#")
        place = f"{name or file}#{inner}"
        response = document(name or file)
        for step in inner.strip("/").split("/"):
            response = response[step]
    content = response.get("content")
    if not content:
        assert body is None, "an answer without content"
        return
    assert kind in content, f"{kind} isn't documented for {status}"
    faults = [
        f"{fault.json_path}: {fault.message}"
        for fault in _validator(f"{place}/content/{_escaped(kind)}/schema").iter_errors(body)
    ]
    assert not faults, "\n".join(faults)


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def need() -> None:
    if not SPECS.exists():
        pytest.skip("../shared/specs/3gpp is not beside this checkout")
