"""One Ctrl-C, and the process is gone: connecting, waiting for an answer, or in an outage."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from imbari_chat.cli import event_loop
from imbari_chat.client import AsyncAdminChat
from imbari_chat.emulator import Emulator
from tests import programs
from tests.cli.harness import Visitor
from tests.cli.relay import Relay, silent_server
from tests.cli.terminal import Terminal
from tests.faults.proxy import Proxy

_PATIENCE = 30.0
"""Seconds; far more than it takes, far less than any request may."""


@pytest_asyncio.fixture
async def network(place: Path, emulator: Emulator) -> AsyncIterator[Proxy]:
    """The way to the emulator's database."""
    async with Proxy(emulator.database_host) as proxy:
        yield proxy


async def started(*arguments: str) -> asyncio.subprocess.Process:
    """The program; requests may take ten minutes."""
    pipe = asyncio.subprocess.PIPE
    return await programs.start(
        *programs.OURS, "--request-timeout", "600", *arguments,
        stdin=pipe, stdout=pipe, stderr=pipe, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip


async def interrupted(process: asyncio.subprocess.Process) -> str:
    """Press Ctrl-C; it must end as interrupted, soon. What it said on standard error."""
    process.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(_PATIENCE):
            _, told = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 130, told.decode()
    assert "Traceback" not in told.decode()
    return told.decode()


@pytest.mark.parametrize(
    "command",
    [
        ["inbox"],
        ["show", "-Oabc"],
        ["watch"],
        ["watch", "-Oabc"],
        ["reply", "-Oabc", "precious words"],
        ["resolve", "-Oabc"],
        ["customer", "--name", "Amina", "--email", "amina@example.com"],
    ],
    ids=" ".join,
)
async def test_a_server_that_never_answers_keeps_nobody(
    place: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """Not the database, not the sign-in service."""
    connected = asyncio.Event()
    server = await silent_server(connected)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", address)
    process = await started("--emulator", address, *command)
    async with asyncio.timeout(30):
        await connected.wait()
    told = await interrupted(process)
    server.close()
    assert ("not sent:\n  precious words" in told) is ("precious words" in command)


async def test_a_write_that_is_not_answered_keeps_nobody(
    place: Path, emulator: Emulator, visitor: Visitor
) -> None:
    """And is not called unsent."""
    session = await asyncio.to_thread(visitor.writes, "Hello")
    async with Relay(emulator.database_host, "swallowed") as relay:
        process = await started("--emulator", relay.address, "reply", session, "precious words")
        async with asyncio.timeout(30):
            await relay.caught.wait()
        told = await interrupted(process)
    assert "it is not known whether this was sent" in told
    assert "  precious words" in told


@pytest.mark.parametrize("stalled", [True, False])
async def test_an_outage_keeps_nobody_who_watches(network: Proxy, *, stalled: bool) -> None:
    """Refused or silent."""
    process = await started("--emulator", network.address, "watch")
    assert process.stderr is not None
    while "connected" not in (await process.stderr.readline()).decode():
        pass
    if stalled:
        network.stall()
    else:
        await network.refuse()
        assert "connection lost" in (await process.stderr.readline()).decode()
    await interrupted(process)


async def test_lines_in_a_pipe_that_wait_are_given_back(network: Proxy) -> None:
    """On Ctrl-C as at the end of the input."""
    process = await started(
        "--emulator", network.address, "customer", "--name", "Amina",
        "--email", "amina@example.com", "--json",
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"one\n")
    assert b'"session"' in await process.stdout.readline()
    assert b"one" in await process.stdout.readline()
    async with AsyncAdminChat.from_env() as desk:
        (session,) = await desk.sessions()
        async with desk.open(session.id) as conversation:
            await conversation.reply("Welcome")
    assert b"Welcome" in await process.stdout.readline()
    await network.refuse()
    assert process.stderr is not None
    while "connection lost" not in (await process.stderr.readline()).decode():
        pass
    process.stdin.write(b"two\nthree\n")
    process.stdin.close()
    while "waiting for 2 messages" not in (await process.stderr.readline()).decode():
        pass
    told = await interrupted(process)
    assert "not sent:\n  two" in told
    assert "not sent:\n  three" in told


DESK = """
import os
os.environ["IMBARI_CHAT_UNDO"] = "0"
from imbari_chat.cli.main import run
run(["--emulator", {address!r}, "desk"])
"""


@pytest.mark.parametrize(("key", "code"), [("\x03", 130), ("\tq", 8)])
async def test_the_desk_gives_back_what_waits(
    network: Proxy, visitor: Visitor, key: str, code: int
) -> None:
    """By Ctrl-C or by its own key; each reply once, and nothing of the library's."""
    await asyncio.to_thread(visitor.writes, "Hello")
    with Terminal(DESK.format(address=network.address)) as terminal:
        await asyncio.to_thread(terminal.sees, "emulator  live")
        terminal.press("\r")
        await asyncio.to_thread(terminal.sees, "Hello")
        await network.refuse()
        await asyncio.to_thread(terminal.sees, "offline, trying again")
        terminal.press("precious words\r")
        await asyncio.to_thread(terminal.sees, "waits for the network")
        terminal.press(key)
        assert await asyncio.to_thread(terminal.ends, within=_PATIENCE) == code
    afterwards = terminal.raw.rpartition("\x1b[?1049l")[2]
    assert afterwards.count("precious words") == 1
    assert afterwards.count("warning") == 1
    assert afterwards.count("error") == (1 if code == 8 else 0)


async def test_the_desk_delivers_what_waited_when_the_network_is_back(
    network: Proxy, visitor: Visitor
) -> None:
    """The line becomes a message; the key makes it happen at once."""
    await asyncio.to_thread(visitor.writes, "Hello")
    with Terminal(DESK.format(address=network.address)) as terminal:
        await asyncio.to_thread(terminal.sees, "emulator  live")
        terminal.press("\r")
        await asyncio.to_thread(terminal.sees, "Hello")
        await network.refuse()
        await asyncio.to_thread(terminal.sees, "offline, trying again")
        terminal.press("good day\r")
        await asyncio.to_thread(terminal.sees, "1 queued")
        await network.mend()
        terminal.press("\x1b[15~")
        await asyncio.to_thread(terminal.sees, "emulator  live")
        async with AsyncAdminChat.from_env() as desk, asyncio.timeout(20):
            (session,) = await desk.sessions()
            async with desk.open(session.id, peek=True) as conversation:
                while len(await conversation.history()) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        terminal.press("\x03")
        assert await asyncio.to_thread(terminal.ends, within=_PATIENCE) == 130
    assert "not sent" not in terminal.text


UNHEARD = """
import asyncio, signal, sys, threading, time
from imbari_chat.cli import event_loop
from imbari_chat.cli.exit_codes import boundary

def interrupt():
    time.sleep(0.2)  # long enough for the loop to be asleep, which makes it harder
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

async def work():
    threading.Thread(target=interrupt, daemon=True).start()
    await asyncio.sleep(600)

sys.exit(boundary(lambda: event_loop.run(work())))
"""


def test_ctrl_c_is_heard_by_a_loop_that_it_does_not_wake() -> None:
    """As when it comes just before the loop goes to sleep; here another thread gets the signal."""
    process = programs.run([sys.executable, "-c", UNHEARD], timeout=30)
    assert (process.returncode, process.stderr) == (130, "")


def test_a_name_that_cannot_be_looked_up_keeps_nobody() -> None:
    """Resolvers block, and take their time."""

    async def work() -> None:
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)

    began = time.monotonic()
    event_loop.run(work())
    assert time.monotonic() - began < _PATIENCE


def test_what_the_loops_threads_return_and_raise_arrives() -> None:
    """They are ordinary threads but for their end."""

    async def work() -> int:
        loop = asyncio.get_running_loop()
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 // 0)
        return await loop.run_in_executor(None, lambda: 42)

    assert event_loop.run(work()) == 42
