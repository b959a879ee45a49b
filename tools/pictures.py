"""``python -m tools.pictures``: the desk as it looks, in docs/pictures.

At a fixed time and without a network, so the pictures change only when the desk does. ``--check``
writes nothing and fails if one of them is not what the desk draws.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast
from unittest.mock import patch

from textual.pilot import Pilot

from imbari_chat.desk.app import Desk
from imbari_chat.desk.frame import Place
from imbari_chat.schema.events import ColleaguesChanged, PresenceChanged, TypingChanged
from imbari_chat.schema.models import ID_FIELD, Colleague, Message, Session
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.teamwork import (
    Assignment,
    CannedReply,
    Labels,
    Note,
    TeamSnapshot,
)
from tests.desk.desks import Chat, screen_of, until

__all__ = ["PICTURES", "pictures"]

PICTURES: Final = Path(__file__).parents[1] / "docs" / "pictures"

_NOW: Final = 1_790_604_300_000  # 2026-09-28 14:05 UTC, a Monday
_MINUTE: Final = 60_000
_FONT_ADDRESS: Final = re.compile(r',\s*url\("[^"]*"\) format\("[^"]*"\)')
"""A picture asks nobody for a font."""

_SIZES: Final = ((80, 24), (140, 40))


def pictures() -> dict[str, str]:
    """What each file below :data:`PICTURES` is to hold, by name."""
    with _fixed_time():
        found: dict[str, str] = {}
        for size in _SIZES:
            found |= asyncio.run(_taken(*size))
        return found


async def _taken(width: int, height: int) -> dict[str, str]:
    chat = _chat()
    app = Desk(cast("Any", chat), place=Place("imbari-coffee", "noor"), zone=UTC, undo=3.0)
    taken: dict[str, str] = {}

    def take(what: str) -> None:
        name = f"desk-{what}-{width}x{height}"
        svg = app.export_screenshot(title="imbari-chat desk")
        taken[f"{name}.svg"] = _FONT_ADDRESS.sub("", svg)
        taken[f"{name}.txt"] = "\n".join(screen_of(app)) + "\n"

    async with app.run_test(size=(width, height)) as pilot:
        for event in (
            PresenceChanged(SessionId("amina"), "customer", "online"),
            TypingChanged(SessionId("amina"), "customer", True),
            PresenceChanged(SessionId("chloe"), "customer", "away"),
            ColleaguesChanged(SessionId("chloe"), (Colleague("u2", "Brian"),)),
        ):
            chat.inbox.put_nowait(event)
        await until(pilot, lambda: app.store.listing.team.at and app.store.state.presence.opened)
        await pilot.press("end", "home")
        take("list")
        await _open_and_write(pilot)
        await until(
            pilot, lambda: app.store.state.conversation and app.store.state.conversation.notes
        )
        await pilot.pause()
        take("conversation")
        await pilot.press("f1")
        await pilot.pause()
        take("help")
    return taken


async def _open_and_write(pilot: Pilot[None]) -> None:
    await pilot.press("enter", *"Every Tuesday, and it takes three days.")


def _chat() -> Chat:
    chat = Chat(*_sessions(), messages=_messages())
    answer = {
        ID_FIELD: "b1",
        "text": "Of course.",
        "from": "admin",
        "timestamp": _NOW - 47 * _MINUTE,
    }
    chat.histories[SessionId("brian")] = (Message.model_validate(answer),)
    chat.team.snapshots.put_nowait(
        TeamSnapshot(
            at=_NOW,
            assignments={"amina": _kept(Assignment, "amina", to="me"),
                         "chloe": _kept(Assignment, "chloe", to="u2", name="Brian")},
            labels={"amina": _kept(Labels, "amina", names={"wholesale": True})},
            canned_replies={"hello": _kept(CannedReply, "hello", text="Hello {first_name}!")},
        )
    )  # fmt: skip
    note = _kept(Note, "n1", text="Asked for a price list in May.", name="Brian", at=_NOW - _MINUTE)
    chat.team.noted.put_nowait((note,))
    return chat


def _kept(kind: type[Any], key: str, /, **fields: object) -> Any:
    return kind.model_validate({ID_FIELD: key, **fields})


def _sessions() -> Iterator[Session]:
    people: tuple[tuple[str, str, str, int, int], ...] = (
        ("amina", "Amina Wanjiru", "Do you ship there, and how long does it take?", 1, 2),
        ("hanako", "山田 花子", "How fine should I grind for a V60?", 4, 1),
        ("chloe", "Chloé d'Été", "We would be six people, on Saturday.", 12, 1),
        ("brian", "Brian Otieno", "Of course. Two bags are on their way.", 47, 0),
        ("team", "Imbari Team", "Your account has a problem, click here", 60, 1),
        ("daud", "Daud Mwangi", "Thank you!", 180, 0),
        ("esther", "Esther Achieng", "Is the Nyeri AA back?", 1500, 1),
    )
    for key, name, last, minutes, unread in people:
        raw = {
            ID_FIELD: key, "customerName": name, "customerEmail": f"{key}@example.com",
            "customerPhone": "+254 712 345 678" if key == "amina" else None,
            "topic": "Wholesale" if key == "amina" else None, "lastMessage": last,
            "lastMessageTime": _NOW - minutes * _MINUTE, "unreadCount": unread, "status": "active",
        }  # fmt: skip
        yield Session.model_validate({field: one for field, one in raw.items() if one is not None})


def _messages() -> tuple[Message, ...]:
    said = (
        ("customer", "Good morning! I run a small café in Kampala.", 1443, True),
        ("admin", "Good morning, Amina! What can we do for you?", 1440, None),
        ("customer", "We are looking for 20 kg of beans a month.", 2, False),
        ("customer", "Do you ship there, and how long does it take?", 1, False),
    )
    return tuple(
        Message.model_validate(
            {
                ID_FIELD: f"m{at}",
                "text": text,
                "from": who,
                "read": read,
                "timestamp": _NOW - minutes * _MINUTE,
            }
        )
        for at, (who, text, minutes, read) in enumerate(said)
    )


@contextmanager
def _fixed_time() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        clock = SimpleNamespace(time_ns=lambda: _NOW * 1_000_000)
        with patch("imbari_chat.clock.time", clock):  # the one place that reads it
            yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


def main(arguments: list[str]) -> int:
    """Write the pictures, or with ``--check`` say which are not up to date."""
    check = "--check" in arguments
    stale = []
    for name, picture in pictures().items():
        path = PICTURES / name
        if path.exists() and path.read_text("utf-8") == picture:
            continue
        stale.append(name)
        if not check:
            path.write_text(picture, "utf-8")
    if check and stale:
        print(f"not what the desk draws: {', '.join(stale)}; run `make pictures`")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
