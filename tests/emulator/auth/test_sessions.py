"""How tokens begin, are renewed, and end."""

import pytest

from imbari_chat.emulator.tokens import encode_unsigned
from imbari_chat.wire.json import Json, dumps
from tests.emulator.auth.harness import START, Body, Service, claims

IDP = 'id_token={"sub":"g1"}&providerId=google.com'


async def test_a_refreshed_token_is_newer_but_signed_in_at_the_same_time(service: Service) -> None:
    """auth_time stays with the sign-in; iat and exp move."""
    first = await service.sign_up()
    service.clock.now += 600
    again = await service.user(
        "token", {"grant_type": "refresh_token", "refresh_token": first["refreshToken"]}
    )
    before, after = claims(first), claims(again)
    assert after["auth_time"] == before["auth_time"] == int(START)
    assert (after["iat"], after["exp"]) == (before["iat"] + 600, before["exp"] + 600)
    assert after["sub"] == before["sub"] == again["user_id"]
    assert after["firebase"]["sign_in_provider"] == "password"
    assert again["refresh_token"] == first["refreshToken"]


async def test_signing_in_again_moves_auth_time(service: Service) -> None:
    """It is the time of the last sign-in, not of the account."""
    await service.sign_up()
    service.clock.now += 600
    body = {"email": "ALICE@example.com", "password": "secret1"}
    assert claims(await service.user("accounts:signInWithPassword", body))["auth_time"] == (
        int(START) + 600
    )


async def test_custom_claims_reach_the_next_token_and_no_older_one(service: Service) -> None:
    """Whoever is made an administrator has to refresh."""
    first = await service.sign_up()
    changes = {"localId": first["localId"], "customAttributes": '{"admin": true}'}
    await service.owner("/accounts:update", changes)
    await service.user("accounts:lookup", {"idToken": first["idToken"]})
    again = await service.user(
        "token", {"grantType": "refresh_token", "refreshToken": first["refreshToken"]}
    )
    assert "admin" not in claims(first)
    assert claims(again)["admin"] is True
    assert next(iter(claims(again))) == "admin"


async def test_claims_of_a_custom_token_survive_refreshes(service: Service) -> None:
    """They are kept in the refresh token, not in the account."""
    token = '{"uid":"c1","claims":{"premium":true}}'
    first = await service.user("accounts:signInWithCustomToken", {"token": token})
    again = await service.user(
        "token", {"grantType": "refresh_token", "refreshToken": first["refreshToken"]}
    )
    for answer in (first, again):
        assert claims(answer)["premium"] is True
        assert claims(answer)["firebase"]["sign_in_provider"] == "custom"
    assert "customAttributes" not in await service.record("c1")


@pytest.mark.parametrize(
    ("given", "uid"), [("u1", "u1"), (7, "7"), (7.0, "7"), (7.5, "7.5"), (True, "true")]
)
async def test_a_custom_token_may_name_the_user_by_a_number(
    service: Service, given: Json, uid: str
) -> None:
    """As it is written in JSON."""
    token = dumps({"user_id": given})
    own = await service.user("accounts:signInWithCustomToken", {"token": token})
    assert claims(own)["sub"] == uid


@pytest.mark.parametrize("audience", ["other", 7, 7.5, True, None, ["a"], {"a": 1}])
async def test_a_token_for_somebody_else_is_refused_and_it_is_said_for_whom(
    service: Service, audience: Json
) -> None:
    """Whatever stands there."""
    token = encode_unsigned({"aud": audience})
    refused = await service.refused("accounts:signInWithCustomToken", {"token": token})
    shown = audience if isinstance(audience, str) else dumps(audience)
    assert f"Invalid aud (audience): {shown} Note" in refused


async def test_a_custom_token_of_a_known_uid_signs_that_user_in(service: Service) -> None:
    """Only the first time is the user new."""
    token = {"token": '{"uid":"c1"}'}
    assert (await service.user("accounts:signInWithCustomToken", token))["isNewUser"] is True
    assert (await service.user("accounts:signInWithCustomToken", token))["isNewUser"] is False
    assert (await service.record("c1"))["customAuth"] is True


async def test_an_anonymous_user_keeps_the_uid_when_a_password_is_linked(service: Service) -> None:
    """A customer who signs up later keeps what was theirs."""
    anonymous = await service.user("accounts:signUp", {})
    linked = await service.user(
        "accounts:signUp",
        {"idToken": anonymous["idToken"], "email": "a@example.com", "password": "secret1"},
    )
    assert linked["localId"] == anonymous["localId"]
    assert claims(anonymous)["provider_id"] == "anonymous"
    assert "provider_id" not in claims(linked)
    assert claims(linked)["firebase"]["sign_in_provider"] == "password"
    body = {"email": "a@example.com", "password": "secret1"}
    signed_in = await service.user("accounts:signInWithPassword", body)
    assert signed_in["localId"] == anonymous["localId"]


