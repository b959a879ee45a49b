"""Writing without waiting, where a write has to be waited for: a task for each."""

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeAlias

from imbari_chat.errors import ImbariError
from imbari_chat.net.background import BackgroundTasks
from imbari_chat.net.transport import Done, Withdraw
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path

__all__ = ["Submitter"]

_Update: TypeAlias = Callable[[Mapping[Path, Json]], Coroutine[Any, Any, None]]
_Write: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


class Submitter:
    """:meth:`Transport.submit` by means of ``update``.

    Args:
        update: As :meth:`Transport.update`.
    """

    def __init__(self, update: _Update) -> None:
        self._update = update
        self._tasks = BackgroundTasks("writing")

    def submit(self, changes: Mapping[Path, Json], done: Done) -> Withdraw:
        """Begin to write, and tell ``done`` the end of it."""
        return self.begin(partial(self._update, changes), done)

    def begin(self, write: _Write, done: Done) -> Withdraw:
        """The same of a write that is made in another way. One that has begun may be made."""
        return self._tasks.start(self._tell_of(write, done)).cancel

    async def close(self) -> None:
        """Tell nobody any more."""
        await self._tasks.close()

    async def _tell_of(self, write: _Write, done: Done) -> None:
        try:
            await write()
        except ImbariError as error:
            told: ImbariError | None = error
        else:
            told = None
        done(told)
