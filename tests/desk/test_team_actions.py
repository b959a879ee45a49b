"""What each of the team's keys asks, what it has done, and what is said of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from imbari_chat.desk import teamwork as module
from imbari_chat.desk.prompts import AskText, Choose
from imbari_chat.desk.store import Store
from imbari_chat.desk.teamwork import Teamwork
from imbari_chat.schema.models import ID_FIELD, Session
from imbari_chat.schema.teamwork import Assignment, Block, Labels, Snooze, TeamSnapshot
from imbari_chat.view.listing import Listing
from tests.view.records import NOW, session

THEN = datetime(2024, 3, 12, 14, 5, tzinfo=UTC)  # a Tuesday, as NOW
AMINA = session("amina", customerUid="u-amina", customerName="Amina \x1b[2J")
LONG = session("long", customerName="x" * 99, customerUid="u-long")
HELD = Assignment.model_validate({ID_FIELD: "amina", "to": "u2", "name": "Brian"})
MINE = Assignment.model_validate({ID_FIELD: "amina", "to": "me"})
LABELS = Labels.model_validate({ID_FIELD: "amina", "names": {"vip": True, "late": True}})
SNOOZE = Snooze.model_validate({ID_FIELD: "amina", "until": NOW + 9_000_000, "at": NOW})
BLOCK = Block.model_validate({ID_FIELD: "u-amina", "reason": "spam"})


class Asking:
    """A person who answers in turn, and what they were asked; and what was done and said."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.questions: list[Any] = []
        self.said: list[tuple[str, ...]] = []
        self.calls: list[str] = []

    def begin(self) -> None:
        self.calls.append("begin")

    async def is_shown(self) -> None:
        self.calls.append("is shown")

    async def asked(self, question: Any) -> Any:
        self.questions.append(question)
        answer = self.answers.pop(0)
        return answer(question) if callable(answer) else answer

    async def done(self, work: Any, words: str, *needless: str) -> None:
        await work
        self.said.append((words, *needless))


class Chat:
    """An admin's, of which it is kept what was asked."""

    def __init__(self, calls: list[str]) -> None:
        self.team, self._calls = self, calls

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def asked(*given: object, **named: object) -> None:
            words = [*map(str, given), *(f"{key}={one}" for key, one in named.items())]
            self._calls.append(" ".join([name, *words]))

        return asked


class Desk:
    """Somebody who acts on a conversation."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: Any, **kept: Any) -> None:
        self.asking = Asking(*answers)
        self.acted_on: list[str] = []
        self.todo: list[Any] = []
        store = Store(
            Listing(me="me", team=TeamSnapshot(at=NOW, **kept)), lambda: None, lambda: 0.0
        )
        chat: Any = Chat(self.asking.calls)
        app: Any = None
        spawn: Any = self.todo.append
        monkeypatch.setattr(module, "Asking", lambda *_: self.asking)
        monkeypatch.setattr(Teamwork, "_now", lambda _: THEN)
        self.teamwork = Teamwork(app, chat, store, spawn, UTC, None, self.acted_on.append)

    async def does(self, what: str, about: Session = AMINA) -> tuple[list[str], list[Any]]:
        """What was asked of the chat, and what was said."""
        await self.teamwork.begin(what, about)
        assert self.asking.calls == ["begin", "is shown"]
        for work in self.todo:
            await work
        assert self.acted_on == [about.id]
        assert self.asking.answers == []
        return self.asking.calls[2:], [one[0] for one in self.asking.said]


def _offered(question: Any) -> list[str]:
    assert isinstance(question, Choose)
    return [words for words, _ in question._choices]


def _chosen(at: int) -> Callable[[Any], Any]:
    return lambda question: question._choices[at][1]


RESOLVED = AMINA.model_copy(update={"status": "resolved"})
SIMPLE: list[tuple[str, Session, dict[str, Any], list[Any], str, str]] = [
    ("status", AMINA, {}, [], "resolve amina", "Resolved"),
    ("status", RESOLVED, {}, [], "reopen amina", "Reopened"),
    ("unread", AMINA, {}, [], "mark_unread amina", "Marked unread"),
    ("claim", AMINA, {}, [], "claim amina instead_of=None", "You have it"),
    ("claim", AMINA, {"assignments": {"amina": MINE}}, [], "claim amina instead_of=None",
     "You have it"),
    ("claim", AMINA, {"assignments": {"amina": HELD}}, [True], "claim amina instead_of=u2",
     "You have it"),
    ("label", AMINA, {}, ["VIP, late ,"], "label amina ['vip', 'late']", "Labelled"),
    ("label", AMINA, {"labels": {"amina": LABELS}}, ["vip"], "unlabel amina ['late']",
     "Labels taken away"),
    ("snooze", AMINA, {"snoozes": {"amina": SNOOZE}}, [], "unsnooze amina", "In sight again"),
    ("block", AMINA, {"blocks": {"u-amina": BLOCK}}, [True], "unblock amina", "Unblocked"),
    ("block", AMINA, {}, ["spam", "never"], "block amina spam until=None", "Blocked"),
    ("note", AMINA, {}, ["Calls back"], "add_note amina Calls back", "Noted"),
    ("assign", AMINA, {}, ["nobody"], "unassign amina", "Nobody has it now"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "about", "kept", "answers", "call", "said"), SIMPLE)
async def test_each_is_done_and_said(
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    about: Session,
    kept: dict[str, Any],
    answers: list[Any],
    call: str,
    said: str,
) -> None:
    """Once what it asks was answered."""
    assert await Desk(monkeypatch, *answers, **kept).does(what, about) == ([call], [said])


LEFT: list[tuple[str, dict[str, Any], list[Any]]] = [
    ("claim", {"assignments": {"amina": HELD}}, [None]),
    ("label", {}, [None]),
    ("label", {"labels": {"amina": LABELS}}, ["late, vip"]),
    ("snooze", {}, [None]),
    ("snooze", {}, ["typed", None]),
    ("block", {"blocks": {"u-amina": BLOCK}}, [None]),
    ("block", {}, [None]),
    ("block", {}, [""]),
    ("block", {}, ["spam", None]),
    ("note", {}, [None]),
    ("note", {}, [""]),
]


@pytest.mark.parametrize(("what", "kept", "answers"), LEFT)
async def test_whoever_leaves_a_question_has_nothing_done(
    monkeypatch: pytest.MonkeyPatch, what: str, kept: dict[str, Any], answers: list[Any]
) -> None:
    """Nor who changes nothing."""
    assert await Desk(monkeypatch, *answers, **kept).does(what) == ([], [])


async def test_labels_are_a_line_that_is_edited(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is new in it is put on, and what is gone is taken off."""
    desk = Desk(monkeypatch, "late, new", labels={"amina": LABELS})
    assert await desk.does("label") == (
        ["label amina ['new']", "unlabel amina ['vip']"], ["Labelled", "Labels taken away"],
    )  # fmt: skip
    (question,) = desk.asking.questions
    assert isinstance(question, AskText)
    assert (question._question, question._text, question._hint) == (
        "Labels", "late, vip", "A comma between.",
    )  # fmt: skip


