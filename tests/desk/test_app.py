"""What the app does with keys, sizes and ends, beside doubles of all that it consists of."""

import asyncio
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest
from textual.app import App, SuspendNotSupported
from textual.geometry import Size

from imbari_chat.desk import app as module
from imbari_chat.desk.app import Desk
from imbari_chat.desk.drafts import Drafts
from imbari_chat.desk.notifier import Notices
from imbari_chat.desk.store import Store
from imbari_chat.schema.events import ConnectionChanged
from imbari_chat.schema.models import Session
from imbari_chat.view.inbox import Conversation, Inbox
from imbari_chat.view.listing import Listing
from tests.view.records import message, session

AMINA, BRIAN = session("amina"), session("brian", customerName=" ")
HELLO = message("m1", "Hello")


class Double:
    """Whatever the app consists of: how it was made, and what is asked of it, in order."""

    def __init__(self, name: str, log: list[str]) -> None:
        self._name, self._log = name, log
        self.made: tuple[Any, ...] = ()
        self.named: dict[str, Any] = {}
        self.has_keys = self.is_searching = self.is_on = False
        self.display = True
        self.answers: dict[str, Any] = {}
        self.styles = self

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def asked(*given: object, **named: object) -> Any:
            words = [str(getattr(one, "id", one)) for one in given if not callable(one)]
            words += [f"{key}={one}" for key, one in named.items()]
            self._log.append(" ".join([f"{self._name}.{name}", *words]))
            return self.answers.get(name)

        return asked


NAMES = [
    "Store", "Sender", "Away", "Leaving", "Notifier", "Streams", "Teamwork", "InboxPane",
    "ConversationPane", "Bar",
]  # fmt: skip


class Parts:
    """An app, and what it was made of."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
        self.log: list[str] = []
        self.made: dict[str, Double] = {}
        self.driver: Any = None

        def making(name: str) -> Callable[..., Double]:
            def make(*given: Any, **named: Any) -> Double:
                key = named.get("name", name) if name == "Bar" else name
                double = self.made[key] = Double(name.removesuffix("Pane").lower(), self.log)
                double.made, double.named = given, named
                if name in ("Streams", "ConversationPane"):
                    part = Double("older" if name == "Streams" else "reader", self.log)
                    double.older = double.reader = part  # type: ignore[attr-defined]
                    double.talk = "the talk"  # type: ignore[attr-defined]
                return double

            return make

        def driver(gone: Callable[[], None]) -> None:
            self.driver = gone

        for name in NAMES[1:]:
            monkeypatch.setattr(module, name, making(name))
        monkeypatch.setattr(module, "driver", driver)
        self.chat = Double("chat", self.log)
        self.chat.account = "desk@x"  # type: ignore[attr-defined]
        chat: Any = self.chat
        self.app = Desk(chat, **options)
        self.store: Store = self.app.store
        self.inbox, self.conversation = self.made["InboxPane"], self.made["ConversationPane"]
        self.streams, self.away = self.made["Streams"], self.made["Away"]
        self.log.clear()

    def open(self, one: Any = AMINA, *, peek: bool = False, state: Any = "live") -> None:
        connection = ConnectionChanged(state)
        self.store.state = Inbox(conversation=Conversation(one, peek, connection=connection))

    def did(self) -> list[str]:
        """What was asked for since the last time, but for drawing."""
        drawn = ("redraw", "update", "lay_out", "set_class")
        done = [one for one in self.log if not one.split()[0].endswith(drawn)]
        self.log.clear()
        return done

    def opened(self) -> str | None:
        """Which conversation is open."""
        return self.store.opened

    @property
    def notice(self) -> str | None:
        return None if self.store.state.notice is None else self.store.state.notice.text


@pytest.fixture
async def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    """A desk that is not running, and has nothing open."""
    return Parts(monkeypatch)


async def test_it_is_made_of_what_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part gets what is its own."""
    given: dict[str, Any] = {
        name: object()
        for name in ("place", "notices", "edit", "drafts", "zone", "directory", "clock")
    }
    parts = Parts(
        monkeypatch, chosen=Listing(query="x"), limit=7, peek=True, undo=3.0, name="Noor", **given
    )
    made, app = parts.made, parts.app
    assert parts.store.listing.query == "x"
    assert parts.store._clock is given["clock"]
    sender = made["Sender"]
    assert (sender.made[0], sender.made[1]) == (parts.store, given["drafts"])
    assert sender.named == {"clock": given["clock"], "undo": 3.0}
    assert made["Leaving"].made[3] is given["clock"]
    assert made["Notifier"].made[:2] == (given["notices"], parts.store)
    assert made["Streams"].made[:2] == (parts.chat, parts.store)
    assert made["Streams"].named["limit"] == 7
    assert made["Teamwork"].made[1:3] == (parts.chat, parts.store)
    assert made["Teamwork"].made[4:6] == (given["zone"], given["directory"])
    named = made["ConversationPane"].named
    assert named == {"clock": given["clock"], "zone": given["zone"], "name": "Noor"}
    assert [name for name in made if name in ("header", "notice", "footer")] == [
        "header", "notice", "footer",
    ]  # fmt: skip
    parts.driver()
    assert parts.did() == ["leaving.gone"]
    sender.made[2]("m1")
    assert parts.did() == ["chat.drop m1"]
    assert app._edit is given["edit"]


