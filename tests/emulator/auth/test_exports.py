"""Writing the users of a project down, reading them back, and telling that something changed."""

from collections.abc import Callable
from typing import Any

import pytest

from imbari_chat.emulator.auth.account import Account
from imbari_chat.emulator.auth.accounts import OobCode, VerificationCode
from imbari_chat.emulator.auth.fields import Fields
from imbari_chat.emulator.auth.state import AuthState
from imbari_chat.errors import InvalidData
from tests.emulator.auth.harness import PROJECT, Service


async def populate(service: Service) -> None:
    """A password user with claims, an anonymous one, a disabled one with a phone number."""
    alice = await service.sign_up()
    await service.owner(
        "/accounts:update",
        {"localId": alice["localId"], "customAttributes": '{"admin":true}', "displayName": "Al"},
    )
    await service.user("accounts:signUp", {})
    await service.owner("/accounts", {"localId": "off", "phoneNumber": "+1", "disabled": True})


async def test_what_is_exported_can_be_restored_and_is_the_same_again(service: Service) -> None:
    """Nothing of a user is lost on the way."""
    await populate(service)
    await service.protect_emails()
    accounts = service.state.accounts()
    other = AuthState(project=PROJECT).accounts()
    other.restore(accounts.exported(), accounts.config())
    assert [*other] == [*accounts]
    assert other.exported() == accounts.exported()
    assert other.config() == accounts.config()
    assert other.by_phone("+1") == other.get("off")


async def test_an_export_holds_the_users_as_a_page_of_them_does(service: Service) -> None:
    """The format is that of accounts.json, which is what batchGet answers."""
    await populate(service)
    exported = service.state.accounts().exported()
    page = await service.http.get(
        f"/identitytoolkit.googleapis.com/v1/projects/{PROJECT}/accounts:batchGet?maxResults=-1",
        headers={"Authorization": "Bearer owner"},
    )
    users: Any = exported["users"]
    stripped = [{k: v for k, v in user.items() if k != "revocations"} for user in users]
    assert {**exported, "users": stripped} == page.json()


async def test_a_refresh_token_outlives_a_restore_even_in_a_strict_emulator(
    strict: Service,
) -> None:
    """What was revoked stays revoked, what was not goes on."""
    alice = await strict.sign_up()
    accounts = strict.state.accounts()
    accounts.restore(accounts.exported())
    body = {"grantType": "refresh_token", "refreshToken": alice["refreshToken"]}
    assert (await strict.user("token", body))["user_id"] == alice["localId"]


def test_restoring_replaces_the_users() -> None:
    """Whoever is not in the export is gone."""
    accounts = AuthState(project=PROJECT).accounts()
    accounts.put(Account(local_id="old", email="old@example.com"))
    accounts.restore({"users": [{"localId": "new"}]})
    assert [user.local_id for user in accounts] == ["new"]
    assert accounts.by_email("old@example.com") is None


def test_an_export_without_users_restores_none() -> None:
    """Google's emulator writes an empty list; a missing one is no mistake either."""
    accounts = AuthState(project=PROJECT).accounts()
    accounts.restore({"kind": "identitytoolkit#DownloadAccountResponse", "users": []})
    accounts.restore({})
    assert len(accounts) == 0


@pytest.mark.parametrize(
    ("exported", "complaint"),
    [
        ({"users": {}}, "/users must be array"),
        ({"users": [{"email": "a@b"}]}, "localId is missing"),
        ({"users": [{"localId": "a", "createdAt": "soon"}]}, "/users/0/createdAt must match"),
        ({"users": [{"localId": "a", "lastRefreshAt": "soon"}]}, "'soon' is not a time"),
        ({"users": [{"localId": "a", "providerUserInfo": [{}]}]}, "providerId of a provider"),
    ],
)
def test_a_spoilt_export_changes_nothing(exported: Any, complaint: str) -> None:
    """It is refused with the place of the mistake before anything is touched."""
    accounts = AuthState(project=PROJECT).accounts()
    accounts.put(Account(local_id="old"))
    with pytest.raises(InvalidData, match=complaint):
        accounts.restore(exported)
    assert [user.local_id for user in accounts] == ["old"]


async def test_the_version_grows_with_every_change_and_only_then(service: Service) -> None:
    """A caller that saves changes need look at nothing else."""
    state = service.state
    alice = await service.sign_up()
    seen = state.version
    await service.owner("/accounts:lookup", {"localId": [alice["localId"]]})
    await service.refused("accounts:signInWithPassword", {"email": "x@y", "password": "secret1"})
    assert state.version == seen
    renewal = {"grantType": "refresh_token", "refreshToken": alice["refreshToken"]}
    uid = alice["localId"]
    for change in (
        service.user("token", renewal),
        service.owner("/accounts:update", {"localId": uid, "email": "a@b"}),
        service.protect_emails(),
        service.owner("/accounts:delete", {"localId": uid}),
    ):
        await change
        assert state.version > seen
        seen = state.version
    state.clear()
    assert state.version > seen


def test_the_version_grows_with_every_code_proof_and_setting() -> None:
    """None of them is an account, and all would be lost with a project that is forgotten."""
    code = OobCode(email="a@b", request_type="VERIFY_EMAIL", code="c", link="l")
    sent = VerificationCode(phone_number="+1", code="123456", session_info="s")
    accounts = AuthState(project=PROJECT).accounts()
    changes: list[Callable[[], object]] = [
        lambda: accounts.keep_code(code),
        lambda: accounts.spend_code(code),
        lambda: accounts.keep_verification(sent),
        lambda: accounts.spend_verification(sent),
        lambda: accounts.keep_proof("p", "+1"),
        lambda: accounts.configure(Fields({})),
        lambda: accounts.put(Account(local_id="u")),
        lambda: accounts.remove("u"),
        accounts.clear,
        lambda: accounts.restore({}),
    ]
    for change in changes:
        seen = accounts.version
        change()
        assert accounts.version > seen
    seen = accounts.version
    accounts.remove("u")
    assert accounts.version == seen


def test_projects_are_known_once_asked_for_and_cleared_together() -> None:
    """A caller that saves every project can find them."""
    state = AuthState(project="b")
    assert state.projects() == []
    state.accounts().put(Account(local_id="u"))
    state.accounts("a").put(Account(local_id="u"))
    assert state.projects() == ["a", "b"]
    state.clear()
    assert [len(state.accounts(name)) for name in state.projects()] == [0, 0]
