"""What the desk does with what is written: holds, sends, gives back, keeps on disk."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imbari_chat.desk.drafts import Drafts
from imbari_chat.desk.sending import Sender
from imbari_chat.desk.store import Store
from imbari_chat.errors import AccessDenied, Conflict, ImbariError, NotFound, Unavailable
from imbari_chat.schema.events import ConnectionChanged
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.view.inbox import Conversation, Notice
from imbari_chat.view.listing import Listing
from imbari_chat.view.outgoing import Failed
from tests.view.records import message, outgoing, session

AMINA, BRIAN = session("amina"), session("brian")
HELLO, MORE = message("m1", "Hello"), message("m2", "More")


class Talk:
    """Takes replies, or raises."""

    def __init__(self, error: ImbariError | None = None) -> None:
        self.error = error
        self.only_checked = False
        self.asked: list[Message | None] = []
        self.taken: list[tuple[str, Message | None]] = []

    async def reply(self, text: str, *, expect_last: Message | None = None) -> OutgoingMessage:
        self.asked.append(expect_last)
        if self.error is not None and (expect_last is not None or not self.only_checked):
            raise self.error
        self.taken.append((text, expect_last))
        return outgoing(f"r{len(self.taken)}", text)


class Desk:
    """A sender with its store, a clock to set, and what it wants done."""

    def __init__(self, file: Path | None = None, *, undo: float = 0.0) -> None:
        self.now = 100.0
        self.drafts = Drafts(file)
        self.store = Store(Listing(), lambda: None, lambda: self.now)
        self.todo: list[Any] = []
        self.forgotten: list[MessageId] = []
        self.trouble: ImbariError | None = None
        self.talk: Any = Talk()
        spawn: Any = self.todo.append
        self.sender = Sender(
            self.store, self.drafts, self._forget, spawn,
            clock=lambda: self.now, undo=undo,
        )  # fmt: skip

    async def _forget(self, message_id: MessageId) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.forgotten.append(message_id)

    def open(self, one: Session = AMINA, *messages: Message, state: Any = "live") -> "Desk":
        opened = Conversation(one, messages=messages, connection=ConnectionChanged(state))
        self.store.change(lambda now: replace(now, conversation=opened))
        return self

    async def run(self) -> None:
        todo, self.todo[:] = list(self.todo), []
        for work in todo:
            await work

    def fails(self, ticket: int, text: str, one: Session = AMINA, key: str | None = None) -> None:
        failed = Failed(ticket, one.id, text, "why", None if key is None else MessageId(key))
        self.store.change(lambda now: replace(now, failed=(*now.failed, failed)))

    @property
    def pending(self) -> list[str]:
        return [one.text for one in self.store.state.pending]

    @property
    def failed(self) -> list[str]:
        return [one.text for one in self.store.state.failed]

    @property
    def draft(self) -> str:
        return self.store.state.draft

    @property
    def kept(self) -> dict[SessionId, str]:
        return dict(self.drafts.texts)


async def test_what_is_written_is_a_draft_until_it_is_another() -> None:
    """Of the open conversation, and on disk when it is time to."""
    desk = Desk()
    assert not desk.sender.write("nowhere to go")
    assert desk.store.state.drafts == {}
    desk.open()
    assert not desk.sender.write("")
    assert desk.sender.write("one")
    assert not desk.sender.write("one")
    assert (desk.draft, desk.kept) == ("one", {})
    desk.sender.keep()
    assert desk.kept == {AMINA.id: "one"}
    assert desk.sender.write("")
    desk.sender.keep()
    assert desk.kept == {}


async def test_drafts_on_disk_are_drafts_again(tmp_path: Path) -> None:
    """Each of its conversation."""
    Drafts(tmp_path / "drafts").put(AMINA.id, "one")
    Drafts(tmp_path / "drafts").put(BRIAN.id, "two")
    assert Desk(tmp_path / "drafts").store.state.drafts == {AMINA.id: "one", BRIAN.id: "two"}


async def test_drafts_that_cannot_be_kept_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """And stay on the screen."""
    desk = Desk().open()

    def put(*_: object) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(Drafts, "put", put)
    desk.sender.write("one")
    desk.sender.keep()
    assert desk.store.state.notice == Notice("Drafts are not kept: the disk is full", is_error=True)
    assert desk.draft == "one"


async def test_a_reply_leaves_the_field_and_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing of it stays on disk."""
    monkeypatch.setattr("imbari_chat.desk.sending.local_time", lambda: 1_000_000)
    desk = Desk().open()
    desk.sender.write("one")
    assert desk.sender.send(desk.talk, "one", checks=False)
    assert (desk.draft, desk.pending, desk.sender.sent) == ("", ["one"], ["one"])
    await desk.run()
    assert desk.talk.taken == [("one", None)]
    assert {ticket: one.text for ticket, one in desk.sender.handed_over.items()} == {1: "one"}
    (pending,) = desk.store.state.pending
    assert (pending.message_id, pending.since) == ("r1", 1_000_000)
    assert (desk.store.state.next_ticket, desk.kept) == (2, {})


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_what_says_nothing_or_goes_nowhere_is_not_sent(text: str) -> None:
    """Nor told of."""
    desk = Desk().open()
    assert not desk.sender.send(desk.talk, text, checks=False)
    assert not desk.sender.send(None, "one", checks=False)
    assert not Desk().sender.send(desk.talk, "one", checks=False)
    assert (desk.pending, desk.sender.sent, desk.store.state.notice) == ([], [], None)


