"""rules check, explain, get and deploy."""

import json
from pathlib import Path
from typing import Any

import pytest

from imbari_chat.cli import explain
from imbari_chat.cli import rules as rules_command
from imbari_chat.config import Settings
from imbari_chat.emulator import Emulator
from imbari_chat.errors import AccessDenied
from imbari_chat.identity import factory
from imbari_chat.identity import rules as identity_rules
from imbari_chat.schema import strict_rules
from tests import plain_http
from tests.cli.harness import Program

BROKEN = '{"rules": {\n  ".read": "data.isArray()"\n}}\n'
COMMENTED = '{\n  // nobody but café staff\n  "rules": {".read": "auth.uid == \'amina\'",},\n}\n'
ROOMS = """{"rules": {"rooms": {
  ".read": "query.orderByChild == 'owner' && query.equalTo == auth.uid
    && query.limitToLast <= 10",
  "$room": {
    ".read": "data.child('owner').val() === auth.uid",
    ".write": "auth.token.admin === true || newData.child('owner').val() === auth.uid",
    "at": {".validate": "newData.val() === now"}
  }
}}}"""


@pytest.fixture
def rooms(nowhere: Path) -> Path:
    """A directory with rules and data in it."""
    (nowhere / "database.rules.json").write_text(ROOMS)
    (nowhere / "data.json").write_text('{"rooms": {"r1": {"owner": "amina"}}}')
    return nowhere


@pytest.fixture
def offline(rooms: Path) -> Program:
    """The program where no database is configured."""
    return Program()


def test_rules_in_order_are_said_to_be(offline: Program) -> None:
    """database.rules.json unless another file is named; nothing on stdout but with --json."""
    result = offline("rules", "check")
    assert (result.stdout, result.stderr) == ("", "database.rules.json is in order\n")
    assert offline("rules", "check", "--quiet").stderr == ""
    report = offline.json("rules", "check", "-", stdin=strict_rules())
    assert report == {"file": "-", "mistake": None}


def test_a_mistake_is_shown_where_it_is(offline: Program, rooms: Path) -> None:
    """File, line and column, and a caret below the line; exit code 7."""
    (rooms / "broken.json").write_text(BROKEN)
    result = offline("rules", "check", "broken.json", code=7)
    assert result.stdout == ""
    assert result.stderr == (
        "error: broken.json:2:18: No such method/property 'isArray'.\n"
        '    ".read": "data.isArray()"\n'
        "                   ^\n"
    )
    result = offline("rules", "check", "broken.json", "--json", code=7)
    assert json.loads(result.stdout)["mistake"] == {
        "line": 2,
        "column": 18,
        "message": "No such method/property 'isArray'.",
    }


@pytest.mark.parametrize("command", [["check"], ["deploy"], ["explain", "read", "/", "--rules"]])
@pytest.mark.parametrize(
    ("name", "says"), [("none.json", "No such file"), ("latin.json", "not UTF-8")]
)
def test_a_file_that_cannot_be_read_is_named(
    program: Program, place: Path, command: list[str], name: str, says: str
) -> None:
    """Before anything else happens."""
    (place / "latin.json").write_bytes(b'{"rules": {"\xe9": {}}}')
    result = program("rules", *command, name, code=2)
    assert says in result.stderr
    assert name in result.stderr


AMINA = '{"uid": "amina"}'
EXPLAINED: list[tuple[list[str], int, str]] = [
    (["read", "/rooms/r1", "--as", AMINA], 0, 'auth.uid = "amina"'),
    (["read", "/rooms/r1", "--as", '{"uid": "brian"}'], 5, 'auth.uid = "brian"'),
    (["read", "/rooms/r1"], 5, "auth.uid = null"),
    (["read", "/rooms/r1", "--signed-out"], 5, "auth.uid = null"),
    (["read", "/rooms/r1", "--as", "null"], 5, "auth.uid = null"),
    (["read", "/elsewhere", "--as-admin"], 5, "no .read rule stands on the way to /elsewhere"),
    (["write", "/rooms/r2", "--value", '{"owner": "x"}', "--as-admin"], 0, "allowed: write"),
    (["write", "/rooms/r2", "--value", '{"owner": "x"}', "--as", AMINA], 5, "denied: write"),
    (["write", "/rooms/r1/at", "--value", '{".sv": "timestamp"}', "--as", AMINA], 0, "=> true"),
    (["write", "/rooms/r1/at", "--value", "5", "--now", "5", "--as", AMINA], 0, "now = 5"),
    (["write", "/rooms/r1/at", "--value", "5", "--now", "6", "--as", AMINA], 5, "now = 6"),
    (["write", "/rooms/r1", "--value", "null", "--as-admin"], 0, "allowed: write /rooms/r1"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), EXPLAINED)
