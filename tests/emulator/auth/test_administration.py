"""What the owner may do to one user, to many, and to the project."""

import pytest

from imbari_chat.emulator.auth.account import Account
from imbari_chat.emulator.auth.accounts import Accounts
from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.fields import Fields
from imbari_chat.emulator.auth.listing import batch_get
from tests.emulator.auth.harness import OWNER, PROJECT, TOOLKIT, Body, Service, claims

BATCH_GET = f"{TOOLKIT}projects/{PROJECT}/accounts:batchGet"


async def page(service: Service, **query: str) -> Body:
    """One page of users."""
    response = await service.http.get(BATCH_GET, headers=OWNER, params=query)
    assert response.status_code == 200, response.text
    body: Body = response.json()
    return body


async def create(service: Service, *uids: str) -> None:
    """Users with these uids."""
    for uid in uids:
        await service.owner("/accounts", {"localId": uid})


async def test_pages_are_by_uid_and_a_full_last_page_still_promises_another(
    service: Service,
) -> None:
    """The page after a full one may be empty, and only then is there no token."""
    await create(service, "d", "b", "a", "c")
    first = await page(service, maxResults="2")
    assert [user["localId"] for user in first["users"]] == ["a", "b"]
    assert first["nextPageToken"] == "b"
    second = await page(service, maxResults="2", nextPageToken="b")
    assert [user["localId"] for user in second["users"]] == ["c", "d"]
    last = await page(service, maxResults="2", nextPageToken=second["nextPageToken"])
    assert last == {"kind": "identitytoolkit#DownloadAccountResponse", "users": []}


async def test_a_page_has_twenty_users_unless_asked_otherwise(service: Service) -> None:
    """A page shorter than that is the last one."""
    await create(service, *(f"u{number:02}" for number in range(21)))
    assert len((await page(service))["users"]) == 20
    assert "nextPageToken" not in await page(service, maxResults="1000")
    assert len((await page(service, maxResults="-1"))["users"]) == 21


@pytest.mark.parametrize(
    ("asked", "first", "count", "token"),
    [
        ({}, 0, 20, "u0019"),
        ({"maxResults": "0"}, 0, 20, "u0019"),
        ({"maxResults": "3", "nextPageToken": "u0001"}, 2, 3, "u0004"),
        ({"maxResults": "3", "nextPageToken": "u0998"}, 999, 3, "u1001"),
        ({"maxResults": "4", "nextPageToken": "u0998"}, 999, 3, None),
        ({"maxResults": "1000"}, 0, 1000, "u0999"),
        ({"maxResults": "9" * 18}, 0, 1000, "u0999"),
        ({"maxResults": "-1"}, 0, 1002, None),
        ({"maxResults": "-7", "nextPageToken": "u0001"}, 2, 1000, None),
    ],
)
def test_a_page_has_at_most_a_thousand_users_unless_it_has_all(
    asked: dict[str, str], first: int, count: int, token: str | None
) -> None:
    """Any negative number asks for all."""
    accounts = Accounts("p")
    uids = [f"u{number:04}" for number in range(1002)]
    for uid in uids:
        accounts.put(Account(local_id=uid))
    call = Call(accounts=accounts, fields=Fields({}), now=0.0, random=bytes, query=asked)
    answer: Body = dict(batch_get(call))
    assert [user["localId"] for user in answer["users"]] == uids[first : first + count]
    assert answer.get("nextPageToken") == token


async def test_a_page_size_has_to_be_a_number(service: Service) -> None:
    """Anything else is an invalid argument."""
    response = await service.http.get(BATCH_GET, headers=OWNER, params={"maxResults": "many"})
    assert response.status_code == 400
    assert response.json()["error"]["status"] == "INVALID_ARGUMENT"


async def test_a_download_by_its_legacy_name_takes_project_and_page_from_the_body(
    service: Service,
) -> None:
    """The old name has no place for them in its path."""
    await create(service, "a", "b")
    path = "/www.googleapis.com/identitytoolkit/v3/relyingparty/downloadAccount"
    body = {"targetProjectId": PROJECT, "maxResults": 1, "nextPageToken": "a"}
    response = await service.http.post(path, headers=OWNER, json=body)
    assert [user["localId"] for user in response.json()["users"]] == ["b"]
    refused = await service.http.post(path, headers=OWNER, json={})
    assert refused.json()["error"]["message"] == "INSUFFICIENT_PERMISSION"


async def test_a_query_lists_everybody_in_either_order(service: Service) -> None:
    """The count is a string."""
    await create(service, "b", "a")
    up = await service.owner("/accounts:query", {})
    assert up["recordsCount"] == "2"
    assert [user["localId"] for user in up["userInfo"]] == ["a", "b"]
    down = await service.owner("/accounts:query", {"order": "DESC"})
    assert [user["localId"] for user in down["userInfo"]] == ["b", "a"]


