"""Exports across the border: Google's emulator writes and reads them too."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from imbari_chat.emulator import Emulator
from tests import plain_http
from tests.ports import own_port

pytestmark = pytest.mark.peer

_PROGRAM = Path(__file__).parents[2] / "node_modules" / ".bin" / "firebase"
_PATIENCE = 600
_SEED = """
base="http://$FIREBASE_AUTH_EMULATOR_HOST/identitytoolkit.googleapis.com/v1"
json="content-type: application/json" owner="authorization: Bearer owner"
post() { curl -sf -XPOST -H "$json" -H "$owner" -d "$2" "$base/$1"; }
post projects/demo-google/accounts '{"localId":"u1","email":"a@example.com","password":"secret1"}'
post projects/demo-google/accounts '{"localId":"u2","displayName":"B","phoneNumber":"+15550001111"}'
post projects/demo-google/accounts:update '{"localId":"u1","customAttributes":"{\\"admin\\":true}"}'
"""
_LIST = """
curl -sf -H "authorization: Bearer owner" \
"http://$FIREBASE_AUTH_EMULATOR_HOST/identitytoolkit.googleapis.com/v1/projects/demo-google/\
accounts:batchGet" > users.json
"""


@pytest.fixture
def firebase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Google's program, at free ports, or a skipped test."""
    if not _PROGRAM.exists() or shutil.which("node") is None or shutil.which("curl") is None:
        pytest.skip("firebase-tools, Node or curl is not here: run `make peers`")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path)
    with own_port() as auth, own_port() as hub, own_port() as logging:
        emulators = {
            "auth": {"port": auth},
            "hub": {"port": hub},
            "logging": {"port": logging},
            "ui": {"enabled": False},
        }
        (tmp_path / "firebase.json").write_text(json.dumps({"emulators": emulators}))
        yield str(_PROGRAM)


def _google(firebase: str, *arguments: str) -> None:
    done = subprocess.run(
        [firebase, *arguments],
        env=os.environ | {"CI": "1", "FIREBASE_CLI_DISABLE_UPDATE_CHECK": "1"},
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_users_go_from_google_to_us_and_back(firebase: str, tmp_path: Path) -> None:
    """Google's export is imported, Google's program has our hub export it, and imports that."""
    (tmp_path / "seed.sh").write_text(_SEED)
    (tmp_path / "list.sh").write_text(_LIST)
    suite = ("emulators:exec", "--project", "demo-google", "--only", "auth")
    _google(firebase, *suite, "--export-on-exit=theirs", "sh seed.sh")

    with Emulator("demo-ours", hub_port=0, import_from=tmp_path / "theirs") as emulator:
        url = f"http://{emulator.auth_host}/identitytoolkit.googleapis.com/v1/accounts"
        answer = plain_http.post(
            f"{url}:signInWithPassword?key=k",
            json={"email": "a@example.com", "password": "secret1"},
        )
        assert answer.json()["localId"] == "u1"
        plain_http.put(f"http://{emulator.database_host}/a.json", json=1)
        _google(firebase, "emulators:export", "ours", "--force", "--project", "demo-ours")
    theirs, ours = (
        json.loads((tmp_path / name / "auth_export" / "accounts.json").read_text())
        for name in ("theirs", "ours")
    )
    (signed_in,) = (user for user in ours["users"] if user["localId"] == "u1")
    (before,) = (user for user in theirs["users"] if user["localId"] == "u1")
    assert re.fullmatch(r"\d+", signed_in.pop("lastLoginAt"))
    signed_in.pop("lastRefreshAt", None)
    before.pop("lastLoginAt")
    before.pop("lastRefreshAt", None)
    assert ours == theirs
    database = tmp_path / "ours" / "database_export" / "demo-ours-default-rtdb.json"
    assert json.loads(database.read_text()) == {"a": 1}

    _google(firebase, *suite, "--import=ours", "sh list.sh")
    users = json.loads((tmp_path / "users.json").read_text())["users"]
    assert {user["localId"]: user.get("customAttributes") for user in users} == {
        "u1": '{"admin":true}',
        "u2": None,
    }
