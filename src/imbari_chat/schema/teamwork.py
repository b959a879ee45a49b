"""How a team shares its work: records as they are read, and what they come to at a moment.

Who has a conversation, what it is labelled, until when it is out of sight, whose messages are not
taken, what is noted, and which replies are ready. No customer reads any of it. What has an end is
over by itself: whoever reads decides. Pure; told the time. What is written is in
:mod:`imbari_chat.schema.team_plans`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field, StrictInt, StrictStr

from imbari_chat.schema import decode, paths
from imbari_chat.schema.events import RecordRejected
from imbari_chat.schema.models import ID_FIELD, Record, Session
from imbari_chat.schema.paths import NoteId, SessionId
from imbari_chat.schema.snapshots import Snapshot
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path

__all__ = [
    "Assignment",
    "Block",
    "CannedReply",
    "Labels",
    "Note",
    "Snooze",
    "TeamRecord",
    "TeamRoots",
    "TeamSnapshot",
    "notes_in_order",
]


class TeamRecord(Record):
    """What somebody of the team wrote.

    Attributes:
        by: Who, by uid.
        at: When, ms; 0 if the record does not say.
    """

    by: StrictStr | None = None
    at: StrictInt = 0


T = TypeVar("T", bound=TeamRecord)


class Note(TeamRecord):
    """A private note. Stored at ``/adminNotes/{session}/{id}``; written once.

    Attributes:
        id: Push id made by whoever wrote it.
        text: What was noted.
        name: What its author is called, if they said.
    """

    id: NoteId = Field(validation_alias=ID_FIELD)
    text: StrictStr
    name: StrictStr | None = None

    @property
    def author(self) -> str:
        """What to call whoever wrote it."""
        return self.name or self.by or "somebody"


class Assignment(TeamRecord):
    """Who has a conversation. Stored at ``/assignments/{session}``.

    Attributes:
        session_id: Which conversation.
        to: Who has it, by uid.
        name: What they are called, if that was known.
        taken_from: Who had it before (``from`` on the wire).
    """

    session_id: SessionId = Field(validation_alias=ID_FIELD)
    to: StrictStr
    name: StrictStr | None = None
    taken_from: StrictStr | None = Field(default=None, alias="from")

    @property
    def label(self) -> str:
        """What to call who has it."""
        return self.name or self.to


def _true(raw: Json) -> tuple[str, ...]:
    return tuple(sorted(name for name, is_set in decode.as_mapping(raw).items() if is_set is True))


class Labels(TeamRecord):
    """What a conversation is labelled. Stored at ``/labels/{session}``.

    Attributes:
        session_id: Which conversation.
        names: The labels, in order.
    """

    session_id: SessionId = Field(validation_alias=ID_FIELD)
    names: Annotated[tuple[str, ...], BeforeValidator(_true)] = ()


class Snooze(TeamRecord):
    """A conversation is out of sight for a while. Stored at ``/snoozes/{session}``.

    Attributes:
        session_id: Which conversation.
        until: When it comes back by itself, ms.
        after: The customer's latest message then, if the session named one.
    """

    session_id: SessionId = Field(validation_alias=ID_FIELD)
    until: StrictInt
    after: StrictStr | None = None

    def is_on(self, session: Session, now: int) -> bool:
        """Whether it is still out of sight: before its time, and the customer has not written.

        A session names its customer's latest message. One of which only the website writes does
        not; there, something unread and a later message count.

        Args:
            session: The conversation as it is now.
            now: The server's time, ms.
        """
        if self.until <= now or session.last_customer_message_id != self.after:
            return False
        is_named = session.last_customer_message_id is not None
        return is_named or not (session.unread_count and session.last_message_time > self.at)


class Block(TeamRecord):
    """A customer's messages are not taken. Stored at ``/blocks/{uid}``.

    Attributes:
        uid: Whose.
        reason: Why.
        until: When it ends, ms; None if somebody has to lift it.
    """

    uid: StrictStr = Field(validation_alias=ID_FIELD)
    reason: StrictStr = ""
    until: StrictInt | None = None

    def is_on(self, now: int) -> bool:
        """Whether it has not ended, as the rules see it.

        Args:
            now: The server's time, ms.
        """
        return self.until is None or self.until > now


class CannedReply(TeamRecord):
    """A reply that is ready. Stored at ``/cannedReplies/{name}``.

    Attributes:
        name: What it is called by.
        text: What it says, with placeholders; :func:`imbari_chat.schema.canned.filled` fills them.
    """

    name: StrictStr = Field(validation_alias=ID_FIELD)
    text: StrictStr


@dataclass(frozen=True, slots=True)
class TeamSnapshot(Snapshot):
    """What the team keeps, at one moment.

    Attributes:
        at: The moment, in server time, ms.
        assignments: Who has which conversation.
        labels: What each conversation is labelled.
        snoozes: Which conversations were put out of sight; see :meth:`snooze_of`.
        blocks: Whose messages are not taken, by uid; see :meth:`block_of`.
        canned_replies: The replies that are ready, by name.
    """

    at: int = 0
    assignments: Mapping[str, Assignment] = field(default_factory=lambda: MappingProxyType({}))
    labels: Mapping[str, Labels] = field(default_factory=lambda: MappingProxyType({}))
    snoozes: Mapping[str, Snooze] = field(default_factory=lambda: MappingProxyType({}))
    blocks: Mapping[str, Block] = field(default_factory=lambda: MappingProxyType({}))
    canned_replies: Mapping[str, CannedReply] = field(default_factory=lambda: MappingProxyType({}))

    def assignment_of(self, session_id: str) -> Assignment | None:
        """Who has a conversation; None if nobody has."""
        return self.assignments.get(session_id)

    def labels_of(self, session_id: str) -> tuple[str, ...]:
        """What a conversation is labelled, in order."""
        found = self.labels.get(session_id)
        return () if found is None else found.names

    def snooze_of(self, session: Session) -> Snooze | None:
        """Why a conversation is out of sight; None if it is not, or not any more."""
        found = self.snoozes.get(session.id)
        return found if found is not None and found.is_on(session, self.at) else None

    def block_of(self, session: Session) -> Block | None:
        """Why this conversation's customer cannot write; None if they can."""
        found = self.blocks.get(session.customer_uid) if session.customer_uid else None
        return found if found is not None and found.is_on(self.at) else None

    def next_end(self) -> int | None:
        """When the next snooze or block ends by itself, in server ms; None if none does."""
        ends = [one.until for one in self.snoozes.values()]
        ends += [one.until for one in self.blocks.values() if one.until is not None]
        return min((end for end in ends if end > self.at), default=None)


