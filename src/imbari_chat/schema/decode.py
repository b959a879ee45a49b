"""JSON to models, tolerantly: what fits is kept, what does not is reported, nothing is raised.

A session with a broken field still lists, with that field's default, because hiding a customer is
worse than showing a gap. A message without its text, its sender or its time is not a message.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from imbari_chat.schema import paths
from imbari_chat.schema.events import RecordRejected
from imbari_chat.schema.models import ID_FIELD, Message, Session
from imbari_chat.schema.order import place_of_message, place_of_session
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.validation import reason
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path

__all__ = [
    "Batch",
    "Decoded",
    "as_mapping",
    "message",
    "messages",
    "messages_by_id",
    "record",
    "records_by_id",
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


@dataclass(frozen=True, slots=True)
class Batch(Generic[R]):
    """What came of many stored records.

    Attributes:
        records: The usable ones by id, in the order given.
        rejected: What did not fit. A record that was salvaged is in both.
    """

    records: dict[str, R]
    rejected: Sequence[RecordRejected] = ()


def session(session_id: SessionId, raw: Json) -> Decoded[Session]:
    """Read one session."""
    return record(Session, session_id, raw, paths.SESSIONS)


def message(session_id: SessionId, message_id: MessageId, raw: Json) -> Decoded[Message]:
    """Read one message."""
    return record(Message, message_id, raw, paths.messages(session_id))


def sessions_by_id(raw: Mapping[str, Json]) -> Batch[Session]:
    """Read many sessions; faster than one by one."""
    return records_by_id(Session, raw, paths.SESSIONS)


def messages_by_id(session_id: SessionId, raw: Mapping[str, Json]) -> Batch[Message]:
    """Read many messages of one conversation; faster than one by one."""
    return records_by_id(Message, raw, paths.messages(session_id))


def sessions(raw: Json) -> list[Decoded[Session]]:
    """Read a list of sessions, newest first; equal times in reverse order of id."""
    rows = as_mapping(raw)
    ordered = sorted(rows, key=lambda key: place_of_session(key, rows[key]), reverse=True)
    return [session(SessionId(key), rows[key]) for key in ordered]


def messages(session_id: SessionId, raw: Json) -> list[Decoded[Message]]:
    """Read a conversation, oldest first; see :mod:`imbari_chat.schema.order`."""
    rows = as_mapping(raw)
    ordered = sorted(rows, key=lambda key: place_of_message(key, rows[key]))
    return [message(session_id, MessageId(key), rows[key]) for key in ordered]


def as_mapping(raw: Json) -> Mapping[str, Json]:
    """A list answer as a mapping: the service turns objects with index-like keys into arrays."""
    if isinstance(raw, dict):
        return raw
    if isinstance(raw, list):
        return {str(index): item for index, item in enumerate(raw) if item is not None}
    return {}


def records_by_id(model: type[R], raw: Mapping[str, Json], parent: Path) -> Batch[R]:
    """Read many records of one kind; faster than one by one.

    Args:
        model: What they are.
        raw: By id.
        parent: Where they stand.
    """
    try:
        # A record that is no mapping raises TypeError.
        prepared = [{**one, ID_FIELD: key} for key, one in raw.items()]  # type: ignore[dict-item]
        return Batch(dict(zip(raw, _many(model).validate_python(prepared), strict=True)))
    except (TypeError, ValidationError):
        read = {key: record(model, key, one, parent) for key, one in raw.items()}
    return Batch(
        {key: one.record for key, one in read.items() if one.record is not None},
        [one.rejected for one in read.values() if one.rejected is not None],
    )


@cache
def _many(model: type[R]) -> TypeAdapter[list[R]]:
    return TypeAdapter(list[model])  # type: ignore[valid-type]  # a type only at run time


def record(model: type[R], key: str, raw: Json, parent: Path) -> Decoded[R]:
    """Read one record that stands at ``key`` below ``parent``."""
    if not isinstance(raw, dict):
        found = f"expected an object, found {type(raw).__name__}"
        return Decoded(None, RecordRejected(_below(parent, key), (found,), raw))
    try:
        return Decoded(model.model_validate({**raw, ID_FIELD: key}))
    except ValidationError as error:
        problems = {str(detail["loc"][0]): reason(detail) for detail in error.errors()}
    reasons = tuple(f"{name}: {why}" for name, why in problems.items())
    kept = {name: value for name, value in raw.items() if name not in problems}
    try:
        salvaged = model.model_validate({**kept, ID_FIELD: key})
    except ValidationError:
        salvaged = None
    return Decoded(salvaged, RecordRejected(_below(parent, key), reasons, raw))


def _below(parent: Path, key: str) -> str:
    return str(Path((*parent, key)))
