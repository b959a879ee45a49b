"""Handing over: who can be chosen, whom a person means, and what is asked of the chat."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from imbari_chat.desk.handover import Handover
from imbari_chat.desk.prompts import AskText, Choose
from imbari_chat.desk.store import Store
from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.schema.models import ID_FIELD, Colleague
from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.schema.teamwork import Assignment, TeamSnapshot
from imbari_chat.view.inbox import Notice
from imbari_chat.view.listing import Listing
from imbari_chat.view.people import Person
from tests.view.records import NOW, session

AMINA = session("amina")
BRIAN, NOOR, OMAR = (
    Person("u2", "Brian"),
    Person("u3", "Noor A", "n@x.org"),
    Person("u4", None, "o@x.org"),
)
HELD = Assignment.model_validate({ID_FIELD: "other", "to": "u2", "name": "Brian"})


class Directory:
    """Accounts of admins."""

    def __init__(self, *people: Person, can_be_asked: bool = True) -> None:
        self.people = people
        self.can_be_asked = can_be_asked
        self.trouble: ImbariError | None = None
        self.asked: list[str] = []

    async def admins(self) -> list[Person]:
        self.asked.append("all")
        if self.trouble is not None:
            raise self.trouble
        return list(self.people)

    async def find(self, reference: str) -> Person | None:
        self.asked.append(reference)
        if self.trouble is not None:
            raise self.trouble
        return next((one for one in self.people if reference in (one.email, one.name)), None)


class Desk:
    """Somebody who hands over: what they are asked, what they answer, and what comes of it."""

    def __init__(self, *answers: Any, directory: Directory | None = None, held: Any = None) -> None:
        team = TeamSnapshot(
            at=NOW, assignments={"other": HELD, **({} if held is None else {"amina": held})}
        )
        self.store = Store(Listing(me="me", team=team), lambda: None, lambda: 0.0)
        there = PresenceSnapshot(opened={AMINA.id: (Colleague("me", "I"), Colleague("u2", None))})
        self.store.change(lambda state: replace(state, presence=there))
        self.answers = list(answers)
        self.questions: list[Any] = []
        self.offered: list[list[str]] = []
        self.done_: list[tuple[str, str]] = []
        self.todo: list[Any] = []
        self.team = self
        spawn: Any = self.todo.append
        me: Any = self
        self.handover = Handover(me, me, self.store, spawn, directory)

    async def asked(self, question: Any) -> Any:
        while self.todo:
            await self.todo.pop()
        self.questions.append(question)
        if isinstance(question, Choose):
            self.offered.append([words for words, _ in question._choices])
        return self.answers.pop(0)

    async def done(self, work: Any, words: str) -> None:
        self.done_.append((await work, words))

    async def unassign(self, session_id: str) -> str:
        return f"unassign {session_id}"

    async def assign(self, session_id: str, uid: str, *, name: str | None, instead_of: Any) -> str:
        return f"assign {session_id} {uid} name={name} instead_of={instead_of}"

    async def begins(self) -> Sequence[tuple[str, str]]:
        await self.handover.begin(AMINA)
        return self.done_


async def test_leaving_either_question_does_nothing() -> None:
    """Nor is anything said."""
    for answers in ([None], ["typed", None], ["typed", ""]):
        desk = Desk(*answers)
        assert await desk.begins() == []
        assert (desk.answers, desk.store.state.notice) == ([], None)


async def test_who_is_known_can_be_chosen_but_oneself() -> None:
    """Or nobody."""
    desk = Desk(BRIAN)
    assert await desk.begins() == [
        ("assign amina u2 name=Brian instead_of=None", "Brian has it now")
    ]
    assert desk.offered == [["Brian  u2"]]
    (question,) = desk.questions
    assert [(key, is_) for key, _, is_ in question._others] == [("0", "nobody"), ("+", "typed")]
    assert await Desk("nobody").begins() == [("unassign amina", "Nobody has it now")]


async def test_it_is_taken_from_whoever_has_it() -> None:
    """By name, so that a third one is not overruled."""
    held = Assignment.model_validate({ID_FIELD: "amina", "to": "u9"})
    assert await Desk(NOOR, held=held).begins() == [
        ("assign amina u3 name=Noor A instead_of=u9", "Noor A has it now")
    ]


async def test_admins_are_looked_up_once_and_offered_behind_those_that_were_seen() -> None:
    """What is said of each is enough to tell them apart."""
    directory = Directory(BRIAN, NOOR, OMAR, Person("u5"), Person("me", "I"))
    desk = Desk(None, None, directory=directory)
    await desk.begins()
    assert desk.offered == [["Brian  u2", "Noor A  n@x.org", "o@x.org", "u5"]]
    await desk.begins()
    assert (directory.asked, desk.todo) == (["all"], [])
    assert desk.offered[1] == desk.offered[0]


async def test_whoever_may_not_look_at_accounts_does_not_try() -> None:
    """And is not told either."""
    directory = Directory(NOOR, can_be_asked=False)
    desk = Desk("typed", "Noor A", directory=directory)
    assert await desk.begins() == []
    assert directory.asked == []


async def test_accounts_that_cannot_be_listed_are_told_and_tried_again() -> None:
    """Those that were seen can be chosen all the same."""
    directory = Directory(NOOR)
    directory.trouble = Unavailable("no network", where="auth")
    desk = Desk(None, None, directory=directory)
    await desk.begins()
    told = Notice("Other admins cannot be listed: no network", is_error=True)
    assert (desk.store.state.notice, desk.offered) == (told, [["Brian  u2"]])
    await desk.begins()
    assert directory.asked == ["all", "all"]


@pytest.mark.parametrize(
    ("typed", "done"),
    [
        ("brian", "assign amina u2 name=Brian instead_of=None"),
        ("u2", "assign amina u2 name=Brian instead_of=None"),
        ("n@x.org", "assign amina u3 name=Noor A instead_of=None"),
        ("uid:u9", "assign amina u9 name=None instead_of=None"),
    ],
)
async def test_whom_somebody_means_is_found(typed: str, done: str) -> None:
    """Among those that are known, by uid, or among accounts; a uid is nobody's name."""
    directory = Directory(NOOR)
    desk = Desk("typed", typed, directory=directory)
    desk.handover._admins = [Person("u7", "uid:u9")]
    assert [one for one, _ in await desk.begins()] == [done]
    assert directory.asked == (["n@x.org"] if "@" in typed else [])
    _, text = desk.questions
    assert isinstance(text, AskText)
    assert text._hint == "A name, an e-mail or a uid."


@pytest.mark.parametrize(
    ("typed", "people", "trouble", "notice"),
    [
        ("Noor", (), None, "No admin is known as Noor; uid: and a uid names anybody"),
        (
            "brian",
            (Person("u7", "brian"),),
            None,
            "Several are called brian: type an e-mail, or uid: and a uid",
        ),
        ("Noor", (), Unavailable("busy", where="x"), "Nobody could be looked up: busy"),
        ("x" * 99, (), None, f"No admin is known as {'x' * 49}…; uid: and a uid names anybody"),
    ],
)
async def test_whom_nobody_can_tell_is_not_assigned(
    typed: str, people: tuple[Person, ...], trouble: ImbariError | None, notice: str
) -> None:
    """It is said why."""
    directory = Directory(*people)
    desk = Desk("typed", typed, directory=directory)
    desk.handover._admins = list(people)
    directory.trouble = trouble
    assert await desk.begins() == []
    assert desk.store.state.notice == Notice(notice, is_error=True)
