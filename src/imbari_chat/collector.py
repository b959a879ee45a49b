"""Making many objects in a row without having the garbage collector look through them.

CPython searches for circles of garbage when some hundreds more containers were made than freed, and
now and then everything that the process holds: once survivors have made it a fourth larger. That
lets nothing else run for as long as it takes, 40 ms where the libraries of a small program are
loaded. What a snapshot becomes is tens of thousands of objects, of which none is garbage.
"""

import gc
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

__all__ = ["unsearched"]

P = ParamSpec("P")
T = TypeVar("T")

_MANY: Final = 10_000
"""Containers more than before that are many. Fewer are searched in less time than is taken by the
question whether a program has frozen any, which counts them all."""


def unsearched(make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call ``make``, with no search before its end, nor for what it made if that is much.

    Only for what takes a few milliseconds, gives way to nobody and leaves no circle of garbage
    behind: the collector is the whole process's. A program that has switched it off, or has frozen
    objects, finds it as it was.
    """
    if not gc.isenabled():
        return make(*args, **kwargs)
    gc.disable()
    before = gc.get_count()[0]
    try:
        return make(*args, **kwargs)
    finally:
        if gc.get_count()[0] - before > _MANY and not gc.get_freeze_count():
            # All that is young, too, is taken from the collector, and given back as old: it is
            # searched with everything else, and does not count as having made that larger.
            gc.freeze()
            gc.unfreeze()
        gc.enable()
