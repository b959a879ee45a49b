"""Each of the doctor's checks by itself: what it asks, and what it makes of the answer."""

from datetime import timedelta
from typing import Any

import pytest
import requests

from imbari_chat.cli import doctor
from imbari_chat.cli.checks import Check, Miscount
from imbari_chat.client.reading import unread_counts
from imbari_chat.errors import AccessDenied, Conflict, ImbariError, NotFound, Unavailable
from imbari_chat.identity.project import Project
from imbari_chat.schema.events import RecordRejected
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from tests.view.records import session

LIVE = Project("shop", "https://shop.firebaseio.com", "k")
EMULATED = Project("shop", "https://shop.firebaseio.com", "k", database_emulator="127.0.0.1:1")
BOTH = Project(
    "shop", "https://shop.firebaseio.com", "k",
    database_emulator="127.0.0.1:1", auth_emulator="127.0.0.1:2",
)  # fmt: skip
DENIED, OFFLINE = AccessDenied("no"), Unavailable("no network", where="/presence")


class Presence:
    """Signs of who is there, as a gateway has them."""

    def __init__(self, state: str, *, knows: bool = True, error: ImbariError | None = None) -> None:
        self.state, self.is_on, self._knows, self._error = state, state != "off", knows, error

    async def read(self) -> None:
        self.is_on = self._knows
        if self._error is not None:
            raise self._error


class Gateway:
    """Holds who is there, and takes or refuses what is taken away."""

    def __init__(
        self,
        presence: Presence,
        there: Json = None,
        *,
        uid: str | None = None,
        error: ImbariError | None = None,
    ) -> None:
        self.presence, self.uid, self.transport = presence, uid, self
        self._there, self._error = there, error
        self.written: list[dict[str, Json]] = []

    async def get(self, path: Path) -> Json:
        assert str(path) == "/presence/admins"
        return self._there

    async def update(self, changes: dict[Path, Json]) -> None:
        self.written.append({str(path): value for path, value in changes.items()})
        if self._error is not None:
            raise self._error


_ON, _UNKNOWN = "who is there can be said and seen", "the rules know nothing of it"


@pytest.mark.parametrize(
    ("gateway", "state", "found", "written"),
    [
        (Gateway(Presence("off")), "ok", "switched off", []),
        (Gateway(Presence("on")), "ok", _ON, ["/presence/admins/service/00"]),
        (Gateway(Presence("on"), uid="u1"), "ok", _ON, ["/presence/admins/u1/00"]),
        (
            Gateway(Presence("on"), {"u1": {"00": 1, "01": 1}, "service": "junk"}, uid="u1"),
            "ok",
            _ON,
            ["/presence/admins/u1/02"],
        ),
        (
            Gateway(Presence("on"), {"service": {f"{at:02x}": 1 for at in range(256)}}),
            "ok",
            _ON,
            ["/presence/admins/service/100"],
        ),
        (Gateway(Presence("on"), "junk"), "ok", _ON, ["/presence/admins/service/00"]),
        (Gateway(Presence("on"), {"service": 1}), "ok", _ON, ["/presence/admins/service/00"]),
        (Gateway(Presence("on", knows=False)), "warn", _UNKNOWN, []),
        (Gateway(Presence("on", error=DENIED)), "warn", _UNKNOWN, []),
        (
            Gateway(Presence("on"), error=DENIED),
            "warn",
            _UNKNOWN,
            ["/presence/admins/service/00"],
        ),
        (Gateway(Presence("on", error=OFFLINE)), "fail", "no network (at /presence)", []),
    ],
)
async def test_presence_can_be_said_and_seen(
    gateway: Any, state: str, found: str, written: list[str]
) -> None:
    """By taking away what is not there, which changes nothing."""
    check = await doctor._presence(gateway)
    assert (check.name, check.state) == ("presence", state)
    assert check.found.startswith(found)
    assert bool(check.hint) is (state == "warn")
    assert gateway.written == [{place: None} for place in written]


