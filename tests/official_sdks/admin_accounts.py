"""What firebase-admin's ``auth`` does: users."""

import time
from collections.abc import Callable
from typing import Final

import pytest
from firebase_admin import auth

from tests.official_sdks.place import Place
from tests.official_sdks.registry import call, refused

__all__ = ["CLIENT"]

CLIENT: Final = "firebase-admin auth"


@call(
    CLIENT, "create_user", "get_user", "get_user_by_email", "get_user_by_phone_number",
    "UserRecord.uid", "UserRecord.email", "UserRecord.email_verified", "UserRecord.display_name",
    "UserRecord.photo_url", "UserRecord.phone_number", "UserRecord.disabled",
    "UserRecord.provider_data", "UserRecord.provider_id", "UserRecord.user_metadata",
    "UserRecord.tenant_id", "UserRecord.custom_claims", "UserRecord.tokens_valid_after_timestamp",
    "UserMetadata.creation_timestamp", "UserMetadata.last_sign_in_timestamp",
    "UserMetadata.last_refresh_timestamp",
    "UserInfo.uid", "UserInfo.email", "UserInfo.display_name", "UserInfo.phone_number",
    "UserInfo.photo_url", "UserInfo.provider_id",
)  # fmt: skip
def a_user_is_created_and_found_by_every_name(place: Place) -> None:
    """By uid, e-mail and phone number, with the attributes given."""
    app = place.app()
    made = auth.create_user(
        uid="u1",
        email="U1@example.com",
        email_verified=True,
        password="secret1",
        phone_number="+15550001111",
        display_name="U",
        photo_url="http://x/y.png",
        disabled=False,
        app=app,
    )
    assert (made.uid, made.email, made.email_verified) == ("u1", "u1@example.com", True)
    assert (made.display_name, made.photo_url) == ("U", "http://x/y.png")
    assert (made.phone_number, made.disabled, made.provider_id) == (
        "+15550001111",
        False,
        "firebase",
    )
    assert (made.tenant_id, made.custom_claims) == (None, None)
    assert abs(made.tokens_valid_after_timestamp / 1000 - time.time()) < 60
    times = made.user_metadata
    assert abs(times.creation_timestamp / 1000 - time.time()) < 60
    assert abs(times.last_sign_in_timestamp / 1000 - time.time()) < 60
    assert times.last_refresh_timestamp is None
    providers = {info.provider_id: info for info in made.provider_data}
    assert set(providers) == {"password", "phone"}
    password = providers["password"]
    assert (password.uid, password.email) == ("u1@example.com", "u1@example.com")
    assert (password.display_name, password.photo_url) == ("U", "http://x/y.png")
    assert providers["phone"].phone_number == "+15550001111"
    place.user("accounts:signInWithPassword", {"email": "u1@example.com", "password": "secret1"})
    refreshed = auth.get_user("u1", app=app).user_metadata.last_refresh_timestamp
    assert abs(refreshed / 1000 - time.time()) < 60
    assert auth.get_user_by_email("U1@EXAMPLE.com", app=app).uid == "u1"
    assert auth.get_user_by_phone_number("+15550001111", app=app).uid == "u1"


@call(CLIENT, "create_user")
def a_user_without_anything_is_given_a_uid(place: Place) -> None:
    """Of 28 letters and digits."""
    made = auth.create_user(app=place.app())
    assert len(made.uid) == 28
    assert made.uid.isalnum()


@refused(CLIENT, "create_user", "update_user", why="a uid, e-mail or phone number is taken")
def what_is_taken_has_its_own_error(place: Place) -> None:
    """One for each."""
    app = place.app()
    auth.create_user(uid="u1", email="a@example.com", phone_number="+15550001", app=app)
    auth.create_user(uid="u2", app=app)
    with pytest.raises(auth.UidAlreadyExistsError):
        auth.create_user(uid="u1", app=app)
    with pytest.raises(auth.EmailAlreadyExistsError):
        auth.create_user(email="A@example.com", app=app)
    with pytest.raises(auth.PhoneNumberAlreadyExistsError):
        auth.create_user(phone_number="+15550001", app=app)
    with pytest.raises(auth.EmailAlreadyExistsError):
        auth.update_user("u2", email="a@example.com", app=app)


