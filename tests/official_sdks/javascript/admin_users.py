"""What firebase-admin for Node does to users."""

from typing import Any, Final

import pytest

from tests.official_sdks.javascript.clients import ADMIN_AUTH as CLIENT
from tests.official_sdks.javascript.programs import SdkError
from tests.official_sdks.place import PROJECT, Place
from tests.official_sdks.registry import call, refused, unsupported

__all__ = ["tenants"]

EMAIL, PHONE = "u1@example.com", "+15550001111"
USER: Final = {"uid": "u1", "email": EMAIL, "phoneNumber": PHONE, "password": "secret1"}
NOT_BUILT: Final = "Identity Platform: 501 from our emulator, and from Google's"


def refusal(place: Place, name: str, *given: Any, of: str = "") -> str:
    """The code with which a call is refused."""
    with pytest.raises(SdkError) as refused_by:
        place.program.call(name, *given, of=of)
    return str(refused_by.value)


def id_token(place: Place) -> str:
    """An ID token of the user ``u1``, by way of a custom token made by the library."""
    return str(place.sign_in(place.program.call("createCustomToken", "u1"))["idToken"])


@call(
    CLIENT, "getAuth", "Auth.createUser", "Auth.getUser", "Auth.getUserByEmail",
    "Auth.getUserByPhoneNumber", "UserInfo.toJSON", "UserMetadata.toJSON", "UserRecord.toJSON",
)  # fmt: skip
def a_user_is_created_and_found_by_every_name(place: Place) -> None:
    """By uid, e-mail and phone number, with the attributes given."""
    sdk = place.program
    made = sdk.call("createUser", {**USER, "displayName": "U", "disabled": False})
    assert (made["uid"], made["email"], made["displayName"]) == ("u1", EMAIL, "U")
    assert {one["providerId"] for one in made["providerData"]} == {"password", "phone"}
    assert made["metadata"]["creationTime"]
    ways = [("getUser", "u1"), ("getUserByEmail", EMAIL), ("getUserByPhoneNumber", PHONE)]
    assert [sdk.call(*way)["uid"] for way in ways] == ["u1", "u1", "u1"]


@call(
    CLIENT, "Auth.deleteUser", "Auth.deleteUsers", "Auth.getUserByProviderUid", "Auth.getUsers",
    "Auth.importUsers", "Auth.listUsers",
)  # fmt: skip
def many_users_are_imported_found_listed_and_deleted(place: Place) -> None:
    """By provider too; unknown names are told, and count as deleted."""
    sdk = place.program
    google = {"uid": "g1", "providerId": "google.com"}
    users = [
        {"uid": f"i{number}", "email": f"i{number}@example.com", "passwordHash": "hash"}
        for number in range(3)
    ]
    users[0]["providerData"] = [google]  # type: ignore[assignment]  # a list among texts
    hashing = {"algorithm": "HMAC_SHA256", "key": "key"}
    assert place.play("imported", users=users, hash=hashing)["successCount"] == 3
    assert sdk.call("getUserByProviderUid", "google.com", "g1")["uid"] == "i0"
    found = sdk.call("getUsers", [{"uid": "i1"}, {"email": "nobody@example.com"}])
    assert [one["uid"] for one in found["users"]] == ["i1"]
    assert found["notFound"] == [{"email": "nobody@example.com"}]
    first = sdk.call("listUsers", 2)
    second = sdk.call("listUsers", 2, first["pageToken"])
    assert [one["uid"] for one in first["users"] + second["users"]] == ["i0", "i1", "i2"]
    sdk.call("deleteUser", "i0")
    assert sdk.call("deleteUsers", ["i1", "i2", "i9"])["successCount"] == 3
    assert sdk.call("listUsers")["users"] == []


@call(CLIENT, "Auth.setCustomUserClaims", "Auth.updateUser")
def a_user_is_updated_and_given_claims(place: Place) -> None:
    """Both are there for the next reader."""
    sdk = place.program
    sdk.call("createUser", USER)
    assert sdk.call("updateUser", "u1", {"displayName": "New", "phoneNumber": None})["uid"] == "u1"
    sdk.call("setCustomUserClaims", "u1", {"admin": True})
    user = sdk.call("getUser", "u1")
    assert (user["displayName"], user.get("phoneNumber")) == ("New", None)
    assert user["customClaims"] == {"admin": True}


@refused(
    CLIENT, "Auth.createUser", "Auth.getUser", "Auth.importUsers", "Auth.updateUser",
    why="what is asked for is taken, or nobody's",
)  # fmt: skip
def what_is_taken_or_not_there_has_its_own_code(place: Place) -> None:
    """As the library names it."""
    place.program.call("createUser", USER)
    assert refusal(place, "createUser", {"uid": "u1"}) == "auth/uid-already-exists"
    assert refusal(place, "createUser", {"email": EMAIL}) == "auth/email-already-exists"
    taken = refusal(place, "createUser", {"phoneNumber": PHONE})
    assert taken == "auth/phone-number-already-exists"
    assert refusal(place, "getUser", "ghost") == "auth/user-not-found"
    assert refusal(place, "updateUser", "ghost", {"displayName": "x"}) == "auth/user-not-found"
    result = place.program.call("importUsers", [{"uid": "i1", "email": EMAIL}])
    assert (result["failureCount"], result["errors"][0]["index"]) == (1, 0)