def _answers(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[str]:
    """The addresses that are asked; each gives this."""
    asked: list[str] = []

    def get(_: Project, url: str) -> Any:
        asked.append(url)
        return answer

    monkeypatch.setattr(doctor, "_get", get)
    return asked


def _answer(status: int, date: str | None = None) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer.elapsed = timedelta(milliseconds=1234.4)
    if date is not None:
        answer.headers["Date"] = date
    return answer


@pytest.mark.parametrize(
    ("answer", "states", "found"),
    [
        ("it does not answer", ["fail"], "it does not answer"),
        (_answer(404), ["fail"], "there is no such database"),
        (_answer(200), ["ok", "ok", "warn"], "https://shop.firebaseio.com answers, in 1234 ms"),
        (_answer(401), ["ok", "ok", "ok"], "https://shop.firebaseio.com answers, in 1234 ms"),
        (
            _answer(401, "Tue, 12 Mar 2024 14:05:00 GMT"),
            ["ok", "ok", "ok"],
            "https://shop.firebaseio.com answers, in 1234 ms",
        ),
    ],
)
def test_a_stranger_asks_the_database(
    monkeypatch: pytest.MonkeyPatch, answer: Any, states: list[str], found: str
) -> None:
    """Who is told nothing, and learns what time it is there."""
    asked = _answers(monkeypatch, answer)
    monkeypatch.setattr(doctor.time, "time", lambda: 1_710_252_300.0)  # type: ignore[attr-defined]  # its clock
    monkeypatch.setattr(doctor, "clock", lambda *told: Check("clock", "ok", f"{told}"))
    reached, clocks, rules = doctor._database(LIVE)
    if clocks is not None:
        assert clocks.found == f"{(answer.headers.get('Date'), 1_710_252_300.0)}"
    assert asked == ["https://shop.firebaseio.com/chatSessions.json?shallow=true"]
    checks = [one for one in (reached, clocks, rules) if one is not None]
    assert sorted(one.state for one in checks) == sorted(states)
    assert (reached.name, reached.found, bool(reached.hint)) == (
        "database",
        found,
        reached.state == "fail",
    )
    if rules is not None:
        assert (rules.name, bool(rules.hint)) == ("rules for strangers", rules.state == "warn")
        assert ("anybody can list" in rules.found) is (rules.state == "warn")


@pytest.mark.parametrize(
    ("project", "answer", "state", "found", "asked"),
    [
        (
            LIVE,
            _answer(404),
            "ok",
            "https://identitytoolkit.googleapis.com/ answers",
            ["https://identitytoolkit.googleapis.com/"],
        ),
        (BOTH, _answer(200), "ok", "http://127.0.0.1:2/ answers", ["http://127.0.0.1:2/"]),
        (BOTH, "it does not", "fail", "it does not", ["http://127.0.0.1:2/"]),
        (EMULATED, "never asked", "warn", "the database is an emulator, and no Auth", []),
    ],
)
def test_what_signs_in_is_asked_whether_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
    project: Project,
    answer: Any,
    state: str,
    found: str,
    asked: list[str],
) -> None:
    """An emulated database has its own, or none; a live one's is never meant."""
    seen = _answers(monkeypatch, answer)
    check = doctor._sign_in_service(project)
    assert (check.name, check.state, bool(check.hint)) == ("auth", state, state != "ok")
    assert check.found.startswith(found)
    assert seen == asked