@refused(CLIENT, "create_user", why="the library checks lengths and shapes itself")
def attributes_have_shapes(place: Place) -> None:
    """It says so before it sends anything."""
    app = place.app()
    for attributes in (
        {"uid": "u" * 129},
        {"email": "nonsense"},
        {"password": "five5"},
        {"phone_number": "555"},
        {"photo_url": "nonsense"},
    ):
        with pytest.raises(ValueError, match=r"alformed|nvalid"):
            auth.create_user(**attributes, app=app)


@refused(
    CLIENT, "get_user", "get_user_by_email", "get_user_by_phone_number", "delete_user",
    "update_user", "set_custom_user_claims", "revoke_refresh_tokens", why="nobody is called that",
)  # fmt: skip
def nobody_is_a_user_not_found_error(place: Place) -> None:
    """Whatever was to be done."""
    app = place.app()
    attempts: tuple[Callable[[], object], ...] = (
        lambda: auth.get_user("ghost", app=app),
        lambda: auth.get_user_by_email("ghost@example.com", app=app),
        lambda: auth.get_user_by_phone_number("+15550009999", app=app),
        lambda: auth.delete_user("ghost", app=app),
        lambda: auth.update_user("ghost", display_name="x", app=app),
        lambda: auth.set_custom_user_claims("ghost", {"a": 1}, app=app),
        lambda: auth.revoke_refresh_tokens("ghost", app=app),
    )
    for attempt in attempts:
        with pytest.raises(auth.UserNotFoundError):
            attempt()


@call(CLIENT, "get_users", "GetUsersResult.users", "GetUsersResult.not_found")
def several_users_are_looked_up_at_once(place: Place) -> None:
    """By any mixture of names; those who are not there are told."""
    app = place.app()
    auth.create_user(uid="u1", email="u1@example.com", app=app)
    auth.create_user(uid="u2", app=app)
    auth.create_user(uid="u3", phone_number="+15550003", app=app)
    wanted = [
        auth.UidIdentifier("u2"),
        auth.EmailIdentifier("u1@example.com"),
        auth.PhoneIdentifier("+15550003"),
        auth.PhoneIdentifier("+15550009999"),
        auth.ProviderIdentifier("google.com", "g1"),
    ]
    found = auth.get_users(wanted, app=app)
    assert {user.uid for user in found.users} == {"u1", "u2", "u3"}
    assert found.not_found == wanted[3:]


@call(CLIENT, "update_user")
def a_user_is_updated_and_attributes_are_removed(place: Place) -> None:
    """Removal goes by other fields than change."""
    app = place.app()
    auth.create_user(
        uid="u1", display_name="U", photo_url="http://x/y", phone_number="+15550001", app=app
    )
    user = auth.update_user(
        "u1",
        email="new@example.com",
        email_verified=True,
        password="secret1",
        display_name=auth.DELETE_ATTRIBUTE,
        photo_url=auth.DELETE_ATTRIBUTE,
        phone_number=auth.DELETE_ATTRIBUTE,
        custom_claims={"a": 1},
        disabled=True,
        app=app,
    )
    assert (user.email, user.email_verified, user.custom_claims) == (
        "new@example.com",
        True,
        {"a": 1},
    )
    assert (user.display_name, user.photo_url, user.phone_number) == (None, None, None)
    assert user.disabled is True
    body = {"email": "new@example.com", "password": "secret1"}
    assert "USER_DISABLED" in place.attempt("accounts:signInWithPassword", body).text
    auth.update_user("u1", disabled=False, app=app)
    assert place.user("accounts:signInWithPassword", body)["localId"] == "u1"


