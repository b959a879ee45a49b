"""Access as a signed-in user, customer or admin, over REST."""

import base64
import binascii
import threading
import time
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from imbari_chat.engine.access import Secret, SocketRequest
from imbari_chat.engine.refusals import (
    Call,
    CredentialRefused,
    Remedy,
    TokenExpired,
    remedy,
)
from imbari_chat.errors import AuthError, ImbariError, InvalidData
from imbari_chat.identity.keeping import TokenKeeper
from imbari_chat.identity.mapping import transport_errors
from imbari_chat.identity.project import Project
from imbari_chat.identity.rest import RestAccess
from imbari_chat.identity.session import QuietSession
from imbari_chat.wire.json import Json, is_number, parse
from imbari_chat.wire.paths import Path

__all__ = ["Tokens", "UserAccess", "read_claims"]

_LIFETIME = 3600.0
_EARLY = 300.0
_DEAD = 30.0
_PAUSE = 30.0
_NOTHING: Mapping[str, str] = MappingProxyType({})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tokens(Secret):
    """What one sign-in or one refresh gives.

    Attributes:
        id_token: Proves the user to the database, for an hour.
        refresh_token: Buys the next ID token, until it is revoked.
    """

    id_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Credential(Secret):
    """Tokens and what they are good for, as one value that is replaced as a whole.

    Attributes:
        id_token: As it came.
        refresh_token: As it came.
        claims: Of the ID token.
        since: When they came, in seconds since the epoch, on this machine's clock.
        ends: When the ID token ends, on the same clock.
        early: So long before its end it is replaced, in seconds.
        dead: So long before its end it is used no more, in seconds.
    """

    id_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    claims: Mapping[str, Json]
    since: float
    ends: float
    early: float
    dead: float

    @classmethod
    def of(cls, tokens: Tokens, now: float) -> "_Credential":
        """What tokens that were issued just now are good for.

        Their end is counted on this machine's clock, from now: it may differ from the service's.

        Raises:
            AuthError: The ID token cannot be read.
        """
        claims = read_claims(tokens.id_token)
        issued, ends = claims.get("iat"), claims.get("exp")
        lifetime = _LIFETIME
        if is_number(issued) and is_number(ends):
            assert isinstance(issued, int | float)
            assert isinstance(ends, int | float)
            lifetime = max(float(ends - issued), 0.0)
        early, dead = min(_EARLY, lifetime / 2), min(_DEAD, lifetime / 10)
        return cls(tokens.id_token, tokens.refresh_token, claims, now, now + lifetime, early, dead)


class UserAccess(RestAccess):
    """A signed-in user's way into the database. Made by :mod:`imbari_chat.identity.sign_in`.

    The ID token is replaced five minutes before its end, by whichever call comes first; others use
    the old one meanwhile. Everything that only looks at the credential looks at an immutable
    snapshot, so that no look waits for the sign-in service.

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
        super().__init__(project, QuietSession(project))
        self._buy = refresh
        self._keeper = None if on_tokens is None else TokenKeeper(on_tokens)
        self._clock = clock
        self._refreshing = threading.Lock()  # held over the network, by workers alone
        self._tokens = _Credential.of(tokens, clock())
        self._retry_at = 0.0
        self._failures = 0
        self._failure: ImbariError | None = None

    @property
    def uid(self) -> str | None:
        subject = self.claims.get("sub")
        return subject if isinstance(subject, str) else None

    @property
    def account(self) -> str | None:
        email = self.claims.get("email")
        return email if isinstance(email, str) else None

    @property
    def claims(self) -> dict[str, Json]:
        """What the current ID token says about the user; rules see it as ``auth.token``."""
        return dict(self._tokens.claims)

    @property
    def is_admin(self) -> bool:
        """True if the current ID token carries the claim ``admin: true``."""
        return self.claims.get("admin") is True

    @property
    def refresh_token(self) -> str:
        """The current refresh token. A secret: for keeping, never for showing."""
        return self._tokens.refresh_token

    @property
    def expires_at(self) -> float | None:
        return self._tokens.ends

    def socket(self) -> SocketRequest:
        return SocketRequest(self._project.socket_place, "auth", {"cred": self._token()})

    def renew(self) -> None:
        with self._refreshing:
            self._refresh()

    def _who(self) -> str:
        return f"the user {self.uid} ({'an admin' if self.is_admin else 'no admin'})"

    def _token(self) -> str:
        return self._current().id_token

    def _signed(
        self, path: Path, token: str, params: Mapping[str, str]
    ) -> tuple[str, Mapping[str, str]]:
        return self._project.url(path, {**params, "auth": token}), _NOTHING

    def _attempt(self, call: Call, request: Callable[[str], T]) -> T:
        """Make the request; once more with a new token if the service does not take this one."""
        credential = self._current()
        try:
            with transport_errors(call):
                return request(credential.id_token)
        except CredentialRefused as error:
            if not (isinstance(error, TokenExpired) or self._is_old(credential)):
                raise
        credential = self._replacement(credential)
        with transport_errors(call):
            return request(credential.id_token)

    def _is_old(self, credential: _Credential) -> bool:
        """A token that is refused when it has just come is not mended by another.

        One that has come in what the clock calls the future came before the clock was set.
        """
        return abs(self._clock() - credential.since) >= _PAUSE

    def _current(self) -> _Credential:
        """A credential that is good now."""
        credential, now = self._tokens, self._clock()
        if now >= credential.ends - credential.dead:
            return self._replacement(credential)
        if now >= credential.ends - credential.early and now >= self._retry_at:
            # One call tries. The others need not wait for it: their token is still good.
            if not self._refreshing.acquire(blocking=False):
                return credential
            try:
                if self._tokens is credential and now >= self._retry_at:
                    self._refresh()
            except ImbariError as error:
                if remedy(error) is Remedy.NOTHING:
                    raise
                # There is time to try again.
                self._retry_at = now + max(_PAUSE, error.retry_after or 0.0)
            finally:
                self._refreshing.release()
        return self._tokens

    def _replacement(self, refused: _Credential) -> _Credential:
        """A newer credential than ``refused``; another thread may have got it already.

        Or may have failed to: that was this thread's try as well, so that those who wait for a
        service that hangs do not ask it one after the other.
        """
        failures = self._failures
        with self._refreshing:
            if self._tokens is refused:
                if self._failures > failures and self._failure is not None:
                    raise copy(self._failure)
                self._refresh()
            return self._tokens

    def _refresh(self) -> None:
        before = self._tokens.refresh_token
        try:
            tokens = self._buy(before)
        except ImbariError as error:
            self._failures += 1
            self._failure = error
            raise
        self._tokens = _Credential.of(tokens, self._clock())
        if self.refresh_token != before:
            self.keep()

    def keep(self) -> None:
        """Have the refresh token kept; that it cannot be is logged, since the sign-in is good."""
        if self._keeper is not None:
            self._keeper.put(self.refresh_token)


def read_claims(id_token: str) -> dict[str, Json]:
    """The claims of an ID token. Its signature is the service's business, not ours.

    Raises:
        AuthError: It is no such token.
    """
    claims: Json = None
    try:
        _, body, _ = id_token.split(".")
        claims = parse(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, binascii.Error, InvalidData):
        pass  # what it is instead is not to be quoted
    if not isinstance(claims, dict):
        raise AuthError("the sign-in service sent a token that cannot be read")
    return claims
