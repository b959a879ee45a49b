"""A customer's visit, with a chat that does as it is told."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from imbari_chat.cli.customer import visit as module
from imbari_chat.cli.customer.lead import Lead
from imbari_chat.cli.customer.visit import Visit
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout
from imbari_chat.errors import AccessDenied, ImbariError, Unavailable
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    DeliveryChanged,
    MessageAdded,
    RecordRejected,
)
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.outgoing import OutgoingMessage, became
from imbari_chat.states import Delivery
from imbari_chat.view.outgoing import PATIENCE
from tests.view.records import NOW, message, outgoing, session
from tests.virtual_time import in_virtual_time

AMINA = session("amina", customerSeenAt=NOW)
DENIED = AccessDenied("not yours")


class Chat:
    """A customer's, entered.

    Attributes:
        at_once: What becomes of a message before whoever sends it has it.
    """

    at_once: tuple[Delivery, ImbariError | None] | None = None

    def __init__(self, *sessions: Session, history: tuple[Message, ...] = ()) -> None:
        self.session = AMINA
        self.outbox: list[OutgoingMessage] = []
        self.has_new_message = False
        self.asked: list[Any] = []
        self.told: asyncio.Queue[ChatEvent | ImbariError] = asyncio.Queue()
        self.left = [3, 2, 2, 0]
        self._sessions, self._history = sessions, history

    async def sessions(self) -> tuple[Session, ...]:
        return self._sessions

    async def resume(self, session_id: str) -> Session:
        self.asked.append(f"resume {session_id}")
        return AMINA

    async def history(self, *, limit: int) -> tuple[Message, ...]:
        self.asked.append(f"history {limit}")
        return self._history

    async def show(self) -> None:
        self.asked.append("show")

    async def start(self, **form: str | None) -> Session:
        self.asked.append(form)
        return AMINA

    async def send(self, text: str, *, timeout: float) -> OutgoingMessage:
        assert timeout == 0
        self.outbox.append(outgoing(f"o{len(self.outbox)}", text))
        if self.at_once is not None:
            became(self.outbox[-1], *self.at_once)
        return self.outbox[-1]

    async def flush(self, *, timeout: float) -> range:
        self.asked.append(f"flush {timeout}")
        return range(self.left.pop(0))

    async def close(self) -> None:
        self.asked.append("close")

    async def events(self, *, history: int) -> AsyncGenerator[ChatEvent]:
        self.asked.append(f"events {history}")
        while True:
            event = await self.told.get()
            if isinstance(event, ImbariError):
                raise event
            yield event


class Visiting:
    """A visit, and what it has printed and said since it was looked at."""

    def __init__(
        self, capsys: pytest.CaptureFixture[str], chat: Chat, *, person: bool, data: bool = False
    ) -> None:
        self.chat = chat
        self._capsys = capsys
        faked: Any = chat
        self.visit = Visit(faked, Stderr(), Stdout(), at_terminal=person, json=data, timeout=7.0)

    @property
    def out(self) -> list[str]:
        return self._capsys.readouterr().out.splitlines()

    @property
    def said(self) -> list[str]:
        return self._capsys.readouterr().err.splitlines()

    def becomes(
        self, message: OutgoingMessage, delivery: Delivery, error: ImbariError | None = None
    ) -> None:
        became(message, delivery, error)
        self.visit._hear(DeliveryChanged(AMINA.id, message, delivery, error))

    def hears(self, one: Message) -> None:
        self.visit._hear(MessageAdded(AMINA.id, one))


HISTORY = (
    message("m1", "Hello", timestamp=NOW - 2),
    message("m2", "Seen", sender="admin", timestamp=NOW),
    message("m3", "Mine", timestamp=NOW + 1),
    message("m4", "News\nfor you", sender="admin", timestamp=NOW + 1),
)


@pytest.mark.parametrize(
    ("person", "printed"),
    [
        (False, ["Imbari Team: News", "             for you"]),
        (
            True,
            [
                "You: Hello",
                "Imbari Team: Seen",
                "You: Mine",
                "Imbari Team: News",
                " " * 13 + "for you",
            ],
        ),
    ],
)
async def test_coming_back_shows_what_is_new(
    capsys: pytest.CaptureFixture[str], person: bool, printed: list[str]
) -> None:
    """A person sees what was said before as well; none of it is printed again."""
    chat = Chat(AMINA, session("older"), history=HISTORY)
    chat.has_new_message = True
    here = Visiting(capsys, chat, person=person)
    await here.visit.resume()
    assert here.visit.is_under_way
    assert chat.asked == ["resume amina", "history 50", "show"]
    told = capsys.readouterr()
    assert told.out.splitlines() == printed
    assert told.err == "● new reply while you were away\n"
    assert await here.visit.answered(0)
    for one in HISTORY:
        here.hears(one)
    assert here.out == []


async def test_whoever_was_never_here_begins_anew(capsys: pytest.CaptureFixture[str]) -> None:
    """And one that was there and missed nothing is told nothing."""
    here = Visiting(capsys, Chat(), person=False)
    await here.visit.resume()
    assert (here.visit.is_under_way, here.chat.asked) == (False, [])
    here = Visiting(capsys, Chat(AMINA, history=HISTORY[:3]), person=False)
    await here.visit.resume()
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "")
    assert not await here.visit.answered(0)


async def test_a_program_is_told_of_the_session_and_of_all_messages(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each once, one's own as well."""
    here = Visiting(capsys, Chat(), person=False, data=True)
    await here.visit.start(Lead("Amina", "a@example.com", "1", "beans"))
    assert here.chat.asked == [
        {"name": "Amina", "email": "a@example.com", "phone": "1", "topic": "beans"}
    ]
    assert here.visit.is_under_way
    await here.visit.hand_over("Hello")
    here.becomes(here.chat.outbox[0], "confirmed")
    here.hears(message("o0", "Hello"))
    here.hears(message("m1", "Hi", sender="admin"))
    here.hears(message("m2", "From elsewhere"))
    lines = [json.loads(line) for line in here.out]
    assert [line["event"] for line in lines] == ["session", *["message_added"] * 3]
    assert lines[0]["session"]["id"] == "amina"
    assert [line.get("session_id") for line in lines[1:]] == ["amina"] * 3
    assert [line["message"]["id"] for line in lines[1:]] == ["o0", "m1", "m2"]


