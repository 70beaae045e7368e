"""Who is refused for having tried wrong codes."""

from typing import ClassVar

import falcon

from trunkline import vouchers
from trunkline.kernel.time import format_instant
from trunkline.platform import audit
from trunkline.tmf import wire
from trunkline.tmf.http import Server, send


class Lockouts:
    """Who is refused for having tried wrong codes; DELETE `?who=` lets them try again."""

    scopes: ClassVar = {"GET": "vouchers:read", "DELETE": "vouchers:write"}

    def __init__(self, server: Server) -> None:
        self._server = server
        self._books = server.databases["books"]

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        with self._books.read() as r:
            found = vouchers.locked_out(r, now=self._server.clock.now())
        told = [
            {"who": each.who, "failures": each.failures, "until": format_instant(each.until)}
            for each in found
        ]
        send(resp, wire.encode(told))

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        who = req.get_param("who", required=True)
        with self._books.transaction() as tx:
            vouchers.release(tx, who)
            now = self._server.clock.now()
            caller = req.context.caller.identity
            audit.record(tx, who=caller, verb="let try vouchers again", what=who[:200], now=now)
        resp.status = 204
