"""What ``rules get`` and ``rules deploy`` show, ask and keep, without a database."""

import io
import json
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from imbari_chat.cli import rules, waiting
from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.stderr import Stderr
from imbari_chat.errors import ConfigError, RulesError
from imbari_chat.identity import factory
from imbari_chat.identity import rules as identity_rules

BEFORE = "".join(f"line {number}\n" for number in range(9))
AFTER = BEFORE.replace("line 4\n", "line four\n")
CHANGES = [
    "--- in force", "+++ new.json", "@@ -3,5 +3,5 @@",
    " line 2", " line 3", "-line 4", "+line four", " line 5", " line 6",
]  # fmt: skip


class Database:
    """Its rules, and what is done with them.

    Attributes:
        calls: What was asked of it, in order.
        waited: What a person is told of while each takes long.
    """

    admin_url = "https://shop.example"
    namespace = "shop/eu"
    is_emulator = False

    def __init__(self, place: Path) -> None:
        self.in_force = BEFORE
        self.calls: list[str] = []
        self.waited: list[str] = []
        self.settings = SimpleNamespace(
            target=lambda: "shop", data_dir=place / "data", credentials="key.json"
        )

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.calls.append("close")

    def check(self, text: str) -> None:
        self.calls.append(f"check {len(text)}")

    def text(self) -> str:
        return self.in_force

    def deploy(self, text: str, *, over: str) -> None:
        assert over == self.in_force
        self.calls.append(f"deploy {len(text)}")


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Database:
    """A live one, and a directory with rules for it."""
    database = Database(tmp_path)

    def waited_for(work: Callable[[], Any], stderr: Stderr, what: str) -> Any:
        assert not stderr.is_terminal
        database.waited.append(what)
        return work()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(waiting, "waited_for", waited_for)
    monkeypatch.setattr(rules, "_deployed", lambda here: (database, database))
    Path("new.json").write_text(AFTER)
    Path("same.json").write_text(BEFORE.replace("\n", "\r\n"))
    return database


def _ctx(database: Database) -> Any:
    here = SimpleNamespace(settings=lambda: database.settings)
    return SimpleNamespace(find_object=lambda _: here)


def _deploy(database: Database, file: str = "new.json", **options: bool) -> None:
    options = {"yes": True, **options}
    rules.deploy(_ctx(database), Path(file), **options)


