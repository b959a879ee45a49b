"""``help``: topics and commands."""

from typing import Any

import pytest

from imbari_chat.cli.exit_codes import MEANINGS, ExitCode
from imbari_chat.cli.stdout import Stdout
from imbari_chat.cli.topics import TOPICS, _draw
from tests.cli.harness import Program


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_can_be_read(program: Program, topic: str) -> None:
    """It is listed with what it is about, and fits the terminal."""
    listed = program("help").stdout
    assert topic in listed
    assert TOPICS[topic].title in listed
    page = program("help", topic).stdout
    assert len(page.splitlines()) > 5
    assert max(map(len, page.splitlines())) <= 80


def test_every_exit_code_means_something(program: Program) -> None:
    """Once."""
    assert set(MEANINGS) == set(ExitCode)
    page = program("help", "exit-codes").stdout
    assert all(f"\n{int(code)} " in f"\n{page}" for code in ExitCode)


def test_help_of_a_command_is_its_page(program: Program) -> None:
    """By all its words; what is neither a topic nor a command is refused."""
    for path in (["inbox"], ["auth", "login"], ["help"]):
        assert program("help", *path).stdout == program(*path, "--help").stdout
    for path in (["nonsense"], ["auth", "nonsense"], ["inbox", "list"], ["naming", "x"]):
        assert "neither a topic nor a command" in program("help", *path, code=2).stderr


def test_names_stand_beside_what_they_mean_while_they_are_short(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is long has it below, and so have all of its table."""
    monkeypatch.setenv("COLUMNS", "60")
    wide = "c" * 56
    _draw(["To `begin` with.", {"a": "`one`", "b" * 20: "two"}, {"a": "one", "b" * 21: wide}])
    assert capsys.readouterr().out.splitlines() == [
        "To begin with.",
        "",
        "a                     one",
        f"{'b' * 20}  two",
        "",
        "a",
        "    one",
        "b" * 21,
        f"    {wide}",
    ]


def test_a_topic_that_is_longer_than_the_screen_is_paged(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the person's own pager."""
    drawn: list[Any] = []
    monkeypatch.setattr(Stdout, "draw", lambda _self, *_parts, **given: drawn.append(given))
    _draw(["To begin with."])
    assert drawn == [{"paged": True}]
