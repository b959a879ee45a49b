"""JSON to models, tolerantly: what fits is kept, what does not is reported, nothing is raised.

A session with a broken field still lists, with that field's default, because hiding a customer is
worse than showing a gap. A message without its text, its sender or its time is not a message.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from imbari_chat.schema import paths
from imbari_chat.schema.events import RecordRejected
from imbari_chat.schema.models import ID_FIELD, Message, Session
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path

__all__ = [
    "Decoded",
    "as_mapping",
    "last_message_time",
    "message",
    "messages",
    "messages_by_id",
    "session",
    "sessions",
    "sessions_by_id",
]

R = TypeVar("R", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Decoded(Generic[R]):
    """What came of one stored record.

    Attributes:
        record: The model, or None if nothing usable is there.
        rejected: What did not fit, if anything. Both are set for a record that was salvaged.
    """

    record: R | None
    rejected: RecordRejected | None = None


def session(session_id: SessionId, raw: Json) -> Decoded[Session]:
    """Read one session."""
    return _decode(Session, session_id, raw, paths.SESSIONS)


def message(session_id: SessionId, message_id: MessageId, raw: Json) -> Decoded[Message]:
    """Read one message."""
    return _decode(Message, message_id, raw, paths.messages(session_id))


def sessions_by_id(records: Mapping[str, Json]) -> list[Decoded[Session]]:
    """Read many sessions, in the order given; faster than one by one."""
    return _decode_all(Session, records, paths.SESSIONS)


def messages_by_id(session_id: SessionId, records: Mapping[str, Json]) -> list[Decoded[Message]]:
    """Read many messages of one conversation, in the order given; faster than one by one."""
    return _decode_all(Message, records, paths.messages(session_id))


def sessions(raw: Json) -> list[Decoded[Session]]:
    """Read a list of sessions, newest first; equal times in reverse order of id."""
    read = sessions_by_id(as_mapping(raw))
    read.sort(
        key=lambda item: (
            (item.record.last_message_time, item.record.id) if item.record else (0, "")
        ),
        reverse=True,
    )
    return read


def messages(session_id: SessionId, raw: Json) -> list[Decoded[Message]]:
    """Read a conversation, oldest first."""
    return messages_by_id(session_id, dict(sorted(as_mapping(raw).items())))


def as_mapping(raw: Json) -> Mapping[str, Json]:
    """A list answer as a mapping: the service turns objects with index-like keys into arrays."""
    if isinstance(raw, dict):
        return raw
    if isinstance(raw, list):
        return {str(index): item for index, item in enumerate(raw) if item is not None}
    return {}


def last_message_time(raw: Json) -> int:
    """What reading this session would give for its ``last_message_time``, without reading it."""
    time = raw.get("lastMessageTime") if isinstance(raw, dict) else None
    return time if type(time) is int else 0


def _decode_all(model: type[R], records: Mapping[str, Json], parent: Path) -> list[Decoded[R]]:
    try:
        read = _many(model).validate_python(
            [{**raw, ID_FIELD: key} for key, raw in records.items()]  # type: ignore[dict-item]  # raises TypeError where it is none
        )
    except (TypeError, ValidationError):
        return [_decode(model, key, raw, parent) for key, raw in records.items()]
    return [Decoded(one) for one in read]


@cache
def _many(model: type[R]) -> TypeAdapter[list[R]]:
    return TypeAdapter(list[model])  # type: ignore[valid-type]  # a type only at run time


def _decode(model: type[R], key: str, raw: Json, parent: Path) -> Decoded[R]:
    if not isinstance(raw, dict):
        reason = f"expected an object, found {type(raw).__name__}"
        return Decoded(None, RecordRejected(_below(parent, key), (reason,), raw))
    try:
        return Decoded(model.model_validate({**raw, ID_FIELD: key}))
    except ValidationError as error:
        problems = {str(detail["loc"][0]): detail["msg"] for detail in error.errors()}
    reasons = tuple(_sentences(problems))
    kept = {name: value for name, value in raw.items() if name not in problems}
    try:
        salvaged = model.model_validate({**kept, ID_FIELD: key})
    except ValidationError:
        salvaged = None
    return Decoded(salvaged, RecordRejected(_below(parent, key), reasons, raw))


def _below(parent: Path, key: str) -> str:
    return str(Path((*parent, key)))


def _sentences(problems: Mapping[str, str]) -> Iterator[str]:
    for name, message in problems.items():
        yield f"{name}: {message[:1].lower()}{message[1:]}"
