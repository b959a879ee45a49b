"""watch, against the emulator: a process of its own, because it runs until it is stopped."""

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imbari_chat import ConnectionChanged
from imbari_chat.cli.inbox import _Watcher
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout
from tests import programs
from tests.cli.harness import Program, Visitor

_PATIENCE = 20.0


class Watch:
    """A running ``imbari-chat watch``."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._lines: dict[str, queue.Queue[str | None]] = {}
        for name, stream in (("stdout", process.stdout), ("stderr", process.stderr)):
            lines: queue.Queue[str | None] = queue.Queue()
            self._lines[name] = lines
            threading.Thread(target=self._read, args=(stream, lines), daemon=True).start()

    @staticmethod
    def _read(stream: Iterator[str], lines: "queue.Queue[str | None]") -> None:
        for line in stream:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    def printed(self) -> str:
        """The next line of data."""
        line = self._lines["stdout"].get(timeout=_PATIENCE)
        assert line is not None
        return line

    def narrated(self, words: str) -> None:
        """Wait for a line of narration with these words."""
        seen: list[str] = []
        while True:
            line = self._lines["stderr"].get(timeout=_PATIENCE)
            assert line is not None, seen
            seen.append(line)
            if words in line:
                return


@contextmanager
def started(*arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """Run it until the block ends."""
    with programs.Popen(
        [*programs.OURS, "watch", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def watching(*arguments: str) -> Iterator[Watch]:
    """The same, with its output read as it comes."""
    with started(*arguments) as process:
        yield Watch(process)


def test_watch_prints_messages_of_all_conversations(visitor: Visitor, program: Program) -> None:
    """What was there before is not news; what comes is, from either side."""
    old = visitor.writes("An old message")
    with watching() as watch:
        watch.narrated("connected")
        visitor.writes("Hello", name="Brian Otieno")
        assert watch.printed().endswith("Brian Otieno: Hello")
        program("reply", old, "An answer")
        assert watch.printed().endswith("Imbari Team to Amina Nakato: An answer")


def test_watch_prints_json_lines(visitor: Visitor) -> None:
    """One object for each message, with the session it belongs to."""
    with watching("--jsonl") as watch:
        watch.narrated("connected")
        session = visitor.writes("Hello")
        event = json.loads(watch.printed())
        assert event["event"] == "message_added"
        assert event["session_id"] == session
        assert event["customer_name"] == "Amina Nakato"
        assert event["message"]["text"] == "Hello"


def test_watch_follows_one_conversation(visitor: Visitor, program: Program) -> None:
    """History first if asked for; other conversations are left out."""
    session = visitor.writes("One", "Two")
    with watching(session, "--history", "1") as watch:
        assert watch.printed().endswith("Amina Nakato: Two")
        watch.narrated("connected")
        visitor.writes("Elsewhere")
        program("reply", session, "Three")
        assert watch.printed().endswith("Three")


def test_watch_marks_nothing_read(visitor: Visitor, program: Program) -> None:
    """Somebody may watch a wall."""
    with watching() as watch:
        watch.narrated("connected")
        visitor.writes("Hello")
        watch.printed()
    assert program.json("inbox")[0]["unread_count"] == 1


def test_watch_ends_with_ctrl_c(place: Path) -> None:
    """Exit code 130, and no traceback."""
    with watching() as watch:
        watch.narrated("connected")
        watch.process.send_signal(signal.SIGINT)
        assert watch.process.wait(_PATIENCE) == 130


def test_watch_ends_quietly_when_its_reader_has_gone(visitor: Visitor) -> None:
    """As in ``watch --jsonl | head -1``."""
    with started("--jsonl") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "connected" in process.stderr.readline()
        visitor.writes("Hello")
        assert "Hello" in process.stdout.readline()
        process.stdout.close()
        visitor.writes("Is anybody there?")
        assert process.wait(_PATIENCE) == 0
        assert process.stderr.read() == ""


def test_an_outage_is_narrated_once(capsys: pytest.CaptureFixture[str]) -> None:
    """However often it is tried again; and so is its end."""
    watcher = _Watcher(Stdout(), Stderr(), jsonl=False)
    lost = ConnectionChanged("reconnecting", "cannot connect", 0.3)
    again = ConnectionChanged("connecting")
    for event in (ConnectionChanged("live"), lost, again, lost, again, lost):
        watcher._take(event)
    for event in (ConnectionChanged("live"), lost):
        watcher._take(event)
    said = capsys.readouterr().err
    assert said.count("connection lost: cannot connect") == 2
    assert said.count("connected again") == 1
