"""What a sign-in leaves on this machine."""

import json
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path as FilePath
from typing import Any, ClassVar

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from imbari_chat.errors import AuthError, ConfigError
from imbari_chat.identity.token_store import TokenStore

posix = pytest.mark.skipif(sys.platform == "win32", reason="file modes are a POSIX matter")


class Ring(KeyringBackend):
    """A keyring in memory, just good enough: keyring recommends those from 1 on."""

    priority: ClassVar[float] = 1
    name: ClassVar[str] = "ring of a test"

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring's own
        self.entries: dict[tuple[str, str], str] = {}
        self.trouble: Exception | None = None

    def _check(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._check()
        if self.entries.pop((service, username), None) is None:
            raise PasswordDeleteError("none")


class PoorRing(Ring):
    """A keyring that keeps secrets badly."""

    priority: ClassVar[float] = 0.9


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    ring = Ring()
    monkeypatch.setattr(keyring, "get_keyring", lambda: ring)
    return ring


@pytest.fixture
def store(tmp_path: FilePath) -> TokenStore:
    return TokenStore(tmp_path / "state", backend="file")


def test_what_is_kept_comes_back_until_forgotten(store: TokenStore) -> None:
    """The newest token counts."""
    assert store.load("demo-x", "admin") is None
    store.save("demo-x", "admin", "r1")
    store.save("demo-x", "admin", "r2")
    assert store.load("demo-x", "admin") == "r2"
    assert store.delete("demo-x", "admin") is True
    assert store.delete("demo-x", "admin") is False
    assert store.load("demo-x", "admin") is None


def test_projects_and_profiles_stay_apart(store: TokenStore) -> None:
    """Names that could run into one another do not."""
    names = [("a", "b-c"), ("a-b", "c"), ("a", "b.c"), ("b", "a"), ("A", "b-c2")]
    for project, profile in names:
        store.save(project, profile, f"{project}/{profile}")
    for project, profile in names:
        assert store.load(project, profile) == f"{project}/{profile}"


@posix
def test_file_is_its_owners_alone(store: TokenStore, tmp_path: FilePath) -> None:
    """Even where the umask would let everybody read."""
    before = os.umask(0)
    try:
        store.save("demo-x", "admin", "r1")
        store.save("demo-x", "admin", "r2")
    finally:
        os.umask(before)
    (file,) = (tmp_path / "state").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_file_is_replaced_as_a_whole(store: TokenStore, tmp_path: FilePath) -> None:
    """Readers see one token or the next while it changes, and nothing is left lying about."""
    store.save("demo-x", "admin", "r" * 5000)

    def write(number: int) -> None:
        store.save("demo-x", "admin", str(number % 10) * 5000)

    def read(_: int) -> str | None:
        return store.load("demo-x", "admin")

    with ThreadPoolExecutor(4) as pool:
        reads = [pool.submit(read, n) if n % 2 else pool.submit(write, n) for n in range(60)]
        seen = {value for value in (future.result() for future in reads) if value is not None}
    assert all(len(value) == 5000 and len(set(value)) == 1 for value in seen)
    assert [file.name for file in (tmp_path / "state").iterdir()] == ["admin@demo-x.json"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b"{}", b'{"refreshToken": 7}', b'{"refreshToken":""}'],
)
def test_damaged_file_is_named_and_not_quoted(
    store: TokenStore, tmp_path: FilePath, content: bytes
) -> None:
    """The way out is to sign in again."""
    store.save("demo-x", "admin", "r1")
    file = tmp_path / "state" / "admin@demo-x.json"
    file.write_bytes(content)
    with pytest.raises(AuthError, match="damaged") as caught:
        store.load("demo-x", "admin")
    assert caught.value.where == str(file)
    assert "auth login" in str(caught.value.hint)
    store.save("demo-x", "admin", "r2")
    assert store.load("demo-x", "admin") == "r2"


