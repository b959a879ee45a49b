"""What commands print and write, all of it: to a person at a terminal, to a pipe, and as JSON.

``printed.txt`` has it, a command below each ``==`` and a form below each ``--``. Lines that begin
with ``!`` are standard error; what it changes in the database stands last. Ids and times of that
very moment are left out. ``PRINT_ANEW=1 pytest -n 0 tests/cli/test_printed.py`` writes it anew, for
whoever looks through what has changed.
"""

import io
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from rich.console import RenderableType

from imbari_chat.cli.colleagues import open_accounts
from imbari_chat.cli.columns import without_stand_ins
from imbari_chat.cli.main import run
from imbari_chat.cli.stdout import Stdout
from imbari_chat.config import Settings
from imbari_chat.emulator import Emulator
from tests import plain_http
from tests.cli.harness import Program, outside
from tests.cli.inks import inked
from tests.zones import time_zone

NOW: Final = 1_710_252_300_000  # 2024-03-12 14:05 UTC
LATER: Final = 4_070_952_300_000  # 2099-01-01 12:05 UTC
LONG: Final = "word " * 70


def key(name: str) -> str:
    """A key as the rules ask for it; the name is its beginning."""
    return name.ljust(20, "-")


AMINA, BRIAN, CAROL = key("Amina"), key("Brian"), LONG.replace(" ", "-")[:80]
WORLD: Final[dict[str, Any]] = {
    "chatSessions": {
        AMINA: {
            "customerName": "Amina Nakato", "customerEmail": "amina@example.com",
            "customerPhone": "+256700000001", "topic": "Wholesale", "createdAt": NOW,
            "customerUid": "u-amina", "lastMessage": "By Friday?", "lastMessageTime": NOW + 120_000,
            "lastCustomerMessageId": key("m3"), "unreadCount": 2, "status": "active",
        },
        BRIAN: {
            "customerName": "Brian", "customerEmail": "brian@example.com", "customerUid": "u-brian",
            "lastMessage": "Thanks", "lastMessageTime": NOW, "resolvedAt": NOW, "unreadCount": 0,
            "status": "resolved",
        },
        CAROL: {
            "customerName": LONG, "customerEmail": "carol@example.com", "lastMessage": LONG,
            "lastMessageTime": NOW - 60_000, "unreadCount": 0, "status": "active", "odd": True,
        },
    },
    "messages": {
        AMINA: {
            key("m1"): {"text": "Do you ship to Kampala?", "from": "customer", "timestamp": NOW},
            key("m2"): {
                "text": "Yes.", "from": "admin", "timestamp": NOW + 60_000, "senderUid": "noor",
                "read": True,
            },
            key("m3"): {
                "text": f"{'so ' * 20}to Kampala\nby Friday?", "from": "customer",
                "timestamp": NOW + 120_000,
            },
        },
        BRIAN: {
            key("m4"): {"text": "Thanks", "from": "customer", "timestamp": NOW, "read": True},
        },
    },
    "adminNotes": {
        AMINA: {
            key("n1"): {"text": "Pays late", "at": NOW, "by": "noor", "name": "Noor"},
            key("n2"): {"text": f"{LONG}\nCalls", "at": NOW + 1, "by": "u9"},
            f"{key('n2')}a": {"text": "Called", "at": NOW - 1},
        }
    },
    "assignments": {AMINA: {"to": "noor", "name": "Noor", "at": NOW, "by": "noor"}},
    "labels": {AMINA: {"names": {"vip": True, "wholesale": True}, "at": NOW, "by": "noor"}},
    "snoozes": {CAROL: {"until": LATER, "at": NOW, "by": "noor"}},
    "blocks": {
        "u-brian": {"reason": "Shouts", "until": LATER, "at": NOW, "by": "noor"},
        LONG.replace(" ", "-"): {"reason": LONG, "at": NOW + 60_000},
    },
    "cannedReplies": {
        "hi": {"text": "Hello {first_name},\n{admin} here.", "at": NOW, "by": "noor"},
        "long-" * 14: {"text": LONG},
    },
}  # fmt: skip
"""Two conversations as they are, and one of which everything is too long."""

