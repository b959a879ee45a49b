"""A set of rules, and what it decides."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Self

from imbari_chat.rules.cascade import Grounds, ReadRequest, WriteRequest, judge
from imbari_chat.rules.coverage import Coverage
from imbari_chat.rules.explain import explain
from imbari_chat.rules.source import parse_source, plain
from imbari_chat.rules.structure import RulesNode, checked_expression, declare
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import Node

__all__ = ["Decision", "Grounds", "Ruleset"]

_OPEN: Final = '{"rules": {".read": true, ".write": true}}'


class Decision:
    """The answer to one request; true when it is allowed.

    Attributes:
        allowed: Whether the rules allow it.
    """

    __slots__ = ("_request", "_rules", "allowed")

    def __init__(
        self, rules: RulesNode, request: ReadRequest | WriteRequest, *, allowed: bool
    ) -> None:
        self._rules = rules
        self._request = request
        self.allowed: Final = allowed

    def __bool__(self) -> bool:
        return self.allowed

    def __repr__(self) -> str:
        return f"<Decision: {'allowed' if self.allowed else 'denied'}>"

    def explain(self) -> str:
        """Which rules were asked, what each came to, and why; several lines.

        The rules are run once more for it, so that a decision nobody asks about costs nothing.
        """
        return explain(self._rules, self._request)


class Ruleset:
    """Security rules, parsed and checked; immutable.

    Attributes:
        text: The rules as they were given, comments and all.
        are_given: False where there are none, so that everything is allowed.
    """

    def __init__(self, text: str, tree: RulesNode, json: Json, *, are_given: bool = True) -> None:
        self.text: Final = text
        self.are_given: Final = are_given
        self._tree: Final = tree
        self._json: Final = json
        self._blank: Coverage | None = None

    @classmethod
    @lru_cache(maxsize=16)
    def parse(cls, text: str) -> Self:
        """Read a rules file; what was read of late is there at once.

        An emulator within a test suite is given the same rules before every test, and to read them
        takes longer than most tests do.

        Raises:
            RulesError: It does not parse or check. ``what`` is the service's own message, ``hint``
                an excerpt of the text with a caret under the place.
        """
        document = parse_source(text, checked_expression)
        return cls(text, declare(document, text), plain(document))

    @classmethod
    def open(cls) -> Self:
        """No rules: everything is allowed to everybody."""
        document = parse_source(_OPEN, checked_expression)
        return cls(_OPEN, declare(document, _OPEN), plain(document), are_given=False)

    @property
    def json(self) -> Json:
        """The rules as plain JSON, without comments. Not to be changed."""
        return self._json

    def indexes(self, path: Path) -> frozenset[str]:
        """The ``.indexOn`` of the rules for ``path``: child paths, or ``.value``."""
        node: RulesNode | None = self._tree
        for key in path:
            if node is None:
                break
            node, _ = node.descend(key)
        return frozenset() if node is None else node.index_on

    def coverage(self) -> Coverage:
        """A new count of what these rules come to; give it to :meth:`read` and :meth:`write`."""
        if self._blank is None:
            self._blank = Coverage(self.text, self._tree)
        return self._blank.anew()

    def read(
        self,
        path: Path,
        *,
        root: Node,
        auth: Json,
        now: int,
        query: Query | None = None,
        coverage: Coverage | None = None,
    ) -> Decision:
        """Decide a read.

        Args:
            root: The whole tree as stored.
            auth: ``auth`` in the rules: null when signed out, else usually an object of ``uid``,
                ``provider`` and ``token``. Members it lacks are null.
            now: Milliseconds since the epoch.
            query: The query the read is for, if it is for one.
            coverage: Counts what the rules come to, if wanted; one of these rules' own.
        """
        return self._decide(ReadRequest(path, root, auth, now, query), coverage)

    def grounds(
        self, path: Path, *, root: Node, auth: Json, now: int, query: Query | None = None
    ) -> Grounds | None:
        """Why :meth:`read` allows what it allows, or None if it does not.

        While these rules are in force it says the same in every tree that has the same nodes at
        the places named, and at every time unless that was looked at.
        """
        return ReadRequest(path, root, auth, now, query).grounds(self._tree)

    def write(
        self,
        paths: Sequence[Path],
        *,
        before: Node,
        after: Node,
        auth: Json,
        now: int,
        coverage: Coverage | None = None,
    ) -> Decision:
        """Decide a write, which is allowed as a whole or not at all.

        Args:
            paths: Every place written; what was written there is in ``after``.
            before: The whole tree as stored.
            after: The whole tree as it will be, server values resolved.
            auth: As for :meth:`read`.
            now: Milliseconds since the epoch; what server timestamps were resolved to.
            coverage: As for :meth:`read`.
        """
        return self._decide(WriteRequest(tuple(paths), before, after, auth, now), coverage)

    def _decide(self, request: ReadRequest | WriteRequest, coverage: Coverage | None) -> Decision:
        if coverage is None:
            allowed = request.decide(self._tree, judge)
        else:
            allowed = coverage.decide(request, self._tree)
        return Decision(self._tree, request, allowed=allowed)
