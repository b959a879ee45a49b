"""Where work is done: at once, or in one of two threads."""

import asyncio
import threading

import pytest

from imbari_chat.emulator.offload import Offload, here


async def test_only_what_is_large_is_done_in_a_thread() -> None:
    """From 64 KiB on, or from whatever it was told."""
    for offload, large in ((Offload(), 64 * 1024), (Offload(7), 7)):
        threads = [await offload(weight, threading.current_thread) for weight in (large - 1, large)]
        assert threads[0] is threading.current_thread()
        assert threads[1].name.startswith("imbari-emulator-large")
        offload.close()
    assert await here(2**40, threading.current_thread) is threading.current_thread()


async def test_what_is_raised_is_raised_to_who_asked() -> None:
    """Wherever it is done."""
    offload = Offload(1)
    for weight in (0, 1):
        with pytest.raises(ZeroDivisionError):
            await offload(weight, lambda: 1 / 0)
    offload.close()


async def test_two_large_ones_are_done_at_once_and_no_more_are_begun_at_the_end() -> None:
    """Those that have begun are finished, and nobody waits for them."""
    offload, go = Offload(0), threading.Event()
    begun = threading.Semaphore(0)

    def work() -> int:
        begun.release()
        assert go.wait(60)
        return 7

    asked = [asyncio.ensure_future(offload(1, work)) for _ in range(3)]
    for _ in range(2):
        assert await asyncio.to_thread(begun.acquire, timeout=60)
    offload.close()
    await asyncio.wait(asked[2:])
    assert asked[2].cancelled()
    assert not begun.acquire(blocking=False)
    go.set()
    assert await asyncio.gather(*asked[:2]) == [7, 7]
    with pytest.raises(RuntimeError):
        await offload(1, work)
    assert await offload(-1, lambda: "small") == "small"
