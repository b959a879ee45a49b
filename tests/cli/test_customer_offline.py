"""``customer`` while the network is away: what waits, what is given back, and the exit code."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from imbari_chat.cli.customer.lead import Lead
from imbari_chat.cli.customer.run import run_customer
from imbari_chat.client import AsyncAdminChat
from imbari_chat.emulator import Emulator
from imbari_chat.errors import AccessDenied, InvalidData, Unavailable
from tests.cli.harness import outside
from tests.cli.standard import Standard
from tests.cli.terminal import Terminal
from tests.faults.proxy import Proxy

AMINA = Lead(name="Amina", email="amina@example.com", phone="", topic="")


@pytest_asyncio.fixture
async def network(place: Path, emulator: Emulator) -> AsyncIterator[Proxy]:
    """The way to the emulator's database."""
    async with Proxy(emulator.database_host) as proxy:
        yield proxy


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Standard]:
    """Standard input of the command."""
    standard = Standard()
    monkeypatch.setattr(sys, "stdin", standard.stream)
    yield standard
    standard.end()


class Told:
    """What the command has printed and said so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.all = ""

    def now(self) -> str:
        said = self._capsys.readouterr()
        self.all += said.out + said.err
        return self.all

    async def until(self, words: str) -> None:
        """Wait until these words have been said."""
        async with asyncio.timeout(20):
            while words not in self.now():  # noqa: ASYNC110  # what is printed sets no event
                await asyncio.sleep(0.01)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """Both streams."""
    return Told(capsys)


async def stored() -> list[str]:
    """The texts of the one conversation there is."""
    async with AsyncAdminChat.from_env() as desk:
        for session in await desk.sessions():
            async with desk.open(session.id, peek=True) as conversation:
                return [one.text for one in await conversation.history()]
    return []


async def welcomed() -> None:
    """The customer is answered; what is said then they hear, so their stream is live."""
    async with AsyncAdminChat.from_env() as desk:
        (session,) = await desk.sessions()
        async with desk.open(session.id) as conversation:
            await conversation.reply("Welcome")


async def arrived(count: int) -> list[str]:
    """Wait until there are so many."""
    async with asyncio.timeout(20):
        while len(texts := await stored()) < count:  # noqa: ASYNC110  # it is another program
            await asyncio.sleep(0.02)
    return texts


def visiting(network: Proxy, *, timeout: float = 10.0) -> "asyncio.Task[None]":
    """The command in a pipe, through this network."""
    flags = {"database_emulator": network.address, "timeout": timeout}
    return asyncio.create_task(run_customer(flags, AMINA))


async def test_lines_written_during_an_outage_arrive_after_it(
    network: Proxy, stdin: Standard, told: Told
) -> None:
    """In order, each once, and the command ends as if nothing had been."""
    running = visiting(network)
    stdin.line("one")
    await arrived(1)
    await welcomed()
    await told.until("Welcome")
    await network.refuse()
    await told.until("connection lost")
    stdin.line("two")
    stdin.line("three")
    stdin.end()
    await network.mend()
    await running
    assert await stored() == ["one", "Welcome", "two", "three"]
    assert "not sent" not in told.now()


async def test_lines_that_do_not_arrive_are_given_back(
    network: Proxy, stdin: Standard, told: Told
) -> None:
    """Each once, and the error says how many; the library's own words are not repeated."""
    running = visiting(network, timeout=0.3)
    stdin.line("one")
    await arrived(1)
    await welcomed()
    await told.until("Welcome")
    await network.refuse()
    await told.until("connection lost")
    stdin.line("two")
    stdin.line("three")
    stdin.end()
    with pytest.raises(Unavailable, match="2 messages were not sent") as lost:
        await running
    assert not lost.value.outcome_unknown
    given_back = re.findall("warning: not sent:\n  (.*)\n", told.now())
    assert given_back == ["two", "three"]
    assert "undelivered" not in told.all
    assert await stored() == ["one", "Welcome"]


async def test_a_line_without_an_answer_is_not_called_unsent(
    network: Proxy, stdin: Standard, told: Told
) -> None:
    """It may be there; what stands behind it is not."""
    running = visiting(network, timeout=0.3)
    stdin.line("one")
    await arrived(1)
    network.stall()
    stdin.line("two")
    stdin.line("three")
    stdin.end()
    with pytest.raises(Unavailable) as lost:
        await running
    assert lost.value.what == "1 message was not sent, and 1 more may not have been"
    assert "it is not known whether this was sent; look before sending it again:\n  two" in (
        told.now()
    )
    assert "not sent:\n  three" in told.all


async def test_many_lines_may_take_longer_than_one_request(network: Proxy, stdin: Standard) -> None:
    """The rules want half a second between them; as long as they arrive there is no hurry."""
    for number in range(4):
        stdin.line(str(number))
    stdin.end()
    await visiting(network, timeout=1.0)
    assert await stored() == ["0", "1", "2", "3"]