async def test_without_options_it_keeps_nothing_and_follows_fifty(parts: Parts) -> None:
    """And a reply cannot be taken back."""
    assert parts.streams.named["limit"] == 50
    assert parts.made["Sender"].named["undo"] == 0.0
    drafts, notices = parts.made["Sender"].made[1], parts.made["Notifier"].made[0]
    assert isinstance(drafts, Drafts)
    assert drafts._file is None
    assert notices == Notices()
    parts.open()
    parts.inbox.made[2](BRIAN, False)
    assert "streams.open brian peek=False" in parts.did()


LAYOUTS = [
    (110, False, False, (True, True, 44, True)),
    (109, False, False, (True, False, "1fr", False)),
    (109, False, True, (True, False, "1fr", False)),
    (109, True, True, (False, True, "1fr", False)),
    (109, True, False, (True, False, "1fr", False)),
    (110, True, True, (True, True, 44, True)),
    (160, True, True, (True, True, 64, True)),
    (300, False, True, (True, True, 64, True)),
]


@pytest.mark.parametrize(("width", "has_keys", "is_open", "shown"), LAYOUTS)
async def test_both_are_shown_where_there_is_room(
    parts: Parts,
    width: int,
    has_keys: bool,
    is_open: bool,
    shown: tuple[bool, bool, int | str, bool],
) -> None:
    """Otherwise the one that has the keys, unless nothing is open."""
    parts.conversation.has_keys = has_keys
    if is_open:
        parts.open()
    parts.app._lay_out(Size(width, 40))
    found: Any = parts.inbox
    assert (found.display, parts.conversation.display, found.width) == shown[:3]
    assert parts.log == [f"conversation.set_class {shown[3]} beside", "conversation.lay_out"]


@pytest.mark.parametrize(
    ("has_keys", "searching", "place"),
    [
        (True, False, "reply"),
        (True, True, "reply"),
        (False, True, "search"),
        (False, False, "list"),
    ],
)
async def test_whose_keys_are_in_force(
    parts: Parts, has_keys: bool, searching: bool, place: str
) -> None:
    parts.conversation.has_keys, parts.inbox.is_searching = has_keys, searching
    assert parts.app._key_place == place


@pytest.mark.parametrize(
    ("opened", "has_keys", "focused", "away", "tells"),
    [
        (True, True, True, False, False),
        (False, True, True, False, True),
        (True, False, True, False, True),
        (True, True, False, False, True),
        (True, True, True, True, True),
    ],
)
async def test_who_looks_at_a_conversation_is_not_told_of_it(
    parts: Parts, opened: bool, has_keys: bool, focused: bool, away: bool, tells: bool
) -> None:
    """By its customer's name, and with what they wrote; an editor's user hears it afterwards."""
    parts.open(BRIAN if opened else AMINA)
    parts.conversation.has_keys, parts.away.is_on = has_keys, away
    if not focused:
        parts.app.on_app_blur()
    parts.streams.named["on_message"](BRIAN, HELLO)
    told = ["notifier.tell (no name) Hello"] if tells else []
    assert parts.did() == ["away.heard (no name)", *told]
    parts.app.on_app_blur()
    parts.app.on_app_focus()
    assert parts.app._looks is not away


@pytest.mark.parametrize(
    ("before", "peek", "only_looks", "opens"),
    [
        ({}, False, False, "streams.open amina peek=False"),
        ({}, True, False, "streams.open amina peek=True"),
        ({}, False, True, "streams.open amina peek=True"),
        ({"one": AMINA}, False, False, None),
        ({"one": AMINA, "state": "reconnecting"}, False, False, None),
        ({"one": AMINA, "state": "closed"}, False, False, "streams.open amina peek=False"),
        ({"one": AMINA, "peek": True}, False, False, "streams.open amina peek=False"),
        ({"one": AMINA, "peek": True}, False, True, None),
        ({"one": AMINA}, True, False, "streams.open amina peek=True"),
        ({"one": BRIAN}, False, False, "streams.open amina peek=False"),
    ],
)
async def test_a_conversation_is_opened_unless_it_is(
    monkeypatch: pytest.MonkeyPatch,
    before: dict[str, Any],
    peek: bool,
    only_looks: bool,
    opens: str | None,
) -> None:
    """What was written elsewhere is kept; the keys are its own then."""
    parts = Parts(monkeypatch, peek=only_looks)
    if before:
        parts.open(**before)
    parts.inbox.made[2](AMINA, peek)
    opening = ["sender.keep", "reader.begin", opens] if opens else []
    assert parts.did() == [*opening, "conversation.take_focus"]
    assert "conversation.lay_out" in parts.log or parts.log == []