READING: Final = (
    "inbox",
    "inbox --status all",
    "inbox --snoozed",
    "inbox --status all --total --limit 1",
    "show Amina --peek",
    "show Amina Brian --limit 1 --peek",
    f"show {CAROL}",
    "history Amina --since 2024-03-12T14:06 --until 2024-03-12T14:07",
    "search kampala",
    "search +2567000",
    "search word",
    "search friday --since 999w",
    "search friday --since 2024-03-13",
    "search wholesale yes",
    "search example --status all --limit 2",
    "notes Amina",
    "notes Brian",
    "block",
    "canned list",
    "admins list",
)
DOING: Final = (
    "search ' '",
    "show Amina --limit 1",
    "resolve Amina",
    "reopen Brian",
    "reply Amina 'On its way'",
    "reply Amina /hi",
    "label Amina",
    "label Brian",
    "label Amina New VIP",
    "label Amina New --remove vip",
    "label Amina --remove vip",
    "label Amina --remove vip --remove wholesale",
    "label Amina a/b",
    "snooze Amina 2099-01-01T12:05",
    f"snooze {CAROL} --wake",
    "snooze Amina",
    "snooze Amina --wake 2d",
    "snooze Amina 2024-03-12",
    "assign Amina",
    "assign Amina --take",
    "assign Amina --to nobody --take",
    "assign Brian --to noor",
    "assign Brian --take",
    "assign Brian --to uid:noor",
    "assign Brian --to uid:u9",
    "assign Brian --to ''",
    "assign Brian --release",
    "assign Brian --release --take",
    "assign Brian --release --to noor",
    "notes Amina 'Called back'",
    "notes Amina --delete n1",
    "notes Amina --delete ' n2------------------ '",
    "notes Amina --delete n",
    "notes Amina --delete x",
    "notes Amina --delete ''",
    "notes Amina Called --delete n1",
    "block Amina --reason Shouts",
    "block Amina --reason Shouts --until 2099-01-01T12:05",
    "block Amina",
    "block --reason Shouts",
    "block --until 2099-01-01",
    "block --lift",
    "block Brian --lift",
    "block Brian --lift --reason Shouts",
    "block Brian --lift --until 2099-01-01",
    "canned show hi",
    "canned show bye",
    "canned save /bye 'Good bye'",
    "canned delete /hi",
    "admins grant customer@example.com",
    "admins grant nobody@example.com",
    "admins revoke noor@example.com",
    "admins create new@example.com --password-stdin",
    "admins create noor@example.com --password-stdin",
    "auth status",
    "auth token",
    "auth login",
    "auth login noor@example.com",
    "auth logout",
    "inbox --live",
    "inbox --live --mine --unread",
    "inbox --since soon",
)
HELPING: Final = tuple(
    f"{one} --help".strip() for one in ("", "block", "canned", "completion", "doctor", "label")
)
COMMANDS: Final = READING + DOING + HELPING
STDIN: Final = "a-good-password\n"
ALL_FORMS: Final = ("", "--json", "--jsonl --fields id", "--ids")
"""What may be asked for by who is no person; of what a command does, only by name."""
LISTING: Final = ("notes", "block", "resolve", "reopen")
"""Commands that tell in these forms what they did, if they did; others have ``--json`` alone."""

_FILE: Final = Path(__file__).with_name("printed.txt")
_OF_THE_WORLD: Final = set(re.findall(r"\d{13}", json.dumps(WORLD)))


@pytest.fixture(autouse=True)
def greenwich() -> Iterator[None]:
    """Where the reader is."""
    with time_zone("UTC0"):
        yield