async def test_a_refused_line_ends_the_command_and_is_given_back(
    network: Proxy, emulator: Emulator, stdin: Standard, told: Told
) -> None:
    """Once, with what stands behind it."""
    running = visiting(network)
    stdin.line("one")
    await arrived(1)
    async with AsyncAdminChat.from_env() as desk:
        (session,) = await desk.sessions()
    outside(emulator, f"/blocks/{session.customer_uid}", True)
    stdin.line("two")
    stdin.line("three")
    with pytest.raises(AccessDenied):
        await running
    assert re.findall("warning: (.*)\n  (.*)\n", told.now()) == [
        ("not sent:", "two"), ("not sent:", "three"),
    ]  # fmt: skip


async def test_a_line_that_is_not_acceptable_lets_those_before_it_arrive(
    network: Proxy, stdin: Standard
) -> None:
    """They were right."""
    stdin.line("one")
    stdin.line("x" * 2001)
    stdin.end()
    with pytest.raises(InvalidData, match="at most 2000"):
        await visiting(network)
    assert await stored() == ["one"]


CUSTOMER = """
from imbari_chat.cli.main import run
run(["--emulator", {address!r}, "--request-timeout", {timeout!r}, "customer",
     "--name", "Amina", "--email", "amina@example.com", "--phone", "", "--topic", ""])
"""


async def at_a_terminal(network: Proxy, *, timeout: str = "10") -> Terminal:
    """The command at a terminal, through this network, after a message and an answer."""
    terminal = Terminal(CUSTOMER.format(address=network.address, timeout=timeout))
    await asyncio.to_thread(terminal.sees, "You:")
    terminal.press("one\r")
    await arrived(1)
    await welcomed()
    await asyncio.to_thread(terminal.sees, "Welcome")
    return terminal


async def test_at_a_terminal_a_message_waits_for_the_network(network: Proxy) -> None:
    """It says so, and says when it was sent; the prompt is free meanwhile."""
    with await at_a_terminal(network) as terminal:
        await network.refuse()
        await asyncio.to_thread(terminal.sees, "connection lost")
        terminal.press("two\r")
        await asyncio.to_thread(terminal.sees, "waits for the network: two")
        terminal.press("three\r")
        await asyncio.to_thread(terminal.sees, "waits for the network: three")
        await network.mend()
        await asyncio.to_thread(terminal.sees, "sent: two")
        await asyncio.to_thread(terminal.sees, "sent: three")
        assert await arrived(4) == ["one", "Welcome", "two", "three"]
    assert "?[" not in terminal.raw  # a sequence that was taken for text


async def test_at_a_terminal_a_late_answer_is_worth_a_word(network: Proxy) -> None:
    """It is not known to be there, and not known to be lost."""
    with await at_a_terminal(network) as terminal:
        network.stall()
        terminal.press("two\r")
        await asyncio.to_thread(terminal.sees, "no answer yet: two")
        await network.mend()
        await asyncio.to_thread(terminal.sees, "sent: two")


async def test_at_a_terminal_ctrl_d_gives_back_what_was_not_sent(network: Proxy) -> None:
    """After the time one request may take; the exit code tells as well."""
    with await at_a_terminal(network, timeout="0.5") as terminal:
        await network.refuse()
        await asyncio.to_thread(terminal.sees, "connection lost")
        terminal.press("two\r")
        await asyncio.to_thread(terminal.sees, "waits for the network: two")
        await asyncio.to_thread(terminal.insists, "\x04", "waiting for 1 message to be sent")
        await asyncio.to_thread(terminal.sees, "not sent:\r\n  two")
        await asyncio.to_thread(terminal.sees, "1 message was not sent")
        assert await asyncio.to_thread(terminal.ends) == 8


@pytest.mark.parametrize("leaving", [False, True])
async def test_at_a_terminal_ctrl_c_leaves_at_once(network: Proxy, *, leaving: bool) -> None:
    """At the prompt and during the wait at the end; what waits is given back."""
    with await at_a_terminal(network, timeout="600") as terminal:
        await network.refuse()
        await asyncio.to_thread(terminal.sees, "connection lost")
        terminal.press("two\r")
        await asyncio.to_thread(terminal.sees, "waits for the network: two")
        if leaving:
            await asyncio.to_thread(terminal.insists, "\x04", "waiting for 1 message")
        await asyncio.to_thread(terminal.insists, "\x03", "not sent:\r\n  two")
        assert await asyncio.to_thread(terminal.ends) == 130


async def test_at_a_terminal_a_refused_message_is_back_at_the_prompt(
    network: Proxy, emulator: Emulator
) -> None:
    """With the reason, to be changed and sent again."""
    with await at_a_terminal(network) as terminal:
        async with AsyncAdminChat.from_env() as desk:
            (session,) = await desk.sessions()
        outside(emulator, f"/blocks/{session.customer_uid}", True)
        terminal.press("precious words\r")
        await asyncio.to_thread(terminal.sees, "error:")
        await asyncio.to_thread(terminal.sees, "You: precious words")
        outside(emulator, f"/blocks/{session.customer_uid}", None)
        terminal.press("!\r")
        assert await arrived(3) == ["one", "Welcome", "precious words!"]
