"""Exports: the layout that firebase-tools writes and reads, and what is refused."""

import json
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from imbari_chat.emulator import Emulator
from imbari_chat.emulator.exports import Picture, write
from imbari_chat.errors import ConfigError, ImbariError, InvalidData
from tests import plain_http

METADATA = {
    "version": "15.34.2",
    "database": {"version": "4.11.2", "path": "database_export"},
    "auth": {"version": "15.34.2", "path": "auth_export"},
}
USER = {
    "localId": "u1",
    "email": "alice@example.com",
    "emailVerified": False,
    "passwordHash": "fakeHash:salt=fakeSaltA:password=secret1",
    "salt": "fakeSaltA",
    "customAttributes": '{"admin":true}',
    "createdAt": "1795384437512",
    "validSince": "1795384437",
    "providerUserInfo": [
        {
            "providerId": "password",
            "email": "alice@example.com",
            "federatedId": "alice@example.com",
            "rawId": "alice@example.com",
        }
    ],
}
ACCOUNTS = {"kind": "identitytoolkit#DownloadAccountResponse", "users": [USER]}
CONFIG = {
    "signIn": {"allowDuplicateEmails": False},
    "emailPrivacyConfig": {"enableImprovedEmailPrivacy": True},
}


def _lay(directory: Path, files: Mapping[str, object]) -> Path:
    """A directory of JSON files; text stands as it is."""
    for name, value in files.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(value if isinstance(value, str) else json.dumps(value))
    return directory


def _export(directory: Path, **replaced: object) -> Path:
    """A whole export as firebase-tools writes it, but for some files, named without slashes."""
    files = {
        "firebase-export-metadata.json": METADATA,
        "database_export/demo-imbari-default-rtdb.json": {"a": {".priority": 1, ".value": "x"}},
        "database_export/other.json": [1, 2],
        "auth_export/accounts.json": ACCOUNTS,
        "auth_export/config.json": CONFIG,
    }
    for name, value in replaced.items():
        (path,) = (path for path in files if path.endswith(f"{name.replace('_', '-')}.json"))
        files[path] = value
    return _lay(directory, {name: value for name, value in files.items() if value is not None})


def _get(emulator: Emulator, **query: str) -> httpx.Response:
    return plain_http.get(f"http://{emulator.database_host}/.json", params=query)


def _users(emulator: Emulator) -> list[dict[str, object]]:
    path = f"/identitytoolkit.googleapis.com/v1/projects/{emulator.project}/accounts:batchGet"
    answer = plain_http.get(
        f"http://{emulator.auth_host}{path}?maxResults=-1",
        headers={"Authorization": "Bearer owner"},
    )
    users: list[dict[str, object]] = answer.json()["users"]
    return users


def test_a_whole_export_is_taken_over(tmp_path: Path) -> None:
    """Each file into the database it is named for; users can sign in, settings are in force."""
    with Emulator(import_from=_export(tmp_path / "in")) as emulator:
        assert _get(emulator, format="export").json() == {"a": {".priority": 1, ".value": "x"}}
        assert _get(emulator, ns="other").json() == [1, 2]
        (user,) = _users(emulator)
        assert user == {**USER, **{key: user[key] for key in user if key not in USER}}
        sign_in = "/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=k"
        answer = plain_http.post(
            f"http://{emulator.auth_host}{sign_in}",
            json={"email": "alice@example.com", "password": "secret1", "returnSecureToken": True},
        )
        assert answer.status_code == 200
        config = f"http://{emulator.auth_host}/emulator/v1/projects/demo-imbari/config"
        assert (
            plain_http.get(config).json()["emailPrivacyConfig"]["enableImprovedEmailPrivacy"]
            is True
        )


def test_an_export_has_the_layout_and_the_bytes_of_the_api(tmp_path: Path) -> None:
    """Files are what the endpoints answer; empty databases are left out, imported ones not."""
    out = tmp_path / "new" / "out"
    with Emulator(import_from=_export(tmp_path / "in", other="null")) as emulator:
        url = f"http://{emulator.database_host}/x.json"
        plain_http.put(url, params={"ns": "third"}, json={"l": [1, {".value": 2, ".priority": 3}]})
        plain_http.get(url, params={"ns": "named-only"})
        third = _get(emulator, ns="third", format="export").content
        users = _users(emulator)
        emulator.export(out)
    names = {str(file.relative_to(out)) for file in out.rglob("*.json")}
    assert names == {
        "firebase-export-metadata.json",
        "database_export/demo-imbari-default-rtdb.json",
        "database_export/other.json",
        "database_export/third.json",
        "auth_export/accounts.json",
        "auth_export/config.json",
    }
    metadata = (out / "firebase-export-metadata.json").read_text()
    assert json.loads(metadata) == METADATA
    assert len(metadata.splitlines()) > 1  # people read it
    assert (out / "database_export" / "third.json").read_bytes() == third
    assert (out / "database_export" / "other.json").read_text() == "null"
    accounts = json.loads((out / "auth_export" / "accounts.json").read_text())
    assert accounts == {"kind": "identitytoolkit#DownloadAccountResponse", "users": users}
    assert json.loads((out / "auth_export" / "config.json").read_text()) == CONFIG


