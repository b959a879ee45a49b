"""The official JavaScript SDK in Node, unmodified, against the Auth emulator.

Its database part has plays of its own; here its users meet the database over REST.
"""

import json
from typing import Any

import httpx
import pytest
from firebase_admin import auth

from imbari_chat.emulator import Emulator
from imbari_chat.emulator.tokens import decode_unverified
from tests.peers.conftest import Clock
from tests.peers.node import JavaScriptSdk, SdkError

pytestmark = pytest.mark.peer

EMAIL, PASSWORD = "grace@example.com", "correct horse"
SESSION = "-Oabcdefghijklmnopqr"
NOW = {".sv": "timestamp"}


def protect_addresses(emulator: Emulator, *, on: bool) -> None:
    """Whether e-mail enumeration protection is on."""
    httpx.patch(
        f"http://{emulator.auth_host}/emulator/v1/projects/{emulator.project}/config",
        json={"emailPrivacyConfig": {"enableImprovedEmailPrivacy": on}},
    ).raise_for_status()


def mailed_code(emulator: Emulator, kind: str) -> str:
    """The one code of this kind that would have been mailed."""
    answer = httpx.get(
        f"http://{emulator.auth_host}/emulator/v1/projects/{emulator.project}/oobCodes"
    )
    (code,) = [one for one in answer.json()["oobCodes"] if one["requestType"] == kind]
    return str(code["oobCode"])


def claims_now(sdk: JavaScriptSdk, *, refresh: bool) -> dict[str, Any]:
    """What the SDK reads in its ID token."""
    claims: dict[str, Any] = sdk.call("getIdTokenResult", refresh)["claims"]
    return claims


def refusal(sdk: JavaScriptSdk, name: str, *given: Any) -> str:
    """The code with which a call is refused."""
    with pytest.raises(SdkError) as refused:
        sdk.call(name, *given)
    return str(refused.value)


def start(uid: str) -> dict[str, Any]:
    """What starts a customer's session without a message, as a request."""
    session = {
        "customerName": "Grace",
        "customerEmail": EMAIL,
        "lastMessage": "",
        "lastMessageTime": NOW,
        "unreadCount": 0,
        "status": "active",
        "customerUid": uid,
        "createdAt": NOW,
    }
    record = {"session": SESSION, "at": NOW, "count": 1}
    update = {f"chatSessions/{SESSION}": session, f"starts/{uid}": record}
    return {"method": "PATCH", "body": json.dumps(update)}


def test_anonymous_user_is_somebody(sdk: JavaScriptSdk, admin_app: Any) -> None:
    """The service knows the uid that the SDK was given."""
    made = sdk.call("signInAnonymously")
    assert made["isAnonymous"] is True
    assert sdk.user == made
    known = auth.get_user(made["uid"], app=admin_app)
    assert (known.email, list(known.provider_data)) == (None, [])


def test_signing_up_signing_out_and_in_is_the_same_user(sdk: JavaScriptSdk) -> None:
    """By e-mail address and password; nobody is signed in between."""
    made = sdk.call("createUserWithEmailAndPassword", EMAIL, PASSWORD)
    assert made["email"] == EMAIL
    sdk.call("signOut")
    assert sdk.user is None
    assert sdk.call("signInWithEmailAndPassword", EMAIL, PASSWORD)["uid"] == made["uid"]


def test_sign_up_is_refused_by_name(sdk: JavaScriptSdk) -> None:
    """A taken address, a short password and what is no address."""
    sdk.call("createUserWithEmailAndPassword", EMAIL, PASSWORD)
    sign_up = "createUserWithEmailAndPassword"
    assert refusal(sdk, sign_up, EMAIL, PASSWORD) == "auth/email-already-in-use"
    assert refusal(sdk, sign_up, "ada@example.com", "short") == "auth/weak-password"
    assert refusal(sdk, sign_up, "nonsense", PASSWORD) == "auth/invalid-email"


