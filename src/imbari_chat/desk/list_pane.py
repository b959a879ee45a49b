"""The list of conversations, and what its keys do."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from rich.style import Style
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from imbari_chat.clock import local_time
from imbari_chat.desk import frame
from imbari_chat.desk.bar import Parts
from imbari_chat.desk.cells import strip
from imbari_chat.desk.keys import bindings
from imbari_chat.desk.list_rows import Picture, first_line, second_line
from imbari_chat.desk.store import Store
from imbari_chat.desk.streams import Streams
from imbari_chat.schema.models import Session
from imbari_chat.view import listing
from imbari_chat.view.dates import full

__all__ = ["ListPane"]

_DIM: Final = Style(dim=True)
_EACH: Final = 2
_DAY: Final = 24 * 3_600_000


class ListPane(Widget, can_focus=True):
    """Draws what is listed, around the selection.

    Args:
        store: The desk's.
        streams: What loads more.
        on_open: Called with a conversation that is to be opened, and whether for a look only. At
            once, so that keys of the same burst are the conversation's.
    """

    BINDINGS = bindings("list")  # Textual's own way

    def __init__(
        self, store: Store, streams: Streams, on_open: Callable[[Session, bool], None]
    ) -> None:
        super().__init__(id="list")
        self._store = store
        self._streams = streams
        self._on_open = on_open
        self._drawn = self._picture()
        self._first = 0
        self._age: int | None = None  # of what is listed at most, in ms

    def _picture(self) -> Picture:
        store = self._store
        at = local_time()
        reach = listing.reach(store.listing, store.rows, store.state.sessions)
        earliest = store.listing.earliest
        when = "" if earliest is None else f" since {full(earliest, None)[5:]}"
        return Picture(
            store.rows,
            listing.place(store.listing, store.rows),
            store.listing,
            store.opened,
            frozenset(store.state.drafts),
            frozenset(one.session_id for one in store.state.failed),
            store.state.presence,
            f"{store.listing.shown}{when} · {reach}",
            frame.nothing(store.state, store.listing, store.left_out),
            at - at % 60_000,
        )

    def update(self) -> None:
        """Draw it, if it is another picture."""
        picture = self._picture()
        if picture != self._drawn:
            self._drawn = picture
            self.refresh()
            self._streams.last_senders.look()

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        picture = self._drawn
        if y == height - 1:
            return strip(self._edges(picture), width, Style.null())
        if not picture.rows:
            empty: Parts = [(f"  {picture.nothing}", _DIM)] if y == 0 else ()
            return strip(empty, width, Style.null())
        self._keep_in_sight(picture)
        at, line = self._row_at(y), y % _EACH
        if at is None:
            return strip((), width, Style.null())
        session = picture.rows[at]
        is_selected = at == picture.place
        is_bar = is_selected and self.has_focus
        fill = Style(reverse=is_bar)
        parts = (
            first_line(picture, session, is_selected=is_selected)
            if line == 0
            else second_line(picture, session)
        )
        # Reversed colours would be a patchwork; the bar has none.
        drawn = [
            (text, Style(reverse=True, bold=style.bold) if is_bar else style)
            for text, style in parts
        ]
        return strip(drawn, width, fill)

    def _edges(self, picture: Picture) -> Parts:
        """What is above and below, and how far the list goes."""
        fit = max(1, (self.size.height - 1) // _EACH)
        above, left = self._first, len(picture.rows) - self._first - fit
        beyond = f"↑{above:,} " * (above > 0) + f"↓{left:,} " * (left > 0)
        return [(f" {beyond}", Style(color="yellow")), (picture.reach, _DIM)]

    def _row_at(self, y: int) -> int | None:
        """Which row is drawn on this line; None if there is none, or not room for all of it."""
        at = self._first + y // _EACH
        is_whole = y // _EACH < (self.size.height - 1) // _EACH
        return at if is_whole and at < len(self._drawn.rows) else None

    def _keep_in_sight(self, picture: Picture) -> None:
        """Move the first row on the screen, if the selection would leave."""
        fit = max(1, (self.size.height - 1) // _EACH)
        place = picture.place
        self._first = max(place - fit + 1, min(self._first, place))
        self._first = max(0, min(self._first, len(picture.rows) - fit))

    def on_click(self, event: events.Click) -> None:
        if (at := self._row_at(event.y)) is not None:
            self._on_open(self._drawn.rows[at], False)  # as in on_open

    def on_mouse_scroll_up(self) -> None:
        self.action_move(-1)

    def on_mouse_scroll_down(self) -> None:
        self.action_move(1)

    def action_move(self, by: int) -> None:
        store = self._store
        store.choose(listing.moved(store.listing, store.rows, by))
        if by > 0 and (not store.rows or store.selected == store.rows[-1]):
            self._streams.older.load_more()

    def action_top(self) -> None:
        self._store.choose(replace(self._store.listing, selected=None))

    def action_bottom(self) -> None:
        self.action_move(len(self._store.rows) or 1)

    def action_open(self) -> None:
        self._open_selected(peek=False)

    def action_peek(self) -> None:
        self._open_selected(peek=True)

    def _open_selected(self, *, peek: bool) -> None:
        if self._store.selected is not None:
            self._on_open(self._store.selected, peek)

    def action_next_unread(self) -> None:
        self._jump("unread")

    def action_next_waiting(self) -> None:
        self._streams.last_senders.look_at_all()
        self._jump("waiting")

    def _jump(self, kind: listing.Kind) -> None:
        store = self._store
        to = listing.following(store.listing, store.rows, kind)
        if to is not None:
            store.choose(replace(store.listing, selected=to.id))
        elif kind == "waiting" and any(
            not one.is_resolved and listing.is_unheard_of(store.listing, one) for one in store.rows
        ):
            store.tell("None of those looked at is waiting; looking at the rest…")
        else:
            store.tell(f"None of these is {kind}")

    def action_filter(self, by: int) -> None:
        self._store.choose(listing.other_shown(self._store.listing, by))

    def action_since(self) -> None:
        """Only what is a day old, or a week; or whatever there is."""
        store = self._store
        ages = {None: _DAY, _DAY: 7 * _DAY, 7 * _DAY: None}
        self._age = ages[self._age]
        earliest = None if self._age is None else local_time() - self._age
        store.choose(replace(store.listing, earliest=earliest))

    def action_order(self) -> None:
        self._store.choose(listing.other_order(self._store.listing))
        self._store.tell(f"First: {self._store.listing.order}")
