"""Who may talk to an emulator that listens to this machine alone, judged by two headers.

A web page anywhere can have its own name resolve to 127.0.0.1 and then read what answers there as
its own. Its requests carry that name as their Host, so on loopback only names are served that no
stranger can hold. And a page can always send simple requests blindly, which is why what changes
the emulator itself (not data in it) wants no Origin, or one on this machine.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from imbari_chat.wire.json import dumps

__all__ = ["guarded", "host_is_known", "origin_is_local"]

# The hosts of Firebase, by which clients that cannot say ?ns= name a database or reach Auth through
# a rewriting proxy; `.test` and `.localhost` are reserved, nobody can have them resolve.
_KNOWN: Final = (".firebaseio.com", ".firebasedatabase.app", ".googleapis.com", ".localhost",
                 ".test")  # fmt: skip
_CONTROLS: Final = "/emulator/v1/"


def guarded(app: ASGIApp, *, any_host: bool) -> ASGIApp:
    """``app``, behind both checks; a refused request is answered with 403.

    Args:
        any_host: Serve every Host, as an emulator that other machines may use has to.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        reason = _refusal(scope, any_host=any_host)
        if reason is None:
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            body = dumps({"error": reason}).encode()
            headers = [
                (b"content-type", b"application/json; charset=utf-8"),
                (b"content-length", str(len(body)).encode()),
            ]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return answer


def host_is_known(host: str) -> bool:
    """True for a Host header that no stranger's page can send: an address, or a known name."""
    name = _name(f"//{host}")
    return name is not None and (_is_address(name) or name == "localhost" or name.endswith(_KNOWN))


def origin_is_local(origin: str) -> bool:
    """True for an Origin header of a page that this machine serves to itself."""
    name = _name(origin)
    if name is None:
        return False
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _refusal(scope: Scope, *, any_host: bool) -> str | None:
    headers: Mapping[bytes, bytes] = dict(scope["headers"])
    host = headers.get(b"host")  # an HTTP/1.0 client may send none, and is no browser
    if host is not None and not any_host and not host_is_known(host.decode("latin-1")):
        return (
            f"The host {host.decode('latin-1')!r} is not known to this emulator: use 127.0.0.1 or"
            " localhost, or let other machines in with --allow-remote"
        )
    if scope["type"] != "http" or not scope["path"].startswith(_CONTROLS):
        return None
    origin = headers.get(b"origin")
    changes = scope["method"] not in {"GET", "HEAD", "OPTIONS"}
    if changes and origin is not None and not origin_is_local(origin.decode("latin-1")):
        return "Only pages of this machine may change the emulator"
    return None


def _name(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname.rstrip(".").lower() if parts.hostname else None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
