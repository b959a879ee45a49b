"""A bar on standard error for what takes long; wiped away at the end, and nothing in a pipe."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from imbari_chat.cli.stderr import Stderr

__all__ = ["progress"]


@contextmanager
def progress(stderr: Stderr, what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """What to call when one more is done.

    Args:
        stderr: Whether anything is to be said at all.
        what: What is being done, safe to draw.
        total: How many there are, if that is known.
    """
    if stderr.quiet or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=Console(file=sys.stderr), transient=True
    ) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
