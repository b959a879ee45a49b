"""What firebase-admin's ``auth`` does: tokens and session cookies."""

import datetime
import time
from collections.abc import Callable
from typing import Any

import pytest
from firebase_admin import auth

from imbari_chat.emulator.tokens import decode_unverified, encode_unsigned
from tests.official_sdks.admin_accounts import CLIENT
from tests.official_sdks.place import PROJECT, Place
from tests.official_sdks.registry import call, refused


def id_token(place: Place, app: Any) -> str:
    """An ID token of the user ``u1``, by way of a custom token made by the library."""
    return str(place.sign_in(auth.create_custom_token("u1", app=app).decode())["idToken"])


def aged(token: str) -> str:
    """The same token, issued ten minutes ago; nobody here checks a signature."""
    claims = decode_unverified(token)
    issued = int(time.time()) - 600
    return encode_unsigned({**claims, "iat": issued, "auth_time": issued})


@call(CLIENT, "create_custom_token", "verify_id_token")
def a_custom_token_signs_in_and_its_id_token_verifies(place: Place) -> None:
    """Its claims are in the ID token at the top, after a refresh too."""
    app = place.app()
    made = place.sign_in(auth.create_custom_token("u1", {"premium": True}, app=app).decode())
    decoded = auth.verify_id_token(made["idToken"], app=app)
    assert (decoded["uid"], decoded["premium"], decoded["aud"]) == ("u1", True, PROJECT)
    assert decoded["firebase"]["sign_in_provider"] == "custom"
    renewed = place.renew(made["refreshToken"])["id_token"]
    assert auth.verify_id_token(renewed, app=app)["premium"] is True


@refused(
    CLIENT, "create_custom_token", why="a uid is 1 to 128 characters; some claims are reserved"
)
def a_custom_token_has_limits(place: Place) -> None:
    """The library says so before it makes one."""
    app = place.app()
    for uid in ("", "u" * 129, 5):
        with pytest.raises(ValueError, match="uid must be"):
            auth.create_custom_token(uid, app=app)
    with pytest.raises(ValueError, match="reserved"):
        auth.create_custom_token("u1", {"sub": "x"}, app=app)


@refused(CLIENT, "verify_id_token", why="it is no token, or not of this project")
def a_foreign_token_does_not_verify(place: Place) -> None:
    """Audience and issuer count even without a signature."""
    app = place.app()
    claims = decode_unverified(id_token(place, app))
    for token in ("garbage", encode_unsigned({**claims, "aud": "another"})):
        with pytest.raises(auth.InvalidIdTokenError):
            auth.verify_id_token(token, app=app)


@call(CLIENT, "verify_id_token", "revoke_refresh_tokens")
def a_fresh_token_survives_a_check_for_revocation(place: Place) -> None:
    """One that was issued before any revocation, and one after."""
    app = place.app()
    token = aged(id_token(place, app))
    assert auth.verify_id_token(token, check_revoked=True, app=app)["uid"] == "u1"
    auth.revoke_refresh_tokens("u1", app=app)
    newer = id_token(place, app)
    assert auth.verify_id_token(newer, check_revoked=True, app=app)["uid"] == "u1"


@refused(
    CLIENT, "verify_id_token", why="the user's tokens are revoked, or the user disabled or deleted"
)
def a_check_for_revocation_sees_what_became_of_the_user(place: Place) -> None:
    """Each has an error of its own."""
    app = place.app()
    token = aged(id_token(place, app))
    _told_apart(
        place,
        lambda: auth.verify_id_token(token, check_revoked=True, app=app),
        auth.RevokedIdTokenError,
        app,
    )


@call(CLIENT, "create_session_cookie", "verify_session_cookie")
def a_session_cookie_is_made_and_verifies(place: Place) -> None:
    """For as long as was asked, in seconds or as a timedelta."""
    app = place.app()
    token = id_token(place, app)
    for lasting in (3600, datetime.timedelta(hours=1)):
        cookie = auth.create_session_cookie(token, expires_in=lasting, app=app)
        decoded = auth.verify_session_cookie(cookie, check_revoked=True, app=app)
        assert (decoded["uid"], decoded["exp"] - decoded["iat"]) == ("u1", 3600)
        assert decoded["iss"] == f"https://session.firebase.google.com/{PROJECT}"


@refused(CLIENT, "create_session_cookie", why="the ID token is bad, or the time too short or long")
def a_session_cookie_needs_a_good_id_token(place: Place) -> None:
    """The library tells a bad token from other mistakes, and checks the time itself."""
    app = place.app()
    with pytest.raises(auth.InvalidIdTokenError):
        auth.create_session_cookie("garbage", expires_in=3600, app=app)
    for seconds in (299, 14 * 86400 + 1):
        with pytest.raises(ValueError, match="Illegal expiry duration"):
            auth.create_session_cookie("any", expires_in=seconds, app=app)


@refused(CLIENT, "verify_session_cookie", why="it is no cookie, or what became of the user")
def a_session_cookie_does_not_outlive_its_user(place: Place) -> None:
    """Each end has an error of its own, and an ID token is no cookie."""
    app = place.app()
    token = id_token(place, app)
    with pytest.raises(auth.InvalidSessionCookieError):
        auth.verify_session_cookie(token, app=app)
    cookie = aged(auth.create_session_cookie(token, expires_in=3600, app=app))
    _told_apart(
        place,
        lambda: auth.verify_session_cookie(cookie, check_revoked=True, app=app),
        auth.RevokedSessionCookieError,
        app,
    )


def _told_apart(
    place: Place, check: Callable[[], object], revoked: type[Exception], app: Any
) -> None:
    auth.revoke_refresh_tokens("u1", app=app)
    with pytest.raises(revoked):
        check()
    auth.update_user("u1", disabled=True, app=app)
    with pytest.raises(auth.UserDisabledError):
        check()
    auth.delete_user("u1", app=app)
    with pytest.raises(auth.UserNotFoundError):
        check()
