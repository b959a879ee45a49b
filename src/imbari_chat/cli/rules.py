"""``rules``: check the security rules, explain what they decide, read and deploy them."""

import os
import sys
from datetime import UTC, datetime
from difflib import unified_diff
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from imbari_chat.cli.app import App
from imbari_chat.cli.exit_codes import ExitCode, UsageError
from imbari_chat.cli.explain import explain
from imbari_chat.cli.options import Json, Quiet, Target, target
from imbari_chat.cli.rules_file import DEFAULT_FILE, placed, read_text
from imbari_chat.cli.stderr import Stderr, agrees
from imbari_chat.cli.stdout import Stdout
from imbari_chat.errors import ConfigError, RulesError

if TYPE_CHECKING:
    from imbari_chat.identity.project import Project
    from imbari_chat.identity.rules import DeployedRules
    from imbari_chat.wire.json import Json as JsonValue

__all__ = ["family"]

_File = Annotated[Path, typer.Argument(metavar="FILE", help="- for standard input.")]


def family() -> App:
    """The commands of ``rules``."""
    app = App(
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
    from imbari_chat.cli.waiting import waited_for

    here = target(ctx)
    _, deployed = _deployed(here)
    with deployed:
        text = waited_for(deployed.text, Stderr(), here.settings().target())
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
    """Put rules in force, once the database itself has found them in order.

    Shows what would change, keeps a copy of the rules there were, and reads the new ones back.
    """
    from imbari_chat.cli.waiting import waited_for

    stderr = Stderr(quiet=quiet)
    text = read_text(file)
    here = target(ctx)
    stderr.name_target(here.settings())
    where = here.settings().target()
    project, deployed = _deployed(here)
    kept: Path | None = None
    with deployed:
        try:
            waited_for(lambda: deployed.check(text), stderr, where)
            before = waited_for(deployed.text, stderr, where)
            changes = _difference(before, text, file)
            for line in changes:
                stderr.say(line)
            if changes and not dry_run:
                _confirm(project, file, yes=yes)
                kept = _keep(before, here.settings().data_dir / "rules", project.namespace)
                stderr.say(f"the rules there were are kept in {kept}")
                waited_for(lambda: deployed.deploy(text, over=before), stderr, where)
        except RulesError as error:
            raise placed(error, file, text) from None
    if json:
        Stdout(tells_what_was_done=True).document(
            {
                "file": str(file),
                "database": project.admin_url,
                "deployed": kept is not None,
                "difference": list(changes),
                "kept": None if kept is None else str(kept),
            }
        )
    if not changes:
        stderr.say(f"{file} is in force at {project.admin_url} already")
        return
    done = "would be taken by" if dry_run else "is in force at"
    stderr.say(f"{file} {done} {project.admin_url}")


def _difference(before: str, after: str, file: Path) -> tuple[str, ...]:
    """What changes, as a unified diff; nothing if the lines are the same."""
    lines = unified_diff(
        before.splitlines(), after.splitlines(), "in force", str(file), lineterm="", n=2
    )
    return tuple(lines)


def _keep(text: str, directory: Path, namespace: str) -> Path:
    """Write down the rules that are about to go, where only their owner can read them.

    Raises:
        ConfigError: They cannot be written.
    """
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for number in count():
            again = f"-{number}" if number else ""
            path = directory / f"{quote(namespace, safe='')}-{moment}{again}.rules.json"
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue
            with os.fdopen(descriptor, "wb") as kept:
                kept.write(text.encode())
            return path
    except OSError as error:
        raise ConfigError(
            f"the rules in force cannot be kept, so nothing was changed: {error.strerror}",
            where=str(directory),
            hint="Name a directory that can be written in IMBARI_CHAT_DATA_DIR",
        ) from None
    raise AssertionError("numbers do not end")


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
    if not agrees(f"Replace the rules of {project.admin_url} by {file}?"):
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
