"""``demo``: the embedded emulator, customers who write by themselves, and the desk."""

import asyncio
import json
import random
import re
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Self, cast

import pytest

from imbari_chat.cli.demo import run
from imbari_chat.cli.demo.cast import CANNED, CAST, Part, cast_of, reaction
from imbari_chat.cli.demo.customers import Customer, Pace
from imbari_chat.cli.demo.headless import Check, Desk, _judge, exchange_length
from imbari_chat.cli.demo.run import run_demo
from imbari_chat.cli.demo.stage import PROJECT
from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.client import AsyncAdminChat
from imbari_chat.errors import ConfigError
from imbari_chat.schema.forms import LeadForm, checked_text
from imbari_chat.schema.paths import SessionId
from imbari_chat.view.sanitize import safe_text
from tests.cli.harness import Program
from tests.cli.terminal import Terminal
from tests.view.records import message, session


@pytest.mark.parametrize("part", CAST, ids=lambda part: part.email)
def test_every_part_may_be_played(part: Part) -> None:
    """The form and the texts pass their checks."""
    LeadForm.checked(name=part.name, email=part.email, phone=part.phone, topic=part.topic)
    for text in (part.greeting, part.question, part.otherwise, part.thanks):
        checked_text(text)


def test_a_customer_reacts_to_the_words_of_the_answer() -> None:
    """And has something to say to any other."""
    amina = CAST[0]
    assert reaction(amina, "It takes three DAYS") == amina.reactions[0][1]
    assert reaction(amina, "Hm") == amina.otherwise


def test_who_is_hostile_comes_later_and_is_explained() -> None:
    """The first screen is of ordinary customers; four of all are asked for by default."""
    hostile = [part for part in cast_of(4) if safe_text(part.name) != part.name]
    assert hostile
    for part in cast_of(4):
        assert (part.late >= 20, "hostile" in (part.topic or "")) == (part in hostile,) * 2


def test_a_larger_cast_comes_again_under_numbered_names() -> None:
    """And one has an afterthought only, so that one conversation is reopened."""
    names = [part.name for part in CAST]
    again = [f"{name} {turn}" for turn in (2, 3) for name in names]
    large = cast_of(3 * len(CAST))
    assert [part.name for part in large] == names + again
    assert cast_of(len(CAST) + 1) == large[: len(CAST) + 1]
    assert sum(part.afterthought is not None for part in large) == 1


