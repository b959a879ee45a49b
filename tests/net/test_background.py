"""What runs in the background ends with its owner, and its mistakes are heard of."""

import asyncio
import logging
import re

import pytest

from imbari_chat.net.background import BackgroundTasks, in_background


async def _fail() -> None:
    raise KeyError("auth=secret-token")


async def test_a_mistake_of_its_own_is_logged_and_shows_no_secret(
    caplog: pytest.LogCaptureFixture, mistakes: list[str]
) -> None:
    task = in_background(_fail(), "listening below")
    await asyncio.wait({task})
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.message.startswith("listening below has ended by an error of its own:\n")
    assert re.search(r"_fail\n.*raise KeyError\(", record.message, re.DOTALL)
    assert "KeyError: 'auth=[hidden]" in record.message
    assert mistakes.pop() == record.message


async def test_what_ends_well_or_is_cancelled_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tasks = BackgroundTasks("one")
    tasks.start(asyncio.sleep(0))
    hanging = tasks.start(asyncio.Event().wait())  # type: ignore[arg-type]  # what it gives is lost
    assert tasks
    await tasks.wait(0)
    await tasks.close()
    assert hanging.cancelled()
    assert not tasks
    assert caplog.records == []


async def test_one_that_waits_for_all_does_not_wait_for_itself() -> None:
    tasks = BackgroundTasks("one")
    other = asyncio.Event()
    tasks.start(other.wait())  # type: ignore[arg-type]  # what it gives is lost
    closing = tasks.start(tasks.wait())
    await asyncio.sleep(0)
    assert not closing.done()
    other.set()
    async with asyncio.timeout(60):
        await closing


async def test_waiting_is_over_when_its_time_is() -> None:
    tasks = BackgroundTasks("one")
    await tasks.wait()  # for none
    tasks.start(asyncio.Event().wait())  # type: ignore[arg-type]  # what it gives is lost
    await tasks.wait(0.001)
    assert tasks
    await tasks.close()


async def test_a_task_is_called_like_all_of_its_owner_or_by_a_name_of_its_own() -> None:
    """Which is what the log says of it."""
    tasks = BackgroundTasks("one")
    named = [tasks.start(asyncio.sleep(0)), tasks.start(asyncio.sleep(0), "other")]
    assert [task.get_name() for task in named] == ["one", "other"]
    await tasks.close()
