"""Data that outlives the emulator: what is kept, and what is refused."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from imbari_chat.emulator import Emulator
from imbari_chat.emulator.auth.account import Account
from imbari_chat.emulator.auth.state import AuthState
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.journal import encode, read
from imbari_chat.emulator.persistence import Durable, changed, kept
from imbari_chat.errors import ConfigError
from imbari_chat.rules import Ruleset
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT
from imbari_chat.wire.paths import Path as Place
from imbari_chat.wire.tree import EMPTY, from_json, put_all
from tests import plain_http, programs
from tests.emulator.plain_socket import joined

_KEYS = st.sampled_from(["a", "b", "1", "2"])
_TREES = st.recursive(
    st.none() | st.integers(0, 2) | st.just({".value": 1, ".priority": 2}),
    lambda inner: (
        st.dictionaries(_KEYS, inner, max_size=3)
        | st.dictionaries(_KEYS, inner, min_size=1, max_size=2).map(
            lambda it: {**it, ".priority": 1}
        )
    ),
    max_leaves=8,
)


@example({"a": 1}, 1)
@example(1, {"a": 1})
@example({"a": 1}, None)
@example(None, {"a": 1})
@example({"a": 1}, {"a": 1, ".priority": 1})
@example({"a": 1, "b": 1}, {"b": 2, "c": 1})
@example({"a": 1, "b": 1}, {"b": 1, "c": 1})
@given(_TREES, _TREES)
def test_the_difference_makes_one_tree_of_the_other(before: Json, after: Json) -> None:
    """Whatever the two trees are, priorities included."""
    old, new = from_json(before), from_json(after)
    assert put_all(old, list(changed(old, new))) == new


@example({"a": 1, "b": 1}, [("/a", None), ("/c", 1)])
@given(_TREES, st.lists(st.tuples(st.sampled_from(["/", "/a", "/a/b", "/b", "/1"]), _TREES)))
def test_the_difference_is_what_was_written(before: Json, writes: list[tuple[str, Json]]) -> None:
    """Whatever the two trees share, as each shares with the next what a write did not touch."""
    old = new = from_json(before)
    for place, value in writes:
        new = new.put(Place.parse(place), from_json(value))
    assert put_all(old, list(changed(old, new))) == new


@pytest.mark.parametrize("rooms", [50, 5000])
def test_the_difference_is_no_larger_than_the_change(rooms: int) -> None:
    """One leaf among many is one put; so is one that goes and one that comes, write after write."""
    old = from_json({"rooms": {str(n): {"text": "x"} for n in range(rooms)}})
    assert list(changed(old, old)) == []
    for before, after in ((EMPTY, old), (old, EMPTY)):
        assert list(changed(before, after)) == [(ROOT, after)]
    for place, value in (
        ("/rooms/7/text", "y"),
        ("/rooms/8/text", "z"),
        ("/rooms/9", None),
        ("/rooms/new", "n"),
    ):
        new = old.put(Place.parse(place), from_json(value))
        assert list(changed(old, new)) == [(Place.parse(place), from_json(value))]
        old = new


def _url(emulator: Emulator, path: str = "/a.json", **query: str) -> str:
    return str(httpx.URL(f"http://{emulator.database_host}{path}", params=query))


def _sign_up(emulator: Emulator, email: str) -> dict[str, str]:
    url = f"http://{emulator.auth_host}/identitytoolkit.googleapis.com/v1/accounts:signUp?key=k"
    answer = plain_http.post(
        url, json={"email": email, "password": "secret1", "returnSecureToken": True}
    )
    assert answer.status_code == 200
    found: dict[str, str] = answer.json()
    return found


def _sign_in(emulator: Emulator, email: str) -> httpx.Response:
    host = emulator.auth_host
    url = f"http://{host}/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=k"
    return plain_http.post(url, json={"email": email, "password": "secret1"})


_UNWRITTEN = "the data directory cannot be written: No space left on device"


def _no_space(*_: object) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_data_and_users_are_there_the_next_time(tmp_path: Path) -> None:
    """Of every database and project; deletions as well."""
    tmp_path /= "made/when needed"
    with Emulator(data=tmp_path) as first:
        plain_http.put(_url(first), json={"x": {".value": 1, ".priority": "p"}, "y": [1, 2]})
        plain_http.put(_url(first, ns="other"), json="there")
        plain_http.put(_url(first, "/gone.json"), json=1)
        plain_http.delete(_url(first, "/gone.json"))
        _sign_up(first, "a@example.com")
        uid = _sign_up(first, "b@example.com")["localId"]
        plain_http.post(
            f"http://{first.auth_host}/identitytoolkit.googleapis.com/v1/projects/demo-imbari"
            "/accounts:delete",
            json={"localId": uid},
            headers={"Authorization": "Bearer owner"},
        )
        before = plain_http.get(_url(first, "/.json", format="export")).text
    for _ in range(3):  # each begins the journal anew
        with Emulator(data=tmp_path) as again:
            assert plain_http.get(_url(again, "/.json", format="export")).text == before
            assert plain_http.get(_url(again, ns="other")).json() == "there"
            assert _sign_in(again, "a@example.com").status_code == 200
            assert _sign_in(again, "b@example.com").status_code == 400
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}


def test_a_refresh_token_is_good_after_a_restart(tmp_path: Path) -> None:
    """Even where expiry is enforced; nobody has to sign in again."""
    with Emulator(data=tmp_path, enforce_expiry=True) as first:
        token = _sign_up(first, "a@example.com")["refreshToken"]
    with Emulator(data=tmp_path, enforce_expiry=True) as second:
        answer = plain_http.post(
            f"http://{second.auth_host}/securetoken.googleapis.com/v1/token?key=k",
            data={"grant_type": "refresh_token", "refresh_token": token},
        )
        assert answer.status_code == 200


def test_settings_of_a_project_are_kept(tmp_path: Path) -> None:
    """As far as the emulator knows them."""
    config = {"emailPrivacyConfig": {"enableImprovedEmailPrivacy": True}}
    path = "/emulator/v1/projects/demo-imbari/config"
    with Emulator(data=tmp_path) as first:
        plain_http.patch(f"http://{first.auth_host}{path}", json=config)
    with Emulator(data=tmp_path) as second:
        assert plain_http.get(f"http://{second.auth_host}{path}").json()["emailPrivacyConfig"] == {
            "enableImprovedEmailPrivacy": True
        }


def test_a_reset_is_kept(tmp_path: Path) -> None:
    """What was deleted does not come back."""
    with Emulator(data=tmp_path) as first:
        plain_http.put(_url(first), json=1)
        _sign_up(first, "a@example.com")
        first.reset()
    with Emulator(data=tmp_path) as second:
        assert plain_http.get(_url(second)).json() is None
        assert _sign_in(second, "a@example.com").status_code == 400


def _as_killed(data: Path) -> Json:
    """What another emulator would find of ``/a`` if the one that runs were killed now."""
    copy = shutil.copytree(data, data.with_name("copy"))
    with Emulator(data=copy) as second:
        return plain_http.get(_url(second)).json()  # type: ignore[no-any-return]


def test_a_reset_and_an_import_are_kept_at_once(tmp_path: Path) -> None:
    """A kill afterwards brings nothing back, and takes nothing away."""
    data, exported = tmp_path / "data", tmp_path / "exported"
    with Emulator() as origin:
        plain_http.put(_url(origin), json=1)
        origin.export(exported)
    with Emulator(data=data, import_from=exported) as emulator:
        assert _as_killed(data) == 1
        shutil.rmtree(tmp_path / "copy")
        emulator.reset()
        assert _as_killed(data) is None


@pytest.mark.parametrize("is_kept", [True, False])
def test_an_import_is_what_the_first_start_begins_with(tmp_path: Path, is_kept: bool) -> None:
    """What was written since is newer, and stands after the next one."""
    exported = tmp_path / "exported"
    with Emulator() as origin:
        plain_http.put(_url(origin), json=1)
        origin.export(exported)
    emulator = Emulator(data=tmp_path / "data" if is_kept else None, import_from=exported)
    with emulator:
        assert plain_http.get(_url(emulator)).json() == 1
        plain_http.put(_url(emulator), json=2)
    with emulator:
        assert plain_http.get(_url(emulator)).json() == 2


def test_a_stopped_emulator_is_reset_in_memory_alone(tmp_path: Path) -> None:
    """The directory is not its own any more, so the next start goes on from that."""
    emulator = Emulator(data=tmp_path)
    with emulator:
        plain_http.put(_url(emulator), json=1)
    emulator.reset()
    with emulator:
        assert plain_http.get(_url(emulator)).json() == 1


def test_what_a_client_wanted_at_its_end_is_kept_when_the_emulator_stops_first(
    tmp_path: Path,
) -> None:
    """Who is there now was not told to be gone by anybody else."""
    first = Emulator(data=tmp_path).start()
    with joined(first.database_host) as client:
        client.ask("o", {"p": "/a", "d": "gone"})
        first.stop()
    with Emulator(data=tmp_path) as second:
        assert plain_http.get(_url(second)).json() == "gone"


def test_the_same_emulator_can_be_started_again(tmp_path: Path) -> None:
    """It goes on from what the directory holds, whoever wrote it in between."""
    emulator = Emulator(data=tmp_path)
    with emulator:
        plain_http.put(_url(emulator), json=1)
    with Emulator(data=tmp_path) as other:
        plain_http.put(_url(other), json=2)
    with emulator:
        assert plain_http.get(_url(emulator)).json() == 2


def test_two_emulators_do_not_share_a_directory(tmp_path: Path) -> None:
    """The second says which process has it; nothing of it listens."""
    (tmp_path / "lock").write_text("12345678901234567\n")  # of one that is gone
    with Emulator(data=tmp_path):
        second = Emulator(data=tmp_path)
        told = rf"another emulator uses this directory \(process {os.getpid()}\)"
        with pytest.raises(ConfigError, match=told) as refused:
            second.start()
        assert refused.value.where == str(tmp_path)
    with second:
        pass


@pytest.mark.parametrize("why", ["closed", "taken", "damaged", "full"])
def test_a_directory_is_let_go_of_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """Whether it was had or could not be: no file stays open, and nobody else is kept out."""
    seen: dict[str, list[int]] = {"open": [], "dup": []}
    closed: list[int] = []

    def noting(name: str) -> Callable[..., int]:
        function = getattr(os, name)

        def call(*given: Any) -> int:
            seen[name].append(function(*given))
            return seen[name][-1]

        return call

    def close(descriptor: int, really: Callable[[int], None] = os.close) -> None:
        closed.append(descriptor)
        really(descriptor)

    for name in seen:
        monkeypatch.setattr(os, name, noting(name))
    monkeypatch.setattr(os, "close", close)
    first, second = (
        Durable(tmp_path, Databases("d", Ruleset.open()), AuthState(project="p")) for _ in range(2)
    )
    if why == "damaged":
        (tmp_path / "journal").write_text("hello")
    with monkeypatch.context() as full:
        if why == "full":
            full.setattr("imbari_chat.emulator.journal.write_all", _no_space)
        with pytest.raises(ConfigError) if why in {"damaged", "full"} else nullcontext():
            first.open(0)
    if why == "taken":
        with pytest.raises(ConfigError):
            second.open(0)
    if why in {"closed", "taken"}:
        first.close()
    assert len(seen["open"]) >= 1
    assert sorted(closed) == sorted([*seen["open"], *seen["dup"]])


@pytest.mark.parametrize("user", [False, True])
@pytest.mark.parametrize("value", [None, 1])
def test_a_directory_tells_whether_it_holds_anything(
    tmp_path: Path, value: Json, user: bool
) -> None:
    """Data or users: either is what an import would replace."""
    for held in (False, user or value is not None):
        databases, accounts = Databases("d", Ruleset.open()), AuthState(project="p")
        with closing(Durable(tmp_path, databases, accounts)) as durable:
            assert durable.open(0) is held
            databases.named("d").write(Write.put(Place(), value), ADMIN, 0)
            if user:
                accounts.accounts().put(Account(local_id="u"))
            durable.keep()


def test_a_journal_tells_what_has_changed_and_no_more(tmp_path: Path) -> None:
    """Users who are new cost the settings, other users and other projects no word."""
    accounts = AuthState(project="p")
    with closing(Durable(tmp_path, Databases("d", Ruleset.open()), accounts)) as durable:
        durable.open(0)
        assert read((tmp_path / "journal").read_bytes()).records == [
            {"format": "imbari-chat emulator", "version": 1}
        ]
        for project in ("p", "other"):
            accounts.accounts(project).put(Account(local_id="old"))
        durable.keep()
        before = len(read((tmp_path / "journal").read_bytes()).records)
        for uid in ("a", "b"):
            accounts.accounts().put(Account(local_id=uid))
        durable.keep()
        durable.keep()
        record: Any
        (record,) = read((tmp_path / "journal").read_bytes()).records[before:]
    assert record.keys() == {"project", "users"}
    assert record["users"].keys() == {"a", "b"}


def test_a_torn_record_is_dropped_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What stands before it is all there."""
    with Emulator(data=tmp_path) as first:
        plain_http.put(_url(first), json=1)
    with (tmp_path / "journal").open("ab") as journal:
        journal.write(b'deadbeef {"database":')
    with Emulator(data=tmp_path) as second:
        assert plain_http.get(_url(second)).json() == 1
    assert "dropped the last 21 bytes" in caplog.text
    assert read((tmp_path / "journal").read_bytes()).torn == 0
    caplog.clear()
    with Emulator(data=tmp_path):
        assert "dropped" not in caplog.text