async def test_what_is_too_long_stays_in_the_field() -> None:
    """With the reason."""
    desk = Desk().open()
    text = "x" * 2001
    desk.sender.write(text)
    assert not desk.sender.send(desk.talk, text, checks=False)
    assert (desk.draft, desk.pending, desk.sender.sent) == (text, [], [])
    assert desk.store.state.notice is not None
    assert "at most 2000 characters" in desk.store.state.notice.text
    assert desk.store.state.notice.is_error


@pytest.mark.parametrize(
    ("checks", "state", "messages", "others", "expected"),
    [
        (True, "live", (HELLO, MORE), False, MORE),
        (False, "live", (HELLO, MORE), False, None),
        (True, "reconnecting", (HELLO, MORE), False, None),
        (True, "live", (), False, None),
        (True, "live", (HELLO, MORE), True, None),
    ],
)
async def test_only_who_sees_the_end_can_ask_for_it(
    checks: bool, state: str, messages: tuple[Message, ...], others: bool, expected: Message | None
) -> None:
    """Without a connection, or with a reply of one's own ahead, nobody can tell who was faster."""
    desk = Desk().open(AMINA, *messages, state=state)
    if others:
        desk.sender.send(Talk(), "before", checks=False)  # type: ignore[arg-type]  # its double
    desk.sender.send(desk.talk, "one", checks=checks)
    await desk.run()
    assert desk.talk.taken == [("one", expected)]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AccessDenied("not yours"), "not yours"),
        (Conflict("another"), "somebody else wrote meanwhile. Look, and send it again if it"),
    ],
)
async def test_a_reply_that_is_not_taken_is_given_back(error: ImbariError, reason: str) -> None:
    """With its reason, to be sent again, reworked or given up."""
    desk = Desk().open()
    desk.talk.error = error
    desk.sender.send(desk.talk, "one", checks=False)
    await desk.run()
    (failure,) = desk.store.state.failed
    assert (failure.text, failure.reason.startswith(reason)) == ("one", True)
    assert (desk.pending, desk.sender.handed_over) == ([], {})
    desk.sender.keep()
    assert desk.kept == {AMINA.id: "one"}


@pytest.mark.parametrize(
    ("checks", "unknown", "asked", "failed"),
    [
        (True, False, [MORE, None], []),
        (True, True, [MORE], ["one"]),
        (False, False, [None], ["one"]),
    ],
)
async def test_a_reply_that_cannot_be_checked_waits_for_the_network_unchecked(
    checks: bool, unknown: bool, asked: list[Message | None], failed: list[str]
) -> None:
    """Once, and only if it is certain that it was not sent."""
    desk = Desk().open(AMINA, HELLO, MORE)
    desk.talk.error = Unavailable("away", outcome_unknown=unknown)
    desk.talk.only_checked = checks
    desk.sender.send(desk.talk, "one", checks=checks)
    await desk.run()
    assert (desk.talk.asked, desk.failed) == (asked, failed)
    assert [one.text for one in desk.sender.handed_over.values()] == ["one"] * (not failed)


