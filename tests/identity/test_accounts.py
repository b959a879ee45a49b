"""Who is an admin, and how one becomes one."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import firebase_admin
import pytest
from firebase_admin import _auth_utils, auth
from google.auth.exceptions import DefaultCredentialsError

from imbari_chat.emulator import Emulator
from imbari_chat.errors import (
    AccessDenied,
    ConfigError,
    Conflict,
    InvalidData,
    NotFound,
    QuotaExceeded,
    Unavailable,
)
from imbari_chat.identity.accounts import AdminAccounts
from imbari_chat.identity.project import Project
from imbari_chat.identity.sign_in import sign_in_anonymously, sign_in_with_password
from tests.identity.answering import AnsweringServer
from tests.identity.places import ADMIN, closed_port, project_at

VARIABLE = "FIREBASE_AUTH_EMULATOR_HOST"


def test_granted_account_is_an_admin_until_revoked(
    accounts: AdminAccounts, project: Project
) -> None:
    """Both show in the list and in the next token."""
    made = accounts.create(*ADMIN)
    assert (made.email, made.is_admin, made.disabled) == (ADMIN[0], False, False)
    assert accounts.admins() == []
    granted = accounts.grant(ADMIN[0])
    assert granted.is_admin
    assert accounts.admins() == [granted]
    with closing(sign_in_with_password(project, *ADMIN)) as access:
        assert access.is_admin
    assert not accounts.revoke(ADMIN[0]).is_admin
    assert accounts.admins() == []
    with closing(sign_in_with_password(project, *ADMIN)) as access:
        assert not access.is_admin


def test_doing_it_twice_changes_nothing(accounts: AdminAccounts) -> None:
    """A script may be run again."""
    accounts.create(*ADMIN)
    assert accounts.grant(ADMIN[0]) == accounts.grant(ADMIN[0])
    assert accounts.revoke(ADMIN[0]) == accounts.revoke(ADMIN[0])


def test_other_claims_stay(accounts: AdminAccounts) -> None:
    """They belong to other systems of the shop."""
    uid = accounts.create(*ADMIN).uid
    client = accounts._client
    client.set_custom_user_claims(uid, {"till": 7})
    accounts.grant(ADMIN[0])
    assert client.get_user(uid).custom_claims == {"till": 7, "admin": True}
    accounts.revoke(ADMIN[0])
    assert client.get_user(uid).custom_claims == {"till": 7}


def test_revoking_ends_sign_ins() -> None:
    """Otherwise an admin would stay one for as long as the refresh token lives."""
    clock = 1_700_000_000.0  # firebase-admin revokes by the real clock, which is later
    with Emulator(clock=lambda: clock) as emulator:
        project = project_at(emulator.database_host, emulator.auth_host)
        with closing(AdminAccounts(project)) as accounts:
            uid = accounts.create(*ADMIN).uid
            before = accounts._client.get_user(uid).tokens_valid_after_timestamp
            clock += 60
            accounts.revoke(ADMIN[0])
            after = accounts._client.get_user(uid).tokens_valid_after_timestamp
    assert after > before


def test_admins_are_listed_by_address(accounts: AdminAccounts) -> None:
    """The order does not depend on random uids, and others are left out."""
    for name in ("zoe", "amina", "brian"):
        accounts.create(f"{name}@example.com", "password")
    for name in ("zoe", "amina"):
        accounts.grant(f"{name}@example.com")
    assert [account.email for account in accounts.admins()] == [
        "amina@example.com",
        "zoe@example.com",
    ]


def test_an_admin_without_an_address_is_listed_too(
    project: Project, accounts: AdminAccounts
) -> None:
    """Before the others: somebody made one of a customer who signed in anonymously."""
    accounts.create(*ADMIN)
    accounts.grant(ADMIN[0])
    with closing(sign_in_anonymously(project)) as customer:
        accounts._client.set_custom_user_claims(customer.uid, {"admin": True})
    assert [account.email for account in accounts.admins()] == [None, ADMIN[0]]


def test_admins_are_looked_for_among_so_many_accounts(accounts: AdminAccounts) -> None:
    """A shop's customers have accounts, too."""
    for name in ("amina", "brian", "zoe"):
        accounts.create(f"{name}@example.com", "password")
        accounts.grant(f"{name}@example.com")
    assert len(accounts.admins(among=2)) == 2