def test_a_decision_is_explained(
    offline: Program, arguments: list[str], code: int, says: str
) -> None:
    """What was decided is the exit code, and why stands on stdout."""
    result = offline("rules", "explain", "--data", "data.json", *arguments, code=code)
    assert result.stdout.startswith("allowed: " if code == 0 else "denied: ")
    assert says in result.stdout
    assert result.stderr == ""


def test_a_query_is_part_of_a_read(offline: Program) -> None:
    """Bounds are JSON, or text as it was typed."""
    query = ["--order-by", "owner", "--limit-to-last", "10"]
    read = ["rules", "explain", "read", "/rooms", "--as", AMINA, *query]
    offline(*read, "--equal-to", "amina")
    offline(*read, "--equal-to", '"amina"')
    denied = offline(*read, "--equal-to", "5", code=5)
    assert "query.equalTo = 5" in denied.stdout
    offline(*read, "--equal-to", "amina", "--limit-to-last", "11", code=5)
    offline("rules", "explain", "read", "/rooms", "--equal-to", "x", code=7)


def test_an_update_is_judged_as_a_whole(offline: Program, rooms: Path) -> None:
    """Values by path, from a file or standard input."""
    changes = {"rooms/r1/owner": "amina", "rooms/r2": {"owner": "amina", "at": 1}}
    (rooms / "changes.json").write_text(json.dumps(changes))
    update = ["rules", "explain", "update"]
    result = offline(*update, "changes.json", "--as", AMINA, "--now", "2", code=5)
    assert result.stdout.startswith("denied: write /rooms/r1/owner, /rooms/r2\n")
    offline(*update, "-", "--as", AMINA, "--now", "1", stdin=json.dumps(changes))
    stored = ("--data", "data.json")
    prior = offline(*update, "-", "--as-admin", *stored, stdin='{"rooms/r1/.priority": 1}')
    assert prior.stdout.startswith("allowed: write /rooms/r1\n")


def test_an_explanation_as_json(offline: Program) -> None:
    """One document, whatever the verdict."""
    result = offline("rules", "explain", "read", "/rooms/r1", "--as", AMINA, "--json", code=5)
    told = json.loads(result.stdout)
    assert told["explanation"][0] == "denied: read /rooms/r1"
    del told["explanation"]
    assert told == {
        "version": 1,
        "allowed": False,
        "operation": "read",
        "paths": ["/rooms/r1"],
        "auth": {"uid": "amina"},
    }


WRONG: list[tuple[list[str], int, str]] = [
    (["read", "/a", "--value", "1"], 2, "--value belongs to a write"),
    (["write", "/a"], 2, "--value belongs to a write"),
    (["write", "/a", "--value", "1", "--order-by", "x"], 2, "a read, not to a write"),
    (["update", "-", "--limit-to-first", "1"], 2, "not to an update"),
    (["read", "/a", "--as", AMINA, "--as-admin"], 2, "only one can ask"),
    (["read", "/a", "--as", AMINA, "--signed-out"], 2, "only one can ask"),
    (["read", "/a", "--as-admin", "--signed-out"], 2, "only one can ask"),
    (["read", "/a", "--as", AMINA, "--as-admin", "--signed-out"], 2, "only one can ask"),
    (["read", "/a", "--as", "5"], 2, "--as takes an object"),
    (["read", "/a", "--as", "{uid: 1}"], 7, "--as"),
    (["write", "/a", "--value", "{"], 7, "--value"),
    (["read", "/a.b"], 7, "a.b"),
    (["remove", "/a"], 2, "remove"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), WRONG)