def test_what_does_not_answer_is_named_without_its_query(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which may hold a secret."""

    def refuse(*_: object, **__: object) -> None:
        raise requests.ConnectionError("no route")

    monkeypatch.setattr(requests.Session, "get", refuse)
    told = doctor._get(LIVE, "https://x.example/a.json?auth=s3cret")
    assert told == "https://x.example/a.json does not answer (ConnectionError)"


WRONG = unread_counts.UnreadCountMismatch(SessionId("amina"), 1, 2)


@pytest.mark.parametrize(
    ("fate", "fix", "found"),
    [
        (None, False, []),
        (WRONG, False, [Miscount("amina", "Amina", 1, 2)]),
        (WRONG, True, [Miscount("amina", "Amina", 1, 2, repaired=True)]),
        (NotFound("deleted"), False, []),
        (NotFound("deleted"), True, []),
        (Conflict("busy"), False, [Miscount("amina", "Amina", error="busy")]),
        (Conflict("busy"), True, [Miscount("amina", "Amina", error="busy")]),
        (DENIED, True, [Miscount("amina", "Amina", error="no")]),
        (DENIED, False, None),
    ],
)
async def test_counts_are_looked_at_or_put_right(
    monkeypatch: pytest.MonkeyPatch, fate: Any, fix: bool, found: list[Miscount] | None
) -> None:
    """What is busy is said; a look that fails for another reason is no result."""
    ways: list[str] = []

    def way(name: str) -> Any:
        async def look(_: object, session_id: str) -> Any:
            ways.append(f"{name} {session_id}")
            if isinstance(fate, ImbariError):
                raise fate
            return fate

        return look

    monkeypatch.setattr(unread_counts, "repair", way("repair"))
    monkeypatch.setattr(unread_counts, "find_mismatch", way("look"))
    monkeypatch.setattr(doctor, "addressee", lambda _: "Amina")
    gateway: Any = None
    if found is None:
        with pytest.raises(AccessDenied):
            await doctor._miscounts(gateway, [session("amina")], fix=fix)
    else:
        assert await doctor._miscounts(gateway, [session("amina")], fix=fix) == found
    assert ways == [f"{'repair' if fix else 'look'} amina"]


def _rejected(count: int) -> list[RecordRejected]:
    return [RecordRejected(f"/m/{at}", ("no text", "no time"), None) for at in range(count)]


@pytest.mark.parametrize(
    ("count", "rejected", "found"),
    [
        (1, 0, "well formed, in 1 conversation"),
        (2, 0, "well formed, in 2 conversations"),
        (1, 1, "1 malformed: /m/0 (no text, no time)"),
        (
            1,
            3,
            (
                "3 malformed: /m/0 (no text, no time); /m/1 (no text, no time);"
                " /m/2 (no text, no time)"
            ),
        ),
        (
            1,
            5,
            (
                "5 malformed: /m/0 (no text, no time); /m/1 (no text, no time);"
                " /m/2 (no text, no time) and 2 more"
            ),
        ),
    ],
)
def test_malformed_records_are_counted_and_some_named(
    count: int, rejected: int, found: str
) -> None:
    """With where they are and why."""
    check = doctor._records(count, _rejected(rejected))
    assert (check.name, check.state, check.found) == (
        "records",
        "warn" if rejected else "ok",
        found,
    )
    assert bool(check.hint) is bool(rejected)


BAD, BUSY = Miscount("a", "A", 1, 2), Miscount("b", "B", error="busy")


@pytest.mark.parametrize(
    ("miscounts", "fix", "check"),
    [
        ([], False, Check("unread counts", "ok", "right, in 3 conversations")),
        ([], True, Check("unread counts", "ok", "right, in 3 conversations")),
        ([BAD, BAD], True, Check("unread counts", "ok", "2 put right", None, [BAD, BAD])),
        (
            [BAD, BUSY],
            True,
            Check(
                "unread counts", "fail", "1 put right, 1 could not be put right", None, [BAD, BUSY]
            ),
        ),
        (
            [BAD, BUSY],
            False,
            Check(
                "unread counts",
                "warn",
                "1 wrong, 1 too busy to be counted",
                "Put them right: imbari-chat doctor --fix-unread",
                [BAD, BUSY],
            ),
        ),
        (
            [BUSY],
            False,
            Check(
                "unread counts",
                "warn",
                "1 too busy to be counted",
                "Put them right: imbari-chat doctor --fix-unread",
                [BUSY],
            ),
        ),
    ],
)
def test_what_was_counted_is_told_in_numbers(
    miscounts: list[Miscount], fix: bool, check: Check
) -> None:
    """Only what could not be put right is a failure."""
    assert doctor._counts(3, miscounts, fix) == check
