"""A write carried out, whichever way it came: judged, perhaps beside the loop, and then made.

While a large write is judged, other writes of its database wait and nothing else does. Only what
the emulator's owner does comes in between, and then it is judged once more.
"""

from collections.abc import Callable
from functools import partial

from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import Caller
from imbari_chat.emulator.database.namespace import Commit, Draft, Namespace
from imbari_chat.emulator.offload import LARGE, Runner

__all__ = ["commit", "draft"]


async def commit(
    namespace: Namespace,
    write: Write,
    who: Caller,
    clock: Callable[[], float],
    runner: Runner,
    *,
    size: int,
    if_match: str | None = None,
    room: int | None = None,
) -> Commit:
    """Make the change, at the last moment in which anybody else may run before this returns.

    Args:
        clock: Seconds since the epoch.
        runner: Does what takes long.
        size: Bytes in which the write came.
        if_match: See :meth:`Namespace.write`, as for ``room`` and the errors.
    """
    async with namespace.writing:
        now = int(clock() * 1000)
        drafted = await draft(
            namespace, write, who, now, runner, size=size, if_match=if_match, room=room
        )
        return namespace.commit(drafted, now)


async def draft(
    namespace: Namespace,
    write: Write,
    who: Caller,
    now: int,
    runner: Runner,
    *,
    size: int,
    if_match: str | None = None,
    room: int | None = None,
) -> Draft:
    """What would be committed now, and nothing else: see :meth:`Namespace.draft`."""
    drafting = partial(namespace.draft, write, who, now, if_match=if_match, room=room)
    if size < LARGE:
        return drafting()
    rules, coverage = namespace.rules, namespace.coverage.anew()
    try:
        drafted = await runner(size, partial(drafting, coverage=coverage))
    finally:
        if namespace.rules is rules:
            namespace.coverage.add(coverage)
    return drafted if namespace.still_holds(drafted) else drafting()
