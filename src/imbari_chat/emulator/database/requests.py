"""An HTTP request read into an operation.

Everything that can be refused without looking at the data is refused here, with the status and
the text of the service. Texts the service is not known to use stand at the end, in functions of
their own.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self, TypeAlias
from urllib.parse import parse_qsl

from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.limits import SIZE_LIMITS
from imbari_chat.emulator.database.refusal import Refusal
from imbari_chat.errors import InvalidData
from imbari_chat.wire.body import parse_body, parse_update
from imbari_chat.wire.json import Json, parse
from imbari_chat.wire.paths import Path, keys_of_url
from imbari_chat.wire.query import Query
from imbari_chat.wire.query_forms import from_params
from imbari_chat.wire.updates import PRIORITY

__all__ = [
    "Inspect",
    "Merge",
    "Operation",
    "Push",
    "Read",
    "ReadSetting",
    "Request",
    "Store",
    "WriteSetting",
    "method_of",
    "operation",
]

_METHODS: Final = frozenset({"GET", "PUT", "POST", "PATCH", "DELETE"})
_NOT_WITH_SHALLOW: Final = ("orderBy", "startAt", "endAt", "endBefore", "equalTo", "limitToLast")
_ABSOLUTE = re.compile(r"https?://[^/]*", re.IGNORECASE)
_TIMEOUT = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|min)", re.ASCII)
_UNIT_MS: Final = {"ms": 1, "s": 1000, "min": 60_000}
_MAX_TIMEOUT_MS: Final = 15 * 60_000
_CALLBACK = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived, decoded no further than needed.

    Attributes:
        method: As sent, upper case.
        path: As sent, percent-encoded; scheme and host, which a proxy puts before it, left out.
        parameters: The query string; the last of a repeated name.
        repeated: Names given more than once.
        headers: By lower-case name.
        body: All of it.
    """

    method: str
    path: str
    parameters: Mapping[str, str]
    repeated: frozenset[str]
    headers: Mapping[str, str]
    body: bytes = b""

    @classmethod
    def of(
        cls, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Self:
        """Read the query string as well. Parameters nobody knows are ignored. [unsure]

        A plus sign is a plus sign, as official clients mean it, and no space.
        """
        pairs = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)
        parameters = dict(pairs)
        counts = Counter(name for name, _ in pairs)
        repeated = frozenset(name for name, count in counts.items() if count > 1)
        return cls(method, _ABSOLUTE.sub("", path, 1), parameters, repeated, headers, body)

    def wants(self, name: str, value: str) -> bool:
        """True if parameter ``name`` has exactly this value."""
        return self.parameters.get(name) == value

    @property
    def silent(self) -> bool:
        """Answer 204 with no body."""
        return self.wants("print", "silent")

    @property
    def wants_etag(self) -> bool:
        """Answer with the version of what was read or written."""
        return self.headers.get("x-firebase-etag", "").lower() == "true"

    @property
    def wants_stream(self) -> bool:
        """Answer with an event stream; a HEAD has no body to stream."""
        accepted = self.headers.get("accept", "").lower()
        return "text/event-stream" in accepted and self.method != "HEAD"


@dataclass(frozen=True, slots=True)
class Read:
    """GET, once or as a stream.

    Attributes:
        priority: The priority of the node at ``path``, not its value.
        shallow: Children as ``true``.
        export: With priorities, lists as objects.
    """

    path: Path
    query: Query | None = None
    priority: bool = False
    shallow: bool = False
    export: bool = False
    stream: bool = False
    if_none_match: str | None = None
    callback: str | None = None
    download: str | None = None


@dataclass(frozen=True, slots=True)
class Store:
    """PUT or DELETE."""

    write: Write
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """PATCH. A body of ``null`` deletes; ``{}`` writes nothing and asks no rule. [unsure]"""

    write: Write


@dataclass(frozen=True, slots=True)
class Push:
    """POST: store ``value`` under a new push id."""

    path: Path
    value: Json


@dataclass(frozen=True, slots=True)
class ReadSetting:
    """GET below ``/.settings``. ``strict`` asks for rules as plain JSON."""

    name: str
    strict: bool = False


@dataclass(frozen=True, slots=True)
class WriteSetting:
    """PUT below ``/.settings``. A dry run checks and changes nothing."""

    name: str
    body: bytes
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Inspect:
    """GET below ``/.inspect``. A page is asked for by a name without ``.json``."""

    name: str
    page: bool = False


Operation: TypeAlias = Read | Store | Merge | Push | ReadSetting | WriteSetting | Inspect


def method_of(request: Request) -> str:
    """The method that is meant.

    A POST may carry another one in a header or parameter. One that wants events and brings nothing
    to store opens a stream.
    """
    method = "GET" if request.method == "HEAD" else request.method
    if method != "POST":
        return method
    meant = request.headers.get("x-http-method-override") or request.parameters.get(
        "x-http-method-override"
    )
    if not meant and request.wants_stream and not request.body:
        return "GET"
    return meant.upper() if meant else method


def operation(request: Request) -> Operation:
    """What the request asks for.

    Raises:
        Refusal: It asks for nothing the database could do.
    """
    method = method_of(request)
    if method not in _METHODS:
        raise Refusal(405, "Method Not Allowed")
    if method == "GET" and request.path == "/.inspect/coverage":
        return Inspect("coverage", page=True)
    if not request.path.endswith(".json"):
        raise _not_json(method)
    try:
        keys = keys_of_url(request.path.removesuffix(".json"))
        if keys and keys[0] in {".settings", ".inspect"}:
            return _administration(method, keys[0], "/".join(keys[1:]), request)
        priority = keys[-1:] == [PRIORITY]
        path = Path.of(keys[:-1] if priority else keys)
    except InvalidData:
        raise _bad_path() from None
    if method == "GET":
        return _read(path, request, priority=priority)
    return _change(method, path, request, priority=priority)


