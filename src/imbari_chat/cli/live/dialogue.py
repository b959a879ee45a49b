"""The open conversation, in lines of an exact width: with whom, what was said, what is written.

A message's text is the last thing on its lines, so it may keep its emoji as they were typed.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import tzinfo
from typing import Final

from rich.cells import chop_cells
from rich.text import Text

from imbari_chat.cli.live.cells import padded, spread, steady, wrapped
from imbari_chat.schema.forms import MAX_TEXT
from imbari_chat.schema.models import ADMIN_LABEL, Message, Session
from imbari_chat.view.dates import clock_time, day
from imbari_chat.view.inbox import Conversation, Inbox, author, customer_label, presence_marks
from imbari_chat.view.sanitize import safe_text
from imbari_chat.wire.json import utf16_length

__all__ = ["dialogue_lines", "scrolled_within"]

_COMPOSER_LINES: Final = 5
_PROMPT: Final = "› "
_INDENT: Final = "  "
_LONGEST_FIELD: Final = 120
# A record may be longer than the contract allows; one message must not cost more than this.
_LONGEST_MESSAGE: Final = 2 * MAX_TEXT


def dialogue_lines(
    state: Inbox, width: int, height: int, *, now: int, zone: tzinfo | None
) -> list[Text]:
    """``height`` lines: the header, the messages (newest at the bottom), the composer.

    The caller has passed the state through :func:`scrolled_within`.
    """
    conversation = state.conversation
    if conversation is None:
        hint = padded(Text("  Open a conversation with Enter", style="dim"), width)
        return [hint, *[Text(" " * width)] * (height - 1)]
    composer = _composer_lines(state, width)
    header = _header(state, conversation, width)
    room = max(0, height - len(header) - len(composer))
    said = _said(state, width, now, zone)
    last = max(0, len(said) - conversation.scroll)
    shown = said[max(0, last - room) : last]
    above = [Text(" " * width)] * (room - len(shown))
    lines = [*header, *above, *shown, *composer] if said else [*header, *above, *composer]
    return [padded(line, width) for line in lines[:height]]


def scrolled_within(
    state: Inbox, width: int, height: int, *, now: int, zone: tzinfo | None
) -> Inbox:
    """The state with its scrolling no further than the first message."""
    conversation = state.conversation
    if conversation is None or not conversation.scroll:
        return state
    used = len(_header(state, conversation, width)) + len(_composer_lines(state, width))
    furthest = max(0, len(_said(state, width, now, zone)) - max(0, height - used))
    if conversation.scroll <= furthest:
        return state
    return replace(state, conversation=replace(conversation, scroll=furthest))


def _header(state: Inbox, conversation: Conversation, width: int) -> list[Text]:
    session = conversation.session
    name = Text(_field(customer_label(session)), style="bold")
    mark = Text()
    if conversation.connection.state == "closed":
        mark = Text("closed ", style="bold red")
    elif conversation.connection.state != "live":
        mark = Text(f"{_STREAM_WORDS[conversation.connection.state]} ", style="yellow")
    elif conversation.scroll:
        mark = Text(f"↓ {conversation.scroll} lines below ", style="yellow")
    elif session.is_resolved:
        mark = Text("✓ resolved ", style="green")
    elif conversation.peek:
        mark = Text("only looking ", style="magenta")
    details = " · ".join(_details(session))
    there = _field(presence_marks(state.presence, session.id))
    return [
        spread(
            Text.assemble(
                " ",
                name,
                Text(f"  {there}" if there else "", style="green"),
                Text(f"  {details}", style="dim"),
            ),
            mark,
            width,
        ),
        Text("─" * width, style="bright_black"),
    ]


_STREAM_WORDS: Final = {
    "connecting": "loading…",
    "stale": "no word from the server…",
    "reconnecting": "reconnecting…",
}


def _details(session: Session) -> Iterator[str]:
    for value in (session.customer_email, session.customer_phone, session.topic):
        if value:
            yield _field(value)


def _field(value: str) -> str:
    return steady(safe_text(value, max_length=_LONGEST_FIELD))


def _said(state: Inbox, width: int, now: int, zone: tzinfo | None) -> list[Text]:
    """Every line of the conversation, oldest first, replies on their way at the end."""
    conversation = state.conversation
    if conversation is None:
        return []
    lines: list[Text] = []
    today = spoken = ""
    for message in conversation.messages:
        name = _field(author(message, conversation.session))
        on = day(message.timestamp, now, zone)
        if on and on != today:
            lines.append(Text(f"── {on} ".ljust(width, "─"), style="bright_black"))
            today, spoken = on, ""
        at = clock_time(message.timestamp, zone)
        if f"{name}{at}" != spoken:
            lines.append(_signature(message, name, at))
            spoken = f"{name}{at}"
        lines += _body(message.text, width)
    for pending, progress in zip(state.sending(), state.progress(now), strict=True):
        words = steady(safe_text(progress, max_length=_LONGEST_FIELD))
        lines.append(Text.assemble(" ", (ADMIN_LABEL, "green dim"), "  ", (words, "yellow")))
        lines += _body(pending.text, width, style="dim")
    return lines


def _signature(message: Message, name: str, at: str) -> Text:
    colour = "green" if message.sender == "admin" else "cyan"
    unread = ("  • unread", "red") if message.is_unread else ("", "")
    return Text.assemble(" ", (name, colour), "  ", (at, "dim"), unread)


def _body(text: str, width: int, style: str = "") -> list[Text]:
    safe = safe_text(text, max_length=_LONGEST_MESSAGE, multiline=True)
    return [Text(_INDENT + line, style=style) for line in wrapped(safe, width - len(_INDENT) - 1)]


def _composer_lines(state: Inbox, width: int) -> list[Text]:
    """A rule, and up to five lines around the cursor."""
    composer = state.composer
    focused = state.focus == "conversation"
    length = utf16_length(composer.text)
    rule = Text("─" * width, style="cyan" if focused else "bright_black")
    if length > MAX_TEXT - 200:
        count = Text(f" {length}/{MAX_TEXT} ", style="red" if length > MAX_TEXT else "yellow")
        rule = spread(rule, count, width)
    before = safe_text(composer.text[: composer.cursor], multiline=True)
    after = safe_text(composer.text[composer.cursor :], multiline=True)
    lines, row = _entry(before, after, width - len(_PROMPT) - 1, focused=focused)
    first = max(0, min(row - _COMPOSER_LINES + 1, len(lines) - _COMPOSER_LINES))
    if not composer.text:
        lines[0].append("write a reply" if focused else "Tab: write a reply", style="dim")
    prompt = (_PROMPT, "bold cyan") if focused else (_PROMPT, "dim")
    return [
        rule,
        *(
            Text.assemble(prompt if first + index == 0 else _INDENT, line)
            for index, line in enumerate(lines[first : first + _COMPOSER_LINES])
        ),
    ]


def _entry(before: str, after: str, width: int, *, focused: bool) -> tuple[list[Text], int]:
    """The entry's lines with the cursor drawn, and the cursor's line."""
    under, rest = (after[:1], after[1:]) if after[:1] not in {"", "\n"} else (" ", after)
    lines = [Text(part) for line in before.split("\n") for part in _chopped(line, width)]
    if lines[-1].cell_len >= width:
        lines.append(Text())
    row = len(lines) - 1
    lines[-1].append(under, style="reverse" if focused else "")
    head, *others = rest.split("\n")
    room = max(1, width - lines[-1].cell_len)
    first, *more = _chopped(head, room) if head else [""]
    lines[-1].append(first)
    lines += [Text(part) for part in _chopped("".join(more), width) if part]
    lines += [Text(part) for line in others for part in _chopped(line, width)]
    return lines, row


def _chopped(text: str, width: int) -> list[str]:
    return chop_cells(text, max(2, width)) or [""]
