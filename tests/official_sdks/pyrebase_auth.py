"""What pyrebase4's ``Auth`` does, in its own code, with only the hosts of its URLs rewritten."""

import json
import types
from collections.abc import Callable
from typing import Any, Final

import firebase_admin.auth
import pyrebase.pyrebase
import pytest
import requests
from Crypto.PublicKey import RSA

from imbari_chat.emulator.tokens import decode_unverified
from tests.official_sdks.place import Place
from tests.official_sdks.registry import call, refused, unsupported

__all__ = ["CLIENT", "profile_update_with_nulls_fails"]

CLIENT: Final = "pyrebase4 Auth"

HOSTS: Final = (
    "https://www.googleapis.com/identitytoolkit/",
    "https://identitytoolkit.googleapis.com/",
    "https://securetoken.googleapis.com/",
)
EMAIL: Final = "p1@example.com"
PASSWORD: Final = "secret1"


def client(place: Place, credentials: Any = None) -> Any:
    """Its Auth class, rebuilt from the same code over a ``requests`` that finds the emulator.

    The URLs are literals inside the methods and go through the module's global name ``requests``,
    so each function is copied with other globals; the library itself stays as it is.
    """

    def post(url: str, **arguments: Any) -> requests.Response:
        assert url.startswith(HOSTS), url
        url = url.replace("https://", f"http://{place.target.auth}/")
        return requests.post(url, timeout=60, **arguments)

    shim = types.ModuleType("requests")
    vars(shim).update(vars(requests))
    vars(shim)["post"] = post
    names = {**vars(pyrebase.pyrebase), "requests": shim}
    base = pyrebase.pyrebase.Auth
    methods = {
        name: types.FunctionType(method.__code__, names, name, method.__defaults__)
        for name, method in vars(base).items()
        if isinstance(method, types.FunctionType) and name != "__init__"
    }
    rebuilt: Any = type("EmulatorAuth", (base,), methods)
    return rebuilt("the-key", requests.Session(), credentials)


def code(refusal: "pytest.ExceptionInfo[requests.HTTPError]") -> str:
    """The service's code; the library keeps its answer as text."""
    return str(json.loads(refusal.value.args[1])["error"]["message"])


def _claims(answer: dict[str, Any]) -> dict[str, Any]:
    return decode_unverified(answer["idToken"])


@call(CLIENT, "create_user_with_email_and_password", "sign_in_with_email_and_password")
def a_new_user_signs_in(place: Place) -> None:
    """By address in any case; the library remembers who."""
    auth = client(place)
    made = auth.create_user_with_email_and_password(EMAIL, PASSWORD)
    signed_in = auth.sign_in_with_email_and_password("P1@Example.com", PASSWORD)
    assert signed_in["localId"] == made["localId"]
    assert auth.current_user == signed_in
    assert _claims(signed_in)["email"] == EMAIL


@call(CLIENT, "refresh")
def a_token_is_renewed(place: Place) -> None:
    """For the same user and the same sign-in; claims granted meanwhile are in it."""
    auth = client(place)
    made = auth.create_user_with_email_and_password(EMAIL, PASSWORD)
    _grant(place, made["localId"])
    again = auth.refresh(made["refreshToken"])
    assert again["userId"] == made["localId"]
    assert _claims(again)["auth_time"] == _claims(made)["auth_time"]
    assert _claims(again)["admin"] is True


@call(CLIENT, "sign_in_anonymous")
def an_anonymous_sign_in(place: Place) -> None:
    """A user without an account."""
    auth = client(place)
    signed_in = auth.sign_in_anonymous()
    assert _claims(signed_in)["firebase"]["sign_in_provider"] == "anonymous"
    assert auth.current_user == signed_in


@call(CLIENT, "sign_in_with_custom_token")
def a_custom_token_signs_in(place: Place) -> None:
    """Made by firebase-admin; the uid is in the token that comes back."""
    made = firebase_admin.auth.create_custom_token("c1", {"a": 1}, app=place.app())
    signed_in = client(place).sign_in_with_custom_token(made.decode())
    assert (_claims(signed_in)["sub"], _claims(signed_in)["a"]) == ("c1", 1)


@unsupported(
    CLIENT, "create_custom_token", why="broken in the library: python_jwt takes no key of its kind"
)  # fmt: skip
def no_custom_token_is_made(place: Place) -> None:
    """It fails before anything is sent; firebase-admin makes such tokens."""
    key = RSA.generate(1024)
    account = types.SimpleNamespace(
        service_account_email="robot@example.com", _private_key_pkcs8_pem=key.export_key(pkcs=8)
    )
    with pytest.raises(ValueError, match="not a JWK"):
        client(place, account).create_custom_token("c1", {"a": 1})


@call(CLIENT, "get_account_info")
def a_user_sees_themselves(place: Place) -> None:
    """The record of their account."""
    auth = client(place)
    made = auth.create_user_with_email_and_password(EMAIL, PASSWORD)
    [user] = auth.get_account_info(made["idToken"])["users"]
    assert (user["localId"], user["email"]) == (made["localId"], EMAIL)


@call(CLIENT, "update_profile")
def a_profile_update_sends_nulls_and_works(place: Place) -> None:
    """Null for what was not given is the same as absent."""
    auth = client(place)
    made = auth.create_user_with_email_and_password(EMAIL, PASSWORD)
    answer = auth.update_profile(made["idToken"], display_name="P")
    assert answer["displayName"] == "P"
    answer = auth.update_profile(made["idToken"], photo_url="http://x/y.png")
    assert (answer["displayName"], answer["photoUrl"]) == ("P", "http://x/y.png")
    answer = auth.update_profile(made["idToken"], delete_attribute=["DISPLAY_NAME"])
    assert "displayName" not in answer


