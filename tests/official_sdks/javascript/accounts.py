"""What ``firebase/auth`` does in Node."""

from typing import Any, Final

import pytest
from firebase_admin import auth

from imbari_chat.emulator.tokens import decode_unverified
from tests.official_sdks.javascript.clients import AUTH
from tests.official_sdks.javascript.programs import SdkError
from tests.official_sdks.place import Place
from tests.official_sdks.registry import call, refused, unsupported

__all__: list[str] = []

EMAIL, PASSWORD = "grace@example.com", "correct horse"
SIGN_UP: Final = "createUserWithEmailAndPassword"
SIGN_IN: Final = "signInWithEmailAndPassword"
OWN_PASSWORD: Final = {"made": ["EmailAuthProvider", "credential", EMAIL, PASSWORD]}
SETTINGS: Final = {"url": "http://localhost/done", "handleCodeInApp": True}


def claims_now(place: Place, *, refresh: bool) -> dict[str, Any]:
    """What the SDK reads in its ID token."""
    claims: dict[str, Any] = place.program.call("getIdTokenResult", refresh)["claims"]
    return claims


def refusal(place: Place, name: str, *given: Any) -> str:
    """The code with which a call is refused."""
    with pytest.raises(SdkError) as refused_by:
        place.program.call(name, *given)
    return str(refused_by.value)


def mailed(place: Place, kind: str, email: str = EMAIL) -> dict[str, Any]:
    """What was mailed last, which is of this kind."""
    message = place.mailed(email)
    assert message["requestType"] == kind
    return message


@call(AUTH, "connectAuthEmulator", "getAuth", "signInAnonymously")
def an_anonymous_user_is_somebody(place: Place) -> None:
    """The service knows the uid that the SDK was given."""
    made = place.program.call("signInAnonymously")
    assert made["isAnonymous"] is True
    assert place.program.call("user") == made
    known = auth.get_user(made["uid"], app=place.app())
    assert (known.email, list(known.provider_data)) == (None, [])


@call(AUTH, "getAdditionalUserInfo", SIGN_UP, SIGN_IN, "signOut", "useDeviceLanguage")
def signing_up_signing_out_and_in_is_the_same_user(place: Place) -> None:
    """By e-mail address and password; nobody is signed in between."""
    sdk = place.program
    sdk.call("useDeviceLanguage")
    made = sdk.call(SIGN_UP, EMAIL, PASSWORD)
    assert made["email"] == EMAIL
    assert sdk.call("additional")["isNewUser"] is True
    sdk.call("signOut")
    assert sdk.call("user") is None
    assert sdk.call(SIGN_IN, EMAIL, PASSWORD)["uid"] == made["uid"]
    assert sdk.call("additional")["isNewUser"] is False


@refused(AUTH, SIGN_UP, why="the address is taken or none, or the password short")
def a_sign_up_is_refused_by_name(place: Place) -> None:
    """Each has a code of its own."""
    place.program.call(SIGN_UP, EMAIL, PASSWORD)
    assert refusal(place, SIGN_UP, EMAIL, PASSWORD) == "auth/email-already-in-use"
    assert refusal(place, SIGN_UP, "ada@example.com", "short") == "auth/weak-password"
    assert refusal(place, SIGN_UP, "nonsense", PASSWORD) == "auth/invalid-email"


@refused(AUTH, SIGN_IN, why="the password is wrong, or nobody has the address")
def a_wrong_password_and_an_unknown_address_differ_without_protection(place: Place) -> None:
    """Whoever guesses learns which of the two was wrong, and with protection nothing."""
    place.program.call(SIGN_UP, EMAIL, PASSWORD)
    assert refusal(place, SIGN_IN, EMAIL, "wrong") == "auth/wrong-password"
    assert refusal(place, SIGN_IN, "nobody@example.com", PASSWORD) == "auth/user-not-found"
    place.protect_emails(True)
    assert refusal(place, SIGN_IN, EMAIL, "wrong") == "auth/invalid-credential"
    assert refusal(place, SIGN_IN, "nobody@example.com", "wrong") == "auth/invalid-credential"


@call(AUTH, "fetchSignInMethodsForEmail")
def the_ways_in_are_told_without_protection(place: Place) -> None:
    """And with it nothing."""
    place.program.call(SIGN_UP, EMAIL, PASSWORD)
    assert place.program.call("fetchSignInMethodsForEmail", EMAIL) == ["password"]
    place.protect_emails(True)
    assert place.program.call("fetchSignInMethodsForEmail", EMAIL) == []