def test_an_export_comes_back_as_it_was(tmp_path: Path) -> None:
    """Exporting what was imported from an export changes nothing."""
    with Emulator(import_from=_export(tmp_path / "in")) as first:
        first.export(tmp_path / "one")
    with Emulator(import_from=tmp_path / "one", export_on_exit=tmp_path / "two"):
        pass
    for file in (tmp_path / "one").rglob("*.json"):
        again = tmp_path / "two" / file.relative_to(tmp_path / "one")
        assert again.read_bytes() == file.read_bytes()


def test_an_export_replaces_the_former_one_whole(tmp_path: Path) -> None:
    """Nothing of it is left, and nothing beside it."""
    out = _export(tmp_path / "out")
    with Emulator(export_on_exit=out) as emulator:
        plain_http.put(f"http://{emulator.database_host}/a.json", json=1)
    assert not (out / "database_export" / "other.json").exists()
    assert list(tmp_path.iterdir()) == [out]


def test_a_directory_with_something_else_is_not_replaced(tmp_path: Path) -> None:
    """Said before anything listens; the files stay."""
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="no export") as refused:
        Emulator(export_on_exit=tmp_path).start()
    assert refused.value.where == str(tmp_path)
    with Emulator() as emulator, pytest.raises(ConfigError, match="no export"):
        emulator.export(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize("target", [".", "..", "../here"])
def test_the_current_directory_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """Nor one that contains it."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ConfigError, match="the current one"):
        Emulator(export_on_exit=Path(target)).start()


def test_an_empty_directory_may_be_replaced(tmp_path: Path) -> None:
    """``firebase emulators:export`` makes one before it asks the hub; otherwise it is made."""
    (tmp_path / "out").mkdir()
    with Emulator() as emulator:
        for name in ("out", "made/when/needed"):
            emulator.export(tmp_path / name)
            assert (tmp_path / name / "firebase-export-metadata.json").exists()


_LONG = "\0" + "x" * 199


@pytest.mark.parametrize(
    ("name", "reason", "shown"),
    [
        ("file/out", "", "file/out"),
        ("loop", "", "loop"),
        ("x" * 300, "File name too long", "x" * 200 + "..."),
        (_LONG, "embedded null", _LONG),
        (_LONG + "x", "embedded null", _LONG + "..."),
        ("\ud800", "surrogates not allowed", r"\ud800"),
    ],
    ids=repr,
)
def test_a_name_that_no_directory_can_have_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str, shown: str
) -> None:
    """Whatever it is that does not know such a name; and nothing is left of the attempt."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("in the way")
    Path("loop").symlink_to("loop")
    with pytest.raises(ConfigError, match=f"the export cannot be written: .*{reason}") as refused:
        write(Path(name), Picture({}, {}, {}))
    assert refused.value.where == shown
    assert {each.name for each in tmp_path.iterdir()} == {"file", "loop"}


def test_an_export_that_fails_closes_everything_nevertheless(tmp_path: Path) -> None:
    """The mistake is told, and the ports are free."""
    emulator = Emulator(export_on_exit=tmp_path / "out").start()
    port = int(emulator.database_host.rpartition(":")[2])
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(ConfigError, match="not a directory"):
        emulator.stop()
    with Emulator(database_port=port):
        pass


def test_a_single_export_of_the_console_is_recognised(tmp_path: Path) -> None:
    """Whatever it is called, it becomes the default database."""
    _lay(tmp_path, {"my-shop-export.json": {"a": 1}})
    with Emulator(import_from=tmp_path) as emulator:
        assert _get(emulator).json() == {"a": 1}
        assert _users(emulator) == []


def test_half_an_export_is_one_too(tmp_path: Path) -> None:
    """Metadata says what was exported."""
    auth = {"version": "15.34.2", "auth": METADATA["auth"]}
    directory = _export(tmp_path, firebase_export_metadata=auth)
    with Emulator(import_from=directory) as emulator:
        assert _get(emulator).json() is None
        assert len(_users(emulator)) == 1
    directory = _export(tmp_path / "settings", firebase_export_metadata=auth, accounts=None)
    with Emulator(import_from=directory) as emulator:
        assert _users(emulator) == []
        emulator.export(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "auth_export" / "config.json").read_text()) == CONFIG
    database = {"version": "15.34.2", "database": METADATA["database"]}
    directory = _export(tmp_path / "other", firebase_export_metadata=database)
    with Emulator(import_from=directory) as emulator:
        assert _get(emulator).json() == {"a": "x"}
        assert _users(emulator) == []


