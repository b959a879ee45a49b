"""Questions and outcomes, on an app of the test's own."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from imbari_chat.desk.asking import Asking
from imbari_chat.errors import Conflict, ImbariError, Unavailable


class App:
    """Shows a question once it is let to, and answers it with what a test gives."""

    def __init__(self) -> None:
        self.may_show = asyncio.Event()
        self.answer: Callable[[str | None], None] | None = None

    async def push_screen(self, _: object, answer: Callable[[str | None], None]) -> None:
        await self.may_show.wait()
        self.answer = answer


class Store:
    """Is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bool]] = []

    def tell(self, words: str, *, is_error: bool = False) -> None:
        self.told.append((words, is_error))


def _asking() -> tuple[Any, Any, Asking]:
    app: Any = App()
    store: Any = Store()
    return app, store, Asking(app, store)


async def test_the_next_keys_wait_until_a_question_is_there() -> None:
    """They are its answer; each time anew."""
    app, _, asking = _asking()
    question: Any = object()
    for _ in range(2):
        asking.begin()
        asked = asyncio.create_task(asking.asked(question))
        shown = asyncio.create_task(asking.is_shown())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not shown.done()
        app.may_show.set()
        await shown
        assert not asked.done()
        app.answer("yes")
        assert await asked == "yes"
        app.may_show.clear()


async def test_what_asks_nothing_keeps_no_key_waiting() -> None:
    """Nor does what asked before."""
    app, _, asking = _asking()
    question: Any = object()
    app.may_show.set()
    asking.begin()
    await asking.is_shown()
    asked = asyncio.create_task(asking.asked(question))
    await asking.is_shown()
    app.answer(None)
    assert await asked is None
    app.may_show.clear()
    asking.begin()
    await asking.is_shown()


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (None, ("done", False)),
        (True, ("done", False)),
        (False, ("nothing to do", False)),
        (Conflict("Noor was faster", where="/a", hint="Look"), ("Noor was faster", True)),
        (Unavailable("away", where="/a"), ("away (at /a)", True)),
    ],
)
async def test_what_came_of_it_is_told(
    outcome: ImbariError | bool | None, told: tuple[str, bool]
) -> None:
    """Of a conflict what happened alone: where and what to do is on the screen."""
    _, store, asking = _asking()

    async def work() -> bool | None:
        if isinstance(outcome, ImbariError):
            raise outcome
        return outcome

    await asking.done(work(), "done", "nothing to do")
    assert store.told == [told]
