"""Firebase's official JavaScript SDK in Node and this library in Python hold one conversation.

    python -m examples.node

An emulator under the shipped rules, an admin in Python (the desk) and a customer in Node
(customer.mjs). Each of them loses the network once, and writes on; what either wrote has to be
there once, and in the same order on both sides. Both go over a WebSocket, each by a line of its own
to the database, which counts what passes. Needs Node 20 or newer, and its packages: `make peers`.
"""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from pathlib import Path

from examples.node.line import Line

from imbari_chat import (
    AsyncAdminChat,
    ConnectionChanged,
    MessageAdded,
    SettingsFlags,
    safe_text,
    strict_rules,
)
from imbari_chat.emulator import Emulator

HERE = Path(__file__).parent
SDK = HERE.parents[1] / "node_modules" / "firebase" / "package.json"
ADMIN = "desk@example.com"
MOST_SECONDS = 300


class Failed(Exception):
    """Something that should not be; the text says what."""


class Side:
    """One of the two, and what it has been told so far."""

    def __init__(self) -> None:
        self._news = asyncio.Condition()

    async def until(self, check: Callable[[], object]) -> None:
        """Wait for something that it is told."""
        async with self._news:
            await self._news.wait_for(check)


class Customer(Side):
    """The customer in Node."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        super().__init__()
        self._process = process
        self.shown: list[tuple[str, str]] = []
        self.sent: list[str] = []
        self.is_connected = False

    def tell(self, *command: str) -> None:
        """Have it do something."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    async def hear(self) -> None:
        """Take in what it says.

        Raises:
            Failed: It has ended.
        """
        assert self._process.stdout
        async for line in self._process.stdout:
            said = json.loads(line)
            async with self._news:
                if "shown" in said:
                    self.shown = [(who, text) for who, text in said["shown"]]
                elif "sent" in said:
                    self.sent.append(said["sent"])
                else:
                    self.is_connected = said["connected"]
                self._news.notify_all()
        raise Failed(f"Node ended with code {await self._process.wait()}.")


class Desk(Side):
    """The admin in Python."""

    def __init__(self, chat: AsyncAdminChat) -> None:
        super().__init__()
        self.chat = chat
        self.heard: list[MessageAdded] = []
        self.is_live = False

    def has_heard(self, text: str) -> bool:
        return any(one.message.text == text for one in self.heard)

    async def hear(self) -> None:
        """Take in what there is to hear, in every conversation."""
        async with aclosing(self.chat.events()) as events:
            async for event in events:
                async with self._news:
                    match event:
                        case MessageAdded():
                            self.heard.append(event)
                        case ConnectionChanged(state):
                            self.is_live = state == "live"
                    self._news.notify_all()


async def converse(desk: Desk, desk_line: Line, customer: Customer) -> list[tuple[str, str]]:
    """What is said, on a line that is sometimes cut; what either side has to show in the end."""

    def writes(who: str, text: str, how: str = "") -> None:
        print(f"  {who:<9} {safe_text(text)}{how}")

    await desk.until(lambda: desk.is_live)
    print("Both are there")
    question, answer = "Do you ship to Kampala?", "We do, every Tuesday."
    writes("customer", question)
    customer.tell("start", question)
    await desk.until(lambda: desk.has_heard(question))
    session = desk.heard[0].session_id
    writes("desk", answer)
    await desk.chat.reply(session, answer)
    await customer.until(lambda: ("desk", answer) in customer.shown)

    print("The customer goes offline, and both write on")
    customer.tell("offline")
    await customer.until(lambda: not customer.is_connected)
    kept = ["Then 20 kg, please.", "And 5 kg of decaf."]
    offer = "This week 20 kg come with 1 kg of decaf."
    for text in kept:
        writes("customer", text, "  (waits)")
        customer.tell("say", text)
    await customer.until(lambda: ("customer", kept[0]) in customer.shown)
    writes("desk", offer)
    await desk.chat.reply(session, offer)
    print("The customer comes back")
    customer.tell("online")
    await customer.until(lambda: customer.sent[-2:] == kept and ("desk", offer) in customer.shown)
    await desk.until(lambda: desk.has_heard(kept[-1]))

    print("The desk's line is cut, and both write on")
    await desk_line.cut()
    await desk.until(lambda: not desk.is_live)
    more, promise = "Is anybody there?", "Noted: 26 kg on Tuesday."
    writes("customer", more)
    customer.tell("say", more)
    await customer.until(lambda: more in customer.sent)
    writes("desk", promise, "  (waits)")
    await desk.chat.reply(session, promise, timeout=0)
    print("The line is mended")
    await desk_line.mend()
    desk.chat.reconnect_now()
    await desk.until(lambda: desk.has_heard(more))
    await desk.chat.flush()
    await desk.until(lambda: desk.has_heard(promise))
    await customer.until(lambda: ("desk", promise) in customer.shown)

    return [
        ("customer", question),
        ("desk", answer),
        ("desk", offer),
        *(("customer", text) for text in kept),
        ("customer", more),
        ("desk", promise),
    ]


