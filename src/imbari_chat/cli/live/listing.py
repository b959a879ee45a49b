"""The list of conversations, in lines of an exact width."""

from datetime import tzinfo

from rich.text import Text

from imbari_chat.cli.live.cells import padded, spread, steady
from imbari_chat.schema.models import Session
from imbari_chat.view.dates import since
from imbari_chat.view.inbox import Inbox, customer_label, presence_marks
from imbari_chat.view.sanitize import safe_text

__all__ = ["list_lines"]

_ROOMY = 60
_NAME = 22
_TIME = 6
_LONGEST = 200


def list_lines(
    state: Inbox, width: int, height: int, *, now: int, zone: tzinfo | None
) -> list[Text]:
    """``height`` lines around the selection: one a conversation, or two where there is little room.

    Args:
        state: What to show.
        width: In cells, of every line.
        height: In lines.
        now: Milliseconds since the epoch.
        zone: The reader's; None for the system's.
    """
    sessions = state.listed()
    if not sessions:
        return _filled([_nothing(state)], width, height)
    ids = [session.id for session in sessions]
    place = ids.index(state.selected) if state.selected in ids else 0
    lines_each = 1 if width >= _ROOMY else 2
    fit = max(1, height // lines_each)
    first = max(0, min(place - fit // 2, len(sessions) - fit))
    lines: list[Text] = []
    for session in sessions[first : first + fit]:
        draw = _on_one_line if lines_each == 1 else _on_two_lines
        when = since(session.last_message_time, now, zone)
        drawn = [padded(line, width) for line in draw(state, session, width, when)]
        if session.id == state.selected:
            for line in drawn:
                line.stylize("reverse" if state.focus == "list" else "on bright_black")
        lines += drawn
    return _filled(lines, width, height)


def _nothing(state: Inbox) -> Text:
    if state.connection.state == "connecting":
        return Text("  Loading conversations…", style="dim")
    if state.filter == "active" and state.sessions:
        return Text("  No active conversation; f shows all", style="dim")
    return Text("  No conversation yet", style="dim")


def _filled(lines: list[Text], width: int, height: int) -> list[Text]:
    blank = Text(" " * width)
    return [padded(line, width) for line in lines[:height]] + [blank] * (height - len(lines))


def _marker(state: Inbox, session: Session) -> Text:
    is_open = state.conversation is not None and state.conversation.id == session.id
    return Text("▸ " if is_open else "  ", style="cyan")


def _name(session: Session) -> Text:
    name = steady(safe_text(customer_label(session), max_length=_LONGEST))
    style = "dim" if session.is_resolved else "bold" if session.unread_count else ""
    return Text(name, style=style)


def _badge(session: Session) -> Text:
    if session.unread_count:
        count = "99+" if session.unread_count > 99 else str(session.unread_count)
        return Text(f"({count})", style="bold red")
    return Text("✓", style="green") if session.is_resolved else Text()


def _marks(state: Inbox, session: Session) -> Text:
    """Who is there, if anybody is."""
    marks = steady(safe_text(presence_marks(state.presence, session.id), max_length=_LONGEST))
    return Text(f"{marks}  " if marks else "", style="green")


def _preview(session: Session) -> Text:
    text = steady(safe_text(session.last_message, max_length=_LONGEST)) or "no message yet"
    return Text(text, style="" if session.unread_count else "dim")


def _on_one_line(state: Inbox, session: Session, width: int, when: str) -> list[Text]:
    left = Text.assemble(
        _marker(state, session),
        padded(_name(session), _NAME),
        " ",
        padded(_badge(session), 5),
        " ",
        _marks(state, session),
        _preview(session),
    )
    return [spread(left, Text(f"{when:>{_TIME}} ", style="dim"), width)]


def _on_two_lines(state: Inbox, session: Session, width: int, when: str) -> list[Text]:
    right = Text.assemble(_badge(session), " ", Text(f"{when:>{_TIME}} ", style="dim"))
    name = Text.assemble(_marker(state, session), _name(session))
    below = Text.assemble("  ", _marks(state, session), _preview(session), " ")
    return [spread(name, right, width), below]
