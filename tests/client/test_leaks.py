"""After closing, nothing is left: no thread, no task, no socket, no file, no warning about one."""

from pathlib import Path
from typing import Any

import pytest

from tests.budget import rounds
from tests.client.scenarios.programs import Program
from tests.faults.proxy import Proxy

MANY, FEW = rounds(40), 5

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc/self/fd"
)

# What is left after some rounds is compared with what was left after the first: libraries keep
# things of their own.
COUNTING = """
import warnings
warnings.simplefilter("error", ResourceWarning)

def left():
    deadline = time.monotonic() + 60
    while len(threading.enumerate()) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    gc.collect()
    files = []
    for name in os.listdir("/proc/self/fd"):
        try:
            files.append(os.readlink(f"/proc/self/fd/{name}").split(":")[0])
        except OSError:
            pass  # the directory's own
    return dict(threads=sorted(one.name for one in threading.enumerate()), files=sorted(files))

session = flags.pop("session")
rounds = int(flags.pop("rounds"))
away = flags.pop("away", None)

def again(work):
    work()
    before = left()
    for _ in range(rounds):
        work()
    after = left()
    say(before=before, after=after, end=after)

def again_async(work):
    async def left_here():
        left()
        await asyncio.sleep(0)  # the loop hears of what threads did last, and lets go of it
        running = asyncio.all_tasks() - {asyncio.current_task()}
        return dict(left(), tasks=[one.get_name() for one in running])
    async def main():
        await work()
        before = await left_here()
        for _ in range(rounds):
            await work()
        return before, await left_here()
    before, after = asyncio.run(main())
    say(before=before, after=after, end=left())
"""

WORK = {
    "a conversation": (
        """
        with AdminChat.from_env(**flags) as desk, desk.open(session) as conversation:
            conversation.reply("Hello")
            desk.sessions()
        """,
        """
        async with AsyncAdminChat.from_env(**flags) as desk, desk.open(session) as conversation:
            await conversation.reply("Hello")
            await desk.sessions()
        """,
    ),
    "listening and iterating": (
        """
        with AdminChat.from_env(**flags) as desk, desk.open(session) as conversation:
            desk.on(SessionAdded)(lambda event: None)
            conversation.listen()
            desk.listen()
            for event in desk.events():
                break
        """,
        """
        async with AsyncAdminChat.from_env(**flags) as desk, desk.open(session) as conversation:
            desk.on(SessionAdded)(lambda event: None)
            await conversation.listen()
            await desk.listen()
            async for event in desk.events():
                break
        """,
    ),
    "nothing at all": (
        """
        AdminChat.from_env(**flags).close()
        CustomerChat.from_env(**flags).close()
        """,
        """
        await AsyncAdminChat.from_env(**flags).close()
        await AsyncCustomerChat.from_env(**flags).close()
        """,
    ),
    "an exception": (
        """
        try:
            with AdminChat.from_env(**flags) as desk, desk.open(session) as conversation:
                conversation.listen()
                desk.open("-Nowhere").__enter__()
        except NotFound:
            pass
        """,
        """
        try:
            async with AsyncAdminChat.from_env(**flags) as desk, desk.open(session) as conversation:
                await conversation.listen()
                await desk.open("-Nowhere").__aenter__()
        except NotFound:
            pass
        """,
    ),
    "closed by a handler": (
        """
        with AdminChat.from_env(**flags) as desk:
            @desk.on(ConnectionChanged, where=lambda event: event.state == "live")
            def close(event):
                desk.close()
            try:
                desk.wait_closed()
            except RuntimeError:
                pass  # it is closed already
        """,
        """
        async with AsyncAdminChat.from_env(**flags) as desk:
            @desk.on(ConnectionChanged, where=lambda event: event.state == "live")
            async def close(event):
                await desk.close()
            await desk.wait_closed()
        async with asyncio.timeout(30):
            while len(asyncio.all_tasks()) > 1:  # the handler has to return
                await asyncio.sleep(0)
        """,
    ),
    "a customer": (
        """
        with CustomerChat.from_env(**flags) as customer:
            customer.start(name="Amina", email="amina@example.com", text="Hello")
            customer.listen()
        """,
        """
        async with AsyncCustomerChat.from_env(**flags) as customer:
            await customer.start(name="Amina", email="amina@example.com", text="Hello")
            await customer.listen()
        """,
    ),
}