def _damage(data: bytes) -> bytes:
    return data.replace(b'"put"', b'"pat"', 1)


def _cut_first(data: bytes) -> bytes:
    return data[data.index(b"\n") + 1 :]


@pytest.mark.parametrize(
    ("spoil", "what"),
    [(_damage, "damaged at byte"), (_cut_first, "not a journal"), (lambda _: b"hello", "not a")],
)
def test_a_journal_that_no_crash_explains_is_refused(
    tmp_path: Path, spoil: Callable[[bytes], bytes], what: str
) -> None:
    """Going on would lose what was acknowledged; the file stays as it is."""
    with Emulator(data=tmp_path) as first:
        plain_http.put(_url(first), json=1)
        plain_http.put(_url(first), json=2)
    file = tmp_path / "journal"
    spoiled = spoil(file.read_bytes())
    file.write_bytes(spoiled)
    with pytest.raises(ConfigError, match=what) as refused:
        Emulator(data=tmp_path).start()
    assert refused.value.where == str(file)
    assert file.read_bytes() == spoiled


@pytest.mark.parametrize(
    "record",
    [
        5,
        "database",
        {},
        {"database": "a"},
        {"database": "a", "put": []},
        {"database": "a", "put": {"/a.b": 1}},
        {"database": "a", "put": {"/a": {".value": []}}},
        {"database": [], "put": {}},
        {"database": 5, "put": {}},
        {"database": "a/b", "put": {}},
        {"project": {}, "users": {}},
        {"project": "p", "users": 5},
        {"project": "p", "users": {"u": 5}},
        {"project": "p", "settings": 5},
        {"project": "p", "settings": {"signIn": 5}},
    ],
    ids=repr,
)
def test_a_record_that_makes_no_sense_is_refused(tmp_path: Path, record: Json) -> None:
    """Somebody wrote it who is not us."""
    databases = Databases("the-default", Ruleset.open())
    with closing(Durable(tmp_path, databases, AuthState(project="p"))) as durable:
        durable.open(0)
    file = tmp_path / "journal"
    whole = file.read_bytes() + encode(record)
    file.write_bytes(whole)
    with pytest.raises(ConfigError, match="holds a record that makes no sense") as refused:
        durable.open(0)
    assert refused.value.where == str(file)
    assert file.read_bytes() == whole


