"""What was written, what is stored, what was heard; and whether the three agree.

Pure: a round collects the facts, this judges them. A message is known by its text, which no two
messages share.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from imbari_chat.schema import decode
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.order import message_place, session_place
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.pushid import is_push_id, timestamp_of

__all__ = ["Entry", "Fate", "Heard", "Stored", "Verdict", "judge"]

Fate: TypeAlias = Literal["stored", "absent", "unknown", "unsettled"]
"""What its writer was told of a message: it is there; it is not and will not be; nobody knows,
and nobody tries any more; or nothing yet, which at the end of a round is a broken promise."""

_TOLERATED = 60_000
"""Milliseconds by which a clock may be wrong without being noticed; see schema/order.py."""

_MOST_COPIES: dict[Fate, int] = {"stored": 1, "absent": 0, "unknown": 1, "unsettled": 1}


@dataclass(slots=True)
class Entry:
    """A message as its writer sees it.

    Attributes:
        author: Who wrote it.
        session_id: Where to; empty while even that is not known.
        website: Whether the website wrote it, with its own two writes and perhaps its own clock.
        hostile: Whether somebody wrote it who means harm, under an id or at a time of their choice.
        after: Texts that its writer had heard in this conversation.
    """

    author: str
    session_id: str
    text: str
    fate: Fate
    website: bool = False
    hostile: bool = False
    after: frozenset[str] = frozenset()


@dataclass(slots=True)
class Heard:
    """What one listener has heard.

    Attributes:
        name: Whose.
        session_id: The conversation it listens to; None for the whole inbox.
        added: Each MessageAdded in order: conversation and text.
        sessions: The inbox's sessions as the events tell them.
        messages: The conversation's messages as the events tell them.
        trouble: What ended it, if anything did.
        connection: How its connection was when it last said so.
        window: How many records it follows.
        began: When it was first live, ms since the epoch; None if it never was.
        begun: The messages that were there when it began, as far as it was given them.
        unusable: How many records stood in its first window besides, which are no messages.
        before: Texts that had been written when it began, if it is an inbox's that began again:
            it may have missed them.
    """

    name: str
    session_id: str | None
    added: list[tuple[str, str]] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    trouble: BaseException | None = None
    connection: str = "never connected"
    window: int = 50
    began: int | None = None
    begun: tuple[Message, ...] = ()
    unusable: int = 0
    before: frozenset[str] = frozenset()

    def begin_again(self) -> None:
        """What was heard so far is of no consequence: its listener was shown out."""
        self.added.clear()
        self.sessions.clear()
        self.messages.clear()
        self.began, self.begun, self.unusable = None, (), 0

    def __str__(self) -> str:
        return f"{self.name} ({self.connection})"


class Stored:
    """The database, read past the rules."""

    def __init__(self, raw: Any) -> None:
        whole = raw or {}
        self.sessions: dict[str, Session] = {
            one.record.id: one.record
            for one in decode.sessions(whole.get("chatSessions"))
            if one.record is not None
        }
        self.messages: dict[str, dict[str, Message]] = {
            session_id: {
                one.record.id: one.record
                for one in decode.messages(SessionId(session_id), messages)
                if one.record is not None
            }
            for session_id, messages in (whole.get("messages") or {}).items()
        }

    def unread(self, session_id: str) -> int:
        """How many messages of this session no admin has read."""
        return sum(one.is_unread for one in self.messages.get(session_id, {}).values())

    def drifted(self) -> dict[str, int]:
        """Sessions that count something else than their unread messages, and by how much."""
        return {
            session_id: session.unread_count - self.unread(session_id)
            for session_id, session in self.sessions.items()
            if session.unread_count != self.unread(session_id)
        }


@dataclass(slots=True)
class Verdict:
    """How a round ended.

    Attributes:
        messages: How many were accepted.
        lost: Accepted and not stored.
        doubled: Stored or heard more than once.
        disordered: Stored or heard in another order than their writer's, or stored before what
            their writer had heard.
        unheard: Stored, and not heard by somebody who listened.
        views_wrong: Listeners whose view is not what is stored.
        leaks: What is left when everybody has gone: tasks, threads, sockets, files.
        unannounced: What an inbox may miss where the website writes; see :func:`judge`.
        faults: Everything that is wrong, in words.
    """

    messages: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    unheard: int = 0
    views_wrong: int = 0
    leaks: int = 0
    unannounced: int = 0
    faults: list[str] = field(default_factory=list)

    def found(self, what: str) -> None:
        self.faults.append(what)


def judge(
    entries: Iterable[Entry],
    stored: Stored,
    listeners: Iterable[Heard],
    *,
    website: Container[str] = (),
) -> Verdict:
    """Compare what was promised with what is.

    The website writes a session after the message, by its own clock, and may get no further than
    the message. An inbox hears of messages through their sessions, so it may miss some that the
    website wrote into the sessions in ``website``; and if these may have filled half of its window,
    stamped up to a minute later than they were, others too. They are counted, and are no fault.

    Whoever means harm may choose a time at which nobody looks, so their messages may go unheard;
    everybody else's may not, whatever is written beside them.
    """
    entries = list(entries)
    verdict = Verdict(messages=sum(entry.fate == "stored" for entry in entries))
    _judge_stored(entries, stored, verdict)
    by_text = {entry.text: entry for entry in entries}
    for listener in listeners:
        _judge_heard(listener, by_text, stored, website, verdict)
    return verdict


def _judge_stored(entries: list[Entry], stored: Stored, verdict: Verdict) -> None:
    copies: Counter[str] = Counter()
    places: dict[str, tuple[str, str]] = {}
    for session_id, messages in stored.messages.items():
        for key, message in messages.items():
            copies[message.text] += 1
            places[message.text] = (session_id, key)
    for entry in entries:
        there = copies.pop(entry.text, 0)
        if entry.fate == "unsettled":
            verdict.found(f"{entry.author}: {entry.text!r} is still on its way")
        if entry.fate == "stored" and not there:
            verdict.lost += 1
            verdict.found(f"{entry.author}: {entry.text!r} was confirmed and is not there")
        elif there > 1:
            verdict.doubled += 1
            verdict.found(f"{entry.author}: {entry.text!r} is there {there} times")
        elif there > _MOST_COPIES[entry.fate]:
            verdict.found(f"{entry.author}: {entry.text!r} was said to have failed, and is there")
        if there and entry.session_id and places[entry.text][0] != entry.session_id:
            verdict.found(f"{entry.author}: {entry.text!r} is in another conversation")
    for text in copies:
        verdict.found(f"nobody wrote {text!r}")
    for (author, _), lane in _lanes(entries).items():
        found = [places[one.text] for one in lane if one.fate == "stored" and one.text in places]
        times = [stored.messages[session_id][key].timestamp for session_id, key in found]
        website = any(one.website for one in lane)
        if any(one.hostile for one in lane):
            continue
        if found != sorted(found) or (times != sorted(times) and not website):
            verdict.disordered += 1
            verdict.found(f"{author}: {[one.text for one in lane]} are not stored in this order")
    _judge_answers(entries, stored, places, verdict)


def _judge_answers(
    entries: list[Entry],
    stored: Stored,
    places: Mapping[str, tuple[str, str]],
    verdict: Verdict,
) -> None:
    """What had been heard stands before what was written then: by id, as the website lists it, and
    by time, where that is the server's."""
    by_text = {entry.text: entry for entry in entries}
    for entry in entries:
        if entry.text not in places:
            continue
        session_id, key = places[entry.text]
        messages = stored.messages[session_id]
        for text in entry.after & places.keys():
            earlier, other = by_text[text], places[text][1]
            if earlier.hostile:
                continue
            by_time = message_place(messages[other]) < message_place(messages[key])
            if other > key or not (by_time or earlier.website):
                verdict.disordered += 1
                verdict.found(
                    f"{entry.author}: {entry.text!r} stands before {text!r}, heard before"
                )