@call(AUTH, "getIdToken", "getIdTokenResult")
def claims_come_with_the_next_token(place: Place) -> None:
    """Not before: a token says what was so when it was issued, and is kept until asked for."""
    uid = place.program.call(SIGN_UP, EMAIL, PASSWORD)["uid"]
    first = decode_unverified(place.program.call("getIdToken"))
    auth.set_custom_user_claims(uid, {"admin": True}, app=place.app())
    assert decode_unverified(place.program.call("getIdToken", False)) == first
    assert "admin" not in claims_now(place, refresh=False)
    assert claims_now(place, refresh=True)["admin"] is True
    second = decode_unverified(place.program.call("getIdToken"))
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


@call(AUTH, "signInWithCustomToken")
def a_custom_token_signs_in_with_its_claims(place: Place) -> None:
    """A token made by firebase-admin, with a uid of its own choice."""
    token = auth.create_custom_token("the-desk", {"admin": True}, app=place.app()).decode()
    assert place.program.call("signInWithCustomToken", token)["uid"] == "the-desk"
    claims = claims_now(place, refresh=True)
    assert claims["admin"] is True
    assert claims["firebase"]["sign_in_provider"] == "custom"
    assert refusal(place, "signInWithCustomToken", "nonsense") == "auth/invalid-custom-token"


@call(AUTH, "deleteUser")
def a_deleted_user_is_gone(place: Place) -> None:
    """From the SDK and from the service."""
    uid = place.program.call(SIGN_UP, EMAIL, PASSWORD)["uid"]
    place.program.call("deleteUser")
    assert place.program.call("user") is None
    with pytest.raises(auth.UserNotFoundError):
        auth.get_user(uid, app=place.app())
    assert refusal(place, SIGN_IN, EMAIL, PASSWORD) == "auth/user-not-found"


@call(AUTH, "reload", "updateEmail", "updatePassword", "updateProfile")
def name_address_and_password_are_changed_by_their_owner(place: Place) -> None:
    """They are in the user and in later tokens; the old ones no longer open."""
    sdk = place.program
    sdk.call(SIGN_UP, EMAIL, PASSWORD)
    sdk.call("updateProfile", {"displayName": "Grace H."})
    sdk.call("updatePassword", "another horse")
    sdk.call("updateEmail", "hopper@example.com")
    sdk.call("reload")
    assert sdk.call("user")["displayName"] == "Grace H."
    assert claims_now(place, refresh=True)["name"] == "Grace H."
    sdk.call("signOut")
    wrong = refusal(place, SIGN_IN, "hopper@example.com", PASSWORD)
    assert wrong == "auth/wrong-password"
    assert refusal(place, SIGN_IN, EMAIL, "another horse") == "auth/user-not-found"
    sdk.call(SIGN_IN, "hopper@example.com", "another horse")


@call(
    AUTH, "checkActionCode", "confirmPasswordReset", "parseActionCodeURL",
    "ActionCodeURL.parseLink", "sendPasswordResetEmail", "verifyPasswordResetCode",
)  # fmt: skip
def a_forgotten_password_is_set_by_a_mailed_code(place: Place) -> None:
    """The code names the address, works once, and closes the old way in."""
    sdk = place.program
    sdk.call(SIGN_UP, EMAIL, PASSWORD)
    sdk.call("signOut")
    sdk.call("sendPasswordResetEmail", EMAIL)
    message = mailed(place, "PASSWORD_RESET")
    code = message["oobCode"]
    assert sdk.call("parseActionCodeURL", message["oobLink"])["code"] == code
    assert sdk.call("checkActionCode", code)["data"]["email"] == EMAIL
    assert sdk.call("verifyPasswordResetCode", code) == EMAIL
    sdk.call("confirmPasswordReset", code, "another horse")
    again = refusal(place, "confirmPasswordReset", code, "a third horse")
    assert again == "auth/invalid-action-code"
    assert refusal(place, SIGN_IN, EMAIL, PASSWORD) == "auth/wrong-password"
    sdk.call(SIGN_IN, EMAIL, "another horse")


@call(AUTH, "applyActionCode", "sendEmailVerification", "verifyBeforeUpdateEmail")
def an_address_is_verified_by_a_mailed_code(place: Place) -> None:
    """Also a new one, before it is the user's."""
    sdk = place.program
    assert not sdk.call(SIGN_UP, EMAIL, PASSWORD)["emailVerified"]
    sdk.call("sendEmailVerification")
    sdk.call("applyActionCode", mailed(place, "VERIFY_EMAIL")["oobCode"])
    sdk.call("reload")
    assert sdk.call("user")["emailVerified"] is True
    sdk.call("verifyBeforeUpdateEmail", "hopper@example.com")
    sdk.call("applyActionCode", mailed(place, "VERIFY_AND_CHANGE_EMAIL")["oobCode"])
    sdk.call("signOut")
    assert sdk.call(SIGN_IN, "hopper@example.com", PASSWORD)["email"] == "hopper@example.com"


