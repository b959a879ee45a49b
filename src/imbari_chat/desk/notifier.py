"""Telling somebody who does not look: bell, terminal title, desktop notification."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from imbari_chat.config import NotifyChoice
from imbari_chat.desk.store import Store
from imbari_chat.desk.streams import Spawn
from imbari_chat.view.sanitize import safe_text

__all__ = ["Notices", "Notifier"]

_SAVE_TITLE, _RESTORE_TITLE = "\x1b[22;2t", "\x1b[23;2t"
_LONGEST: Final = 120


@dataclass(frozen=True, slots=True)
class Notices:
    """Which of them are wanted.

    Attributes:
        bell: The terminal's bell.
        title: How many messages are unread, in the terminal's title.
        notify: How the desktop is told.
        text: Whether that says who wrote what.
    """

    bell: bool = False
    title: bool = False
    notify: NotifyChoice = "off"
    text: bool = False


class Notifier:
    """Tells, by what the terminal understands.

    Args:
        wanted: What.
        store: The desk's.
        write: Writes a control sequence to the terminal.
        spawn: For a program that is started.
    """

    def __init__(
        self, wanted: Notices, store: Store, write: Callable[[str], None], spawn: Spawn
    ) -> None:
        self._wanted = wanted
        self._store = store
        self._write = write
        self._spawn = spawn
        self._title = ""

    def begin(self) -> None:
        """The terminal is ours: keep the title it had."""
        if self._wanted.title:
            self._write(_SAVE_TITLE)

    def end(self) -> None:
        """Give the terminal its title back."""
        if self._wanted.title:
            self._write(_RESTORE_TITLE)

    def update(self) -> None:
        """How many messages are unread may have changed."""
        unread = self._store.unread
        title = f"({unread}) imbari-chat" if unread else "imbari-chat"
        if self._wanted.title and title != self._title:
            self._title = title
            self._write(f"\x1b]2;{title}\x07")

    def tell(self, name: str, text: str) -> None:
        """A customer wrote, and nobody looks.

        Args:
            name: The customer's.
            text: What they wrote.
        """
        if self._wanted.bell:
            self._write("\x07")
        title, body = "imbari-chat", "A customer has written"
        if self._wanted.text:
            # In a sequence of fields a semicolon begins the next one.
            body = safe_text(f"{name}: {text}", max_length=_LONGEST).replace(";", ",")
        match self._wanted.notify:
            case "osc9":
                self._write(_through(f"\x1b]9;{body}\x07"))
            case "osc777":
                self._write(_through(f"\x1b]777;notify;{title};{body}\x07"))
            case "notify-send":
                self._spawn(self._notify_send(title, body))
            case "off":
                pass

    async def _notify_send(self, title: str, body: str) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                "notify-send", "--app-name=imbari-chat", "--", title, body,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            self._store.tell(f"notify-send cannot be started: {error.strerror}", is_error=True)
            return
        await process.wait()


def _through(sequence: str) -> str:
    """``sequence`` as tmux hands it on, if that is between, where ``allow-passthrough`` is on."""
    if "TMUX" not in os.environ:
        return sequence
    return f"\x1bPtmux;{sequence.replace(chr(27), chr(27) * 2)}\x1b\\"