async def test_one_to_a_thousand_users_are_deleted_at_once(service: Service) -> None:
    """Unknown ones count; of more than that none is."""
    await create(service, "a", "b")
    uids = ["b", *map(str, range(1000))]
    assert await service.owner("/accounts:batchDelete", {"localIds": ["a"], "force": True}) == {}
    for count in (0, 1001):
        body: Body = {"localIds": uids[:count], "force": True}
        refused = await service.owner_refused("/accounts:batchDelete", body)
        assert refused == "LOCAL_ID_LIST_EXCEEDS_LIMIT"
    assert (await service.owner("/accounts:query", {}))["recordsCount"] == "1"
    body = {"localIds": uids[:1000], "force": True}
    assert await service.owner("/accounts:batchDelete", body) == {}
    assert (await service.owner("/accounts:query", {}))["recordsCount"] == "0"


async def test_a_lookup_by_several_names_lists_a_user_once(service: Service) -> None:
    """By uid, e-mail in any case, phone and provider; unknown ones are skipped."""
    await service.owner(
        "/accounts",
        {"localId": "a", "email": "A@example.com", "phoneNumber": "+1", "password": "secret1"},
    )
    await create(service, "b")
    found = await service.owner(
        "/accounts:lookup",
        {
            "localId": ["ghost", "b"],
            "email": ["a@EXAMPLE.com"],
            "phoneNumber": ["+1", "+2"],
            "federatedUserId": [{"providerId": "phone", "rawId": "+1"}, {}],
        },
    )
    assert [user["localId"] for user in found["users"]] == ["b", "a"]


async def test_the_owner_sets_what_a_user_may_not(service: Service) -> None:
    """And the types on the way out are the service's: most numbers are strings."""
    await create(service, "u")
    await service.owner(
        "/accounts:update",
        {
            "localId": "u",
            "disableUser": True,
            "emailVerified": True,
            "phoneNumber": "+15550001111",
            "customAttributes": '{"admin":true}',
            "validSince": 1795386882,
            "createdAt": "1",
            "lastLoginAt": 2,
        },
    )
    user = await service.record("u")
    expected = {
        "disabled": True,
        "emailVerified": True,
        "phoneNumber": "+15550001111",
        "customAttributes": '{"admin":true}',
        "validSince": "1795386882",
        "createdAt": "1",
        "lastLoginAt": "2",
    }
    assert {key: user[key] for key in expected} == expected
    phone = {"providerId": "phone", "phoneNumber": "+15550001111", "rawId": "+15550001111"}
    assert user["providerUserInfo"] == [phone]


async def test_what_a_user_may_not_set_is_ignored_when_they_try(service: Service) -> None:
    """Only claims, and whether they are disabled, are refused aloud."""
    own = await service.sign_up()
    await service.user(
        "accounts:update",
        {"idToken": own["idToken"], "emailVerified": True, "phoneNumber": "+1", "createdAt": "1"},
    )
    user = await service.record(own["localId"])
    assert user["emailVerified"] is False
    assert user["createdAt"] == "1795384437512"
    assert "phoneNumber" not in user


@pytest.mark.parametrize(
    ("removal", "gone"),
    [
        ({"deleteAttribute": ["DISPLAY_NAME"]}, {"displayName"}),
        ({"deleteAttribute": ["PHOTO_URL"]}, {"photoUrl"}),
        ({"deleteAttribute": ["EMAIL"]}, {"email", "emailVerified"}),
        ({"deleteAttribute": ["PASSWORD"]}, {"passwordHash", "salt"}),
        ({"deleteProvider": ["phone"]}, {"phoneNumber"}),
        (
            {"deleteProvider": ["password"]},
            {"email", "emailVerified", "passwordHash", "salt"},
        ),
    ],
)
async def test_attributes_and_providers_can_be_deleted(
    service: Service, removal: Body, gone: set[str]
) -> None:
    """What goes leaves no null behind, and the providers follow."""
    await service.owner(
        "/accounts",
        {
            "localId": "u",
            "email": "u@example.com",
            "password": "secret1",
            "displayName": "U",
            "photoUrl": "http://x/y.png",
            "phoneNumber": "+1",
        },
    )
    before = await service.record("u")
    await service.owner("/accounts:update", {"localId": "u", **removal})
    after = await service.record("u")
    assert set(before) - set(after) == gone
    providers = {info["providerId"] for info in after["providerUserInfo"]}
    assert ("password" in providers) is ("email" in after and "passwordHash" in after)
    assert ("phone" in providers) is ("phoneNumber" in after)