@call(
    AUTH, "EmailAuthProvider.credentialWithLink", "isSignInWithEmailLink", "sendSignInLinkToEmail",
    "signInWithEmailLink",
)  # fmt: skip
def a_mailed_link_signs_in(place: Place) -> None:
    """By the function for it, or as any other credential does; a link works once."""
    sdk = place.program
    uids = []
    for way in ("signInWithEmailLink", "signInWithCredential"):
        sdk.call("sendSignInLinkToEmail", EMAIL, SETTINGS)
        link = mailed(place, "EMAIL_SIGNIN")["oobLink"]
        assert sdk.call("isSignInWithEmailLink", link) is True
        credential = {"made": ["EmailAuthProvider", "credentialWithLink", EMAIL, link]}
        given = [credential] if way == "signInWithCredential" else [EMAIL, link]
        uids.append(sdk.call(way, *given)["uid"])
        assert refusal(place, way, *given) == "auth/invalid-action-code"
    assert uids[0] == uids[1]


@call(
    AUTH, "EmailAuthProvider.credential", "linkWithCredential", "reauthenticateWithCredential",
    "unlink",
)  # fmt: skip
def an_anonymous_user_who_adds_a_password_stays_the_same(place: Place) -> None:
    """The uid, and with it the conversation, is kept."""
    sdk = place.program
    uid = sdk.call("signInAnonymously")["uid"]
    sdk.call("linkWithCredential", OWN_PASSWORD)
    user = sdk.call("user")
    assert (user["uid"], user["isAnonymous"]) == (uid, False)
    assert sdk.call("reauthenticateWithCredential", OWN_PASSWORD)["uid"] == uid
    sdk.call("signOut")
    assert sdk.call(SIGN_IN, EMAIL, PASSWORD)["uid"] == uid
    assert sdk.call("unlink", "password")["providerData"] == []
    assert refusal(place, SIGN_IN, EMAIL, PASSWORD) == "auth/user-not-found"


@call(AUTH, "GoogleAuthProvider.credential", "signInWithCredential")
def a_credential_of_a_provider_signs_in(place: Place) -> None:
    """A token of Google's, as its emulator takes it: claims as JSON."""
    claims = '{"sub": "g1", "email": "grace@example.com", "email_verified": true}'
    credential = {"made": ["GoogleAuthProvider", "credential", claims]}
    user = place.program.call("signInWithCredential", credential)
    assert [one["providerId"] for one in user["providerData"]] == ["google.com"]
    assert user["email"] == EMAIL


@refused(AUTH, "getIdToken", SIGN_IN, why="the user is disabled")
def a_disabled_user_is_shut_out(place: Place) -> None:
    """Neither a refresh nor a new sign-in."""
    uid = place.program.call(SIGN_UP, EMAIL, PASSWORD)["uid"]
    auth.update_user(uid, disabled=True, app=place.app())
    assert refusal(place, "getIdToken", True) == "auth/user-disabled"
    assert refusal(place, SIGN_IN, EMAIL, PASSWORD) == "auth/user-disabled"


@call(
    AUTH, "beforeAuthStateChanged", "initializeAuth", "onAuthStateChanged", "onIdTokenChanged",
    "setPersistence",
)  # fmt: skip
def observers_are_told_who_is_signed_in(place: Place) -> None:
    """A new token is told to those alone who asked for tokens, and nothing after the end."""
    seen = place.play("observed")
    rounds: list[list[Any]] = [[]]
    for one in seen:
        if one == "then":
            rounds.append([])
        else:
            rounds[-1].append(one)
    signed_in, renewed, signed_out = rounds[1:]
    assert sorted(signed_in) == [["before", True], ["state", True], ["token", True]]
    assert renewed
    assert all(one == ["token", True] for one in renewed)
    assert sorted(signed_out) == [["before", False], ["state", False], ["token", False]]


@call(AUTH, "updateCurrentUser")
def a_user_is_handed_from_one_auth_object_to_another(place: Place) -> None:
    """With the tokens."""
    one, other = place.play("shared")
    assert one == other


@unsupported(AUTH, "validatePassword", "revokeAccessToken", why="not built: 501")
def password_policies_and_apples_tokens_are_not_built(place: Place) -> None:
    """They are refused, and nobody waits."""
    place.program.call("signInAnonymously")
    assert refusal(place, "validatePassword", "secret")
    assert refusal(place, "revokeAccessToken", "token")
