"""doctor, against sound and unsound set-ups."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from imbari_chat.cli import surroundings
from imbari_chat.cli.checks import Check, Miscount, failed, report
from imbari_chat.cli.surroundings import clock, connections, deployed_rules, terminal
from imbari_chat.config import Settings
from imbari_chat.emulator import Emulator
from imbari_chat.errors import AccessDenied, AuthError, ConfigError, ImbariError, Unavailable
from imbari_chat.identity import factory
from imbari_chat.net.transport import Way
from imbari_chat.schema import strict_rules
from tests.cli.harness import Program, Visitor, outside


def _states(program: Program, code: int = 0) -> dict[str, Any]:
    checks = json.loads(program("doctor", "--json", code=code).stdout)["checks"]
    return {check["name"]: check for check in checks}


def test_a_sound_set_up_passes(program: Program, visitor: Visitor) -> None:
    """Every check is made, and is ok."""
    visitor.writes("Hello")
    states = _states(program)
    assert list(states) == [
        "settings", "terminal", "database", "clock", "auth", "rules for strangers", "sign-in",
        "rules for admins", "rules deployed", "connections", "presence", "records",
        "unread counts",
    ]  # fmt: skip
    assert {check["state"] for check in states.values()} == {"ok"}


def test_a_person_reads_a_table(program: Program) -> None:
    """Short enough for 80 columns; where it is is said first when something may be changed."""
    looked = program("doctor")
    assert looked.stderr == ""
    assert program("doctor", "--fix-unread").stderr.startswith("at the emulator at ")
    lines = looked.stdout.splitlines()
    assert any(line.startswith("ok") and "database" in line for line in lines)
    assert all(len(line) <= 80 for line in lines)


def test_missing_settings_fail(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only check that can be made says what to do."""
    for name in ("FIREBASE_DATABASE_EMULATOR_HOST", "FIREBASE_CONFIG", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name)
    states = _states(program, code=10)
    assert list(states) == ["settings"]
    assert "IMBARI_CHAT_DATABASE_URL" in states["settings"]["hint"]