async def test_a_deleted_users_names_are_free_again(service: Service) -> None:
    """Whoever comes next may have the address and the number."""
    body = {"localId": "u", "email": "u@example.com", "phoneNumber": "+1"}
    await service.owner("/accounts", body)
    await service.owner("/accounts:delete", {"localId": "u"})
    await service.owner("/accounts", body)


async def test_a_raw_password_can_be_imported_and_signs_in(service: Service) -> None:
    """The only form of a password that means anything here, beside this emulator's own hashes."""
    users = [{"localId": "i1", "email": "I1@example.com", "rawPassword": "secret1"}]
    await service.owner("/accounts:batchCreate", {"users": users})
    body = {"email": "i1@example.com", "password": "secret1"}
    signed_in = await service.user("accounts:signInWithPassword", body)
    assert signed_in["localId"] == "i1"
    exported = await service.record("i1")
    await service.owner("/accounts:delete", {"localId": "i1"})
    await service.owner("/accounts:batchCreate", {"users": [exported]})
    await service.user("accounts:signInWithPassword", body)


async def test_a_real_hash_is_kept_and_signs_nobody_in(service: Service) -> None:
    """Its user has to reset the password, and is told the password is wrong until then."""
    users = [{"localId": "i1", "email": "i1@example.com", "passwordHash": "aA==", "salt": "cw=="}]
    await service.owner("/accounts:batchCreate", {"users": users, "hashAlgorithm": "SHA256"})
    user = await service.record("i1")
    assert (user["passwordHash"], user["salt"]) == ("aA==", "cw==")
    body = {"email": "i1@example.com", "password": "hunter2"}
    assert await service.refused("accounts:signInWithPassword", body) == "INVALID_PASSWORD"


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"email": "nowhere"}, "email is invalid"),
        (
            {"email": "taken@example.com"},
            "((Auth Emulator does not support importing duplicate email: taken@example.com))",
        ),
        ({"phoneNumber": "0123"}, "phone number format is invalid"),
        ({"phoneNumber": "+1"}, "phone number exists in other account in database"),
        ({"customAttributes": "[]"}, "Invalid custom claims provided."),
        ({"customAttributes": '{"sub":1}'}, "Custom claims provided include a reserved claim."),
        (
            {"customAttributes": '{"a":"' + "x" * 1000 + '"}'},
            "Custom claims provided are too large.",
        ),
        (
            {"providerUserInfo": [{"providerId": "google.com"}]},
            "federatedId or (providerId & rawId) is required",
        ),
        (
            {"localId": "taken"},
            "localId belongs to an existing account - can not overwrite.",
        ),
    ],
)
async def test_a_bad_user_is_reported_and_the_others_are_imported(
    service: Service, user: Body, message: str
) -> None:
    """An import is not all or nothing."""
    await service.owner(
        "/accounts", {"localId": "taken", "email": "taken@example.com", "phoneNumber": "+1"}
    )
    users = [{"localId": "bad", **user}, {"localId": "good"}]
    answer = await service.owner("/accounts:batchCreate", {"users": users})
    assert answer["error"] == [{"index": 0, "message": message}]
    await service.record("good")


async def test_an_import_may_overwrite(service: Service) -> None:
    """Nothing of the old user is left, in the indexes neither."""
    await service.owner("/accounts", {"localId": "u", "email": "old@example.com"})
    users = [{"localId": "u", "email": "new@example.com"}]
    answer = await service.owner("/accounts:batchCreate", {"users": users, "allowOverwrite": True})
    assert answer["error"] == []
    found = await service.owner("/accounts:lookup", {"email": ["old@example.com"]})
    assert "users" not in found


async def test_an_imported_user_of_another_provider_is_found_by_it(service: Service) -> None:
    """And an imported user who never signed in gets a token all the same."""
    info = {"providerId": "google.com", "rawId": "g1", "email": "g@example.com"}
    users = [{"localId": "i1", "providerUserInfo": [info]}]
    await service.owner("/accounts:batchCreate", {"users": users})
    wanted = {"federatedUserId": [{"providerId": "google.com", "rawId": "g1"}]}
    found = await service.owner("/accounts:lookup", wanted)
    assert [user["localId"] for user in found["users"]] == ["i1"]
    token = await service.user("accounts:signInWithCustomToken", {"token": '{"uid":"i1"}'})
    assert claims(token)["firebase"]["identities"] == {"google.com": ["g1"]}


