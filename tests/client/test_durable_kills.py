"""Programs with a durable outbox that are killed: each message is stored once, and in order."""

import asyncio
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imbari_chat import AsyncAdminChat
from tests import programs
from tests.faults.proxy import Proxy

WAIT = 30.0

_PROGRAM = """
import asyncio
import sys
from imbari_chat import AsyncAdminChat

address, data_dir, session_id, name = sys.argv[1:]

async def main():
    desk = AsyncAdminChat.from_env(
        project="demo-imbari", database_emulator=address, data_dir=data_dir, outbox="durable",
        token_store="file", timeout=5.0,
    )
    async with desk:
        for n in range(100_000):
            await desk.reply(session_id, f"{name} {n}", timeout=0)
            print(n, flush=True)
            if n % 7 == 0:
                await asyncio.sleep(0.01)

asyncio.run(main())
"""


async def _run_and_kill(
    proxy: Proxy, data_dir: Path, session_id: str, name: str, after: int
) -> int:
    """Kill a program once it has said that so many were accepted; returns how many it has said."""
    child = await programs.start(
        sys.executable,
        "-c",
        _PROGRAM,
        proxy.address,
        str(data_dir),
        session_id,
        name,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    said = 0
    try:
        async with asyncio.timeout(WAIT):
            while said < after:
                said = int(await child.stdout.readline()) + 1
    finally:
        child.kill()
        rest = (await child.stdout.read()).split()
        code = await child.wait()
    assert code == -signal.SIGKILL
    return max([said, *(int(one) + 1 for one in rest)])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
async def test_killed_at_any_moment_each_message_is_stored_once_and_in_order(
    proxy: Proxy,
    flags: dict[str, Any],
    session: str,
    stored: Callable[[str], Any],
    tmp_path: Path,
) -> None:
    """Before, during and after a write, and while the database is away."""
    data_dir, said = tmp_path / "kept", list[int]()
    moments = random.Random(1)  # which moments is of no consequence
    for run in range(6):
        await proxy.mend()
        if run % 3 == 1:
            await proxy.refuse()
        elif run % 3 == 2:
            proxy.drop_answers(2)
        said.append(
            await _run_and_kill(proxy, data_dir, session, str(run), moments.randrange(1, 40))
        )
    await proxy.mend()
    flags |= {"database_emulator": proxy.address, "data_dir": data_dir, "outbox": "durable"}
    del flags["auth_emulator"]
    async with AsyncAdminChat.from_env(**flags) as desk:
        assert await desk.flush(timeout=WAIT) == ()
    found = stored(f"/messages/{session}")
    order = sorted(found, key=lambda key: (found[key]["timestamp"], key))
    texts = [found[key]["text"] for key in order][1:]
    assert len(set(texts)) == len(texts)
    runs = [[text for text in texts if text.startswith(f"{run} ")] for run in range(6)]
    assert texts == [text for run in runs for text in run]
    for run, (here, least) in enumerate(zip(runs, said, strict=True)):
        assert here == [f"{run} {n}" for n in range(len(here))]
        assert least <= len(here) <= least + 1
