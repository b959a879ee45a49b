"""The Auth emulator on the wire: HTTP in, an operation called, JSON out.

Not built, and answered with 501: second factors, passkeys, tenants, SAML, provider configurations,
password policies, public keys, and the pages of the provider pop-up.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route as StarletteRoute

from imbari_chat.emulator.auth.accounts import Accounts
from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.errors import (
    BadRequest,
    Refused,
    invalid_credentials,
    missing_key,
    not_built,
    too_large,
    wrong_content_type,
)
from imbari_chat.emulator.auth.fields import Fields
from imbari_chat.emulator.auth.links import follow
from imbari_chat.emulator.auth.routing import Right, Route, find
from imbari_chat.emulator.auth.state import AuthState
from imbari_chat.wire.json import Json, dumps

__all__ = ["BODY_LIMIT", "create_app"]

BODY_LIMIT: Final = 10 * 1024 * 1024
"""Bytes of a request's body; more is answered with 413."""

_METHODS: Final = ["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"]
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_READY: Final[dict[str, Json]] = {
    "authEmulator": {
        "ready": True,
        "docs": "https://firebase.google.com/docs/emulator-suite",
        "apiSpec": "/emulator/openapi.json",
    }
}
_PAGING: Final = ("maxResults", "nextPageToken")


def create_app(state: AuthState, clock: Callable[[], float]) -> Starlette:
    """The ASGI application.

    Args:
        state: What it remembers; look into it from the same event loop only.
        clock: Seconds since the epoch.
    """

    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return _preflight(request)
        try:
            response = await _respond(request, state, clock)
        except Refused as refused:
            response = _json(refused.body(), refused.code)
        except ClientDisconnect:
            return Response(status_code=400)
        _allow_origin(request, response)
        return response

    return Starlette(routes=[StarletteRoute("/{path:path}", answer, methods=_METHODS)])


async def _respond(request: Request, state: AuthState, clock: Callable[[], float]) -> Response:
    path: str = request.scope["path"]
    if path == "/" and request.method in {"GET", "HEAD"}:
        return _json(_READY)
    query = dict(request.query_params)
    if path == "/emulator/action" and request.method == "GET":
        call = _call(request, state, clock, accounts=state.accounts(), query=query)
        followed = follow(call)
        if followed.location is not None:
            return RedirectResponse(followed.location, followed.code)
        return _json(followed.body, followed.code)
    route = find(request.method, _raw_path(request), _raw_query(request))
    _check_content_type(request, route)
    fields = await _fields(request) if route.body_names_project else None
    if fields is not None and not fields.text("targetProjectId"):
        raise BadRequest("INSUFFICIENT_PERMISSION")
    owner = _check_right(request, route.right)
    fields = fields or await _fields(request)
    fields.check(route.schema)
    if fields.text("tenantId") or query.get("tenantId"):
        raise not_built("Multi-tenancy is not implemented in this emulator.")
    project = _project(route, fields, owner=owner)
    if route.body_names_project:
        query = {name: text for name in _PAGING if (text := fields.text(name)) is not None} | query
    call = _call(
        request,
        state,
        clock,
        accounts=state.accounts(project),
        query=query,
        fields=fields,
        owner=owner,
    )
    return _json(route.operation(call))


def _call(
    request: Request,
    state: AuthState,
    clock: Callable[[], float],
    *,
    accounts: Accounts,
    query: Mapping[str, str],
    fields: Fields | None = None,
    owner: bool = False,
) -> Call:
    return Call(
        accounts=accounts,
        fields=fields or Fields({}),
        now=clock(),
        random=secrets.token_bytes,
        owner=owner,
        query=query,
        origin=_origin(request),
        strict=state.strict,
    )


def _raw_path(request: Request) -> str:
    """The path with its escapes: they may stand in the name of a project, and nowhere else."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.partition(b"?")[0].decode("ascii", "replace")


def _raw_query(request: Request) -> str:
    raw: bytes = request.scope["query_string"]
    return raw.decode("ascii", "replace")


def _check_content_type(request: Request, route: Route) -> None:
    """Without a type, a body is taken for JSON; nobody reads the body of a GET."""
    given = request.headers.get("content-type", "")
    kind = given.partition(";")[0].strip().lower()
    known = {"", _JSON, _FORM} if route.form else {"", _JSON}
    if request.method in {"POST", "PATCH"} and kind not in known:
        raise wrong_content_type(given)


def _check_right(request: Request, right: Right) -> bool:
    """True when the owner calls.

    Raises:
        Refused: 401 for a foreign bearer token, even with a good key; 403 for no credential that
            would do.
    """
    if right is Right.NOTHING:
        return True
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and right is not Right.ONLY_KEY:
        if token.lower() == "owner" or token.startswith("ya29."):
            return True
        raise invalid_credentials()
    keys = request.query_params.getlist("key")
    in_query = keys[0] if len(keys) == 1 else None
    if not (in_query or request.headers.get("x-goog-api-key")):
        raise missing_key()
    return False


def _project(route: Route, fields: Fields, *, owner: bool) -> str | None:
    """The project a call is for; None is the emulator's own."""
    named = route.project or fields.text("targetProjectId")
    if named and not owner:
        raise BadRequest(
            "INSUFFICIENT_PERMISSION : Only authenticated requests can specify target_project_id."
        )
    return named or None


async def _fields(request: Request) -> Fields:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise too_large(BODY_LIMIT)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
        return Fields(dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)))
    return Fields.parse(bytes(body))


def _origin(request: Request) -> str:
    """The address the caller used, so that a link works from where it was asked for."""
    host = request.headers.get("host")
    if not host:
        name, port = request.scope.get("server") or ("127.0.0.1", None)
        host = name if port is None else f"{name}:{port}"
    return f"{request.scope['scheme']}://{host}"


def _json(body: Mapping[str, Json], code: int = 200) -> Response:
    return Response(dumps(dict(body)).encode(), code, media_type="application/json; charset=utf-8")


def _allow_origin(request: Request, response: Response) -> None:
    """Any web page may call; nothing here rests on cookies."""
    origin = request.headers.get("origin")
    if origin:
        response.headers["access-control-allow-origin"] = origin
    response.headers.setdefault("vary", "Origin")
    if request.headers.get("access-control-request-private-network"):
        response.headers["access-control-allow-private-network"] = "true"


def _preflight(request: Request) -> Response:
    response = Response(status_code=204)
    response.headers["access-control-allow-methods"] = "GET,HEAD,PUT,PATCH,POST,DELETE"
    response.headers["vary"] = "Origin, Access-Control-Request-Headers"
    asked = request.headers.get("access-control-request-headers")
    if asked:
        response.headers["access-control-allow-headers"] = asked
    _allow_origin(request, response)
    return response
