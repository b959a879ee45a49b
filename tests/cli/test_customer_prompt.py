"""A customer at a prompt: what is typed, refused, returned and left."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from imbari_chat.cli.customer.lead import Lead
from imbari_chat.cli.customer.terminal import _converse, at_terminal
from imbari_chat.cli.exit_codes import Interrupted
from imbari_chat.cli.stderr import Stderr
from imbari_chat.errors import InvalidData
from tests.client.scenarios.faces import WAIT


class Visit:
    """Takes every text but one."""

    def __init__(self, *, is_under_way: bool = True) -> None:
        self.stderr = Stderr()
        self.is_under_way = is_under_way
        self.started: list[Lead] = []
        self.returned: deque[str] = deque()
        self.on_returned: Callable[[], None] = lambda: None
        self.sent: list[str] = []
        self.is_flushed = False

    async def start(self, lead: Lead) -> None:
        self.started.append(lead)

    async def during(self, work: Coroutine[Any, Any, None]) -> None:
        await work

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


LEAD = Lead(name="Amina", email="amina@example.com", phone="+254700000000", topic="other")


@pytest.mark.parametrize(
    ("is_under_way", "lead", "keys", "started", "sent"),
    [
        (True, LEAD, "Hello\r\x04", [], ["Hello"]),
        (True, Lead(), "Hello\r\x04", [], ["Hello"]),
        (False, LEAD, "Hello\r\x04", [LEAD], ["Hello"]),
        (False, Lead(), "\x04", [], []),
    ],
)
async def test_the_form_is_asked_for_a_new_conversation_only(
    capsys: pytest.CaptureFixture[str],
    is_under_way: bool,
    lead: Lead,
    keys: str,
    started: list[Lead],
    sent: list[str],
) -> None:
    """What options say of it is not asked again; Ctrl-D leaves it, and says nothing of Ctrl-D."""
    visit: Any = Visit(is_under_way=is_under_way)
    with typing(keys):
        await at_terminal(visit, lead)
    assert (visit.started, visit.sent) == (started, sent)
    assert visit.is_flushed is bool(sent)
    how = "write, and press Enter to send; Ctrl-D leaves\n"
    assert capsys.readouterr().err == (how if sent else "")


async def test_ctrl_c_leaves_the_form_too() -> None:
    """As it leaves any program."""
    visit: Any = Visit(is_under_way=False)
    with typing("Ami\x03"), pytest.raises(Interrupted):
        async with asyncio.timeout(WAIT):
            await at_terminal(visit, Lead())
    assert (visit.started, visit.is_flushed) == ([], False)


@pytest.mark.parametrize(("typed", "sent"), [("", ["back"]), ("mine", ["mine", "back"])])
async def test_what_comes_back_stands_in_a_prompt_that_is_empty(
    typed: str, sent: list[str]
) -> None:
    """In another one it would come between somebody's words."""
    visit: Any = Visit()
    with typing(typed) as keyboard:
        prompt: PromptSession[str] = PromptSession()

        def come_back(_: object) -> None:
            if prompt.default_buffer.text == typed:
                prompt.app.after_render.remove_handler(come_back)
                visit.on_returned()  # nothing has
                visit.returned.append("back")
                visit.on_returned()
                keyboard.send_text("\r" * len(sent) + "\x04")

        prompt.app.after_render.add_handler(come_back)
        async with asyncio.timeout(WAIT):
            await _converse(visit, prompt)
    assert (visit.sent, list(visit.returned)) == (sent, [])


async def test_what_comes_back_at_the_end_is_kept_to_be_given_back() -> None:
    """No prompt will show it."""
    visit: Any = Visit()

    async def flush() -> None:
        visit.returned.append("late")
        visit.on_returned()

    visit.flush = flush
    with typing("\x04"):
        await _converse(visit, PromptSession())
    assert list(visit.returned) == ["late"]
