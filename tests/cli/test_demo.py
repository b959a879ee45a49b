"""``demo``: the embedded emulator, customers who write by themselves, and the desk."""

import json
import re
from pathlib import Path

import pytest
from tests.cli.terminal import Terminal

from imbari_chat.cli.demo.cast import CAST, Part, cast_of, reaction
from imbari_chat.cli.demo.run import run_demo
from imbari_chat.cli.exits import UsageError
from imbari_chat.schema.forms import LeadForm, checked_text


@pytest.mark.parametrize("part", CAST, ids=lambda part: part.email)
def test_every_part_may_be_played(part: Part) -> None:
    """The form and the texts pass their checks."""
    LeadForm.checked(name=part.name, email=part.email, phone=part.phone, topic=part.topic)
    for text in (part.greeting, part.question, part.otherwise, part.thanks):
        checked_text(text)


def test_a_customer_reacts_to_the_words_of_the_answer() -> None:
    """And has something to say to any other."""
    amina = CAST[0]
    assert reaction(amina, "It takes three DAYS") == amina.reactions[0][1]
    assert reaction(amina, "Hm") == amina.otherwise


def test_a_larger_cast_has_different_names() -> None:
    """And one afterthought only, so that one conversation is reopened."""
    cast = cast_of(12)
    assert len({part.name for part in cast}) == 12
    assert sum(part.afterthought is not None for part in cast) == 1


def test_the_headless_demo_passes_its_own_checks(
    nowhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every message once both ways, unread counts right, one conversation reopened."""
    assert run_demo(headless=True) == 0
    out = capsys.readouterr().out
    assert len(re.findall("^passed: ", out, re.MULTILINE)) == 6
    assert "FAILED" not in out
    assert "3 customers, 20 messages" in out
    assert "0 refusals" in out
    assert not set("\x1b\x07\x9b\u202e") & set(out)


def test_the_headless_demo_prints_json_lines(
    nowhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every message, then the summary."""
    assert run_demo(headless=True, customers=1, json=True) == 0
    *messages, summary = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert {line["event"] for line in messages} == {"message_added"}
    assert summary["event"] == "summary"
    assert summary["messages"] == len(messages) == 8
    assert all(check["passed"] for check in summary["checks"])


def test_a_demo_that_takes_too_long_fails(
    nowhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the exit code of a failed check."""
    assert run_demo(headless=True, customers=1, seconds=0.3) == 10
    assert "FAILED: everything is said and checked within 0.3 s" in capsys.readouterr().out


def test_the_demo_says_so_when_there_is_no_terminal(nowhere: Path) -> None:
    """And how it runs without one."""
    with pytest.raises(UsageError, match="--headless"):
        run_demo()


INBOX = """
import sys, threading
from imbari_chat.cli.demo.run import run_demo
code = run_demo(customers=1)
print("left", threading.active_count())
sys.exit(code)
"""


def test_a_person_can_answer_and_leave(nowhere: Path) -> None:
    """The inbox on a terminal, a reply that a customer reacts to, and an end without remains."""
    with Terminal(INBOX) as terminal:
        terminal.sees("Do you ship there")
        terminal.press("\r")
        terminal.sees("write a reply")
        terminal.press("It takes three days.\r")
        terminal.sees("What would 40 kg a month cost?")
        terminal.press("\tq")
        terminal.sees("left 1")
        assert terminal.ends() == 0


def test_ctrl_c_leaves_nothing_running(nowhere: Path) -> None:
    """Customers at the keyboard, streams, emulator: all are gone at once."""
    with Terminal(INBOX) as terminal:
        terminal.sees("● live")
        terminal.press("\x03")
        terminal.sees("left 1")
        assert terminal.ends() == 0
