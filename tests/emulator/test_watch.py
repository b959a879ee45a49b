"""Watching a file."""

import os
import threading
from pathlib import Path
from types import SimpleNamespace

from imbari_chat.emulator.watch import watching


def test_each_change_is_noticed(tmp_path: Path) -> None:
    """In place, by replacement, and after the file was gone for a moment."""
    file = tmp_path / "rules.json"
    file.write_text("1")
    seen: list[str] = []
    noticed = threading.Semaphore(0)

    def changed() -> None:
        seen.append(file.read_text())
        noticed.release()

    with watching(file, changed, every=0.005):
        assert noticed.acquire(timeout=60)
        file.write_text("22")
        while seen[-1] != "22":
            assert noticed.acquire(timeout=60)
        other = tmp_path / "other"
        other.write_text("33")
        other.replace(file)
        while seen[-1] != "33":
            assert noticed.acquire(timeout=60)
        state = file.stat()
        file.unlink()
        file.write_text("44")
        os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
        while seen[-1] != "44":
            assert noticed.acquire(timeout=60)


def test_what_is_as_it_was_has_not_changed() -> None:
    """Nor has what is gone for a moment; its time, its size and its identity count."""
    looks = [None, (1, 1, 1), (1, 1, 1), None, (1, 1, 1), (2, 1, 1), (2, 2, 1), None, (2, 2, 2)]
    looked = 0
    changes: list[int] = []
    over = threading.Event()

    class File(type(Path())):  # type: ignore[misc]  # whichever class paths have here
        def stat(self, *, follow_symlinks: bool = True) -> SimpleNamespace:
            nonlocal looked
            if looked == len(looks):
                over.set()
                raise FileNotFoundError
            found, looked = looks[looked], looked + 1
            if found is None:
                raise FileNotFoundError
            return SimpleNamespace(st_mtime_ns=found[0], st_size=found[1], st_ino=found[2])

    with watching(File("any"), lambda: changes.append(looked), every=0):
        assert over.wait(60)
    assert changes == [2, 6, 7, 9]


def test_watching_ends_with_the_block(tmp_path: Path) -> None:
    """No thread is left."""
    before = threading.active_count()
    with watching(tmp_path / "none", lambda: None):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
