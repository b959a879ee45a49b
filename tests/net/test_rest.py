"""The REST transport: one identity, opened once, and answers within a deadline."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping

import pytest

from imbari_chat.errors import AccessDenied, AuthError, ClientClosed, ImbariError, Unavailable
from imbari_chat.net import base, process, rest
from imbari_chat.net.rest import _MOST_CALLS, RestTransport
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query
from tests.net.scripted import Caller


class Library(Caller):
    """An identity whose calls answer, fail, or hang until they are released."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9")
        self.release = threading.Event()
        self.hangs = False
        self.error: Exception | None = None
        self.asked: list[Json] = []
        self.begun = threading.Semaphore(0)

    def get_shallow(self, path: Path) -> Json:
        return self._answer({str(path): True})

    def get(self, path: Path, query: Query | None = None) -> Json:
        return self._answer([str(path), query is None])

    def update(self, changes: Mapping[Path, Json]) -> None:
        self.asked.append({str(path): value for path, value in changes.items()})
        self.begun.release()
        self._answer(None)

    def compare_and_set(self, path: Path, expected: Json, value: Json) -> bool:
        return self._answer(expected) == 5

    def _answer(self, value: Json) -> Json:
        if self.hangs:
            self.release.wait(30)
        if self.error is not None:
            raise self.error
        return value


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
async def transport(library: Library) -> AsyncIterator[RestTransport]:
    """A transport that is patient, until a test says otherwise."""
    made = RestTransport(lambda: library, timeout=60.0)
    yield made
    library.release.set()
    await made.close()


async def test_calls_go_to_the_identitys_library(transport: RestTransport) -> None:
    """What it returns is returned."""
    assert await transport.get(Path.parse("/a"), Query.by_key()) == ["/a", False]
    assert await transport.get(ROOT) == ["/", True]
    assert await transport.get_shallow(ROOT) == {"/": True}
    assert await transport.compare_and_set(ROOT, 5, 6) is True
    assert await transport.compare_and_set(ROOT, 4, 6) is False


async def test_errors_come_through(transport: RestTransport, library: Library) -> None:
    """As they were raised."""
    library.error = AccessDenied("no")
    with pytest.raises(AccessDenied):
        await transport.update({ROOT: 1})


async def test_a_read_that_hangs_is_answered_at_its_deadline(
    transport: RestTransport, library: Library
) -> None:
    """Nothing was written, so nothing is unknown."""
    library.hangs, transport._timeout = True, 0.05
    for read in (transport.get, transport.get_shallow):
        with pytest.raises(Unavailable) as caught:
            await read(ROOT)
        assert not caught.value.outcome_unknown


async def test_a_write_that_hangs_is_unknown_at_its_deadline(
    transport: RestTransport, library: Library
) -> None:
    """It may still be made; the caller is not told otherwise."""
    library.hangs, transport._timeout = True, 0.05
    with pytest.raises(Unavailable) as caught:
        await transport.update({Path.parse("/a"): 1})
    assert caught.value.outcome_unknown
    assert caught.value.where == "/a"
    with pytest.raises(Unavailable) as caught:
        await transport.compare_and_set(Path.parse("/b"), 1, 2)
    assert caught.value.outcome_unknown
    assert caught.value.where == "/b"


async def test_the_librarys_own_deadline_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows more of what went wrong; ours is for calls that hang all the same."""
    for module in (base, rest):
        monkeypatch.setattr(module, "GRACE", 30.0)

    class Patient(Library):
        def _answer(self, value: Json) -> Json:
            self.release.wait(0.2)
            raise Unavailable("its own words")

    transport = RestTransport(Patient, timeout=0.2)
    with pytest.raises(Unavailable, match="its own words"):
        await transport.get(ROOT)
    with pytest.raises(Unavailable, match="its own words"):
        await transport.update({ROOT: 1})
    with pytest.raises(Unavailable, match="its own words"):
        await transport.compare_and_set(ROOT, 1, 2)
    told: asyncio.Queue[ImbariError | None] = asyncio.Queue()
    transport.submit({ROOT: 1}, told.put_nowait)
    assert "its own words" in str(await told.get())
    await transport.close()


async def test_somebody_signs_in_once_however_many_calls_wait_for_it() -> None:
    """And not on the event loop's thread."""
    opened: list[threading.Thread] = []

    def open_access() -> Library:
        opened.append(threading.current_thread())
        return Library()

    transport = RestTransport(open_access, timeout=5.0)
    uids, accounts = [transport.uid], [transport.account]
    await asyncio.gather(*(transport.get(ROOT) for _ in range(5)))
    uids.append(transport.uid)
    accounts.append(transport.account)
    assert uids == [None, "caller"]
    assert accounts == [None, "caller@imbari.example"]
    assert len(opened) == 1
    assert opened[0] is not threading.current_thread()
    await transport.close()


