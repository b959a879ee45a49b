"""How tokens begin, are renewed, and end."""

from tests.emulator.auth.harness import START, Service, claims


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