async def compare(desk: Desk, customer: Customer, expected: list[tuple[str, str]]) -> None:
    """Show what both have.

    Raises:
        Failed: It is not what was written.
    """
    session = desk.heard[0].session_id
    await customer.until(lambda: len(customer.shown) >= len(expected))
    async with desk.chat.open(session, peek=True) as conversation:
        stored = await conversation.history()
    named = {"customer": "customer", "admin": "desk"}
    at_the_desk = [(named[one.sender], one.text) for one in stored]
    print("\nEach has in the end")
    for place, (who, text) in enumerate(expected, 1):
        print(f"  {place}. {who:<9} {safe_text(text)}")
    heard = sorted(one.message.id for one in desk.heard)
    if not expected == at_the_desk == customer.shown or heard != sorted(one.id for one in stored):
        raise Failed(f"They do not: {at_the_desk=}, {customer.shown=}, {desk.heard=}")


def show_counts(lines: dict[str, Line]) -> None:
    """How much passed, by line."""
    print(f"\n{'':24}connections    frames out     in    bytes out      in")
    for name, line in lines.items():
        frames = f"{line.out.frames:>10} {line.back.frames:>6}"
        print(f"{name:<24}{line.connections:>11}    {frames}    ", end="")
        print(f"{line.out.bytes:>9,} {line.back.bytes:>7,}")


def make_admin(emulator: Emulator, folder: Path) -> SettingsFlags:
    """An account that is an admin, signed in; the settings that lead there."""
    kept: dict[str, str] = {
        "IMBARI_CHAT_PASSWORD": secrets.token_urlsafe(12),
        "IMBARI_CHAT_TOKEN_STORE": "file",
        "IMBARI_CHAT_DATA_DIR": str(folder),
    }
    clean = {name: value for name, value in os.environ.items() if "IMBARI_CHAT_" not in name}
    program = Path(sys.executable).with_name("imbari-chat")
    for command in (["admins", "create", ADMIN], ["auth", "login", ADMIN]):
        done = subprocess.run(
            [program, *command],
            env=clean | emulator.environment() | kept,
            cwd=folder,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            sys.exit(done.stderr)
    return {
        "project": emulator.project,
        "auth_emulator": emulator.auth_host,
        "identity": "login",
        "token_store": "file",
        "data_dir": folder,
        "transport": "websocket",
    }


@asynccontextmanager
async def node_customer(node: str, **place: str) -> AsyncIterator[Customer]:
    """The customer, for as long as the block runs."""
    script = str(HERE / "customer.mjs")
    process = await asyncio.create_subprocess_exec(
        node, script, json.dumps(place), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield Customer(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def play(node: str, emulator: Emulator, flags: SettingsFlags) -> None:
    """All of it."""
    lines = {name: Line(emulator.database_host) for name in ("customer", "desk")}
    async with asyncio.timeout(MOST_SECONDS), AsyncExitStack() as stack:
        for line in lines.values():
            await line.mend()
            stack.push_async_callback(line.cut)
        customer = await stack.enter_async_context(
            node_customer(
                node,
                database=lines["customer"].address,
                namespace=emulator.namespace,
                auth=emulator.auth_host,
                project=emulator.project,
            )
        )
        flags["database_emulator"] = lines["desk"].address
        chat = AsyncAdminChat.from_env(**flags)
        desk = Desk(await stack.enter_async_context(chat))
        async with asyncio.TaskGroup() as group:
            hearing = [group.create_task(one.hear()) for one in (customer, desk)]
            await compare(desk, customer, await converse(desk, lines["desk"], customer))
            for task in hearing:
                task.cancel()
    show_counts(
        {
            "customer, WebSocket": lines["customer"],
            "desk, WebSocket": lines["desk"],
        }
    )


def main() -> None:
    node = shutil.which("node")
    if node is None or not SDK.exists():
        sys.exit("This needs Node 20 or newer, and Firebase's SDK for it: run `make peers`.")
    with Emulator(rules=strict_rules()) as emulator, tempfile.TemporaryDirectory() as folder:
        failed = None
        try:
            asyncio.run(play(node, emulator, make_admin(emulator, Path(folder))))
        except* Failed as failures:
            failed = "; ".join(map(str, failures.exceptions))
        except* TimeoutError:
            failed = f"It has not come to an end in {MOST_SECONDS} s."
        if failed is not None:
            sys.exit(failed)


if __name__ == "__main__":
    main()
