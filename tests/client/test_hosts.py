"""Where the client has to work: under a running loop, in notebooks, in threads, beside a fork."""

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from imbari_chat import AdminChat, CustomerChat, MessageAdded
from tests.client.scenarios.faces import WAIT
from tests.client.scenarios.programs import Program

KERNEL_WAIT = 60


async def test_the_blocking_client_works_under_a_running_loop(
    flags: dict[str, Any], session: str
) -> None:
    """As in a notebook's cell: it blocks the loop it is called from, and needs it for nothing."""
    with AdminChat.from_env(**flags) as desk, desk.open(session) as conversation:
        conversation.listen()
        assert conversation.reply("Hello Amina").delivery == "confirmed"
        assert conversation.wait_for(MessageAdded, timeout=WAIT).message.text == "Hello Amina"
        with conversation.events(history=1) as events:
            added = next(event for event in events if isinstance(event, MessageAdded))
        assert added.message.text == "Hello Amina"


def test_a_client_made_in_one_thread_serves_another(flags: dict[str, Any], session: str) -> None:
    """Neither of them the main one."""
    made: list[AdminChat] = []
    texts: list[str] = []

    def make() -> None:
        made.append(AdminChat.from_env(**flags).__enter__())

    def use() -> None:
        with made[0].open(session) as conversation:
            conversation.reply("From another thread")
            texts.extend(one.text for one in conversation.history())

    for work in (make, use, lambda: made[0].close()):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(WAIT)
        assert not thread.is_alive()
    assert texts == ["Hello", "From another thread"]
    with pytest.raises(RuntimeError, match="closed"):
        made[0].sessions()


def test_threads_that_write_at_once_keep_each_its_order_and_lose_nothing(
    flags: dict[str, Any], session: str
) -> None:
    """One client, one conversation; some do not wait for the answer."""
    writers, count = 4, 10
    with AdminChat.from_env(**flags) as desk, desk.open(session) as conversation:
        begin = threading.Barrier(writers)

        def write(writer: int) -> list[str]:
            begin.wait(WAIT)
            timeout = 0 if writer % 2 else None
            return [conversation.reply(f"{writer} {n}", timeout=timeout).id for n in range(count)]

        with ThreadPoolExecutor(writers) as pool:
            ids = list(pool.map(write, range(writers)))
        assert desk.flush(timeout=WAIT) == ()
        history = conversation.history()
        texts = [one.text for one in history if one.sender == "admin"]
        assert sorted(texts) == sorted(f"{w} {n}" for w in range(writers) for n in range(count))
        for writer in range(writers):
            mine = [text for text in texts if text.startswith(f"{writer} ")]
            assert mine == [f"{writer} {n}" for n in range(count)]
            assert [one.id for one in history if one.text in mine] == ids[writer]
        # The one that was committed last is the one that the inbox shows.
        last = max((one for one in history), key=lambda one: (one.timestamp, one.id))
        assert desk.get_session(session).last_message_time == last.timestamp


def test_threads_with_a_client_each_do_not_disturb_one_another(flags: dict[str, Any]) -> None:
    """Four customers at once, each in a thread."""

    def talk(number: int) -> list[str]:
        with CustomerChat.from_env(**flags) as customer:
            customer.start(name=f"C{number}", email="c@example.com", text=f"I am {number}")
            customer.send("And more")
            return [one.text for one in customer.history()]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(talk, range(4))) == [[f"I am {n}", "And more"] for n in range(4)]


CHILD = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # newer interpreters warn of every such fork

def attempt(call):
    try:
        call()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return "nothing was raised"

async def attempt_async(call):
    try:
        async with asyncio.timeout(30):
            await call()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return "nothing was raised"
"""

FORK = {
    "blocking": """
desk = AdminChat.from_env(**flags).__enter__()
conversation = desk.open(session).__enter__()
customer = CustomerChat.from_env(**flags).__enter__()
mine = customer.start(name="Brian", email="brian@example.com", text="Hello")
events = desk.events()
next(iter(events))
desk.listen()
conversation.listen()
conversation.reply("before")
calls = dict(
    sessions=desk.sessions, browse=desk.browse().older, listen=desk.listen, flush=desk.flush,
    wait_for=lambda: desk.wait_for(MessageAdded, timeout=20), wait_closed=desk.wait_closed,
    on=lambda: desk.on(MessageAdded)(print), reconnect_now=desk.reconnect_now,
    events=lambda: next(iter(desk.events())), old_events=lambda: next(iter(events)),
    reply=lambda: conversation.reply("child"), now=lambda: conversation.reply("child", timeout=0),
    history=conversation.history, mark_read=conversation.mark_read,
    send=lambda: customer.send("child"), resume=lambda: customer.resume(mine.id),
    opening=lambda: desk.open(session).__enter__(),
)
child = os.fork()
if child == 0:
    said = {name: attempt(call) for name, call in calls.items()}
    events.close()
    conversation.__exit__(None, None, None)
    said["close"] = [desk.close(), customer.close()]
    say(child=said, at=time.time())
    sys.exit(7)
ended = os.waitpid(child, 0)[1]
at = time.time()
after = conversation.reply("after").delivery
heard = conversation.wait_for(MessageAdded, timeout=60, where=lambda e: e.message.text == "after")
customer.send("after")
texts = [one.text for one in conversation.history()]
state = desk.status.state
desk.close()
customer.close()
say(code=os.waitstatus_to_exitcode(ended), at=at, after=after, texts=texts, state=state)
""",
    "async": """
import multiprocessing
def in_child(say_what):
    said = asyncio.run(say_what())
    say(child=said, at=time.time())
    sys.exit(7)

