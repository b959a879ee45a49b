"""Colleagues: who is known, and whom a person means by a name, an e-mail or a uid."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.schema.teamwork import TeamSnapshot

__all__ = ["A_UID", "Person", "by_uid", "called", "known", "merged"]

A_UID: Final = "uid:"
"""Begins a reference that is a uid, whoever that is."""


@dataclass(frozen=True, slots=True)
class Person:
    """A colleague.

    Attributes:
        uid: Who.
        name: What they are called, if that is known.
        email: Where they get mail, if that is known.
    """

    uid: str
    name: str | None = None
    email: str | None = None

    @property
    def label(self) -> str:
        """What to call them."""
        return self.called or self.uid

    @property
    def called(self) -> str | None:
        """What to call them, if there is anything but their uid."""
        return self.name or self.email


def known(team: TeamSnapshot, presence: PresenceSnapshot) -> list[Person]:
    """Who has written something that the team keeps, has a conversation, or has one open."""
    return merged(_seen(team, presence))


def merged(people: Iterable[Person]) -> list[Person]:
    """Each once, with all that is known; of two names the later one. In order of their labels."""
    found: dict[str, Person] = {}
    for one in people:
        before = found.get(one.uid, one)
        found[one.uid] = Person(one.uid, one.name or before.name, one.email or before.email)
    return sorted(found.values(), key=lambda one: (one.label.casefold(), one.uid))


def called(people: Iterable[Person], reference: str) -> list[Person]:
    """Those that ``reference`` may mean: by name, e-mail or uid, in any case of letters."""
    wanted = reference.strip().casefold()
    return [
        one
        for one in people
        if wanted in {part.casefold() for part in (one.uid, one.name, one.email) if part}
    ]


def by_uid(people: Iterable[Person], reference: str) -> Person | None:
    """Whom ``uid:`` and a uid names, known or not, whoever else is called so; None without it."""
    wanted = reference.strip()
    if not wanted.startswith(A_UID):
        return None
    uid = wanted.removeprefix(A_UID).strip()
    return next((one for one in people if one.uid == uid), Person(uid))


def _seen(team: TeamSnapshot, presence: PresenceSnapshot) -> Iterator[Person]:
    for held in team.assignments.values():
        yield Person(held.to, held.name)
    for kept in (team.assignments, team.labels, team.snoozes, team.blocks, team.canned_replies):
        for record in kept.values():
            if record.by:
                yield Person(record.by)
    for several in presence.opened.values():
        for one in several:
            yield Person(one.uid, one.name)