def test_an_account_is_found_by_address_or_uid(accounts: AdminAccounts) -> None:
    """With the name that it says."""
    made = accounts.create(*ADMIN)
    accounts._client.update_user(made.uid, display_name="Noor")
    found = accounts.find(ADMIN[0])
    assert (found.uid, found.name) == (made.uid, "Noor")
    assert accounts.find(made.uid) == found
    for nobody in ("nobody@example.com", "nobody"):
        with pytest.raises(NotFound):
            accounts.find(nobody)


def test_claim_that_is_not_true_makes_no_admin(accounts: AdminAccounts) -> None:
    """The rules compare with === true."""
    uid = accounts.create(*ADMIN).uid
    accounts._client.set_custom_user_claims(uid, {"admin": "yes"})
    assert accounts.admins() == []


def test_unknown_address_is_not_found(accounts: AdminAccounts) -> None:
    """Granting does not create: a typing mistake would become an admin."""
    for act in (accounts.grant, accounts.revoke):
        with pytest.raises(NotFound, match="no account") as caught:
            act("nobody@example.com")
        assert caught.value.where == "nobody@example.com"


def test_taken_address_is_a_conflict(accounts: AdminAccounts) -> None:
    """The account that is there stays as it is."""
    accounts.create(*ADMIN)
    with pytest.raises(Conflict, match="already"):
        accounts.create(ADMIN[0], "another password")


@pytest.mark.parametrize(("email", "password"), [("no-address", "password"), ("a@b.c", "short")])
def test_impossible_account_is_refused(accounts: AdminAccounts, email: str, password: str) -> None:
    """The password is not repeated."""
    with pytest.raises(InvalidData) as caught:
        accounts.create(email, password)
    assert "short" not in str(caught.value).replace("shorter", "")


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "PERMISSION_DENIED", AccessDenied),
        (400, "CONFIGURATION_NOT_FOUND", ConfigError),
        (400, "TOO_MANY_ATTEMPTS_TRY_LATER", QuotaExceeded),
        (429, "QUOTA", QuotaExceeded),
    ],
)
def test_refusals_of_the_account_service_are_mapped(
    server: AnsweringServer, status: int, code: str, error: type[Exception]
) -> None:
    """A role that is missing, Authentication that is not set up, a limit."""
    server.status = status
    server.body = json.dumps({"error": {"code": status, "message": code, "errors": []}})
    accounts = AdminAccounts(project_at("127.0.0.1:1", server.host))
    with closing(accounts), pytest.raises(error):
        accounts.admins()


def test_account_service_that_is_away_is_unavailable() -> None:
    """Nothing was sent, so nothing is in doubt."""
    project = project_at("127.0.0.1:1", f"127.0.0.1:{closed_port()}")
    accounts = AdminAccounts(project)
    with closing(accounts), pytest.raises(Unavailable, match="account service") as caught:
        accounts.grant("a@b.c")
    assert caught.value.outcome_unknown is False


def test_a_change_whose_answer_is_lost_may_have_been_made(server: AnsweringServer) -> None:
    """Nobody knows, and one looks."""
    server.mode = "drop"
    accounts = AdminAccounts(project_at("127.0.0.1:1", server.host))
    with closing(accounts), pytest.raises(Unavailable) as caught:
        accounts.grant("a@b.c")
    assert caught.value.outcome_unknown


def test_a_page_in_the_way_is_no_account_service(server: AnsweringServer) -> None:
    """The library would look for accounts in it."""
    server.body, server.headers = "<html>Log in</html>", {"content-type": "text/html"}
    accounts = AdminAccounts(project_at("127.0.0.1:1", server.host))
    with closing(accounts), pytest.raises(Unavailable, match="that is not JSON as it sends it"):
        accounts.admins()


def test_a_redirect_of_the_account_service_is_not_followed(server: AnsweringServer) -> None:
    """The library would take what is there for the answer, though it was not asked the same."""
    server.status, server.headers["location"] = 302, "/elsewhere"
    server.by_path["/elsewhere"] = '{"users": []}'
    accounts = AdminAccounts(project_at("127.0.0.1:1", server.host))
    with closing(accounts), pytest.raises(Unavailable, match="with a redirect"):
        accounts.admins()
    assert len(server.asked) == 1


