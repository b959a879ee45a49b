"""Identities against Google's own Auth emulator, which nobody here wrote.

It needs Node and ``firebase-tools``, no Java and no internet. Without it these tests are skipped.
"""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
import requests

from imbari_chat.errors import AuthError, Conflict, NotFound
from imbari_chat.identity.accounts import AdminAccounts
from imbari_chat.identity.project import Project
from imbari_chat.identity.sign_in import resume, sign_in_anonymously, sign_in_with_password
from tests.identity.places import ADMIN, project_at

pytestmark = pytest.mark.peer


@pytest.fixture
def project(google_auth_emulator: str) -> Project:
    """Its project, without users and with the settings it starts with."""
    base = f"http://{google_auth_emulator}/emulator/v1/projects/demo-imbari"
    usual = {"emailPrivacyConfig": {"enableImprovedEmailPrivacy": False}}
    requests.delete(f"{base}/accounts", timeout=60).raise_for_status()
    requests.patch(f"{base}/config", json=usual, timeout=60).raise_for_status()
    return project_at("127.0.0.1:1", google_auth_emulator)


@pytest.fixture
def accounts(project: Project) -> Iterator[AdminAccounts]:
    with closing(AdminAccounts(project)) as opened:
        yield opened


def test_admin_is_made_signs_in_and_is_revoked(project: Project, accounts: AdminAccounts) -> None:
    """The whole life of an admin."""
    assert not accounts.create(*ADMIN).is_admin
    granted = accounts.grant(ADMIN[0])
    assert accounts.admins() == [granted]
    with closing(sign_in_with_password(project, *ADMIN)) as access:
        assert access.is_admin
        assert access.uid == granted.uid
        assert access.claims["email"] == ADMIN[0]
        assert access.expires_at == pytest.approx(time.time() + 3600, abs=60)
        accounts.revoke(ADMIN[0])
        access.renew()  # this emulator never ends a sign-in, but tells the claims as they are now
        assert "admin" not in access.claims
    assert accounts.admins() == []


def test_customer_comes_back_as_the_same_user(project: Project) -> None:
    """Signing in anonymously, and resuming with the refresh token."""
    kept: list[str] = []
    with closing(sign_in_anonymously(project, on_tokens=kept.append)) as access:
        uid = access.uid
        assert uid
        assert not access.is_admin
    with closing(resume(project, kept[-1])) as again:
        assert again.uid == uid


@pytest.mark.parametrize("protected", [False, True])
def test_wrong_password_and_unknown_address_look_the_same(
    google_auth_emulator: str, project: Project, accounts: AdminAccounts, protected: bool
) -> None:
    """With and without the service's own protection against guessing addresses."""
    requests.patch(
        f"http://{google_auth_emulator}/emulator/v1/projects/demo-imbari/config",
        json={"emailPrivacyConfig": {"enableImprovedEmailPrivacy": protected}},
        timeout=60,
    ).raise_for_status()
    accounts.create(*ADMIN)
    for email, password in ((ADMIN[0], "wrong-password"), ("nobody@example.com", ADMIN[1])):
        with pytest.raises(AuthError, match="wrong e-mail or password"):
            sign_in_with_password(project, email, password)


def test_refusals_are_said_plainly(project: Project, accounts: AdminAccounts) -> None:
    """The codes are those that our table knows."""
    uid = accounts.create(*ADMIN).uid
    with pytest.raises(Conflict):
        accounts.create(*ADMIN)
    with pytest.raises(NotFound):
        accounts.grant("nobody@example.com")
    with pytest.raises(AuthError, match="your sign-in has ended"):
        resume(project, "no such token")
    with pytest.raises(AuthError, match="not an e-mail address"):
        sign_in_with_password(project, "nonsense", "password")
    accounts._client.update_user(uid, disabled=True)
    with pytest.raises(AuthError, match="account is disabled"):
        sign_in_with_password(project, *ADMIN)