OUTAGE = {
    "blocking": """
        desk = AdminChat.from_env(**flags)
        conversation = desk.open(session).__enter__()
        conversation.listen()
        conversation.reply("Hello")
        say(ready=True)
        hear()
        events = desk.events()
        next(iter(events))
        conversation.reply("Lost", timeout=0)
        began = time.monotonic()
        desk.close()
        took = time.monotonic() - began
        del desk, conversation, events
        say(took=took, after=left())
        """,
    "async": """
        async def talk():
            desk = AsyncAdminChat.from_env(**flags)
            conversation = await desk.open(session).__aenter__()
            await conversation.listen()
            await conversation.reply("Hello")
            say(ready=True)
            await asyncio.to_thread(hear)
            events = desk.events()
            await anext(events)
            await conversation.reply("Lost", timeout=0)
            began = time.monotonic()
            await desk.close()
            took = time.monotonic() - began
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            return took, [one.get_name() for one in tasks]
        took, tasks = asyncio.run(talk())
        say(took=took, after=dict(left(), tasks=tasks))
        """,
}


def _indented(text: str, by: str) -> str:
    return "".join(by + line.strip("\n")[8:] + "\n" for line in text.splitlines() if line.strip())


@pytest.mark.rounds
@pytest.mark.parametrize("face", ["blocking", "async"])
@pytest.mark.parametrize("work", WORK)
async def test_rounds_of_opening_and_closing_leave_nothing_behind(
    flags: dict[str, Any], session: str, work: str, face: str
) -> None:
    """However the client was used, and however that ended."""
    blocking, asynchronous = WORK[work]
    text = COUNTING + (
        f"def work():\n{_indented(blocking, '    ')}\nagain(work)\n"
        if face == "blocking"
        else f"async def work():\n{_indented(asynchronous, '    ')}\nagain_async(work)\n"
    )
    number = MANY if work in ("a conversation", "nothing at all") else FEW
    given = {**flags, "session": session, "rounds": str(number)}
    async with Program(text, given) as running:
        said = await running.said()
        ended = await running.end()
    assert said["after"] == said["before"]
    assert "socket" not in said["end"]["files"]
    assert said["after"]["threads"] == ["MainThread"]
    assert said["after"].get("tasks", []) == []
    # A ResourceWarning is an error there, which a destructor can only print.
    assert (ended.code, ended.errors) == (0, "")


@pytest.mark.parametrize("trouble", ["refused", "silent"])
@pytest.mark.parametrize("face", OUTAGE)
async def test_closing_in_an_outage_is_quick_and_leaves_nothing_behind(
    flags: dict[str, Any], session: str, proxy: Proxy, face: str, trouble: str
) -> None:
    """What hangs in a call ends with the call's own time, and so does its socket."""
    text = COUNTING + "".join(line[8:] + "\n" for line in OUTAGE[face].splitlines())
    given = {**flags, "session": session, "rounds": "0", "timeout": 5.0}
    given["database_emulator"] = proxy.address
    async with Program(text, given) as running:
        await running.said()
        if trouble == "refused":
            await proxy.refuse()
        else:
            proxy.stall()
        running.tell(go=True)
        said = await running.said()
        ended = await running.end()
        proxy.cut()
    assert said["took"] < 4.0  # 0.25 s on a machine that has nothing else to do
    assert "socket" not in said["after"]["files"]
    assert said["after"]["threads"] == ["MainThread"]
    assert said["after"].get("tasks", []) == []
    assert ended.code == 0
    assert "ResourceWarning" not in ended.errors
    assert "Traceback" not in ended.errors
