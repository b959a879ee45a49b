"""Files that several processes use: replaced as a whole, and locked by one at a time."""

import os
import secrets
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

__all__ = ["FileLock", "replacing", "sync_directory", "write_all"]

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
    sync_directory(file.parent)


def write_all(descriptor: int, data: bytes) -> int:
    """Write all of ``data``, however many calls that takes; returns how many bytes it is.

    Raises:
        OSError: It cannot be written; part of it may be.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    return len(data)


def sync_directory(directory: Path) -> None:
    """Make a name in ``directory`` last through a power cut, where directories can be opened."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FileLock:
    """An exclusive lock that the kernel keeps: it ends with the process, however that ends.

    A forked child does not have it. The file stays, so that no two can lock two files of one name.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        _HELD.add(self)

    @classmethod
    def take(cls, file: Path, *, wait: bool = False) -> Self | None:
        """Lock ``file``, which is made if need be, for its owner alone.

        Args:
            file: What to lock; its directory is there.
            wait: Wait for whoever has it.

        Returns:
            The lock, or None if somebody else has it.

        Raises:
            OSError: It cannot be locked.
        """
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor, wait=wait)
        except (BlockingIOError, PermissionError):
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def close(self) -> None:
        """Let go of it. Doing so twice is fine."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_HELD: Final[weakref.WeakSet[FileLock]] = weakref.WeakSet()


def _let_go() -> None:
    """A lock is its open file's, which a fork shares: a child would keep it from everybody."""
    for lock in list(_HELD):
        lock.close()


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, *, wait: bool) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int, *, wait: bool) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    os.register_at_fork(after_in_child=_let_go)
