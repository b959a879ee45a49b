"""In which order ``doctor`` looks, what it leaves out, and what it ends in."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, Self

import pytest
import typer

from imbari_chat.cli import doctor
from imbari_chat.cli.checks import Check, Miscount
from imbari_chat.client import AsyncAdminChat, transports
from imbari_chat.errors import AccessDenied, AuthError, ConfigError, ImbariError, Unavailable
from imbari_chat.identity import factory
from imbari_chat.schema.events import RecordRejected
from imbari_chat.schema.models import Session
from tests.view.records import session

OK, NONE = "ok", None
DENIED = AccessDenied("no index", hint=None)
AWAY = Unavailable("away", where="/x")


class World:
    """What is looked at: each answers, or fails.

    Attributes:
        database: How the database is.
        clocks: Whether it tells the time.
        strangers: Whether it tells what strangers may do.
        fails: What enters, lists and counts fail with.
        rejected: What does not fit the contract, by the place that is told.
        asked: What was asked, in order.
    """

    uid: str | None = "me"
    way = "the way"
    presence = True

    def __init__(self) -> None:
        self.database: Any = "ok"
        self.clocks = self.strangers = True
        self.fails: dict[str, ImbariError] = {}
        self.rejected: list[str] = []
        self.miscounts: list[Miscount] = []
        self.asked: list[object] = []
        self.on_rejected: Callable[[RecordRejected], None] = lambda _: None

    def do(self, what: str) -> None:
        self.asked.append(what)
        if what in self.fails:
            raise self.fails[what]

    async def __aenter__(self) -> Self:
        self.do("enter")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.asked.append("leave")

    async def sessions(self, *, limit: int) -> list[Session]:
        self.asked.append(limit)
        self.do("list")
        for place in self.rejected:
            self.on_rejected(RecordRejected(place, ("text: missing",), None))
        return [session("amina"), session("brian")]


def _one(name: str) -> Callable[..., Check]:
    return lambda *_: Check(name, "ok", "")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Where all is well."""
    world = World()

    def gateway(transport: object, *, on_rejected: Any, presence: bool) -> World:
        world.asked.append((transport, presence))
        world.on_rejected = on_rejected
        return world

    def database(project: str) -> tuple[Check, Check | None, Check | None]:
        assert project == "shop"
        clocks = Check("clock", "ok", "") if world.clocks else None
        strangers = Check("rules for strangers", "ok", "") if world.strangers else None
        return Check("database", world.database, ""), clocks, strangers

    def project(settings: object) -> str:
        world.do("project")
        return "shop"

    async def presence(_: object) -> Check:
        return Check("presence", "ok", "")

    async def miscounts(_: object, sessions: list[Session], *, fix: bool) -> list[Miscount]:
        world.asked.append(f"{'fix' if fix else 'count'} {len(sessions)}")
        world.do("count")
        return world.miscounts

    def connections(way: object) -> Check:
        assert way == "the way"
        return Check("connections", "ok", "")

    monkeypatch.setattr(factory, "project", project)
    monkeypatch.setattr(transports, "admin_transport", lambda _: "the transport")
    monkeypatch.setattr("imbari_chat.client.gateway.Gateway", gateway)
    monkeypatch.setattr(AsyncAdminChat, "_over", lambda one: one)
    for name, double in {
        "_database": database, "_presence": presence, "_miscounts": miscounts,
        "connections": connections, "terminal": _one("terminal"),
        "_sign_in_service": _one("auth"), "deployed_rules": _one("rules in force"),
    }.items():  # fmt: skip
        monkeypatch.setattr(doctor, name, double)
    return world


async def _checks(*, limit: int = 7, fix: bool = False) -> list[Check]:
    settings: Any = SimpleNamespace(presence=True)
    return [one async for one in doctor._checks(settings, limit, fix_unread=fix)]


BEFORE = ["terminal", "database", "clock", "auth", "rules for strangers"]
WITHIN = ["sign-in", "rules for admins", "rules in force", "connections", "presence"]


async def test_all_is_looked_at_in_order(world: World) -> None:
    """From outside to inside, and what is stored last."""
    checks = await _checks()
    assert [one.name for one in checks] == [*BEFORE, *WITHIN, "records", "unread counts"]
    assert {one.state for one in checks} == {"ok"}
    found = {one.name: one.found for one in checks}
    assert found["sign-in"] == "acting as me"
    assert found["rules for admins"] == "an admin can list conversations"
    assert found["records"] == "well formed, in 2 conversations"
    assert found["unread counts"] == "right, in 2 conversations"
    assert world.asked == [
        "project", ("the transport", True), "enter", 7, "list", "count 2", "count", "leave",
    ]  # fmt: skip
    world.uid = None
    by_name = {one.name: one.found for one in await _checks(fix=True)}
    assert by_name["sign-in"] == "acting as the service itself"
    assert "fix 2" in world.asked


