"""What is true of every command: its help, its examples, and where its output may go."""

import io
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from typer.core import TyperGroup

from imbari_chat.cli.examples import EXAMPLES
from imbari_chat.cli.main import build, run
from tests.cli.harness import Program
from tests.docs.blocks import invocations
from tests.docs.test_readme import refusal


def _paths(command: object, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, TyperGroup):
        for name, below in command.commands.items():
            yield from _paths(below, *path, name)


def _command(path: tuple[str, ...]) -> Any:
    command: Any = typer.main.get_command(build())
    for name in path:
        command = command.commands[name]
    return command


COMMANDS = list(_paths(typer.main.get_command(build())))
each_command = pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "all")


@pytest.mark.drawn
@each_command
def test_it_has_a_help_page(program: Program, path: tuple[str, ...]) -> None:
    """By both names, with what it is for; nothing says of what type of Python's it is."""
    page = program(*path, "-h").stdout
    assert page == program(*path, "--help").stdout
    assert f"Usage: {' '.join(('imbari-chat', *path))}" in page
    assert not re.findall(r"<(?!\w+(?:\|\w+)+>)[a-z].*", page)
    assert "─ Examples ─" in page


@each_command
def test_its_synopsis_marks_what_is_optional_and_what_may_be_repeated_once(
    path: tuple[str, ...],
) -> None:
    command = _command(path)
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options, *pieces = command.collect_usage_pieces(typer.Context(command))
    assert options == "[OPTIONS]"
    if isinstance(command, TyperGroup):
        assert pieces.pop() == "COMMAND [ARGS]..."
    for piece, argument in zip(pieces, arguments, strict=True):
        assert re.fullmatch(r"[A-Z|]+(\.\.\.)?|\[[A-Z|]+\](\.\.\.)?", piece)
        assert piece.startswith("[") == (not argument.required)
        assert piece.endswith("...") == (argument.nargs != 1)


@each_command
def test_its_examples_are_of_itself_and_taken(path: tuple[str, ...]) -> None:
    """Each is a line that the program accepts; one at least is a call of the command."""
    examples = EXAMPLES[" ".join(path)]
    calls = [call for line, _ in examples for call in invocations(line, "imbari-chat")]
    assert calls
    assert any(call[: len(path)] == list(path) for call in calls)
    for call in calls:
        assert refusal(call) is None, shlex.join(call)


def test_examples_stand_below_what_they_are_for(program: Program) -> None:
    """One after the other, each under a line of words, and nothing between."""
    shown = program("inbox", "--help", width=100).stdout.split("─ Examples ─", 1)[1]
    lines = [line.strip("│ ") for line in shown.splitlines()[1:] if line.startswith("│")]
    assert lines == [part for line, meaning in EXAMPLES["inbox"] for part in (f"# {meaning}", line)]


def test_examples_are_of_commands_that_exist() -> None:
    """What is renamed or removed takes them along."""
    assert set(EXAMPLES) == {" ".join(path) for path in COMMANDS}


@pytest.mark.drawn
@each_command
def test_a_full_disk_is_an_error_of_one_line(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    path: tuple[str, ...],
) -> None:
    """And no mistake of ours."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            run([*path, "--help"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        "error: standard output cannot be written: No space left on device\n"
    )


@pytest.mark.drawn
@each_command
def test_a_mistake_is_told_in_json_where_json_is_asked_for(
    program: Program, path: tuple[str, ...]
) -> None:
    """Whatever the command; and to a person in words."""
    result = program(*path, "--no-such-option", "--json", code=2)
    error = json.loads(result.stderr)["error"]
    assert (error["kind"], error["exit_code"]) == ("usage", 2)
    assert "no-such-option" in error["message"] or "json" in error["message"]
    assert "error: no such option" in program(*path, "--no-such-option", code=2).stderr


class _Gone(io.StringIO):
    """A pipe whose reader has left."""

    def write(self, _: str) -> int:
        raise BrokenPipeError


@pytest.mark.drawn
@each_command
def test_a_reader_who_has_left_is_no_failure(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    path: tuple[str, ...],
) -> None:
    """As in ``| head -1``."""
    monkeypatch.setattr(sys, "stdout", _Gone())
    with pytest.raises(SystemExit) as ended:
        run([*path, "--help"])
    assert (ended.value.code, capsys.readouterr().err) == (0, "")


_NUMBERS: Final = (
    "0",
    "1",
    "-1",
    "+1",
    "01",
    "50",
    "1001",
    "65536",
    "9" * 10,
    "9" * 5000,
    "1_0",
    "1.5",
    "²",
    "٣",
)
_TYPED: Final = ("", *_NUMBERS, "true", "active", "a b", "../x", "-")


@each_command
def test_what_is_read_without_typers_conversion_is_what_that_makes_of_it(
    path: tuple[str, ...],
) -> None:
    """Whatever is typed, and of the defaults; what is refused, in the same words."""
    command = _command(path)
    with command.make_context("it", ["x"] * 9, resilient_parsing=True) as ctx:
        for parameter in command.params:
            if parameter.callback is not None:
                continue
            full = partial(type(parameter).process_value, parameter)
            values = [(one,) for one in _TYPED] if parameter.type_descriptor.is_list else _TYPED
            for value in [None, parameter.get_default(ctx), *values]:
                assert _of(parameter.process_value, ctx, value) == _of(full, ctx, value), parameter


def _of(process: Callable[[Any, Any], object], ctx: Any, value: object) -> tuple[object, ...]:
    try:
        found = process(ctx, value)
    except typer.TyperException as error:
        return type(error), error.format_message()
    return type(found), found