def _kept() -> dict[str, str]:
    """What is printed, by command."""
    _, *parts = re.split(r"^== (.*)\n", _FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def begin(emulator: Emulator, *, with_accounts: bool) -> None:
    """The world; if they matter, with the accounts of an admin, of one who is disabled, and of
    somebody who is none."""
    emulator.reset()
    outside(emulator, "/", WORLD)
    if not with_accounts:
        return
    with closing(open_accounts(Settings.load())) as accounts:
        for name, is_admin in (("noor", True), ("customer", False), ("gone", True)):
            accounts._client.create_user(
                uid=f"u-{name}", email=f"{name}@example.com", disabled=name == "gone"
            )
            if is_admin:
                accounts.grant(f"{name}@example.com")


def draw(stdout: Stdout, *parts: RenderableType, paged: bool = False) -> None:
    """As :meth:`Stdout.draw`, with inks."""
    lines = [line for part in parts for line in inked(part, stdout.width)]
    shown = [without_stand_ins(line, addressed=False) for line in lines]
    stdout._write("\n".join([*(["(in a pager)"] if paged else []), *shown]))


def told(program: Program, line: str, *, terminal: bool = False) -> str:
    """What a command prints, wherever and whenever it runs."""
    result = program.run(*shlex.split(line), stdin=STDIN, width=100, terminal=terminal)
    output = result.stdout
    if output.startswith("{\n"):
        document = json.dumps(json.loads(output), ensure_ascii=False)
        output = document.replace("}, {", "},\n {") + "\n"
    errors = "".join(f"! {one}\n" for one in result.stderr.splitlines())
    code = f"! exit code {result.exit_code}\n" if result.exit_code else ""
    return _of_any_day(f"{output}{errors}{code}")


def printed(program: Program, emulator: Emulator, line: str) -> str:
    """What a command prints in each of its forms, and what it wrote in the last of them."""
    with_accounts = line.startswith("admins")
    begin(emulator, with_accounts=with_accounts)
    shown = [told(program, line, terminal=True)]
    tells = line.startswith(LISTING) and "! exit code" not in shown[0]
    done = ALL_FORMS[1:] if tells else ["--json"]
    for form in ALL_FORMS if line in READING else done if line in DOING else []:
        if line in DOING:
            begin(emulator, with_accounts=with_accounts)
        if "no such option" not in (one := told(program, f"{line} {form}")):
            shown.append(f"-- {form or 'in a pipe'}\n{one}")
    before, after = _leaves(WORLD), _leaves(_database(emulator))
    changes = {place: after.get(place) for place in sorted(before.keys() | after.keys())}
    written = [
        f"{place} {json.dumps(value)}\n"
        for place, value in changes.items()
        if value != before.get(place)
    ]
    return "".join([*shown, *(["-- written\n"] if written else []), *map(_of_any_day, written)])


def _database(emulator: Emulator) -> Any:
    """All that is there, as the database's owner reads it."""
    answer = plain_http.get(
        f"http://{emulator.database_host}/.json",
        params={"ns": emulator.namespace},
        headers={"Authorization": "Bearer owner"},
    )
    return answer.json()


def _leaves(value: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {path: value}
    return {
        place: one
        for name, below in value.items()
        for place, one in _leaves(below, f"{path}/{name}").items()
    }


def _of_any_day(text: str) -> str:
    """Without ids, times and ports that are others each time."""
    text = re.sub(r"-[N-Z][\w-]{18}(?![\w-])", "(an id)", text)
    text = re.sub(r'(?<="id": ")\w{28}(?=")', "(a uid)", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9000", text)
    return re.sub(r"\b\d{13}\b", lambda one: one[0] if one[0] in _OF_THE_WORLD else "(now)", text)


@pytest.mark.parametrize("line", COMMANDS)
def test_all_that_a_command_prints_and_writes_is_as_it_was(
    program: Program, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """Scripts read it, and people know where to look."""
    monkeypatch.setattr(Stdout, "draw", draw)
    monkeypatch.setenv("IMBARI_CHAT_NAME", "Noor")
    found = printed(program, emulator, line)
    if "PRINT_ANEW" in os.environ:
        anew = {**_kept(), line: found}
        text = "".join(f"== {one}\n{anew[one]}" for one in COMMANDS if one in anew)
        _FILE.write_text(text, encoding="utf-8")
    assert found == _kept()[line]


@pytest.mark.parametrize("line", READING)
def test_whatever_a_record_has_may_be_asked_for(
    program: Program, emulator: Emulator, line: str
) -> None:
    """By its name in the JSON."""
    begin(emulator, with_accounts=line.startswith("admins"))
    all_of_it = program(*shlex.split(line), "--jsonl").stdout
    names = list(dict.fromkeys(name for one in all_of_it.splitlines() for name in json.loads(one)))
    fields = ",".join(names[1:])  # behind the version of the form
    assert program(*shlex.split(line), "--jsonl", "--fields", fields or "id").stdout == all_of_it


@pytest.mark.parametrize("line", COMMANDS)
def test_what_was_done_is_no_failure_though_it_cannot_be_printed(
    place: Path,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
) -> None:
    """A script would do it again. What only looks, or marks read what was printed, has failed."""
    as_json = _kept()[line].partition("-- --json\n")[2]
    if not as_json.startswith("{"):
        return  # nothing of it is printed
    monkeypatch.setenv("IMBARI_CHAT_NAME", "Noor")
    begin(emulator, with_accounts=line.startswith("admins"))
    monkeypatch.setattr(sys, "stdin", io.StringIO(STDIN))
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            run([*shlex.split(line), "--json"])
    failed = "standard output cannot be written: No space left on device"
    told = capsys.readouterr().err
    if "! at the emulator" in as_json and not line.startswith("show"):
        assert (ended.value.code, told.count(f"warning: this was done, and {failed}\n")) == (0, 1)
    else:
        assert (ended.value.code, failed in told) == (1, True)


def test_nothing_else_is_kept() -> None:
    """What is not printed any more."""
    assert list(_kept()) == list(COMMANDS)