class TeamRoots:
    """What stands at the roots, read record by record as it comes."""

    def __init__(self) -> None:
        self._snapshot = TeamSnapshot()
        self._rejected: dict[str, RecordRejected] = {}

    def take(self, root: Path, raw: Json) -> list[RecordRejected]:
        """Take what stands at a root: all of it, or a window.

        Args:
            root: Which.
            raw: Records by id.

        Returns:
            What did not fit, but for what was told before and is still the same.
        """
        before, told = self._snapshot, self._rejected
        rows = decode.as_mapping(raw)
        match root:
            case paths.ASSIGNMENTS:
                after = replace(before, assignments=self._read(Assignment, root, rows))
            case paths.LABELS:
                after = replace(before, labels=self._read(Labels, root, rows))
            case paths.SNOOZES:
                after = replace(before, snoozes=self._read(Snooze, root, rows))
            case paths.CANNED_REPLIES:
                after = replace(before, canned_replies=self._read(CannedReply, root, rows))
            case _:
                assert root == paths.BLOCKS, root
                # Whatever stands there blocks.
                rows = {key: one if isinstance(one, dict) else {} for key, one in rows.items()}
                after = replace(before, blocks=self._read(Block, root, rows))
        self._snapshot = after
        return [one for path, one in self._rejected.items() if told.get(path) != one]

    def _read(self, model: type[T], root: Path, rows: Mapping[str, Json]) -> Mapping[str, T]:
        batch = decode.records_by_id(model, rows, root)
        others = {
            path: one for path, one in self._rejected.items() if Path.parse(path).parent != root
        }
        self._rejected = others | {one.path: one for one in batch.rejected}
        return MappingProxyType(batch.records)

    def snapshot(self, at: int) -> TeamSnapshot:
        """What they come to.

        Args:
            at: The server's time, ms.
        """
        return replace(self._snapshot, at=at)


def notes_in_order(batch: Mapping[str, Note]) -> tuple[Note, ...]:
    """A conversation's notes, oldest first."""
    return tuple(sorted(batch.values(), key=lambda one: (one.at, one.id)))