async def test_projects_keep_apart(service: Service) -> None:
    """A user of one project is unknown to another, by path and by targetProjectId."""
    await create(service, "u")
    body = {"localId": ["u"]}
    path = f"{TOOLKIT}projects/other/accounts:lookup"
    other = await service.http.post(path, headers=OWNER, json=body)
    assert "users" not in other.json()
    path = f"{TOOLKIT}accounts:lookup"
    named = await service.http.post(path, headers=OWNER, json=body | {"targetProjectId": "other"})
    assert "users" not in named.json()
    own = await service.http.post(path, headers=OWNER, json=body)
    assert [user["localId"] for user in own.json()["users"]] == ["u"]


async def test_the_owner_gets_no_tokens_even_without_a_project_in_the_path(
    service: Service,
) -> None:
    """An end user's call must never carry the owner's header."""
    path = f"{TOOLKIT}accounts:signUp"
    response = await service.http.post(path, headers=OWNER, params={"key": "k"}, json={})
    assert list(response.json()) == ["kind", "localId"]
    assert len(response.json()["localId"]) == 28


async def test_clearing_a_project_leaves_pending_codes(service: Service) -> None:
    """Users go, codes stay listed; what is left of them leads nowhere."""
    await service.sign_up()
    body = {"requestType": "PASSWORD_RESET", "email": "alice@example.com"}
    await service.user("accounts:sendOobCode", body)
    controls = f"/emulator/v1/projects/{PROJECT}"
    assert (await service.http.delete(f"{controls}/accounts")).json() == {}
    assert (await service.owner("/accounts:query", {}))["recordsCount"] == "0"
    codes = (await service.http.get(f"{controls}/oobCodes")).json()["oobCodes"]
    assert [code["requestType"] for code in codes] == ["PASSWORD_RESET"]
    reset = {"oobCode": codes[0]["oobCode"], "newPassword": "secret2"}
    assert await service.refused("accounts:resetPassword", reset) == "INVALID_OOB_CODE"


async def test_settings_are_changed_a_part_at_a_time(service: Service) -> None:
    """What is not given stays; both views show the same."""
    path = f"/emulator/v1/projects/{PROJECT}/config"
    off = {"enableImprovedEmailPrivacy": False}
    assert (await service.http.get(path)).json() == {
        "signIn": {"allowDuplicateEmails": False},
        "emailPrivacyConfig": off,
    }
    changed = {"signIn": {"allowDuplicateEmails": True}, "emailPrivacyConfig": off}
    patch = {"signIn": {"allowDuplicateEmails": True}}
    assert (await service.http.patch(path, json=patch)).json() == changed
    assert (await service.http.patch(path, json={})).json() == changed
    admin_path = f"/identitytoolkit.googleapis.com/v2/projects/{PROJECT}/config"
    admin = (await service.http.get(admin_path, headers=OWNER)).json()
    assert admin == {
        "signIn": {"allowDuplicateEmails": True},
        "blockingFunctions": {},
        "emailPrivacyConfig": off,
    }


@pytest.mark.parametrize(
    ("made", "ways"),
    [
        ({}, ([], [])),
        ({"password": "secret1"}, (["password"], ["password"])),
        ({"phoneNumber": "+15550001111"}, ([], [])),
        ({"phoneNumber": "+15550001111", "password": "secret1"}, (["password"], ["password"])),
    ],
)
async def test_an_address_is_somebodys_without_a_way_to_sign_in_by_it(
    service: Service, made: Body, ways: tuple[list[str], list[str]]
) -> None:
    """The owner may give an account an address alone; a phone is no way in by an address."""
    await service.owner("/accounts", {"email": "mary@example.com", **made})
    asked = {"identifier": "Mary@example.com", "continueUri": "http://localhost"}
    told = await service.user("accounts:createAuthUri", asked)
    assert told["registered"] is True
    assert (told["allProviders"], told["signinMethods"]) == ways


@pytest.mark.parametrize("one_each", [True, False])
async def test_an_address_is_also_somebodys_whom_a_provider_knows_by_it(
    service: Service, one_each: bool
) -> None:
    """Where there is one account for each address; else it says nothing of an account."""
    linked = {"providerId": "google.com", "rawId": "g1", "email": "mary@example.com"}
    user = {"localId": "u", "email": "other@example.com", "providerUserInfo": [linked]}
    await service.owner("/accounts:batchCreate", {"users": [user]})
    await service.http.patch(
        f"/emulator/v1/projects/{PROJECT}/config",
        json={"signIn": {"allowDuplicateEmails": not one_each}},
    )
    asked = {"identifier": "Mary@example.com", "continueUri": "http://localhost"}
    told = await service.user("accounts:createAuthUri", asked)
    assert told["registered"] is one_each
    assert (told["allProviders"], told["signinMethods"]) == (
        (["google.com"], ["google.com"]) if one_each else ([], [])
    )