def test_the_headless_demo_passes_its_own_checks(
    nowhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every message once both ways, unread counts right, one conversation reopened."""
    assert run_demo(headless=True) == 0
    out = capsys.readouterr().out
    assert len(re.findall("^passed: ", out, re.MULTILINE)) == 6
    assert "FAILED" not in out
    assert "4 customers, 26 messages" in out
    assert "0 refusals" in out
    assert not set("\x1b\x07\x9b\u202e") & set(out)


HELLO, HI = message("m1", "Hello", read=True), message("m2", "Hi", sender="admin")


def staged(**differences: Any) -> list[bool]:
    """Which checks pass for one customer with a greeting and an answer, but for ``differences``."""
    name = SessionId("s1")
    part = replace(CAST[0], afterthought=differences.get("afterthought"))
    amina = Customer(part, name, sent=["Hello"])
    amina.seen.update(differences.get("customer_saw", ["m1", "m2"]))
    stored = [HELLO, HI]
    desk = Desk(cast("AsyncAdminChat", None), lambda *_: None)
    desk.sent[name] = [stored[1]]
    desk.seen.update(differences.get("desk_saw", ["m1", "m2"]))
    desk.statuses[name] = differences.get("statuses", ["active", "resolved"])
    unread = differences.get("unread", 0)
    kept = differences.get("stored", stored)
    in_database = {name: (session("s1", unreadCount=unread), kept)}
    return [one.passed for one in _judge(desk, [amina], in_database, differences.get("no", []))]


@pytest.mark.parametrize(
    ("difference", "failing"),
    [
        ({}, []),
        ({"stored": []}, [0, 1, 2]),
        ({"stored": [HELLO, message("m2", "Ho", sender="admin")]}, [0]),
        ({"stored": [message("m1", "Hullo", read=True), HI]}, [0]),
        ({"stored": [message("m1", "Hello"), HI], "unread": 1}, [3]),
        ({"stored": [message("m1", "Hello"), HI]}, [3]),
        ({"desk_saw": ["m1", "m2", "m2"]}, [1]),
        ({"desk_saw": ["m1"]}, [1]),
        ({"customer_saw": ["m1", "m1", "m2"]}, [2]),
        ({"customer_saw": ["m1", "m2", "m3"]}, [2]),
        ({"unread": 1}, [3]),
        ({"statuses": ["active"]}, [4]),
        ({"statuses": ["resolved", "active", "resolved"]}, [4]),
        ({"statuses": ["active", "resolved", "active"], "afterthought": "And"}, []),
        ({"statuses": ["resolved", "active", "resolved", "active"], "afterthought": "And"}, []),
        ({"statuses": ["active", "resolved"], "afterthought": "And"}, [4]),
        ({"no": ["denied: write /messages"]}, [5]),
    ],
)
def test_each_check_fails_when_what_it_claims_is_not_so(
    difference: dict[str, Any], failing: list[int]
) -> None:
    """Lost, repeated, foreign and unread messages; a forgotten status; a refusal."""
    assert [index for index, passed in enumerate(staged(**difference)) if not passed] == failing


@pytest.mark.parametrize(
    ("seen", "heard", "statuses", "all_of_it"),
    [
        (["m2"], 4, ["active", "resolved"], True),
        ([], 4, ["active", "resolved"], False),
        (["m2"], 4, ["active"], False),
        (["m2"], 5, ["active", "resolved"], False),
        (["m2"], 5, ["active", "resolved", "active"], True),
    ],
)
def test_the_headless_desk_waits_until_all_is_heard_back(
    seen: list[str], heard: int, statuses: list[str], all_of_it: bool
) -> None:
    """Each reply, and that a conversation was resolved, and reopened if its customer wrote on."""
    name, desk = SessionId("s1"), Desk(cast("AsyncAdminChat", None), lambda *_: None)
    desk.sent[name] = [HI]
    desk.seen.update(seen)
    desk._heard[name] = heard
    desk._resolved.add(name)
    desk.statuses[name] = statuses
    assert desk._all_heard_back() is all_of_it


def test_the_headless_demo_prints_json_lines(
    nowhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every message, then the summary, which says how long it took."""
    began = time.monotonic()
    assert run_demo(headless=True, customers=1, json=True) == 0
    took = time.monotonic() - began
    *messages, summary = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert {line["event"] for line in messages} == {"message_added"}
    assert summary["event"] == "summary"
    assert summary["messages"] == len(messages) == 8
    assert 0 < summary["seconds"] < took + 0.1
    assert all(check["passed"] for check in summary["checks"])


def test_a_demo_that_takes_too_long_fails(
    nowhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the exit code of a failed check."""
    assert run_demo(headless=True, customers=1, seconds=0.3) == 10
    assert "FAILED: everything is said and checked within 0.3 s" in capsys.readouterr().out


def test_the_demo_says_so_when_there_is_no_terminal(nowhere: Path) -> None:
    """And how it runs without one."""
    with pytest.raises(UsageError, match="--headless"):
        run_demo()


DESK = """
import sys, threading
from functools import partial
from imbari_chat.cli.demo import run
from imbari_chat.cli.demo.run import run_demo
from imbari_chat.cli.exit_codes import boundary
run.Pace = partial(run.Pace, speed=20)  # customers who type as fast as a test reads
code = boundary(lambda: run_demo(customers=1))
for thread in set(threading.enumerate()) - {threading.main_thread()}:
    thread.join(60)  # a request may have been under way
print("left", threading.active_count())
sys.exit(code)
"""


def test_a_person_can_answer_and_leave(nowhere: Path) -> None:
    """The desk on a terminal, a reply that a customer reacts to, and an end without remains."""
    with Terminal(DESK) as terminal:
        terminal.sees("Do you ship there")
        terminal.press("\r")
        terminal.sees("write a reply")
        terminal.press("It takes three days.\r")
        terminal.sees("What would 40 kg a month")
        terminal.press("\tq")
        terminal.sees("left 1")
        assert terminal.ends() == 0


def test_ctrl_c_leaves_nothing_running(nowhere: Path) -> None:
    """Customers at the keyboard, streams, emulator: all are gone at once."""
    with Terminal(DESK) as terminal:
        terminal.sees("emulator  live")
        terminal.press("\x03")
        terminal.sees("left 1")
        assert terminal.ends() == 130


@pytest.mark.parametrize("code", [0, 10])
def test_what_comes_of_it_is_the_exit_code(
    program: Program, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """CI looks at nothing else."""
    asked: dict[str, Any] = {}

    def run_demo(**options: Any) -> int:
        asked.update(options)
        return code

    monkeypatch.setattr("imbari_chat.cli.demo.run.run_demo", run_demo)
    program("demo", code=code)
    usual = {"headless": False, "seconds": None, "json": False, "seed": 1, "web": False, "port": 0}
    assert {name: asked[name] for name in usual} == usual
    program("demo", "--headless", "--customers", "3", "--seconds", "7", "--seed", "2", code=code)
    assert asked == {
        "headless": True, "customers": 3, "seconds": 7.0, "json": False, "seed": 2, "web": False,
        "port": 0,
    }  # fmt: skip


class _Here:
    """A stage that is none."""

    flags: ClassVar[dict[str, Any]] = {}
    email, password, started_in = "noor@example.com", "s3cret", 0.5

    class emulator:  # noqa: N801  # stands for an object
        database_url, auth_host = "http://127.0.0.1:1?ns=demo", "127.0.0.1:2"


@contextmanager
def _nothing(*_: object) -> Iterator[Any]:
    yield _Here()


@pytest.mark.parametrize(
    ("given", "done"),
    [
        ({"headless": True}, "by itself 60.0 1 False"),
        ({"headless": True, "seconds": 5.0, "seed": 7, "json": True}, "by itself 5.0 7 True"),
        ({"headless": True, "seconds": 99.0}, "by itself 60.0 1 False"),
        ({"seconds": 5.0, "seed": 7}, "person 5.0 7 demo-imbari"),
        ({"web": True, "headless": True, "seconds": 5.0}, "pages 5.0 1"),
        ({"web": True, "seed": 7, "port": 80}, "person None 7 demo-imbari · http://here:80"),
    ],
)
def test_each_way_to_run_it_is_a_matter_of_options(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: dict[str, Any],
    done: str,
) -> None:
    """Customers of a demo by script do not hesitate to come."""
    ran: list[str] = []
    lateness: set[bool] = set()

    @contextmanager
    def serve(_: object, port: int) -> Iterator[str]:
        yield f"http://here:{port}"

    async def by_itself(_: object, cast: Any, limit: float, *, seed: int, json: bool) -> int:
        lateness.update(one.part.late > 0 for one in cast)
        ran.append(f"by itself {limit} {seed} {json}")
        return 10

    async def person(
        _: object, cast: Any, seconds: float | None, *, seed: int, title: str = PROJECT
    ) -> None:
        lateness.update(one.part.late > 0 for one in cast)
        ran.append(f"person {seconds} {seed} {title}")

    async def pages(_: object, cast: Any, seconds: float | None, *, seed: int) -> None:
        ran.append(f"pages {seconds} {seed}")

    for name, work in (
        ("stage", _nothing), ("serving", serve), ("site_of", lambda _: None),
        ("_by_itself", by_itself), ("_with_a_person", person), ("_by_its_pages", pages),
        ("refuse_without_terminal", lambda _: ran.append("looked")), ("ask", ran.append),
    ):  # fmt: skip
        monkeypatch.setattr(run, name, work)
    assert run_demo(**given) == (10 if done.startswith("by itself") else 0)
    *before, last = ran
    assert last == done
    assert ("http://here" in capsys.readouterr().out) is bool(given.get("web"))
    headless = bool(given.get("headless"))
    assert ("looked" in before) is not headless
    assert any(one.startswith("Press Enter") for one in before) is (
        bool(given.get("web")) and not headless
    )
    if lateness:
        assert (True in lateness) is not headless


@pytest.mark.parametrize("sdk", [True, False])
def test_where_everything_is_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sdk: bool
) -> None:
    """To a person below each other; to a program in one line, and nothing besides."""
    monkeypatch.setattr(run, "installed_sdk", lambda: Path() if sdk else None)
    here: Any = _Here()
    run._tell(here, "http://here:80", json=False)
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "widget     http://here:80/",
        "dashboard  http://here:80/admin/chat",
        "email      noor@example.com",
        "password   s3cret",
        "database   http://127.0.0.1:1?ns=demo",
        "auth       http://127.0.0.1:2",
    ]
    assert ("npm install firebase" in told.err) is not sdk
    run._tell(here, "http://here:80", json=True)
    told = capsys.readouterr()
    assert told.err == ""
    assert json.loads(told.out) == {
        "version": 1,
        "event": "serving",
        "widget": "http://here:80/",
        "dashboard": "http://here:80/admin/chat",
        "email": "noor@example.com",
        "password": "s3cret",
        "database": "http://127.0.0.1:1?ns=demo",
        "auth": "http://127.0.0.1:2",
    }


def test_of_several_failures_the_first_is_told_by_itself() -> None:
    """However deep it is."""
    one, two = ValueError("one"), KeyError("two")
    deep = BaseExceptionGroup("", [BaseExceptionGroup("", [one]), two])
    assert run._first(deep) is one


def test_a_line_says_who_wrote_and_the_desks_own_to_whom() -> None:
    """On one line each."""
    amina = session("amina")
    hello, answer = message("m1", "Hello\nyou"), message("m2", "Hi", sender="admin")
    assert run._as_line(amina, hello) == "amina: Hello⏎you"
    assert run._as_line(amina, answer) == "Imbari Team to amina: Hi"


def test_the_end_says_what_came_of_it() -> None:
    """In numbers, and of what failed what was seen instead."""

    class Here(_Here):
        class emulator:  # noqa: N801  # stands for an object
            @staticmethod
            def refusals() -> list[str]:
                return ["denied"]

    here, desk = cast("Any", Here()), cast("Any", SimpleNamespace(seen=["m1", "m2", "m3"]))
    cast_of_two: Any = [None, None]
    results = [Check("all is said", passed=True), Check("none twice", passed=False, seen="m1")]
    summary = run._summary(here, desk, cast_of_two, results, 1.25001)
    assert summary == {
        "event": "summary",
        "emulator_start_ms": 500,
        "seconds": 1.3,
        "customers": 2,
        "messages": 3,
        "refusals": 1,
        "checks": [
            {"claim": "all is said", "passed": True, "seen": ""},
            {"claim": "none twice", "passed": False, "seen": "m1"},
        ],
    }
    assert [*run._summary_lines(summary, results)] == [
        "",
        "emulator started in 500 ms; 2 customers, 3 messages in 1.3 s; 1 refusals by the rules",
        "passed: all is said",
        "FAILED: none twice",
        "        m1",
    ]


class _Failing:
    """A customer for whom something goes wrong."""

    part = CAST[0]

    async def play(self, *_: object, **__: object) -> None:
        raise ConfigError("no such database")


class _Busy:
    """A customer who is never done."""

    def __init__(self) -> None:
        self.began, self.ended = asyncio.Event(), False

    async def play(self, *_: object, **__: object) -> None:
        self.began.set()
        try:
            await _for_ever()
        finally:
            self.ended = True


async def _for_ever(*_: object, **__: object) -> None:
    await asyncio.Event().wait()


async def test_customers_of_a_script_come_once_the_desk_is_live() -> None:
    """It is to hear of every message as news."""
    came: list[str] = []

    class Desk:
        live = asyncio.Event()

        async def serve(self, messages: int) -> None:
            for _ in range(5):
                await asyncio.sleep(0)
            came.append(f"desk of {messages}")
            self.live.set()

    class Quick:
        part = CAST[0]

        async def play(self, _: object, pace: Pace, *, until: int) -> None:
            came.append(f"customer until {until}")

    here: Any = _Here()
    desk: Any = Desk()
    cast: Any = [Quick(), Quick()]
    await run._perform(here, desk, cast, seed=1)
    until = exchange_length(CAST[0])
    assert came == [f"desk of {2 * CAST[0].lines}", *[f"customer until {until}"] * 2]


class _Chat:
    """An admin's, in which nothing happens."""

    def __init__(self) -> None:
        self.canned: dict[str, str] = {}

    @classmethod
    def from_env(cls) -> Self:
        return cls()

    @property
    def team(self) -> Self:
        return self

    async def save_canned_reply(self, name: str, text: str) -> None:
        self.canned[name] = text

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


async def _by_script(here: Any, cast: Any) -> None:
    await run._by_itself(here, cast, 60.0, seed=1, json=False)


async def _at_a_desk(here: Any, cast: Any) -> None:
    await run._with_a_person(here, cast, 60.0, seed=1)


async def _on_the_pages(here: Any, cast: Any) -> None:
    await run._by_its_pages(here, cast, 60.0, seed=1)


@pytest.mark.parametrize("way", [_by_script, _at_a_desk, _on_the_pages])
async def test_what_goes_wrong_for_a_customer_ends_the_demo(
    monkeypatch: pytest.MonkeyPatch, way: Callable[[Any, Any], Coroutine[Any, Any, None]]
) -> None:
    """However it is run, and as the error that it is."""

    class NoDesk:
        live = asyncio.Event()

        async def serve(self, _: int) -> None:
            self.live.set()
            await _for_ever()

    monkeypatch.setattr(run, "AsyncAdminChat", _Chat)
    monkeypatch.setattr(run, "Desk", lambda *_: NoDesk())
    monkeypatch.setattr(run, "run_desk", _for_ever)
    with pytest.raises(ConfigError, match="no such database"):
        await way(_Here(), [_Failing(), _Failing()])


@pytest.mark.parametrize("run_way", [run._with_a_person, run._by_its_pages])
async def test_a_demo_lasts_as_long_as_it_was_asked_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], run_way: Any
) -> None:
    """And says that it is over; customers end with it."""
    customer = _Busy()
    monkeypatch.setattr(run, "AsyncAdminChat", _Chat)
    monkeypatch.setattr(run, "run_desk", _for_ever)
    await run_way(_Here(), [customer], 0.01, seed=1)
    assert "the demo's 0.01 s are over" in capsys.readouterr().err
    assert customer.ended


