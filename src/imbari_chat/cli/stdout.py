"""Standard output: data, and nothing but data. Nothing else writes there.

As JSON, data keeps its true text: what a terminal would obey or mangle is escaped, which any JSON
parser undoes. Records have the names of the Python models (snake_case) and times in milliseconds;
fields nobody knows are kept under ``extra`` by their wire names, where they cannot be taken for
ours. For people, data is drawn with Rich, without markup, emoji names or highlighting.
"""

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from imbari_chat.cli.stderr import Stderr, colours
from imbari_chat.errors import ImbariError
from imbari_chat.wire.json import Json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from imbari_chat.schema.models import Message, Session

__all__ = [
    "OutputFailed",
    "ReaderGone",
    "Stdout",
    "let_go_of_stdout",
    "open_closed_streams",
    "record",
]

# C1 controls, DEL, bidi marks and overrides, line separators, lone surrogates: legal in JSON
# strings as they are, and hostile to a terminal or to UTF-8.
_HOSTILE: Final = re.compile(
    "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


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
    """

    def document(self, data: Json) -> None:
        """One JSON document, indented."""
        self._write(_json(data, indent=2))

    def receipt(self, data: Json) -> None:
        """What was done, as :meth:`document`. If it cannot be written it was done all the same.

        An error would make a script do it twice.
        """
        try:
            self.document(data)
        except ReaderGone:
            let_go_of_stdout()
        except OutputFailed as error:
            let_go_of_stdout()
            Stderr().warn(f"this was done, and {error.what}")

    def line(self, data: Json) -> None:
        """One JSON value on one line, at once: a consumer may wait for it."""
        self._write(_json(data, indent=None))

    def text(self, line: str) -> None:
        """One plain line, which must be safe to draw."""
        self._write(line)

    def draw(self, *parts: "RenderableType") -> None:
        """Something Rich knows how to draw, at the width there is."""
        console = self._console()
        with console.capture() as drawn:
            for part in parts:
                console.print(part)
        self._write("\n".join(line.rstrip() for line in drawn.get().splitlines()))

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

    def _write(self, text: str) -> None:
        encoding = sys.stdout.encoding or "utf-8"
        drawable = text.encode(encoding, "backslashreplace").decode(encoding)
        try:
            sys.stdout.write(f"{drawable}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            raise ReaderGone from None
        except OSError as error:
            raise OutputFailed(f"standard output cannot be written: {error.strerror}") from None


def record(model: "Session | Message") -> dict[str, Json]:
    """A session or a message as JSON."""
    fields: dict[str, Any] = {name: getattr(model, name) for name in type(model).model_fields}
    return {**fields, "extra": model.extra}


def _json(data: Json, indent: int | None) -> str:
    utf8 = (sys.stdout.encoding or "utf-8").lower().replace("-", "") in {"utf8", "utf8sig"}
    separators = (",", ":") if indent is None else None
    text = json.dumps(data, ensure_ascii=not utf8, indent=indent, separators=separators)
    return _HOSTILE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
