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
from imbari_chat.schema.paths import SessionId

__all__ = ["Entry", "Fate", "Heard", "Stored", "Verdict", "judge"]

Fate: TypeAlias = Literal["stored", "absent", "unknown", "unsettled"]
"""What its writer was told of a message: it is there; it is not and will not be; nobody knows,
and nobody tries any more; or nothing yet, which at the end of a round is a broken promise."""

_MOST_COPIES: dict[Fate, int] = {"stored": 1, "absent": 0, "unknown": 1, "unsettled": 1}


@dataclass(slots=True)
class Entry:
    """A message as its writer sees it.

    Attributes:
        author: Who wrote it.
        session_id: Where to; empty while even that is not known.
        website: Whether the website wrote it, with its own two writes and perhaps its own clock.
    """

    author: str
    session_id: str
    text: str
    fate: Fate
    website: bool = False


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
    """

    name: str
    session_id: str | None
    added: list[tuple[str, str]] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    trouble: BaseException | None = None


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
        lost: Accepted and not stored, or stored and not heard.
        doubled: Stored or heard more than once.
        disordered: Stored or heard in another order than their writer's.
        unheard: What an inbox may miss where the website writes; see :func:`judge`.
        faults: Everything that is wrong, in words.
    """

    messages: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    unheard: int = 0
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
    the message. An inbox hears of messages through their sessions' times, so it may miss some of
    the sessions in ``website``, where the website has written; they are counted, and are no fault.
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
        if found != sorted(found) or (times != sorted(times) and not website):
            verdict.disordered += 1
            verdict.found(f"{author}: {[one.text for one in lane]} are not stored in this order")


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
    for (_, text), times in heard.items():
        if times > 1:
            verdict.doubled += 1
            verdict.found(f"{listener.name}: heard {text!r} {times} times")
    authors: dict[tuple[str, str], list[str]] = {}
    for session_id, messages in wanted.items():
        for _, message in sorted(messages.items()):
            entry = by_text.get(message.text)
            if (session_id, message.text) not in heard:
                if inbox and session_id in website:
                    verdict.unheard += 1
                else:
                    verdict.lost += 1
                    verdict.found(f"{listener.name}: never heard {message.text!r}")
            elif entry is not None and entry.fate == "stored" and not entry.website:
                authors.setdefault((session_id, entry.author), []).append(message.text)
    for (session_id, author), texts in authors.items():
        wanted_texts = set(texts)
        said = [
            text for where, text in listener.added if where == session_id and text in wanted_texts
        ]
        if list(dict.fromkeys(said)) != texts and not (inbox and session_id in website):
            verdict.disordered += 1
            verdict.found(f"{listener.name}: heard {author}'s {said} for {texts}")
    if inbox and listener.sessions != stored.sessions:
        verdict.found(f"{listener.name}: {_difference(listener.sessions, stored.sessions)}")
    if place is not None and listener.messages != wanted[place]:
        verdict.found(f"{listener.name}: {_difference(listener.messages, wanted[place])}")


def _difference(mirrored: Mapping[str, Any], stored: Mapping[str, Any]) -> str:
    differ = [
        f"{key}: {mirrored.get(key)!r} is really {stored.get(key)!r}"
        for key in sorted({*mirrored, *stored})
        if mirrored.get(key) != stored.get(key)
    ]
    return f"mirrors {len(differ)} records wrongly: {differ[0]}"