def test_a_write_that_cannot_be_kept_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """500 until it can, and why is told; then it is kept with whatever comes next."""
    with Emulator(data=tmp_path) as first:
        plain_http.put(_url(first), json=1)
        with monkeypatch.context() as full:
            full.setattr("imbari_chat.emulator.journal.write_all", _no_space)
            assert plain_http.put(_url(first), json=2).status_code == 500
            assert f"{tmp_path}: {_UNWRITTEN}" in caplog.text
        assert plain_http.put(_url(first, "/b.json"), json=3).status_code == 200
        with monkeypatch.context() as full:
            full.setattr("imbari_chat.emulator.journal.write_all", _no_space)
            assert plain_http.put(_url(first, "/c.json"), json=4).status_code == 500
    with Emulator(data=tmp_path) as second:
        assert plain_http.get(_url(second, "/.json")).json() == {"a": 2, "b": 3, "c": 4}


def test_whoever_stops_or_resets_is_told_what_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the directory; the ports are free nevertheless, and everything is exported."""
    data, out = tmp_path / "data", tmp_path / "out"
    emulator = Emulator(data=data, export_on_exit=out).start()
    port = int(emulator.database_host.rpartition(":")[2])
    plain_http.put(_url(emulator), json=1)
    with monkeypatch.context() as full:
        full.setattr("imbari_chat.emulator.journal.write_all", _no_space)
        for call in (emulator.reset, emulator.stop):
            with pytest.raises(ConfigError, match=_UNWRITTEN) as refused:
                call()
            assert refused.value.where == str(data)
    assert (out / "firebase-export-metadata.json").exists()
    with Emulator(data=data, database_port=port) as second:
        assert plain_http.get(_url(second)).json() == 1


async def test_what_is_changed_behind_an_answer_is_kept_too() -> None:
    """A client that has gone leaves what it wanted at its end, and nobody need be told."""
    order: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.body"})
        order.append("changed")

    async def send(message: Message) -> None:
        order.append(str(message["type"]))

    async def receive() -> Message:
        raise AssertionError

    await kept(app, lambda: order.append("kept"))({"type": "http"}, receive, send)
    assert order == ["kept", "http.response.body", "changed", "kept"]


def test_the_journal_does_not_grow_without_end(tmp_path: Path) -> None:
    """Overwritten values are dropped while it runs, and at the next start."""
    big = "x" * 200_000
    with Emulator(data=tmp_path) as first:
        sizes = []
        for number in range(12):
            plain_http.put(_url(first), json=f"{number}{big}")
            sizes.append((tmp_path / "journal").stat().st_size)
        assert max(sizes) < 2 * 1024 * 1024
        assert min(sizes[6:]) < 500_000
    with Emulator(data=tmp_path) as second:
        assert plain_http.get(_url(second)).json() == f"11{big}"
        assert (tmp_path / "journal").stat().st_size < 300_000


def test_a_journal_begins_anew_when_it_is_twice_as_long(tmp_path: Path) -> None:
    """So a write costs no more than it says, however much is kept."""
    databases = Databases("the-default", Ruleset.open())
    database = databases.named("the-default")

    def length() -> int:
        return (tmp_path / "journal").stat().st_size

    with closing(Durable(tmp_path, databases, AuthState(project="p"))) as durable:
        durable.open(0)
        database.write(Write.put(Place.parse("/kept"), "x" * 1_500_000), ADMIN, 0)
        durable.keep()
        size = base = length()
        begun = 0
        for number in range(40):
            database.write(Write.put(Place.parse("/a"), f"{number}" + "x" * 100_000), ADMIN, 0)
            durable.keep()
            size, before = length(), size
            if size < before:
                assert 2 * base - 101_000 < before <= 2 * base
                base, begun = size, begun + 1
    assert begun == 2


def test_a_journal_that_cannot_be_shortened_stays_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is lost, and writes go on; it is tried again when it is twice as long."""
    big = "x" * 700_000
    with Emulator(data=tmp_path) as first:
        with monkeypatch.context() as full:
            full.setattr("imbari_chat.emulator.journal.Journal.rewrite", _no_space)
            for number in range(3):
                answer = plain_http.put(_url(first, f"/{number}.json"), json=big)
                assert answer.status_code == 200
        assert caplog.text.count("stays long: No space left on device") == 1
    with Emulator(data=tmp_path) as second:
        keys = plain_http.get(_url(second, "/.json", shallow="true")).json()
        assert keys == dict.fromkeys("012", True)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Before anything listens."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used") as refused:
        Emulator(data=tmp_path / "file" / "data").start()
    assert "file" in (refused.value.where or "")


