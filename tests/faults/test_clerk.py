"""A program that is killed, as the judge hears of it."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import programs
from tests.client.scenarios.faces import eventually
from tests.faults import clerk
from tests.faults.cast import Cast, Way
from tests.faults.proxy import Proxy
from tests.faults.schedule import Schedule
from tests.faults.server import Server

ACCEPTS_TWO = """
import sys, time
open(sys.argv[-1], "w").write("accepted\\naccepted\\n")
time.sleep(60)
"""


async def test_what_a_program_says_has_been_said_from_its_start_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one more message that it may have accepted: an inbox that begins now may miss them. Also
    if it begins while the program has been started and nobody has been told, or is being killed."""
    monkeypatch.setattr(clerk, "_PROGRAM", ACCEPTS_TWO)
    (tmp_path / "clerk0").mkdir()
    schedule = Schedule(1, "strict", {"clerk0": ()}, (), transports={"clerk0": "rest"})
    said = {f"clerk0 1.{number}" for number in range(3)}
    start = programs.start
    async with AsyncExitStack() as stack:
        nowhere = await stack.enter_async_context(Proxy("127.0.0.1:1"))
        cast = Cast(schedule, Server(tmp_path, tmp_path), "{}", tmp_path, stack)
        await cast.admit("clerk0", Way(nowhere, nowhere))
        (program,) = cast._clerks.values()

        async def slowly(*command: str, **options: Any) -> asyncio.subprocess.Process:
            child = await start(*command, **options)
            await eventually(lambda: cast.door.said() == said)
            ended = child.wait

            async def wait() -> int:
                code = await ended()
                assert cast.door.said() == said
                return code

            monkeypatch.setattr(child, "wait", wait)
            return child

        monkeypatch.setattr(programs, "start", slowly)
        assert cast.door.said() == frozenset()
        await program.begin("-S")
        assert cast.door.said() == said
        await program.kill()
        assert [one.fate for one in cast.ledger] == ["unsettled", "unsettled", "unknown"]
        assert cast.door.said() == said
