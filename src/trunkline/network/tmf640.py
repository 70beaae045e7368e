"""A network element that speaks TMF640: another system's activation API, over HTTP.

Its address is a setting, and nothing that it answers leads elsewhere: of the addresses in its
answers only the last step is used. What is created carries the instruction's id as its
Idempotency-Key, so that one that was lost on the way may be sent again.
"""

import http.client
import ssl
from typing import Any, cast
from urllib.parse import quote, urlsplit

import msgspec

from trunkline.network.model import (
    Answer,
    Instruction,
    InstructionState,
    NetworkUnavailable,
    Verb,
)

_LARGEST = 1_000_000
_STATE = {
    Verb.PROVISION: "active",
    Verb.RESUME: "active",
    Verb.MODIFY: None,
    Verb.SUSPEND: "inactive",
    Verb.TERMINATE: "terminated",
}
_BUSY = frozenset({408, 425, 429})
"""Refusals that the same request may outlive."""
_MONITOR = "monitor/"
_SERVICE = "service/"


class Tmf640Element:
    """The activation API at `url` (its base path), which `token` opens."""

    def __init__(self, url: str, *, token: str = "", timeout: float = 10.0) -> None:
        parts = urlsplit(url)
        assert parts.scheme in ("http", "https"), "settings check it"
        assert parts.hostname, "settings check it"
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._base = parts.path.rstrip("/")
        self._token = token
        self._timeout = timeout

    def carry_out(self, instruction: Instruction) -> Answer:
        wish = instruction.wish
        if wish.verb is Verb.TERMINATE:
            return self._terminated(instruction)
        body: dict[str, Any] = {
            "serviceCharacteristic": [
                {"name": name, "value": value} for name, value in wish.characteristics.items()
            ],
        }
        if (state := _STATE[wish.verb]) is not None:
            body["state"] = state
        if instruction.remote is None and instruction.attempts:
            instruction = self._sought(instruction)
        if instruction.remote is not None:
            path = f"service/{quote(instruction.remote, safe='')}"
            return self._read(instruction, *self._send("PATCH", path, instruction, body))
        body |= {
            "@type": "Service",
            "name": wish.name,
            "serviceSpecification": {"id": wish.specification or "service"},
            "relatedEntity": [{"id": wish.service, "role": "requestedService"}],
        }
        return self._read(instruction, *self._send("POST", "service", instruction, body))

    def ask(self, instruction: Instruction) -> Answer:
        following = instruction.following or ""
        status, _, body = self._send("GET", following, instruction)
        if status >= 400:
            return _refused(status, body, following)
        if following.startswith(_SERVICE):
            return self._of_service(instruction, body)
        said = str(body.get("state", "")).lower()
        if said == "completed":
            remote = _last(body.get("sourceHref")) or instruction.remote
            return Answer(state=InstructionState.DONE, remote=remote)
        if said == "inerror":
            response = body.get("response")
            inside = response.get("body") if isinstance(response, dict) else None
            return Answer(state=InstructionState.REFUSED, reason=str(inside or "in error")[:500])
        return Answer(state=InstructionState.WORKING, following=following)

    def state_of(self, remote: str) -> str | None:
        status, _, text = self._request("GET", f"service/{quote(remote, safe='')}")
        if status == 404:
            return None
        if status != 200:
            raise NetworkUnavailable(f"answered {status} when asked for a service")
        return str(_object(text, status).get("state"))

    def _terminated(self, instruction: Instruction) -> Answer:
        """What the network has no name for is not there to be ended."""
        instruction = self._sought(instruction)
        if instruction.remote is None:
            return Answer(state=InstructionState.DONE)
        path = f"service/{quote(instruction.remote, safe='')}"
        status, location, body = self._send("DELETE", path, instruction)
        if status in (200, 204, 404, 410):
            return Answer(state=InstructionState.DONE)
        return self._read(instruction, status, location, body)

    def _sought(self, instruction: Instruction) -> Instruction:
        """With the network's name for the service, should an earlier answer have been lost."""
        if instruction.remote is not None:
            return instruction
        mine = instruction.wish.service
        path = f"service?relatedEntity.id={quote(mine, safe='')}"
        status, _, text = self._request("GET", path)
        if status not in (200, 206):
            raise NetworkUnavailable(f"answered {status} when asked for its services")
        for each in _services(text):
            if mine in (one.id for one in each.relatedEntity) and each.state != "terminated":
                return msgspec.structs.replace(instruction, remote=each.id)
        return instruction

    def _read(
        self, instruction: Instruction, status: int, location: str, body: dict[str, Any]
    ) -> Answer:
        if status == 202:
            named = location or str(body.get("href") or "")
            followed = _last(named)
            if not followed:
                raise NetworkUnavailable("accepted it, and didn't say where to ask after it")
            kind = _SERVICE if "/service/" in named else _MONITOR
            return Answer(
                state=InstructionState.WORKING, following=f"{kind}{quote(followed, safe='')}"
            )
        if status >= 400:
            return _refused(status, body, instruction.wish.verb)
        return self._of_service(instruction, body)

    def _of_service(self, instruction: Instruction, body: dict[str, Any]) -> Answer:
        remote = str(body.get("id") or instruction.remote or "")
        wanted = _STATE[instruction.wish.verb]
        if wanted is None or body.get("state") == wanted:
            return Answer(state=InstructionState.DONE, remote=remote)
        following = f"{_SERVICE}{quote(remote, safe='')}"
        return Answer(state=InstructionState.WORKING, remote=remote, following=following)

    def _send(
        self, method: str, path: str, instruction: Instruction, body: Any = None
    ) -> tuple[int, str, dict[str, Any]]:
        """What came back, where it is an answer to this."""
        status, location, text = self._request(method, path, body, key=instruction.id)
        said = _object(text, status)
        if status >= 500 or status in _BUSY:
            raise NetworkUnavailable(f"answered {status}: {said.get('message', '')}"[:500])
        return status, location, said

    def _request(
        self, method: str, path: str, body: Any = None, *, key: str | None = None
    ) -> tuple[int, str, bytes]:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if key is not None:
            headers["Idempotency-Key"] = key
        raw = None if body is None else msgspec.json.encode(body)
        connection = self._connection()
        try:
            connection.request(method, f"{self._base}/{path}", raw, headers)
            answer = connection.getresponse()
            text = answer.read(_LARGEST)
        except (OSError, http.client.HTTPException) as error:
            raise NetworkUnavailable(
                f"can't be reached: {str(error) or type(error).__name__}"
            ) from error
        finally:
            connection.close()
        return answer.status, answer.headers.get("Location") or "", text

    def _connection(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=context
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)


class _Related(msgspec.Struct):
    id: str | None = None


class _Found(msgspec.Struct):
    id: str
    state: str = ""
    relatedEntity: tuple[_Related, ...] = ()  # noqa: N815 (as on the wire)


def _services(text: bytes) -> list[_Found]:
    try:
        return msgspec.json.decode(text, type=list[_Found])
    except msgspec.DecodeError as error:
        raise NetworkUnavailable(f"its list of services can't be read: {error}") from error


def _object(text: bytes, status: int) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        found = None
    if isinstance(found, dict):
        return cast("dict[str, Any]", found)
    if status >= 400:
        return {"message": text[:200].decode(errors="replace")}
    raise NetworkUnavailable("answered with what is no JSON object")


def _last(address: object) -> str:
    """The last step of an address, the only part that is believed."""
    return str(address).rstrip("/").rpartition("/")[2] if address else ""


def _refused(status: int, body: dict[str, Any], what: str) -> Answer:
    said = body.get("message") or body.get("reason") or body.get("code") or ""
    reason = f"the network refused to {what}: {status} {said}".strip()
    return Answer(state=InstructionState.REFUSED, reason=reason[:500])
