"""``rules``: check the security rules, explain what they decide, read and deploy them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from imbari_chat.cli.exit_codes import ExitCode, UsageError
from imbari_chat.cli.explain import explain
from imbari_chat.cli.options import Json, Quiet, Target, target
from imbari_chat.cli.rules_file import DEFAULT_FILE, placed, read_text
from imbari_chat.cli.stderr import Stderr, ask
from imbari_chat.cli.stdout import Stdout
from imbari_chat.errors import RulesError

if TYPE_CHECKING:
    from imbari_chat.identity.project import Project
    from imbari_chat.identity.rules import DeployedRules
    from imbari_chat.wire.json import Json as JsonValue

__all__ = ["family"]

_YES: Final = {"y", "yes"}

_File = Annotated[Path, typer.Argument(metavar="FILE", help="- for standard input.")]


def family() -> typer.Typer:
    """The commands of ``rules``."""
    app = typer.Typer(
        no_args_is_help=True,
        help="Check the security rules, explain what they decide, read and deploy them.",
    )
    app.command("check")(check)
    app.command("explain")(explain)
    app.command("get")(get)
    app.command("deploy")(deploy)
    return app


def check(file: _File = DEFAULT_FILE, json: Json = False, quiet: Quiet = False) -> None:
    """Check a rules file as the service does at upload. Exit code 7 if it is not in order."""
    from imbari_chat.rules import Ruleset

    text = read_text(file)
    try:
        Ruleset.parse(text)
    except RulesError as error:
        if json:
            mistake: JsonValue = {"line": error.line, "column": error.column, "message": error.what}
            Stdout().document({"file": str(file), "mistake": mistake})
        raise placed(error, file, text) from None
    if json:
        Stdout().document({"file": str(file), "mistake": None})
    Stderr(quiet=quiet).say(f"{file} is in order")


def get(ctx: typer.Context) -> None:
    """Print the rules in force, comments and all."""
    _, deployed = _deployed(target(ctx))
    with deployed:
        text = deployed.text()
    if sys.stdout.isatty():
        from imbari_chat.view.sanitize import safe_text

        text = safe_text(text, multiline=True)
    Stdout().text(text.removesuffix("\n"))


def deploy(
    ctx: typer.Context,
    file: _File = DEFAULT_FILE,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before changing a live database.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only ask the database whether it would take them.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Put rules in force, once the database itself has found them in order."""
    stderr = Stderr(quiet=quiet)
    text = read_text(file)
    here = target(ctx)
    stderr.name_target(here.settings())
    project, deployed = _deployed(here)
    with deployed:
        try:
            deployed.check(text)
            if not dry_run:
                _confirm(project, file, yes=yes)
                deployed.deploy(text)
        except RulesError as error:
            raise placed(error, file, text) from None
    if json:
        Stdout().document(
            {"file": str(file), "database": project.admin_url, "deployed": not dry_run}
        )
    done = "would be taken by" if dry_run else "is in force at"
    stderr.say(f"{file} {done} {project.admin_url}")


def _confirm(project: "Project", file: Path, *, yes: bool) -> None:
    """Have a person agree before a live database changes.

    Raises:
        UsageError: Nobody can be asked.
        typer.Exit: They do not agree.
    """
    if yes or project.is_emulator:
        return
    if not _at_a_terminal():
        raise UsageError(
            f"{project.admin_url} is a live database, and nobody can be asked here",
            hint="--yes deploys without asking",
        )
    answer = ask(f"Replace the rules of {project.admin_url} by {file}? [y/N] ")
    if answer.lower() not in _YES:
        Stderr().warn("nothing was changed")
        raise typer.Exit(ExitCode.FAILURE)


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _deployed(here: Target) -> "tuple[Project, DeployedRules]":
    from imbari_chat.identity import factory
    from imbari_chat.identity.rules import DeployedRules

    settings = here.settings()
    project = factory.project(settings)
    return project, DeployedRules(project, key_file=settings.credentials)