def test_what_cannot_be_explained(
    offline: Program, arguments: list[str], code: int, says: str
) -> None:
    """One line, and nothing on stdout."""
    result = offline("rules", "explain", *arguments, code=code)
    assert result.stdout == ""
    assert says in result.stderr
    assert result.stderr.count("error: ") == 1


def test_what_a_terminal_would_obey_is_not_repeated(offline: Program, rooms: Path) -> None:
    """Data is quoted in an explanation."""
    (rooms / "evil.json").write_text('{"rooms": {"r1": {"owner": "\\u009b31mx\\u001b[2J"}}}')
    given = ["--data", "evil.json", "--as", AMINA]
    shown = offline("rules", "explain", "read", "/rooms/r1", *given, code=5).stdout
    assert "\x1b" not in shown
    assert "\x9b" not in shown


def in_force(emulator: Emulator) -> str:
    return plain_http.get(
        f"http://{emulator.database_host}/.settings/rules.json",
        headers={"Authorization": "Bearer owner"},
    ).text


@pytest.fixture
def governed(emulator: Emulator) -> Any:
    """The emulator, whose rules are put back afterwards."""
    yield emulator
    emulator.load_rules(strict_rules())


def test_what_is_deployed_can_be_got_again(
    program: Program, governed: Emulator, place: Path
) -> None:
    """Byte for byte, comments and all."""
    (place / "database.rules.json").write_text(COMMENTED, encoding="utf-8")
    result = program("rules", "deploy")
    assert result.stdout == ""
    assert "database.rules.json is in force at http://" in result.stderr
    assert in_force(governed) == COMMENTED
    assert program("rules", "get").stdout == COMMENTED


def test_a_deployment_shows_what_it_changes_and_keeps_what_was_there(
    program: Program, governed: Emulator, place: Path
) -> None:
    """A diff on stderr; the rules there were in a file of their owner's, ready to deploy again."""
    (place / "database.rules.json").write_text(
        strict_rules().replace("length <= 100", "length <= 99"), encoding="utf-8"
    )
    result = program("rules", "deploy", width=200)
    assert "--- in force" in result.stderr
    assert [line for line in result.stderr.splitlines() if line.startswith("-  ")]
    assert [line for line in result.stderr.splitlines() if "length <= 99" in line]
    (kept,) = (place / "data" / "rules").iterdir()
    assert str(kept) in result.stderr
    assert kept.read_text("utf-8") == strict_rules()
    assert kept.stat().st_mode & 0o077 == 0

    report = program.json("rules", "deploy", str(kept))
    assert report["deployed"] is True
    assert any("length <= 99" in line for line in report["difference"])
    assert report["kept"] != str(kept)
    assert in_force(governed) == strict_rules()


def test_rules_that_are_in_force_are_not_deployed_again(
    program: Program, governed: Emulator, place: Path
) -> None:
    """There is nothing to change and nothing to keep."""
    (place / "database.rules.json").write_text(strict_rules(), encoding="utf-8")
    report = program.json("rules", "deploy")
    assert (report["deployed"], report["difference"], report["kept"]) == (False, [], None)
    assert "already" in program("rules", "deploy").stderr
    assert not (place / "data" / "rules").exists()


def test_rules_that_cannot_be_kept_are_not_replaced(
    program: Program, governed: Emulator, place: Path
) -> None:
    """The copy comes first."""
    (place / "data").mkdir()
    (place / "data" / "rules").write_text("not a directory")
    (place / "database.rules.json").write_text(COMMENTED, encoding="utf-8")
    result = program("rules", "deploy", code=2)
    assert "nothing was changed" in result.stderr
    assert in_force(governed) == strict_rules()


@pytest.mark.parametrize(
    ("moment", "says"), [(2, "nothing was deployed"), (3, "other rules in force")]
)
def test_rules_that_somebody_else_changes_meanwhile_are_noticed(
    program: Program,
    governed: Emulator,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: int,
    says: str,
) -> None:
    """While they are looked at, or when they are read back; exit code 6."""
    (place / "database.rules.json").write_text(COMMENTED, encoding="utf-8")
    read = identity_rules.DeployedRules.text
    looks = 0

    def looked_at(deployed: identity_rules.DeployedRules) -> str:
        nonlocal looks
        looks += 1
        if looks == moment:
            governed.load_rules('{"rules": {"theirs": {}}}')
        return read(deployed)

    monkeypatch.setattr(identity_rules.DeployedRules, "text", looked_at)
    result = program("rules", "deploy", code=6)
    assert says in result.stderr
    assert in_force(governed) == '{"rules": {"theirs": {}}}'


