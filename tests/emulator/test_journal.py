"""The journal: what a killed process leaves can always be read."""

import os
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.emulator.journal import Journal, encode, read
from imbari_chat.wire.json import Json

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


def test_a_record_is_a_checksum_and_json_on_one_line() -> None:
    """Anybody can check it with a shell."""
    line = encode({"a": "x\ny"})
    assert line == b'%08x {"a":"x\\ny"}\n' % crc32(b'{"a":"x\\ny"}')


@given(st.lists(_VALUES, max_size=4))
def test_what_was_written_is_read_wherever_it_is_cut(records: list[Json]) -> None:
    """Cut at every byte: the whole records before the cut, no error, and nothing else."""
    lines = [encode(record) for record in records]
    data = b"".join(lines)
    ends = [sum(map(len, lines[:count])) for count in range(len(lines) + 1)]
    for cut in range(len(data) + 1):
        found = read(data[:cut])
        whole = sum(end <= cut for end in ends) - 1
        assert found.records == records[:whole]
        assert found.length == ends[whole]
        assert found.length + found.torn == cut
        assert not found.damaged


@given(st.binary(max_size=64), st.lists(_VALUES, max_size=2))
def test_no_bytes_at_all_make_the_reader_raise(noise: bytes, records: list[Json]) -> None:
    """Whatever stands behind whole records, they are found."""
    data = b"".join(map(encode, records))
    found = read(data + noise)
    assert found.records[: len(records)] == records
    assert found.length + found.torn == len(data) + len(noise)


@given(st.lists(_VALUES, min_size=2, max_size=4), st.data())
def test_one_changed_byte_is_noticed(records: list[Json], data: st.DataObject) -> None:
    """With whole records behind it, that is damage; no crash looks like it."""
    lines = [encode(record) for record in records]
    first = bytearray(lines[0])
    at = data.draw(st.integers(0, len(first) - 2))
    first[at] ^= data.draw(st.sampled_from([1, 2, 16, 32]))
    found = read(bytes(first) + b"".join(lines[1:]))
    assert found.records == []
    assert found.damaged


@pytest.mark.parametrize(("given", "sync"), [({}, 0), ({"sync": False}, 0), ({"sync": True}, 1)])
def test_appended_records_follow_the_rewritten_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, bool], sync: int
) -> None:
    """In the file, as soon as append returns; and confirmed by the disk, if that was asked for."""
    file = tmp_path / "journal"
    confirmed: list[list[Json]] = []
    journal = Journal(file, **given)
    assert journal.size == 0
    journal.rewrite([1, 2])
    with monkeypatch.context() as noting:
        noting.setattr(os, "fsync", lambda _: confirmed.append(read(file.read_bytes()).records))
        journal.append([3])
        journal.append([4, 5])
    assert read(file.read_bytes()).records == [1, 2, 3, 4, 5]
    assert confirmed == [[1, 2, 3], [1, 2, 3, 4, 5]] * sync
    assert journal.size == file.stat().st_size
    journal.close()


def test_rewriting_replaces_the_file_at_once(tmp_path: Path) -> None:
    """Whoever has the old one open still reads it, and no second file stays behind."""
    journal = Journal(tmp_path / "journal")
    journal.rewrite([1])
    with (tmp_path / "journal").open("rb") as old:
        journal.rewrite([2])
        journal.append([3])
        assert read(old.read()).records == [1]
    assert read((tmp_path / "journal").read_bytes()).records == [2, 3]
    assert [file.name for file in tmp_path.iterdir()] == ["journal"]
    journal.close()


def test_what_was_replaced_is_let_go_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator that runs for weeks rewrites often."""
    opened: list[int] = []
    closed: list[int] = []
    dup, close = os.dup, os.close

    def duplicate(descriptor: int) -> int:
        opened.append(dup(descriptor))
        return opened[-1]

    def let_go(descriptor: int) -> None:
        closed.append(descriptor)
        close(descriptor)

    monkeypatch.setattr(os, "dup", duplicate)
    monkeypatch.setattr(os, "close", let_go)
    journal = Journal(tmp_path / "journal")
    for _ in range(3):
        journal.rewrite([1])
    journal.close()
    assert len(opened) == 3
    assert all(closed.count(one) >= opened.count(one) for one in opened)


def test_a_line_that_is_no_json_is_no_record() -> None:
    """Whatever its checksum says."""
    line = b"%08x {\n" % crc32(b"{")
    found = read(encode(1) + line)
    assert (found.records, found.torn, found.damaged) == ([1], len(line), False)
    assert read(encode(1) + line + encode(2)).damaged
    assert read(b"\n").torn == 1
    assert read(b"\n" + encode(1)).damaged


def test_a_rewrite_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """A full disk costs nothing that was kept."""

    def records() -> "list[Json]":
        raise OSError(28, "No space left on device")

    journal = Journal(tmp_path / "journal")
    journal.rewrite([1])
    with pytest.raises(OSError, match="No space"):
        journal.rewrite(record for _ in "x" for record in records())
    journal.append([2])
    assert read((tmp_path / "journal").read_bytes()).records == [1, 2]
    assert [file.name for file in tmp_path.iterdir()] == ["journal"]
    journal.close()


def test_half_a_record_of_a_failed_attempt_is_taken_back(tmp_path: Path) -> None:
    """The next record does not stand behind a broken one."""
    file = tmp_path / "journal"
    journal = Journal(file)
    journal.rewrite([1])
    with file.open("ab") as half:
        half.write(b"0badc0de [")
    journal.append([2])
    assert read(file.read_bytes()).records == [1, 2]
    journal.close()