async def test_for_a_moment_a_reply_can_be_taken_back() -> None:
    """The latest first; until it goes out it is kept on disk, in the order of writing."""
    desk = Desk(undo=5.0).open()
    assert not desk.sender.take_back()
    for text in ("one", "two", "three"):
        desk.sender.send(desk.talk, text, checks=False)
        desk.now += 1
    assert (desk.todo, desk.kept) == ([], {AMINA.id: "one\ntwo\nthree"})
    assert desk.sender.take_back()
    assert (desk.draft, desk.pending) == ("three", ["one", "two"])
    assert desk.kept == {AMINA.id: "one\ntwo\nthree"}
    desk.now = 104.99
    desk.sender.release()
    assert desk.todo == []
    desk.now = 105.0
    desk.sender.release()
    assert desk.kept == {AMINA.id: "two\nthree"}
    await desk.run()
    assert desk.talk.taken == [("one", None)]
    desk.sender.release(at_once=True)
    await desk.run()
    assert [text for text, _ in desk.talk.taken] == ["one", "two"]
    assert (desk.kept, desk.sender.take_back()) == ({AMINA.id: "three"}, False)


async def test_how_long_a_reply_can_be_taken_back_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In milliseconds from when it was written."""
    monkeypatch.setattr("imbari_chat.desk.sending.local_time", lambda: 1_000_000)
    desk = Desk(undo=5.0).open()
    desk.sender.send(desk.talk, "one", checks=False)
    assert [one.held_until for one in desk.store.state.pending] == [1_005_000]


async def test_what_was_not_stored_is_sent_again_first_one_first() -> None:
    """To the conversation that is open, and no longer kept as refused."""
    desk = Desk().open(AMINA, HELLO)
    assert not desk.sender.send_again(desk.talk, checks=True)
    desk.fails(7, "elsewhere", BRIAN)
    desk.fails(8, "one")
    desk.fails(9, "two")
    assert not desk.sender.send_again(None, checks=True)
    assert desk.sender.send_again(desk.talk, checks=True)
    assert desk.failed == ["elsewhere", "two"]
    await desk.run()
    assert desk.talk.taken == [("one", HELLO)]
    assert desk.kept == {AMINA.id: "two", BRIAN.id: "elsewhere"}


async def test_what_was_not_stored_is_reworked_or_given_up() -> None:
    """Given up, it can be recalled, once."""
    desk = Desk().open()
    assert not desk.sender.rework()
    assert not desk.sender.drop()
    desk.fails(7, "elsewhere", BRIAN)
    desk.fails(8, "one")
    desk.fails(9, "two")
    desk.fails(10, "two")
    assert desk.sender.rework()
    assert (desk.draft, desk.failed) == ("one", ["elsewhere", "two", "two"])
    assert (desk.sender.drop(), desk.sender.drop()) == (True, True)
    assert (desk.failed, desk.sender.sent, desk.draft) == (["elsewhere"], ["two"], "one")
    assert desk.kept == {AMINA.id: "one", BRIAN.id: "elsewhere"}
    assert not desk.sender.drop()


async def test_what_was_refused_is_taken_over_from_the_outbox_once() -> None:
    """It is on disk before the outbox is asked to forget it; what it never had it keeps not."""
    desk = Desk().open()
    desk.fails(1, "one", key="m1")
    desk.fails(2, "two")
    desk.sender.take_over()
    assert desk.kept == {AMINA.id: "one\ntwo"}
    desk.sender.take_over()
    await desk.run()
    assert desk.forgotten == ["m1"]
    desk.fails(3, "three", key="m3")
    desk.sender.take_over()
    await desk.run()
    assert desk.forgotten == ["m1", "m3"]


@pytest.mark.parametrize(
    ("trouble", "notice"),
    [
        (NotFound("no such message"), None),
        (
            Unavailable("busy"),
            Notice("The outbox keeps what was refused: busy", is_error=True),
        ),
    ],
)
async def test_an_outbox_that_forgets_nothing_is_told_if_it_had_it(
    trouble: ImbariError, notice: Notice | None
) -> None:
    """One in memory has none."""
    desk = Desk().open()
    desk.trouble = trouble
    desk.fails(1, "one", key="m1")
    desk.sender.take_over()
    await desk.run()
    assert desk.store.state.notice == notice
