"""A file of records that a killed process leaves readable.

Each record is a line, ``CHECKSUM JSON``: eight hexadecimal digits of CRC-32 over the JSON, whose
text holds no line break. Lines are only ever appended; the whole file is only ever replaced at
once. So a process that is killed can spoil no more than the line it was writing.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from imbari_chat.errors import InvalidData
from imbari_chat.files import replacing, write_all
from imbari_chat.wire.json import Json, dumps, parse

__all__ = ["Journal", "Recovered", "encode", "read"]


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a journal holds.

    Attributes:
        records: Those that are whole, up to the first that is not.
        length: Bytes they take.
        torn: Bytes behind them.
        damaged: There are whole records behind a broken one, which no killed process leaves.
    """

    records: list[Json]
    length: int
    torn: int
    damaged: bool = False


def encode(record: Json) -> bytes:
    """One record as its line."""
    text = dumps(record).encode()
    return b"%08x %s\n" % (crc32(text), text)


def read(data: bytes) -> Recovered:
    """The records of a journal. Never raises, whatever ``data`` is."""
    records: list[Json] = []
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        whole, record = _decode(data[start:end])
        if not whole:
            damaged = any(_decode(line)[0] for line in data[end + 1 :].split(b"\n"))
            return Recovered(records, start, len(data) - start, damaged)
        records.append(record)
        start = end + 1
    return Recovered(records, start, len(data) - start)


def _decode(line: bytes) -> tuple[bool, Json]:
    """Whether the line is a record, and which."""
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % crc32(text):
        return False, None
    try:
        return True, parse(text)
    except InvalidData:
        return False, None


class Journal:
    """A journal that is written to.

    Args:
        file: Where it is kept; made or replaced by :meth:`rewrite`.
        sync: Have the disk confirm every record, not just the operating system.
    """

    def __init__(self, file: Path, *, sync: bool = False) -> None:
        self._file = file
        self._sync = sync
        self._descriptor: int | None = None
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes of the whole records."""
        return self._size

    def rewrite(self, records: Iterable[Json]) -> None:
        """Begin anew with ``records``: the file holds either all it held before, or all of them.

        Raises:
            OSError: It cannot be written; what was there still is.
        """
        with replacing(self._file) as new:
            size = sum(write_all(new, encode(record)) for record in records)
            descriptor = os.dup(new)
        self.close()
        self._descriptor, self._size = descriptor, size

    def append(self, records: Iterable[Json]) -> None:
        """Add ``records``; they survive this process when this returns.

        Raises:
            OSError: They cannot be written, and none of them is there.
        """
        assert self._descriptor is not None, "rewrite() opens it"
        data = b"".join(encode(record) for record in records)
        # What a failed attempt left is not to stand between two whole records.
        if os.fstat(self._descriptor).st_size != self._size:
            os.ftruncate(self._descriptor, self._size)
        write_all(self._descriptor, data)
        if self._sync:
            os.fsync(self._descriptor)
        self._size += len(data)

    def close(self) -> None:
        """Let go of the file. Doing so twice is fine."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
