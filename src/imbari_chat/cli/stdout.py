"""Standard output: data, and nothing but data. Nothing else writes there.

For programs, data keeps its true text (:mod:`imbari_chat.cli.data_text`). Records have the names of
the Python models (snake_case) and times in milliseconds; fields nobody knows are kept under
``extra`` by their wire names, where they cannot be taken for ours. For people, data is drawn with
Rich, without markup, emoji names or highlighting.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from imbari_chat.cli.data_text import json_text, row_text
from imbari_chat.cli.stderr import Stderr, colours, wipe_waiting
from imbari_chat.errors import ImbariError
from imbari_chat.wire.json import Json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from imbari_chat.schema.models import Record

__all__ = [
    "OutputFailed",
    "ReaderGone",
    "Stdout",
    "let_go_of_stdout",
    "open_closed_streams",
    "record",
]


class ReaderGone(Exception):  # not an error: it is how a pipeline ends
    """Whoever read our output has read enough, as ``head`` does."""


class OutputFailed(ImbariError):
    """Data could not be written to standard output, which is closed or full."""


def open_closed_streams() -> None:
    """Let a program that was started without standard streams (``>&-``) have some.

    Otherwise the first file or socket that it opens becomes one of them. What is said on standard
    error goes nowhere, and what is written to standard output fails as in any program.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            if null != descriptor:
                os.dup2(null, descriptor)
                os.close(null)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def let_go_of_stdout() -> None:
    """Write nowhere from now on: Python would try again at its end what could not be written."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


class Stdout:
    """Where a command puts its result.

    Every method that writes may raise :class:`ReaderGone` and :class:`OutputFailed`.

    Args:
        tells_what_was_done: What cannot be written was done all the same: the command goes on, and
            a warning says so once. An error would make a script do it again.
    """

    def __init__(self, *, tells_what_was_done: bool = False) -> None:
        self._is_lenient = tells_what_was_done

    def document(self, data: Mapping[str, Json]) -> None:
        """One JSON document, indented."""
        self._write(json_text(data, encoding=_encoding(), indent=2))

    def line(self, data: Mapping[str, Json]) -> None:
        """One JSON object on one line, at once: a consumer may wait for it."""
        self.lines([data])

    def lines(self, objects: Iterable[Mapping[str, Json]]) -> None:
        """JSON objects, one a line."""
        self._write_all(json_text(one, encoding=_encoding()) for one in objects)

    def rows(self, rows: Iterable[Iterable[Json]]) -> None:
        """Values with tabs between, one row a line."""
        self._write_all(map(row_text, rows))

    def text(self, line: str) -> None:
        """One plain line, which must be safe to draw."""
        self._write(line)

    def draw(self, *parts: "RenderableType", paged: bool = False) -> None:
        """Something Rich knows how to draw, at the width there is.

        Args:
            parts: One below the other.
            paged: Whether to show it in the person's pager (PAGER, or else less) if it is longer
                than the terminal is high.
        """
        console = self._console()
        with console.capture() as drawn:
            for part in parts:
                console.print(part)
        from imbari_chat.cli.columns import without_stand_ins

        is_paged = paged and self.is_terminal
        lines = [
            without_stand_ins(line.rstrip(), addressed=self.is_terminal and not is_paged)
            for line in drawn.get().splitlines()
        ]
        if is_paged and len(lines) >= console.height:
            from rich.pager import SystemPager

            wipe_waiting()
            os.environ.setdefault("LESS", "FRX")  # colours, and nothing cleared away at the end
            SystemPager().show("\n".join(lines) + "\n")
        else:
            self._write("\n".join(lines))

    @property
    def width(self) -> int:
        """Columns to draw on: the terminal's, COLUMNS, or 80."""
        return self._console().width

    def _console(self) -> "Console":
        from rich.console import Console

        return Console(
            file=sys.stdout,
            markup=False,
            emoji=False,
            highlight=False,
            no_color=not colours(sys.stdout),
        )

    @property
    def is_terminal(self) -> bool:
        """Whether a person sees it, and not a program."""
        return sys.stdout.isatty()

    def _write_all(self, lines: Iterable[str]) -> None:
        if text := "\n".join(lines):
            self._write(text)

    def _write(self, text: str) -> None:
        encoding = _encoding()
        wipe_waiting()
        drawable = text.encode(encoding, "backslashreplace").decode(encoding)
        try:
            sys.stdout.write(f"{drawable}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            if not self._is_lenient:
                raise ReaderGone from None
            let_go_of_stdout()
        except OSError as error:
            failed = OutputFailed(f"standard output cannot be written: {error.strerror}")
            if not self._is_lenient:
                raise failed from None
            let_go_of_stdout()
            Stderr().warn(f"this was done, and {failed.what}")


def record(model: "Record") -> dict[str, Json]:
    """A session, a message or another stored record as JSON."""
    fields: dict[str, Any] = {name: getattr(model, name) for name in type(model).model_fields}
    return {**fields, "extra": model.extra}


def _encoding() -> str:
    return sys.stdout.encoding or "utf-8"
