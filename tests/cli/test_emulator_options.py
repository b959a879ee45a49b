"""What the emulator's options make of it: options over ``firebase.json`` over the usual."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imbari_chat.cli.emulator_options import EmulatorOptions, _Follower
from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.stderr import Stderr
from imbari_chat.errors import RulesError, Unavailable

PORTS = {"database": 9000, "auth": 9099, "hub": 4400}
RULES = '{"rules": {".read": true}}'


@pytest.fixture
def made(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """How an emulator was asked for, where there are rules and a ``firebase.json``."""
    asked: dict[str, Any] = {}

    def make(project: str, rules: str | None, **options: Any) -> object:
        asked.update(options, project=project, rules=rules)
        return SimpleNamespace(load_rules=lambda _text, _namespace: None)

    monkeypatch.setattr("imbari_chat.emulator.Emulator", make)
    (nowhere / "a.json").write_text(RULES)
    (nowhere / "b.json").write_text(RULES.replace("true", "false"))
    emulators = {
        "database": {"host": "127.0.0.2", "port": 1}, "auth": {"port": 2}, "hub": {"port": 3},
    }  # fmt: skip
    rules = [{"rules": "b.json"}, {"instance": "vault", "rules": "a.json"}]
    configured = {"emulators": emulators, "database": rules}
    (nowhere / "firebase.json").write_text(json.dumps(configured))
    (nowhere / "empty.json").write_text("{}")
    return asked


USUAL: dict[str, Any] = {
    "project": "mine", "host": "127.0.0.1", "database_port": 9000, "auth_port": 9099,
    "hub_port": 4400, "allow_remote": False, "data": None, "sync": False, "import_from": None,
    "export_on_exit": None, "log_request": None,
}  # fmt: skip
CONFIGURED = {"host": "127.0.0.2", "database_port": 1, "auth_port": 2, "hub_port": 3}
CONFIG = {"config": Path("firebase.json")}


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({}, {}),
        ({"database_port": 7}, {"database_port": 7}),
        ({"auth_port": 7}, {"auth_port": 7}),
        ({"hub_port": 0}, {"hub_port": 0}),
        ({"project": "shop"}, {"project": "shop"}),
        ({"host": "::1"}, {"host": "::1"}),
        ({"allow_remote": True}, {"allow_remote": True}),
        ({"data": Path("d")}, {"data": Path("d")}),
        ({"data": Path("d"), "fsync": True}, {"data": Path("d"), "sync": True}),
        ({"import_from": Path("i")}, {"import_from": Path("i")}),
        ({"export_on_exit": "e"}, {"export_on_exit": Path("e")}),
        (
            {"import_from": Path("a.json"), "export_on_exit": ""},
            {"import_from": Path("a.json"), "export_on_exit": Path("a.json")},
        ),
        ({"import_from": Path("i"), "export_on_exit": ""}, {"export_on_exit": Path("i")}),
        (
            {"import_from": Path("i"), "export_on_exit": "e"},
            {"import_from": Path("i"), "export_on_exit": Path("e")},
        ),
        ({"config": Path("empty.json")}, {"hub_port": 0}),
        (CONFIG, CONFIGURED),
        ({**CONFIG, "database_port": 7}, {**CONFIGURED, "database_port": 7}),
        ({**CONFIG, "auth_port": 7}, {**CONFIGURED, "auth_port": 7}),
        ({**CONFIG, "hub_port": 7}, {**CONFIGURED, "hub_port": 7}),
        ({**CONFIG, "host": "::1"}, {**CONFIGURED, "host": "::1"}),
    ],
)
def test_each_option_is_one_of_the_emulators(
    made: dict[str, Any], options: dict[str, Any], changed: dict[str, Any]
) -> None:
    """And touches no other."""
    with EmulatorOptions(**options).emulator(Stderr(), "mine", PORTS):
        made.pop("rules")
        assert made == USUAL | changed


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        ({"rules": Path("a.json")}, RULES),
        (CONFIG, RULES.replace("true", "false")),
        ({**CONFIG, "rules": Path("a.json")}, RULES),
        ({**CONFIG, "no_rules": True}, None),
        ({"no_rules": True}, None),
    ],
)
def test_rules_are_those_of_the_nearest_file(
    made: dict[str, Any], options: dict[str, Any], rules: str | None
) -> None:
    """Or none at all, where that is asked for."""
    with EmulatorOptions(**options).emulator(Stderr(), None, PORTS):
        assert (made["rules"], made["project"]) == (rules, "demo-imbari")


@pytest.mark.parametrize(
    ("options", "followed"),
    [
        ({}, {}),
        ({"rules": Path("a.json")}, {None: "a.json"}),
        ({"config": Path("empty.json")}, {}),
        (CONFIG, {None: "b.json", "vault": "a.json"}),
        ({**CONFIG, "rules": Path("a.json")}, {None: "a.json"}),
        ({**CONFIG, "no_rules": True}, {}),
        ({"no_rules": True}, {}),
    ],
)
def test_files_whose_rules_are_in_force_are_followed(
    made: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    followed: dict[str | None, str],
) -> None:
    """Those of other databases too, unless an option says which rules there are, or none."""
    found: dict[str | None, str] = {}

    @contextmanager
    def following(follower: Any) -> Iterator[None]:
        found[follower._namespace] = str(follower._file)
        yield
        found.clear()

    monkeypatch.setattr(_Follower, "following", following)
    with EmulatorOptions(**options).emulator(Stderr(), None, PORTS):
        assert found == followed
    assert found == {}


def test_requests_are_told_where_that_is_asked_for(
    made: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """As narration."""
    with EmulatorOptions(log_requests=True).emulator(Stderr(), None, PORTS):
        made["log_request"]("GET /a")
    assert capsys.readouterr().err == "GET /a\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rules": Path("a.json"), "no_rules": True}, "contradict each other"),
        ({"fsync": True}, "means nothing without --data"),
        ({"export_on_exit": ""}, "needs a directory"),
    ],
)
def test_what_makes_no_sense_together_is_refused(
    made: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    """Before anything is made."""
    with pytest.raises(UsageError, match=words):
        EmulatorOptions(**options).emulator(Stderr(), None, PORTS).__enter__()
    assert made == {}


@pytest.mark.parametrize("namespace", [None, "vault"])
def test_rules_are_loaded_again_once_they_are_others(
    nowhere: Path, capsys: pytest.CaptureFixture[str], namespace: str | None
) -> None:
    """Not when their file is looked at first, nor when it is written as it was."""
    loaded: list[tuple[str, str]] = []

    def load(text: str, into: str) -> None:
        loaded.append((text, into))
        if "nope" in text:
            raise RulesError("no such thing", line=1, column=2)
        if "late" in text:
            raise Unavailable("the emulator has ended")

    file = Path("a.json")
    emulator: Any = SimpleNamespace(
        reload_rules=lambda text: load(text, "everywhere"), load_rules=load
    )
    texts = [RULES, RULES, "true", "true", "nope", "nope", "late", RULES]
    file.write_text(texts[0])
    follower = _Follower(emulator, file, namespace, Stderr())
    for text in texts:
        file.write_text(text)
        follower._reload()
    file.unlink()
    follower._reload()
    others = ["true", "nope", "late", RULES]
    at_first = [] if namespace is None else [RULES]
    assert loaded == [(text, namespace or "everywhere") for text in (*at_first, *others)]
    news = "a.json: new rules are in force"
    kept = "the rules that were in force still are"
    refused = f"warning: a.json:1:2: no such thing; {kept}"
    said = capsys.readouterr().err.splitlines()
    assert said[:-1] == [news, refused, news]
    assert said[-1].startswith("warning: the file cannot be read: ")
    assert said[-1].endswith(kept)
