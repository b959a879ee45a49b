"""Files that only their owner reads: what cannot be used as one is an error that names it."""

import os
import stat
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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("act", ["read", "prepare"])
def test_nobody_is_waited_for_at_a_pipe(act: str, tmp_path: Path) -> None:
    """In a directory like /tmp anybody can put one in the place of a file that is not there yet."""
    file = tmp_path / "token"
    os.mkfifo(file, 0o600)
    with pytest.raises(ConfigError, match="cannot be used: Not a regular file"):
        ACTS[act](file)


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


MAKE: dict[str, Callable[[Path], None]] = {
    "replace": lambda file: private_files.replace(file, "text"),
    "prepare": private_files.prepare,
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_what_is_made_is_its_owners_alone_from_the_first_moment_on(
    make: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file, and its directory, wherever it is; nothing had to be put right."""
    file = tmp_path / "deep" / "down" / "token"
    before = os.umask(0)
    try:
        make(file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert caplog.messages == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
@pytest.mark.parametrize("act", ["read", "prepare"])
def test_a_file_that_others_could_read_is_taken_from_them(act: str, tmp_path: Path) -> None:
    """Before anything is read from it or written to it."""
    file = tmp_path / "token"
    file.write_text("kept")
    file.chmod(0o644)
    ACTS[act](file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == "kept"


def test_what_was_put_there_is_read_until_it_is_removed(tmp_path: Path) -> None:
    """As a whole, and as often as it is replaced."""
    file = tmp_path / "token"
    assert private_files.read(file) is None
    for text in ("long and old", "näw"):
        private_files.replace(file, text)
        assert private_files.read(file) == text.encode()
    assert private_files.remove(file) is True
    assert private_files.remove(file) is False
    assert private_files.read(file) is None


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


def _found(mode: int, owner: int) -> os.stat_result:
    return os.stat_result((stat.S_IFREG | mode, 0, 0, 1, owner, 0, 0, 0, 0, 0))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
@pytest.mark.parametrize(
    ("me", "owner", "mode", "becomes", "others"),
    [
        (1000, 1000, 0o600, None, None),
        (1000, 1000, 0o700, None, None),
        (1000, 1000, 0o644, 0o600, "read"),
        (1000, 1000, 0o620, 0o600, "change"),
        (1000, 1000, 0o602, 0o600, "change"),
        (1000, 1000, 0o755, 0o700, "read"),
        (1000, 0, 0o600, None, None),
        (1000, 0, 0o640, 0o600, "read"),
        (0, 1000, 0o600, None, None),
        (1000, 1001, 0o600, "refused", None),
        (1000, 1001, 0o666, "refused", None),
    ],
)
def test_a_file_is_its_owners_alone(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    me: int,
    owner: int,
    mode: int,
    becomes: int | str | None,
    others: str | None,
) -> None:
    """What others could do is taken from them and said; what is another's is not used."""
    monkeypatch.setattr(os, "geteuid", lambda: me)
    changed: list[int] = []
    file, found = Path("/data/token"), _found(mode, owner)
    if becomes == "refused":
        with pytest.raises(ConfigError, match="belongs to somebody else") as caught:
            private_files._keep(file, found, private_files._SEEN_BY_OTHERS, changed.append)
        assert (caught.value.where, changed, caplog.messages) == (str(file), [], [])
        assert "IMBARI_CHAT_DATA_DIR" in str(caught.value.hint)
        return
    private_files._keep(file, found, private_files._SEEN_BY_OTHERS, changed.append)
    assert changed == ([] if becomes is None else [becomes])
    told = f"others could {others} /data/token; now only you can. If somebody may have, sign in"
    assert [one.startswith(told) for one in caplog.messages] == ([] if others is None else [True])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
@pytest.mark.parametrize("act", ["read", "replace", "prepare"])
@pytest.mark.parametrize(
    ("mode", "becomes"),
    [(0o700, 0o700), (0o755, 0o755), (0o775, 0o700), (0o757, 0o700), (0o1777, 0o1777)],
)
def test_a_directory_is_changed_by_its_owner_alone(
    tmp_path: Path, act: str, mode: int, becomes: int
) -> None:
    """Others may look into it; where it is sticky, they touch nothing of ours."""
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(mode)
    ACTS[act](folder / "token")
    assert stat.S_IMODE(folder.stat().st_mode) == becomes
