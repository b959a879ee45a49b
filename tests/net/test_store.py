"""The outbox on disk: what was accepted is there after any end, and what is damaged says so."""

import asyncio
import errno
import gc
import logging
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.errors import ClientClosed, ConfigError
from imbari_chat.files import FileLock
from imbari_chat.net import store_file
from imbari_chat.net.store import OutboxStore
from imbari_chat.net.store_file import Row, Statement, StoreFile
from tests import programs
from tests.budget import examples

WAIT = 60.0
OURS = "emulator/admin"


def _row(key: str, text: str = "text") -> Row:
    return Row(key, "lane", text, 1_700_000_000_000, "amina")


def _new(file: Path, count: int) -> list[Row]:
    """An outbox with so many messages, all in the file itself and none in its log."""
    rows = [_row(f"m{n}", f"text {n}" * 20) for n in range(count)]
    with closing(StoreFile(file, OURS)) as store:
        store.write([row.insertion() for row in rows])
    return rows


def _kept(file: Path) -> list[Row]:
    with closing(StoreFile(file, OURS)) as store:
        return store.rows()


def _aside(file: Path) -> list[str]:
    return [
        one.name
        for one in file.parent.iterdir()
        if one.name.startswith(f"{file.name}.")
        and not one.name.endswith((".lock", ".guard", "-wal", "-shm"))
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where an outbox will be."""
    return tmp_path / "outbox" / "box.sqlite"


def test_what_was_written_is_kept_in_order(file: Path) -> None:
    """All of a message comes back, and a place in the file says nothing of its order."""
    rows = [
        Row("z", "b", "plan", 1, None, 1, "failed", "because"),
        Row("a", "a", "plan \N{HOT BEVERAGE}", 2, "uid", 0, "held"),
    ]
    with closing(StoreFile(file, OURS)) as store:
        store.write([row.insertion() for row in rows])
        assert store.rows() == rows
    assert _kept(file) == rows


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_only_its_owner_reads_it(file: Path) -> None:
    """The file, its log and its locks, in a directory of their own."""
    store = StoreFile(file, OURS)
    store.write([_row("m").insertion()])
    lock = store.lock()
    assert lock is not None
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in file.parent.iterdir()}
    assert {"box.sqlite", "box.sqlite-wal", "box.sqlite.lock"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    lock.close()
    store.close()


_APPENDS = """
import sys
import threading
import time
from pathlib import Path
from imbari_chat.net.store_file import Row, Statement, StoreFile
store = StoreFile(Path(sys.argv[1]), sys.argv[2])
for n in range(100_000):
    store.write([Row(f"{sys.argv[3]}{n}", "lane", "text" * 50, 1, None).insertion()])
    print(n, flush=True)
    time.sleep(float(sys.argv[4]))
"""


def _writer(file: Path, name: str, pause: float = 0.0) -> subprocess.Popen[str]:
    return programs.Popen(
        [sys.executable, "-c", _APPENDS, str(file), OURS, name, str(pause)],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("after", [0, 1, 17, 300])
def test_what_was_accepted_survives_a_kill(file: Path, after: int) -> None:
    """However far it had got; and what was being accepted is there as a whole or not at all."""
    child = _writer(file, "m")
    assert child.stdout is not None
    while int(child.stdout.readline()) < after:
        pass
    child.kill()
    said = [after, *(int(line) for line in child.stdout.read().split())]
    assert child.wait() == -signal.SIGKILL
    kept = [row.key for row in _kept(file)]
    assert kept == [f"m{n}" for n in range(len(kept))]
    assert said[-1] + 1 <= len(kept) <= said[-1] + 2
    assert not _aside(file)


def test_the_disk_is_told_to_keep_each_commit(file: Path) -> None:
    """What a power cut leaves is SQLite's promise for these, and no test's to try.

    With less, as some builds have it by default, a log is synced at checkpoints alone, and the last
    commits are lost.
    """
    _new(file, 1)
    with closing(StoreFile(file, OURS)) as store:
        store.write([_row("new").insertion()])
        assert store._connection is not None
        said = {
            name: store._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "fullfsync", "checkpoint_fullfsync")
        }
    full = 2
    assert said == {
        "journal_mode": "wal",
        "synchronous": full,
        "fullfsync": 1,
        "checkpoint_fullfsync": 1,
    }


def test_two_processes_write_to_one_file(file: Path) -> None:
    """Each in its order, and nothing is lost; each does something else, too."""
    children = [_writer(file, name, pause=0.005) for name in "ab"]
    for child in children:
        assert child.stdout is not None
        while int(child.stdout.readline()) < 50:
            pass
    for child in children:
        child.kill()
        child.communicate()
    kept = [row.key for row in _kept(file)]
    for name in "ab":
        mine = [key for key in kept if key.startswith(name)]
        assert mine == [f"{name}{n}" for n in range(len(mine))]
        assert len(mine) > 50


_LOCKS = """
import os
import sys
import threading
import time
from pathlib import Path
from imbari_chat.net.store_file import StoreFile
lock = StoreFile(Path(sys.argv[1]), sys.argv[2]).lock()
child = os.fork() if hasattr(os, "fork") else 1
if child:
    print(child, flush=True)
time.sleep(600)
"""


def test_one_process_sends_and_the_kernel_frees_the_lock(file: Path) -> None:
    """Killed, it holds up nobody; nor does a child that it forked."""
    holder = programs.Popen(
        [
            sys.executable,
            "-c",
            _LOCKS,
            str(file),
            OURS,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    forked = int(holder.stdout.readline())
    store = StoreFile(file, OURS)
    assert store.lock() is None
    holder.kill()
    holder.wait()
    try:
        begin = time.monotonic()
        while (lock := store.lock()) is None:  # the child lets go when it first runs
            assert time.monotonic() < begin + WAIT
            time.sleep(0.01)
        lock.close()
    finally:
        if hasattr(os, "fork"):
            os.kill(forked, signal.SIGKILL)
    holder.stdout.close()


def test_one_lock_is_one_even_within_a_process(file: Path) -> None:
    """Two clients of one program are two."""
    first = StoreFile(file, OURS).lock()
    assert first is not None
    assert StoreFile(file, OURS).lock() is None
    first.close()
    first.close()
    again = StoreFile(file, OURS).lock()
    assert again is not None
    again.close()


@examples(60)
@given(st.data())
def test_a_damaged_file_is_never_believed(data: st.DataObject) -> None:
    """Whatever byte is another: all is as it was, or it is set aside. It goes on either way."""
    with TemporaryDirectory() as directory:
        file = Path(directory) / "box.sqlite"
        rows = _new(file, 12)
        content = bytearray(file.read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(
                st.one_of(st.integers(0, 110), st.integers(0, len(content) - 1)), "place"
            )
            content[place] = data.draw(st.integers(0, 255), "byte")
        file.write_bytes(content)
        _goes_on(file, rows)


@pytest.mark.parametrize("part", [b"text 3text", b"lane", b"amina"])
def test_a_disk_that_errs_puts_no_words_into_anybodys_mouth(file: Path, part: bytes) -> None:
    """SQLite has no checksums of its own: to it another text is a text."""
    _new(file, 5)
    content = bytearray(file.read_bytes())
    content[content.index(part)] ^= 1
    file.write_bytes(content)
    with closing(StoreFile(file, OURS)) as store:
        store.write([_row("new").insertion()])
        assert store.rows() == [_row("new")]
    assert len(_aside(file)) == 1


@pytest.mark.parametrize("part", [b"tablemessage", b"UNIQUE", b"sqlite_autoindex", b"NULL)"])
def test_a_damaged_table_of_contents_is_damage_in_whatever_words_it_is_told(
    file: Path, part: bytes
) -> None:
    """SQLite quotes what it cannot read, which may be no text at all."""
    _new(file, 5)
    content = bytearray(file.read_bytes())
    content[content.index(part) + len(part) - 1] = 255
    file.write_bytes(content)
    assert _kept(file) == []
    assert len(_aside(file)) == 1


def test_an_index_that_contradicts_what_it_is_of_is_damage(file: Path) -> None:
    """All messages can be read then; the next of the same id would be taken for another."""
    _new(file, 5)
    with closing(sqlite3.connect(file)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE type = 'index'"
        ).fetchone()
    content = bytearray(file.read_bytes())
    content[content.index(b"m3", (page - 1) * 4096) + 1] = ord("9")
    file.write_bytes(content)
    _goes_on(file, [])
    assert len(_aside(file)) == 1


@pytest.mark.parametrize("place", [18, 19])
@pytest.mark.parametrize("number", [0, 3, 255])
def test_a_file_of_an_unknown_format_is_damaged_and_not_read_only(
    file: Path, place: int, number: int
) -> None:
    """To SQLite it is what a later version of its own may have written."""
    _new(file, 5)
    content = bytearray(file.read_bytes())
    content[place] = number
    file.write_bytes(content)
    _goes_on(file, [])
    assert len(_aside(file)) == 1


@examples(25)
@given(st.data())
def test_a_file_that_was_cut_or_is_none_is_never_believed(data: st.DataObject) -> None:
    """As a full disk or a program of another kind leaves it."""
    with TemporaryDirectory() as directory:
        file = Path(directory) / "box.sqlite"
        rows = _new(file, 12)
        content = file.read_bytes()
        if data.draw(st.booleans(), "cut"):
            file.write_bytes(content[: data.draw(st.integers(1, len(content) - 1))])
        else:
            file.write_bytes(data.draw(st.binary(min_size=1)))
        _goes_on(file, rows)


def _goes_on(file: Path, rows: list[Row]) -> None:
    with closing(StoreFile(file, OURS)) as store:
        found = store.rows()
        fixed = [(row.key, row.lane, row.plan, row.created, row.uid) for row in found]
        if _aside(file):
            assert found == []
        else:
            assert fixed == [(row.key, row.lane, row.plan, row.created, row.uid) for row in rows]
        store.write([_row("new").insertion()])
        assert store.rows()[-1] == _row("new")


@examples(25)
@given(st.data())
def test_a_damaged_log_costs_its_end_at_most(data: st.DataObject) -> None:
    """SQLite believes a log up to the first frame that is not what was written."""
    with TemporaryDirectory() as directory:
        file = Path(directory) / "box.sqlite"
        rows = [_row(f"m{n}") for n in range(8)]
        store = StoreFile(file, OURS)
        for row in rows:
            store.write([row.insertion()])
        log = file.with_name("box.sqlite-wal")
        content, main = bytearray(log.read_bytes()), file.read_bytes()
        store.close()
        place = data.draw(st.integers(0, len(content) - 1), "place")
        content[place] = data.draw(st.integers(0, 255), "byte")
        file.write_bytes(main)
        log.write_bytes(content)
        with closing(StoreFile(file, OURS)) as after:
            found = after.rows()
            assert found == rows[: len(found)]
            after.write([_row("new").insertion()])


def test_a_damaged_file_is_set_aside_and_said_so(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Under a name that the warning gives; what is in it is for whoever can read it."""
    _new(file, 3)
    content = file.read_bytes()
    file.write_bytes(b"x" + content[1:])
    with caplog.at_level(logging.WARNING):
        assert _kept(file) == []
    (aside,) = _aside(file)
    assert ".damaged-" in aside
    assert f"{file} is not used: it is damaged. It is kept as {aside}," in caplog.text
    assert file.with_name(aside).read_bytes()[1:] == content[1:]


def test_what_is_set_aside_takes_its_log_along(file: Path) -> None:
    """A program that was killed leaves one, and SQLite believes it of whatever lies beside it."""
    log = file.with_name(f"{file.name}-wal")
    with closing(StoreFile(file, OURS)) as killed:
        killed.write([_row(f"m{n}").insertion() for n in range(3)])
        content, logged = file.read_bytes(), log.read_bytes()
    file.write_bytes(b"x" + content[1:])
    log.write_bytes(logged)
    with closing(StoreFile(file, OURS)) as store:
        assert store.rows() == []
        store.write([_row("new").insertion()])
    assert _kept(file) == [_row("new")]
    (aside,) = _aside(file)
    assert file.with_name(f"{aside}-wal").read_bytes() == logged


@pytest.mark.parametrize(
    ("sql", "tag", "why"),
    [
        ("PRAGMA user_version = 99", "newer", "a newer version of this program wrote it"),
        (
            "UPDATE owner SET binding = 'other'",
            "foreign",
            "it belongs to another target or role",
        ),
    ],
)
def test_what_is_newer_or_somebody_elses_is_set_aside(
    file: Path, sql: str, tag: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """And not touched: whoever can read it finds all of it."""
    _new(file, 3)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(sql)
    assert _kept(file) == []
    (aside,) = _aside(file)
    assert f".{tag}-" in aside
    assert f" is not used: {why}. It is kept as " in caplog.text
    with closing(sqlite3.connect(file.with_name(aside))) as connection:
        assert connection.execute("SELECT count(*) FROM message").fetchone() == (3,)


@pytest.mark.parametrize(
    ("sql", "in_use"),
    [
        ("PRAGMA user_version = 99", False),
        ("UPDATE owner SET binding = 'other'", False),
        ("UPDATE message SET tries = 7", False),
        ("UPDATE message SET state = 'lost'", False),
        ("UPDATE message SET tries = 7", True),
        ("DROP TABLE message", True),
    ],
)
def test_what_is_set_aside_is_let_go_of_before(
    file: Path, sql: str, monkeypatch: pytest.MonkeyPatch, *, in_use: bool
) -> None:
    """Whoever closes it afterwards writes and deletes by names that are another file's."""
    _new(file, 3)
    held: list[sqlite3.Connection] = []
    held_then: list[list[sqlite3.Connection]] = []
    set_aside: Callable[..., None] = StoreFile._set_aside

    class Watched(sqlite3.Connection):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            held.append(self)

        def close(self) -> None:
            super().close()
            held.remove(self)

    def watched(self: StoreFile, *what: Any) -> None:
        held_then.append(list(held))
        set_aside(self, *what)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Watched))
    monkeypatch.setattr(StoreFile, "_set_aside", watched)
    with closing(StoreFile(file, OURS)) as store:
        if in_use:
            store.rows()
        with closing(sqlite3.Connection(file, isolation_level=None)) as other:
            other.execute(sql)
        assert store.rows() == []
        assert len(held) == 1
    assert (held, held_then) == ([], [[]])


