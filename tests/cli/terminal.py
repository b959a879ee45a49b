"""A program on a terminal of its own, for tests of what only happens there."""

import codecs
import os
import pty
import re
import sys
import termios
import time
from contextlib import suppress
from threading import Condition, Thread
from types import TracebackType
from typing import Self

from tests import programs

__all__ = ["Terminal"]

# So that Ctrl-C is a signal where it is not a key.
_CONTROLLED = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"

_WHERE, _HERE = "\x1b[6n", b"\x1b[1;1R"
"""Where is the cursor? A terminal answers; whoever gets no answer waits for it, a second a time."""

_CONTROL = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[()=>][A-Za-z0-9]?)")


class Terminal:
    """Python code with a pseudo-terminal as its standard streams; killed when the block ends.

    Args:
        code: What to run.
        size: Columns and rows.
    """

    def __init__(self, code: str, *, size: tuple[int, int] = (80, 24)) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, size[::-1])
        environment = {
            **os.environ,
            "TERM": "xterm",
            "COLUMNS": str(size[0]),
            "LINES": str(size[1]),
        }
        self._process = programs.Popen(
            [sys.executable, "-c", _CONTROLLED + code],
            stdin=theirs, stdout=theirs, stderr=theirs,
            env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.raw = ""
        self._passed = 0
        self._answered = 0
        self._news = Condition()
        self._is_news = self._is_over = False
        # All the time, as a terminal does: a program that nobody reads from stands still.
        self._reader = Thread(target=self._pump, name="terminal", daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        """What was written since :meth:`sees` saw something, without control sequences."""
        return _CONTROL.sub("", self.raw)[self._passed :]

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def sees(self, words: str, *, within: float = 30) -> None:
        """Wait until ``words`` have been written since the last time."""
        deadline = time.monotonic() + within
        while words not in self.text:
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{words!r} did not appear; this did:\n{self.text}")
        self._passed += self.text.index(words) + len(words)

    def insists(self, key: str, words: str) -> None:
        """Press a key as a person does, again if nothing happens, until ``words`` appear.

        Between one prompt and the next a terminal is in its ordinary mode, where the key goes
        nowhere.
        """
        for _ in range(30):
            self.press(key)
            with suppress(AssertionError):
                self.sees(words, within=1)
                return
        raise AssertionError(f"{words!r} did not appear; this did:\n{self.text}")

    def ends(self, *, within: float = 30) -> int:
        """Wait for the end; returns the exit code."""
        deadline = time.monotonic() + within
        while self._read(deadline - time.monotonic()):
            pass
        return self._process.wait(max(deadline - time.monotonic(), 0.1))

    def _read(self, seconds: float) -> bool:
        """Wait until something was written since the last time; False if nothing comes any more."""
        with self._news:
            self._news.wait_for(lambda: self._is_news or self._is_over, max(seconds, 0))
            was_news, self._is_news = self._is_news, False
        return was_news

    def _pump(self) -> None:
        while not self._is_over:
            data = b""
            with suppress(OSError):  # how Linux says that the other side is closed
                data = os.read(self._ours, 65536)
            with self._news:
                self._is_news, self._is_over = self._is_news or bool(data), not data
                self.raw += self._decoder.decode(data)
                asked = self.raw.count(_WHERE)
                if asked > self._answered:
                    os.write(self._ours, _HERE * (asked - self._answered))
                self._answered = asked
                self._news.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(10.0)  # before its descriptor may be somebody else's
        os.close(self._ours)
