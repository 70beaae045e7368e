"""The files that pages load."""

import hashlib
import mimetypes
from pathlib import Path

import falcon
import msgspec

from trunkline.kernel.errors import NotFound


class _File(msgspec.Struct, frozen=True):
    data: bytes
    media: str
    tag: str


class StaticFiles:
    """What lies under `root` when the server starts, from memory, with a tag for the browser's
    cache. Only what was found there is served: no path leads out."""

    is_open = True

    def __init__(self, root: Path) -> None:
        self._paths = {
            path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()
        }
        self._files: dict[str, _File] = {}

    def on_get(self, req: falcon.Request, resp: falcon.Response, path: str) -> None:
        file = self._file(path)
        resp.etag = file.tag
        resp.cache_control = ["public", "max-age=3600"]
        if any(each == "*" or each == file.tag for each in req.if_none_match or ()):
            resp.status = falcon.HTTP_304
        else:
            resp.content_type = file.media
            resp.data = file.data

    def _file(self, path: str) -> _File:
        if path not in self._paths:
            raise NotFound("there is no such file")
        if path not in self._files:
            data = self._paths[path].read_bytes()
            media = mimetypes.guess_type(path)[0] or "application/octet-stream"
            self._files[path] = _File(data, media, hashlib.sha256(data).hexdigest()[:32])
        return self._files[path]
