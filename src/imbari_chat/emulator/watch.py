"""A file that is looked at again and again, for as long as somebody cares."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["watching"]


@contextmanager
def watching(file: Path, changed: Callable[[], None], *, every: float = 0.3) -> Iterator[None]:
    """Call ``changed``, from a thread, once at first and each time ``file`` is another than before.

    The first time is for a change between reading the file and watching it. A file that is missing
    for a moment, as while an editor replaces it, has not changed.

    Args:
        every: Seconds between two looks at its time, size and identity.
    """
    over = threading.Event()

    def look() -> None:
        known: tuple[int, int, int] | None = None
        while not over.wait(every):
            now = _state(file)
            if now is not None and now != known:
                known = now
                changed()

    thread = threading.Thread(target=look, name="imbari-file-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
