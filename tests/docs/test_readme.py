"""Whatever the documents show, works: Python is run, commands are held to the program."""

import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
import typer
import typer.exceptions

from imbari_chat.cli.main import build
from tests import programs
from tests.docs.blocks import (
    NOT_RUN,
    ROOT,
    Block,
    blocks,
    commands,
    documents,
    inline_commands,
    invocations,
)

_PATIENCE = 180.0
_MOST_LINES = 10

_TEXTS = {
    str(path.relative_to(ROOT)): path.read_text("utf-8") for path in documents() if path.exists()
}
_BLOCKS = [block for name, text in _TEXTS.items() for block in blocks(text, name)]


def _in(language: str) -> list[Block]:
    return [block for block in _BLOCKS if block.language == language]


def _readme(language: str) -> list[Block]:
    return [block for block in _in(language) if block.place.startswith("README.md:")]


def _run(block: Block, environment: Mapping[str, str], directory: Path) -> str:
    """Run a block beside the emulator; returns what it printed."""
    if block.not_run is not None:
        pytest.skip(f"{block.place} is not run: {block.not_run}")
    script = directory / "block.py"
    script.write_text(block.text, "utf-8")
    result = programs.run(
        [sys.executable, str(script)], timeout=_PATIENCE, cwd=directory, env=environment
    )
    assert result.returncode == 0, f"{block.place}\n{result.stderr}"
    return result.stdout


_program = cache(lambda: typer.main.get_command(build()))
"""All commands, which take a while to make."""


def refusal(arguments: list[str]) -> Exception | None:
    """Why the program would not take these arguments; None if it would. Runs nothing."""
    command = _program()
    name, given = "imbari-chat", arguments
    try:
        while True:
            context = command.make_context(name, list(given))
            if not isinstance(command, typer.core.TyperGroup):
                return None
            left = [*context._protected_args, *context.args]
            found_name, found, given = command.resolve_command(context, left)
            assert found is not None
            name, command = found_name or name, found
    except typer.Exit:
        return None  # --help and --version leave at once
    except typer.TyperException as error:
        return error


def test_readme_begins_with_a_short_program() -> None:
    """There is Python in it, and the first of it can be taken in at a glance."""
    assert "README.md" in _TEXTS
    programs = _readme("python")
    assert programs, "README.md shows no Python"
    first = programs[0]
    assert first.not_run is None
    assert 0 < first.lines_of_code <= _MOST_LINES


@pytest.mark.parametrize("block", _in("python"), ids=lambda block: block.place)
def test_python_runs(block: Block, environment: Mapping[str, str], tmp_path: Path) -> None:
    """Under the strict rules, with nothing around it that the document does not show."""
    _run(block, environment, tmp_path)


def test_the_first_program_prints_what_readme_says(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    """The transcript that follows it is a true one."""
    program = _readme("python")[0]
    transcript = _BLOCKS[_BLOCKS.index(program) + 1]
    assert transcript.language == "console", "no transcript follows the first program"
    shown = [line for line in transcript.text.splitlines() if not line.startswith("$ ")]
    assert _run(program, environment, tmp_path).splitlines() == shown


@pytest.mark.parametrize("block", [*_in("console"), *_in("sh")], ids=lambda block: str(block.place))
def test_commands_exist(block: Block) -> None:
    """Each call of the program is one it takes; each target of make's is in the Makefile."""
    if block.not_run is not None:
        pytest.skip(f"{block.place} is not run: {block.not_run}")
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for line in commands(block):
        for arguments in invocations(line, "imbari-chat"):
            assert refusal(arguments) is None, f"{block.place}: {line}"
        for arguments in invocations(line, "make"):
            assert {one for one in arguments if "=" not in one} <= set(targets), line


@pytest.mark.parametrize("name", _TEXTS)
def test_commands_in_the_text_exist(name: str) -> None:
    """A command may be mentioned without its arguments, but not without existing."""
    for span in inline_commands(_TEXTS[name]):
        for arguments in invocations(span, "imbari-chat"):
            refused = refusal(arguments)
            assert refused is None or str(refused).startswith("Missing "), f"{name}: {span}"


@pytest.mark.parametrize("name", _TEXTS)
def test_what_is_not_run_says_why(name: str) -> None:
    """A comment has a reason, and stands right before a block."""
    comments = [match["reason"] for match in NOT_RUN.finditer(_TEXTS[name])]
    assert all(comments)
    attached = [block.not_run for block in blocks(_TEXTS[name], name) if block.not_run is not None]
    assert attached == comments


@pytest.mark.parametrize(
    "arguments",
    [
        ["inbx"],
        ["inbox", "--nope"],
        ["--nope", "inbox"],
        ["emulator", "stop"],
        ["emulator", "exec", "--nope", "--", "x"],
        ["emulator", "exec"],
        ["inbox", "--limit", "many"],
        ["show", "--nope", "-OaBc"],
    ],
)
def test_a_wrong_command_is_noticed(arguments: list[str]) -> None:
    """Wrong names, wrong options, missing arguments and wrong values, at every depth."""
    assert refusal(arguments) is not None


@pytest.mark.parametrize(
    "arguments",
    [
        ["inbox", "--json"],
        ["--emulator", "inbox"],
        ["--project", "demo-shop", "emulator", "exec", "--no-rules", "--", "pytest", "--nope"],
        ["show", "-OaBc"],
        ["--version"],
        ["emulator", "--help"],
    ],
)
def test_a_right_command_is_taken(arguments: list[str]) -> None:
    """Whatever follows exec's double dash is somebody else's affair."""
    assert refusal(arguments) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("imbari-chat inbox --json | jq .", [["inbox", "--json"]]),
        ("A=1 B='2 3' .venv/bin/imbari-chat inbox  # all of it", [["inbox"]]),
        ("pip install imbari-chat", []),
        ('eval "$(imbari-chat emulator start)"', [["emulator", "start"]]),
        ("cd x && imbari-chat reply 1 'a | b; c'", [["reply", "1", "a | b; c"]]),
        (
            "imbari-chat emulator exec -- imbari-chat inbox",
            [["emulator", "exec", "--", "imbari-chat", "inbox"], ["inbox"]],
        ),
    ],
)
def test_calls_are_found_in_a_line(line: str, expected: list[list[str]]) -> None:
    """Through pipes, assignments, substitutions and other calls, and nowhere else."""
    assert invocations(line, "imbari-chat") == expected


def test_blocks_are_found_in_a_document() -> None:
    """With their place, with the comment right before them, and without their indentation."""
    text = (
        "# A\n\n```python\nx = 1\n\ny = 2\n```\n<!-- not run: needs a project -->\n\n"
        "```sh\na \\\n  b\n\nc\n```\n<!-- not run: lost -->\ntext\n\n"
        "- item\n\n  ```console\n  $ make\n  done\n  ```\n"
    )
    python, shell, console = blocks(text, "a.md")
    assert python == Block("a.md:3", "python", "x = 1\n\ny = 2")
    assert python.lines_of_code == 2
    assert shell == Block("a.md:10", "sh", "a \\\n  b\n\nc", "needs a project")
    assert [line.split() for line in commands(shell)] == [["a", "b"], ["c"]]
    assert console == Block("a.md:21", "console", "$ make\ndone")
    assert commands(console) == ["make"]