def _lanes(entries: list[Entry]) -> dict[tuple[str, str], list[Entry]]:
    lanes: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        lanes.setdefault((entry.author, entry.session_id), []).append(entry)
    return lanes


def _judge_heard(
    listener: Heard,
    by_text: Mapping[str, Entry],
    stored: Stored,
    website: Container[str],
    verdict: Verdict,
) -> None:
    place = listener.session_id
    inbox = place is None
    wanted = stored.messages if place is None else {place: stored.messages.get(place, {})}
    if listener.trouble is not None:
        verdict.found(f"{listener.name}: ended by {listener.trouble!r}")
    heard = Counter(listener.added)
    crowd = sum(session_id in website for session_id in stored.sessions)
    for (_, text), times in heard.items():
        if times > 1:
            verdict.doubled += 1
            verdict.found(f"{listener.name}: heard {text!r} {times} times")
    authors: dict[tuple[str, str], list[str]] = {}
    for session_id, messages in wanted.items():
        for message in sorted(messages.values(), key=message_place):
            entry = by_text.get(message.text)
            if (session_id, message.text) not in heard:
                if message.text in listener.before or _may_be_missed(
                    message, listener, messages, by_text
                ):
                    pass
                elif inbox and (
                    2 * crowd >= listener.window
                    or (session_id in website and (entry is None or entry.website))
                ):
                    verdict.unannounced += 1
                else:
                    verdict.unheard += 1
                    verdict.found(f"{listener}: never heard {message.text!r}")
            elif entry is not None and entry.fate == "stored" and not entry.website:
                authors.setdefault((session_id, entry.author), []).append(message.text)
    for (session_id, author), texts in authors.items():
        wanted_texts = set(texts)
        said = [
            text for where, text in listener.added if where == session_id and text in wanted_texts
        ]
        if list(dict.fromkeys(said)) != texts:
            verdict.disordered += 1
            verdict.found(f"{listener.name}: heard {author}'s {said} for {texts}")
    if place is None:
        difference = _difference(
            listener.sessions, stored.sessions, _shown_sessions(listener, stored)
        )
    else:
        shown = _shown_messages(listener, wanted[place], by_text)
        difference = _difference(listener.messages, wanted[place], shown)
    if difference:
        verdict.views_wrong += 1
        verdict.found(f"{listener}: {difference}")


