"""The live inbox as one screenful of text: a function of the state, the size and the time.

From 110 columns on, list and conversation stand side by side; below, one at a time, the one that
keys go to. Every line is exactly as wide as the screen and nothing wraps.
"""

from datetime import UTC, tzinfo
from math import ceil
from typing import Final

from rich.text import Text

from imbari_chat.cli.live.cells import padded, spread, steady
from imbari_chat.cli.live.dialogue import dialogue_lines, scrolled_within
from imbari_chat.cli.live.listing import list_lines
from imbari_chat.schema.events import ConnectionChanged
from imbari_chat.view.inbox import Inbox
from imbari_chat.view.keys import Binding, bindings_in, key_label
from imbari_chat.view.sanitize import safe_text

__all__ = ["WIDE", "fitted", "screen"]

WIDE: Final = 110
"""Columns from which list and conversation stand side by side."""

_FRAME: Final = 3  # the banner above, the status line and the help line below
_LONGEST_NOTICE: Final = 400
_KEYS: Final = 16  # columns for the keys on the help screen


def screen(
    state: Inbox, width: int, height: int, *, now: int, zone: tzinfo | None = UTC, title: str = ""
) -> Text:
    """The whole screen.

    Args:
        state: What to show; pass it through :func:`fitted` first.
        width: Columns.
        height: Rows.
        now: Milliseconds since the epoch.
        zone: The reader's; None for the system's.
        title: Which project this is, for the banner.
    """
    rows = max(0, height - _FRAME)
    if state.help:
        body = _help_lines(width, rows)
    elif width >= WIDE:
        body = _side_by_side(state, width, rows, now=now, zone=zone)
    elif state.focus == "conversation":
        body = dialogue_lines(state, width, rows, now=now, zone=zone)
    else:
        body = list_lines(state, width, rows, now=now, zone=zone)
    banner = _banner(state, width, now, title)
    lines = [banner, *body, _status(state, width), _help_line(state, width)]
    whole = Text("\n").join(lines[:height])
    whole.no_wrap = True
    whole.overflow = "crop"
    return whole


def fitted(state: Inbox, width: int, height: int, *, now: int, zone: tzinfo | None = UTC) -> Inbox:
    """The state made to fit this size: scrolled no further than there is something to see."""
    columns = width - _list_width(width) - 1 if width >= WIDE else width
    return scrolled_within(state, columns, max(0, height - _FRAME), now=now, zone=zone)


def _list_width(width: int) -> int:
    return max(40, min(56, width * 2 // 5))


def _side_by_side(
    state: Inbox, width: int, rows: int, *, now: int, zone: tzinfo | None
) -> list[Text]:
    left = _list_width(width)
    return [
        Text.assemble(one, ("│", "bright_black"), other)
        for one, other in zip(
            list_lines(state, left, rows, now=now, zone=zone),
            dialogue_lines(state, width - left - 1, rows, now=now, zone=zone),
            strict=True,
        )
    ]


def _banner(state: Inbox, width: int, now: int, title: str) -> Text:
    count = len(state.listed())
    which = "active conversation" if state.filter == "active" else "conversation"
    counted = f"{count} {which}{'' if count == 1 else 's'}"
    unread = f", {state.unread} unread" if state.unread else ""
    name = f" Imbari Chat {steady(safe_text(title, max_length=60))}".rstrip()
    waiting = state.waiting(now)
    right = Text()
    if waiting:
        right.append(f"{waiting} repl{'y waits' if waiting == 1 else 'ies wait'} · ", "bold yellow")
    right.append_text(_connection(state.connection, now - state.connection_at))
    line = spread(Text(f"{name} · {counted}{unread}"), right, width)
    line.stylize("on grey23")
    return line


def _connection(connection: ConnectionChanged, ago: int) -> Text:
    """What to say of a connection that got into its state ``ago`` milliseconds before."""
    reason = f": {safe_text(connection.reason, max_length=40)}" if connection.reason else ""
    match connection.state:
        case "live":
            return Text("● live ", style="green")
        case "connecting":
            return Text("◌ connecting… ", style="yellow")
        case "stale":
            return Text("◐ no word from the server ", style="yellow")
        case "reconnecting":
            left = 0 if connection.retry_in is None else ceil(connection.retry_in - ago / 1000)
            wait = f" in {left} s" if left > 0 else ""
            return Text(f"↻ reconnecting{wait}{steady(reason)} ", style="bold yellow")
        case "closed":
            return Text(f"✕ closed{steady(reason)} ", style="bold red")


def _status(state: Inbox, width: int) -> Text:
    if state.notice is None:
        is_away = state.connection.state in ("stale", "reconnecting") and not state.help
        return padded(_brief_keys(bindings_in("everywhere")) if is_away else Text(), width)
    text = steady(safe_text(state.notice.text, max_length=_LONGEST_NOTICE))
    return padded(Text(f" {text}", style="bold red" if state.notice.is_error else ""), width)


def _help_line(state: Inbox, width: int) -> Text:
    if state.help:
        return padded(Text(" any key closes this help", style="dim"), width)
    return padded(_brief_keys(bindings_in(state.focus)), width)


def _brief_keys(bindings: tuple[Binding, ...]) -> Text:
    line = Text(" ")
    for binding in bindings:
        if binding.brief:
            line.append(key_label(binding.keys[0]), style="bold")
            line.append(f" {binding.brief}  ", style="dim")
    return line


def _help_lines(width: int, rows: int) -> list[Text]:
    """The key table: the list and everywhere on the left, the conversation on the right."""
    left = _help_column("In the list", bindings_in("list"))
    left += [Text(), *_help_column("Everywhere", bindings_in("everywhere"))]
    right = _help_column("In a conversation", bindings_in("conversation"))
    half = width // 2
    lines = []
    for index in range(rows):
        one = left[index] if index < len(left) else Text()
        other = right[index] if index < len(right) else Text()
        lines.append(Text.assemble(padded(one, half), padded(other, width - half)))
    return lines


def _help_column(title: str, bindings: tuple[Binding, ...]) -> list[Text]:
    lines = [Text(f" {title}", style="bold underline")]
    for binding in bindings:
        first, *others = (key_label(key) for key in binding.keys)
        both = " ".join([first, *others[:1]])
        keys = both if len(both) < _KEYS else first
        lines.append(Text.assemble(" ", (f"{keys:<{_KEYS}}", "bold"), binding.meaning))
    return lines