@pytest.mark.parametrize("sql", ["CREATE TABLE theirs (a)", "PRAGMA user_version = 1"])
def test_nothing_is_written_into_a_database_of_others(file: Path, sql: str) -> None:
    """It is set aside as it is, though it says of no version, or holds nothing yet."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(sql)
    assert _kept(file) == []
    (aside,) = _aside(file)
    with closing(sqlite3.connect(file.with_name(aside))) as connection:
        names = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert names == ([("theirs",)] if "theirs" in sql else [])


def test_a_new_file_says_which_version_wrote_it(file: Path) -> None:
    """For a later one that keeps it otherwise."""
    _new(file, 0)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (store_file._VERSION,)
    assert store_file._VERSION > 0


def test_who_closes_it_need_not_be_the_thread_that_used_it(file: Path) -> None:
    """A worker's thread has gone by then, perhaps."""
    store = StoreFile(file, OURS)
    worker = threading.Thread(target=store.rows)
    worker.start()
    worker.join()
    connection = store._connection
    assert connection is not None
    store.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_damage_that_is_met_while_it_is_open_is_no_end(file: Path) -> None:
    """A disk may err at any time; what is accepted then is in the new file."""
    _new(file, 200)
    with closing(StoreFile(file, OURS)) as store:
        assert len(store.rows()) == 200
        size = file.stat().st_size
        with file.open("r+b") as stream:
            stream.seek(4096)
            stream.write(b"\xff" * (size - 4096))
        other = StoreFile(file, OURS)  # its cache is empty
        other.write([_row("new").insertion()])
        other.close()
        store.write([_row("newer").insertion()])
        assert [row.key for row in store.rows()] == ["new", "newer"]
    assert len(_aside(file)) == 1


