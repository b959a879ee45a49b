"""The terminal taken over by the live inbox, and given back however that ends.

On the alternate screen with the cursor hidden, in raw mode with bracketed paste, and with standard
error led to the status line, where it cannot write across the screen.
"""

import asyncio
import contextlib
import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from prompt_toolkit.input import Input, create_input
from rich.console import Console, RenderableType
from rich.live import Live

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.live.keyboard import keys_of
from imbari_chat.view.keys import Key

__all__ = ["keyboard_beside", "taken_over"]

_ESCAPE_TIMEOUT: Final = 0.05
"""Seconds after which an Escape on its own is the key and not the start of a sequence."""

_PASTE_ON: Final = "\x1b[?2004h"
_PASTE_OFF: Final = "\x1b[?2004l"


def keyboard_beside(console: Console) -> Input:
    """The keyboard that belongs to ``console``.

    Raises:
        UsageError: There is no terminal.
    """
    keyboard = create_input() if console.is_terminal else None
    if keyboard is None or keyboard.fileno() < 0 or not os.isatty(keyboard.fileno()):
        raise UsageError(
            "the live inbox needs a terminal", hint="In a pipe use `imbari-chat watch` and `reply`"
        )
    return keyboard


@contextmanager
def taken_over(
    console: Console,
    keyboard: Input,
    *,
    picture: Callable[[], RenderableType],
    on_key: Callable[[Key], None],
    on_end: Callable[[], None],
    on_resize: Callable[[], None],
    on_narration: Callable[[str], None],
) -> Iterator[Live]:
    """Show ``picture`` at every refresh and hand over what happens. Needs a running event loop.

    Args:
        console: What to draw on.
        keyboard: What to read.
        picture: What the screen shows now.
        on_key: Called with every key.
        on_end: The keyboard is gone, or the process is asked to end.
        on_resize: The window has another size; not told on Windows.
        on_narration: Called with each line written to standard error, from any thread.
    """
    loop = asyncio.get_running_loop()
    flushing: asyncio.TimerHandle | None = None

    def flush() -> None:
        for key in keys_of(keyboard.flush_keys()):
            on_key(key)

    def read() -> None:
        nonlocal flushing
        if flushing is not None:
            flushing.cancel()
        for key in keys_of(keyboard.read_keys()):
            on_key(key)
        flushing = loop.call_later(_ESCAPE_TIMEOUT, flush)
        if keyboard.closed:
            on_end()

    with ExitStack() as given_back:
        given_back.enter_context(contextlib.redirect_stderr(_Lines(on_narration)))
        _handle("SIGWINCH", on_resize, loop, given_back)
        _handle("SIGTERM", on_end, loop, given_back)
        _handle("SIGHUP", on_end, loop, given_back)
        live = Live(
            get_renderable=picture,
            console=console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        given_back.enter_context(live)
        console.file.write(_PASTE_ON)
        given_back.callback(console.file.write, _PASTE_OFF)
        given_back.enter_context(keyboard.raw_mode())
        given_back.enter_context(keyboard.attach(read))
        given_back.callback(lambda: flushing.cancel() if flushing is not None else None)
        yield live


def _handle(
    name: str, handler: Callable[[], None], loop: asyncio.AbstractEventLoop, until: ExitStack
) -> None:
    """Listen to a signal, where there is such a thing and the loop may."""
    number = getattr(signal, name, None)
    if number is None:
        return
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(number, handler)
        until.callback(loop.remove_signal_handler, number)


class _Lines(io.TextIOBase):
    """A text stream that hands over each non-empty line."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                self._on_line(line.strip())
        return len(text)
