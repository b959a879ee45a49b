"""What the page on the emulator says that anybody may take is what the code gives."""

import inspect
import re
from pathlib import Path

from imbari_chat.emulator import hub
from imbari_chat.emulator.auth import accounts, state
from imbari_chat.emulator.auth.app import BODY_LIMIT
from imbari_chat.emulator.connections import ConnectionLimits
from imbari_chat.emulator.database import databases, peer, refusal, sockets
from imbari_chat.emulator.database.app import DatabaseApp
from imbari_chat.emulator.database.limits import Limits
from imbari_chat.emulator.incoming import Incoming
from imbari_chat.emulator.server import Emulator
from imbari_chat.rules.automaton import CHARACTERS_A_STEP
from imbari_chat.rules.values import MOST_STEPS

PAGE = Path(__file__).parents[2] / "docs/emulator.md"
LINE, DATA = ConnectionLimits(), Limits()


def _size(size: int) -> str:
    kib, rest = divmod(size, 1024)
    assert rest == 0
    return f"{kib} KiB" if kib % 1024 else f"{kib // 1024} MiB"


def _usual(function: object, name: str) -> int:
    assert callable(function)
    return int(inspect.signature(function).parameters[name].default)


HELD = {
    "a request's line and headers": _size(LINE.head_bytes),
    "from the first byte of a head": f"{LINE.head_seconds:g} s",
    "a connection without a request": f"{LINE.idle_seconds:g} s",
    "silence in the middle of a body": f"{LINE.body_seconds:g} s",
    "a body": f"{_size(DATA.body)}; Auth {_size(BODY_LIMIT)}, hub {_size(hub._BODY_LIMIT)}",
    "all bodies under way": _size(_usual(Incoming, "bound")),
    "connections, of all ports": f"{LINE.connections}, or half the files",
    "a reader who takes nothing": f"{LINE.reader_seconds:g} s",
    "what one read gives": _size(DATA.answer),
    "one event of a stream": _size(DATA.event),
    "what waits for one stream": f"{_size(_usual(Emulator, 'stream_buffer'))} behind",
    "one message of a socket": _size(DATA.message),
    "silence in the middle of a socket's message": f"{_usual(DatabaseApp, 'message_silence')} s",
    "messages that are not complete yet": "count among the bodies",
    "frames that are not complete yet": _size(LINE.unfinished_bytes),
    "listens of one socket": f"{peer._LISTENS:,}",
    "what waits for one socket that was": f"{_size(_usual(DatabaseApp, 'stream_buffer'))} behind",
    "answers that wait for one socket": _size(sockets._AHEAD),
    "silence of a socket that has sent": f"{_usual(DatabaseApp, 'socket_silence')} s",
    "what waits for all readers": _size(_usual(DatabaseApp, "outgoing")),
    "the rules for one request": f"{MOST_STEPS:,} steps (of a pattern, or of"
    f" {CHARACTERS_A_STEP} characters)",
    "explanations of refusals": f"{refusal._KEPT}, and {_size(refusal._KEPT_BYTES)}",
    "databases and Auth projects": f"some {databases._NAMED_ONLY}",
    "codes for mail and phones": _size(accounts._CODES_BYTES),
}


def test_every_bound_that_the_page_tells_is_the_one_that_holds() -> None:
    """In the order of the page; a row that is new is to be held here, too."""
    told = PAGE.read_text("utf-8").partition("## What anybody may take")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", told, re.MULTILINE)[2:]
    assert len(rows) == len(HELD)
    for (what, most), (begins, begin) in zip(rows, HELD.items(), strict=True):
        assert what.startswith(begins)
        assert most.startswith(begin), what
    assert state._NAMED_ONLY == databases._NAMED_ONLY
