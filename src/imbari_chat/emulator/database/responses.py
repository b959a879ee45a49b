"""A result written as an HTTP answer: the envelope, JSON in three prints, errors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from imbari_chat.emulator.database.refusal import Refusal
from imbari_chat.wire.json import Json, dumps

__all__ = [
    "STREAM_HEADERS",
    "Response",
    "callback",
    "empty",
    "failed",
    "found",
    "moved",
    "page",
    "plain",
    "preflight",
]

Header: TypeAlias = tuple[bytes, bytes]

_COMMON: Final[Sequence[Header]] = (
    (b"cache-control", b"no-cache"),
    (b"access-control-allow-origin", b"*"),
)
_JSON: Final = b"application/json; charset=utf-8"
STREAM_HEADERS: Final[Sequence[Header]] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    *_COMMON,
    (b"connection", b"close"),
)


@dataclass(frozen=True, slots=True)
class Response:
    """One answer.

    Attributes:
        headers: As they go out, but for ``content-length``.
    """

    status: int
    headers: Sequence[Header]
    body: bytes = b""


def found(
    value: Json,
    *,
    status: int = 200,
    pretty: bool = False,
    tag: str | None = None,
    download: str | None = None,
    large: bool = False,
) -> Response:
    """A value as JSON, with its version if asked for; a large one lets other threads run."""
    headers = [*_tag(tag), *_attachment(download)]
    return plain(dumps(value, pretty=pretty, in_steps=large), status=status, headers=headers)


def plain(text: str, *, status: int = 200, headers: Iterable[Header] = ()) -> Response:
    """Text that is JSON already."""
    return Response(status, [(b"content-type", _JSON), *_COMMON, *headers], text.encode())


def page(html: str) -> Response:
    """A page for people, which may load and run nothing."""
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        *_COMMON,
        (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
    ]
    return Response(200, headers, html.encode())


def callback(name: str, value: Json, *, pretty: bool = False) -> Response:
    """JSONP: a call of ``name`` with the value. [unsure] in its exact bytes and type."""
    headers = [(b"content-type", b"application/javascript; charset=utf-8"), *_COMMON]
    return Response(200, headers, f"{name}({dumps(value, pretty=pretty)});".encode())


def moved(location: str) -> Response:
    """Ask again there, as the service does with streams."""
    return Response(307, [*_COMMON, (b"location", location.encode("ascii"))])


def empty(status: int, *, tag: str | None = None) -> Response:
    """No body: 204 for a silent print, 304 for what has not changed."""
    return Response(status, [*_COMMON, *_tag(tag)])


def failed(refusal: Refusal) -> Response:
    """An error, with a line feed at the end; if it is JSON, always pretty-printed."""
    if refusal.plain:
        headers = [(b"content-type", b"text/plain; charset=utf-8"), *_COMMON]
        return Response(refusal.status, headers, f"{refusal.what}\n".encode())
    body = dumps({"error": refusal.what}, pretty=True) + "\n"
    return plain(body, status=refusal.status)


def preflight(headers: Mapping[str, str]) -> Response:
    """The answer to a browser that asks what it may send. [unsure] in its exact headers."""
    allowed = [
        *_COMMON,
        (b"access-control-allow-methods", b"GET, PUT, PATCH, POST, DELETE, OPTIONS"),
        (b"access-control-expose-headers", b"ETag"),
    ]
    asked = headers.get("access-control-request-headers")
    if asked is not None:
        allowed.append((b"access-control-allow-headers", asked.encode("latin-1")))
    return Response(200, allowed)


def _tag(tag: str | None) -> list[Header]:
    if tag is None:
        return []
    return [(b"etag", tag.encode()), (b"access-control-expose-headers", b"ETag")]


def _attachment(download: str | None) -> list[Header]:
    """[unsure] in its exact bytes. Only characters that cannot end the header or the name."""
    if download is None:
        return []
    name = "".join(c for c in download if c.isascii() and c.isprintable() and c not in '"\\')
    return [(b"content-disposition", f'attachment; filename="{name}"'.encode("ascii"))]
