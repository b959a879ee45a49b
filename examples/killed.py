"""A clerk whose outbox is durable is killed in the middle, twice, and every answer arrives once.

    python -m examples.killed

An emulator under the shipped rules, and a clerk in a process of its own, who answers a customer as
fast as the outbox accepts. The clerk is killed with SIGKILL while it writes; begun again without a
network, and killed again; and begun a third time, to deliver what it left. What it was told to be
accepted is compared with what is stored.
"""

import asyncio
import signal
import sys
import tempfile
from pathlib import Path

from examples.node.line import Line

from imbari_chat import AsyncAdminChat, AsyncCustomerChat, SettingsFlags, strict_rules
from imbari_chat.emulator import Emulator

ANSWERS = 25
"""How many a clerk has been told to be accepted when it is killed."""

MOST_SECONDS = 300


def clerk(database: str, folder: str) -> AsyncAdminChat:
    """An admin's client whose messages outlive its program."""
    return AsyncAdminChat.from_env(
        project="demo-imbari",
        database_emulator=database,
        identity="emulator",
        data_dir=Path(folder),
        outbox="durable",
        presence=False,
    )


async def answer(database: str, folder: str, session: str, run: str) -> None:
    """A clerk's program: write until killed, and print each that was accepted."""
    async with clerk(database, folder) as desk:
        number = 0
        while True:
            number += 1
            await desk.reply(session, f"answer {run}.{number}", timeout=0)
            print(f"answer {run}.{number}", flush=True)
            await asyncio.sleep(0.002)


async def run_and_kill(database: str, folder: str, session: str, run: int) -> list[str]:
    """Have a clerk answer, and kill it; what it was told to be accepted."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.killed", database, folder, session, str(run)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    accepted = [(await process.stdout.readline()).decode().strip() for _ in range(ANSWERS)]
    process.kill()
    accepted += [line.strip() for line in (await process.stdout.read()).decode().splitlines()]
    if await process.wait() != -signal.SIGKILL:
        sys.exit(f"Clerk {run} was not killed: it ended by itself.")
    return accepted


async def stored(desk: AsyncAdminChat, session: str) -> list[str]:
    """The answers that are there, in order."""
    async with desk.open(session, peek=True) as conversation:
        return [
            one.text async for one in conversation.browse(start="oldest") if one.sender == "admin"
        ]


async def play(emulator: Emulator, folder: str) -> None:
    """All of it."""
    line = Line(emulator.database_host)
    await line.mend()
    here: SettingsFlags = {
        "project": emulator.project,
        "database_emulator": emulator.database_host,
        "auth_emulator": emulator.auth_host,
        "token_store": "file",
        "data_dir": Path(folder, "customer"),
    }
    async with AsyncCustomerChat.from_env(**here) as customer:
        start = await customer.start(name="Amina", email="amina@example.com", text="Prices?")
    async with clerk(emulator.database_host, str(Path(folder, "looking"))) as looking:
        accepted: list[str] = []
        for run, what in ((1, "while it writes"), (2, "while there is no network")):
            if run == 2:
                await line.cut()
            told = await run_and_kill(line.address, folder, start.id, run)
            accepted += told
            there = len(await stored(looking, start.id))
            print(f"Clerk {run} is killed (SIGKILL) {what}")
            print(f"  accepted so far {len(accepted)}, stored {there}")
        await line.mend()
        async with clerk(line.address, folder) as desk:
            left = await desk.flush(timeout=MOST_SECONDS / 2)
        print("The network is back; clerk 3 delivers what is left, and ends")
        texts = await stored(looking, start.id)
    await line.cut()
    # What was accepted just when it was killed may be there without its having been told.
    untold = [text for text in texts if text not in accepted]
    lost = [text for text in accepted if text not in texts]
    print(f"  accepted {len(accepted)}, and {len(untold)} of which the clerk could not be told")
    print(f"  stored {len(texts)}: lost {len(lost)}, twice {len(texts) - len(set(texts))}")
    in_order = sorted(texts, key=lambda text: [int(one) for one in text.split()[1].split(".")])
    print(f"  in the order in which they were written: {'yes' if texts == in_order else 'no'}")
    if left or lost or len(untold) > 2 or len(texts) != len(set(texts)) or texts != in_order:
        sys.exit("That should not be.")


def main() -> None:
    if len(sys.argv) > 1:
        asyncio.run(answer(*sys.argv[1:5]))
        return
    with Emulator(rules=strict_rules()) as emulator, tempfile.TemporaryDirectory() as folder:
        asyncio.run(asyncio.wait_for(play(emulator, folder), MOST_SECONDS))


if __name__ == "__main__":
    main()