@call(CLIENT, "set_custom_user_claims")
def claims_are_set_read_and_cleared(place: Place) -> None:
    """And reach the next token that is issued."""
    app = place.app()
    auth.create_user(uid="u1", app=app)
    auth.set_custom_user_claims("u1", {"admin": True}, app=app)
    assert auth.get_user("u1", app=app).custom_claims == {"admin": True}
    token = place.sign_in(auth.create_custom_token("u1", app=app).decode())["idToken"]
    assert auth.verify_id_token(token, app=app)["admin"] is True
    auth.set_custom_user_claims("u1", None, app=app)
    assert not auth.get_user("u1", app=app).custom_claims


@refused(CLIENT, "set_custom_user_claims", why="a name is reserved, or the claims are too large")
def claims_have_limits(place: Place) -> None:
    """The library says so before it sends anything."""
    app = place.app()
    for claims in ({"sub": "x"}, {"a": "x" * 1000}):
        with pytest.raises(ValueError, match="laim"):
            auth.set_custom_user_claims("u1", claims, app=app)


@call(
    CLIENT, "list_users", "ListUsersPage.users", "ListUsersPage.next_page_token",
    "ListUsersPage.has_next_page", "ListUsersPage.get_next_page", "ListUsersPage.iterate_all",
    "ExportedUserRecord.password_hash", "ExportedUserRecord.password_salt",
)  # fmt: skip
def every_user_is_listed_page_by_page(place: Place) -> None:
    """The last full page is followed by an empty one, which the library takes in its stride."""
    app = place.app()
    uids = [f"u{number}" for number in range(4)]
    for uid in uids:
        auth.create_user(uid=uid, email=f"{uid}@example.com", password="secret1", app=app)
    page = auth.list_users(max_results=2, app=app)
    assert [user.uid for user in page.users] == uids[:2]
    assert all(user.password_hash and user.password_salt for user in page.users)
    assert page.has_next_page
    second = page.get_next_page()
    assert [user.uid for user in second.users] == uids[2:]
    third = auth.list_users(page_token=second.next_page_token, max_results=2, app=app)
    assert (list(third.users), third.has_next_page, third.get_next_page()) == ([], False, None)
    assert [user.uid for user in page.iterate_all()] == uids
    assert [user.uid for user in auth.list_users(app=app).iterate_all()] == uids


@call(
    CLIENT, "delete_user", "delete_users", "DeleteUsersResult.success_count",
    "DeleteUsersResult.failure_count", "DeleteUsersResult.errors",
)  # fmt: skip
def users_are_deleted_one_by_one_and_in_a_batch(place: Place) -> None:
    """Unknown uids of a batch count as deleted."""
    app = place.app()
    for uid in ("u1", "u2", "u3"):
        auth.create_user(uid=uid, app=app)
    auth.delete_user("u1", app=app)
    result = auth.delete_users(["u2", "u3", "ghost"], app=app)
    assert (result.success_count, result.failure_count, result.errors) == (3, 0, [])
    assert list(auth.list_users(app=app).iterate_all()) == []


@call(
    CLIENT, "import_users", "UserImportResult.success_count", "UserImportResult.failure_count",
    "UserImportResult.errors",
)  # fmt: skip
def users_are_imported_with_everything(place: Place) -> None:
    """And a hash that is not the emulator's own signs nobody in."""
    app = place.app()
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
        auth.ImportUserRecord(uid="i2", phone_number="+15550001", disabled=True),
    ]
    result = auth.import_users(users, hash_alg=auth.UserImportHash.hmac_sha256(b"key"), app=app)
    assert (result.success_count, result.failure_count, result.errors) == (2, 0, [])
    user = auth.get_user("i1", app=app)
    assert (user.custom_claims, user.user_metadata.creation_timestamp) == ({"admin": True}, 1000)
    assert {info.provider_id for info in user.provider_data} == {"google.com", "password"}
    assert auth.get_user("i2", app=app).disabled is True
    body = {"email": "i1@example.com", "password": "secret1"}
    refusal = place.attempt("accounts:signInWithPassword", body)
    assert refusal.json()["error"]["message"] == "INVALID_PASSWORD"


