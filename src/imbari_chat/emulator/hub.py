"""The hub: which emulators run where, and exports on demand.

It is what ``firebase emulators:export`` and Google's client libraries ask. Other processes find it
by a file in the system's temporary directory, named for the project, and by
``FIREBASE_EMULATOR_HUB``.
"""

import asyncio
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from starlette.types import Receive, Scope, Send

from imbari_chat.emulator.exports import LAYOUT_VERSION
from imbari_chat.emulator.guard import origin_is_local
from imbari_chat.errors import ConfigError, ImbariError, InvalidData
from imbari_chat.files import replacing, write_all
from imbari_chat.wire.json import Json, dumps, parse

__all__ = ["Hub", "Locator"]

_BODY_LIMIT: Final = 64 * 1024
_TRIGGERS: Final = {
    "/functions/disableBackgroundTriggers": False,
    "/functions/enableBackgroundTriggers": True,
}


class Hub:
    """The ASGI application.

    Args:
        addresses: Host and port of each emulator by its name, the hub's own among them.
        export: Writes an export to a directory; called in a thread.
    """

    def __init__(
        self,
        addresses: Mapping[str, tuple[str, int]],
        export: Callable[[Path], None],
    ) -> None:
        self._addresses = addresses
        self._export = export

    def locator(self) -> dict[str, Json]:
        """What a process that looks for the hub has to know."""
        host, port = self._addresses["hub"]
        return {
            "version": LAYOUT_VERSION,
            "origins": [f"http://{_in_url(host)}:{port}"],
            "pid": os.getpid(),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # there is none here
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        origin = headers.get(b"origin")
        status, body = await self._answer(scope, receive, origin)
        content = dumps(body, pretty=True).encode()
        sent = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(content)).encode()),
        ]
        if origin is not None and origin_is_local(origin.decode("latin-1")):
            sent += [
                (b"access-control-allow-origin", origin),
                (b"access-control-allow-methods", b"GET,PUT"),
                (b"vary", b"Origin"),
            ]
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": content})

    async def _answer(
        self, scope: Scope, receive: Receive, origin: bytes | None
    ) -> tuple[int, Json]:
        path = scope["path"]
        foreign = origin is not None and not origin_is_local(origin.decode("latin-1"))
        match scope["method"], path:
            case ("OPTIONS", _):
                return 200, None
            case ("GET" | "HEAD", "/"):
                host, port = self._addresses["hub"]
                return 200, {**self.locator(), "host": host, "port": port}
            case ("GET" | "HEAD", "/emulators"):
                return 200, {name: self._emulator(name) for name in self._addresses}
            case ("POST", "/_admin/export"):
                if origin is not None:
                    return 403, {"message": "Export cannot be triggered by external callers."}
                return await self._exported(receive)
            case ("PUT", _) if path in _TRIGGERS:
                if foreign:
                    return 403, {"error": "Only pages of this machine may change the emulator"}
                return 200, {"enabled": _TRIGGERS[path]}
        return 404, {"error": "404 Not Found"}

    async def _exported(self, receive: Receive) -> tuple[int, Json]:
        try:
            asked = parse(await _body(receive))
            path = asked.get("path") if isinstance(asked, dict) else None
            if not isinstance(path, str) or not path:
                raise InvalidData("path must name a directory", where="the request's body")
            await asyncio.to_thread(self._export, Path(path))
        except (ConfigError, InvalidData) as error:
            return 400, {"message": str(error)}
        except ImbariError as error:
            return 500, {"message": str(error)}
        return 200, {"message": "OK"}

    def _emulator(self, name: str) -> Json:
        host, port = self._addresses[name]
        family = "IPv6" if ":" in host else "IPv4"
        return {
            "listen": [{"address": host, "family": family, "port": port}],
            "name": name,
            "host": host,
            "port": port,
            "pid": os.getpid(),
        }


class Locator:
    """The file by which other processes find the hub.

    Args:
        project: Whose.
        directory: Where; the system's temporary directory by default.
    """

    def __init__(self, project: str, directory: Path | None = None) -> None:
        folder = Path(tempfile.gettempdir()) if directory is None else directory
        self.file = folder / f"hub-{project}.json"
        self._content: bytes | None = None

    def place(self, content: Mapping[str, Json]) -> bool:
        """Put it there, unless that of another running hub is.

        Returns:
            False if another hub has it, or the file cannot be written.
        """
        if self._held_by_another():
            return False
        data = dumps(dict(content)).encode()
        try:
            with replacing(self.file, mode=0o644) as new:
                write_all(new, data)
        except OSError:
            return False
        self._content = data
        return True

    def remove(self) -> None:
        """Take it away again, if it is still ours."""
        if self._content is not None:
            with suppress(OSError):
                if self.file.read_bytes() == self._content:
                    self.file.unlink()

    def _held_by_another(self) -> bool:
        try:
            pid = json.loads(self.file.read_bytes())["pid"]
            os.kill(pid, 0)
        except PermissionError:
            return True
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return False
        return True


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    more: bool = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _BODY_LIMIT:
            raise InvalidData("the request's body is too large")
        more = message.get("more_body", False)
    return bytes(body)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