def _may_be_missed(
    message: Message, listener: Heard, beside: Mapping[str, Message], by_text: Mapping[str, Entry]
) -> bool:
    """Whether a message that was not heard never stood in the listener's window.

    It stood below when the listener began; or a browser whose clock is slow stamped it so; or
    browsers whose clocks are fast had filled the window with what was stamped up to a minute later
    than it was, which nobody can tell from their own clock's being wrong. Or it is far ahead of its
    time itself, and may not be among those few of its kind that a listener is given to begin with.
    """
    entry = by_text.get(message.text)
    if _is_hostile(entry) or _was_there_ahead(message, listener, by_text):
        return True
    if _stood_below(message, listener, by_text):
        return True
    if entry is not None and entry.website and _arrived(message) > message.timestamp:
        return len(listener.messages) >= listener.window
    early = [
        one
        for one in beside.values()
        if (other := by_text.get(one.text)) is not None
        and other.website
        and _arrived(one) <= message.timestamp <= one.timestamp <= _arrived(one) + _TOLERATED
    ]
    return 2 * len(early) >= listener.window


def _stood_below(message: Message, listener: Heard, by_text: Mapping[str, Entry]) -> bool:
    """Whether it stood below a first window that was full.

    To whom the clock says that everything is ahead of its time, what a hostile writer stamped long
    ago is given beside the latest; and what is no message at all takes a message's place.
    """
    begun = [one for one in listener.begun if not _is_hostile(by_text.get(one.text))]
    if len(listener.begun) + listener.unusable < listener.window:
        return False
    if begun:
        return all(message_place(message) < message_place(one) for one in begun)
    entry = by_text.get(message.text)
    came = _arrived(message) if entry is not None and entry.website else message.timestamp
    return listener.began is not None and came <= listener.began


def _was_there_ahead(message: Message, listener: Heard, by_text: Mapping[str, Entry]) -> bool:
    """Whether it is far ahead of its time, and was there when the listener began."""
    entry = by_text.get(message.text)
    if entry is None or not entry.website or listener.began is None:
        return False
    arrived = _arrived(message)
    return arrived <= listener.began and message.timestamp > arrived + _TOLERATED


def _arrived(message: Message) -> int:
    """When a message of the website came, ms: the server made its id."""
    return timestamp_of(message.id) if is_push_id(message.id) else message.timestamp


def _shown_sessions(listener: Heard, stored: Stored) -> set[str]:
    """The sessions that a listener must know as they are: those it has, and those of its window."""
    latest = sorted(stored.sessions.values(), key=session_place)[-listener.window :]
    return {one.id for one in latest} | listener.sessions.keys()


def _shown_messages(
    listener: Heard, messages: Mapping[str, Message], by_text: Mapping[str, Entry]
) -> set[str]:
    """The messages that a listener must know as they are: those of its window."""
    latest = sorted(messages.values(), key=message_place)[-listener.window :]
    must = {
        one.id
        for one in latest
        if not _is_hostile(by_text.get(one.text))
        and not _was_there_ahead(one, listener, by_text)
        and (one.id in listener.messages or not _stood_below(one, listener, by_text))
    }
    return must | (listener.messages.keys() - messages.keys())


def _is_hostile(entry: Entry | None) -> bool:
    return entry is not None and entry.hostile


def _difference(
    mirrored: Mapping[str, Any], stored: Mapping[str, Any], shown: Iterable[str]
) -> str | None:
    differ = [
        f"{key}: {mirrored.get(key)!r} is really {stored.get(key)!r}"
        for key in sorted(shown)
        if mirrored.get(key) != stored.get(key)
    ]
    return f"mirrors {len(differ)} records wrongly: {differ[0]}" if differ else None
