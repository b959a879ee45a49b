"""The list of conversations: two lines each, a stranger's words always last on theirs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from imbari_chat.desk.bar import Parts
from imbari_chat.desk.cells import strip
from imbari_chat.schema.models import Session
from imbari_chat.schema.paths import SessionId
from imbari_chat.view.dates import since
from imbari_chat.view.inbox import customer_label
from imbari_chat.view.likeness import reads_as_us
from imbari_chat.view.listing import Listing, is_waiting
from imbari_chat.view.sanitize import safe_text

__all__ = ["ListPane", "Picture"]

_DIM: Final = Style(dim=True)
_LONGEST: Final = 200
_EACH: Final = 2
_WORDS: Final = {"customer": "them: ", "admin": "us:   ", None: ""}


@dataclass(frozen=True, slots=True)
class Picture:
    """What the list shows.

    Attributes:
        rows: In order.
        listing: The selection, and who wrote last.
        opened: The open conversation.
        drafts: The conversations with a draft.
        reach: How far the list goes, in words.
        nothing: What to say when there are no rows.
        now: ms since the epoch.
    """

    rows: Sequence[Session]
    listing: Listing
    opened: SessionId | None
    drafts: frozenset[SessionId]
    reach: str
    nothing: str
    now: int


class ListPane(Widget, can_focus=True):
    """Draws what ``picture`` gives, around the selection.

    Args:
        picture: What to show now.
    """

    class Clicked(Message):
        """A conversation was clicked on."""

        def __init__(self, session: Session) -> None:
            super().__init__()
            self.session = session

    def __init__(self, picture: Callable[[], Picture]) -> None:
        super().__init__(id="list")
        self._picture = picture
        self._current = picture()
        self._first = 0

    def render_lines(self, crop: Region) -> list[Strip]:
        self._current = self._picture()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        picture = self._current
        if y == height - 1:
            return strip([(f" {picture.reach}", _DIM)], width, self.region.x, Style.null())
        if not picture.rows:
            empty: Parts = [(f"  {picture.nothing}", _DIM)] if y == 0 else ()
            return strip(empty, width, self.region.x, Style.null())
        at, line = self._keep_in_sight(picture) + y // _EACH, y % _EACH
        if at >= len(picture.rows) or (height - 1) // _EACH <= y // _EACH:
            return strip((), width, self.region.x, Style.null())
        session = picture.rows[at]
        is_selected = at == _selected(picture)
        fill = Style(reverse=is_selected and self.has_focus, bold=False)
        if is_selected and not self.has_focus:
            fill = Style(underline=line == _EACH - 1)
        parts = (
            _first_line(picture, session, is_selected=is_selected)
            if line == 0
            else _second_line(picture, session)
        )
        drawn = [(text, style + fill) for text, style in parts]
        return strip(drawn, width, self.region.x, fill)

    def on_click(self, event: events.Click) -> None:
        picture = self._picture()
        at = self._first + event.y // _EACH
        if at < len(picture.rows) and event.y < self.size.height - 1:
            self.post_message(self.Clicked(picture.rows[at]))

    def _keep_in_sight(self, picture: Picture) -> int:
        """The first row on the screen; it moves only when the selection would leave."""
        fit = max(1, (self.size.height - 1) // _EACH)
        place = _selected(picture)
        self._first = max(place - fit + 1, min(self._first, place))
        self._first = max(0, min(self._first, len(picture.rows) - fit))
        return self._first


def _selected(picture: Picture) -> int:
    wanted = picture.listing.selected
    if wanted is None:
        return 0
    return next((at for at, one in enumerate(picture.rows) if one.id == wanted), 0)


def _first_line(picture: Picture, session: Session, *, is_selected: bool) -> Parts:
    count = session.unread_count
    badge = "99+" if count > 99 else str(count) if count else "✓" if session.is_resolved else ""
    name = safe_text(customer_label(session), max_length=_LONGEST)
    marker = "▸" if session.id == picture.opened else ">" if is_selected else " "
    return [
        (marker, Style(color="cyan")),
        (f"{badge:>3} ", Style(color="green" if session.is_resolved else "red", bold=count > 0)),
        (f"{since(session.last_message_time, picture.now, None):<7}", _DIM),
        ("not us! " if reads_as_us(customer_label(session)) else "", Style(color="red", bold=True)),
        (name, Style(bold=count > 0, dim=session.is_resolved)),
        (f"  {safe_text(session.customer_email, max_length=_LONGEST)}", _DIM),
    ]


def _second_line(picture: Picture, session: Session) -> Parts:
    waits = "waits" if is_waiting(picture.listing, session) else ""
    draft = "draft " if session.id in picture.drafts else ""
    who = _WORDS[picture.listing.last_sender(session)]
    text = safe_text(session.last_message, max_length=_LONGEST) or "no message yet"
    return [
        ("     ", Style.null()),
        (f"{waits:<7}", Style(color="yellow")),
        (draft, Style(color="magenta")),
        (who, _DIM),
        (text, _DIM),
    ]
