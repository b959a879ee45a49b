"""One library in a process of its own, told what to do, telling what it sees and when.

As a program: commands come as lines of JSON on stdin, and whatever happens goes to stdout as a line
of JSON with the machine's monotonic time, which all processes share. :class:`Subject` is its
other end.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from subprocess import Popen
from typing import Any

from bench.libraries import LIBRARIES, OURS, Name
from bench.programs import running

__all__ = ["Happening", "Subject", "subject"]

_START_LIMIT = 60.0


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a subject saw or did.

    Attributes:
        at: When, in the machine's monotonic seconds.
        session: In which conversation.
        kind: ``live``, ``message``, ``removed``, ``told`` of a listener; ``sent`` or ``raised`` of
            a send; ``open``; ``stopped``; ``listening`` or ``deaf``, when asked.
        text: The message, or what was said.
        took: Seconds that a send took.
        said: What a send returned, or raised.
    """

    at: float
    session: str
    kind: str
    text: str = ""
    took: float = 0.0
    said: str = ""


class Subject:
    """A library in a process of its own.

    Attributes:
        name: Which.
    """

    def __init__(self, name: Name, process: "Popen[str]") -> None:
        self.name: Name = name
        self._process = process
        self._seen: list[Happening] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def listen(self, *sessions: str) -> None:
        """Begin to listen, and return when each has had its first event."""
        for one in sessions:
            self._do(do="listen", session=one)
        wanted = set(sessions)
        self.wait(lambda seen: wanted <= _live(seen), _START_LIMIT, "live")

    def open(self, session: str) -> None:
        """Be ready to send, with whatever that needs."""
        self._do(do="open", session=session)
        self.wait(lambda seen: any(one.kind == "open" for one in seen), _START_LIMIT, "open")
        with self._news:
            self._seen.clear()

    def send(
        self, session: str, texts: Sequence[str], *, every: float = 0.0, hurry: bool = False
    ) -> None:
        """Begin to send these one after another.

        Args:
            session: Into which conversation.
            texts: What.
            every: Seconds from one to the next; more if a send takes longer.
            hurry: Do not wait for an acknowledgement, where a library can do that.
        """
        self._do(do="send", session=session, texts=list(texts), every=every, hurry=hurry)

    def stop(self) -> None:
        """Begin to close the listeners."""
        self._do(do="stop")

    @property
    def seen(self) -> list[Happening]:
        """What has happened so far."""
        with self._news:
            return list(self._seen)

    def alive(self) -> bool:
        """Whether anybody is left in there who listens. Not while it is busy."""
        asked = len(self.seen)
        self._do(do="ask")
        answers = {"listening", "deaf"}
        self.wait(lambda seen: any(one.kind in answers for one in seen[asked:]), 10.0, "asked")
        return any(one.kind == "listening" for one in self.seen[asked:])

    def wait(
        self, enough: Callable[[Sequence[Happening]], bool], seconds: float, what: str = ""
    ) -> bool:
        """Wait until ``enough`` has happened; False if it has not by then.

        Args:
            enough: Judges all that was seen so far.
            seconds: How long at most.
            what: What to say of it when it must happen.

        Raises:
            TimeoutError: It must, and has not.
        """
        with self._news:
            happened = self._news.wait_for(lambda: enough(self._seen), seconds)
            if what and not happened:
                raise TimeoutError(
                    f"{self.name} was not {what} in {seconds:g} s: {self._seen[-3:]}"
                )
        return happened

    def _do(self, **command: Any) -> None:
        assert self._process.stdin
        print(json.dumps(command), file=self._process.stdin, flush=True)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._news:
                self._seen.append(Happening(**json.loads(line)))
                self._news.notify_all()


def _live(seen: Sequence[Happening]) -> set[str]:
    return {one.session for one in seen if one.kind == "live"}


@contextmanager
def subject(name: Name, host: str) -> Iterator[Subject]:
    """A library before the database at ``host``; its process is killed when the block ends."""
    with running("bench.subject", name, host, quiet=name not in OURS) as process:
        yield Subject(name, process)


def main(name: Name, host: str) -> None:
    """Do what stdin says."""
    lock = threading.Lock()

    def tell(session: str, kind: str, text: str = "", **more: float | str) -> None:
        happening = {"at": time.monotonic(), "session": session, "kind": kind, "text": text, **more}
        with lock:
            print(json.dumps(happening), flush=True)

    library = LIBRARIES[name](host)

    def send(session: str, text: str, *, hurry: bool) -> None:
        begin = time.monotonic()
        try:
            kind, said = "sent", library.send(session, text, hurry=hurry)
        except Exception as error:  # noqa: BLE001  # whatever a library raises is the measurement
            kind, said = "raised", f"{type(error).__name__}: {error}"
        tell(session, kind, text, took=time.monotonic() - begin, said=said)

    for line in sys.stdin:
        command = json.loads(line)
        session = command.get("session", "")
        match command["do"]:
            case "listen":
                library.listen(session, partial(tell, session))
            case "send":
                due = time.monotonic()
                for text in command["texts"]:
                    time.sleep(max(due - time.monotonic(), 0))
                    due += command["every"]
                    send(session, text, hurry=command["hurry"])
            case "open":
                library.open(session)
                tell(session, "open")
            case "ask":
                tell("", "listening" if library.listening else "deaf")
            case "stop":
                begin = time.monotonic()
                library.stop()
                tell("", "stopped", took=time.monotonic() - begin)


if __name__ == "__main__":
    main(*sys.argv[1:3])  # type: ignore[arg-type]  # a name out of LIBRARIES
