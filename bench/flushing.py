"""S8: messages handed over at once, until all of them are delivered."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Final

from bench import emulators
from bench.connection import connected
from bench.libraries import PROJECT, FirebaseAdmin, session
from bench.proxy import between
from bench.row import Row, Target
from imbari_chat import AsyncAdminChat

__all__ = ["rows"]

_MESSAGES: Final = 1_000
_SPREAD: Final = 50
_LIMIT: Final = 15.0
"""Seconds after which it is seen how many were delivered."""

_PEERS_MESSAGES: Final = {0.0: 200, 0.025: 20}
_ONE_WAY: Final = 0.025

_MANY_AT_ONCE: Final = "fifty replies share a request; the service still decides on each"


def rows() -> Iterator[Row]:
    """S8: a thousand replies, over fifty conversations and over one, near and far."""
    with ExitStack() as stack:
        database = stack.enter_context(emulators.ours()).database
        with connected(database) as store:
            sessions = {f"-O{number:018}": session() for number in range(_SPREAD)}
            store.ask("PUT", "/chatSessions.json", json.dumps(sessions))
        far = stack.enter_context(between(database, delay=_ONE_WAY)).host
        for host, where, limit, delay in (
            (database, "loopback", 15, 0.0),
            (far, "50 ms round trip", 50, _ONE_WAY),
        ):
            admin = _theirs(host, _PEERS_MESSAGES[delay])
            for conversations in (_SPREAD, 1):
                yield Row(
                    "S8",
                    f"{_MESSAGES:,} replies flushed, {conversations} conversations, {where}",
                    "/s",
                    asyncio.run(_ours(host, list(sessions)[:conversations])),
                    admin,
                    "firebase-admin, two calls each",
                    Target(">=", limit),
                    _MANY_AT_ONCE,
                )


async def _ours(host: str, sessions: list[str]) -> float:
    """Messages per second, from the first that is handed over to the last that is delivered."""
    chat = AsyncAdminChat.from_env(
        project=PROJECT, database_emulator=host, identity="emulator", transport="rest"
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(chat.close)  # which, unlike the block's end, says nothing
        conversations = [
            await stack.enter_async_context(chat.open(one, peek=True)) for one in sessions
        ]
        begin = time.perf_counter()
        for number in range(_MESSAGES):
            conversation = conversations[number % len(conversations)]
            await conversation.reply(f"message {number}", timeout=0)
        left = await chat.flush(timeout=_LIMIT)
        return (_MESSAGES - len(left)) / (time.perf_counter() - begin)


def _theirs(host: str, number: int) -> float:
    library = FirebaseAdmin(host)
    library.in_two_calls("-O000000000000000000", "hello")
    begin = time.perf_counter()
    for serial in range(number):
        library.in_two_calls("-O000000000000000000", f"message {serial}")
    return number / (time.perf_counter() - begin)
