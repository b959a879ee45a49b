"""Mailed codes: asked for, listed, followed, used once."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.emulator.auth.harness import PROJECT, Body, Service, claims

CODES = f"/emulator/v1/projects/{PROJECT}/oobCodes"


async def pending(service: Service) -> list[Body]:
    """The unused codes, oldest first."""
    codes: list[Body] = (await service.http.get(CODES)).json()["oobCodes"]
    return codes


async def mailed(service: Service, **body: str) -> Body:
    """The code that a user's request left."""
    await service.user("accounts:sendOobCode", {**body})
    return (await pending(service))[-1]


async def follow(service: Service, link: str, **query: str) -> httpx.Response:
    """What a browser gets when the link is opened."""
    return await service.http.get(link + "".join(f"&{key}={query[key]}" for key in query))


async def test_a_reset_code_can_be_checked_and_then_spent_once(service: Service) -> None:
    """It sets the password, verifies the address, and ends older ID tokens."""
    own = await service.sign_up()
    service.clock.now += 1
    code = (await mailed(service, requestType="PASSWORD_RESET", email="ALICE@example.com"))[
        "oobCode"
    ]
    assert len(code) == 54
    answer = {
        "kind": "identitytoolkit#ResetPasswordResponse",
        "requestType": "PASSWORD_RESET",
        "email": "alice@example.com",
    }
    assert await service.user("accounts:resetPassword", {"oobCode": code}) == answer
    reset = {"oobCode": code, "newPassword": "short"}
    assert (await service.refused("accounts:resetPassword", reset)).startswith("WEAK_PASSWORD")
    reset["newPassword"] = "secret2"
    assert await service.user("accounts:resetPassword", reset) == answer
    assert await service.refused("accounts:resetPassword", reset) == "INVALID_OOB_CODE"
    assert await service.refused("accounts:lookup", {"idToken": own["idToken"]}) == (
        "TOKEN_EXPIRED"
    )
    body = {"email": "alice@example.com", "password": "secret2"}
    signed_in = await service.user("accounts:signInWithPassword", body)
    assert claims(signed_in)["email_verified"] is True
    assert await pending(service) == []


async def test_a_reset_password_closes_every_other_way_in(service: Service) -> None:
    """Whoever reads the mail owns the account, not whoever once linked another provider."""
    info = {"providerId": "google.com", "rawId": "g1"}
    users = [{"localId": "i1", "email": "i1@example.com", "providerUserInfo": [info]}]
    await service.owner("/accounts:batchCreate", {"users": users})
    code = await mailed(service, requestType="PASSWORD_RESET", email="i1@example.com")
    reset = {"oobCode": code["oobCode"], "newPassword": "secret2"}
    await service.user("accounts:resetPassword", reset)
    providers = (await service.record("i1"))["providerUserInfo"]
    assert [provider["providerId"] for provider in providers] == ["password"]


async def test_a_verification_code_verifies(service: Service) -> None:
    """Verifying is no new sign-in: there are no tokens in the answer."""
    own = await service.sign_up()
    code = await mailed(service, requestType="VERIFY_EMAIL", idToken=own["idToken"])
    answer = await service.user("accounts:update", {"oobCode": code["oobCode"]})
    assert answer["emailVerified"] is True
    assert "idToken" not in answer
    again = {"oobCode": code["oobCode"]}
    assert await service.refused("accounts:update", again) == "INVALID_OOB_CODE"


async def test_a_code_may_verify_a_new_address_before_it_replaces_the_old(
    service: Service,
) -> None:
    """Unless somebody else took it meanwhile."""
    own = await service.sign_up()
    wanted = {
        "requestType": "VERIFY_AND_CHANGE_EMAIL",
        "idToken": own["idToken"],
        "newEmail": "B@example.com",
    }
    taken, good = await mailed(service, **wanted), await mailed(service, **wanted)
    await service.sign_up("b@example.com")
    late = {"oobCode": taken["oobCode"]}
    assert await service.refused("accounts:update", late) == "EMAIL_EXISTS"
    other = (await service.owner("/accounts:lookup", {"email": ["b@example.com"]}))["users"][0]
    await service.owner("/accounts:delete", {"localId": other["localId"]})
    answer = await service.user("accounts:update", {"oobCode": good["oobCode"]})
    assert answer["email"] == answer["newEmail"] == "b@example.com"
    assert answer["emailVerified"] is True


async def test_a_changed_address_can_be_taken_back(service: Service) -> None:
    """The first address gets a code that leads nowhere else; an anonymous session gets none."""
    own = await service.sign_up()
    await service.user("accounts:update", {"idToken": own["idToken"], "email": "thief@example.com"})
    [code] = await pending(service)
    assert (code["requestType"], code["email"]) == ("RECOVER_EMAIL", "alice@example.com")
    response = await follow(service, code["oobLink"], continueUrl="http://thief")
    assert response.json()["authEmulator"]["email"] == "alice@example.com"
    assert (await service.record(own["localId"]))["email"] == "alice@example.com"
    anonymous = await service.user("accounts:signUp", {})
    for email in ("first@example.com", "second@example.com"):
        await service.user("accounts:update", {"idToken": anonymous["idToken"], "email": email})
    assert await pending(service) == []