def test_unusable_place_is_named(tmp_path: FilePath) -> None:
    """A file where the directory should be, a directory where the file should be."""
    blocked = tmp_path / "state"
    blocked.write_text("")
    with pytest.raises(ConfigError) as caught:
        TokenStore(blocked, backend="file").save("demo-x", "admin", "r1")
    assert str(blocked) in str(caught.value)
    folder = tmp_path / "other" / "admin@demo-x.json"
    folder.mkdir(parents=True)
    store = TokenStore(tmp_path / "other", backend="file")
    with pytest.raises(ConfigError):
        store.load("demo-x", "admin")
    with pytest.raises(ConfigError):
        store.delete("demo-x", "admin")
    with pytest.raises(ConfigError):
        store.save("demo-x", "admin", "r1")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["admin@demo-x.json"]


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "a b", ".hidden", "a@b", "x\n"])
def test_names_cannot_leave_the_directory(store: TokenStore, name: str) -> None:
    """A profile is typed by a person and becomes part of a file name."""
    with pytest.raises(ConfigError):
        store.save(name, "admin", "r1")
    with pytest.raises(ConfigError):
        store.load("demo-x", name)


@pytest.mark.parametrize("backend", ["auto", "keyring"])
def test_good_keyring_is_used(ring: Ring, tmp_path: FilePath, backend: str) -> None:
    """And the token is in no file."""
    store = TokenStore(tmp_path, backend="auto" if backend == "auto" else "keyring")
    assert "ring of a test" in store.place
    store.save("demo-x", "admin", "r1")
    assert store.load("demo-x", "admin") == "r1"
    assert list(ring.entries.values()) == ["r1"]
    assert not any("r1" in file.read_text() for file in tmp_path.iterdir())
    assert not list(tmp_path.glob("*.json"))
    assert store.delete("demo-x", "admin") is True
    assert store.delete("demo-x", "admin") is False
    assert ring.entries == {}


