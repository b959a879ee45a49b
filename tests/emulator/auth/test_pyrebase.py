"""pyrebase4, with its own code and only the hosts of its URLs rewritten."""

import json
import types
from typing import Any

import httpx
import pyrebase.pyrebase
import pytest
import requests
from tests.emulator.auth.harness import OWNER, PROJECT, TOOLKIT, Body, Live, claims

HOSTS = (
    "https://www.googleapis.com/identitytoolkit/",
    "https://identitytoolkit.googleapis.com/",
    "https://securetoken.googleapis.com/",
)


@pytest.fixture
def client(live: Live) -> Any:
    """Its Auth class, rebuilt from the same code over a `requests` that finds the emulator.

    The URLs are literals inside the methods and go through the module's global name `requests`,
    so each function is copied with other globals; the library itself stays as it is.
    """

    def post(url: str, **arguments: Any) -> requests.Response:
        assert url.startswith(HOSTS), url
        url = url.replace("https://", f"http://{live.host}/")
        return requests.post(url, timeout=10, **arguments)

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
    return rebuilt("fake-key", requests.Session(), None)


def code(refused: pytest.ExceptionInfo[requests.HTTPError]) -> str:
    """Where the library puts the service's error code."""
    return str(json.loads(refused.value.args[1])["error"]["message"])


def mailed(live: Live) -> Body:
    """The newest code that would have been mailed."""
    url = f"http://{live.host}/emulator/v1/projects/{PROJECT}/oobCodes"
    codes: list[Body] = httpx.get(url).json()["oobCodes"]
    return codes[-1]


def test_sign_up_sign_in_and_refresh(client: Any) -> None:
    """The three steps every customer goes through."""
    made = client.create_user_with_email_and_password("p1@example.com", "secret1")
    signed_in = client.sign_in_with_email_and_password("P1@example.com", "secret1")
    assert signed_in["localId"] == made["localId"]
    again = client.refresh(signed_in["refreshToken"])
    assert again["userId"] == made["localId"]
    assert claims(again)["auth_time"] == claims(signed_in)["auth_time"]


def test_an_anonymous_sign_in(client: Any) -> None:
    """A customer without an account."""
    signed_in = client.sign_in_anonymous()
    assert claims(signed_in)["firebase"]["sign_in_provider"] == "anonymous"
    assert client.current_user == signed_in


def test_a_custom_token_sign_in(client: Any) -> None:
    """The answer has no uid; it is in the token."""
    signed_in = client.sign_in_with_custom_token('{"uid":"c1","claims":{"a":1}}')
    assert (claims(signed_in)["sub"], claims(signed_in)["a"]) == ("c1", 1)


def test_account_info(client: Any) -> None:
    """What a user sees of themselves."""
    made = client.create_user_with_email_and_password("p1@example.com", "secret1")
    [user] = client.get_account_info(made["idToken"])["users"]
    assert (user["localId"], user["email"]) == (made["localId"], "p1@example.com")


def test_a_profile_update_sends_nulls_and_works(client: Any) -> None:
    """Google's own emulator refuses this call; null has to be the same as absent."""
    made = client.create_user_with_email_and_password("p1@example.com", "secret1")
    answer = client.update_profile(made["idToken"], display_name="P")
    assert answer["displayName"] == "P"
    answer = client.update_profile(made["idToken"], photo_url="http://x/y.png")
    assert (answer["displayName"], answer["photoUrl"]) == ("P", "http://x/y.png")
    answer = client.update_profile(made["idToken"], delete_attribute=["DISPLAY_NAME"])
    assert "displayName" not in answer


def test_changing_e_mail_and_password(client: Any) -> None:
    """Both bring new tokens."""
    made = client.create_user_with_email_and_password("p1@example.com", "secret1")
    changed = client.change_email(made["idToken"], "p2@example.com")
    changed = client.change_password(changed["idToken"], "secret2")
    assert claims(changed)["email"] == "p2@example.com"
    client.sign_in_with_email_and_password("p2@example.com", "secret2")


def test_a_forgotten_password(client: Any, live: Live) -> None:
    """The code is read from the emulator instead of the mail."""
    client.create_user_with_email_and_password("p1@example.com", "secret1")
    assert client.send_password_reset_email("p1@example.com")["email"] == "p1@example.com"
    client.verify_password_reset_code(mailed(live)["oobCode"], "secret2")
    client.sign_in_with_email_and_password("p1@example.com", "secret2")


def test_an_address_to_verify(client: Any, live: Live) -> None:
    """Opening the link verifies it."""
    made = client.create_user_with_email_and_password("p1@example.com", "secret1")
    client.send_email_verification(made["idToken"])
    assert httpx.get(mailed(live)["oobLink"]).status_code == 200
    [user] = client.get_account_info(made["idToken"])["users"]
    assert user["emailVerified"] is True


def test_deleting_oneself(client: Any) -> None:
    """The token is worth nothing afterwards."""
    made = client.create_user_with_email_and_password("p1@example.com", "secret1")
    client.delete_user_account(made["idToken"])
    with pytest.raises(requests.HTTPError) as refused:
        client.get_account_info(made["idToken"])
    assert code(refused) == "USER_NOT_FOUND"


@pytest.mark.parametrize(
    ("protected", "email", "expected"),
    [
        (False, "p1@example.com", "INVALID_PASSWORD"),
        (False, "ghost@example.com", "EMAIL_NOT_FOUND"),
        (True, "p1@example.com", "INVALID_LOGIN_CREDENTIALS"),
        (True, "ghost@example.com", "INVALID_LOGIN_CREDENTIALS"),
    ],
)
def test_a_failed_sign_in_tells_as_much_as_the_project_allows(
    client: Any, live: Live, protected: bool, email: str, expected: str
) -> None:
    """Live projects do not say whether an address is known."""
    client.create_user_with_email_and_password("p1@example.com", "secret1")
    url = f"http://{live.host}/emulator/v1/projects/{PROJECT}/config"

    def protect(on: bool) -> None:
        config = {"emailPrivacyConfig": {"enableImprovedEmailPrivacy": on}}
        httpx.patch(url, json=config).raise_for_status()

    protect(protected)
    try:
        with pytest.raises(requests.HTTPError) as refused:
            client.sign_in_with_email_and_password(email, "wrong1")
    finally:
        protect(False)
    assert code(refused) == expected


def test_claims_that_the_owner_grants_come_with_the_next_refresh(client: Any, live: Live) -> None:
    """How a user becomes an administrator."""
    made = client.create_user_with_email_and_password("p1@example.com", "secret1")
    httpx.post(
        f"http://{live.host}{TOOLKIT}projects/{PROJECT}/accounts:update",
        headers=OWNER,
        json={"localId": made["localId"], "customAttributes": '{"admin":true}'},
    ).raise_for_status()
    assert claims(client.refresh(made["refreshToken"]))["admin"] is True