async def test_a_changed_password_ends_older_id_tokens_and_brings_new_ones(
    service: Service,
) -> None:
    """validSince moves to now; a token of the same second would still pass."""
    first = await service.sign_up()
    service.clock.now += 1
    changed = await service.user(
        "accounts:update", {"idToken": first["idToken"], "password": "secret2"}
    )
    assert await service.refused("accounts:lookup", {"idToken": first["idToken"]}) == (
        "TOKEN_EXPIRED"
    )
    await service.user("accounts:lookup", {"idToken": changed["idToken"]})
    old = {"email": "alice@example.com", "password": "secret1"}
    assert await service.refused("accounts:signInWithPassword", old) == "INVALID_PASSWORD"
    await service.user("accounts:signInWithPassword", old | {"password": "secret2"})


async def test_a_changed_email_ends_older_id_tokens_and_is_unverified(service: Service) -> None:
    """The new address has to be verified anew."""
    first = await service.sign_up()
    uid = first["localId"]
    await service.owner("/accounts:update", {"localId": uid, "emailVerified": True})
    service.clock.now += 1
    changed = await service.user(
        "accounts:update", {"idToken": first["idToken"], "email": "New@example.com"}
    )
    assert changed["email"] == changed["newEmail"] == "new@example.com"
    assert claims(changed)["email_verified"] is False
    assert await service.refused("accounts:lookup", {"idToken": first["idToken"]}) == (
        "TOKEN_EXPIRED"
    )


async def test_a_token_of_the_second_of_a_revocation_still_passes(service: Service) -> None:
    """validSince has whole seconds."""
    first = await service.sign_up()
    revocation = {"localId": first["localId"], "validSince": int(START)}
    await service.owner("/accounts:update", revocation)
    await service.user("accounts:lookup", {"idToken": first["idToken"]})
    await service.owner("/accounts:update", revocation | {"validSince": int(START) + 1})
    assert await service.refused("accounts:lookup", {"idToken": first["idToken"]}) == (
        "TOKEN_EXPIRED"
    )


async def test_by_default_no_token_ends_by_age_and_no_refresh_token_by_revocation(
    service: Service,
) -> None:
    """As in Google's emulator, so that debugging may take its time."""
    first = await service.sign_up()
    service.clock.now += 86_400
    await service.user("accounts:lookup", {"idToken": first["idToken"]})
    revocation = {"localId": first["localId"], "validSince": int(service.clock.now)}
    await service.owner("/accounts:update", revocation)
    await service.user(
        "token", {"grantType": "refresh_token", "refreshToken": first["refreshToken"]}
    )


async def test_strict_an_id_token_ends_after_an_hour(strict: Service) -> None:
    """Up to its last second it is good."""
    first = await strict.sign_up()
    strict.clock.now = claims(first)["exp"] - 1
    await strict.user("accounts:lookup", {"idToken": first["idToken"]})
    strict.clock.now += 1
    assert await strict.refused("accounts:lookup", {"idToken": first["idToken"]}) == (
        "INVALID_ID_TOKEN"
    )


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("accounts:update", {"displayName": "X"}),
        ("accounts:delete", {}),
        ("accounts:sendOobCode", {"requestType": "VERIFY_EMAIL"}),
        ("accounts:signUp", {"email": "a@b", "password": "secret1"}),
        ("accounts:signInWithIdp", {"requestUri": "http://x", "postBody": IDP}),
    ],
)
async def test_strict_nothing_is_done_with_an_id_token_that_has_ended(
    strict: Service, operation: str, body: Body
) -> None:
    """A fresh one of the same session does it."""
    first = await strict.sign_up()
    strict.clock.now += 3600
    stale = {"idToken": first["idToken"], **body}
    assert await strict.refused(operation, stale) == "INVALID_ID_TOKEN"
    grant = {"grantType": "refresh_token", "refreshToken": first["refreshToken"]}
    fresh = (await strict.user("token", grant))["id_token"]
    await strict.user(operation, {"idToken": fresh, **body})


@pytest.mark.parametrize("claim", ["aud", "iss"])
async def test_only_a_strict_emulator_minds_whose_token_it_is(
    claim: str, service: Service, strict: Service
) -> None:
    """Google's emulator believes the uid of any token."""
    for emulator in (service, strict):
        own = claims(await emulator.sign_up())
        await emulator.user("accounts:lookup", {"idToken": encode_unsigned(own)})
        foreign = {"idToken": encode_unsigned(own | {claim: "elsewhere"})}
        if emulator is strict:
            assert await emulator.refused("accounts:lookup", foreign) == "INVALID_ID_TOKEN"
        else:
            await emulator.user("accounts:lookup", foreign)


