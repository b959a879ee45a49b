"""Read means seen: which of the customer's messages somebody has had before their eyes.

A message is seen once all of it was drawn, for :data:`MOMENT`, in a pane that a person can be taken
to look at. The client marks everything up to a message, so one is handed over for marking only when
no unread message before it is still to be seen.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from imbari_chat.schema.models import Message
from imbari_chat.schema.paths import MessageId

__all__ = ["MOMENT", "Gaze", "Seen", "looked", "to_mark", "unmarked"]

MOMENT: Final = 700
"""Milliseconds for which a message must have been drawn without a break."""


@dataclass(frozen=True, slots=True)
class Gaze:
    """What a person can be taken to look at.

    Attributes:
        drawn: The messages that stand whole on the screen, or of which the rest was drawn before.
        terminal_focused: The terminal has the keyboard, as far as it tells.
        pane_focused: Keys go to the conversation.
        covered: Help, or anything else, lies over it.
        peek: Opened for a look, which marks nothing.
        live: The conversation is up to date.
    """

    drawn: frozenset[MessageId]
    terminal_focused: bool = True
    pane_focused: bool = True
    covered: bool = False
    peek: bool = False
    live: bool = True

    @property
    def counts(self) -> bool:
        """Whether what is drawn is being looked at."""
        shown = self.terminal_focused and self.pane_focused and not self.covered
        return shown and self.live and not self.peek


@dataclass(frozen=True, slots=True)
class Seen:
    """What has been seen of the open conversation.

    Attributes:
        since: From when on each message that is being looked at has been, in ms.
        ids: What was looked at for long enough.
        asked: What marking was asked for, so that no refusal is repeated.
    """

    since: Mapping[MessageId, int] = field(default_factory=dict)
    ids: frozenset[MessageId] = frozenset()
    asked: frozenset[MessageId] = frozenset()


def looked(seen: Seen, gaze: Gaze, now: int) -> Seen:
    """What has been seen, after another look at the screen.

    Args:
        seen: Before it.
        gaze: What is on the screen.
        now: Milliseconds, of a clock that never goes back.
    """
    if not gaze.counts:
        return replace(seen, since={}) if seen.since else seen
    since = {one: seen.since.get(one, now) for one in gaze.drawn if one not in seen.ids}
    done = {one for one, start in since.items() if now - start >= MOMENT}
    if not done and since == seen.since:
        return seen
    left = {one: start for one, start in since.items() if one not in done}
    return replace(seen, since=left, ids=seen.ids | done)


def to_mark(
    seen: Seen, messages: Sequence[Message], unread_count: int
) -> tuple[Seen, Message | None]:
    """The last message that marking may be asked for now, if there is a new one.

    Args:
        seen: What has been seen.
        messages: What is loaded of the conversation, oldest first.
        unread_count: What the session counts; if that is more than is loaded, there are unread
            ones that cannot have been seen.
    """
    if not seen.ids - seen.asked:
        return seen, None
    unread = [one for one in messages if one.is_unread]
    if len(unread) < unread_count:
        return seen, None
    last: Message | None = None
    asked: set[MessageId] = set()
    for message in unread:
        if message.id not in seen.ids:
            break
        asked.add(message.id)
        last = message
    if asked <= seen.asked:
        return seen, None
    return replace(seen, asked=seen.asked | asked), last


def unmarked(seen: Seen, ids: Collection[MessageId]) -> Seen:
    """Marking these did not get through; it may be asked for again."""
    return replace(seen, asked=seen.asked - frozenset(ids))
