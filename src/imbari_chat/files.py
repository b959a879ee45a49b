"""Replacing a file as a whole: whoever reads it finds all that was there, or all that is new."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["replacing", "write_all"]

_FLAGS: Final = (
    os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
)  # O_EXCL: where everybody writes, what is there already may be somebody's link


@contextmanager
def replacing(file: Path, *, mode: int = 0o600) -> Iterator[int]:
    """A new file's descriptor, open for appending; the file takes the place of ``file`` at the end.

    That it lasts through a power cut is known when the block is left. If the block raises, what was
    there still is.

    Args:
        file: What to replace; its directory is there.
        mode: Who may read the new one, from its first moment; 0600 is its owner alone.

    Raises:
        OSError: It cannot be written.
    """
    new = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(new, _FLAGS, mode)
    try:
        try:
            yield descriptor
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.replace(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync_directory(file.parent)


def write_all(descriptor: int, data: bytes) -> int:
    """Write all of ``data``, however many calls that takes; returns how many bytes it is.

    Raises:
        OSError: It cannot be written; part of it may be.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    return len(data)


def _sync_directory(directory: Path) -> None:
    """Make a rename in ``directory`` last through a power cut, where directories can be opened."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
