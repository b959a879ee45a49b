"""The desk as a command: where it is refused, and how it leaves a terminal."""

import pytest

from tests.cli.terminal import Terminal

_RUN = """
import os
os.environ["TERM"] = {term!r}
from imbari_chat.cli.main import run
run(["--emulator", "127.0.0.1:1", "desk"])
"""


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_terminal_without_a_screen_is_refused_with_a_sentence(term: str) -> None:
    """Before a key could resolve a conversation that nobody sees."""
    with Terminal(_RUN.format(term=term)) as terminal:
        terminal.sees("this terminal cannot show a screen")
        assert terminal.ends() == 2