async def main():
    desk = await AsyncAdminChat.from_env(**flags).__aenter__()
    conversation = await desk.open(session).__aenter__()
    customer = await AsyncCustomerChat.from_env(**flags).__aenter__()
    mine = await customer.start(name="Brian", email="brian@example.com", text="Hello")
    events = desk.events()
    await anext(events)
    await desk.listen()
    await conversation.listen()
    await conversation.reply("before")
    async def register():
        desk.on(MessageAdded)(print)
    async def reconnect():
        desk.reconnect_now()
    calls = dict(
        sessions=desk.sessions, browse=desk.browse().older, listen=desk.listen, flush=desk.flush,
        wait_for=lambda: desk.wait_for(MessageAdded, timeout=20), wait_closed=desk.wait_closed,
        on=register, reconnect_now=reconnect,
        events=lambda: anext(desk.events()),
        reply=lambda: conversation.reply("child"),
        now=lambda: conversation.reply("child", timeout=0),
        history=conversation.history, mark_read=conversation.mark_read,
        send=lambda: customer.send("child"), resume=lambda: customer.resume(mine.id),
        opening=lambda: desk.open(session).__aenter__(),
    )
    async def try_all():
        said = {name: await attempt_async(call) for name, call in calls.items()}
        await conversation.__aexit__(None, None, None)
        said["close"] = [await desk.close(), await customer.close()]
        return said
    child = multiprocessing.get_context("fork").Process(target=in_child, args=(try_all,))
    child.start()
    await asyncio.to_thread(child.join)
    at = time.time()
    after = (await conversation.reply("after")).delivery
    await conversation.wait_for(MessageAdded, timeout=60, where=lambda e: e.message.text == "after")
    await customer.send("after")
    texts = [one.text for one in await conversation.history()]
    state = desk.status.state
    await events.aclose()
    await desk.close()
    await customer.close()
    say(code=child.exitcode, at=at, after=after, texts=texts, state=state)
asyncio.run(main())
""",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("face", FORK)
async def test_a_forked_child_is_told_and_the_parent_goes_on(
    flags: dict[str, Any], session: str, face: str
) -> None:
    """Each call in the child is an error that says why; the child ends, the parent hears on."""
    text = CHILD + 'session = flags.pop("session")\n' + FORK[face]
    async with Program(text, {**flags, "session": session}) as running:
        child = await running.said()
        parent = await running.said()
        ended = await running.end()
    told = child["child"]
    assert told.pop("close") == [[], []]
    assert {name: said for name, said in told.items() if "make a new one" not in said} == {}
    assert {said.partition(":")[0] for said in told.values()} == {"RuntimeError"}
    assert parent["at"] - child["at"] < 10
    assert (parent["code"], parent["after"], parent["state"]) == (7, "confirmed", "live")
    assert parent["texts"] == ["Hello", "before", "after"]
    assert (ended.code, ended.errors) == (0, "")


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BlockingKernelClient]:
    """A notebook's kernel, which is a process with a loop that always runs."""
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=KERNEL_WAIT)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _run(kernel: BlockingKernelClient, cell: str) -> str:
    """What a cell prints.

    Raises:
        AssertionError: It raised something.
    """
    printed: list[str] = []

    def take(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
            printed.append(message["content"]["text"])

    reply = kernel.execute_interactive(
        cell, timeout=KERNEL_WAIT, output_hook=take, allow_stdin=False
    )
    content = reply["content"]
    assert content["status"] == "ok", "\n".join(content.get("traceback", ()))
    return "".join(printed)


def test_a_notebook_uses_either_client(
    kernel: BlockingKernelClient, flags: dict[str, Any], session: str
) -> None:
    """``await`` at the top of a cell, listening from cell to cell, and blocking calls beside it."""
    settings = json.dumps({**flags, "data_dir": str(flags["data_dir"])})
    _run(kernel, f"import json\nfrom imbari_chat import *\nflags = json.loads({settings!r})")
    _run(
        kernel,
        "desk = AsyncAdminChat.from_env(**flags)\n"
        "await desk.__aenter__()\n"
        "heard = []\n"
        "@desk.on(MessageAdded)\n"
        "def note(event):\n"
        "    heard.append(event.message.text)\n"
        "await desk.listen()",
    )
    told = _run(
        kernel,
        f"async with desk.open({session!r}) as conversation:\n"
        "    await conversation.reply('From a cell')\n"
        "    print([one.text for one in await conversation.history()])",
    )
    assert told == "['Hello', 'From a cell']\n"
    told = _run(
        kernel,
        "plain = AdminChat.from_env(**flags)\n"
        f"with plain.open({session!r}) as conversation:\n"
        "    print(conversation.reply('Blocking').delivery)",
    )
    assert told == "confirmed\n"
    told = _run(
        kernel,
        "import asyncio\n"
        "async with asyncio.timeout(60):\n"
        "    while len(heard) < 2:\n"
        "        await asyncio.sleep(0.01)\n"
        "print(heard, plain.close(), await desk.close())",
    )
    assert told == "['From a cell', 'Blocking'] () ()\n"


async def test_two_loops_one_after_the_other_each_have_their_client(
    flags: dict[str, Any], session: str
) -> None:
    """As ``asyncio.run`` is called again and again in a script."""

    async def talk() -> int:
        from imbari_chat import AsyncAdminChat

        async with AsyncAdminChat.from_env(**flags) as desk:
            return len(await desk.sessions())

    for _ in range(2):
        assert await asyncio.to_thread(asyncio.run, talk()) == 1