@call(CLIENT, *(f"UserImportHash.{name}" for name in (
    "bcrypt", "hmac_md5", "hmac_sha1", "hmac_sha256", "hmac_sha512", "md5", "pbkdf2_sha256",
    "pbkdf_sha1", "scrypt", "sha1", "sha256", "sha512", "standard_scrypt", "to_dict",
)))  # fmt: skip
def users_are_imported_under_every_hash(place: Place) -> None:
    """The emulator keeps them and checks none."""
    app = place.app()
    kinds = auth.UserImportHash
    hashes = [
        kinds.bcrypt(),
        *(kind(b"key") for kind in (kinds.hmac_md5, kinds.hmac_sha1)),
        *(kind(b"key") for kind in (kinds.hmac_sha256, kinds.hmac_sha512)),
        *(kind(1) for kind in (kinds.md5, kinds.sha1, kinds.sha256, kinds.sha512)),
        *(kind(1) for kind in (kinds.pbkdf_sha1, kinds.pbkdf2_sha256)),
        kinds.scrypt(b"key", 8, 14, b"-"),
        kinds.standard_scrypt(1024, 16, 8, 64),
    ]
    for number, algorithm in enumerate(hashes):
        assert "hashAlgorithm" in algorithm.to_dict()
        user = auth.ImportUserRecord(uid=f"i{number}", password_hash=b"hash", password_salt=b"s")
        assert auth.import_users([user], hash_alg=algorithm, app=app).errors == []
    assert len(list(auth.list_users(app=app).iterate_all())) == 13


@refused(
    CLIENT, "import_users", "ErrorInfo.index", "ErrorInfo.reason", why="an e-mail is taken",
)  # fmt: skip
def an_import_reports_the_users_it_refuses(place: Place) -> None:
    """By index, and takes the others."""
    app = place.app()
    auth.create_user(uid="u1", email="taken@example.com", app=app)
    users = [
        auth.ImportUserRecord(uid="i1", email="taken@example.com"),
        auth.ImportUserRecord(uid="i2"),
    ]
    result = auth.import_users(users, app=app)
    assert (result.success_count, result.failure_count) == (1, 1)
    assert result.errors[0].index == 0
    assert result.errors[0].reason


@call(
    CLIENT, "generate_password_reset_link", "generate_email_verification_link",
    "generate_sign_in_with_email_link",
)  # fmt: skip
def links_are_generated_and_work(place: Place) -> None:
    """Each leads to the emulator, and from there to where it was to continue."""
    app = place.app()
    auth.create_user(uid="u1", email="u1@example.com", app=app)
    settings = auth.ActionCodeSettings("http://app/done", handle_code_in_app=True)
    verify = auth.generate_email_verification_link("u1@example.com", settings, app=app)
    assert place.web.get(verify).headers["location"] == "http://app/done"
    assert auth.get_user("u1", app=app).email_verified is True
    reset = auth.generate_password_reset_link("u1@example.com", app=app)
    assert place.web.get(f"{reset}&newPassword=secret2").status_code == 200
    body = {"email": "u1@example.com", "password": "secret2"}
    assert place.user("accounts:signInWithPassword", body)["localId"] == "u1"
    link = auth.generate_sign_in_with_email_link("u1@example.com", settings, app=app)
    assert place.web.get(link).headers["location"].startswith("http://app/done?mode=signIn")


@refused(
    CLIENT, "generate_password_reset_link", "generate_email_verification_link",
    why="nobody has the address",
)  # fmt: skip
def no_link_is_generated_for_nobody(place: Place) -> None:
    """The library tells an unknown address from other mistakes."""
    app = place.app()
    with pytest.raises(auth.EmailNotFoundError):
        auth.generate_password_reset_link("ghost@example.com", app=app)
    with pytest.raises((auth.UserNotFoundError, auth.EmailNotFoundError)):
        auth.generate_email_verification_link("ghost@example.com", app=app)