def test_credentials_that_are_missing_are_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words of this package's, and without those of the library."""

    def refuse(app: object) -> None:
        raise DefaultCredentialsError("secret")  # type: ignore[no-untyped-call]  # google's own

    monkeypatch.setattr(auth, "Client", refuse)
    with pytest.raises(ConfigError) as caught:
        AdminAccounts(Project("demo-x", "https://demo-x.firebaseio.com", "k"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("before", [None, "127.0.0.1:9"])
def test_environment_stays_as_it_is_while_a_client_is_made(
    project: Project, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    """firebase-admin reads a variable; whoever else reads it sees what was there."""
    if before is None:
        monkeypatch.delenv(VARIABLE, raising=False)
    else:
        monkeypatch.setenv(VARIABLE, before)
    make, seen = auth.Client, []

    def spied(app: firebase_admin.App) -> auth.Client:
        seen.append(os.environ.get(VARIABLE))
        with ThreadPoolExecutor(1) as elsewhere:
            seen.append(elsewhere.submit(_auth_utils.get_emulator_host).result() or None)
        return make(app)

    monkeypatch.setattr(auth, "Client", spied)
    with closing(AdminAccounts(project)) as accounts:
        assert seen == [before, before]
        assert accounts.create(*ADMIN).email == ADMIN[0]


def test_an_emulator_needs_no_key_and_a_live_project_is_asked_with_its_own(
    project: Project, tmp_path: Path
) -> None:
    """A key that cannot be read is in nobody's way before it is used."""
    missing = tmp_path / "key.json"
    with closing(AdminAccounts(project, key_file=missing)) as accounts:
        assert accounts.admins() == []
    live = Project("demo-x", "https://demo-x.firebaseio.com", "k")
    with pytest.raises(ConfigError, match="key"):
        AdminAccounts(live, key_file=missing)


def test_a_live_project_meets_no_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says; and a failure leaves the library as it was."""
    monkeypatch.setenv(VARIABLE, "127.0.0.1:9")

    def refuse(app: object) -> None:
        assert _auth_utils.get_emulator_host() == ""
        raise auth.ConfigurationNotFoundError("no")

    monkeypatch.setattr(auth, "Client", refuse)
    before = set(firebase_admin._apps)
    with pytest.raises(auth.ConfigurationNotFoundError):
        AdminAccounts(Project("demo-x", "https://demo-x.firebaseio.com", "k"))
    assert _auth_utils.get_emulator_host() == "127.0.0.1:9"
    assert set(firebase_admin._apps) == before


def test_a_library_that_cannot_be_told_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than to change accounts of a live project where an emulator was meant."""
    monkeypatch.setattr(auth, "Client", lambda app: SimpleNamespace(emulated=False))
    before = set(firebase_admin._apps)
    with pytest.raises(ConfigError, match="firebase-admin"):
        AdminAccounts(project)
    assert set(firebase_admin._apps) == before


def test_two_emulators_side_by_side_stay_apart(project: Project, accounts: AdminAccounts) -> None:
    """The variable is process-wide; the clients are not."""
    with Emulator() as second:
        other_project = project_at(second.database_host, second.auth_host)

        def make(number: int) -> int:
            with closing(AdminAccounts((project, other_project)[number % 2])) as mine:
                mine.create(f"n{number}@example.com", "password")
                mine.grant(f"n{number}@example.com")
            return number

        with ThreadPoolExecutor(4) as pool:
            assert len(list(pool.map(make, range(8)))) == 8
        with closing(AdminAccounts(other_project)) as other:
            assert [a.email for a in accounts.admins()] == [
                f"n{n}@example.com" for n in (0, 2, 4, 6)
            ]
            assert [a.email for a in other.admins()] == [f"n{n}@example.com" for n in (1, 3, 5, 7)]


def test_closing_twice_is_fine(project: Project) -> None:
    """Closed accounts leave no app behind."""
    before = set(firebase_admin._apps)
    accounts = AdminAccounts(project)
    accounts.close()
    accounts.close()
    assert set(firebase_admin._apps) == before
