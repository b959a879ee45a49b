"""What becomes of the desk's terminal, and of what comes in, while an editor has it."""

import sys
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from imbari_chat.desk.away import Away
from imbari_chat.desk.store import Store
from imbari_chat.errors import ImbariError, InvalidData
from imbari_chat.view.inbox import Notice
from imbari_chat.view.listing import Listing


def _away() -> tuple[Away, Store]:
    store = Store(Listing(), lambda: None, lambda: 0.0)
    return Away(store), store


async def _wrote(
    away: Away, edit: Callable[[str], str] = str.upper, *, failing: ImbariError | None = None
) -> list[str]:
    """What was put and done, in order, by a person who goes on with "draft"."""
    order: list[str] = []

    async def edited(text: str) -> str:
        order.append(f"editing, {'away' if away.is_on else 'here'}")
        if failing is not None:
            raise failing
        return edit(text)

    away.is_on = True
    left = ExitStack()
    left.callback(lambda: order.append(f"taken over, {'away' if away.is_on else 'here'}"))
    await away.write(edited, "draft", lambda text: order.append(f"put {text}"), left)
    order.append("away" if away.is_on else "here")
    return order


async def test_the_text_is_put_when_the_terminal_is_ours_again() -> None:
    """And nothing is said where nothing happened."""
    away, store = _away()
    assert await _wrote(away) == ["editing, away", "taken over, here", "put DRAFT", "here"]
    assert store.state.notice is None


async def test_an_editor_that_fails_is_told_and_changes_no_draft() -> None:
    """The terminal is taken over all the same."""
    away, store = _away()
    away.is_on = True
    away.heard("Amina")
    order = await _wrote(away, failing=InvalidData("it ended with status 3"))
    assert order == ["editing, away", "taken over, here", "here"]
    assert store.state.notice == Notice("it ended with status 3", is_error=True)


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        (["Amina"], "While you wrote: 1 message of Amina"),
        (["Amina", "Amina"], "While you wrote: 2 messages of Amina"),
        (["Amina", "Brian", "Amina"], "While you wrote: 3 messages of 2 customers"),
    ],
)
async def test_what_came_meanwhile_is_told_once(heard: list[str], words: str) -> None:
    """Rather than what the editor said; and what came before or after is told as it comes."""
    away, store = _away()
    away.heard("Before")

    def edit(text: str) -> str:
        for one in heard:
            away.heard(one)
        print("swap file found", file=sys.stderr)
        return text

    await _wrote(away, edit)
    assert store.state.notice == Notice(words)
    store.tell("something else")
    await _wrote(away)
    assert store.state.notice == Notice("something else")


async def test_what_was_said_over_the_editor_is_told_afterwards(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not written over its screen."""
    away, store = _away()

    def edit(text: str) -> str:
        print("warning: your text is kept\n", file=sys.stderr)
        return text

    await _wrote(away, edit)
    assert store.state.notice == Notice("warning: your text is kept")
    assert capsys.readouterr().err == ""


async def test_what_is_to_follow_is_done_once_when_the_terminal_is_ours() -> None:
    """However often it was asked for; at any other time it is not kept."""
    away, _ = _away()
    done: list[str] = []

    def end() -> None:
        done.append("end")

    def look() -> None:
        done.append("look" if not away.is_on else "too early")

    assert not away.after(end)

    def edit(text: str) -> str:
        assert away.after(look)
        assert away.after(end)
        assert away.after(look)
        return text

    await _wrote(away, edit)
    assert done == ["look", "end"]
    await _wrote(away)
    assert done == ["look", "end"]
