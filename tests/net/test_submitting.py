"""Writing without waiting, over a transport where a write is waited for."""

import asyncio
from collections.abc import Mapping

import pytest

from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.net.submitting import Submitter
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT, Path


class Writing:
    """A database that answers when it is let to, and whoever is told of it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.may_answer = asyncio.Event()
        self.written: list[Mapping[Path, Json]] = []
        self.told: list[ImbariError | None] = []
        self.submitter = Submitter(self._update)

    async def _update(self, changes: Mapping[Path, Json]) -> None:
        self.written.append(changes)
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("error", [None, Unavailable("no network")])
async def test_the_end_of_a_write_is_told_once(error: ImbariError | None) -> None:
    """Whichever it is, and not before it is known."""
    writing = Writing(error)
    writing.submitter.submit({ROOT: 1}, writing.told.append)
    await _settled()
    assert (writing.written, writing.told) == ([{ROOT: 1}], [])
    writing.may_answer.set()
    await _settled()
    assert writing.told == [error]
    assert not writing.submitter._tasks


async def test_what_is_taken_back_is_told_to_nobody() -> None:
    """One that has begun may be made all the same."""
    writing = Writing()
    begun = writing.submitter.submit({ROOT: 1}, writing.told.append)
    await _settled()
    waiting = writing.submitter.submit({ROOT: 2}, writing.told.append)
    assert (begun(), waiting()) == (True, True)
    writing.may_answer.set()
    await _settled()
    assert (writing.written, writing.told) == ([{ROOT: 1}], [])


async def test_closing_ends_all_of_them_and_raises_nothing() -> None:
    """Nobody is told any more; closing again is fine."""
    writing = Writing()
    for number in range(3):
        writing.submitter.submit({ROOT: number}, writing.told.append)
    await _settled()
    before = asyncio.all_tasks()
    await writing.submitter.close()
    await writing.submitter.close()
    assert len(before - asyncio.all_tasks()) == 3
    writing.may_answer.set()
    await _settled()
    assert writing.told == []
