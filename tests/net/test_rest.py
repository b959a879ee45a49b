"""The REST transport: one identity, opened once, and answers within a deadline."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping

import pytest

from imbari_chat.errors import AccessDenied, AuthError, Unavailable
from imbari_chat.net import base
from imbari_chat.net.rest import RestTransport
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

    def get_shallow(self, path: Path) -> Json:
        return self._answer({str(path): True})

    def get(self, path: Path, query: Query | None = None) -> Json:
        return self._answer([str(path), query is None])

    def update(self, changes: Mapping[Path, Json]) -> None:
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
    monkeypatch.setattr(base, "GRACE", 30.0)

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
