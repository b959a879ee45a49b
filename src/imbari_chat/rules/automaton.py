"""Searching with a regular expression in time linear in the text, whatever the expression.

The pieces of an expression become a small program, all of whose threads advance together one
character at a time (Thompson's construction). Nothing is ever tried again, so no pattern and no
text can make a request take exponential time. Sets of threads that recur are remembered, up to a
limit, which makes the common case one look-up a character.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

__all__ = [
    "CHARACTERS_A_STEP",
    "Automaton",
    "Characters",
    "Choice",
    "Edge",
    "Piece",
    "Repeat",
    "Sequence",
    "free",
]

_MAX_PROGRAM = 20_000
_MAX_REMEMBERED = 100_000


CHARACTERS_A_STEP: Final = 64
"""Characters whose way is known already that take as long as one instruction or so."""


def free(_steps: int) -> None:
    """Search at any price."""


@dataclass(frozen=True, slots=True)
class Characters:
    """One character, of those in ``ranges`` (first and last code point) or of all others."""

    ranges: tuple[tuple[int, int], ...]
    negated: bool = False

    def admit(self, character: str) -> bool:
        code = ord(character)
        for low, high in self.ranges:
            if low <= code <= high:
                return not self.negated
        return self.negated


@dataclass(frozen=True, slots=True)
class Sequence:
    """One piece after another."""

    pieces: tuple["Piece", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any one of the options."""

    options: tuple["Piece", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A piece at least ``low`` times and at most ``high``, or without end."""

    piece: "Piece"
    low: int
    high: int | None


class Edge(Enum):
    """An end of the text. The end proper stands last in an expression, if anywhere."""

    START = auto()
    END = auto()


Piece: TypeAlias = Characters | Sequence | Choice | Repeat | Edge


@dataclass(slots=True)
class _Step:
    """An instruction: consume a character, stand at an edge, fork, or (none of these) accept."""

    characters: Characters | None = None
    edge: Edge | None = None
    forks: tuple[int, ...] = ()


class _Threads:
    """A set of threads, each waiting for a character, and where each character leads.

    Attributes:
        accepting: A match has ended here.
        ending: A match has ended here if the text does.
    """

    __slots__ = ("accepting", "ending", "following", "waiting")

    def __init__(self, waiting: frozenset[int], *, accepting: bool, ending: bool) -> None:
        self.waiting = waiting
        self.accepting = accepting
        self.ending = ending
        self.following: dict[str, _Threads] = {}


class Automaton:
    """A searcher for one expression.

    Attributes:
        work: Instructions visited so far; the measure of cost that does not depend on a clock.

    Raises:
        OverflowError: Written out, the expression is too large.
    """

    def __init__(self, piece: Piece) -> None:
        self.work = 0
        self._program = _Assembler().assemble(piece)
        self._known: dict[tuple[frozenset[int], bool, bool], _Threads] = {}
        self._remembered = 0
        self._initial = self._threads([0], at_start=True)
        again = self._threads([0], at_start=False)
        # Beginning again after the first character is pointless if everything starts with an edge.
        self._entries = [0] if again.waiting or again.ending else []

    def search(self, text: str, spend: Callable[[int], None] = free) -> bool:
        """Whether the expression matches somewhere in ``text``.

        Args:
            spend: Told of the steps this takes, as they are taken; may raise to end it.
        """
        spend(len(text) // CHARACTERS_A_STEP)
        threads = self._initial
        for character in text:
            if threads.accepting:
                return True
            if not threads.waiting and not self._entries:
                return False
            following = threads.following.get(character)
            if following is None:
                done = self.work
                following = self._advance(threads, character)
                spend(self.work - done)
            threads = following
        return threads.accepting or threads.ending

    def _advance(self, threads: _Threads, character: str) -> _Threads:
        if self._remembered > _MAX_REMEMBERED:
            self._known.clear()
            self._initial.following.clear()
            self._remembered = 0
        entries = list(self._entries)
        for position in threads.waiting:
            characters = self._program[position].characters
            assert characters is not None
            if characters.admit(character):
                entries.append(position + 1)
        self.work += len(threads.waiting)
        following = self._threads(entries, at_start=False)
        self._remembered += 1
        threads.following[character] = following
        return following

    def _threads(self, entries: list[int], *, at_start: bool) -> _Threads:
        """The threads alive at ``entries`` and wherever these fork to."""
        seen = set(entries)
        waiting: list[int] = []
        accepting = ending = False
        while entries:
            position = entries.pop()
            step = self._program[position]
            if step.characters is not None:
                waiting.append(position)
            elif step.edge is Edge.END:
                ending = True
            elif step.forks or step.edge is Edge.START:
                targets = step.forks or ((position + 1,) if at_start else ())
                fresh = [target for target in targets if target not in seen]
                seen.update(fresh)
                entries.extend(fresh)
            else:
                accepting = True
        self.work += len(seen)
        return self._remember(frozenset(waiting), accepting=accepting, ending=ending)

    def _remember(self, waiting: frozenset[int], *, accepting: bool, ending: bool) -> _Threads:
        identity = (waiting, accepting, ending)
        known = self._known.get(identity)
        if known is not None:
            return known
        self._remembered += len(waiting) + 1
        fresh = _Threads(waiting, accepting=accepting, ending=ending)
        self._known[identity] = fresh
        return fresh


class _Assembler:
    """Lays pieces out as a program; the instruction after the last accepts."""

    def __init__(self) -> None:
        self.program: list[_Step] = []
        self.effort = 0

    def assemble(self, piece: Piece) -> tuple[_Step, ...]:
        self.lay(piece)
        self.program.append(_Step())
        return tuple(self.program)

    def lay(self, piece: Piece) -> None:
        # Counts visits, not instructions: a piece repeated zero times lays none.
        self.effort += 1
        if self.effort > _MAX_PROGRAM:
            raise OverflowError("the expression is too large")
        match piece:
            case Characters():
                self.program.append(_Step(characters=piece))
            case Edge():
                self.program.append(_Step(edge=piece))
            case Sequence(pieces=pieces):
                for part in pieces:
                    self.lay(part)
            case Choice(options=options):
                self.lay_choice(options)
            case Repeat(piece=part, low=low, high=high):
                self.lay_repeat(part, low, high)

    def lay_choice(self, options: tuple[Piece, ...]) -> None:
        if len(options) == 1:
            self.lay(options[0])
            return
        fork = self.fork()
        starts: list[int] = []
        exits: list[_Step] = []
        for option in options:
            starts.append(len(self.program))
            self.lay(option)
            exits.append(self.fork())
        fork.forks = tuple(starts)
        for leave in exits:
            leave.forks = (len(self.program),)

    def lay_repeat(self, piece: Piece, low: int, high: int | None) -> None:
        for _ in range(low):
            self.lay(piece)
        if high is None:
            start = len(self.program)
            fork = self.fork()
            self.lay(piece)
            self.fork().forks = (start,)
            fork.forks = (start + 1, len(self.program))
            return
        skips: list[tuple[_Step, int]] = []
        for _ in range(high - low):
            skips.append((self.fork(), len(self.program)))
            self.lay(piece)
        for fork, entry in skips:
            fork.forks = (entry, len(self.program))

    def fork(self) -> _Step:
        """An instruction whose targets are filled in once they are known."""
        step = _Step()
        self.program.append(step)
        return step