@pytest.mark.parametrize(
    ("clocks", "strangers", "database", "names"),
    [
        (False, True, "ok", ["terminal", "database", "auth", "rules for strangers", *WITHIN]),
        (True, False, "warn", ["terminal", "database", "clock", "auth", *WITHIN]),
        (False, False, "fail", ["terminal", "database", "auth"]),
        (True, True, "fail", ["terminal", "database", "clock", "auth"]),
    ],
)
async def test_what_a_failure_makes_pointless_is_left_out(
    world: World, clocks: bool, strangers: bool, database: str, names: list[str]
) -> None:
    """And what the database does not tell."""
    world.clocks, world.strangers, world.database = clocks, strangers, database
    found = [one.name for one in await _checks()]
    assert found[: len(names)] == names
    assert len(found) == len(names) + 2 * (database != "fail")


@pytest.mark.parametrize(
    ("at", "error", "names", "failed", "hint"),
    [
        ("project", ConfigError("no database"), [], Check("settings", "fail", "no database"), None),
        ("enter", AuthError("signed out"), BEFORE, Check("sign-in", "fail", "signed out"), None),
        (
            "list", DENIED, [*BEFORE, "sign-in"],
            Check("rules for admins", "fail", "no index"), "Deploy database.rules.json",
        ),
        (
            "count", AWAY, [*BEFORE, *WITHIN, "records"],
            Check("unread counts", "fail", "away (at /x)"), None,
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_looked_at_is_a_check_that_failed(
    world: World,
    at: str,
    error: ImbariError,
    names: list[str],
    failed: Check,
    hint: str | None,
) -> None:
    """It is the last one, but for what does not depend on it."""
    world.fails[at] = error
    *others, last = await _checks()
    assert [one.name for one in others] == names
    assert (last.name, last.state, last.found) == (failed.name, "fail", failed.found)
    assert (last.hint or "").startswith(hint or "")
    assert (last.hint is None) is (hint is None)


async def test_each_malformed_record_counts_once(world: World) -> None:
    """However often it is come across."""
    world.rejected = ["/messages/a/b", "/messages/a/b", "/messages/a/c"]
    world.miscounts = [Miscount("amina", "Amina", 1, 2)]
    records, counts = (await _checks())[-2:]
    assert (records.name, records.state) == ("records", "warn")
    assert records.found.startswith("2 malformed: /messages/a/b (text: missing); ")
    assert (counts.state, counts.found, counts.conversations) == (
        "warn", "1 wrong", world.miscounts,
    )  # fmt: skip


class Place:
    """Settings, or why there are none."""

    def __init__(self, error: ImbariError | None = None, *, late: bool = False) -> None:
        self.error, self.late = error, late

    def settings(self) -> Self:
        if self.error is not None and not self.late:
            raise self.error
        return self

    def where(self) -> dict[str, str]:
        if self.error is not None:
            raise self.error
        return {"url": "http://here", "namespace": "x"}

    def target(self) -> str:
        return "http://here/x"


def _doctor(
    monkeypatch: pytest.MonkeyPatch, place: Place, *checks: Check, **options: Any
) -> tuple[list[Check], bool, list[object], int]:
    """What is reported, whether as JSON, with what it was looked for, and the exit code."""
    given: list[object] = []
    reported: list[Any] = []

    async def looking(settings: object, limit: int, *, fix_unread: bool) -> AsyncIterator[Check]:
        given.extend((settings is place, limit, fix_unread))
        for one in checks:
            await asyncio.sleep(0)
            yield one

    monkeypatch.setattr(doctor, "_checks", looking)
    monkeypatch.setattr(doctor, "target", lambda _: place)
    monkeypatch.setattr(doctor, "report", lambda one, *, json: reported.extend((one, json)))
    ctx: Any = None
    try:
        doctor.doctor(ctx, **options)
    except typer.Exit as ended:
        code = ended.exit_code
    else:
        code = 0
    return reported[0], reported[1], given, code


SETTINGS = Check("settings", "ok", "url http://here, namespace x")
FINE, FAILS = Check("a", "warn", ""), Check("b", "fail", "")


@pytest.mark.parametrize(
    ("checks", "code"), [([], 0), ([FINE], 0), ([FINE, FAILS], 10), ([FAILS, FINE], 10)]
)
def test_all_that_was_found_is_reported(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    checks: list[Check],
    code: int,
) -> None:
    """Where it was looked comes first; one that failed is the exit code. Nothing is narrated."""
    reported = _doctor(monkeypatch, Place(), *checks)
    assert reported == ([SETTINGS, *checks], False, [True, 50, False], code)
    assert capsys.readouterr().err == ""


def test_who_puts_counts_right_is_told_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before it is done."""
    reported = _doctor(monkeypatch, Place(), limit=3, fix_unread=True, json=True)
    assert reported == ([SETTINGS], True, [True, 3, True], 0)
    assert capsys.readouterr().err == "at http://here/x\n"


@pytest.mark.parametrize("late", [True, False])
def test_settings_that_cannot_be_used_are_all_there_is_to_tell(
    monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """Nothing else can be looked at."""
    error = ConfigError("no database is configured", hint="Set one")
    reported = _doctor(monkeypatch, Place(error, late=late), FINE)
    told = Check("settings", "fail", "no database is configured", "Set one")
    assert reported == ([told], False, [], 10)
