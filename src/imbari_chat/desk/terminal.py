"""The terminal that the desk is drawn on: one that knows ASCII alone, one that goes away."""

import asyncio
import locale
import os
from collections.abc import Callable
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final, cast

from imbari_chat.desk.plain import plain

if TYPE_CHECKING:
    from textual.driver import Driver

__all__ = ["Lasting", "driver"]


class Lasting:
    """A terminal's file that takes whatever is written, also when the terminal has gone.

    A thread of Textual's writes there. An error would end it, and whoever draws would wait for ever
    for a place in its queue: a program whose window was closed went on.

    Args:
        file: The terminal's.
        gone: Called once, by the thread that writes, when it cannot be written any more.
    """

    def __init__(self, file: IO[str], gone: Callable[[], None]) -> None:
        self._file = file
        self._gone = gone
        self._is_gone = False

    def write(self, text: str) -> int:
        """Write, or drop what nobody can see."""
        self._try(lambda: self._file.write(text))
        return len(text)

    def flush(self) -> None:
        """Have it shown."""
        self._try(self._file.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def _try(self, work: Callable[[], object]) -> None:
        if self._is_gone:
            return
        try:
            work()
        except OSError:
            self._is_gone = True
            self._gone()


_ALT_ENTER: Final = "\x1b\r"
"""What Alt and Enter send where keys have no protocol of their own; Textual takes it for Enter,
which would send what was to go on in a new line."""


def driver(gone: Callable[[], None]) -> "type[Driver] | None":
    """What draws on a terminal; None for Textual's own where there are no such terminals.

    Args:
        gone: Called once, in the loop of the app, when the terminal has gone.
    """
    if os.name != "posix":
        return None
    from textual._ansi_sequences import ANSI_SEQUENCES_KEYS  # its only table of them
    from textual.drivers.linux_driver import LinuxDriver
    from textual.keys import Keys

    cast("dict[str, object]", ANSI_SEQUENCES_KEYS)[_ALT_ENTER] = (Keys.ControlJ,)
    is_plain = locale.nl_langinfo(locale.CODESET).upper() not in {"UTF-8", "UTF8"}

    class TerminalDriver(LinuxDriver):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            loop = asyncio.get_running_loop()

            def tell() -> None:
                with suppress(RuntimeError):  # it ends already
                    loop.call_soon_threadsafe(gone)

            self._file = cast("Any", Lasting(cast("IO[str]", self._file), tell))
            self._is_left = False

        def write(self, data: str) -> None:
            if not self._is_left:  # whoever has the terminal meanwhile draws there
                super().write(plain(data) if is_plain else data)

        def suspend_application_mode(self) -> None:
            super().suspend_application_mode()
            self._is_left = True

        def resume_application_mode(self) -> None:
            self._is_left = False
            super().resume_application_mode()

    return TerminalDriver