def profile_update_with_nulls_fails(place: Place) -> None:
    """What Google's emulator makes of the same."""
    auth = client(place)
    made = auth.create_user_with_email_and_password(EMAIL, PASSWORD)
    with pytest.raises(requests.HTTPError) as refusal:
        auth.update_profile(made["idToken"], display_name="P")
    assert "/deleteAttribute must be array" in code(refusal)


@call(CLIENT, "update_profile")
def a_profile_update_with_every_argument(place: Place) -> None:
    """The form that works everywhere."""
    auth = client(place)
    made = auth.create_user_with_email_and_password(EMAIL, PASSWORD)
    answer = auth.update_profile(made["idToken"], "P", "http://x/y.png", [])
    assert (answer["displayName"], answer["photoUrl"]) == ("P", "http://x/y.png")


@call(CLIENT, "change_email", "change_password")
def an_e_mail_and_a_password_change(place: Place) -> None:
    """Both bring new tokens."""
    auth = client(place)
    made = auth.create_user_with_email_and_password(EMAIL, PASSWORD)
    changed = auth.change_email(made["idToken"], "p2@example.com")
    assert _claims(changed)["email"] == "p2@example.com"
    changed = auth.change_password(changed["idToken"], "secret2")
    assert _claims(changed)["sub"] == made["localId"]
    auth.sign_in_with_email_and_password("p2@example.com", "secret2")


@call(CLIENT, "send_password_reset_email", "verify_password_reset_code")
def a_forgotten_password_is_replaced(place: Place) -> None:
    """The code is read from the emulator instead of the mail."""
    auth = client(place)
    auth.create_user_with_email_and_password(EMAIL, PASSWORD)
    assert auth.send_password_reset_email(EMAIL)["email"] == EMAIL
    reset = place.mailed(EMAIL)["oobCode"]
    assert auth.verify_password_reset_code(reset, "secret2")["email"] == EMAIL
    auth.sign_in_with_email_and_password(EMAIL, "secret2")


@call(CLIENT, "send_email_verification")
def an_address_is_verified(place: Place) -> None:
    """By opening the link."""
    auth = client(place)
    made = auth.create_user_with_email_and_password(EMAIL, PASSWORD)
    auth.send_email_verification(made["idToken"])
    assert place.web.get(place.mailed(EMAIL)["oobLink"]).status_code == 200
    [user] = auth.get_account_info(made["idToken"])["users"]
    assert user["emailVerified"] is True


@call(CLIENT, "delete_user_account")
def a_user_deletes_themselves(place: Place) -> None:
    """The token is worth nothing afterwards."""
    auth = client(place)
    made = auth.create_user_with_email_and_password(EMAIL, PASSWORD)
    auth.delete_user_account(made["idToken"])
    with pytest.raises(requests.HTTPError) as refusal:
        auth.get_account_info(made["idToken"])
    assert code(refusal) == "USER_NOT_FOUND"


@refused(CLIENT, "sign_in_with_email_and_password", why="wrong password, or nobody")
def a_failed_sign_in_tells_as_much_as_the_project_allows(place: Place) -> None:
    """Live projects do not say whether an address is known."""
    auth = client(place)
    auth.create_user_with_email_and_password(EMAIL, PASSWORD)
    for protected, unknown, wrong in (
        (False, "EMAIL_NOT_FOUND", "INVALID_PASSWORD"),
        (True, "INVALID_LOGIN_CREDENTIALS", "INVALID_LOGIN_CREDENTIALS"),
    ):
        place.protect_emails(protected)
        for email, expected in (("ghost@example.com", unknown), (EMAIL, wrong)):
            with pytest.raises(requests.HTTPError) as refusal:
                auth.sign_in_with_email_and_password(email, "wrong1")
            assert code(refusal) == expected


@refused(
    CLIENT, "create_user_with_email_and_password", "send_password_reset_email", "refresh",
    "sign_in_with_custom_token", "verify_password_reset_code", "get_account_info",
    "change_password", why="each mistake has its code",
)  # fmt: skip
def mistakes_have_their_codes(place: Place) -> None:
    """The library keeps the answer, with status 400."""
    auth = client(place)
    made = auth.create_user_with_email_and_password(EMAIL, PASSWORD)
    attempts: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: auth.create_user_with_email_and_password(EMAIL, PASSWORD), "EMAIL_EXISTS"),
        (lambda: auth.create_user_with_email_and_password("nonsense", PASSWORD), "INVALID_EMAIL"),
        (lambda: auth.create_user_with_email_and_password("b@x.com", "five5"), "WEAK_PASSWORD"),
        (lambda: auth.change_password(made["idToken"], "five5"), "WEAK_PASSWORD"),
        (lambda: auth.send_password_reset_email("ghost@example.com"), "EMAIL_NOT_FOUND"),
        (lambda: auth.refresh("garbage"), "INVALID_REFRESH_TOKEN"),
        (lambda: auth.sign_in_with_custom_token("garbage"), "INVALID_CUSTOM_TOKEN"),
        (lambda: auth.verify_password_reset_code("garbage", "secret2"), "INVALID_OOB_CODE"),
        (lambda: auth.get_account_info("garbage"), "INVALID_ID_TOKEN"),
    )
    for attempt, expected in attempts:
        with pytest.raises(requests.HTTPError) as refusal:
            attempt()
        assert code(refusal).split(" ")[0] == expected
        assert refusal.value.args[0].response.status_code == 400


def _grant(place: Place, uid: str) -> None:
    """Make an administrator of a user, as the owner."""
    place.owner("accounts:update", {"localId": uid, "customAttributes": '{"admin":true}'})
