"""Handing a conversation over: to whom can be chosen from those that are known, or typed."""

from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from imbari_chat.desk.asking import Asking
from imbari_chat.desk.prompts import AskText, Choose
from imbari_chat.desk.store import Store
from imbari_chat.desk.streams import Spawn
from imbari_chat.errors import ImbariError
from imbari_chat.schema.models import Session
from imbari_chat.view.people import A_UID, Person, by_uid, called, known, merged
from imbari_chat.view.sanitize import safe_text

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat

__all__ = ["Directory", "Handover"]

_LONGEST: Final = 50

_Choice: TypeAlias = Person | Literal["nobody", "typed"]


class Directory(Protocol):
    """Where admins have accounts."""

    @property
    def can_be_asked(self) -> bool:
        """Whether whoever uses the desk may look there."""

    async def admins(self) -> list[Person]:
        """The admins. Raises ImbariError."""

    async def find(self, reference: str) -> Person | None:
        """The admin with this e-mail, name or uid. Raises ImbariError."""


class Handover:
    """Asks to whom, and hands over.

    Args:
        asking: Asks, and tells.
        chat: An admin's chat, entered.
        store: The desk's.
        spawn: For what waits for the network.
        directory: Where admins have accounts; None if that is not known.
    """

    def __init__(
        self,
        asking: Asking,
        chat: "AsyncAdminChat",
        store: Store,
        spawn: Spawn,
        directory: Directory | None,
    ) -> None:
        self._asked, self._done = asking.asked, asking.done
        self._chat = chat
        self._store = store
        self._spawn = spawn
        self._directory = directory if directory is not None and directory.can_be_asked else None
        self._admins: list[Person] | None = None if self._directory is not None else []

    async def begin(self, session: Session) -> None:
        """Hand it over, or put it down."""
        held = self._store.listing.team.assignment_of(session.id)
        people = self._people()
        question: Choose[_Choice] = Choose(
            "Hand it over to",
            [(_words(one), one) for one in people],
            [("0", "nobody: put it down", "nobody"), ("+", "somebody else, typed", "typed")],
        )
        if self._admins is None and self._directory is not None:
            self._spawn(self._list_admins(self._directory, question, people))
        to = await self._asked(question)
        if to == "typed":
            hint = "A name, an e-mail or a uid."
            text = await self._asked(AskText("Hand it over to", hint=hint))
            to = await self._meant(text) if text else None
        if to == "nobody":
            await self._done(self._chat.team.unassign(session.id), "Nobody has it now")
        elif isinstance(to, Person):
            given = self._chat.team.assign(
                session.id, to.uid, name=to.called, instead_of=held.to if held else None
            )
            await self._done(given, f"{_safe(to.label)} has it now")

    def _people(self) -> list[Person]:
        """Who is known, but oneself."""
        seen = known(self._store.listing.team, self._store.state.presence)
        everybody = merged((*(self._admins or ()), *seen))
        return [one for one in everybody if one.uid != self._store.listing.me]

    async def _list_admins(
        self, directory: Directory, question: Choose[_Choice], shown: list[Person]
    ) -> None:
        """Add those that have accounts to a question that is asked already."""
        try:
            self._admins = await directory.admins()
        except ImbariError as error:
            self._store.tell(f"Other admins cannot be listed: {error.what}", is_error=True)
            return
        uids = {one.uid for one in shown}
        question.add([(_words(one), one) for one in self._people() if one.uid not in uids])

    async def _meant(self, typed: str) -> Person | None:
        """Whom somebody means; None if that cannot be told, which is said."""
        people = self._people()
        if (named := by_uid(people, typed)) is not None:
            return named
        found = called(people, typed)
        if not found and self._directory is not None:
            try:
                found = [one for one in (await self._directory.find(typed),) if one is not None]
            except ImbariError as error:
                self._store.tell(f"Nobody could be looked up: {error.what}", is_error=True)
                return None
        if len(found) == 1:
            return found[0]
        who = _safe(typed)
        self._store.tell(
            f"Several are called {who}: type an e-mail, or {A_UID} and a uid"
            if found
            else f"No admin is known as {who}; {A_UID} and a uid names anybody",
            is_error=True,
        )
        return None


def _words(person: Person) -> str:
    """What they are called, and where that does not say who they are, their e-mail or uid."""
    about = person.email or person.uid
    return _safe(person.label if person.label == about else f"{person.label}  {about}")


def _safe(text: str) -> str:
    return safe_text(text, max_length=_LONGEST)