async def test_a_sign_in_that_failed_is_tried_again_by_the_next_call() -> None:
    """The password may be right the second time, the network back."""
    outcomes: list[Exception | Library] = [AuthError("no"), Library()]

    def open_access() -> Library:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    transport = RestTransport(open_access, timeout=5.0)
    with pytest.raises(AuthError):
        await transport.open()
    await transport.open()
    assert transport.uid == "caller"
    await transport.close()


async def test_calls_from_one_place_never_mix_up_their_paths() -> None:
    """A path is a value: nothing done with one changes it for somebody else."""
    transport = RestTransport(Library, timeout=5.0)
    place = Path.parse("/messages")
    answers = await asyncio.gather(*(transport.get(place / f"m{n}") for n in range(200)))
    assert answers == [[f"/messages/m{n}", True] for n in range(200)]
    assert place == Path.parse("/messages")
    with pytest.raises(AttributeError):
        place.keys = ("users",)  # type: ignore[attr-defined]  # what must not work
    await transport.close()


async def test_a_closed_transport_neither_calls_nor_listens() -> None:
    """It says so instead."""
    transport = RestTransport(Library, timeout=5.0)
    await transport.close()
    with pytest.raises(Unavailable, match="closed"):
        await transport.get(ROOT)
    with pytest.raises(Unavailable, match="closed"):
        transport.listen(ROOT)


async def test_who_is_known_writes_without_a_task(
    transport: RestTransport, library: Library
) -> None:
    """A worker has the write when it was submitted, and whoever submitted it is told its end."""
    await transport.open()
    told: asyncio.Queue[ImbariError | None] = asyncio.Queue()
    transport.submit({ROOT: 1}, told.put_nowait)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert await told.get() is None
    library.error = AccessDenied("no")
    transport.submit({ROOT: 1}, told.put_nowait)
    assert await told.get() is library.error


async def test_a_write_may_be_submitted_before_it_is_known_who_asks(
    transport: RestTransport, library: Library
) -> None:
    """That is found out first."""
    told: asyncio.Queue[ImbariError | None] = asyncio.Queue()
    withdraw = transport.submit({ROOT: 1}, told.put_nowait)
    assert await told.get() is None
    assert library.asked == [{"/": 1}]
    assert isinstance(withdraw(), bool)


async def test_a_submitted_write_that_hangs_is_unknown_at_its_deadline(
    transport: RestTransport, library: Library
) -> None:
    """As one that is waited for."""
    await transport.open()
    library.hangs, transport._timeout = True, 0.05
    told: asyncio.Queue[ImbariError | None] = asyncio.Queue()
    transport.submit({Path.parse("/a"): 1}, told.put_nowait)
    error = await told.get()
    assert isinstance(error, Unavailable)
    assert (error.outcome_unknown, error.where) == (True, "/a")


async def test_a_submitted_write_that_is_taken_back_in_time_is_never_made(
    transport: RestTransport, library: Library
) -> None:
    """It is known not to be there; of one that is under way nobody knows."""
    await transport.open()
    library.hangs = True
    told: list[ImbariError | None] = []
    withdrawals = [transport.submit({ROOT: number}, told.append) for number in range(_MOST_CALLS)]
    late = transport.submit({ROOT: "late"}, told.append)
    for _ in withdrawals:
        await asyncio.to_thread(library.begun.acquire, timeout=60)
    assert late() is False
    assert {withdraw() for withdraw in withdrawals} == {True}
    library.release.set()
    await transport.get(ROOT)
    assert {"/": "late"} not in library.asked
    assert told == []


@pytest.mark.parametrize("known", [True, False])
async def test_a_forked_child_submits_nothing(
    transport: RestTransport, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """Who would write, and the loop that would hear of it, are the parent's."""
    if known:
        await transport.open()
    with monkeypatch.context() as child:
        child.setattr(process._this, "pid", -1)
        with pytest.raises(RuntimeError, match="after forking"):
            transport.submit({ROOT / "a": 1}, lambda _: None)


async def test_what_a_write_comes_to_after_closing_is_nobodys(library: Library) -> None:
    """And a write after closing is told that, and begins nothing."""
    transport = RestTransport(lambda: library, timeout=60.0)
    await transport.open()
    library.hangs = True
    told: list[ImbariError | None] = []
    transport.submit({ROOT: 1}, told.append)
    await transport.close()
    assert transport.submit({ROOT: 2}, told.append)() is False
    assert [type(error) for error in told] == [ClientClosed]
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    library.release.set()
    for thread in transport._workers._threads:
        await asyncio.to_thread(thread.join, 30)
    await asyncio.sleep(0)
    assert [type(error) for error in told] == [ClientClosed]
    assert complaints == []


async def test_a_mistake_of_ours_in_a_submitted_write_is_reported(
    transport: RestTransport, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for it, and it must not vanish."""
    reported: asyncio.Queue[BaseException] = asyncio.Queue()
    monkeypatch.setattr(rest, "report", lambda error, _: reported.put_nowait(error))
    await transport.open()
    library.error = ZeroDivisionError()
    transport.submit({ROOT: 1}, lambda _: None)
    assert await reported.get() is library.error
