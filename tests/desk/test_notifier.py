"""Who does not look is told, as far as that is wanted."""

import asyncio
from typing import Any

import pytest

from imbari_chat.desk.notifier import Notices, Notifier
from imbari_chat.desk.store import Store
from imbari_chat.schema.events import MessageAdded
from imbari_chat.view.inbox import Inbox, Notice
from imbari_chat.view.listing import Listing
from tests.desk.desks import Chat, opened
from tests.view.records import NOW, message, session

AMINA, BRIAN = session("amina"), session("brian", at=-5)
HELLO = message("m1", "Hello", timestamp=NOW, read=True)


def _told(wanted: Notices) -> list[str]:
    """What is written to the terminal for one hostile message."""
    written: list[str] = []
    store = Store(Listing(), lambda: None, lambda: 0.0)
    Notifier(wanted, store, written.append, asyncio.create_task).tell(
        "Amina;x", "\x1b]0;owned\x07 beans"
    )
    return written


@pytest.mark.parametrize(
    ("wanted", "written"),
    [
        (Notices(), []),
        (Notices(bell=True), ["\x07"]),
        (Notices(notify="osc9"), ["\x1b]9;A customer has written\x07"]),
        (Notices(notify="osc777"), ["\x1b]777;notify;imbari-chat;A customer has written\x07"]),
        (
            Notices(notify="osc777", text=True),
            ["\x1b]777;notify;imbari-chat;Amina,x: �]0,owned� beans\x07"],
        ),
    ],
)
def test_each_way_is_a_setting(
    wanted: Notices, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No text by default, and never a stranger's control sequence."""
    monkeypatch.delenv("TMUX", raising=False)
    assert _told(wanted) == written


def test_tmux_is_asked_to_hand_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its own envelope, with each escape twice."""
    monkeypatch.setenv("TMUX", "/tmp/x")
    (written,) = _told(Notices(notify="osc9"))
    assert written == "\x1bPtmux;\x1b\x1b]9;A customer has written\x07\x1b\\"


def test_the_title_counts_and_is_given_back() -> None:
    """Written when it is another one."""
    written: list[str] = []
    store = Store(Listing(), lambda: None, lambda: 0.0)
    notifier = Notifier(Notices(title=True), store, written.append, asyncio.create_task)
    notifier.begin()
    notifier.update()
    store.change(lambda _: Inbox(sessions={AMINA.id: session("amina", unreadCount=3)}))
    notifier.update()
    notifier.update()
    notifier.end()
    assert written == [
        "\x1b[22;2t", "\x1b]2;imbari-chat\x07", "\x1b]2;(3+) imbari-chat\x07", "\x1b[23;2t",
    ]  # fmt: skip


async def test_what_somebody_looks_at_rings_no_bell() -> None:
    """Another conversation does, and this one in a window without the keyboard; a reply never."""
    chat = Chat(AMINA, BRIAN, messages=(HELLO,))
    async with opened(chat, notices=Notices(bell=True)) as (app, pilot):
        written: list[str] = []
        app._notifier._write = written.append
        await pilot.press("enter")
        await pilot.pause()

        async def says(to: str, key: str, **fields: Any) -> int:
            said = message(key, "More", timestamp=NOW + 1, **fields)
            chat.inbox.put_nowait(MessageAdded(session(to).id, said))
            await pilot.pause()
            return written.count("\x07")

        assert await says("amina", "m2") == 0
        assert await says("brian", "m3") == 1
        assert await says("brian", "m4", sender="admin") == 1
        app.on_app_blur()
        assert await says("amina", "m5") == 2


@pytest.mark.parametrize("wanted", [True, False])
def test_without_a_wish_the_title_is_left_alone(wanted: bool) -> None:
    """From its beginning to its end."""
    written: list[str] = []
    store = Store(Listing(), lambda: None, lambda: 0.0)
    notifier = Notifier(Notices(title=wanted), store, written.append, asyncio.create_task)
    notifier.begin()
    notifier.update()
    notifier.end()
    assert bool(written) is wanted


async def test_a_program_that_notifies_gets_what_is_told_and_nothing_to_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Words that begin with a dash are no options of its."""
    started: list[tuple[tuple[str, ...], dict[str, int]]] = []
    waited: list[str] = []

    class Process:
        async def wait(self) -> None:
            waited.append("waited")

    async def start(*command: str, **streams: int) -> Process:
        started.append((command, streams))
        return Process()

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    store = Store(Listing(), lambda: None, lambda: 0.0)
    tasks: list[Any] = []
    spawn: Any = tasks.append
    notifier = Notifier(Notices(notify="notify-send", text=True), store, print, spawn)
    notifier.tell("-x", "beans; " + "y" * 500)
    await tasks.pop()
    ((command, streams),) = started
    *before, body = command
    assert before == ["notify-send", "--app-name=imbari-chat", "--", "imbari-chat"]
    assert body.startswith("-x: beans, yyy")
    assert len(body) < 250
    assert set(streams) == {"stdin", "stdout", "stderr"}
    assert set(streams.values()) == {asyncio.subprocess.DEVNULL}
    assert (waited, store.state.notice) == (["waited"], None)


async def test_a_program_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it was to notify."""

    async def refuse(*_: str, **__: int) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    store = Store(Listing(), lambda: None, lambda: 0.0)
    tasks: list[Any] = []
    spawn: Any = tasks.append
    Notifier(Notices(notify="notify-send"), store, print, spawn).tell("Amina", "x")
    await tasks.pop()
    words = "notify-send cannot be started: No such file or directory"
    assert store.state.notice == Notice(words, is_error=True)
