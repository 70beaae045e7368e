"""A payment gateway over HTTP: an adapter to whichever provider takes the money.

`POST {url}/charge` with the order as JSON and its key as Idempotency-Key. 200 or 201 with a
`reference` is money taken; 402, and any other refusal of the request, is a decline with its
`reason`; 408, 409, 425, 429, what is 500 or more, and no answer at all leave it open.
"""

import http.client
import ssl
from urllib.parse import urlsplit

import msgspec

from trunkline.payments.automatic.model import GatewayUnavailable, Order, Outcome

_LARGEST = 100_000
_OPEN = frozenset({408, 409, 425, 429})


class _Answer(msgspec.Struct):
    reference: str | None = None
    reason: str | None = None


class HttpGateway:
    """The adapter at `url`, which `token` opens."""

    def __init__(self, url: str, *, token: str = "", timeout: float = 20.0) -> None:
        parts = urlsplit(url)
        assert parts.scheme in ("http", "https"), "settings check it"
        assert parts.hostname, "settings check it"
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._path = f"{parts.path.rstrip('/')}/charge"
        self._token = token
        self._timeout = timeout

    def collect(self, order: Order) -> Outcome:
        body = {
            "id": order.key,
            "account": str(order.billing_account),
            "amount": str(order.amount.to_decimal()),
            "currency": order.amount.currency,
            "paymentMethod": {
                "id": str(order.method),
                "type": order.kind,
                "token": order.token,
            },
            "description": "automatic top-up",
        }
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Idempotency-Key": order.key,
        }
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection = self._connection()
        try:
            connection.request("POST", self._path, msgspec.json.encode(body), headers)
            answer = connection.getresponse()
            status, text = answer.status, answer.read(_LARGEST)
        except (OSError, http.client.HTTPException) as error:
            said = str(error) or type(error).__name__
            raise GatewayUnavailable(f"can't be reached: {said}"[:400]) from error
        finally:
            connection.close()
        return _read(status, text)

    def _connection(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=context
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)


def _read(status: int, text: bytes) -> Outcome:
    if status in _OPEN or not 200 <= status < 500 or 300 <= status < 400:
        raise GatewayUnavailable(f"answered {status}")
    try:
        said = msgspec.json.decode(text, type=_Answer) if text.strip() else _Answer()
    except msgspec.DecodeError as error:
        if status < 300:
            raise GatewayUnavailable(f"answered {status} with what can't be read") from error
        said = _Answer()
    if status >= 400:
        return Outcome(reason=said.reason or f"the gateway refused it: {status}")
    if not said.reference:
        raise GatewayUnavailable(f"answered {status} without a reference")
    return Outcome(reference=said.reference)