def test_wrong_password_and_unknown_address_differ_without_protection(
    emulator: Emulator, sdk: JavaScriptSdk
) -> None:
    """Whoever guesses learns which of the two was wrong."""
    protect_addresses(emulator, on=False)
    sdk.call("createUserWithEmailAndPassword", EMAIL, PASSWORD)
    sign_in = "signInWithEmailAndPassword"
    assert refusal(sdk, sign_in, EMAIL, "wrong") == "auth/wrong-password"
    assert refusal(sdk, sign_in, "nobody@example.com", PASSWORD) == "auth/user-not-found"


def test_wrong_password_and_unknown_address_are_one_error_under_protection(
    emulator: Emulator, sdk: JavaScriptSdk
) -> None:
    """Whoever guesses learns nothing."""
    protect_addresses(emulator, on=True)
    try:
        sdk.call("createUserWithEmailAndPassword", EMAIL, PASSWORD)
        sign_in = "signInWithEmailAndPassword"
        assert refusal(sdk, sign_in, EMAIL, "wrong") == "auth/invalid-credential"
        assert refusal(sdk, sign_in, "nobody@example.com", "wrong") == "auth/invalid-credential"
    finally:
        protect_addresses(emulator, on=False)


def test_refreshing_gives_a_later_token(sdk: JavaScriptSdk, clock: Clock) -> None:
    """Issued anew for the same user and the same signing-in; kept until asked for."""
    sdk.call("signInAnonymously")
    first = decode_unverified(sdk.call("getIdToken"))
    clock.ahead += 60
    assert decode_unverified(sdk.call("getIdToken", False)) == first
    second = decode_unverified(sdk.call("getIdToken", True))
    assert int(str(second["iat"])) >= int(str(first["iat"])) + 60
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


def test_admin_claim_appears_with_the_next_token(sdk: JavaScriptSdk, admin_app: Any) -> None:
    """Not before: a token says what was so when it was issued."""
    uid = sdk.call("createUserWithEmailAndPassword", EMAIL, PASSWORD)["uid"]
    auth.set_custom_user_claims(uid, {"admin": True}, app=admin_app)
    assert "admin" not in claims_now(sdk, refresh=False)
    assert claims_now(sdk, refresh=True)["admin"] is True


def test_custom_token_signs_in_with_its_claims(sdk: JavaScriptSdk, admin_app: Any) -> None:
    """A token made by firebase-admin, with a uid of its own choice."""
    token = auth.create_custom_token("the-desk", {"admin": True}, app=admin_app).decode()
    assert sdk.call("signInWithCustomToken", token)["uid"] == "the-desk"
    claims = claims_now(sdk, refresh=True)
    assert claims["admin"] is True
    assert claims["firebase"]["sign_in_provider"] == "custom"
    assert refusal(sdk, "signInWithCustomToken", "nonsense") == "auth/invalid-custom-token"


def test_deleted_user_is_gone(sdk: JavaScriptSdk, admin_app: Any) -> None:
    """From the SDK and from the service."""
    uid = sdk.call("createUserWithEmailAndPassword", EMAIL, PASSWORD)["uid"]
    sdk.call("deleteUser")
    assert sdk.user is None
    with pytest.raises(auth.UserNotFoundError):
        auth.get_user(uid, app=admin_app)
    assert refusal(sdk, "signInWithEmailAndPassword", EMAIL, PASSWORD) == "auth/user-not-found"


def test_profile_and_password_are_changed_by_their_owner(sdk: JavaScriptSdk) -> None:
    """The name is in the user and in later tokens; the old password no longer opens."""
    sdk.call("createUserWithEmailAndPassword", EMAIL, PASSWORD)
    sdk.call("updateProfile", {"displayName": "Grace H."})
    sdk.call("updatePassword", "another horse")
    sdk.call("reload")
    assert sdk.user
    assert sdk.user["displayName"] == "Grace H."
    assert claims_now(sdk, refresh=True)["name"] == "Grace H."
    sdk.call("signOut")
    assert refusal(sdk, "signInWithEmailAndPassword", EMAIL, PASSWORD) == "auth/wrong-password"
    sdk.call("signInWithEmailAndPassword", EMAIL, "another horse")