def test_what_changes_is_shown_and_what_was_there_is_kept(
    database: Database, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Where it is done comes first, and what was done last."""
    _deploy(database)
    said = capsys.readouterr()
    (kept,) = (tmp_path / "data" / "rules").iterdir()
    assert said.out == ""
    assert said.err.splitlines() == [
        "at shop", *CHANGES, f"the rules there were are kept in {kept}",
        "new.json is in force at https://shop.example",
    ]  # fmt: skip
    assert kept.read_text() == BEFORE
    assert database.calls == [f"check {len(AFTER)}", f"deploy {len(AFTER)}", "close"]
    assert database.waited == ["shop"] * 3


def test_a_dry_run_shows_what_would_change(
    database: Database, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Nobody is asked, and nothing is kept."""
    _deploy(database, dry_run=True, yes=False)
    assert capsys.readouterr().err.splitlines() == [
        "at shop", *CHANGES, "new.json would be taken by https://shop.example",
    ]  # fmt: skip
    assert database.calls == [f"check {len(AFTER)}", "close"]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("dry_run", [True, False])
def test_where_no_line_differs_nothing_is_done(
    database: Database, capsys: pytest.CaptureFixture[str], dry_run: bool
) -> None:
    """However lines end."""
    _deploy(database, "same.json", dry_run=dry_run)
    assert capsys.readouterr().err.splitlines() == [
        "at shop", "same.json is in force at https://shop.example already",
    ]  # fmt: skip
    assert database.calls[1:] == ["close"]


def test_a_program_is_told_what_was_done(
    database: Database, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """And in quiet mode nobody else."""
    _deploy(database, json=True, quiet=True)
    said = capsys.readouterr()
    (kept,) = (tmp_path / "data" / "rules").iterdir()
    assert json.loads(said.out) == {
        "version": 1,
        "file": "new.json",
        "database": "https://shop.example",
        "deployed": True,
        "difference": CHANGES,
        "kept": str(kept),
    }
    assert said.err == ""
    _deploy(database, json=True, quiet=True, dry_run=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["deployed"], told["kept"]) == (False, None)


def test_what_was_deployed_is_no_failure_where_it_cannot_be_told(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script would do it again."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.stdout, "write", full)
    _deploy(database, json=True)
    assert "warning: " in capsys.readouterr().err
    assert "deploy" in database.calls[1]


@pytest.mark.parametrize(("answer", "deploys"), [(True, True), (False, False)])
def test_a_person_is_asked_before_a_live_database_changes(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: bool,
    deploys: bool,
) -> None:
    """With what, and where. Nothing is kept of what stays."""
    asked: list[str] = []

    def agrees(question: str) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr(rules, "agrees", agrees)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    if deploys:
        _deploy(database, yes=False)
    else:
        with pytest.raises(typer.Exit) as ended:
            _deploy(database, yes=False)
        assert ended.value.exit_code == 1
        assert capsys.readouterr().err.endswith("warning: nothing was changed\n")
        assert not database.settings.data_dir.exists()
    assert asked == ["Replace the rules of https://shop.example by new.json?"]
    assert len(database.calls) == (3 if deploys else 2)


def test_where_nobody_can_be_asked_a_live_database_stays(database: Database) -> None:
    """An emulator does not matter."""
    with pytest.raises(UsageError) as caught:
        _deploy(database, yes=False)
    assert caught.value.what == (
        "https://shop.example is a live database, and nobody can be asked here"
    )
    assert caught.value.hint == "--yes deploys without asking"
    database.is_emulator = True
    _deploy(database, yes=False)
    assert "deploy" in database.calls[-2]


def test_each_copy_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Of the database and the moment; its owner alone may read it, or look where it is."""
    place = tmp_path / "of" / "rules"
    first, second, third = (rules._keep(f"é{at}", place, "shop/eu") for at in range(3))
    moment = r"shop%2Feu-\d{8}T\d{6}Z"
    assert re.fullmatch(rf"{moment}\.rules\.json", first.name)
    names = [first.name.replace(".rules", f"-{at}.rules") for at in (1, 2)]
    assert [second.name, third.name] == names or first.name[:20] != third.name[:20]
    assert [one.read_text("utf-8") for one in (first, second, third)] == ["é0", "é1", "é2"]
    assert first.stat().st_mode & 0o777 == 0o600
    assert place.stat().st_mode & 0o777 == 0o700


def test_copies_that_cannot_be_written_stop_it(tmp_path: Path) -> None:
    """It is said where, and what to do."""
    place = tmp_path / "rules"
    place.write_text("no directory")
    with pytest.raises(ConfigError) as caught:
        rules._keep("x", place, "shop")
    assert caught.value.what == (
        "the rules in force cannot be kept, so nothing was changed: File exists"
    )
    assert caught.value.where == str(place)
    assert "IMBARI_CHAT_DATA_DIR" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("is_terminal", "shown"), [(True, "// \ufffd[2J\n{}\n"), (False, "// \x1b[2J\n{}\n")]
)
def test_what_is_in_force_is_printed_as_it_is(
    database: Database, monkeypatch: pytest.MonkeyPatch, is_terminal: bool, shown: str
) -> None:
    """But for what a terminal would obey, on one."""
    database.in_force = "// \x1b[2J\n{}\n"
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: is_terminal)
    monkeypatch.setattr(sys, "stdout", screen)
    rules.get(_ctx(database))
    assert screen.getvalue() == shown
    assert (database.calls, database.waited) == (["close"], ["shop"])


def test_a_mistake_is_data_for_a_program(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With the file's name."""
    file = tmp_path / "new.json"
    for text, line in (('{"rules": {}}', None), ("{", 1)):
        file.write_text(text)
        with suppress(RulesError):
            rules.check(file, json=True, quiet=True)
        told = json.loads(capsys.readouterr().out)
        assert told["file"] == str(file)
        assert (told["mistake"] or {}).get("line") == line


def test_the_rules_of_a_project_are_reached_with_its_key(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the settings name."""
    monkeypatch.undo()
    given: list[object] = []

    def deployed(*project: object, key_file: object) -> None:
        given.extend((*project, key_file))

    monkeypatch.setattr(factory, "project", lambda settings: f"of {settings.target()}")
    monkeypatch.setattr(identity_rules, "DeployedRules", deployed)
    here: Any = SimpleNamespace(settings=lambda: database.settings)
    rules._deployed(here)
    assert given == ["of shop", "key.json"]