async def test_a_code_does_only_what_it_is_for(service: Service) -> None:
    """A verification code resets no password, and a reset link verifies no address."""
    own = await service.sign_up()
    code = await mailed(service, requestType="VERIFY_EMAIL", idToken=own["idToken"])
    reset = {"oobCode": code["oobCode"], "newPassword": "secret2"}
    assert await service.refused("accounts:resetPassword", reset) == "INVALID_OOB_CODE"
    link = code["oobLink"].replace("mode=verifyEmail", "mode=resetPassword")
    assert (await follow(service, link, newPassword="secret2")).status_code == 400
    assert (await follow(service, code["oobLink"])).status_code == 200


async def test_a_sign_in_code_does_not_tell_its_address(service: Service) -> None:
    """Whoever finds the link has to know whose it is."""
    code = await mailed(service, requestType="EMAIL_SIGNIN", email="new@example.com")
    answer = await service.user("accounts:resetPassword", {"oobCode": code["oobCode"]})
    assert answer == {
        "kind": "identitytoolkit#ResetPasswordResponse",
        "requestType": "EMAIL_SIGNIN",
    }


async def test_codes_are_listed_with_their_links_oldest_first(service: Service) -> None:
    """A test reads its mail here."""
    await service.sign_up()
    body = {"requestType": "PASSWORD_RESET", "email": "alice@example.com"}
    await service.user("accounts:sendOobCode", body | {"continueUrl": "http://app/?a=1&b=2"})
    await service.user("accounts:sendOobCode", {"requestType": "EMAIL_SIGNIN", "email": "n@x"})
    first, second = await pending(service)
    assert list(first) == ["email", "requestType", "oobCode", "oobLink"]
    assert second["requestType"] == "EMAIL_SIGNIN"
    link = urlsplit(first["oobLink"])
    assert (link.netloc, link.path) == ("127.0.0.1:9099", "/emulator/action")
    assert parse_qs(link.query) == {
        "mode": ["resetPassword"],
        "lang": ["en"],
        "oobCode": [first["oobCode"]],
        "apiKey": ["fake-api-key"],
        "continueUrl": ["http://app/?a=1&b=2"],
    }


async def test_following_a_reset_link_needs_a_new_password_in_the_address(
    service: Service,
) -> None:
    """There is no page to type it into; the answer says how it is done."""
    await service.sign_up()
    code = await mailed(service, requestType="PASSWORD_RESET", email="alice@example.com")
    asked = await follow(service, code["oobLink"])
    assert asked.status_code == 400
    assert "&newPassword=" in asked.json()["authEmulator"]["urlTemplate"]
    weak = await follow(service, code["oobLink"], newPassword="short")
    assert weak.json()["error"]["message"].startswith("WEAK_PASSWORD")
    done = await follow(service, code["oobLink"], newPassword="secret2")
    assert done.json()["authEmulator"]["email"] == "alice@example.com"
    assert done.json()["authEmulator"]["success"]
    again = await follow(service, code["oobLink"], newPassword="secret2")
    assert set(again.json()["authEmulator"]) == {"error", "instructions"}
    body = {"email": "alice@example.com", "password": "secret2"}
    await service.user("accounts:signInWithPassword", body)


async def test_following_a_link_ends_where_it_was_to_continue(service: Service) -> None:
    """See Other, once the action is done."""
    own = await service.sign_up()
    code = await mailed(
        service,
        requestType="VERIFY_EMAIL",
        idToken=own["idToken"],
        continueUrl="http://app/done",
    )
    response = await follow(service, code["oobLink"])
    assert response.status_code == 303
    assert response.headers["location"] == "http://app/done"
    assert (await service.record(own["localId"]))["emailVerified"] is True


async def test_a_link_to_an_account_that_is_gone_is_dead(service: Service) -> None:
    """As is one that was followed."""
    own = await service.sign_up()
    code = await mailed(service, requestType="VERIFY_EMAIL", idToken=own["idToken"])
    await service.user("accounts:delete", {"idToken": own["idToken"]})
    answer = await follow(service, code["oobLink"])
    assert answer.status_code == 400
    assert "has expired or the link has already been used" in answer.json()["authEmulator"]["error"]


async def test_a_link_that_is_for_nothing_is_refused(service: Service) -> None:
    """As the service's emulator does it."""
    answer = await service.http.get("/emulator/action?mode=dance&apiKey=k&oobCode=x")
    assert answer.status_code == 400
    assert answer.json() == {"authEmulator": {"error": "Invalid mode"}}


async def test_a_sign_in_link_hands_its_code_to_the_application(service: Service) -> None:
    """The application finishes the sign-in itself."""
    code = await mailed(
        service,
        requestType="EMAIL_SIGNIN",
        email="new@example.com",
        continueUrl="http://app/in?x=1",
    )
    response = await follow(service, code["oobLink"])
    assert response.status_code == 303
    target = urlsplit(response.headers["location"])
    assert (target.netloc, target.path) == ("app", "/in")
    assert parse_qs(target.query) == {
        "x": ["1"],
        "mode": ["signIn"],
        "lang": ["en"],
        "oobCode": [code["oobCode"]],
        "apiKey": ["fake-api-key"],
    }


@pytest.mark.parametrize(
    "query",
    [
        "",
        "mode=verifyEmail&oobCode=x",
        "mode=verifyEmail&apiKey=k",
        "mode=verifyEmail&apiKey=k&oobCode=x",
        "mode=signIn&apiKey=k&oobCode=x",
        "mode=signIn&apiKey=k&oobCode=x&continueUrl=http://[",
    ],
)
async def test_a_broken_link_is_explained(service: Service, query: str) -> None:
    """400, with what is wrong and what to do."""
    response = await service.http.get(f"/emulator/action?{query}")
    assert response.status_code == 400
    assert set(response.json()["authEmulator"]) == {"error", "instructions"}
