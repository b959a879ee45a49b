"""The root of the command line: options before the command, help, version."""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import typer
from typer.core import TyperGroup

from imbari_chat import __version__
from imbari_chat.cli.arguments import options_first, programs_options_first
from imbari_chat.cli.examples import EXAMPLES
from imbari_chat.cli.main import _named, build, run
from imbari_chat.cli.options import Target
from imbari_chat.emulator import Emulator
from tests.cli.harness import Program, Visitor


def test_version(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    """Every way of asking gives the same line."""
    run(["--version"])
    line = f"imbari-chat {__version__}\n"
    assert capsys.readouterr().out == line
    assert program("version").stdout == line
    assert program("--project", "x", "--version").stdout == line


@pytest.mark.parametrize("mistake", [EOFError("no bytes"), ValueError("no bytes")], ids=repr)
def test_a_mistake_inside_a_command_is_told(
    mistake: Exception, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one by which Typer would know the end of somebody's input."""

    def version() -> None:
        """Goes wrong."""
        raise mistake

    monkeypatch.setattr("imbari_chat.cli.program.version", version)
    assert f"unexpected {type(mistake).__name__}: no bytes" in program("version", code=1).stderr


def test_an_answer_that_does_not_come_ends_a_command_as_ctrl_c_does(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the input at a question, where nobody can go on."""

    def version() -> None:
        """Asks."""
        typer.confirm("Go on?", abort=True)

    monkeypatch.setattr("imbari_chat.cli.program.version", version)
    assert "unexpected" not in program("version", stdin="", code=130).stderr


def test_no_command_shows_the_help(program: Program) -> None:
    """With the exit code of a usage error, because nothing was done."""
    assert "Conversations" in program(code=2).stdout
    assert "login" in program("auth", code=2).stdout


@pytest.mark.parametrize(("encoding", "edges"), [("ascii", "+|-"), ("utf-8", "╭│─")])
def test_a_help_page_is_drawn_with_what_the_terminal_has(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, edges: str
) -> None:
    """Nothing in it stands for something else that could not be written."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    with pytest.raises(SystemExit):
        run(["inbox", "--help"])
    sys.stdout.flush()
    page = written.getvalue().decode(encoding)
    assert all(edge in page for edge in edges)
    assert "\\" not in page


def test_a_help_page_has_colours_at_a_terminal(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But none in what is to be typed."""
    screen = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", screen)
    with pytest.raises(SystemExit):
        run(["reply", "--help"])
    screen.seek(0)
    page = screen.read()
    assert "\x1b[2m# " in page
    assert EXAMPLES["reply"][0][0] in page


def test_hot_verbs_come_first(program: Program) -> None:
    """Reading and replying is what most people come for."""
    page = program("--help").stdout
    places = [page.index(f"│ {verb} ") for verb in ("inbox", "show", "reply", "watch", "emulator")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ("--emulator inbox", "--emulator=127.0.0.1:9000 inbox"),
        ("--emulator", "--emulator=127.0.0.1:9000"),
        ("--emulator localhost:9001 inbox", "--emulator=localhost:9001 inbox"),
        ("--emulator [::1]:9001 inbox", "--emulator=[::1]:9001 inbox"),
        ("--emulator=localhost:9001 inbox", "--emulator=localhost:9001 inbox"),
        ("inbox --emulator --json", "--emulator=127.0.0.1:9000 inbox --json"),
        ("inbox", "inbox"),
        ("inbox --profile x --json", "--profile x inbox --json"),
        ("show -OhqQ --profile=x", "--profile=x show -OhqQ"),
        ("show amina --profile x", "--profile x show amina"),
        ("reply 1 Yes --json --profile x", "--profile x reply 1 Yes --json"),
        ("auth login --project shop me", "--project shop auth login me"),
        ("inbox --profile=x amina", "--profile=x inbox amina"),
        ("show --version amina", "--version show amina"),
        ("inbox --limit --profile x", "--profile x inbox --limit"),
        ("inbox --limit", "inbox --limit"),
        ("reply 1 -- --profile x", "reply 1 -- --profile x"),
        ("emulator start --project x", "emulator start --project x"),
        ("emulator exec --host ::1 --profile x make", "--profile x emulator exec --host ::1 make"),
        ("emulator exec make --profile x", "emulator exec make --profile x"),
        ("emulator exec --no-rules make --profile x", "emulator exec --no-rules make --profile x"),
        ("emulator exec --host=::1 make --profile x", "emulator exec --host=::1 make --profile x"),
        ("emulator exec --bogus --profile x make", "--profile x emulator exec --bogus make"),
        ("--bogus inbox --profile x", "--profile x --bogus inbox"),
        ("emulator exec -- make --profile x", "emulator exec -- make --profile x"),
        ("nonsense --profile x", "--profile x nonsense"),
        ("inbox --profile", "--profile inbox"),
    ],
)
def test_the_programs_options_may_stand_anywhere(given: str, understood: str) -> None:
    """A command's own options are its own, and what follows a double dash is nobody's."""
    root = cast("TyperGroup", typer.main.get_command(build()))
    ctx = root.context_class(root)
    usual = {"--emulator": ("127.0.0.1:9000", re.compile(r"\S+:\d+"))}
    assert programs_options_first(root, ctx, given.split(), usual) == understood.split()


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ("-OhQpeek --peek", "--peek -- -OhQpeek"),
        ("-Oabc -h", "-h -- -Oabc"),
        ("--limit 5 -Oabc", "--limit 5 -- -Oabc"),
        ("-Oabc --limit=5 - one", "--limit=5 -- -Oabc - one"),
        ("--peek -Oabc", "--peek -- -Oabc"),
        ("-Oabc --limit", "--limit -- -Oabc"),
        ("--bogus -Oabc", "--bogus -- -Oabc"),
        ("-- --peek", "-- --peek"),
        ("--peek", "--peek"),
    ],
)
def test_an_id_is_no_option(given: str, understood: str) -> None:
    """Whichever letters it holds; a long option that nobody knows is refused as one."""
    root = cast("TyperGroup", typer.main.get_command(build({"show"})))
    root_ctx = root.context_class(root, **root.context_settings)
    show = root.commands["show"]
    parameters = show.get_params(show.context_class(show, parent=root_ctx))
    assert options_first(parameters, given.split()) == understood.split()


def test_whatever_takes_an_id_takes_one_that_begins_with_a_dash() -> None:
    """Every command of which help says that it wants a conversation, or a message."""
    root = cast("TyperGroup", typer.main.get_command(build()))
    taking = []
    for name, command in _commands(root):
        wanted = [one for one in command.params if _takes_an_id(one)]
        if wanted:
            taking.append(name)
            ctx = command.make_context(name, ["-OhQpeek"])
            assert ctx.params[str(wanted[0].name)] in ("-OhQpeek", ("-OhQpeek",), ["-OhQpeek"])
    assert len(taking) >= 16


def _commands(family: Any) -> Iterator[tuple[str, Any]]:
    for name, command in family.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command)
        else:
            yield name, command


def _takes_an_id(parameter: Any) -> bool:
    is_argument: bool = parameter.param_type_name == "argument"
    return is_argument and bool(re.match(r"\[?(SESSION|MESSAGE)", parameter.metavar or ""))


def _flags(**given: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("project", "database_url", "emulator", "profile", "credentials", "request_timeout")
    )
    return dict(Target.of(**{**nothing, **given}).flags)


def test_naming_an_emulator_names_both_halves(nowhere: Path) -> None:
    """Auth is at its usual port of the same host."""
    assert _flags(emulator="localhost:9001") == {
        "database_emulator": "localhost:9001",
        "auth_emulator": "localhost:9099",
    }


def test_the_environment_says_where_auth_is(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be at another port."""
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "localhost:1234")
    assert "auth_emulator" not in _flags(emulator="localhost:9001")


def test_options_before_the_command_win(
    program: Program, visitor: Visitor, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over an environment that points elsewhere."""
    visitor.writes("Hello")
    monkeypatch.setenv("FIREBASE_DATABASE_EMULATOR_HOST", "127.0.0.1:1")
    program("inbox", code=8)
    monkeypatch.delenv("FIREBASE_DATABASE_EMULATOR_HOST")
    monkeypatch.delenv("FIREBASE_CONFIG")
    result = program("--emulator", emulator.database_host, "--profile", "x", "inbox")
    assert "Amina Nakato" in result.stdout


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        (["inbox"], {"inbox"}),
        (["inbox", "--help"], {"inbox"}),
        (["--project", "shop", "inbox"], {"inbox"}),
        (["-v", "inbox"], {"inbox"}),
        (["--project", "shop"], None),
        (["--help", "inbox"], None),
        (["-h"], None),
        (["inbx", "inbox"], None),
        ([], None),
    ],
)
def test_of_a_line_only_its_commands_are_made(line: list[str], commands: set[str] | None) -> None:
    """All of them take ten times as long; for a mistyped one all are named."""
    assert _named(line) == commands


@pytest.mark.parametrize(
    ("line", "refused", "command"),
    [
        ("xyzzy", "no such command 'xyzzy'", ""),
        ("canned nope", "no such command 'nope'", " canned"),
        ("canned sav x y", "no such command 'sav'. Did you mean 'save'?", " canned"),
        ("inbox --nope", "no such option: --nope (Possible options: --mine, --since, --snoozed)",
         " inbox"),
        ("inbox x", "got unexpected extra argument(s) (x)", " inbox"),
        ("show", "missing argument 'SESSION...'", " show"),
        ("emulator exec", "missing argument 'COMMAND...'", " emulator exec"),
        ("--project", "option '--project' requires an argument", ""),
        ("--request-timeout x inbox", "invalid value for --request-timeout: 'x' is not a number",
         ""),
        ("inbox -q=yes", "no such option: -=", " inbox"),
        ("inbox --quiet=yes", "option '--quiet' does not take a value", " inbox"),
        ("inbox --limit", "option '--limit' requires an argument", " inbox"),
        ("inbox --limit=", "invalid value for --limit: '' is not a whole number", " inbox"),
        ("inbox --limit x", "invalid value for --limit: 'x' is not a whole number", " inbox"),
        ("inbox --limit 0", "invalid value for --limit: '0' must be at least 1", " inbox"),
        ("search --limit 1001 x", "invalid value for --limit: '1001' must be at most 1000",
         " search"),
        ("inbox --status odd",
         "invalid value for --status: 'odd' is not one of 'active', 'resolved', 'all'", " inbox"),
        ("emulator start --parent x", "invalid value for --parent: 'x' is not a whole number",
         " emulator start"),
        ("completion tcsh",
         "invalid value for shell: 'tcsh' is not one of 'bash', 'zsh', 'fish'", " completion"),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_in_a_sentence(
    program: Program, line: str, refused: str, command: str
) -> None:
    """With the command whose help page says more."""
    assert program(*line.split(), code=2).stderr == (
        f"error: {refused}\nhint: Try `imbari-chat{command} --help`\n"
    )