def test_poor_keyring_is_not_used_unasked(
    tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with mode 0600 is better than a backend that keyring itself does not recommend."""
    monkeypatch.setattr(keyring, "get_keyring", PoorRing)
    store = TokenStore(tmp_path)
    assert store.place == str(tmp_path)
    store.save("demo-x", "admin", "r1")
    assert json.loads((tmp_path / "admin@demo-x.json").read_text()) == {"refreshToken": "r1"}
    with pytest.raises(ConfigError, match="no keyring"):
        TokenStore(tmp_path, backend="keyring").load("demo-x", "admin")


TROUBLES = [kind("s-e-c-r-e-t") for kind in (KeyringLocked, RuntimeError, OSError, TimeoutError)]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("is_there", [True, False])
def test_trouble_with_a_keyring_is_said_without_its_words(
    ring: Ring,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: FilePath,
    trouble: Exception,
    is_there: bool,
) -> None:
    """What a backend quotes may be what it was given; some let through what is below them."""
    store = TokenStore(tmp_path)
    ring.trouble = trouble
    if not is_there:
        monkeypatch.setattr(keyring, "get_keyring", ring._check)
    for act in (
        lambda: store.load("demo-x", "admin"),
        lambda: store.save("demo-x", "admin", "r1"),
        lambda: store.delete("demo-x", "admin"),
    ):
        with pytest.raises(ConfigError, match="keyring") as caught:
            act()
        assert "s-e-c-r-e-t" not in str(caught.value)
        assert caught.value.__context__ is None


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise AssertionError("the keyring was asked")

    monkeypatch.setattr(keyring, "get_keyring", fail)


def test_a_keyring_without_the_entry_is_not_asked_again(
    ring: Ring, tmp_path: FilePath, request: pytest.FixtureRequest
) -> None:
    """Asking takes longer than all else that a short command does on its own."""
    store = TokenStore(tmp_path)
    assert store.load("demo-x", "admin", briefly=True) is None
    request.getfixturevalue("no_keyring")
    assert store.load("demo-x", "admin", briefly=True) is None
    with pytest.raises(ConfigError, match="keyring"):  # of another profile nothing is known
        store.load("demo-x", "other", briefly=True)


def test_a_token_in_a_file_needs_no_keyring(
    tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Once it has turned out that this machine has none."""
    monkeypatch.setattr(keyring, "get_keyring", PoorRing)
    store = TokenStore(tmp_path)
    store.save("demo-x", "admin", "r1")
    assert store.load("demo-x", "admin") == "r1"
    request.getfixturevalue("no_keyring")
    assert store.load("demo-x", "admin") == "r1"


@pytest.mark.parametrize("wiped", [True, False])
def test_a_sign_in_of_another_directory_is_found_by_whoever_needs_one(
    ring: Ring, tmp_path: FilePath, wiped: bool
) -> None:
    """The keyring is the user's: what was found out about it here may be out of date, or gone."""
    here, there = TokenStore(tmp_path / "here"), TokenStore(tmp_path / "there")
    assert here.load("demo-x", "admin") is None
    there.save("demo-x", "admin", "r1")
    if wiped:
        for file in (tmp_path / "here").iterdir():
            file.unlink()
    known = here.load("demo-x", "admin", briefly=True) if wiped else here.load("demo-x", "admin")
    assert known == "r1"


def test_who_wants_the_keyring_alone_has_nothing_to_do_with_files(
    ring: Ring, tmp_path: FilePath
) -> None:
    """Neither with a token that is in one, nor with what was found out about the keyring."""
    files = TokenStore(tmp_path, backend="file")
    alone = TokenStore(tmp_path, backend="keyring")
    files.save("demo-x", "admin", "in a file")
    assert alone.load("demo-x", "admin") is None
    alone.save("demo-x", "admin", "r1")
    assert alone.load("demo-x", "admin") == "r1"
    assert [alone.delete("demo-x", "admin") for _ in range(2)] == [True, False]
    assert [file.name for file in tmp_path.iterdir()] == ["admin@demo-x.json"]
    assert files.load("demo-x", "admin") == "in a file"
    assert TokenStore(tmp_path).load("demo-x", "other") is None
    TokenStore(tmp_path / "there").save("demo-x", "other", "r2")
    assert alone.load("demo-x", "other", briefly=True) == "r2"


@pytest.mark.parametrize("backend", ["auto", "keyring"])
def test_an_empty_entry_of_a_keyring_is_no_sign_in(
    ring: Ring, tmp_path: FilePath, backend: str
) -> None:
    """As a service leaves it that cannot delete."""
    store = TokenStore(tmp_path, backend="auto" if backend == "auto" else "keyring")
    store.save("demo-x", "admin", "r1")
    ring.entries = dict.fromkeys(ring.entries, "")
    assert store.load("demo-x", "admin") is None


def test_a_sign_in_is_found_at_once_after_none_was(ring: Ring, tmp_path: FilePath) -> None:
    """And is gone at once when it is forgotten."""
    store = TokenStore(tmp_path)
    for token in ("r1", "r2"):
        assert store.load("demo-x", "admin", briefly=True) is None
        store.save("demo-x", "admin", token)
        assert store.load("demo-x", "admin", briefly=True) == token
        store.delete("demo-x", "admin")


def test_a_keyring_that_is_away_for_a_while_is_asked_when_it_is_back(
    ring: Ring, tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session over ssh has none, and says nothing about what it holds."""
    store = TokenStore(tmp_path)
    store.save("demo-x", "admin", "r1")
    monkeypatch.setattr(keyring, "get_keyring", PoorRing)
    assert store.load("demo-x", "admin") is None
    monkeypatch.setattr(keyring, "get_keyring", lambda: ring)
    assert store.load("demo-x", "admin", briefly=True) == "r1"


def test_a_sign_in_from_before_there_was_a_keyring_stays_good(
    tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until another takes its place, or it is forgotten; then nothing of it is left."""
    ring = Ring()
    store = TokenStore(tmp_path)
    for end in ("another", "forgotten"):
        monkeypatch.setattr(keyring, "get_keyring", PoorRing)
        store.save("demo-x", "admin", "r1")
        monkeypatch.setattr(keyring, "get_keyring", lambda: ring)
        assert store.load("demo-x", "admin") == "r1"
        if end == "another":
            store.save("demo-x", "admin", "r2")
            assert store.load("demo-x", "admin") == "r2"
            assert not list(tmp_path.glob("*.json"))
        assert store.delete("demo-x", "admin") is True
        monkeypatch.setattr(keyring, "get_keyring", PoorRing)
        assert store.load("demo-x", "admin") is None


def test_what_is_known_of_the_keyring_is_only_believed_when_it_can_be_read(
    ring: Ring, tmp_path: FilePath
) -> None:
    """Damaged, it costs time and nothing else."""
    store = TokenStore(tmp_path)
    store.save("demo-x", "admin", "r1")
    (note,) = tmp_path.iterdir()
    note.write_bytes(b"\xff\x00")
    assert store.load("demo-x", "admin", briefly=True) == "r1"


ELSEWHERE = "http://127.0.0.1:9099"


@pytest.mark.parametrize("kept_in", ["file", "keyring"])
def test_a_sign_in_is_found_only_where_it_was_made(
    tmp_path: FilePath, ring: Ring, kept_in: Any
) -> None:
    """Neither a live one at an emulator, nor the reverse, nor one emulator's at another."""
    store = TokenStore(tmp_path / "state", backend=kept_in)
    places = [None, ELSEWHERE, "http://127.0.0.1:9199", "https://db.example.com"]
    for made in places:
        for place in places:
            store.delete("p", "admin", place)
        store.save("p", "admin", "r1", made)
        found = {place: store.load("p", "admin", place) for place in places}
        assert found == {place: "r1" if place == made else None for place in places}


@pytest.mark.parametrize("kept_in", ["file", "keyring"])
def test_a_sign_in_elsewhere_leaves_the_live_one_alone(
    tmp_path: FilePath, ring: Ring, kept_in: Any
) -> None:
    """Whatever an emulator answers, it replaces nothing of a live project's."""
    store = TokenStore(tmp_path / "state", backend=kept_in)
    store.save("p", "admin", "live")
    store.save("p", "admin", "theirs", ELSEWHERE)
    assert store.load("p", "admin") == "live"
    assert store.delete("p", "admin", ELSEWHERE) is True
    assert store.load("p", "admin") == "live"


@posix
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o666, 0o620, 0o604])
def test_a_file_that_others_can_see_is_mended_and_said(
    store: TokenStore, tmp_path: FilePath, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    """It is never used in silence."""
    store.save("p", "admin", "r1")
    file = tmp_path / "state" / "admin@p.json"
    file.chmod(mode)
    assert store.load("p", "admin") == "r1"
    assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    assert str(file) in caplog.text
    caplog.clear()
    assert store.load("p", "admin") == "r1"
    assert caplog.text == ""


@posix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722])
@pytest.mark.parametrize("act", ["load", "save"])
def test_a_directory_that_others_can_change_is_mended_and_said(
    store: TokenStore, tmp_path: FilePath, caplog: pytest.LogCaptureFixture, mode: int, act: str
) -> None:
    """Others could put a sign-in of theirs there."""
    store.save("p", "admin", "r1")
    directory = tmp_path / "state"
    directory.chmod(mode)
    if act == "load":
        assert store.load("p", "admin") == "r1"
    else:
        store.save("p", "admin", "r2")
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert str(directory) in caplog.text