def _failure(kind: type[sqlite3.Error], code: int | None) -> sqlite3.Error:
    error = kind("it failed")
    if code is not None:
        error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "is_damage"),
    [
        (_failure(sqlite3.OperationalError, sqlite3.SQLITE_PROTOCOL), False),
        (_failure(sqlite3.OperationalError, sqlite3.SQLITE_INTERRUPT), False),
        (_failure(sqlite3.OperationalError, sqlite3.SQLITE_NOLFS), False),
        (_failure(sqlite3.OperationalError, sqlite3.SQLITE_BUSY_SNAPSHOT), False),
        (_failure(sqlite3.OperationalError, sqlite3.SQLITE_IOERR_SHMMAP), False),
        (_failure(sqlite3.ProgrammingError, None), False),
        (_failure(sqlite3.InterfaceError, sqlite3.SQLITE_MISUSE), False),
        (_failure(sqlite3.DatabaseError, sqlite3.SQLITE_CORRUPT), True),
        (_failure(sqlite3.DatabaseError, sqlite3.SQLITE_NOTADB), True),
        (_failure(sqlite3.OperationalError, sqlite3.SQLITE_ERROR), True),
        (_failure(sqlite3.OperationalError, None), True),
    ],
    ids=lambda value: f"{type(value).__name__}-{getattr(value, 'sqlite_errorcode', value)}",
)
def test_only_damage_sets_a_file_aside(
    file: Path, error: sqlite3.Error, *, is_damage: bool
) -> None:
    """Whatever else fails, what is in it is still to be sent."""
    kept = _new(file, 1)
    raised = [error]

    def work(connection: sqlite3.Connection) -> None:
        while raised:
            raise raised.pop()
        connection.execute("SELECT key FROM message")

    with (
        closing(StoreFile(file, OURS)) as store,
        nullcontext() if is_damage else pytest.raises(ConfigError),
    ):
        store._use(work)
    assert _kept(file) == ([] if is_damage else kept)
    assert bool(_aside(file)) is is_damage


