"""What was said in the open conversation.

A message's lines begin with columns of our own, the time and who wrote: no name and no text can
reach them, so nobody can write a line that reads as another's. Who wrote is told by the message's
sender and never by a name.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Final

from rich.style import Style
from textual import events
from textual.message import Message as Posted
from textual.strip import Strip
from textual.widget import Widget

from imbari_chat.desk.cells import strip
from imbari_chat.schema.forms import MAX_TEXT
from imbari_chat.schema.models import Message, Sender
from imbari_chat.schema.paths import MessageId
from imbari_chat.view.dates import clock_time, day
from imbari_chat.view.outgoing import Failed, Pending
from imbari_chat.view.sanitize import safe_text
from imbari_chat.view.widths import wrapped

__all__ = ["Said", "Transcript"]

_DIM: Final = Style(dim=True)
_RULE: Final = Style(dim=True)
_FAILED: Final = Style(color="red")
_GUTTER: Final = 18  # "14:05  customer │ "
_WHO: Final[dict[Sender, str]] = {"customer": "customer", "admin": "us"}
_INK: Final[dict[Sender, Style]] = {
    "customer": Style(color="cyan"),
    "admin": Style(color="green", bold=True),
}
_LONGEST_MESSAGE: Final = 2 * MAX_TEXT


@dataclass(frozen=True, slots=True)
class Said:
    """What the transcript shows.

    Attributes:
        messages: Oldest first.
        pending: Replies on their way, each with what is said of it.
        failed: Replies that were not stored, oldest first.
        keys: What can be done with the first of those, in words.
        divider: The first message that was unread when the conversation was opened.
        seen_at: When the customer last had the chat open, ms since the epoch.
        top: What is above the first message, in words.
        now: ms since the epoch.
        zone: The reader's; None for the system's.
    """

    messages: tuple[Message, ...] = ()
    pending: Sequence[tuple[Pending, str]] = ()
    failed: Sequence[Failed] = ()
    keys: str = ""
    divider: MessageId | None = None
    seen_at: int | None = None
    top: str = ""
    now: int = 0
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    parts: tuple[tuple[str, Style], ...]
    of: MessageId | None = None
    part: int = 0
    day: str = ""


class Transcript(Widget):
    """Lines around a place that stays where it is, or at the bottom as long as nobody scrolls up.

    Args:
        said: What to show now.
    """

    class ReachedTop(Posted):
        """The first line that is loaded is on the screen."""

    def __init__(self, said: Callable[[], Said]) -> None:
        super().__init__(id="transcript")
        self._said = said
        self._lines: list[_Line] = []
        self._last_of: dict[MessageId, int] = {}
        self._days: list[tuple[int, str]] = []
        self._cache: dict[tuple[object, ...], tuple[_Line, ...]] = {}
        self._drawn_from: Said | None = None
        self._width = 0
        self._top = 0
        self._sticks = True
        self._parts_drawn: dict[tuple[MessageId, int], set[int]] = {}  # by how many there are

    def begin(self) -> None:
        """Another conversation: forget where this one was read."""
        self._lines, self._days, self._cache = [], [], {}
        self._sticks = True
        self._parts_drawn = {}
        self._drawn_from = None

    def update(self) -> None:
        """What was said may have changed: lay it out anew, and keep the reader's place."""
        said = self._said()
        if said == self._drawn_from and self._width == self.size.width:
            return
        anchor = self._anchor()
        self._width = self.size.width
        self._drawn_from = said
        self._lines = list(self._laid_out(said))
        self._last_of = {one.of: one.part for one in self._lines if one.of is not None}
        self._days = [(at, one.day) for at, one in enumerate(self._lines) if one.day]
        self._return_to(anchor)
        self.refresh()

    def scroll(self, pages: float) -> None:
        """So many pages down; up if negative."""
        step = int(pages * max(1, self.size.height - 2)) or (1 if pages > 0 else -1)
        self._go_to(self._first() + step)

    def to_top(self) -> None:
        self._go_to(0)

    def to_bottom(self) -> None:
        self._go_to(len(self._lines))

    def to_message(self, message: MessageId) -> None:
        """Its first line, and the divider above it, at the top of the screen."""
        at = next((at for at, one in enumerate(self._lines) if one.of == message), None)
        if at is not None:
            self._go_to(at - 1)

    @property
    def below(self) -> int:
        """How many messages begin below the edge."""
        edge = self._first() + self.size.height
        return sum(one.of is not None and one.part == 0 for one in self._lines[edge:])

    @property
    def day(self) -> str:
        """Of what stands at the top of the screen; empty if its line is on the screen."""
        before = [name for at, name in self._days if at < self._first()]
        return before[-1] if before else ""

    def drawn(self) -> frozenset[MessageId]:
        """The messages on the screen that have been on it from their first line to their last."""
        found = set()
        for one in self._on_screen():
            if one.of is not None:
                last = self._last_of[one.of]
                parts = self._parts_drawn.setdefault((one.of, last), set())
                parts.add(one.part)
                if len(parts) > last:
                    found.add(one.of)
        return frozenset(found)

    def on_screen(self) -> frozenset[MessageId]:
        """The messages of which any line is on the screen."""
        return frozenset(one.of for one in self._on_screen() if one.of is not None)

    def render_line(self, y: int) -> Strip:
        first, blank = self._first(), max(0, self.size.height - len(self._lines))
        at = first + y - blank
        parts = self._lines[at].parts if blank <= y else ()
        return strip(parts, self.size.width, Style.null())

    def on_resize(self) -> None:
        self.update()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._go_to(self._first() - 3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._go_to(self._first() + 3)

    def _on_screen(self) -> Sequence[_Line]:
        first = self._first()
        return self._lines[first : first + self.size.height]

    def _furthest(self) -> int:
        return max(0, len(self._lines) - self.size.height)

    def _first(self) -> int:
        return self._furthest() if self._sticks else min(self._top, self._furthest())

    def _go_to(self, line: int) -> None:
        self._top = max(0, min(line, self._furthest()))
        self._sticks = self._top == self._furthest()
        if self._top == 0:
            self.post_message(self.ReachedTop())
        self.refresh()

    def _anchor(self) -> tuple[MessageId, int] | None:
        """The message at the top of the screen, and how far below the edge its first line is."""
        for at, one in enumerate(self._on_screen()):
            if one.of is not None:
                return one.of, at - one.part
        return None

    def _return_to(self, anchor: tuple[MessageId, int] | None) -> None:
        if anchor is None:
            return
        message, offset = anchor
        at = next((at for at, one in enumerate(self._lines) if one.of == message), None)
        if at is not None:
            self._top = max(0, at - offset)

    def _laid_out(self, said: Said) -> Iterator[_Line]:
        width = max(2, self.size.width - _GUTTER - 1)
        yield _Line(((f" {said.top}", _DIM),))
        today, speaker, spoken_at = "", "", ""
        for message in said.messages:
            on = day(message.timestamp, said.now, said.zone)
            if on and on != today:
                yield replace(self._rule(on), day=on)
                today, speaker = on, ""
            if message.id == said.divider:
                yield self._rule("new", Style(color="red"))
                speaker = ""
            at = clock_time(message.timestamp, said.zone)
            is_first = (message.sender, at) != (speaker, spoken_at)
            speaker, spoken_at = message.sender, at
            key = (message.id, message.text, message.is_unread, is_first, at, width)
            if key not in self._cache:
                told = (at, _WHO[message.sender]) if is_first else ("", "")
                self._cache[key] = tuple(_message_lines(message, *told, width))
            yield from self._cache[key]
        last = said.messages[-1] if said.messages else None
        if last and last.sender == "admin" and (said.seen_at or 0) >= last.timestamp:
            yield _beside("seen", _DIM)
        for failure in said.failed:
            yield from _own_lines(failure.text, width, "!", _FAILED)
            for line in _body(f"not sent: {failure.reason}", width):
                yield _beside(line, _FAILED)
            if failure is said.failed[0]:
                yield _beside(said.keys, _DIM)
        for pending, progress in said.pending:
            yield from _own_lines(pending.text, width, "…", _INK["admin"])
            yield _beside(safe_text(progress, max_length=120), Style(color="yellow"))

    def _rule(self, words: str, style: Style = _RULE) -> _Line:
        return _Line(((f"── {words} ".ljust(max(0, self.size.width - 1), "─"), style),))


def _own_lines(text: str, width: int, mark: str, ink: Style) -> Iterator[_Line]:
    """A reply that is no message yet."""
    for part, line in enumerate(_body(text, width)):
        start, who = (mark, "us") if part == 0 else ("", "")
        gutter = ((f"{start:<6}", ink), (f" {who:>8} ┃ ", _INK["admin"]))
        yield _Line((*gutter, (line, _DIM)))


def _beside(words: str, style: Style) -> _Line:
    """What is said of the message above, under its text."""
    return _Line(((" " * _GUTTER, _DIM), (words, style)))


def _message_lines(message: Message, at: str, who: str, width: int) -> Iterator[_Line]:
    ink = _INK[message.sender]
    bar = "┃" if message.sender == "admin" else "│"
    mark = "•" if message.is_unread else " "
    for part, line in enumerate(_body(message.text, width)):
        gutter = ((f"{at:<5}", _DIM), (mark, Style(color="red")), (f" {who:>8} {bar} ", ink))
        yield _Line((*gutter, (line, Style.null())), message.id, part)
        at = who = ""
        mark = " "


def _body(text: str, width: int) -> list[str]:
    return wrapped(safe_text(text, max_length=_LONGEST_MESSAGE, multiline=True), width)
