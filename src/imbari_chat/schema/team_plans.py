"""What the team does with a conversation beside answering it, as plans.

Each is signed: by whom and, in server time, when; the rules take it from nobody else. Texts and
names are checked here, in the rules' own limits.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final, TypeVar

from imbari_chat.errors import InvalidData, InvalidType
from imbari_chat.schema import canned, paths
from imbari_chat.schema.forms import checked_text
from imbari_chat.schema.models import ID_FIELD
from imbari_chat.schema.paths import NoteId, SessionId
from imbari_chat.schema.plans import Plan
from imbari_chat.schema.teamwork import TeamRecord
from imbari_chat.wire.json import Json, utf16_length
from imbari_chat.wire.paths import Path, illegal_in_key
from imbari_chat.wire.values import SERVER_TIMESTAMP

__all__ = [
    "MAX_LABEL",
    "MAX_REASON",
    "MAX_UID",
    "add_note",
    "as_written",
    "assign",
    "block",
    "checked_label",
    "checked_uid",
    "delete_canned_reply",
    "delete_note",
    "label",
    "save_canned_reply",
    "snooze",
    "unassign",
    "unblock",
    "unsnooze",
]

MAX_LABEL: Final = 40
MAX_REASON: Final = 500
MAX_UID: Final = 128

T = TypeVar("T", bound=TeamRecord)


def add_note(session: SessionId, note: NoteId, text: str, *, by: str, name: str | None) -> Plan:
    """A private note.

    Args:
        session: Of which conversation.
        note: A fresh push id.
        text: What to note.
        by: One's uid.
        name: What one is called.

    Raises:
        InvalidData: The text cannot be a note.
    """
    checked_text(text, "a note", hint="Write several notes")
    place = paths.note(session, note)
    return Plan(
        MappingProxyType({place: {"text": text, "name": name, **_signed(by)}}),
        commit_marker=place,
        requires=paths.session(session),
    )


def delete_note(session: SessionId, note: NoteId) -> Plan:
    """A note is gone, whoever wrote it."""
    return Plan(MappingProxyType({paths.note(session, note): None}))


def assign(session: SessionId, to: str, *, by: str, name: str | None, had: str | None) -> Plan:
    """Give a conversation to somebody.

    Args:
        session: Which conversation.
        to: To whom, by uid.
        by: One's own uid.
        name: What they are called.
        had: Who has it now, or None if nobody has: the rules refuse it if somebody else does.

    Raises:
        InvalidData: ``to`` is no uid.
    """
    record: Json = {"to": checked_uid(to), "name": name, "from": had, **_signed(by)}
    return _of_session(session, {paths.assignment(session): record})


def unassign(session: SessionId) -> Plan:
    """Put a conversation down; the rules take it from who has it."""
    return Plan(MappingProxyType({paths.assignment(session): None}))


def label(session: SessionId, add: Sequence[str], remove: Sequence[str], *, by: str) -> Plan:
    """Label a conversation, beside what others do with its labels.

    Args:
        session: Which conversation.
        add: Labels that it is to have.
        remove: Labels that it is not to have.
        by: One's uid.

    Raises:
        InvalidData: One of them cannot be a label.
    """
    place = paths.labels(session)
    changes: dict[Path, Json] = {place / "names" / checked_label(one): None for one in remove}
    changes |= {place / "names" / checked_label(one): True for one in add}
    changes |= {place / name: value for name, value in _signed(by).items()}
    return _of_session(session, changes)


def snooze(session: SessionId, until: int, *, after: str | None, by: str) -> Plan:
    """Put a conversation out of sight.

    Args:
        session: Which conversation.
        until: Till when, ms, later than now by the server's clock.
        after: The customer's latest message, which another one follows when they write.
        by: One's uid.
    """
    record: Json = {"until": until, "after": after, **_signed(by)}
    return _of_session(session, {paths.snooze(session): record})


def unsnooze(session: SessionId) -> Plan:
    """A conversation is in sight again."""
    return Plan(MappingProxyType({paths.snooze(session): None}))


def block(uid: str, reason: str, *, until: int | None, by: str) -> Plan:
    """Take no more from a customer: no start, no message, no presence.

    Args:
        uid: The customer's.
        reason: Why.
        until: Till when, ms, later than now by the server's clock; None until it is lifted.
        by: One's own uid.

    Raises:
        InvalidData: The reason is empty or too long.
    """
    checked_text(reason, "a reason", limit=MAX_REASON, hint="Say the rest in a note")
    record: Json = {"reason": reason, "until": until, **_signed(by)}
    return Plan(MappingProxyType({paths.block(uid): record}))


def unblock(uid: str) -> Plan:
    """A customer may write again."""
    return Plan(MappingProxyType({paths.block(uid): None}))


def save_canned_reply(name: str, text: str, *, by: str) -> Plan:
    """Keep a reply, in place of one of the same name.

    Raises:
        InvalidData: It cannot be called so, or the text can be no message or has a placeholder
            that stands for nothing.
    """
    record: Json = {"text": canned.checked_template(text), **_signed(by)}
    return Plan(MappingProxyType({paths.canned_reply(canned.checked_name(name)): record}))


def delete_canned_reply(name: str) -> Plan:
    """A reply is not kept any more.

    Raises:
        InvalidData: None can be called so.
    """
    return Plan(MappingProxyType({paths.canned_reply(canned.checked_name(name)): None}))


def as_written(model: type[T], plan: Plan, now: int) -> T:
    """The record that a plan writes whole, as it will read.

    Args:
        model: What it is.
        plan: One that writes one record.
        now: What the server's clock is taken to show, ms.
    """
    ((place, record),) = plan.changes.items()
    assert isinstance(record, dict)
    present = {name: value for name, value in record.items() if value is not None}
    return model.model_validate({**present, "at": now, ID_FIELD: place[-1]})


def checked_label(text: str) -> str:
    """A label as it is stored: in small letters, blanks as one.

    Raises:
        InvalidData: It is empty, longer than 40 characters, or has one of ``. $ # [ ] /``.
    """
    if not isinstance(text, str):
        raise InvalidType(f"a label is a text, not {type(text).__name__}", where="label")
    name = " ".join(text.lower().split())
    reason = illegal_in_key(name) if name else "it is empty"
    if reason is None and utf16_length(name) > MAX_LABEL:
        reason = f"it has more than {MAX_LABEL} characters"
    if reason is not None:
        raise InvalidData(f"{text[:80]!r} cannot be a label: {reason}", where="label")
    return name


def checked_uid(uid: str) -> str:
    """A uid to give a conversation to, unchanged.

    Raises:
        InvalidData: It is empty or longer than 128 characters.
    """
    if not isinstance(uid, str):
        raise InvalidType(f"a uid is a text, not {type(uid).__name__}", where="uid")
    if not 1 <= utf16_length(uid) <= MAX_UID:
        raise InvalidData(f"a uid has 1 to {MAX_UID} characters", where="uid")
    return uid


def _signed(by: str) -> dict[str, Json]:
    return {"by": by, "at": SERVER_TIMESTAMP}


def _of_session(session: SessionId, changes: dict[Path, Json]) -> Plan:
    return Plan(MappingProxyType(changes), requires=paths.session(session))
