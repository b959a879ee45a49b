"""Blocking calls off the event loop."""

import asyncio
import threading

import pytest

from imbari_chat.engine.access import hangs_on, heard, hearing
from imbari_chat.errors import Unavailable
from imbari_chat.net.workers import Workers


async def test_results_and_errors_come_back() -> None:
    """As if the call had been made here."""
    workers = Workers(2, "test")
    assert await workers.run(pow, 2, 10) == 1024
    with pytest.raises(ZeroDivisionError):
        await workers.run(divmod, 1, 0)
    workers.close()


async def test_a_hanging_call_does_not_hold_up_the_others() -> None:
    """There are as many threads as calls under way, up to the limit."""
    workers = Workers(2, "test")
    assert await workers.run(len, "a") == 1
    release = threading.Event()
    hanging = asyncio.create_task(workers.run(release.wait))
    assert await asyncio.wait_for(workers.run(len, "abc"), 30) == 3
    hanging.cancel()
    assert await asyncio.wait_for(workers.run(len, "ab"), 30) == 2
    release.set()
    workers.close()


async def test_no_more_threads_than_allowed_are_started() -> None:
    """However many calls wait."""
    workers = Workers(3, "counted")
    names = await asyncio.gather(
        *(workers.run(lambda: threading.current_thread().name) for _ in range(50))
    )
    assert len(set(names)) <= 3
    workers.close()


async def test_a_thread_that_is_free_is_used_before_another_is_started() -> None:
    """Whoever asks for one thing after the other has one thread."""
    workers = Workers(3, "counted")
    names = {await workers.run(lambda: threading.current_thread().name) for _ in range(5)}
    assert len(names) == len(workers._threads) == 1
    workers.close()


async def test_a_closed_pool_takes_no_calls_and_its_threads_end() -> None:
    """Nothing is left behind."""
    workers = Workers(1, "test")
    thread = await workers.run(threading.current_thread)
    workers.close()
    workers.close()
    thread.join(5)
    assert not thread.is_alive()
    with pytest.raises(Unavailable):
        await workers.run(len, "")


async def test_the_threads_never_keep_the_process_alive() -> None:
    """A request that hangs for ever must not outlive main."""
    workers = Workers(1, "test")
    assert (await workers.run(threading.current_thread)).daemon
    workers.close()


async def test_a_program_that_is_ending_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python refuses new threads then, and the caller hears that nothing was done."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    workers = Workers(1, "test")
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(Unavailable) as caught:
        await workers.run(int)
    assert not caught.value.outcome_unknown
    monkeypatch.undo()
    assert await workers.run(int) == 0
    workers.close()


async def test_a_call_that_hears_something_may_take_any_time() -> None:
    """Silence ends the wait, and not the length of an answer."""
    workers = Workers(1, "test")
    pause = threading.Event()

    def read() -> str:
        for _ in range(6):
            pause.wait(0.4)
            heard()
        return "all of it"

    assert await workers.run_while_heard(read, silence=2.0) == "all of it"
    workers.close()


async def test_a_call_that_hears_nothing_is_given_up() -> None:
    """Counted from the last thing that was heard; an error that comes later is nobody's."""
    workers = Workers(1, "test")
    release = threading.Event()

    def read() -> None:
        heard()
        release.wait(5)
        raise ValueError

    with pytest.raises(TimeoutError):
        await workers.run_while_heard(read, silence=0.05)
    release.set()
    assert await workers.run(len, "abc") == 3
    workers.close()


async def test_a_call_that_is_given_up_is_cut_and_its_thread_is_free() -> None:
    """What it hangs on may go on for ever, and others are to have their turn.

    Whoever waited for it may have gone before.
    """
    workers = Workers(1, "test")
    cut = threading.Event()

    def hang() -> None:
        for _ in range(3):  # as one that follows redirects
            hangs_on(cut.set)
            cut.wait()
            cut.clear()

    for is_cancelled in (False, True, False):
        waiting = asyncio.create_task(workers.run_while_heard(hang, silence=0.01))
        await asyncio.sleep(0)
        if is_cancelled:
            waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled() or isinstance(waiting.exception(), TimeoutError)
        assert await asyncio.wait_for(workers.run(len, "abc"), 60) == 3
    workers.close()


async def test_a_call_that_waits_for_a_worker_counts_what_the_others_hear() -> None:
    """On a slow line the one before it takes its time, and is no sign of an outage."""
    workers = Workers(1, "test")
    pause = threading.Event()

    def read() -> None:
        for _ in range(6):
            pause.wait(0.4)
            heard()

    first = asyncio.create_task(workers.run_while_heard(read, silence=2.0))
    await asyncio.sleep(0)  # it has the worker
    assert await workers.run_while_heard(len, "abc", silence=2.0) == 3
    await first
    workers.close()


