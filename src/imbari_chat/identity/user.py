"""Access as a signed-in user, customer or admin, through pyrebase4's database."""

import base64
import binascii
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from imbari_chat.engine.access import Access, StreamRequest
from imbari_chat.engine.refusals import Call, TokenExpired
from imbari_chat.errors import AuthError, InvalidData, QuotaExceeded, Unavailable
from imbari_chat.identity.mapping import user_errors, version_tag
from imbari_chat.identity.project import Project, check_swap, encode_params, update_body
from imbari_chat.identity.session import QuietSession
from imbari_chat.wire.json import Json, dumps, is_number, parse, same
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.query_forms import to_params

__all__ = ["Tokens", "UserAccess", "read_claims"]

_LIFETIME = 3600.0
_EARLY = 300.0
_DEAD = 30.0
_PAUSE = 30.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one sign-in or one refresh gives.

    Attributes:
        id_token: Proves the user to the database, for an hour.
        refresh_token: Buys the next ID token, until it is revoked.
    """

    id_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class UserAccess(Access):
    """A signed-in user's way into the database. Made by :mod:`imbari_chat.identity.sign_in`.

    The ID token is replaced five minutes before its end, by whichever call comes first.

    Args:
        project: Which database.
        tokens: From a sign-in or a refresh made just now.
        refresh: Turns a refresh token into new tokens; raises AuthError if it is dead.
        on_tokens: Told each refresh token that replaces another, so that it can be kept.
        clock: Seconds since the epoch.

    Raises:
        AuthError: The ID token cannot be read.
    """

    def __init__(
        self,
        project: Project,
        tokens: Tokens,
        *,
        refresh: Callable[[str], Tokens],
        on_tokens: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._project = project
        self._buy = refresh
        self._on_tokens = on_tokens
        self._clock = clock
        # Reentrant, because on_tokens is called inside and may ask about this very access.
        self._lock = threading.RLock()
        self._session = QuietSession(
            project,
            emulator=project.is_emulator,
            namespace=project.namespace if project.is_emulator else None,
        )
        self._retry_at = 0.0
        self._accept(tokens)

    @property
    def uid(self) -> str | None:
        subject = self.claims.get("sub")
        return subject if isinstance(subject, str) else None

    @property
    def claims(self) -> dict[str, Json]:
        """What the current ID token says about the user; rules see it as ``auth.token``."""
        with self._lock:
            return dict(self._claims)

    @property
    def is_admin(self) -> bool:
        """True if the current ID token carries the claim ``admin: true``."""
        return self.claims.get("admin") is True

    @property
    def refresh_token(self) -> str:
        """The current refresh token. A secret: for keeping, never for showing."""
        with self._lock:
            return self._tokens.refresh_token

    @property
    def expires_at(self) -> float | None:
        with self._lock:
            return self._ends

    def get(self, path: Path, query: Query | None = None) -> Json:
        def read(token: str) -> Json:
            database = self._database(path)
            if query is None:
                value: Json = database.get(token).val()
                return dict(value) if isinstance(value, dict) else value
            # pyrebase4 sorts the answer of a query and fails on values of mixed types, and does
            # not escape bounds; so only the address is its work here.
            answer = self._session.get(
                f"{database.build_request_url(token)}&{encode_params(to_params(query))}",
                headers=database.build_headers(token),
            )
            answer.raise_for_status()
            return cast("Json", answer.json())

        return self._attempt(Call(str(path), caller=self._who()), read)

    def update(self, changes: Mapping[Path, Json]) -> None:
        if not changes:
            return
        body = update_body(changes)
        call = Call.update(changes, self._who())
        self._attempt(call, lambda token: self._database(ROOT).update(body, token))

    def compare_and_set(self, path: Path, expected: Json, value: Json) -> bool:
        check_swap(value)
        look = Call(str(path), caller=self._who())

        # pyrebase4 can do this, but answers a refusal with a value that may as well be what was
        # written; so only the address is its work here.
        def read(token: str) -> tuple[Json, str]:
            database = self._database(path)
            answer = self._session.get(
                database.build_request_url(token),
                headers={**database.build_headers(token), "X-Firebase-ETag": "true"},
            )
            answer.raise_for_status()
            return cast("Json", answer.json()), version_tag(answer.headers.get("ETag"), look)

        found, tag = self._attempt(look, read)
        if not same(found, expected):
            return False

        def write(token: str) -> bool:
            database = self._database(path)
            answer = self._session.put(
                database.build_request_url(token),
                headers={**database.build_headers(token), "if-match": tag},
                data=dumps(value).encode(),
            )
            if answer.status_code == 412:  # somebody wrote in between
                return False
            answer.raise_for_status()
            return True

        return self._attempt(replace(look, write=True), write)

    def stream(self, path: Path, query: Query | None = None) -> StreamRequest:
        params = {} if query is None else to_params(query)
        return StreamRequest(self._project.url(path, {**params, "auth": self._token()}), {})

    def renew(self) -> None:
        with self._lock:
            self._refresh()

    def close(self) -> None:
        self._session.close()

    def _who(self) -> str:
        return f"the user {self.uid} ({'an admin' if self.is_admin else 'no admin'})"

    def _database(self, path: Path) -> Any:
        """A new one for each call: pyrebase4 keeps path and query on the object."""
        from pyrebase.pyrebase import Database

        base = self._project.rest_base
        database = Database(None, self._project.api_key, base, self._session)
        return database.child(path.to_url()) if path else database

    def _attempt(self, call: Call, request: Callable[[str], T]) -> T:
        """Make the request; once more with a new token if the service calls this one expired."""
        token = self._token()
        try:
            with user_errors(call):
                return request(token)
        except TokenExpired:
            token = self._replacement(token)
        with user_errors(call):
            return request(token)

    def _token(self) -> str:
        with self._lock:
            now = self._clock()
            if now >= self._ends - self._dead:
                self._refresh()
            elif now >= self._ends - self._early and now >= self._retry_at:
                try:
                    self._refresh()
                except (Unavailable, QuotaExceeded):
                    # The token at hand is still good; there is time to try again.
                    self._retry_at = now + _PAUSE
            return self._tokens.id_token

    def _replacement(self, refused: str) -> str:
        """A newer token than ``refused``; another thread may have got it already."""
        with self._lock:
            if self._tokens.id_token == refused:
                self._refresh()
            return self._tokens.id_token

    def _refresh(self) -> None:
        before = self._tokens.refresh_token
        self._accept(self._buy(before))
        if self._on_tokens is not None and self._tokens.refresh_token != before:
            self._on_tokens(self._tokens.refresh_token)

    def _accept(self, tokens: Tokens) -> None:
        """Take over new tokens, which were issued just now.

        Their end is counted on this machine's clock, from now: it may differ from the service's.
        """
        claims = read_claims(tokens.id_token)
        issued, ends = claims.get("iat"), claims.get("exp")
        lifetime = _LIFETIME
        if is_number(issued) and is_number(ends):
            assert isinstance(issued, int | float)
            assert isinstance(ends, int | float)
            lifetime = max(float(ends - issued), 0.0)
        self._tokens = tokens
        self._claims = claims
        self._ends = self._clock() + lifetime
        self._early = min(_EARLY, lifetime / 2)
        self._dead = min(_DEAD, lifetime / 10)


def read_claims(id_token: str) -> dict[str, Json]:
    """The claims of an ID token. Its signature is the service's business, not ours.

    Raises:
        AuthError: It is no such token.
    """
    try:
        _, body, _ = id_token.split(".")
        claims = parse(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, binascii.Error, InvalidData):
        claims = None
    if not isinstance(claims, dict):
        raise AuthError("the sign-in service sent a token that cannot be read")
    return claims
