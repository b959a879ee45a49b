"""What anybody may take of the emulator: the page says it as the code does."""

import re
from inspect import signature
from typing import Any

from imbari_chat.emulator import hub
from imbari_chat.emulator.auth import accounts
from imbari_chat.emulator.auth import app as auth
from imbari_chat.emulator.connections import ConnectionLimits
from imbari_chat.emulator.database import databases, peer, refusal, sockets
from imbari_chat.emulator.database.app import DatabaseApp
from imbari_chat.emulator.database.limits import Limits
from imbari_chat.emulator.incoming import Incoming
from imbari_chat.rules import automaton, values
from tools import reference

PAGE = reference.API.parent / "emulator.md"
NUMBER = re.compile(r"\d+(?:,\d{3})*(?: KiB| MiB| s\b)?")


def _size(count: int) -> str:
    """Bytes, as the page has them."""
    return f"{count // 1024} KiB" if count % (1024 * 1024) else f"{count // (1024 * 1024)} MiB"


def _seconds(count: float) -> str:
    return f"{count:g} s"


def _default(function: Any, name: str) -> Any:
    return signature(function).parameters[name].default


def test_what_anybody_may_take_is_what_the_page_says() -> None:
    """Row by row; a row that has no number has none in the code."""
    table = PAGE.read_text("utf-8").partition("## What anybody may take")[2].partition("\n## ")[0]
    rows = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")][1:]
    said = [numbers for row in rows if (numbers := NUMBER.findall(row))]
    connections, limits = ConnectionLimits(), Limits()
    of_a_reader = _size(_default(DatabaseApp, "stream_buffer"))
    assert said == [
        [_size(connections.head_bytes)],
        [_seconds(connections.head_seconds)],
        [_seconds(connections.idle_seconds)],
        [_seconds(connections.body_seconds)],
        [_size(limits.body), _size(auth.BODY_LIMIT), _size(hub._BODY_LIMIT)],
        [_size(_default(Incoming, "bound"))],
        [str(connections.connections)],
        [_seconds(connections.reader_seconds)],
        [_size(limits.answer)],
        [_size(limits.event)],
        [of_a_reader],
        [_size(limits.message)],
        [_seconds(_default(DatabaseApp, "message_silence"))],
        [_size(connections.unfinished_bytes)],
        [f"{peer._LISTENS:,}"],
        [of_a_reader],
        [_size(sockets._AHEAD)],
        [_seconds(_default(DatabaseApp, "socket_silence"))],
        [_size(_default(DatabaseApp, "outgoing"))],
        [f"{values.MOST_STEPS:,}", str(automaton.CHARACTERS_A_STEP)],
        [str(refusal._KEPT), _size(refusal._KEPT_BYTES)],
        [str(databases._NAMED_ONLY)],
        [_size(accounts._CODES_BYTES)],
    ]
