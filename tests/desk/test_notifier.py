"""Who does not look is told, as far as that is wanted."""

import asyncio
from typing import Any

import pytest

from imbari_chat.desk.notifier import Notices, Notifier
from imbari_chat.desk.store import Store
from imbari_chat.schema.events import MessageAdded
from imbari_chat.view.inbox import Inbox
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