def test_a_dry_run_changes_nothing(program: Program, governed: Emulator, place: Path) -> None:
    """And is asked of the database, not of us; what would change is shown."""
    (place / "database.rules.json").write_text(COMMENTED, encoding="utf-8")
    report = program.json("rules", "deploy", "--dry-run")
    assert report["deployed"] is False
    assert any("café" in line for line in report["difference"])
    assert in_force(governed) == strict_rules()
    assert not (place / "data" / "rules").exists()


@pytest.mark.parametrize("option", [[], ["--dry-run"]])
def test_rules_the_database_refuses_are_not_deployed(
    program: Program, governed: Emulator, place: Path, option: list[str]
) -> None:
    """Its message is shown at the line in the file; exit code 7, and the old rules stay."""
    (place / "broken.json").write_text(BROKEN)
    result = program("rules", "deploy", "broken.json", *option, code=7)
    assert "broken.json:2:18: No such method/property 'isArray'" in result.stderr
    assert result.stderr.endswith("^\n")
    assert in_force(governed) == strict_rules()


class _Deployed:
    """Stands in for a live database's rules; nothing here reaches one."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __enter__(self) -> "_Deployed":
        return self

    def __exit__(self, *_: object) -> None:
        self.calls.append("close")

    def check(self, text: str) -> None:
        self.calls.append("check")

    def text(self) -> str:
        return '{"rules": {}}'

    def deploy(self, text: str, *, over: str) -> None:
        assert over == self.text()
        self.calls.append("deploy")


@pytest.fixture
def live(rooms: Path, monkeypatch: pytest.MonkeyPatch) -> _Deployed:
    """Settings that name a live database, and what stands in for its rules."""
    monkeypatch.setenv("IMBARI_CHAT_DATABASE_URL", "https://shop.firebaseio.com")
    deployed = _Deployed()
    monkeypatch.setattr(identity_rules, "DeployedRules", lambda *_, **__: deployed)
    return deployed


def test_a_live_database_changes_only_when_somebody_agrees(
    live: _Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal nobody can; --yes agrees beforehand; at a terminal one is asked."""
    program = Program()
    refused = program("rules", "deploy", code=2)
    assert "--yes" in refused.stderr
    assert live.calls == ["check", "close"]
    live.calls.clear()

    program("rules", "deploy", "--yes")
    assert live.calls == ["check", "deploy", "close"]
    live.calls.clear()

    monkeypatch.setattr(rules_command, "_at_a_terminal", lambda: True)
    for answer, calls, code in (("", [], 1), ("no", [], 1), ("y", ["deploy"], 0)):
        monkeypatch.setattr("imbari_chat.cli.stderr.ask", lambda _, answer=answer: answer)
        program("rules", "deploy", code=code)
        assert live.calls == ["check", *calls, "close"]
        live.calls.clear()


def test_only_the_owner_reads_and_replaces_rules(
    governed: Emulator, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal says what it takes, and holds no credential."""

    project = factory.project(Settings.load())
    with identity_rules.DeployedRules(project) as deployed:
        stream = deployed._access.stream

        def signed_out(*given: Any) -> Any:
            request = stream(*given)
            return type(request)(request.url, {})

        monkeypatch.setattr(deployed._access, "stream", signed_out)
        with pytest.raises(AccessDenied) as denied:
            deployed.text()
        with pytest.raises(AccessDenied):
            deployed.deploy('{"rules": {}}')
    assert "role" in str(denied.value)
    assert in_force(governed) == strict_rules()


def test_a_decision_is_explained_as_of_now(
    offline: Program, rooms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In ms, unless another time is given."""
    monkeypatch.setattr(explain, "local_time", lambda: 1_790_000_000_500)
    line = ["rules", "explain", "--data", "data.json", "write", "/rooms/r1/at", "--as", AMINA]
    offline(*line, "--value", "1790000000500")
    offline(*line, "--value", "1790000000501", code=5)