def _administration(method: str, area: str, name: str, request: Request) -> Operation:
    if area == ".inspect" and method == "GET":
        return Inspect(name)
    if area == ".settings" and method == "GET":
        return ReadSetting(name, strict=request.wants("format", "strict"))
    if area == ".settings" and method == "PUT":
        return WriteSetting(name, request.body, dry_run=request.wants("dryRun", "true"))
    raise Refusal(405, "Method Not Allowed")


def _read(path: Path, request: Request, *, priority: bool) -> Read:
    parameters = request.parameters
    if "if-match" in request.headers:
        raise _unsupported("if-match", "GET")
    if priority and request.wants_stream:
        raise _no_stream_of_a_priority()
    _check_timeout(parameters.get("timeout"))
    callback = parameters.get("callback")
    if callback is not None and not _CALLBACK.fullmatch(callback):
        raise _bad_parameter("callback", "the name of a function")
    shallow = request.wants("shallow", "true")
    return Read(
        path,
        query=_shallow_query(parameters) if shallow else _query(request),
        priority=priority,
        shallow=shallow,
        export=request.wants("format", "export"),
        stream=request.wants_stream,
        if_none_match=request.headers.get("if-none-match"),
        callback=callback,
        download=parameters.get("download"),
    )


def _query(request: Request) -> Query | None:
    if "orderBy" in request.repeated:
        raise _repeated_order()
    try:
        return from_params(request.parameters)
    except InvalidData as error:
        raise Refusal(400, error.what) from None


def _shallow_query(parameters: Mapping[str, str]) -> Query | None:
    """A shallow read can be paged by key, with a bare key; that is all it can be asked."""
    if any(name in parameters for name in _NOT_WITH_SHALLOW):
        raise _bad_parameter("shallow", "without other query parameters")
    if not {"limitToFirst", "startAfter"} & parameters.keys():
        return None
    query = Query.by_key()
    try:
        if "startAfter" in parameters:
            query = query.start_after(_bare_key(parameters["startAfter"]))
        if "limitToFirst" in parameters:
            limit = from_params({"orderBy": '"$key"', "limitToFirst": parameters["limitToFirst"]})
            assert limit is not None
            query = query.limit_to_first(limit.limit or 0)
    except InvalidData as error:
        raise Refusal(400, error.what) from None
    return query


def _bare_key(text: str) -> str:
    try:
        value = parse(text)
    except InvalidData:
        return text
    return value if isinstance(value, str) else text


def _change(method: str, path: Path, request: Request, *, priority: bool) -> Operation:
    if_match = request.headers.get("if-match")
    if if_match is not None and method in {"POST", "PATCH"}:
        raise _unsupported("if-match", method)
    if if_match is not None and request.silent:
        raise _unsupported("if-match", "print=silent")
    if request.wants_etag and method == "PATCH":
        raise _unsupported("X-Firebase-ETag", method)
    limit = request.parameters.get("writeSizeLimit")
    if limit is not None and limit not in SIZE_LIMITS:
        raise _bad_parameter("writeSizeLimit", "one of tiny, small, medium, large and unlimited")
    if priority and method in {"POST", "PATCH"}:
        raise _bad_path()
    place = Path((*path, PRIORITY)) if priority else path
    try:
        match method:
            case "DELETE":
                return Store(Write.put(place, None), if_match)
            case "PUT":
                return Store(Write.put(place, parse_body(request.body)), if_match)
            case "POST":
                return Push(path, parse_body(request.body))
            case _:
                values = parse_update(request.body)
                return Merge(Write.put(path, None) if values is None else Write.patch(path, values))
    except InvalidData as error:
        raise Refusal(400, error.what) from None


def _check_timeout(text: str | None) -> None:
    """Reads here take no time, so a legal timeout is never exceeded."""
    if text is None:
        return
    match = _TIMEOUT.fullmatch(text)
    if match is None or not 0 < float(match[1]) * _UNIT_MS[match[2]] <= _MAX_TIMEOUT_MS:
        raise _bad_parameter("timeout", "a positive number of ms, s or min, at most 15min")


def _not_json(method: str) -> Refusal:
    """A path that does not end in ``.json``.

    A read without it is sent on to a page to sign in at by the service; there is none here.
    """
    if method == "GET":
        return Refusal(404, "404 Not Found")
    return Refusal(405, "append .json to your request URI to use the REST API.", plain=True)


def _bad_path() -> Refusal:
    """A segment that is no key. [unsure] for a path that is too deep."""
    return Refusal(400, "Invalid path: Invalid token in path")


def _no_stream_of_a_priority() -> Refusal:
    """[unsure]: no source tells of one."""
    return _bad_path()


def _repeated_order() -> Refusal:
    """Documented as an error. [unsure] in its text."""
    return Refusal(400, "orderBy must be a valid JSON encoded path")


def _bad_parameter(name: str, wanted: str) -> Refusal:
    """[unsure]: the service's texts for these are not recorded."""
    return Refusal(400, f"{name} must be {wanted}")


def _unsupported(what: str, where: str) -> Refusal:
    """[unsure]: the service says "... not supported ..."; the rest is not recorded."""
    return Refusal(400, f"{what} is not supported for {where} requests")