def test_what_another_process_has_begun_anew_is_not_set_aside(file: Path) -> None:
    """Both met the damage, and one was first."""
    _new(file, 3)

    def work(connection: sqlite3.Connection) -> list[Any]:
        if not _aside(file):
            content = file.read_bytes()
            file.write_bytes(b"x" + content[1:])
            with closing(StoreFile(file, OURS)) as other:
                other.write([_row("new").insertion()])
            raise _failure(sqlite3.DatabaseError, sqlite3.SQLITE_CORRUPT)
        return connection.execute("SELECT key FROM message").fetchall()

    with closing(StoreFile(file, OURS)) as store:
        assert store._use(work) == [("new",)]
    assert len(_aside(file)) == 1


def test_processes_open_it_one_after_the_other(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second waits."""
    _new(file, 3)
    begun, done = threading.Event(), threading.Event()
    take, opened = FileLock.take, []

    def begin(*args: Any, **options: Any) -> FileLock | None:
        begun.set()
        return take(*args, **options)

    def second() -> None:
        try:
            opened.extend(_kept(file))
        finally:
            done.set()

    first = take(file.with_name(f"{file.name}.guard"))
    assert first is not None
    monkeypatch.setattr(FileLock, "take", begin)
    thread = threading.Thread(target=second)
    thread.start()
    assert begun.wait(WAIT)
    assert not done.wait(0.05)
    first.close()
    thread.join()
    assert len(opened) == 3


def test_what_cannot_be_locked_or_set_aside_is_not_used(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is in it stays there."""
    _new(file, 3)
    file.write_bytes(content := b"x" + file.read_bytes()[1:])

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    refused: list[tuple[type, str, Callable[[Path], object], str]] = [
        (Path, "rename", _kept, "accepted: it is damaged, and cannot be set aside"),
        (FileLock, "take", _kept, "accepted: it cannot be locked"),
        (FileLock, "take", lambda file: StoreFile(file, OURS).lock(), "locked: No locks available"),
    ]
    for owner, name, use, why in refused:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, fail)
            with pytest.raises(ConfigError, match=why) as caught:
                use(file)
            assert caught.value.where == str(file)
    assert (file.read_bytes(), _aside(file)) == (content, [])


