"""A command that waits says so on a terminal, and takes it back."""

import asyncio
import io
import sys
from pathlib import Path

import pytest

from imbari_chat.cli import waiting
from imbari_chat.cli.stderr import Stderr, is_waiting_shown
from imbari_chat.cli.stdout import Stdout
from imbari_chat.cli.waiting import telling_of_a_wait
from tests.cli.relay import silent_server
from tests.cli.terminal import Terminal

_WIPED = "\r\x1b[2K"


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen_of(monkeypatch: pytest.MonkeyPatch) -> _Screen:
    """Both streams, on one terminal; a second is short there."""
    screen = _Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(waiting, "_TICK", 0)
    return screen


async def _is_told() -> None:
    async with asyncio.timeout(30):
        while not is_waiting_shown():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_what_is_printed_takes_its_place(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On either stream; and it is told anew when it goes on waiting. The end takes it away too."""
    screen = screen_of(monkeypatch)
    async with telling_of_a_wait(Stderr(), "the service"):
        await _is_told()
        assert "waiting for the service: 1 s; Ctrl-C to stop" in screen.getvalue()
        Stderr().warn("careful")
        assert f"{_WIPED}\x1b[33mwarning" in screen.getvalue()
        await _is_told()
        Stdout().text("data")
        assert screen.getvalue().endswith(f"{_WIPED}data\n")
        await _is_told()
    assert screen.getvalue().endswith(_WIPED)
    assert not is_waiting_shown()


@pytest.mark.parametrize("quiet", [True, False])
async def test_nobody_else_is_told(monkeypatch: pytest.MonkeyPatch, quiet: bool) -> None:
    """Neither who asked for quiet, nor a pipe."""
    screen = screen_of(monkeypatch)
    monkeypatch.setattr(screen, "isatty", lambda: quiet)
    async with telling_of_a_wait(Stderr(quiet=quiet), "the service"):
        for _ in range(10):
            await asyncio.sleep(0)
    assert screen.getvalue() == ""


WAITS = """
from imbari_chat.cli.main import run
run(["--emulator", {address!r}, "--request-timeout", "60", *{command!r}])
"""


@pytest.mark.parametrize("command", [["inbox"], ["doctor"], ["admins", "list"]], ids=" ".join)
async def test_a_slow_service_is_waited_for_and_said_to_be(
    place: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """Ctrl-C ends it, and leaves a clean line."""
    server = await silent_server(asyncio.Event())
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", address)
    with Terminal(WAITS.format(address=address, command=command)) as terminal:
        await asyncio.to_thread(terminal.sees, f"waiting for the emulator at {address}")
        terminal.press("\x03")
        assert await asyncio.to_thread(terminal.ends, within=30) == 130
    server.close()


async def test_the_count_begins_anew_when_its_line_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something was printed, so that it went on."""
    is_shown, told = False, list[str]()

    def show(words: str) -> None:
        nonlocal is_shown
        told.append(words.split(": ", 1)[1].split(" ", 1)[0])
        is_shown = len(told) not in {1, 4}
        if len(told) == 6:
            raise asyncio.CancelledError

    monkeypatch.setattr(waiting, "_TICK", 0)
    monkeypatch.setattr(waiting, "show_waiting", show)
    monkeypatch.setattr(waiting, "is_waiting_shown", lambda: is_shown)
    with pytest.raises(asyncio.CancelledError):
        await waiting._tell("the service")
    assert told == ["1", "1", "2", "3", "1", "2"]