async def test_the_keys_go_from_one_pane_to_the_other(parts: Parts) -> None:
    """To the conversation only if one is open."""
    parts.app.action_other_pane()
    assert parts.did() == ["inbox.take_focus"]
    parts.open()
    parts.app.action_other_pane()
    assert parts.did() == ["conversation.take_focus"]
    parts.conversation.has_keys = True
    parts.app.action_other_pane()
    assert parts.did() == ["inbox.take_focus"]
    parts.app.action_list()
    assert parts.did() == ["inbox.take_focus"]
    parts.app.action_search()
    assert parts.did() == ["inbox.search"]


@pytest.mark.parametrize("action", ["other_pane", "list", "search", "step_back"])
async def test_whoever_takes_the_keys_is_shown(parts: Parts, action: str) -> None:
    """Where there is little room, the other one is not."""
    parts.log.clear()
    getattr(parts.app, f"action_{action}")()
    assert parts.log[-1] == "conversation.lay_out"


async def test_a_step_back_ends_a_search_or_closes_what_is_open(parts: Parts) -> None:
    """In the list first the search; what was written is kept."""
    parts.open()
    parts.inbox.answers["end_search"] = True
    parts.app.action_step_back()
    assert parts.did() == ["inbox.end_search"]
    assert parts.opened() == "amina"
    closing = ["sender.keep", "streams.close", "inbox.take_focus"]
    parts.conversation.has_keys = True
    parts.app.action_step_back()
    assert (parts.did(), parts.opened()) == (closing, None)
    parts.open()
    parts.conversation.has_keys = False
    parts.inbox.answers["end_search"] = False
    parts.app.action_step_back()
    assert (parts.did(), parts.opened()) == (["inbox.end_search", *closing], None)


async def test_what_is_done_is_about_the_open_conversation_or_the_selected_one(
    parts: Parts,
) -> None:
    """Which stays selected then; one that is marked unread is closed first."""

    async def begin(what: str, about: Session) -> None:
        parts.log.append(f"teamwork.begin {what} {about.id}")

    parts.made["Teamwork"].begin = begin  # type: ignore[attr-defined]
    parts.store.rows = [BRIAN, AMINA]
    await parts.app.action_team("claim")
    assert parts.did() == ["teamwork.begin claim brian"]
    assert parts.store.listing.selected == "brian"
    parts.store.rows = []
    await parts.app.action_team("claim")
    assert parts.did() == []
    parts.open()
    await parts.app.action_team("claim")
    assert parts.did() == []
    parts.conversation.has_keys = True
    await parts.app.action_team("claim")
    assert parts.did() == ["teamwork.begin claim amina"]
    assert parts.opened() == "amina"
    await parts.app.action_team("unread")
    assert parts.did()[-1] == "teamwork.begin unread amina"
    assert parts.opened() is None
    parts.store.rows = [BRIAN]
    await parts.app.action_team("unread")
    assert parts.did() == ["teamwork.begin unread brian"]


