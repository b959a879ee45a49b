"""A customer at a prompt: what is typed, refused, returned and left."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from imbari_chat.cli.customer.terminal import _converse
from imbari_chat.cli.exit_codes import Interrupted
from imbari_chat.cli.stderr import Stderr
from imbari_chat.errors import InvalidData


class Visit:
    """Takes every text but one."""

    def __init__(self) -> None:
        self.stderr = Stderr()
        self.returned: deque[str] = deque()
        self.on_returned: Callable[[], None] = lambda: None
        self.sent: list[str] = []
        self.is_flushed = False

    async def hand_over(self, text: str) -> None:
        if text == "bad":
            raise InvalidData("it is bad")
        self.sent.append(text)

    async def flush(self) -> None:
        self.is_flushed = True


@contextmanager
def typing(keys: str) -> Iterator[PipeInput]:
    """A person who has typed this."""
    with (
        create_pipe_input() as keyboard,
        create_app_session(input=keyboard, output=DummyOutput()),
    ):
        keyboard.send_text(keys)
        yield keyboard


async def _typed(keys: str) -> Any:
    visit: Any = Visit()
    with typing(keys):
        await _converse(visit, PromptSession())
    return visit


async def test_what_is_typed_is_handed_over_until_ctrl_d() -> None:
    """Blanks are nothing; the last is waited for."""
    visit = await _typed("Hello\r\r  \rAnd more\r\x04")
    assert visit.sent == ["Hello", "And more"]
    assert visit.is_flushed


async def test_what_is_refused_stands_in_the_prompt_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """To be written otherwise, with the reason."""
    visit = await _typed("bad\r luck\r\x04")
    assert visit.sent == ["bad luck"]
    assert "error: it is bad" in capsys.readouterr().err


async def test_what_was_written_when_ctrl_c_came_is_not_lost() -> None:
    """It is given back with all else that was not sent."""
    visit: Any = Visit()
    with typing("Hello\rhalf a\x03"), pytest.raises(Interrupted):
        await _converse(visit, PromptSession())
    assert (visit.sent, list(visit.returned)) == (["Hello"], ["half a"])
    visit = Visit()
    with typing("  \x03"), pytest.raises(Interrupted):
        await _converse(visit, PromptSession())
    assert list(visit.returned) == []


async def test_what_comes_back_later_does_not_disturb_what_is_being_written() -> None:
    """It waits for the next prompt, and nothing that came back is nothing."""
    visit: Any = Visit()
    seen: list[tuple[str, int]] = []
    visit.returned.append("first")

    async def hand_over(text: str) -> None:
        visit.sent.append(text)
        if text == "first":
            visit.on_returned()  # nothing has
            visit.returned.append("second")
            visit.on_returned()  # no prompt is there
            seen.append((prompt.default_buffer.text, len(visit.returned)))

    visit.hand_over = hand_over
    with typing("\r\r\x04"):
        prompt: PromptSession[str] = PromptSession()
        await _converse(visit, prompt)
    assert visit.sent == ["first", "second"]
    assert seen == [("first", 1)]