async def test_strict_a_reset_password_ends_refresh_tokens(strict: Service) -> None:
    """Whoever lost the password loses the session with it."""
    first = await strict.sign_up()
    wanted = {"requestType": "PASSWORD_RESET", "email": "alice@example.com", "returnOobLink": True}
    code = (await strict.owner("/accounts:sendOobCode", wanted))["oobCode"]
    await strict.user("accounts:resetPassword", {"oobCode": code, "newPassword": "secret2"})
    grant = {"grantType": "refresh_token", "refreshToken": first["refreshToken"]}
    assert await strict.refused("token", grant) == "TOKEN_EXPIRED"


async def test_strict_a_changed_profile_ends_nothing(strict: Service) -> None:
    """Nor do claims: they come with the next token."""
    first = await strict.sign_up()
    changes = {"localId": first["localId"], "displayName": "Al", "customAttributes": '{"a":1}'}
    await strict.owner("/accounts:update", changes)
    grant = {"grantType": "refresh_token", "refreshToken": first["refreshToken"]}
    assert claims(await strict.user("token", grant))["a"] == 1


async def test_strict_a_revocation_ends_refresh_tokens_even_within_its_second(
    strict: Service,
) -> None:
    """A changed password does the same, and its own new token is good."""
    first = await strict.sign_up()
    grant = {"grantType": "refresh_token", "refreshToken": first["refreshToken"]}
    await strict.user("token", grant)
    changed = await strict.user(
        "accounts:update", {"idToken": first["idToken"], "password": "secret2"}
    )
    assert await strict.refused("token", grant) == "TOKEN_EXPIRED"
    grant["refreshToken"] = changed["refreshToken"]
    await strict.user("token", grant)
    revocation = {"localId": first["localId"], "validSince": int(START)}
    await strict.owner("/accounts:update", revocation)
    assert await strict.refused("token", grant) == "TOKEN_EXPIRED"


async def test_a_session_cookie_has_the_claims_of_its_token_and_a_life_of_its_own(
    service: Service,
) -> None:
    """Another issuer, its own times, up to fourteen days."""
    first = await service.sign_up()
    service.clock.now += 60
    body = {"idToken": first["idToken"], "validDuration": "300"}
    cookie = (await service.owner(":createSessionCookie", body))["sessionCookie"]
    assert claims({"idToken": cookie}) == claims(first) | {
        "iat": int(START) + 60,
        "exp": int(START) + 360,
        "iss": "https://session.firebase.google.com/demo-x",
    }


@pytest.mark.parametrize(
    "brought",
    [
        {},
        {"displayName": "Mary"},
        {"photoUrl": "https://example.com/mary.png"},
        {"phoneNumber": "+15550002222"},
        {"email": "mary@example.com"},
        {"emailVerified": True},
        {"disabled": True},
    ],
)
async def test_the_owner_adds_to_the_account_that_a_token_is_of(
    service: Service, brought: Body
) -> None:
    """What is not brought stays as it was, but the address is proved by nothing any more."""
    signed_up = await service.sign_up()
    uid = signed_up["localId"]
    before = {
        "displayName": "Alice", "photoUrl": "https://example.com/alice.png",
        "phoneNumber": "+15550001111", "email": "alice@example.com", "emailVerified": True,
        "disabled": False,
    }  # fmt: skip
    await service.owner("/accounts:update", {"localId": uid, **before, "disableUser": False})
    stored = await service.record(uid)
    await service.owner("/accounts", {"idToken": signed_up["idToken"], **brought})
    after = await service.record(uid)
    expected = {**before, "emailVerified": False, **brought}
    assert {name: after[name] for name in before} == expected
    for name in ("passwordHash", "salt", "passwordUpdatedAt", "createdAt"):
        assert after[name] == stored[name]


async def test_a_password_that_is_brought_is_as_old_as_the_call(service: Service) -> None:
    """It takes the place of the one before."""
    signed_up = await service.sign_up()
    before = await service.record(signed_up["localId"])
    service.clock.now += 5
    await service.owner("/accounts", {"idToken": signed_up["idToken"], "password": "secret2"})
    after = await service.record(signed_up["localId"])
    assert after["passwordUpdatedAt"] == before["passwordUpdatedAt"] + 5000
    assert after["passwordHash"] != before["passwordHash"]