async def test_an_editor_opens_where_something_can_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the draft, and the terminal to itself; where that cannot be it is said."""

    async def edit(draft: str) -> str:
        return draft

    plain = Parts(monkeypatch)
    plain.open()
    plain.app.action_editor()
    parts = Parts(monkeypatch, edit=edit)
    parts.app.action_editor()
    assert (plain.did(), parts.did()) == ([], [])
    parts.open()
    parts.store.state = parts.store.state.with_draft(AMINA.id, "Dear")
    left: list[str] = []

    @contextmanager
    def suspend(_: object) -> Any:
        left.append("left")
        yield
        left.append("back")

    async def write(edit: object, draft: str, put: object, left: Any) -> None:
        parts.log.append(f"write {draft}")
        left.close()

    monkeypatch.setattr(App, "suspend", suspend)
    parts.away.write = write  # type: ignore[attr-defined]
    parts.app.action_editor()
    assert (parts.away.is_on, left) == (True, ["left"])
    await asyncio.gather(*parts.app._tasks)
    assert (parts.did(), left) == (["write Dear"], ["left", "back"])
    parts.away.is_on = False

    def unable(_: object) -> None:
        raise SuspendNotSupported

    monkeypatch.setattr(App, "suspend", unable)
    parts.app.action_editor()
    assert (parts.away.is_on, parts.did()) == (False, [])
    assert parts.notice == "No editor can be opened in this terminal"
    assert parts.store.state.notice is not None
    assert parts.store.state.notice.is_error


async def test_keys_that_work_everywhere(parts: Parts) -> None:
    """It is connected again, and left, either way."""
    parts.app.action_reconnect()
    assert (parts.did(), parts.notice) == (["streams.reconnect"], "Trying again now…")
    parts.app.action_leave()
    parts.app.action_interrupt()
    assert parts.did() == ["leaving.begin interrupted=False", "leaving.begin interrupted=True"]


@pytest.mark.parametrize(("text", "notice"), [(" careful\n", "careful"), (" \n", None)])
async def test_what_somebody_prints_is_a_notice(
    parts: Parts, text: str, notice: str | None
) -> None:
    """It would be written over the screen."""
    event: Any = type("Printed", (), {"text": text})
    parts.app.on_print(event)
    assert parts.notice == notice


@pytest.mark.parametrize("covered", [True, False])
async def test_at_each_glance_what_is_due_is_done(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, covered: bool
) -> None:
    """And what was read is noticed, if there is a screen."""
    due = ["sender.release", "sender.take_over", "leaving.look"]
    monkeypatch.setattr(parts.store, "forget_notice", lambda: parts.log.append("forget"))
    monkeypatch.setattr(Desk, "screen_stack", ["one", "two"] if covered else ["one"])
    parts.conversation.has_keys = True
    parts.app._glance()
    assert parts.did() == [
        "forget", *due, f"reader.look the talk focused=True in_pane=True covered={covered}",
    ]  # fmt: skip
    monkeypatch.setattr(Desk, "screen_stack", [])
    parts.app._glance()
    assert parts.did() == ["forget", *due]


async def test_what_changed_is_drawn_everywhere(parts: Parts) -> None:
    """Once each."""
    parts.log.clear()
    parts.app._redrawn()
    assert sorted(parts.log) == [
        "bar.update", "bar.update", "bar.update", "conversation.redraw", "inbox.redraw",
        "notifier.update",
    ]  # fmt: skip


async def test_the_bars_say_who_where_and_what(parts: Parts) -> None:
    """As it is when they are drawn."""
    parts.store.tell("Trying again now…")
    header = "".join(text for line in parts.made["header"].made[0]() for text, *_ in line)
    notice = "".join(text for line in parts.made["notice"].made[0]() for text, *_ in line)
    assert "desk@x" in header
    assert "Trying again now…" in notice
    parts.conversation.has_keys = True
    reply = parts.made["footer"].made[0]()
    parts.conversation.has_keys = False
    assert reply != parts.made["footer"].made[0]()


async def test_leaving_keeps_what_is_written_and_ends_what_is_under_way(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And waits for its end."""
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    monkeypatch.setattr(parts.app, "exit", lambda: ended.append("exit"))
    parts.app._spawn(work())
    await asyncio.sleep(0)
    await parts.app.on_unmount()
    assert (parts.did(), ended) == (["notifier.end", "sender.keep"], ["ended"])
    assert parts.app.failure is None


@pytest.mark.parametrize("away", [True, False])
async def test_a_mistake_of_ours_ends_the_desk(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    """The first one is told of, once an editor has given the terminal back."""
    exits: list[str] = []
    monkeypatch.setattr(parts.app, "exit", lambda: exits.append("exit"))
    parts.away.answers["after"] = away

    async def fails(error: Exception) -> None:
        raise error

    first = KeyError("first")
    await asyncio.wait({parts.app._spawn(fails(first))})
    await asyncio.sleep(0)
    assert parts.app.failure is first
    assert parts.app._tasks == set()
    assert exits == ([] if away else ["exit"])
    parts.app._handle_exception(KeyError("second"))
    assert parts.app.failure is first
    assert exits == ([] if away else ["exit", "exit"])


async def test_what_the_app_itself_fails_with_ends_it_too(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests without a terminal are told by Textual; nobody else."""
    told: list[Exception] = []
    monkeypatch.setattr(parts.app, "exit", lambda: None)
    monkeypatch.setattr(App, "_handle_exception", lambda _, error: told.append(error))
    error = KeyError("ours")
    for headless in (False, True):
        monkeypatch.setattr(Desk, "is_headless", headless)
        parts.app.failure = None
        parts.app._handle_exception(error)
        failure: BaseException | None = parts.app.failure
        assert failure is error
        assert told == [error] * headless


async def test_the_terminal_is_told_what_is_not_drawn(parts: Parts) -> None:
    """If there is one."""
    parts.app._control("\a")
    written: list[str] = []
    parts.app._driver = type("Driver", (), {"write": lambda _, data: written.append(data)})()
    parts.made["Notifier"].made[2]("\a")
    assert written == ["\a"]