async def test_what_comes_of_an_abandoned_call_is_passed_over() -> None:
    """A result or an error: it is nobody's, and no error of the event loop's."""
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    workers = Workers(1, "test")
    for divisor in (1, 0):
        release = threading.Event()
        call = asyncio.create_task(
            workers.run(lambda go_on=release, by=divisor: go_on.wait(30) and 1 // by)
        )
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait({call})
        release.set()
        assert await workers.run(len, "abc") == 3
    workers.close()
    assert complaints == []


async def test_a_result_that_comes_as_the_wait_is_cancelled_is_passed_over() -> None:
    """It is on its way to the event loop then, before whoever waited has heard of the end."""
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    workers = Workers(1, "test")
    for divisor in (1, 0):
        waiting = asyncio.create_task(workers.run(divmod, 1, divisor))
        await asyncio.sleep(0)
        over = threading.Event()
        workers.begin(over.set, told=lambda *_: None)
        assert over.wait(60)  # the loop stands still meanwhile
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled()
    workers.close()
    assert complaints == []


@pytest.mark.parametrize("silence", [None, 0.01])
async def test_a_call_that_was_given_up_before_it_began_is_not_made(silence: float | None) -> None:
    """A write that nobody waits for any more would undo what was written since."""
    workers = Workers(1, "test")
    release, made = threading.Event(), list[str]()
    busy = asyncio.create_task(workers.run(release.wait, 30))
    await asyncio.sleep(0)
    if silence is None:
        waiting = asyncio.create_task(workers.run(made.append, "late"))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
    else:
        with pytest.raises(TimeoutError):
            await workers.run_while_heard(made.append, "late", silence=silence)
    release.set()
    await busy
    assert await workers.run(len, "abc") == 3
    assert made == []
    workers.close()


async def test_whoever_abandons_a_call_learns_whether_it_has_begun() -> None:
    """One that has not never does; nobody is told of either."""
    workers = Workers(1, "test")
    begun, release = threading.Event(), threading.Event()
    made, told = list[str](), list[object]()

    def hold() -> None:
        begun.set()
        release.wait(30)

    first = workers.begin(hold, told=lambda *outcome: told.append(outcome))
    second = workers.begin(made.append, "late", told=lambda *outcome: told.append(outcome))
    assert await asyncio.to_thread(begun.wait, 60)
    assert (first(), second()) == (True, False)
    release.set()
    assert await workers.run(len, "abc") == 3
    assert (made, told) == ([], [])
    workers.close()


@pytest.mark.parametrize("error", [None, ValueError("no")])
async def test_what_comes_of_a_call_is_told_without_a_task(error: Exception | None) -> None:
    """Once, on the event loop's thread, be it a result or an error."""
    workers = Workers(1, "test")
    told: asyncio.Future[tuple[object, object, int]] = asyncio.get_running_loop().create_future()

    def call() -> str:
        if error is not None:
            raise error
        return "made"

    workers.begin(
        call, told=lambda result, error: told.set_result((result, error, threading.get_ident()))
    )
    assert asyncio.all_tasks() == {asyncio.current_task()}
    result = None if error is not None else "made"
    assert await told == (result, error, threading.get_ident())
    workers.close()


async def test_each_call_has_its_own_patience() -> None:
    """One that is given up later waits no less long for that another was looked at before."""
    workers = Workers(3, "test")
    release = threading.Event()
    loop = asyncio.get_running_loop()
    ended: list[str] = []

    async def wait(name: str, silence: float) -> None:
        with pytest.raises(TimeoutError):
            await workers.run_while_heard(release.wait, 60, silence=silence)
        ended.append(name)

    begin = loop.time()
    await asyncio.gather(wait("last", 0.3), wait("first", 0.01), wait("second", 0.15))
    assert ended == ["first", "second", "last"]
    assert loop.time() - begin >= 0.29
    release.set()
    workers.close()


async def test_what_nobody_listens_for_is_heard_all_the_same() -> None:
    """A write says so as well, and its deadline is another."""
    workers = Workers(1, "test")
    heard()
    await workers.run(heard)
    workers.close()


async def test_cancelling_a_call_that_is_listened_to_abandons_it() -> None:
    """Its result is nobody's."""
    workers = Workers(1, "test")
    release = threading.Event()
    waiting = asyncio.create_task(workers.run_while_heard(release.wait, silence=30.0))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()
    assert await workers.run(len, "abc") == 3
    workers.close()


def test_what_is_heard_is_told_to_the_innermost_block_and_to_none_outside() -> None:
    """A thread goes on to the next call, of which nobody may want to hear."""
    told: list[str] = []
    with hearing(lambda: told.append("outer")):
        with hearing(lambda: told.append("inner")):
            heard()
        heard()
    heard()
    assert told == ["inner", "outer"]