@posix
def test_a_sticky_directory_is_left_as_it_is(
    tmp_path: FilePath, caplog: pytest.LogCaptureFixture
) -> None:
    """Others touch none of our files there, and somebody needs it open."""
    tmp_path.chmod(0o1777)
    store = TokenStore(tmp_path, backend="file")
    store.save("p", "admin", "r1")
    assert store.load("p", "admin") == "r1"
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777
    assert caplog.text == ""


@posix
@pytest.mark.parametrize("whose", ["the directory", "the file"])
def test_what_belongs_to_somebody_else_is_refused(
    store: TokenStore, tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    """A planted sign-in would make an admin act as whoever planted it."""
    store.save("p", "admin", "r1")
    me = (tmp_path / "state").stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: me + 1001)
    if whose == "the file":
        # The directory is ours, the file in it is not.
        monkeypatch.setattr("imbari_chat.private_files._check_directory", lambda _directory: None)
    if me == 0:
        monkeypatch.setattr("imbari_chat.private_files._ROOT", -1)
    with pytest.raises(ConfigError, match="somebody else"):
        store.load("p", "admin")


@posix
def test_a_link_in_place_of_the_file_is_not_followed(store: TokenStore, tmp_path: FilePath) -> None:
    """It could lead to any file of ours."""
    store.save("p", "admin", "r1")
    file = tmp_path / "state" / "admin@p.json"
    file.rename(tmp_path / "moved")
    file.symlink_to(tmp_path / "moved")
    with pytest.raises(ConfigError, match="cannot be used"):
        store.load("p", "admin")