def test_a_database_that_does_not_answer_fails(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Auth is asked all the same; nothing else can be."""
    monkeypatch.setenv("FIREBASE_DATABASE_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.delenv("FIREBASE_CONFIG")
    states = _states(program, code=10)
    assert {name: check["state"] for name, check in states.items()} == {
        "settings": "ok",
        "terminal": "ok",
        "database": "fail",
        "auth": "ok",
    }


def test_nobody_signed_in_fails(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that helps."""
    monkeypatch.setenv("IMBARI_CHAT_IDENTITY", "login")
    check = _states(program, code=10)["sign-in"]
    assert check["state"] == "fail"
    assert "auth login" in check["hint"]


def test_open_rules_are_a_warning(program: Program, emulator: Emulator) -> None:
    """The chat works, and so it does for everybody."""
    emulator.load_rules(
        '{"rules": {".read": true, "chatSessions": {".indexOn": "lastMessageTime"}}}'
    )
    try:
        states = _states(program)
        assert states["rules for strangers"]["state"] == "warn"
        assert states["presence"]["state"] == "warn"
        assert "know nothing of it" in states["presence"]["found"]
    finally:
        emulator.load_rules(strict_rules())


@pytest.mark.parametrize(
    "rules",
    ['{"rules": {}}', '{"rules": {"chatSessions": {".read": "auth.token.admin === true"}}}'],
    ids=["nothing allowed", "no index"],
)
def test_rules_that_stop_an_admin_fail(program: Program, emulator: Emulator, rules: str) -> None:
    """Whether a right or an index is missing, the hint is to deploy ours."""
    emulator.load_rules(rules)
    try:
        check = _states(program, code=10)["rules for admins"]
    finally:
        emulator.load_rules(strict_rules())
    assert check["state"] == "fail"


def test_malformed_records_are_named(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """A warning: the chat goes on without them."""
    session = visitor.writes("Hello")
    outside(emulator, "/chatSessions/-Ojunk", {"customerName": 7, "lastMessageTime": 2})
    outside(emulator, f"/messages/{session}/zzz", 1)
    check = _states(program)["records"]
    assert check["state"] == "warn"
    assert "2 malformed" in check["found"]
    assert "/chatSessions/-Ojunk" in check["found"]
    assert f"/messages/{session}/zzz" in check["found"]


def _drifted(visitor: Visitor, emulator: Emulator, count: object = 5) -> str:
    """A conversation of two unread messages whose count says something else."""
    session = visitor.writes("One", "Two")
    outside(emulator, f"/chatSessions/{session}/unreadCount", count)
    return session


def _counts(program: Program) -> dict[str, int]:
    """What every session says."""
    return {one["id"]: one["unread_count"] for one in program.inbox()}


def test_a_count_that_drifted_is_named(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """As the website's two-step writes can leave it; and how to put it right is said."""
    session = _drifted(visitor, emulator)
    check = _states(program)["unread counts"]
    assert check["state"] == "warn"
    assert check["found"] == "1 wrong"
    assert "doctor --fix-unread" in check["hint"]
    assert check["conversations"] == [
        {
            "id": session,
            "customer": "Amina Nakato <amina@example.com>",
            "counted": 5,
            "unread": 2,
            "repaired": False,
            "error": None,
        }
    ]
    table = " ".join(program("doctor").stdout.split())
    assert f"{session} (Amina Nakato <amina@example.com>): 5 instead of 2" in table
    assert _counts(program) == {session: 5}


def test_many_counts_that_drifted_are_not_all_listed(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """A person needs to know how many; a script gets them all."""
    for _ in range(5):
        _drifted(visitor, emulator)
    table = program("doctor").stdout
    assert "5 wrong" in table
    assert table.count("instead of") == 3
    assert "and 2 more" in table
    assert len(_states(program)["unread counts"]["conversations"]) == 5


@pytest.mark.parametrize(("count", "counted"), [(5, "5"), (0, "0"), ("x", "no number")])
def test_counts_are_put_right_when_asked(
    program: Program, visitor: Visitor, emulator: Emulator, count: object, counted: str
) -> None:
    """Each is named, all is well afterwards, and a second time there is nothing to do."""
    session, right = _drifted(visitor, emulator, count), visitor.writes("Hello")
    table = " ".join(program("doctor", "--fix-unread").stdout.split())
    assert "ok unread counts 1 put right" in table
    assert f"{session} (Amina Nakato <amina@example.com>): 2 now, {counted} before" in table
    assert _counts(program) == {session: 2, right: 1}
    check = _states(program)["unread counts"]
    assert (check["state"], "conversations" in check) == ("ok", False)


def test_what_was_put_right_is_data(program: Program, visitor: Visitor, emulator: Emulator) -> None:
    """For a script that runs every night."""
    session = _drifted(visitor, emulator)
    checks = {check["name"]: check for check in program.json("doctor", "--fix-unread")}
    check = checks["unread counts"]
    assert (check["state"], check["found"], check["hint"]) == ("ok", "1 put right", None)
    (repaired,) = check["conversations"]
    assert repaired["id"] == session
    assert (repaired["counted"], repaired["unread"], repaired["repaired"]) == (5, 2, True)


def test_only_the_conversations_looked_at_are_put_right(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """--limit bounds what is written as well."""
    older, newer = _drifted(visitor, emulator), _drifted(visitor, emulator)
    program("doctor", "--fix-unread", "--limit", "1")
    assert _counts(program) == {older: 5, newer: 2}


def test_a_count_that_cannot_be_put_right_fails(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """It was asked for, so it is not a mere warning; the others are put right all the same."""
    session, other = _drifted(visitor, emulator), _drifted(visitor, emulator)
    whole = "newData.val() >= 0 && newData.val() % 1 === 0"
    rules = strict_rules().replace(whole, f"{whole} && $session !== '{session}'")
    emulator.load_rules(rules)
    try:
        checks = json.loads(program("doctor", "--fix-unread", "--json", code=10).stdout)["checks"]
    finally:
        emulator.load_rules(strict_rules())
    check = checks[-1]
    assert (check["state"], check["found"]) == ("fail", "1 put right, 1 could not be put right")
    errors = {one["id"]: one["error"] for one in check["conversations"]}
    assert errors[other] is None
    assert "rules" in errors[session]
    assert _counts(program) == {session: 5, other: 2}


def test_other_rules_than_those_shipped_are_a_warning(program: Program, emulator: Emulator) -> None:
    """Somebody may have forgotten to deploy them; how their lines end does not matter."""
    try:
        emulator.load_rules(strict_rules().replace("\n", "  \n"))
        assert _states(program)["rules deployed"]["state"] == "ok"
        changed = strict_rules().replace('"unreadCount"', '"unreadCount" ', 1)
        emulator.load_rules(f"// ours\n{changed}")
        check = _states(program)["rules deployed"]
    finally:
        emulator.load_rules(strict_rules())
    assert check["state"] == "warn"
    assert "in 1 place" in check["found"] or "in 2 places" in check["found"]
    assert "--dry-run" in check["hint"]


@pytest.mark.parametrize(
    ("said", "state", "found"),
    [
        ("Tue, 12 Mar 2024 14:05:00 GMT", "ok", "as the service's"),
        ("Tue, 12 Mar 2024 14:05:30 GMT", "ok", "as the service's"),
        ("Tue, 12 Mar 2024 14:04:30 GMT", "ok", "as the service's"),
        ("Tue, 12 Mar 2024 14:05:31 GMT", "warn", "31 s behind the service's"),
        ("Tue, 12 Mar 2024 14:00:00 GMT", "warn", "300 s ahead of the service's"),
        ("Tue, 12 Mar 2024 13:59:59 GMT", "fail", "301 s ahead of the service's"),
        ("Tue, 12 Mar 2024 14:04:00 GMT", "warn", "60 s ahead of the service's"),
        ("Tue, 12 Mar 2024 15:05:00 GMT", "fail", "3600 s behind the service's"),
        ("yesterday", "ok", "the service does not say what time it is"),
        (None, "ok", "the service does not say what time it is"),
    ],
)
def test_a_wrong_clock_is_noticed(said: str | None, state: str, found: str) -> None:
    """By what the service says the time is."""
    now = datetime(2024, 3, 12, 14, 5, tzinfo=UTC).timestamp()
    hint = "Set it, by NTP for example; the order of messages does not rest on it, sign-ins do"
    expected: Any = (state, found, None if state == "ok" else hint)
    assert clock(said, now) == Check("clock", *expected)


_NO_UTF_8 = "standard output takes {}, which lacks most letters"
_NO_CURSOR = "TERM says that this terminal cannot place a cursor, so the desk cannot be shown"
_NO_TERMINAL = "standard output is no terminal; its encoding is UTF-8"


@pytest.mark.parametrize(
    ("encoding", "is_terminal", "term", "system", "state", "found"),
    [
        ("utf-8", True, "xterm-256color", "posix", "ok", "xterm-256color, UTF-8, 80 by 24"),
        ("UTF8", True, "xterm", "nt", "ok", "xterm, UTF-8, 80 by 24"),
        ("utf-8", True, None, "nt", "ok", "a console, UTF-8, 80 by 24"),
        ("utf-8", True, "dumb", "nt", "ok", "dumb, UTF-8, 80 by 24"),
        ("utf-8", True, "dumb", "posix", "warn", _NO_CURSOR),
        ("utf-8", True, "unknown", "posix", "warn", _NO_CURSOR),
        ("utf-8", True, None, "posix", "warn", _NO_CURSOR),
        ("utf-8", False, "dumb", "posix", "ok", _NO_TERMINAL),
        ("ascii", True, "xterm", "posix", "warn", _NO_UTF_8.format("ascii")),
        ("latin-1", False, "xterm", "nt", "warn", _NO_UTF_8.format("latin-1")),
        (None, True, "xterm", "posix", "warn", _NO_UTF_8.format("no encoding")),
    ],
)
def test_a_terminal_that_cannot_show_all_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
    encoding: str | None,
    is_terminal: bool,
    term: str | None,
    system: str,
    state: str,
    found: str,
) -> None:
    """What strangers write is in all scripts, and the desk places a cursor."""
    stream = SimpleNamespace(encoding=encoding, isatty=lambda: is_terminal)
    monkeypatch.setattr(sys, "stdout", stream)
    environ = {} if term is None else {"TERM": term}
    monkeypatch.setattr(surroundings, "os", SimpleNamespace(name=system, environ=environ))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    check = terminal()
    assert (check.name, check.state, check.found) == ("terminal", state, found)
    hints = {_NO_CURSOR: "Set TERM, or use inbox, show and reply"}
    lacking = "Set LC_ALL to a UTF-8 locale, such as C.UTF-8"
    assert check.hint == (None if state == "ok" else hints.get(found, lacking))


@pytest.mark.parametrize(
    ("way", "check"),
    [
        (
            Way("websocket"),
            Check("connections", "ok", "websocket: one for all that a program listens to"),
        ),
        (
            Way("rest"),
            Check("connections", "ok", "rest: one for each thing that a program listens to"),
        ),
        (
            Way("rest", "no WebSocket gets through"),
            Check(
                "connections",
                "warn",
                "rest: no WebSocket gets through",
                "All works by requests and event streams, one for each thing that a program"
                " listens to; a proxy or firewall that lets WebSockets through to the database"
                " makes it faster",
            ),
        ),
    ],
)
def test_what_a_desk_takes_of_the_connections_is_told(way: Way, check: Check) -> None:
    """The free plan has a hundred."""
    assert connections(way) == check


class Deployed:
    """The rules that are in force, or why they cannot be read."""

    def __init__(self, found: str | ImbariError) -> None:
        self._found = found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def text(self) -> str:
        if isinstance(self._found, ImbariError):
            raise self._found
        return self._found


LIVE: dict[str, Any] = {"project": "imbari", "database_url": "https://imbari.firebaseio.com"}
KEY = {"credentials": Path("key.json")}


_OTHERS = "others than this version ships, in {}"


@pytest.mark.parametrize(
    ("flags", "found", "state", "words"),
    [
        (
            LIVE, ImbariError("not asked"), "ok",
            "not compared: only a service account may read them",
        ),
        ({**LIVE, **KEY}, AccessDenied("no right"), "ok", "not compared: no right"),
        ({**LIVE, **KEY}, AuthError("revoked"), "ok", "not compared: revoked"),
        ({**LIVE, **KEY}, ConfigError("no key"), "ok", "not compared: no key"),
        ({**LIVE, **KEY}, Unavailable("away", hint="Wait"), "fail", "away"),
        ({**LIVE, **KEY}, strict_rules(), "ok", "those that this version ships"),
        ({**LIVE, **KEY}, "{}", "warn", _OTHERS.format("1 place")),
        (
            {**LIVE, **KEY},
            strict_rules().replace('"chatSessions"', '"x"').replace('"cannedReplies"', '"y"'),
            "warn",
            _OTHERS.format("2 places"),
        ),
        ({**LIVE, "identity": "application-default"}, strict_rules(), "ok",
         "those that this version ships"),
    ],
)  # fmt: skip
def test_rules_are_compared_where_they_may_be_read(
    monkeypatch: pytest.MonkeyPatch, flags: dict[str, Any], found: str | ImbariError, state: str,
    words: str,
) -> None:  # fmt: skip
    """Whoever may not is in no trouble; whoever gets no answer is."""
    asked: list[Path | None] = []

    def deployed(_: object, *, key_file: Path | None) -> Deployed:
        asked.append(key_file)
        return Deployed(found)

    monkeypatch.setattr("imbari_chat.identity.rules.DeployedRules", deployed)
    settings = Settings.load(**flags)
    hints = {
        "fail": "Wait",
        "warn": "See the difference: imbari-chat rules deploy database.rules.json --dry-run",
    }
    expected: Any = (state, words, hints.get(state))
    check = deployed_rules(settings, factory.project(settings))
    assert check == Check("rules deployed", *expected)
    assert asked == ([] if flags == LIVE else [flags.get("credentials")])


@pytest.mark.parametrize(
    ("miscount", "said"),
    [
        (Miscount("-O", "Amina", 5, 2), "-O (Amina): 5 instead of 2"),
        (Miscount("-O", "Amina", None, 2), "-O (Amina): no number instead of 2"),
        (Miscount("-O", "Amina", 5, 2, repaired=True), "-O (Amina): 2 now, 5 before"),
        (Miscount("-O", "Amina", error="the rules refuse"), "-O (Amina): the rules refuse"),
    ],
)
def test_a_miscount_is_said_in_a_line(miscount: Miscount, said: str) -> None:
    """What it was, and what it is or should be."""
    assert str(miscount) == said


@pytest.mark.parametrize(
    ("error", "hint", "check"),
    [
        (Unavailable("away"), None, Check("x", "fail", "away")),
        (Unavailable("away", where="/a"), "Wait", Check("x", "fail", "away (at /a)", "Wait")),
        (Unavailable("away", hint="Go"), "Wait", Check("x", "fail", "away", "Go")),
        (AccessDenied("no", where="/a"), "Deploy", Check("x", "fail", "no", "Deploy")),
        (AccessDenied("no", hint="Go"), "Deploy", Check("x", "fail", "no", "Go")),
    ],
)
def test_a_check_that_an_error_ended_says_what_and_what_to_do(
    error: ImbariError, hint: str | None, check: Check
) -> None:
    """Where the rules refuse is no matter: they have to be others."""
    assert failed("x", error, hint) == check


@pytest.mark.parametrize(
    ("state", "count", "hint", "below"),
    [
        ("ok", 0, None, []),
        (
            "ok",
            4,
            None,
            ["-O0 (Amina): gone", "-O1 (Amina): gone", "-O2 (Amina): gone", "-O3 (Amina): gone"],
        ),
        ("warn", 3, "Go", ["-O0 (Amina): gone", "-O1 (Amina): gone", "-O2 (Amina): gone", "Go"]),
        (
            "warn",
            5,
            None,
            ["-O0 (Amina): gone", "-O1 (Amina): gone", "-O2 (Amina): gone", "and 2 more"],
        ),
        ("fail", 1, "Go", ["-O0 (Amina): gone", "Go"]),
    ],
)
def test_what_was_found_has_below_it_where_and_what_to_do(
    nowhere: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    state: Any,
    count: int,
    hint: str | None,
    below: list[str],
) -> None:
    """Of a warning's conversations three are named, of others all; nothing is said of none."""
    monkeypatch.setenv("COLUMNS", "60")
    where = [Miscount(f"-O{at}", "Amina", error="gone") for at in range(count)]
    report([Check("counts", state, "found", hint, where), Check("x", "ok", "fine")], json=False)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[-2 - len(below) :] == [
        [state, "counts", "found"],
        *(line.split() for line in below),
        ["ok", "x", "fine"],
    ]