@call(
    CLIENT, "Auth.createCustomToken", "Auth.createSessionCookie", "Auth.revokeRefreshTokens",
    "Auth.verifyIdToken", "Auth.verifySessionCookie",
)  # fmt: skip
def tokens_and_cookies_are_made_and_verify(place: Place) -> None:
    """Also one that is younger than a revocation."""
    sdk = place.program
    token = sdk.call("createCustomToken", "u1", {"premium": True})
    signed_in = str(place.sign_in(token)["idToken"])
    decoded = sdk.call("verifyIdToken", signed_in)
    assert (decoded["uid"], decoded["premium"], decoded["aud"]) == ("u1", True, PROJECT)
    cookie = sdk.call("createSessionCookie", signed_in, {"expiresIn": 3_600_000})
    checked = sdk.call("verifySessionCookie", cookie, True)
    assert (checked["uid"], checked["exp"] - checked["iat"]) == ("u1", 3600)
    sdk.call("revokeRefreshTokens", "u1")
    assert sdk.call("verifyIdToken", id_token(place), True)["uid"] == "u1"


@refused(
    CLIENT, "Auth.createSessionCookie", "Auth.verifyIdToken", "Auth.verifySessionCookie",
    why="it is no token, or what became of the user",
)  # fmt: skip
def a_bad_token_does_not_verify(place: Place) -> None:
    """Each reason has a code of its own."""
    sdk = place.program
    token = id_token(place)
    assert refusal(place, "verifyIdToken", "garbage") == "auth/argument-error"
    bad = refusal(place, "createSessionCookie", "garbage", {"expiresIn": 3_600_000})
    assert bad == "auth/invalid-id-token"
    assert refusal(place, "verifySessionCookie", token) == "auth/argument-error"
    sdk.call("updateUser", "u1", {"disabled": True})
    assert refusal(place, "verifyIdToken", token, True) == "auth/user-disabled"
    sdk.call("deleteUser", "u1")
    assert refusal(place, "verifyIdToken", token, True) == "auth/user-not-found"


@call(
    CLIENT, "Auth.generateEmailVerificationLink", "Auth.generatePasswordResetLink",
    "Auth.generateSignInWithEmailLink", "Auth.generateVerifyAndChangeEmailLink",
)  # fmt: skip
def links_are_generated_and_work(place: Place) -> None:
    """Each leads to the emulator, and from there to where it was to continue."""
    sdk = place.program
    sdk.call("createUser", USER)
    settings = {"url": "http://app/done", "handleCodeInApp": True}
    verify = sdk.call("generateEmailVerificationLink", EMAIL, settings)
    assert place.web.get(verify).headers["location"] == "http://app/done"
    assert sdk.call("getUser", "u1")["emailVerified"] is True
    reset = sdk.call("generatePasswordResetLink", EMAIL)
    assert place.web.get(f"{reset}&newPassword=secret2").status_code == 200
    link = sdk.call("generateSignInWithEmailLink", EMAIL, settings)
    assert place.web.get(link).headers["location"].startswith("http://app/done?mode=signIn")
    change = sdk.call("generateVerifyAndChangeEmailLink", EMAIL, "new@example.com", settings)
    assert place.web.get(change).headers["location"] == "http://app/done"
    assert sdk.call("getUser", "u1")["email"] == "new@example.com"


@unsupported(
    CLIENT, "Auth.createProviderConfig", "Auth.deleteProviderConfig", "Auth.getProviderConfig",
    "Auth.listProviderConfigs", "Auth.updateProviderConfig", why=NOT_BUILT,
)  # fmt: skip
def provider_configurations_are_not_built(place: Place) -> None:
    """Each call ends in an error of the library."""
    config = {
        "providerId": "oidc.x",
        "displayName": "X",
        "enabled": True,
        "clientId": "c",
        "issuer": "https://issuer.example.com",
    }
    for name, *given in [
        ("createProviderConfig", config),
        ("getProviderConfig", "oidc.x"),
        ("updateProviderConfig", "oidc.x", {"enabled": False}),
        ("deleteProviderConfig", "oidc.x"),
        ("listProviderConfigs", {"type": "oidc"}),
    ]:
        assert refusal(place, str(name), *given).startswith("auth/"), name


@unsupported(
    CLIENT, "Auth.tenantManager", "TenantManager.createTenant", "TenantManager.deleteTenant",
    "TenantManager.getTenant", "TenantManager.listTenants", "TenantManager.updateTenant",
    why="ours says 501",
)  # fmt: skip
def tenants_are_not_built(place: Place) -> None:
    """Each call ends in an error of the library."""
    for name, *given in [
        ("createTenant", {"displayName": "tenant"}),
        ("getTenant", "t1"),
        ("updateTenant", "t1", {"displayName": "tenant"}),
        ("deleteTenant", "t1"),
        ("listTenants",),
    ]:
        assert refusal(place, str(name), *given, of="tenants").startswith("auth/"), name


def tenants(place: Place) -> None:
    """What Google's emulator does."""
    sdk = place.program
    made = sdk.call("createTenant", {"displayName": "tenant"}, of="tenants")["tenantId"]
    assert sdk.call("updateTenant", made, {"displayName": "other"}, of="tenants")
    assert sdk.call("getTenant", made, of="tenants")["displayName"] == "other"
    assert made in [one["tenantId"] for one in sdk.call("listTenants", of="tenants")["tenants"]]
    sdk.call("deleteTenant", made, of="tenants")


@unsupported(
    CLIENT, "Auth.projectConfigManager", "ProjectConfigManager.getProjectConfig",
    "ProjectConfigManager.updateProjectConfig", why="policies of a project are not built",
)  # fmt: skip
def a_projects_configuration_is_not_built(place: Place) -> None:
    """What of it there is can be changed over REST."""
    assert refusal(place, "getProjectConfig", of="project").startswith("auth/")
    assert refusal(place, "updateProjectConfig", {}, of="project").startswith("auth/")
