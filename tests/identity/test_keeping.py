"""A renewed sign-in is kept beside whatever it is used for, however long that takes."""

import threading
import time

import pytest

from imbari_chat.errors import ConfigError
from imbari_chat.identity import keeping
from imbari_chat.identity.keeping import TokenKeeper

WAIT = 60.0


class Disk:
    """One that may hang, or be full."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.asked = threading.Semaphore(0)
        self.works = threading.Event()
        self.is_full = False

    def __call__(self, token: str) -> None:
        self.asked.release()
        assert self.works.wait(WAIT)
        if self.is_full:
            raise ConfigError("no space left")
        self.kept.append(token)


def settled(keeper: TokenKeeper) -> None:
    """Wait until it writes no more."""
    thread = keeper._thread
    if thread is not None:
        thread.join(WAIT)
        assert not thread.is_alive()


def test_what_is_kept_at_once_is_there_when_it_returns() -> None:
    """A program may end right after."""
    disk = Disk()
    disk.works.set()
    keeper = TokenKeeper(disk)
    for token in ("r1", "r2"):
        keeper.put(token)
    assert disk.kept == ["r1", "r2"]


def test_a_disk_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what came meanwhile, the last is written when it works again."""
    monkeypatch.setattr(keeping, "_PATIENCE", 0.01)
    disk = Disk()
    keeper = TokenKeeper(disk)
    begin = time.monotonic()
    keeper.put("r1")
    assert disk.asked.acquire(timeout=WAIT)
    for token in ("r2", "r3", "r4"):
        keeper.put(token)
    assert time.monotonic() - begin < WAIT
    assert disk.kept == []
    disk.works.set()
    settled(keeper)
    assert disk.kept == ["r1", "r4"]


def test_a_full_disk_is_said_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """The next token is another try."""
    disk = Disk()
    disk.works.set()
    disk.is_full = True
    keeper = TokenKeeper(disk)
    keeper.put("r1")
    settled(keeper)
    assert "could not be kept: no space left" in caplog.text
    disk.is_full = False
    keeper.put("r2")
    settled(keeper)
    assert disk.kept == ["r2"]
    assert "r1" not in caplog.text


def test_one_that_fails_in_a_way_nobody_foresaw_keeps_no_other_from_being_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged, but for what it says, which may hold the token."""
    kept: list[str] = []

    def keep(token: str) -> None:
        if token == "first":
            raise RuntimeError(token)
        kept.append(token)

    keeper = TokenKeeper(keep)
    keeper.put("first")
    settled(keeper)
    keeper.put("second")
    settled(keeper)
    assert caplog.messages == ["the renewed sign-in could not be kept (RuntimeError)"]
    assert kept == ["second"]


def test_a_program_that_ends_does_not_wait_for_a_keyring() -> None:
    """It may ask somebody who is not there."""
    threads: list[threading.Thread] = []
    keeper = TokenKeeper(lambda _: threads.append(threading.current_thread()))
    keeper.put("r1")
    settled(keeper)
    (thread,) = threads
    assert thread is not threading.main_thread()
    assert thread.daemon
