"""Questions over the desk, and what came of what was asked for."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from textual.app import App
from textual.screen import ModalScreen

from imbari_chat.desk.store import Store
from imbari_chat.errors import Conflict, ImbariError
from imbari_chat.view.advice import in_words

__all__ = ["Asking"]

T = TypeVar("T")


class Asking:
    """Asks, and tells.

    Args:
        app: Over which questions lie.
        store: Told of the outcome.
    """

    def __init__(self, app: App[None], store: Store) -> None:
        self._app = app
        self._store = store
        self._is_asking = False
        self._is_shown = asyncio.Event()

    def begin(self) -> None:
        """Something is done that may ask."""
        self._is_asking = False
        self._is_shown.clear()

    async def is_shown(self) -> None:
        """What was begun asks in its first step, or not before it was answered; if it does, wait
        until the question is there, so that the next keys are its answer."""
        await asyncio.sleep(0)
        if self._is_asking:
            await self._is_shown.wait()

    async def asked(self, question: ModalScreen[T]) -> T | None:
        """What the person answers; None if they leave the question."""
        answer: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self._is_asking = True
        await self._app.push_screen(question, answer.set_result)
        self._is_shown.set()
        return await answer

    async def done(self, work: Awaitable[object], words: str, needless: str = "") -> None:
        """Do it, and say ``words``, or why not; ``needless`` if it says by a False that there was
        nothing to do."""
        try:
            did = await work
        except Conflict as error:
            self._store.tell(error.what, is_error=True)
        except ImbariError as error:
            self._store.tell(in_words(error), is_error=True)
        else:
            self._store.tell(needless if did is False else words)