async def test_a_form_without_a_name_is_refused_by_the_chat(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is missing is empty, which it says in its own words."""
    here = Visiting(capsys, Chat(), person=False)
    await here.visit.start(Lead())
    assert here.chat.asked == [{"name": "", "email": "", "phone": None, "topic": None}]


@pytest.mark.parametrize(("person", "shows"), [(True, True), (False, False)])
async def test_what_was_written_elsewhere_is_for_people(
    capsys: pytest.CaptureFixture[str], person: bool, shows: bool
) -> None:
    """In a pipe only answers are printed. Each once."""
    here = Visiting(capsys, Chat(), person=person)
    for _ in range(2):
        here.hears(message("m1", "From elsewhere"))
        here.hears(message("m2", "An answer", sender="admin"))
    assert here.out == [*["You: From elsewhere"] * shows, "Imbari Team: An answer"]


async def test_an_answer_counts_from_the_last_line_on(capsys: pytest.CaptureFixture[str]) -> None:
    """One that came before it answers something else; one's own words are no answer."""
    here = Visiting(capsys, Chat(), person=False)
    here.hears(message("m1", "Hi", sender="admin"))
    assert await here.visit.answered(0)
    await here.visit.hand_over("And now?")
    assert not await here.visit.answered(0)
    here.hears(message("o0", "And now?"))
    assert not await here.visit.answered(0)
    here.hears(message("m2", "Now!", sender="admin"))
    assert await here.visit.answered(0)


async def test_a_person_is_told_what_a_message_waits_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for the same, in few words, and when it is over; a program is not."""
    monkeypatch.setattr(module, "local_time", lambda: NOW)
    for person in (True, False):
        here = Visiting(capsys, Chat(), person=person)
        await here.visit.hand_over("x" * 99)
        (sent,) = here.chat.outbox
        assert here.said == []
        for _ in range(2):
            here.becomes(sent, "queued", Unavailable("no network"))
        short = "x" * 59 + "…"
        assert here.said == [f"waits for the network: {short}"] * person
        here.becomes(sent, "queued", DENIED)
        assert here.said == [f"waits: not yours: {short}"] * person
        here.becomes(sent, "confirmed")
        assert here.said == [f"sent: {short}"] * person
        assert here.out == []
        here.becomes(sent, "confirmed")
        assert here.said == []


@pytest.mark.parametrize(
    ("at_once", "said", "returned"),
    [
        (("queued", Unavailable("no network")), ["waits for the network: Hello"], []),
        (("confirmed", None), [], []),
        (("failed", DENIED), ["error: not yours"], ["Hello"]),
    ],
)
async def test_what_becomes_of_a_message_at_once_is_told(
    capsys: pytest.CaptureFixture[str], at_once: Any, said: list[str], returned: list[str]
) -> None:
    """Before it was known which message it is, nobody could be told."""
    chat = Chat()
    chat.at_once = at_once
    here = Visiting(capsys, chat, person=True)
    await here.visit.hand_over("Hello")
    assert (here.said, list(here.visit.returned)) == (said, returned)
    assert len(here.visit._pending) == (at_once[0] == "queued")


async def test_what_goes_well_is_not_narrated(capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever tells of it first: its delivery, or the conversation."""
    for first in ("delivery", "conversation"):
        here = Visiting(capsys, Chat(), person=True)
        await here.visit.hand_over("Hello")
        (sent,) = here.chat.outbox
        here.becomes(sent, "sent")
        here.hears(sent)
        if first == "delivery":
            here.becomes(sent, "confirmed")
        else:
            here.hears(message("o0", "Hello"))
        told = capsys.readouterr()
        assert (told.out, told.err, here.visit._pending) == ("", "", {})
        here.hears(message("o0", "Hello"))
        assert here.out == []


@pytest.mark.parametrize("queued", [0, 1])
def test_an_answer_that_is_late_is_worth_a_word(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, queued: int
) -> None:
    """A moment after it has become late, and not before, however long it was kept here."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(module, "local_time", lambda: NOW + round(loop.time() * 1000))
        here = Visiting(capsys, Chat(), person=True)
        await here.visit.hand_over("Hello")
        await asyncio.sleep(queued)
        here.becomes(here.chat.outbox[0], "sent")
        await asyncio.sleep(PATIENCE / 1000)
        assert here.said == []
        await asyncio.sleep(1)
        assert here.said == ["no answer yet: Hello"]

    in_virtual_time(main())


async def test_what_is_refused_comes_back_to_a_person_and_ends_a_pipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the reason."""
    here = Visiting(capsys, Chat(), person=True)
    calls: list[int] = []
    here.visit.on_returned = lambda: calls.append(len(here.visit.returned))
    await here.visit.hand_over("one")
    await here.visit.hand_over("two")
    here.becomes(here.chat.outbox[0], "failed", DENIED)
    assert here.said == ["error: not yours"]
    assert (list(here.visit.returned), calls) == (["one"], [1])
    assert list(here.visit._pending) == ["o1"]
    here = Visiting(capsys, Chat(), person=False)
    await here.visit.hand_over("one")
    with pytest.raises(AccessDenied):
        here.becomes(here.chat.outbox[0], "failed", DENIED)


async def test_an_outage_is_told_once_and_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    """With its reason, if there is one."""
    here = Visiting(capsys, Chat(), person=False)
    states: list[ChatEvent] = [
        ConnectionChanged("live"),
        ConnectionChanged("reconnecting", "cut"),
        ConnectionChanged("reconnecting", "no route"),
        ConnectionChanged("live"),
        ConnectionChanged("live"),
        ConnectionChanged("reconnecting"),
        RecordRejected("/messages/amina/m1", ("no text",), None),
    ]
    for event in states:
        here.visit._hear(event)
    assert here.said == [
        "connection lost: cut; trying again",
        "connected again",
        "connection lost; trying again",
        "warning: malformed record at /messages/amina/m1: no text",
    ]


async def test_at_the_end_what_is_on_its_way_is_waited_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """For as long as some of it arrives; then one looks what became of it."""
    here = Visiting(capsys, Chat(), person=True)
    await here.visit.flush()
    assert (here.chat.asked, here.said) == ([], [])
    for text in ("one", "two"):
        await here.visit.hand_over(text)
    here.chat.left = [1, 1, 0]
    became(here.chat.outbox[0], "confirmed")
    await here.visit.flush()
    assert here.chat.asked == ["flush 7.0", "flush 7.0"]
    assert here.said == ["waiting for 2 messages to be sent; Ctrl-C leaves at once"]
    assert list(here.visit._on_the_way) == ["o1"]
    here.chat.outbox.pop()
    here.chat.left = [0]
    await here.visit.flush()
    assert here.said == ["waiting for 1 message to be sent; Ctrl-C leaves at once"]


@pytest.mark.parametrize(
    ("deliveries", "returned", "what"),
    [
        ((), (), None),
        (("confirmed",), (), None),
        (("queued", "sent", "sent"), (), "1 message was not sent, and 2 more may not have been"),
        (("sent",), (), "1 message may not have been sent"),
        (("queued",), ("back",), "2 messages were not sent"),
    ],
)
async def test_leaving_gives_back_what_did_not_arrive(
    capsys: pytest.CaptureFixture[str],
    deliveries: tuple[Delivery, ...],
    returned: tuple[str, ...],
    what: str | None,
) -> None:
    """What may be there is told apart."""
    here = Visiting(capsys, Chat(), person=False)
    for at, delivery in enumerate(deliveries):
        await here.visit.hand_over(f"text {at}")
        became(here.chat.outbox[at], delivery)
    here.visit.returned.extend(returned)
    lost = await here.visit.leave()
    assert here.chat.asked == ["close"]
    assert (None if lost is None else lost.what) == what
    unsent = [f"text {at}" for at, one in enumerate(deliveries) if one != "confirmed"]
    said = here.said
    assert [line.strip() for line in said if line.startswith("  ")] == [*returned, *unsent]
    assert sum("not known" in line for line in said) == deliveries.count("sent")


async def test_whichever_fails_first_ends_both(capsys: pytest.CaptureFixture[str]) -> None:
    """Following ends with the work, and the work with the stream."""
    here = Visiting(capsys, Chat(), person=False)
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("work")

    here.chat.told.put_nowait(message_added := MessageAdded(AMINA.id, HISTORY[1]))
    here.chat.told.put_nowait(DENIED)
    with pytest.raises(AccessDenied):
        await here.visit.during(work())
    assert (ended, here.out, here.chat.asked) == (["work"], ["Imbari Team: Seen"], ["events 50"])

    async def done() -> None:
        here.chat.told.put_nowait(message_added)

    tasks = asyncio.all_tasks()
    await here.visit.during(done())
    assert asyncio.all_tasks() == tasks
