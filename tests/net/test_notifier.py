"""Waiting for what others change, without asking again and again."""

import asyncio

import pytest

from imbari_chat.net.notifier import Notifier


@pytest.mark.parametrize("patience", [None, 60.0])
async def test_it_is_asked_now_and_after_each_change(patience: float | None) -> None:
    """By everybody who waits."""
    notifier, asked, is_so = Notifier(), list[int](), False

    def condition() -> bool:
        asked.append(1)
        return is_so

    waiting = [asyncio.create_task(notifier.until(condition, patience)) for _ in range(2)]
    await asyncio.sleep(0)
    assert len(asked) == 2
    for _ in range(2):
        notifier.notify()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(asked) == 6
    is_so = True
    notifier.notify("whatever a callback is given")
    assert await asyncio.gather(*waiting) == [True, True]
    assert await notifier.until(condition, patience)


async def test_whoever_waits_too_long_is_told_and_leaves_others_waiting() -> None:
    """As does whoever is cancelled."""
    notifier, is_so = Notifier(), False
    others = asyncio.create_task(notifier.until(lambda: is_so))
    assert await notifier.until(lambda: False, 0.0) is False
    given_up = asyncio.create_task(notifier.until(lambda: False))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    is_so = True
    notifier.notify()
    assert await others


async def test_whoever_looks_by_himself_waits_for_the_next_change() -> None:
    """Or not at all, if there was one since he began to look."""
    notifier = Notifier()
    before = notifier.times
    assert await notifier.more_than(before, 0.0) is False
    waiting = asyncio.create_task(notifier.more_than(before))
    await asyncio.sleep(0)
    notifier.notify()
    assert await waiting is True
    assert await notifier.more_than(before, 0.0) is True
    assert await notifier.more_than(notifier.times, 0.0) is False