def test_forgotten_password_is_set_by_a_mailed_code(emulator: Emulator, sdk: JavaScriptSdk) -> None:
    """The code names the address, works once, and closes the old way in."""
    sdk.call("createUserWithEmailAndPassword", EMAIL, PASSWORD)
    sdk.call("signOut")
    sdk.call("sendPasswordResetEmail", EMAIL)
    code = mailed_code(emulator, "PASSWORD_RESET")
    assert sdk.call("verifyPasswordResetCode", code) == EMAIL
    sdk.call("confirmPasswordReset", code, "another horse")
    again = refusal(sdk, "confirmPasswordReset", code, "a third horse")
    assert again == "auth/invalid-action-code"
    assert refusal(sdk, "signInWithEmailAndPassword", EMAIL, PASSWORD) == "auth/wrong-password"
    sdk.call("signInWithEmailAndPassword", EMAIL, "another horse")


def test_address_is_verified_by_a_mailed_code(emulator: Emulator, sdk: JavaScriptSdk) -> None:
    """The user is verified when read again."""
    assert not sdk.call("createUserWithEmailAndPassword", EMAIL, PASSWORD)["emailVerified"]
    sdk.call("sendEmailVerification")
    sdk.call("applyActionCode", mailed_code(emulator, "VERIFY_EMAIL"))
    sdk.call("reload")
    assert sdk.user
    assert sdk.user["emailVerified"] is True


def test_anonymous_user_who_adds_a_password_stays_the_same(sdk: JavaScriptSdk) -> None:
    """The uid, and with it the conversation, is kept."""
    uid = sdk.call("signInAnonymously")["uid"]
    sdk.call("linkWithPassword", EMAIL, PASSWORD)
    assert sdk.user
    assert (sdk.user["uid"], sdk.user["isAnonymous"]) == (uid, False)
    sdk.call("signOut")
    assert sdk.call("signInWithEmailAndPassword", EMAIL, PASSWORD)["uid"] == uid


def test_disabled_user_is_shut_out(sdk: JavaScriptSdk, admin_app: Any) -> None:
    """Neither a refresh nor a new sign-in."""
    uid = sdk.call("createUserWithEmailAndPassword", EMAIL, PASSWORD)["uid"]
    auth.update_user(uid, disabled=True, app=admin_app)
    assert refusal(sdk, "getIdToken", True) == "auth/user-disabled"
    assert refusal(sdk, "signInWithEmailAndPassword", EMAIL, PASSWORD) == "auth/user-disabled"


def test_database_takes_the_sdks_token_for_its_user(emulator: Emulator, sdk: JavaScriptSdk) -> None:
    """Under the shipped rules: one's own session may be written and read, nobody else's."""
    uid = sdk.call("signInAnonymously")["uid"]
    token = sdk.call("getIdToken")
    root = f"http://{emulator.database_host}/.json"
    assert sdk.call("fetch", f"{root}?auth={token}", start("somebody-else"))["status"] == 401
    assert sdk.call("fetch", root, start(uid))["status"] == 401
    assert sdk.call("fetch", f"{root}?auth={token}", start(uid))["status"] == 200
    place = f"http://{emulator.database_host}/chatSessions/{SESSION}.json"
    read = sdk.call("fetch", f"{place}?auth={token}")
    assert (read["status"], read["body"]["customerUid"]) == (200, uid)


def test_database_shows_the_inbox_to_the_sdks_admin_alone(
    emulator: Emulator, sdk: JavaScriptSdk, admin_app: Any
) -> None:
    """The claim that firebase-admin sets is what the rules ask for."""
    uid = sdk.call("createUserWithEmailAndPassword", EMAIL, PASSWORD)["uid"]
    inbox = f"http://{emulator.database_host}/chatSessions.json?auth="
    denied = sdk.call("fetch", inbox + sdk.call("getIdToken"))
    assert denied == {"status": 401, "body": {"error": "Permission denied"}}
    auth.set_custom_user_claims(uid, {"admin": True}, app=admin_app)
    allowed = sdk.call("fetch", inbox + sdk.call("getIdToken", True))
    assert allowed == {"status": 200, "body": None}
