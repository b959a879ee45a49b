"""What finds leaks finds them: without this, a clean round would mean nothing."""

import asyncio
import contextlib
import gc
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import leaks
from tests.faults.leaks import Baseline, Belongings, attributing_tasks

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what is open")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing ends by itself here."""
    monkeypatch.setattr(leaks, "_PATIENCE", 0.0)


@pytest.fixture
def ours(tmp_path: Path) -> Belongings:
    """A round's."""
    return Belongings(tmp_path, "faults 7-")


@contextlib.contextmanager
def _thread(name: str) -> Iterator[None]:
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name=name)
    thread.start()
    yield
    over.set()
    thread.join()


async def test_a_task_that_began_in_a_round_is_the_rounds(ours: Belongings) -> None:
    """And so is what it begins; what others began is not."""
    asyncio.get_running_loop().set_task_factory(attributing_tasks)
    inner: list[asyncio.Task[bool]] = []

    async def begin() -> None:
        inner.append(asyncio.create_task(asyncio.Event().wait(), name="inner"))

    other = asyncio.create_task(asyncio.Event().wait(), name="other")
    with ours.here():
        await asyncio.create_task(begin())
    (left,) = await ours.left()
    assert "inner" in left
    inner[0].cancel()
    await asyncio.wait(inner)
    assert await ours.left() == []
    other.cancel()


async def test_a_thread_of_the_rounds_name_is_the_rounds(ours: Belongings) -> None:
    """Those of round 70 are not round 7's."""
    baseline = Baseline()
    with _thread("faults 70-0"), _thread("faults 7-0"):
        assert await ours.left() == ["thread faults 7-0"]
        assert "thread faults 70-0" in await baseline.left()


@linux
async def test_a_socket_at_a_port_of_the_round_is_the_rounds(ours: Belongings) -> None:
    """Whichever end it is."""
    baseline = Baseline()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert await ours.left() == []
        ours.ports.add(port)
        assert await ours.left() == [f"socket at {port}"]
        (left,) = await baseline.left()
        assert "socket" in left


@linux
async def test_a_socket_in_a_cycle_is_no_leak_whenever_it_came_there(
    ours: Belongings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that is waited for may leave one behind as it ends: here, at the first look."""
    look = ours._left
    gc.disable()
    try:
        held = [socket.create_server(("127.0.0.1", 0))]
        ours.ports.add(held[0].getsockname()[1])

        def looking() -> list[str]:
            found = look()
            if held:
                cycle: list[object] = [held.pop()]
                cycle.append(cycle)
            return found

        monkeypatch.setattr(ours, "_left", looking)
        assert await ours.left() == []
    finally:
        gc.enable()


async def test_a_temporary_file_and_an_open_one_are_left_over(
    ours: Belongings, tmp_path: Path
) -> None:
    """What clients keep on purpose is not."""
    (tmp_path / "amina").mkdir()
    kept = tmp_path / "amina" / "tokens.json"
    kept.touch()
    assert await ours.left() == []
    (tmp_path / "amina" / "outbox.sqlite-wal").touch()
    with kept.open():
        found = await ours.left()
    assert f"file {tmp_path}/amina/outbox.sqlite-wal" in found
    assert (f"open file {kept}" in found) == (sys.platform == "linux")
