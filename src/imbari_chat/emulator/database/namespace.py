"""One database: its tree, its rules, and who listens to it.

Pure: told the time, and every commit returns the events it owes. Requests are decided and applied
in the order they arrive; a refused one leaves nothing behind but its explanation.
"""

from asyncio import Lock
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from imbari_chat.emulator.database.audiences import Admissions, Audiences, Listener, PendingEvent
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import Caller
from imbari_chat.emulator.database.events import CANCEL, Event
from imbari_chat.emulator.database.limits import write_too_big
from imbari_chat.emulator.database.listeners import Target
from imbari_chat.emulator.database.refusal import Mismatch, Refusal, Refusals, denied
from imbari_chat.emulator.database.windows import Reading, Windows
from imbari_chat.rules import Coverage, Decision, Ruleset
from imbari_chat.wire.digest import digest
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import EMPTY, Node
from imbari_chat.wire.values import DoesNotFit

__all__ = ["Commit", "Draft", "Namespace", "etag"]


_NOTHING: Final = "null_etag"

_SETTINGS: Final[Mapping[str, Json]] = {
    "defaultWriteSizeLimit": "large",
    "strictTriggerValidation": True,
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A write that may be committed, as long as nothing else has been since.

    Attributes:
        before: The whole tree it was drafted on.
        after: What it makes of that.
        changed: Its places at which anything would be different.
        rules: Those that have allowed it.
    """

    write: Write
    before: Node
    after: Node
    changed: Sequence[Path]
    rules: Ruleset


@dataclass(frozen=True, slots=True)
class Commit:
    """A write that happened.

    Attributes:
        after: The whole tree now.
        events: The events it causes.
    """

    after: Node
    events: Sequence[PendingEvent] = ()


def etag(node: Node) -> str:
    """The version of a node: same content, same tag. Clients must not look inside.

    [unsure]: the service's algorithm is not documented; this is the node hash of the SDKs.
    """
    return digest(node) or _NOTHING


def _has_version(node: Node, tag: str | None) -> bool:
    """Whether ``tag``, if there is one, is that of ``node``.

    To know that something is there, nothing is hashed.
    """
    if tag is None:
        return True
    return not node.exists if tag == _NOTHING else node.exists and digest(node) == tag


class Namespace:
    """One database.

    Args:
        name: What clients call it.
        rules: Who may do what; admins may do everything.
        enforce_indexes: Refuse queries that no ``.indexOn`` serves, as the service does over REST;
            without rules there are none to insist on.
        refusals: Where to note why the rules said no.

    Attributes:
        writing: Held from a draft to its commit by who lets others run in between.
        guests: Connections that may come back to it at any time.
    """

    def __init__(
        self,
        name: str,
        rules: Ruleset,
        *,
        enforce_indexes: bool = True,
        refusals: Refusals | None = None,
    ) -> None:
        self.name = name
        self.rules = rules
        self.coverage = rules.coverage()
        self.root: Node = EMPTY
        self.settings: dict[str, Json] = dict(_SETTINGS)
        self.refusals = Refusals() if refusals is None else refusals
        self.writing = Lock()
        self.guests = 0
        self._enforce_indexes = enforce_indexes
        self._windows = Windows()
        self._audiences = Audiences()
        self._admissions = Admissions()

    @property
    def is_blank(self) -> bool:
        """Nothing is stored or about to be, nobody is there, and every setting is as it was."""
        return not (
            self.root.exists
            or self.guests
            or self._audiences
            or self.writing.locked()
            or self.settings != _SETTINGS
        )

    def read(self, path: Path, query: Query | None, caller: Caller, now: int) -> Reading:
        """Look at ``path`` through ``query``.

        [unsure]: the right to read is asked for before the index.

        Raises:
            Refusal: The rules say no, or no index serves the query.
        """
        if not caller.admin:
            decision = self.rules.read(
                path,
                root=self.root,
                auth=caller.auth,
                now=now,
                query=query,
                coverage=self.coverage,
            )
            self._insist(decision)
        if query is not None and not self.serves(path, query):
            raise Refusal(
                400,
                f'Index not defined, add ".indexOn": "{query.order_by.rule}", for path "{path}",'
                " to the rules",
            )
        return self._windows.read(self.root, path, query)

    def write(
        self,
        write: Write,
        caller: Caller,
        now: int,
        *,
        if_match: str | None = None,
        room: int | None = None,
    ) -> Commit:
        """Apply all of ``write``, or nothing.

        Args:
            if_match: The tag that what is there must have.
            room: Bytes that the write may touch; None for any number.

        Raises:
            InvalidData: A value cannot be stored where it is meant to go.
            Mismatch: ``if_match`` is not the tag of what is there, which the caller may read.
            Refusal: The rules say no, or it is too large.
        """
        draft = self.draft(write, caller, now, if_match=if_match, room=room)
        return self.commit(draft, now)

    def draft(
        self,
        write: Write,
        caller: Caller,
        now: int,
        *,
        if_match: str | None = None,
        room: int | None = None,
        coverage: Coverage | None = None,
    ) -> Draft:
        """All of :meth:`write` but the change itself, and with the same errors.

        May be called in a thread, of which there is to be no other for the same ``coverage``.

        Args:
            coverage: Where to count what the rules come to; in the database's own if not given.
        """
        before, rules = self.root, self.rules
        readable = if_match is not None and self._readable(write.base, caller, now)
        if readable and not _has_version(write.found(before), if_match):
            raise Mismatch(write.found(before))
        fits = True
        try:
            after = write.applied(before, now)
        except DoesNotFit:
            # Whoever may not read is not told what is stored. The answer is that of a write which
            # fits: what is wrong with it by itself, then what the rules say.
            if self._readable(write.base, caller, now):
                raise
            with suppress(DoesNotFit):
                write.applied(EMPTY, now)
            after, fits = before, False
        if not caller.admin:
            decision = rules.write(
                write.places,
                before=before,
                after=after,
                auth=caller.auth,
                now=now,
                coverage=coverage or self.coverage,
            )
            self._insist(decision)
        if not fits or (not readable and not _has_version(write.found(before), if_match)):
            # The answer shows what is there, so it is only for those who may read it. [unsure]
            raise denied()
        if room is not None and write.weight(before, after) > room:
            raise write_too_big()
        return Draft(write, before, after, write.changed(before, after), rules)

    def still_holds(self, draft: Draft) -> bool:
        """Whether ``draft`` may be committed as it is."""
        return self.root is draft.before and self.rules is draft.rules

    def listen(
        self, target: Target, caller: Caller, now: int, *, indexed: bool = True
    ) -> tuple[Listener, Event]:
        """Start owing events, of which this gives the first.

        Args:
            indexed: Refuse a query that no index serves.

        Raises:
            Refusal: The rules say no, or no index serves the query.
        """
        if indexed or target.query is None:
            self.read(target.path, target.query, caller, now)
        else:
            self._insist_on_reading(target.path, caller, now, target.query)
        listener = Listener(target, caller)
        view = self._audiences.add(listener, self.root, self._windows)
        self._welcome(listener, now)
        return listener, view.first(self.root)

    def look(self, target: Target, caller: Caller, now: int) -> Node | None:
        """What listening would show, whether an index serves it or not; None if the rules say no,
        which is not noted: nobody has asked yet."""
        if not self._readable(target.path, caller, now, target.query):
            return None
        return self._windows.read(self.root, target.path, target.query).seen

    def unlisten(self, listener: Listener) -> None:
        """Owe ``listener`` nothing more. Doing so twice is fine."""
        self._audiences.discard(listener)
        self._admissions.forget(listener)

    def recast(self, listener: Listener, caller: Caller, now: int) -> list[PendingEvent]:
        """Let ``listener`` be somebody else's from now on; if they may not listen, it ends."""
        listener.caller = caller
        return self._cancel_unwelcome([listener], now)

    def serves(self, path: Path, query: Query | None) -> bool:
        """Whether an index serves ``query``, if the database insists on one.

        [unsure] whether an order by priority needs one, as an order by key certainly does not;
        and whether Google's emulator insists where no rules are loaded.
        """
        return (
            query is None
            or not self._enforce_indexes
            or not self.rules.are_given
            or query.order_by.kind in {"key", "priority"}
            or query.order_by.rule in self.rules.indexes(path)
        )

    def set_rules(self, rules: Ruleset, now: int) -> list[PendingEvent]:
        """Put new rules in force; whoever may no longer listen is owed the end."""
        self.rules = rules
        self.coverage = rules.coverage()
        return self._cancel_unwelcome(list(self._audiences), now)

    def clear(self, now: int) -> list[PendingEvent]:
        """Delete all data and forget refusals; listeners stay and are told."""
        self.refusals.clear()
        write = Write.put(Path(), None)
        draft = Draft(write, self.root, EMPTY, write.changed(self.root, EMPTY), self.rules)
        return list(self.commit(draft, now).events)

    def commit(self, draft: Draft, now: int) -> Commit:
        """Make the change. The draft must still hold."""
        assert self.still_holds(draft)
        write, before, after = draft.write, draft.before, draft.after
        self.root = after
        if after is before:
            return Commit(after)
        self._windows.committed(write.places, before, after)
        events = self._cancel_unwelcome(self._admissions.in_doubt(draft.changed), now)
        events.extend(self._audiences.committed(write, draft.changed, before, after))
        return Commit(after, events)

    def _cancel_unwelcome(self, listeners: Sequence[Listener], now: int) -> list[PendingEvent]:
        """Ask again whether ``listeners`` may listen."""
        unwelcome = [listener for listener in listeners if not self._welcome(listener, now)]
        for listener in unwelcome:
            self.unlisten(listener)
        return [PendingEvent(CANCEL, unwelcome, last=True)] if unwelcome else []

    def _welcome(self, listener: Listener, now: int) -> bool:
        """Whether ``listener`` may listen; if so, on which grounds is remembered."""
        if listener.caller.admin:
            self._admissions.forget(listener)
            return True
        target, caller = listener.target, listener.caller
        grounds = self.rules.grounds(
            target.path, root=self.root, auth=caller.auth, now=now, query=target.query
        )
        if grounds is None:
            self.refusals.add(self._decision(target.path, caller, now, target.query))
            return False
        self._admissions.admit(listener, grounds)
        return True

    def _readable(self, path: Path, caller: Caller, now: int, query: Query | None = None) -> bool:
        return caller.admin or self._decision(path, caller, now, query).allowed

    def _insist_on_reading(
        self, path: Path, caller: Caller, now: int, query: Query | None = None
    ) -> None:
        if not caller.admin:
            self._insist(self._decision(path, caller, now, query))

    def _decision(
        self, path: Path, caller: Caller, now: int, query: Query | None = None
    ) -> Decision:
        return self.rules.read(path, root=self.root, auth=caller.auth, now=now, query=query)

    def _insist(self, decision: Decision) -> None:
        if not decision.allowed:
            raise denied(self.refusals.add(decision))