def test_a_file_that_is_deleted_while_open_takes_nothing_along(file: Path) -> None:
    """What is accepted afterwards is in the new one."""
    with closing(StoreFile(file, OURS)) as store:
        store.write([_row("m").insertion()])
        for one in file.parent.iterdir():
            one.unlink()
        store.write([_row("n").insertion()])
        assert [row.key for row in store.rows()] == ["n"]
    assert [row.key for row in _kept(file)] == ["n"]


def test_a_full_disk_accepts_nothing_and_loses_nothing(file: Path) -> None:
    """And says so; when there is room again, it goes on."""
    store = StoreFile(file, OURS, most_pages=10)
    accepted = 0
    told = ""
    while not told and accepted < 1000:
        try:
            store.write([_row(f"m{accepted}", "x" * 1000).insertion()])
        except ConfigError as error:
            told = str(error)
        else:
            accepted += 1
    assert "nothing was accepted: the disk is full" in told
    assert f"(at {file})" in told
    assert "Make room" in told
    assert accepted > 4
    assert len(store.rows()) == accepted
    store.write([("DELETE FROM message WHERE key IN ('m0', 'm1', 'm2', 'm3')", ())])
    store.write([_row("n", "x" * 1000).insertion()])
    assert [row.key for row in store.rows()] == [*(f"m{n}" for n in range(4, accepted)), "n"]
    store.close()
    assert not _aside(file)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_directory_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    """And not a damaged file."""
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="cannot be used"):
        StoreFile(tmp_path / "outbox" / "box.sqlite", OURS).write([_row("m").insertion()])


