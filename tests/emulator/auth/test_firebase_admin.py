"""firebase-admin for Python, unmodified, against the emulator on a socket."""

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import firebase_admin
import httpx
import pytest
from firebase_admin import auth
from tests.emulator.auth.harness import PROJECT, TOKEN, TOOLKIT, Body, Live

_serial = count()


class Project:
    """The emulator's project, seen by its administrator and by its users."""

    def __init__(self, app: Any, live: Live) -> None:
        self.app = app
        self.live = live

    def sign_in(self, uid: str, claims: Body | None = None) -> Body:
        """Tokens for a uid, by way of a custom token made by the library."""
        token = auth.create_custom_token(uid, claims, app=self.app)
        return self.call(
            f"{TOOLKIT}accounts:signInWithCustomToken", {"token": token.decode("ascii")}
        )

    def call(self, path: str, body: Body) -> Body:
        """A user's call that must succeed."""
        answer = httpx.post(f"http://{self.live.host}{path}", params={"key": "k"}, json=body)
        answer.raise_for_status()
        found: Body = answer.json()
        return found


@pytest.fixture
def project(live: Live, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """An app of firebase-admin whose auth client talks to the emulator."""
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", live.host)
    options = {"projectId": PROJECT}
    app = firebase_admin.initialize_app(options=options, name=f"auth-{next(_serial)}")
    yield Project(app, live)
    firebase_admin.delete_app(app)


def test_a_user_is_created_and_found_by_every_name(project: Project) -> None:
    """By uid, e-mail and phone number, with the attributes given."""
    made = auth.create_user(
        uid="u1",
        email="U1@example.com",
        email_verified=True,
        password="secret1",
        phone_number="+15550001111",
        display_name="U",
        photo_url="http://x/y.png",
        disabled=False,
        app=project.app,
    )
    assert (made.uid, made.email, made.email_verified) == ("u1", "u1@example.com", True)
    assert (made.display_name, made.photo_url) == ("U", "http://x/y.png")
    assert made.disabled is False
    assert {info.provider_id for info in made.provider_data} == {"password", "phone"}
    assert abs(made.user_metadata.creation_timestamp / 1000 - time.time()) < 60
    assert auth.get_user("u1", app=project.app).uid == "u1"
    assert auth.get_user_by_email("U1@EXAMPLE.com", app=project.app).uid == "u1"
    assert auth.get_user_by_phone_number("+15550001111", app=project.app).uid == "u1"


def test_several_users_are_looked_up_at_once(project: Project) -> None:
    """Those who are not there are named."""
    auth.create_user(uid="u1", email="u1@example.com", app=project.app)
    auth.create_user(uid="u2", app=project.app)
    wanted = [
        auth.UidIdentifier("u2"),
        auth.EmailIdentifier("u1@example.com"),
        auth.PhoneIdentifier("+15550009999"),
        auth.ProviderIdentifier("google.com", "g1"),
    ]
    found = auth.get_users(wanted, app=project.app)
    assert {user.uid for user in found.users} == {"u1", "u2"}
    assert len(found.not_found) == 2


def test_nobody_is_a_user_not_found_error(project: Project) -> None:
    """An empty lookup has to have no users at all for this."""
    with pytest.raises(auth.UserNotFoundError):
        auth.get_user("ghost", app=project.app)
    with pytest.raises(auth.UserNotFoundError):
        auth.delete_user("ghost", app=project.app)
    with pytest.raises(auth.UserNotFoundError):
        auth.update_user("ghost", display_name="x", app=project.app)


def test_what_is_taken_has_its_own_error(project: Project) -> None:
    """uid, e-mail and phone number."""
    auth.create_user(uid="u1", email="a@example.com", phone_number="+15550001", app=project.app)
    with pytest.raises(auth.UidAlreadyExistsError):
        auth.create_user(uid="u1", app=project.app)
    with pytest.raises(auth.EmailAlreadyExistsError):
        auth.create_user(email="A@example.com", app=project.app)
    with pytest.raises(auth.PhoneNumberAlreadyExistsError):
        auth.create_user(phone_number="+15550001", app=project.app)


def test_a_user_is_updated_and_attributes_are_removed(project: Project) -> None:
    """DELETE_ATTRIBUTE becomes deleteAttribute or deleteProvider."""
    auth.create_user(uid="u1", display_name="U", phone_number="+15550001", app=project.app)
    user = auth.update_user(
        "u1",
        email="new@example.com",
        password="secret1",
        display_name=auth.DELETE_ATTRIBUTE,
        phone_number=auth.DELETE_ATTRIBUTE,
        disabled=True,
        app=project.app,
    )
    assert (user.email, user.display_name, user.phone_number) == ("new@example.com", None, None)
    assert user.disabled is True


def test_claims_are_set_read_and_cleared(project: Project) -> None:
    """And reach the next token that is issued."""
    auth.create_user(uid="u1", app=project.app)
    auth.set_custom_user_claims("u1", {"admin": True}, app=project.app)
    assert auth.get_user("u1", app=project.app).custom_claims == {"admin": True}
    token = project.sign_in("u1")["idToken"]
    assert auth.verify_id_token(token, app=project.app)["admin"] is True
    auth.set_custom_user_claims("u1", None, app=project.app)
    assert not auth.get_user("u1", app=project.app).custom_claims


def test_every_user_is_listed_page_by_page(project: Project) -> None:
    """The last full page is followed by an empty one, which the library takes in its stride."""
    uids = [f"u{number}" for number in range(4)]
    for uid in uids:
        auth.create_user(uid=uid, app=project.app)
    page = auth.list_users(max_results=2, app=project.app)
    assert [user.uid for user in page.users] == uids[:2]
    assert page.has_next_page
    assert [user.uid for user in page.iterate_all()] == uids


def test_users_are_deleted_one_by_one_and_in_a_batch(project: Project) -> None:
    """Unknown uids of a batch count as deleted."""
    for uid in ("u1", "u2", "u3"):
        auth.create_user(uid=uid, app=project.app)
    auth.delete_user("u1", app=project.app)
    result = auth.delete_users(["u2", "u3", "ghost"], app=project.app)
    assert (result.success_count, result.failure_count) == (3, 0)
    assert list(auth.list_users(app=project.app).iterate_all()) == []


def test_users_are_imported_and_their_real_hashes_sign_nobody_in(project: Project) -> None:
    """A hash is kept; whoever has one is told the password is wrong."""
    users = [
        auth.ImportUserRecord(
            uid="i1",
            email="i1@example.com",
            password_hash=b"hash",
            password_salt=b"salt",
            custom_claims={"admin": True},
            provider_data=[auth.UserProvider("g1", provider_id="google.com", display_name="G")],
            user_metadata=auth.UserMetadata(creation_timestamp=1000),
        ),
        auth.ImportUserRecord(uid="i2", phone_number="+15550001"),
    ]
    result = auth.import_users(
        users, hash_alg=auth.UserImportHash.hmac_sha256(b"key"), app=project.app
    )
    assert (result.success_count, result.errors) == (2, [])
    user = auth.get_user("i1", app=project.app)
    assert user.custom_claims == {"admin": True}
    assert user.user_metadata.creation_timestamp == 1000
    assert {info.provider_id for info in user.provider_data} == {"google.com", "password"}
    with pytest.raises(httpx.HTTPStatusError) as refused:
        project.call(
            f"{TOOLKIT}accounts:signInWithPassword",
            {"email": "i1@example.com", "password": "secret1"},
        )
    assert refused.value.response.json()["error"]["message"] == "INVALID_PASSWORD"


def test_an_import_reports_the_users_it_refuses(project: Project) -> None:
    """By index, and takes the others."""
    auth.create_user(uid="u1", email="taken@example.com", app=project.app)
    users = [
        auth.ImportUserRecord(uid="i1", email="taken@example.com"),
        auth.ImportUserRecord(uid="i2"),
    ]
    result = auth.import_users(users, app=project.app)
    assert (result.success_count, result.failure_count) == (1, 1)
    assert result.errors[0].index == 0


def test_a_custom_token_signs_in_and_its_id_token_verifies(project: Project) -> None:
    """Its claims are in the ID token at the top, after a refresh too."""
    first = project.sign_in("u1", {"premium": True})
    decoded = auth.verify_id_token(first["idToken"], app=project.app)
    assert (decoded["uid"], decoded["premium"]) == ("u1", True)
    body = {"grant_type": "refresh_token", "refresh_token": first["refreshToken"]}
    again = project.call(TOKEN, body)
    assert auth.verify_id_token(again["id_token"], app=project.app)["premium"] is True


def test_a_check_for_revocation_sees_revoked_disabled_and_deleted_users(project: Project) -> None:
    """Each has an error of its own."""
    project.live.clock.now -= 600
    token = project.sign_in("u1")["idToken"]

    def check() -> Any:
        return auth.verify_id_token(token, check_revoked=True, app=project.app)

    assert check()["uid"] == "u1"
    auth.revoke_refresh_tokens("u1", app=project.app)
    with pytest.raises(auth.RevokedIdTokenError):
        check()
    auth.update_user("u1", disabled=True, app=project.app)
    with pytest.raises(auth.UserDisabledError):
        check()
    auth.delete_user("u1", app=project.app)
    with pytest.raises(auth.UserNotFoundError):
        check()


def test_a_session_cookie_is_made_and_verifies(project: Project) -> None:
    """Until the user's sessions are revoked."""
    project.live.clock.now -= 600
    token = project.sign_in("u1")["idToken"]
    cookie = auth.create_session_cookie(token, expires_in=3600, app=project.app)
    decoded = auth.verify_session_cookie(cookie, check_revoked=True, app=project.app)
    assert (decoded["uid"], decoded["exp"] - decoded["iat"]) == ("u1", 3600)
    auth.revoke_refresh_tokens("u1", app=project.app)
    with pytest.raises(auth.RevokedSessionCookieError):
        auth.verify_session_cookie(cookie, check_revoked=True, app=project.app)


def test_a_session_cookie_needs_a_good_id_token(project: Project) -> None:
    """The library tells a bad one from other mistakes."""
    with pytest.raises(auth.InvalidIdTokenError):
        auth.create_session_cookie("garbage", expires_in=3600, app=project.app)


def test_links_are_generated_and_work(project: Project) -> None:
    """Password reset, verification, sign-in; each leads back to the emulator."""
    auth.create_user(uid="u1", email="u1@example.com", app=project.app)
    settings = auth.ActionCodeSettings("http://app/done")
    verify = auth.generate_email_verification_link("u1@example.com", settings, app=project.app)
    assert httpx.get(verify).headers["location"] == "http://app/done"
    assert auth.get_user("u1", app=project.app).email_verified is True
    reset = auth.generate_password_reset_link("u1@example.com", app=project.app)
    assert httpx.get(f"{reset}&newPassword=secret2").status_code == 200
    project.call(
        f"{TOOLKIT}accounts:signInWithPassword",
        {"email": "u1@example.com", "password": "secret2"},
    )
    link = auth.generate_sign_in_with_email_link("u1@example.com", settings, app=project.app)
    assert httpx.get(link).headers["location"].startswith("http://app/done?mode=signIn")


def test_no_link_is_generated_for_nobody(project: Project) -> None:
    """The library tells an unknown address from other mistakes."""
    with pytest.raises(auth.EmailNotFoundError):
        auth.generate_password_reset_link("ghost@example.com", app=project.app)