async def test_a_demo_ends_with_its_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Customers are not waited for; the desk had canned replies from its beginning."""
    customer = _Busy()
    ran: list[str] = []

    async def run_desk(chat: _Chat, *_: object, title: str) -> None:
        ran.extend([title, *chat.canned])
        await customer.began.wait()

    monkeypatch.setattr(run, "AsyncAdminChat", _Chat)
    monkeypatch.setattr(run, "run_desk", run_desk)
    here: Any = _Here()
    cast: Any = [customer]
    await run._with_a_person(here, cast, None, seed=1, title="a shop")
    assert ran == ["a shop", *CANNED]
    assert customer.ended


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (["--web"], {"web": True}),
        (["--web-port", "0"], {}),
        (["--web-port", "65535"], {"port": 65535}),
        (["--json"], {"json": True}),
        (["--customers", "1"], {"customers": 1}),
        (["--seconds", "0.001"], {"seconds": 0.001}),
    ],
)
def test_each_option_is_handed_on(
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    changed: dict[str, Any],
) -> None:
    """And no other is touched; what cannot be is refused before anything starts."""
    asked: dict[str, Any] = {}

    def taking(**given: Any) -> int:
        asked.update(given)
        return 0

    monkeypatch.setattr("imbari_chat.cli.demo.run.run_demo", taking)
    program("demo", *options)
    usual = {
        "headless": False, "customers": 4, "seconds": None, "json": False, "seed": 1,
        "web": False, "port": 0,
    }  # fmt: skip
    assert asked == usual | changed
    for wrong in (["--web-port", "65536"], ["--web-port", "-1"], ["--customers", "0"]):
        program("demo", *wrong, code=2)
    program("demo", "--seconds", "0", code=2)


@pytest.mark.parametrize(
    ("length", "speed", "least", "most"),
    [(0, 1.0, 0.6, 0.6), (10, 1.0, 0.9, 1.3), (1_000, 1.0, 5.0, 5.0), (1_000, 10.0, 0.5, 0.5)],
)
async def test_a_customer_types_as_people_do_and_nobody_waits_for_ever(
    monkeypatch: pytest.MonkeyPatch, length: int, speed: float, least: float, most: float
) -> None:
    """A moment, and so long for each letter; five seconds at most."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    for seed in range(20):
        await Pace(random.Random(seed), speed).typing("x" * length)
    assert least - 1e-9 <= min(waited) <= max(waited) <= most + 1e-9
