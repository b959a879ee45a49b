"""Identities against Google's own Auth emulator, which nobody here wrote.

It needs Node and ``firebase-tools``, no Java and no internet. Without it these tests are skipped.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path as FilePath

import pytest
import requests
from tests.identity.places import ADMIN, free_port, project_at

from imbari_chat.errors import AuthError, Conflict, NotFound
from imbari_chat.identity.accounts import AdminAccounts
from imbari_chat.identity.project import Project
from imbari_chat.identity.sign_in import resume, sign_in_anonymously, sign_in_with_password

pytestmark = pytest.mark.peer

VARIABLE = "IMBARI_CHAT_GOOGLE_AUTH_EMULATOR"
START_LIMIT = 90.0
MISSING = (
    f"Google's Auth emulator is not here: run `npm install firebase-tools` in the repository, or"
    f" start one elsewhere and set {VARIABLE}=host:port"
)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``host:port`` of a running one; started for these tests unless the environment names one."""
    named = os.environ.get(VARIABLE)
    if named:
        yield named
        return
    local = FilePath(__file__).parents[2] / "node_modules" / ".bin" / "firebase"
    program = str(local) if local.exists() else shutil.which("firebase")
    if program is None:
        pytest.skip(MISSING)
    folder = tmp_path_factory.mktemp("google")
    port = free_port()
    emulators = {
        "auth": {"host": "127.0.0.1", "port": port},
        "hub": {"host": "127.0.0.1", "port": free_port()},
        "logging": {"host": "127.0.0.1", "port": free_port()},
        "ui": {"enabled": False},
    }
    (folder / "firebase.json").write_text(json.dumps({"emulators": emulators}))
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [program, "emulators:start", "--only", "auth", "--project", "demo-imbari"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_ready(process, port, folder / "output.txt")
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_ready(process: "subprocess.Popen[bytes]", port: int, output: FilePath) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"firebase ended at once:\n{output.read_text()}")
        try:
            answer = requests.get(f"http://127.0.0.1:{port}/", timeout=1)
            if answer.json()["authEmulator"]["ready"]:
                return
        except requests.RequestException:
            time.sleep(0.1)  # another program is starting: there is nothing else to wait on
    pytest.fail(f"the emulator did not start in {START_LIMIT:.0f} s:\n{output.read_text()}")


@pytest.fixture
def project(host: str) -> Project:
    requests.delete(
        f"http://{host}/emulator/v1/projects/demo-imbari/accounts", timeout=5
    ).raise_for_status()
    return project_at("127.0.0.1:1", host)


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
    host: str, project: Project, accounts: AdminAccounts, protected: bool
) -> None:
    """With and without the service's own protection against guessing addresses."""
    requests.patch(
        f"http://{host}/emulator/v1/projects/demo-imbari/config",
        json={"emailPrivacyConfig": {"enableImprovedEmailPrivacy": protected}},
        timeout=5,
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