SERVER = """
    import sys
    from pathlib import Path
    from imbari_chat.emulator import Emulator
    emulator = Emulator(data=Path(sys.argv[1])).start()
    print(emulator.database_host, emulator.auth_host, flush=True)
    sys.stdin.read()
"""


def _killed_under_load(directory: Path, life: int, acknowledged: dict[str, int]) -> list[str]:
    """Write from three threads until the server, killed in the middle, does not answer."""
    server = programs.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVER), str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    database, auth = server.stdout.readline().split()
    emails: list[str] = []
    enough = threading.Event()

    def write(writer: int) -> None:
        with plain_http.Client(timeout=60) as client:
            for number in range(5_000):
                key = f"w{life}-{writer}-{number}"
                try:
                    answer = client.put(f"http://{database}/load/{key}.json", json=number)
                except httpx.HTTPError:
                    return
                assert answer.status_code == 200
                acknowledged[key] = number
                if number == 40:
                    enough.set()

    def sign_up() -> None:
        url = f"http://{auth}/identitytoolkit.googleapis.com/v1/accounts:signUp?key=k"
        with plain_http.Client(timeout=60) as client:
            for number in range(5_000):
                email = f"u{life}-{number}@example.com"
                try:
                    answer = client.post(url, json={"email": email, "password": "secret1"})
                except httpx.HTTPError:
                    return
                assert answer.status_code == 200
                emails.append(email)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    threads.append(threading.Thread(target=sign_up))
    for thread in threads:
        thread.start()
    assert enough.wait(30)
    server.send_signal(signal.SIGKILL)
    server.communicate(timeout=60)
    for thread in threads:
        thread.join(30)
    return emails


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Killed under load, twice over: every acknowledged write and user is there afterwards."""
    acknowledged: dict[str, int] = {}
    emails: list[str] = []
    for life in range(2):
        emails += _killed_under_load(tmp_path, life, acknowledged)
        with Emulator(data=tmp_path) as survivor:
            stored = plain_http.get(_url(survivor, "/load.json"), timeout=60).json()
            assert len(acknowledged) > 40 * (life + 1)
            assert {key: stored.get(key) for key in acknowledged} == acknowledged
            path = "/identitytoolkit.googleapis.com/v1/projects/demo-imbari/accounts:batchGet"
            users = plain_http.get(
                f"http://{survivor.auth_host}{path}?maxResults=-1",
                headers={"Authorization": "Bearer owner"},
            ).json()["users"]
            assert set(emails) <= {user["email"] for user in users}


def test_a_database_that_was_emptied_and_forgotten_stays_empty(tmp_path: Path) -> None:
    """Of those that hold nothing only the latest are remembered; the journal knows of all."""
    databases = Databases("the-default", Ruleset.open())
    durable = Durable(tmp_path, databases, AuthState(project="p"))
    durable.open(0)
    emptied = databases.named("emptied")
    emptied.write(Write.put(Place(), 1), ADMIN, 0)
    durable.keep()
    emptied.write(Write.put(Place(), None), ADMIN, 0)
    for number in range(1000):
        databases.named(f"n{number}")
    assert "emptied" not in {each.name for each in databases}
    durable.keep()
    durable.close()
    again = Databases("the-default", Ruleset.open())
    durable = Durable(tmp_path, again, AuthState(project="p"))
    assert durable.open(0) is False
    durable.close()
    assert not again.named("emptied").root.exists