def test_a_directory_that_is_none_is_a_clear_error(tmp_path: Path) -> None:
    """Whoever asks, also root."""
    (tmp_path / "outbox").write_text("a file")
    with pytest.raises(ConfigError, match="cannot be used"):
        StoreFile(tmp_path / "outbox" / "box.sqlite", OURS).write([_row("m").insertion()])


class _Counting(StoreFile):
    commits = 0

    def write(self, statements: object) -> None:
        self.commits += 1
        super().write(statements)  # type: ignore[arg-type]  # as it was given


async def test_what_is_accepted_together_shares_a_commit(file: Path) -> None:
    """The first goes alone, and all that came meanwhile goes together, in order."""
    counting = _Counting(file, OURS)
    store = OutboxStore(counting)
    done: list[str] = []
    for n in range(1000):
        future = store.append(_row(f"m{n}"))
        future.add_done_callback(lambda _, key=f"m{n}": done.append(key))  # type: ignore[misc]
    await future
    await asyncio.sleep(0)
    assert counting.commits <= 2
    assert done == [row.key for row in await store.rows()] == [f"m{n}" for n in range(1000)]
    await store.close()


class _Slow(_Counting):
    """Waits before each commit until it may go on."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, OURS)
        self.go_on = threading.Event()

    def write(self, statements: object) -> None:
        assert self.go_on.wait(WAIT)
        super().write(statements)


async def test_what_comes_one_by_one_while_the_disk_is_busy_shares_the_next_commit(
    file: Path,
) -> None:
    """However long the disk takes, nobody waits for more than two of its turns."""
    slow = _Slow(file)
    store = OutboxStore(slow)
    accepted = []
    for n in range(20):
        accepted.append(store.append(_row(f"m{n:02}")))
        await asyncio.sleep(0)
    slow.go_on.set()
    await asyncio.gather(*accepted)
    assert slow.commits == 2
    await store.close()


async def test_whoever_waits_for_the_disk_hears_of_it_though_it_is_closed_meanwhile(
    file: Path,
) -> None:
    """What was given before is written before the end."""
    slow = _Slow(file)
    store = OutboxStore(slow)
    accepted = []
    for key in "abc":
        accepted.append(store.append(_row(key)))
        await asyncio.sleep(0)
    closing = asyncio.ensure_future(store.close())
    await asyncio.sleep(0)
    slow.go_on.set()
    async with asyncio.timeout(WAIT):
        await asyncio.gather(*accepted, closing)
    assert [row.key for row in _kept(file)] == ["a", "b", "c"]


def test_what_an_event_loop_that_is_over_left_is_written_at_the_close(file: Path) -> None:
    """In another one, where nobody is left to be told."""
    slow = _Slow(file)
    store = OutboxStore(slow)

    async def leave() -> None:
        for key in "ab":
            store.append(_row(key))
            await asyncio.sleep(0)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave())
    loop.close()
    slow.go_on.set()
    asyncio.run(store.close())
    assert [row.key for row in _kept(file)] == ["a", "b"]
    gc.collect()  # asyncio logs the task that its loop left behind, here and in no other test


async def test_what_is_not_accepted_is_not_there_though_the_disk_has_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was told that it is not would write it again."""
    store = OutboxStore(StoreFile(file, OURS))
    write = StoreFile.write

    def written_and_refused(self: StoreFile, statements: Sequence[Statement]) -> None:
        write(self, statements)
        raise ConfigError("input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(StoreFile, "write", written_and_refused)
        with pytest.raises(ConfigError):
            await store.append(_row("refused"))
    await store.append(_row("accepted"))
    await store.close()
    assert [row.key for row in _kept(file)] == ["accepted"]


async def test_a_closed_store_takes_nothing_and_leaves_nothing_open(file: Path) -> None:
    """No thread, and no log beside the file; closing it twice is fine."""
    before = set(threading.enumerate())
    await OutboxStore(StoreFile(file, OURS)).close()
    store = OutboxStore(StoreFile(file, OURS))
    await store.append(_row("kept"))
    await store.close()
    await store.close()
    with pytest.raises(ClientClosed):
        store.append(_row("late"))
    for thread in set(threading.enumerate()) - before:
        thread.join(WAIT)
        assert not thread.is_alive()
    assert not file.with_name(f"{file.name}-wal").exists()


async def test_who_gives_up_waiting_keeps_nobody_else_waiting(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of those who share a commit; what was given up is written as well."""
    store = OutboxStore(StoreFile(file, OURS))
    first, given_up, last = (store.append(_row(key)) for key in "abc")
    given_up.cancel()
    async with asyncio.timeout(WAIT):
        await asyncio.gather(first, last)
    assert [row.key for row in await store.rows()] == ["a", "b", "c"]
    await store.close()
    assert caplog.records == []


async def test_a_refused_commit_holds_up_nothing_that_came_meanwhile(file: Path) -> None:
    """That has a commit of its own."""

    class Full(_Slow):
        def write(self, statements: object) -> None:
            super().write(statements)
            if self.commits == 1:
                raise ConfigError("the disk is full")

    full = Full(file)
    store = OutboxStore(full)
    refused = store.append(_row("a"))
    await asyncio.sleep(0)
    accepted = store.append(_row("b"))
    full.go_on.set()
    async with asyncio.timeout(WAIT):
        with pytest.raises(ConfigError):
            await refused
        await accepted
    await store.close()
    assert [row.key for row in _kept(file)] == ["b"]


async def test_what_became_of_messages_is_written_with_what_comes_next(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If it cannot be written now, that is said, once for each try of its own."""
    store = OutboxStore(StoreFile(file, OURS))
    await store.append(_row("a"))
    tries: list[int] = []

    def refuse(_: object, statements: Sequence[Statement]) -> None:
        tries.append(len(statements))
        assert len(tries) < 9, "it is tried for ever"
        raise ConfigError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(StoreFile, "write", refuse)
        store.forget("a")
        await store.written()
        said = list(caplog.messages)
        with pytest.raises(ConfigError):
            await store.append(_row("b"))
    assert tries == [1, 2]
    assert said == ["what became of 1 messages is not on disk yet: the disk is full"]
    assert caplog.messages == said
    await store.append(_row("c"))
    assert [row.key for row in _kept(file)] == ["c"]
    await store.close()


async def test_one_thread_uses_the_file(file: Path) -> None:
    """Whatever is asked of it meanwhile waits."""
    asked = threading.Event()
    overlapped = []

    class Busy(StoreFile):
        def write(self, statements: Sequence[Statement]) -> None:
            overlapped.append(asked.wait(0.05))
            super().write(statements)

        def version(self) -> int:
            asked.set()
            return super().version()

    store = OutboxStore(Busy(file, OURS))
    accepted = store.append(_row("a"))
    await asyncio.sleep(0)
    await asyncio.gather(accepted, store.version())
    assert overlapped == [False]
    await store.close()


async def test_what_was_delivered_is_deleted_with_what_comes_next(file: Path) -> None:
    """And at the end in any case; until then nobody is shown it."""
    counting = _Counting(file, OURS)
    store = OutboxStore(counting)
    await store.append(_row("a"))
    store.forget("a")
    await store.append(_row("b"))
    assert counting.commits == 2
    assert [row.key for row in await store.rows()] == ["b"]
    store.forget("b")
    await store.close()
    await store.close()
    assert _kept(file) == []


async def test_what_a_full_disk_refuses_is_told_to_each(file: Path) -> None:
    """And what is deleted makes room for what comes next."""
    store = OutboxStore(StoreFile(file, OURS, most_pages=10))
    await store.append(_row("a", "x" * 8000))
    refused = [store.append(_row(f"b{n}", "x" * 9000)) for n in range(3)]
    for one in await asyncio.gather(*refused, return_exceptions=True):
        assert isinstance(one, ConfigError | None)
    assert any(one.exception() for one in refused)
    store.forget("a")
    await store.written()
    await store.append(_row("c", "x" * 100))
    keys = [row.key for row in await store.rows()]
    assert "a" not in keys
    assert keys[-1] == "c"
    await store.close()


async def test_what_nobody_waits_for_is_refused_in_silence(
    file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may be there is looked for, so there is nothing to tell; who waits is told."""
    store = OutboxStore(StoreFile(file, OURS))
    await store.append(_row("a"))

    def refuse(_: object, __: object) -> None:
        raise ConfigError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(StoreFile, "write", refuse)
        store.untried("a")
        with pytest.raises(ConfigError):
            await store.tried("a")
    await store.close()
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_whether_it_was_tried_is_kept_in_the_order_in_which_it_was_said(file: Path) -> None:
    """Also where nobody waits for it, and what was delivered is deleted meanwhile."""
    store = OutboxStore(StoreFile(file, OURS))
    for key in "abc":
        await store.append(_row(key))
    store.forget("c")
    trying = asyncio.ensure_future(store.tried("ab"))
    await asyncio.sleep(0)
    store.untried("a")
    store.untried("b")
    await asyncio.gather(trying, store.tried("b"))
    await store.close()
    assert [(row.key, row.tries) for row in _kept(file)] == [("a", 0), ("b", 1)]


async def test_states_and_reasons_are_kept(file: Path) -> None:
    """Whatever is said of a message later."""
    store = OutboxStore(StoreFile(file, OURS))
    for key in "abc":
        await store.append(_row(key))
    await store.tried("ab")
    store.note("b", "failed", "blocked")
    await store.become("c", "held")
    await store.written()
    assert [(row.tries, row.state, row.reason) for row in await store.rows()] == [
        (1, "queued", None),
        (1, "failed", "blocked"),
        (0, "held", None),
    ]
    await store.close()


async def test_what_a_person_dropped_stays_dropped(file: Path) -> None:
    """Whatever the sender notes of it later."""
    store = OutboxStore(StoreFile(file, OURS))
    await store.append(_row("a"))
    await store.become("a", "dropped")
    store.note("a", "held")
    await store.written()
    assert [row.state for row in await store.rows()] == ["dropped"]
    await store.close()


async def test_another_process_is_noticed(file: Path) -> None:
    """By a number that one's own writes leave as it is."""
    store = OutboxStore(StoreFile(file, OURS))
    await store.append(_row("a"))
    before = await store.version()
    await store.append(_row("b"))
    assert await store.version() == before
    with closing(StoreFile(file, OURS)) as other:
        other.write([_row("c").insertion()])
    assert await store.version() != before
    await store.close()


def test_the_file_is_used_as_one_that_others_may_have_written(file: Path) -> None:
    """Nothing of it is trusted, nothing deleted is left in it, and it holds a gibibyte."""
    with closing(StoreFile(file, OURS)) as store:
        store.write([_row("m").insertion()])
        connection = store._connection
        assert connection is not None
        set_to = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in (
                "trusted_schema", "cell_size_check", "secure_delete", "journal_mode",
                "synchronous", "fullfsync", "checkpoint_fullfsync", "max_page_count", "page_size",
            )
        }  # fmt: skip
    assert set_to.pop("max_page_count") * set_to.pop("page_size") == 2**30
    assert set_to == {
        "trusted_schema": 0,
        "cell_size_check": 1,
        "secure_delete": 1,
        "journal_mode": "wal",
        "synchronous": 2,
        "fullfsync": 1,
        "checkpoint_fullfsync": 1,
    }
