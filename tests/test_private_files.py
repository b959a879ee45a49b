"""Files that only their owner reads: what cannot be used as one is an error that names it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from imbari_chat import private_files
from imbari_chat.errors import ConfigError

ACTS: dict[str, Callable[[Path], object]] = {
    "read": private_files.read,
    "replace": lambda file: private_files.replace(file, "text"),
    "prepare": private_files.prepare,
    "remove": private_files.remove,
}


@pytest.mark.parametrize("act", ACTS)
def test_what_is_in_the_way_is_named(act: str, tmp_path: Path) -> None:
    """A directory has the file's name."""
    file = tmp_path / "token"
    file.mkdir()
    with pytest.raises(ConfigError, match="cannot be used") as refused:
        ACTS[act](file)
    assert refused.value.where == str(file)
    assert file.is_dir()


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
@pytest.mark.parametrize("act", ["read", "prepare"])
def test_a_link_is_not_followed(act: str, tmp_path: Path) -> None:
    """Whoever put it there would choose what is read, and what is opened by name."""
    elsewhere, file = tmp_path / "elsewhere", tmp_path / "token"
    elsewhere.write_text("theirs")
    file.symlink_to(elsewhere)
    with pytest.raises(ConfigError) as refused:
        ACTS[act](file)
    assert refused.value.where == str(file)
    assert elsewhere.read_text() == "theirs"


def test_what_is_prepared_is_there_and_keeps_what_it_holds(tmp_path: Path) -> None:
    """In a directory that may have to be made."""
    file = tmp_path / "new" / "box"
    private_files.prepare(file)
    assert file.read_bytes() == b""
    file.write_text("kept")
    private_files.prepare(file)
    assert file.read_text() == "kept"


def test_what_cannot_be_read_to_its_end_is_named_and_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fails after the file was opened."""
    file = tmp_path / "token"
    file.write_text("kept")
    opened = []

    def fstat(descriptor: int) -> None:
        opened.append(descriptor)
        raise OSError

    monkeypatch.setattr(os, "fstat", fstat)
    for act in (private_files.read, private_files.prepare):
        with pytest.raises(ConfigError, match="input or output failed") as refused:
            act(file)
        assert refused.value.where == str(file)
    monkeypatch.undo()
    for descriptor in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_what_is_prepared_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is on the disk before anybody relies on it; one that was there is there."""
    synced: list[Path] = []
    monkeypatch.setattr(private_files, "sync_directory", synced.append)
    for _ in range(2):
        private_files.prepare(tmp_path / "new" / "box")
        assert synced == [tmp_path / "new"]