async def test_it_is_asked_before_it_is_taken_from_somebody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By name."""
    desk = Desk(monkeypatch, True, assignments={"amina": HELD})
    await desk.does("claim")
    (question,) = desk.asking.questions
    assert (question._question, _offered(question)) == ("Brian has it.", ["take it from Brian"])


async def test_what_is_unread_already_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a False; or the customer wrote nothing."""
    desk = Desk(monkeypatch)
    await desk.does("unread")
    assert desk.asking.said == [
        ("Marked unread", "Nothing to mark: it is unread already, or its customer wrote nothing")
    ]


@pytest.mark.parametrize(
    ("at", "until"),
    [
        (0, "2024-03-12 15:05"),
        (1, "2024-03-12 17:05"),
        (2, "2024-03-13 09:00"),
        (3, "2024-03-18 09:00"),
        (4, "2024-03-19 14:05"),
    ],
)
async def test_a_conversation_is_out_of_sight_until_then(
    monkeypatch: pytest.MonkeyPatch, at: int, until: str
) -> None:
    """It is said until when; another time can be typed."""
    desk = Desk(monkeypatch, _chosen(at))
    calls, said = await desk.does("snooze")
    assert calls == [f"snooze amina {until}:00+00:00"]
    assert said == [f"Out of sight until {until}"]
    (question,) = desk.asking.questions
    assert question._question == "Out of sight until"
    assert _offered(question)[-1] == "another time, typed"
    assert len(_offered(question)) == 6


@pytest.mark.parametrize(
    ("at", "until"),
    [(0, "2024-03-12 15:05"), (1, "2024-03-13 14:05"), (2, "2024-03-19 14:05"),
     (3, "2024-04-11 14:05")],
)  # fmt: skip
async def test_a_customer_is_blocked_until_then(
    monkeypatch: pytest.MonkeyPatch, at: int, until: str
) -> None:
    """With a reason, for colleagues; what a stranger calls themselves is drawn safely, and cut."""
    desk = Desk(monkeypatch, "spam", _chosen(at))
    calls, said = await desk.does("block")
    assert calls == [f"block amina spam until={until}:00+00:00"]
    assert said == [f"Blocked until {until}"]
    why, end = desk.asking.questions
    assert why._question == "Block Amina \ufffd[2J. Why?"
    assert why._hint == "For colleagues."
    assert end._question == "Block Amina \ufffd[2J until"
    assert _offered(end)[-2:] == ["somebody lifts it", "another time, typed"]
    desk = Desk(monkeypatch, None)
    await desk.does("block", LONG)
    (why,) = desk.asking.questions
    assert "".join(why._question.split()) == f"Block{'x' * 59}….Why?"


@pytest.mark.parametrize(
    ("typed", "wrong", "until"),
    [
        ("+30m", None, "2024-03-12 14:35"),
        ("2024-03-14", None, "2024-03-14 00:00"),
        ("2024-03-11", "That has passed already.", None),
        ("2024-03-12T14:05", "That has passed already.", None),
        ("whenever", "That is neither a date nor a length of time.", None),
    ],
)
async def test_another_end_is_typed(
    monkeypatch: pytest.MonkeyPatch, typed: str, wrong: str | None, until: str | None
) -> None:
    """In the reader's zone; what cannot be is said while it is typed."""
    desk = Desk(monkeypatch, "typed", typed if until else None)
    calls, _ = await desk.does("snooze")
    assert calls == ([] if until is None else [f"snooze amina {until}:00+00:00"])
    _, question = desk.asking.questions
    assert isinstance(question, AskText)
    assert question._question == "Out of sight until"
    assert question._hint.startswith("Say ")
    assert question._hint.endswith(".")
    assert question._check is not None
    assert question._check(typed) == wrong


def test_now_is_the_readers() -> None:
    """With its zone, so that mornings are theirs."""
    for zone in (UTC, None):
        here: Any = SimpleNamespace(_zone=zone)
        now = Teamwork._now(here)
        assert now.tzinfo is not None
        assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
