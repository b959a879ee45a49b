"""One line for every request, without the secrets in it.

    GET /chatSessions.json?orderBy=...&limitToLast=... 200 1.3 ms uid=u1

Of the query string only the names are shown, but for those whose values are harmless. Who asked is
``admin``, ``uid=...`` or ``nobody``.
"""

import re
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl, quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imbari_chat.emulator.tokens import decode_unverified, parse_object
from imbari_chat.wire.json import Json

__all__ = ["logged", "shown_uid", "socket_line"]

_HARMLESS: Final = frozenset(
    {
        "ns", "print", "shallow", "format", "timeout", "writeSizeLimit", "orderBy", "limitToFirst",
        "limitToLast", "maxResults", "mode", "v",
    }
)  # fmt: skip
_PEEKED: Final = 64 * 1024
_LONGEST_ACTION: Final = 20
_LONGEST_PLACE: Final = 1000
_UID: Final = re.compile(r"[^\x21-\x7e]")


def logged(
    app: ASGIApp,
    write: Callable[[str], None],
    *,
    token_in_body: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> ASGIApp:
    """``app``, with a line for each of its requests, before the last of its answer is sent.

    Args:
        write: Gets the line.
        token_in_body: Calls may say who asks by ``idToken`` in their body, as those of Auth do.
        clock: Seconds, from anywhere.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        began = clock()
        status: int | None = None
        body = bytearray()
        told = False

        def tell() -> None:
            nonlocal told
            if not told:
                told = True
                write(_line(scope, status, clock() - began, bytes(body)))

        async def peek() -> Message:
            message = await receive()
            if token_in_body:
                body.extend(message.get("body", b"")[: _PEEKED - len(body)])
            return message

        async def observe(message: Message) -> None:
            nonlocal status
            match message["type"]:
                case "http.response.start":
                    status = message["status"]
                case "websocket.accept":
                    status = 101
                    tell()
                case "http.response.body" if not message.get("more_body"):
                    tell()
            await send(message)

        try:
            await app(scope, peek, observe)
        finally:
            tell()

    return answer


def socket_line(action: str, place: str, status: str, seconds: float, who: str) -> str:
    """The line for one request over a socket.

    WS p /room/x ok 0.2 ms uid=u1

    Args:
        who: ``admin``, ``nobody`` or a uid after ``uid=``.
    """
    what = quote(action[:_LONGEST_ACTION], errors="replace")
    where = quote(place[:_LONGEST_PLACE], safe="/:~!$&'()*+,;=@", errors="replace")
    return f"WS {what} {where or '-'} {status} {seconds * 1000:.1f} ms {who}"


def shown_uid(uid: str) -> str:
    """A uid as lines have it."""
    return f"uid={_UID.sub('?', uid[:128])}"


def _line(scope: Scope, status: int | None, seconds: float, body: bytes) -> str:
    method = scope.get("method", "WS")
    path = quote(scope["path"], safe="/:~!$&'()*+,;=@")
    text = scope["query_string"].decode("latin-1").replace("+", "%2B")
    query = parse_qsl(text, keep_blank_values=True)
    shown = "&".join(
        f"{quote(name)}={quote(value) if name in _HARMLESS else '...'}" for name, value in query
    )
    target = f"{path}?{shown}" if shown else path
    who = _who(scope, dict(query), body)
    return f"{method} {target} {status or 'cut off'} {seconds * 1000:.1f} ms {who}"


def _who(scope: Scope, query: dict[str, str], body: bytes) -> str:
    authorization: bytes = dict(scope["headers"]).get(b"authorization", b"")
    bearer = authorization.lower().startswith(b"bearer ")
    if bearer or query.get("access_token"):
        return "admin"
    token = query.get("auth") or _id_token(body)
    if not token:
        return "nobody"
    try:
        claims = decode_unverified(token)
    except ValueError:
        return "nobody"
    uid: Json = claims.get("sub") or claims.get("user_id")
    return shown_uid(uid) if isinstance(uid, str) else "nobody"


def _id_token(body: bytes) -> str | None:
    """The token that calls of Auth carry in their body."""
    try:
        token = parse_object(body).get("idToken")
    except ValueError:
        return None
    return token if isinstance(token, str) else None
