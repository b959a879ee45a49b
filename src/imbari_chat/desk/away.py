"""The terminal is an editor's for a while: the desk goes on without it.

Streams are heard, replies go out and drafts are kept; nothing is drawn, marked read or left before
the editor has ended.
"""

import io
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, redirect_stderr
from typing import TypeAlias

from imbari_chat.desk.store import Store
from imbari_chat.errors import ImbariError

__all__ = ["Away", "Edit"]

Edit: TypeAlias = Callable[[str], Awaitable[str]]
"""Gives the text that has become of a text; raises ImbariError."""


class Away:
    """Whether the terminal is an editor's, and what comes meanwhile.

    Args:
        store: The desk's.

    Attributes:
        is_on: It is.
    """

    def __init__(self, store: Store) -> None:
        self.is_on = False
        self._store = store
        self._heard: list[str] = []
        self._then: list[Callable[[], object]] = []

    def heard(self, name: str) -> None:
        """A customer wrote."""
        if self.is_on:
            self._heard.append(name)

    def after(self, work: Callable[[], object]) -> bool:
        """Have something done, once, when the terminal is ours again; says whether it is an
        editor's."""
        if self.is_on and work not in self._then:
            self._then.append(work)
        return self.is_on

    async def write(
        self,
        edit: Edit,
        draft: str,
        put: Callable[[str], object],
        left: AbstractContextManager[object, bool | None],
    ) -> None:
        """Let the person go on with a draft in an editor.

        Args:
            edit: The editor.
            draft: What is written so far.
            put: Told what has become of it.
            left: The terminal has been left for the editor; leaving this takes it over again. It
                ends well, whatever comes of the editor: otherwise Textual would not take it over.
        """
        outcome: str | ImbariError
        said = io.StringIO()
        with left:
            try:
                with redirect_stderr(said):  # it would be written over the editor's screen
                    outcome = await edit(draft)
            except ImbariError as error:
                outcome = error
            self.is_on = False
        if isinstance(outcome, ImbariError):
            self._store.tell(str(outcome), is_error=True)
        else:
            put(outcome)
            self._tell(said.getvalue().strip())
        for work in self._then:
            work()
        self._heard, self._then = [], []

    def _tell(self, said: str) -> None:
        """What came meanwhile."""
        count, names = len(self._heard), list(dict.fromkeys(self._heard))
        if count:
            whom = names[0] if len(names) == 1 else f"{len(names)} customers"
            self._store.tell(f"While you wrote: {count} message{'s' * (count > 1)} of {whom}")
        elif said:
            self._store.tell(said)