def test_what_cannot_be_taken_over_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Other emulators and tenants; the rest is imported."""
    directory = _export(tmp_path, firebase_export_metadata={**METADATA, "firestore": {}})
    _lay(tmp_path, {"auth_export/accounts-shop.json": ACCOUNTS})
    with Emulator(import_from=directory) as emulator:
        assert len(_users(emulator)) == 1
    assert "firestore" in caplog.text
    assert "accounts-shop.json" in caplog.text


@pytest.mark.parametrize(
    ("replaced", "where", "what"),
    [
        ({"firebase_export_metadata": "{"}, "metadata.json", "not JSON"),
        ({"firebase_export_metadata": "[]"}, "metadata.json", "object"),
        ({"firebase_export_metadata": {"database": {}}}, "metadata.json", "database.path"),
        ({"firebase_export_metadata": {"auth": {"path": "no"}}}, "metadata.json", "no directory"),
        ({"other": "{"}, "other.json", "not JSON"),
        ({"other": {"a": {"b.c": 1}}}, "other.json", "illegal key"),
        ({"accounts": "[]"}, "accounts.json", "object"),
        ({"accounts": {"users": [{"email": "a@example.com"}]}}, "accounts.json", "localId"),
        ({"config": "nonsense"}, "config.json", r"not JSON: .* \(line 1, column 1\) \(at "),
        (
            {"config": "[1e999]"},
            "config.json",
            r"not JSON: a number is too large for a double \(at ",
        ),
    ],
)
def test_a_broken_file_is_named_before_anything_listens(
    tmp_path: Path, replaced: dict[str, object], where: str, what: str
) -> None:
    """Which file, and what is wrong with it."""
    emulator = Emulator(import_from=_export(tmp_path, **replaced))
    with pytest.raises(InvalidData, match=what) as refused:
        emulator.start()
    assert where in (refused.value.where or "")
    with pytest.raises(ImbariError, match="not running"):
        _ = emulator.database_host


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Here a directory of that name."""
    directory = _export(tmp_path, accounts=None)
    (directory / "auth_export" / "accounts.json").mkdir()
    with pytest.raises(InvalidData, match="cannot be read: Is a directory") as refused:
        Emulator(import_from=directory).start()
    assert (refused.value.where or "").endswith("accounts.json")


@pytest.mark.parametrize("name", ["no.dots", "a b"])
def test_a_file_that_names_no_database_is_refused(tmp_path: Path, name: str) -> None:
    """As the API would."""
    directory = _lay(_export(tmp_path), {f"database_export/{name}.json": 1})
    with pytest.raises(InvalidData, match="not named for a database"):
        Emulator(import_from=directory).start()


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    """No directory, a file, nothing in it, too much in it."""
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    _lay(tmp_path / "two", {"a.json": 1, "b.json": 2})
    for name, what in (
        ("none", "does not exist"),
        ("file", "not a directory"),
        ("empty", "single"),
        ("two", "single"),
    ):
        with pytest.raises(ConfigError, match=what) as refused:
            Emulator(import_from=tmp_path / name).start()
        assert refused.value.where == str(tmp_path / name)


@pytest.mark.parametrize(
    "replaced", [{}, {"accounts": None}, {"other": "null", "default_rtdb": "null"}], ids=repr
)
def test_an_import_goes_into_kept_data_only_at_first(
    tmp_path: Path, replaced: Mapping[str, object]
) -> None:
    """It would replace the data or users that are there, so that has to be said differently."""
    directory = _export(tmp_path / "in", **replaced)
    with Emulator(data=tmp_path / "data", import_from=directory):
        pass
    with Emulator(data=tmp_path / "data") as kept:
        assert _get(kept, ns="other").json() == (None if "other" in replaced else [1, 2])
        assert len(_users(kept)) == ("accounts" not in replaced)
    with pytest.raises(ConfigError, match="would replace"):
        Emulator(data=tmp_path / "data", import_from=directory).start()
