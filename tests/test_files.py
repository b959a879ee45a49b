"""Files that are replaced as a whole."""

import os
import stat
from pathlib import Path
from typing import cast

import pytest

from imbari_chat import files
from imbari_chat.files import FileLock, replacing, write_all


def test_readers_see_all_of_the_old_or_all_of_the_new(tmp_path: Path) -> None:
    """Until the block is left it is the old one."""
    file = tmp_path / "list"
    file.write_bytes(b"old")
    with replacing(file) as new:
        assert write_all(new, b"new ") == 4
        write_all(new, b"and longer")
        assert file.read_bytes() == b"old"
    assert file.read_bytes() == b"new and longer"
    assert [one.name for one in tmp_path.iterdir()] == ["list"]


def test_a_system_that_takes_little_at_a_time_gets_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call may write less than it was given."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda to, data: write(to, data[:3]))
    with replacing(tmp_path / "list") as new:
        assert write_all(new, b"0123456789") == 10
    assert (tmp_path / "list").read_bytes() == b"0123456789"


def test_a_block_that_raises_leaves_what_was_there(tmp_path: Path) -> None:
    """And nothing beside it."""
    file = tmp_path / "list"
    file.write_bytes(b"old")
    with pytest.raises(TypeError), replacing(file) as new:
        write_all(new, b"half" + cast("bytes", "and no more"))
    assert file.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["list"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_nobody_else_reads_it_at_any_moment(tmp_path: Path, mode: int) -> None:
    """From its first byte on it has the mode that was asked for, and an old one's is not kept."""
    file = tmp_path / "token"
    file.write_bytes(b"old")
    file.chmod(0o666)
    with replacing(file, mode=mode) as new:
        during = stat.S_IMODE(os.fstat(new).st_mode)
    after = stat.S_IMODE(file.stat().st_mode)
    assert (during & ~mode, after & ~mode) == (0, 0)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """Whoever put it there gains nothing."""
    elsewhere, file = tmp_path / "elsewhere", tmp_path / "hub.json"
    elsewhere.write_bytes(b"precious")
    file.symlink_to(elsewhere)
    with replacing(file) as new:
        write_all(new, b"new")
    assert (elsewhere.read_bytes(), file.is_symlink()) == (b"precious", False)


@pytest.mark.skipif(os.name == "nt", reason="Windows opens no directory")
def test_what_replaced_another_lasts_through_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are on the disk before they have the name, and the name is at the end."""
    file, synced, opened = tmp_path / "list", [], []

    def fsync(descriptor: int) -> None:
        opened.append(descriptor)
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append(("name" if is_directory else "bytes", file.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    with replacing(file) as new:
        write_all(new, b"new")
    assert synced == [("bytes", False), ("name", True)]
    assert opened
    for descriptor in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_a_lock_is_had_by_one_until_it_is_let_go_of(tmp_path: Path) -> None:
    """By leaving its block, or at once; doing so again takes nothing from the next."""
    file = tmp_path / "lock"
    first = FileLock.take(file)
    assert first is not None
    with first as held:
        assert held is first
        assert FileLock.take(file) is None
    second = FileLock.take(file)
    assert second is not None
    first.close()
    assert FileLock.take(file) is None
    second.close()
    if os.name != "nt":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("error", [BlockingIOError, PermissionError, OSError, KeyboardInterrupt])
def test_a_lock_that_is_not_had_holds_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """Whoever has it: nobody is told; else whoever wanted it."""
    opened: list[int] = []

    def refuse(descriptor: int, *, wait: bool) -> None:
        opened.append(descriptor)
        raise error

    monkeypatch.setattr(files, "_lock", refuse)
    if error in (BlockingIOError, PermissionError):
        assert FileLock.take(tmp_path / "lock", wait=False) is None
    else:
        with pytest.raises(error):
            FileLock.take(tmp_path / "lock", wait=True)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
