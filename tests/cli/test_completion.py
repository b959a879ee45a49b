"""Completion: scripts for shells, and conversations that may be offered to one."""

import asyncio
import logging
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imbari_chat.cli import completion
from imbari_chat.cli.completion import (
    VARIABLE,
    _offers,
    canned_replies,
    complete_ids,
    sessions,
)
from imbari_chat.cli.main import run
from imbari_chat.cli.options import Target
from imbari_chat.errors import ConfigError, ImbariError, Unavailable
from imbari_chat.schema.models import Session
from tests.cli.harness import Program, Visitor
from tests.view.records import session


def offered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, shell: str
) -> str:
    """What the program answers to a shell that asks how ``line`` may go on."""
    words = line.split(" ")
    for name, value in {
        VARIABLE: f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(completion, "_PATIENCE", 60)
    with pytest.raises(SystemExit):
        run([])
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("imbari-chat inb", ["inbox"]),
        ("imbari-chat auth log", ["login", "logout"]),
        ("imbari-chat help exit", ["exit-codes"]),
        ("imbari-chat inbox --sta", ["--status"]),
        ("imbari-chat inbox --help --sta", ["--status"]),
        ("imbari-chat auth --help log", ["login", "logout"]),
        ("imbari-chat inbox --status res", ["resolved"]),
        ("imbari-chat watch --event reo", ["reopened"]),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_words_go_on(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    words: list[str],
    shell: str,
) -> None:
    """Commands, options and what they take."""
    lines = offered(monkeypatch, capsys, line, shell).splitlines()
    assert [one.split("\t")[0] for one in lines] == words


@pytest.mark.parametrize(
    ("line", "offer"),
    [
        ("imbari-chat show ami", "amina@example.com"),
        ("imbari-chat reply Ami", "Amina Nakato"),
        ("imbari-chat resolve 1 {id}", "{session}"),
        ("imbari-chat --profile x watch {id}", "{session}"),
    ],
)
def test_conversations_are_offered(
    visitor: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    offer: str,
) -> None:
    """By e-mail, name and id; an id begins as options do. In bash a name is one word."""
    session = visitor.writes("Hello")
    line, offer = line.format(id=session[:5]), offer.format(session=session)
    (told,) = offered(monkeypatch, capsys, line, "fish").splitlines()
    assert told.split("\t")[0] == offer
    assert offered(monkeypatch, capsys, line, "bash") == f"{shlex_bash(offer)}\n"
    assert f'"{offer}":' in offered(monkeypatch, capsys, line, "zsh")


def shlex_bash(word: str) -> str:
    return word.replace(" ", "\\ ")


@pytest.mark.parametrize(
    ("line", "offer"),
    [
        ("imbari-chat reply 1 /sh", "/shipped"),
        ("imbari-chat canned show sh", "shipped"),
        ("imbari-chat canned delete /s", "/shipped"),
    ],
)
def test_canned_replies_are_offered(
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    offer: str,
) -> None:
    """As a reply asks for them; with what they say."""
    program("canned", "save", "shipped", "It is on its way, {first_name}.")
    program("canned", "save", "hours", "We open at eight.")
    (told,) = offered(monkeypatch, capsys, line, "fish").splitlines()
    assert told == f"{offer}\tIt is on its way first_name ."


def test_where_nobody_answers_nothing_is_offered(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is said of it."""
    for emulator in ("127.0.0.1:9", "nonsense"):
        monkeypatch.setenv("FIREBASE_DATABASE_EMULATOR_HOST", emulator)
        assert offered(monkeypatch, capsys, "imbari-chat show ", "bash") == "\n"


_SIGNS = st.text(st.sampled_from("aZ9 \\$`'\"()[]{}<>|&;:*?!#~\n\t\x1b@.+-_é深") | st.characters())


@example("-O", "Amina", "a@example.com; rm -rf /", "Hello")
@example("-O", "$(touch a)", "a@example.com", "Hello")
@example("-O;", "Amina", "a@example.com", "Hello `touch a`")
@example("-O", "Amina", "a@example.com", "One , two   three")
@given(_SIGNS, _SIGNS, _SIGNS, _SIGNS)
def test_nothing_that_a_shell_would_obey_is_offered(
    session_id: str, name: str, email: str, text: str
) -> None:
    """Whatever strangers call themselves or write."""
    fields = {"customerName": name, "customerEmail": email, "lastMessage": text}
    for offer in _offers(Session.model_validate({"$id": session_id, **fields})):
        for part in offer:
            assert re.fullmatch(r"[\w@.+ -]*", part)
            assert not part.startswith(" ")
        assert "  " not in offer[1]


LONG = "word " * 30
OFFERS: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    (
        {"customerName": " Amina N. ", "customerEmail": "a@b.c", "lastMessage": "Hi(you)"},
        [("a@b.c", "Amina N. Hi you"), ("Amina N.", "a@b.c Hi you"), ("amina", "Amina N. Hi you")],
    ),
    (
        {"customerName": "$(x)", "customerEmail": "nobody", "lastMessage": LONG},
        [("amina", f"x {LONG}"[:60])],
    ),
    (
        {"customerName": "A", "customerEmail": "a b@c;d", "lastMessage": LONG},
        [("A", f"a b@c d {LONG}"[:60]), ("amina", f"A {LONG}"[:60])],
    ),
]


@pytest.mark.parametrize(("fields", "offers"), OFFERS)
def test_one_is_offered_by_what_is_harmless(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], offers: list[tuple[str, str]]
) -> None:
    """With the beginning of what else is known of it."""
    monkeypatch.delenv(VARIABLE, raising=False)
    assert list(_offers(session("amina", **fields))) == offers


@pytest.mark.parametrize("odd", ["42", "a@b"])
def test_an_id_that_would_be_taken_for_something_else_is_not_offered(odd: str) -> None:
    """Nor is it with a colon, at which shells break words."""
    assert [offer for offer, _ in _offers(session(odd, customerName="", customerEmail=""))] == []


class Chat:
    """An admin's, of which a shell is told; it may be slow, or know nothing."""

    def __init__(self, error: ImbariError | None = None, *, is_slow: bool = False) -> None:
        self.team = self
        self.error, self.is_slow = error, is_slow
        self.asked: list[Any] = []

    def __call__(self, settings: object, *, on_rejected: Any) -> Self:
        self.asked.append(settings)
        on_rejected(None)  # says nothing
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.asked.append("closed")

    async def sessions(self, *, limit: int) -> list[Session]:
        self.asked.append(limit)
        await self._answer()
        return [session("amina"), session("brian")]

    async def canned_replies(self) -> list[Any]:
        await self._answer()
        names = ("hours", "hi", "bye", "h;x")
        return [SimpleNamespace(name=name, text=f"{name}! {LONG}") for name in names]

    async def _answer(self) -> None:
        logging.getLogger("imbari_chat").warning("not for a shell")
        if self.is_slow:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error


def _asks(monkeypatch: pytest.MonkeyPatch, chat: Chat, **options: str) -> Any:
    """A command line that is being typed."""
    monkeypatch.setattr("imbari_chat.client.AsyncAdminChat", chat)
    monkeypatch.setattr(Target, "brief_settings", lambda here: here)
    monkeypatch.setattr(completion, "_PATIENCE", 0.01 if chat.is_slow else 60)
    monkeypatch.delenv(VARIABLE, raising=False)
    root = SimpleNamespace(params=options)
    return SimpleNamespace(find_root=lambda: root)


def test_the_latest_are_asked_for_where_the_line_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that go on as it begins are offered; nothing else is said."""
    chat, before = Chat(), [*logging.getLogger().handlers]
    ctx = _asks(monkeypatch, chat, profile="you")
    assert [word for word, _ in sessions(ctx, "b")] == ["brian@example.com", "brian", "brian"]
    here, *asked = chat.asked
    assert (here.flags, asked) == ({"profile": "you"}, [50, "closed"])
    assert capsys.readouterr().err == ""
    assert logging.getLogger().handlers == before


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("h", ["hours", "hi"]), ("/h", ["/hours", "/hi"]), ("", ["hours", "hi", "bye"]), ("x", [])],
)
def test_replies_that_are_ready_are_offered_as_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, typed: str, offered: list[str]
) -> None:
    """By harmless names, with the beginnings of what they say."""
    told = canned_replies(_asks(monkeypatch, Chat()), typed)
    assert [name for name, _ in told] == offered
    assert {said for _, said in told} == {
        f"{name.removeprefix('/')} {LONG}"[:60] for name in offered
    }


@pytest.mark.parametrize(
    "chat",
    [Chat(Unavailable("away")), Chat(ConfigError("no database")), Chat(is_slow=True)],
    ids=["away", "nowhere", "slow"],
)
def test_whoever_does_not_answer_soon_offers_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], chat: Chat
) -> None:
    """Nobody waits for a Tab, or wants to know."""
    before = [*logging.getLogger().handlers]
    assert sessions(_asks(monkeypatch, chat), "") == []
    assert capsys.readouterr().err == ""
    assert logging.getLogger().handlers == before


@pytest.mark.parametrize(
    ("typed", "offered"), [("-", ["-O1"]), ("-O", ["-O1"]), ("--", []), ("--O", []), ("O", [])]
)
def test_what_begins_as_an_option_may_be_an_id(typed: str, offered: list[str]) -> None:
    """One dash may; two do not, and without any the argument has been asked already."""
    from typer.core import TyperArgument

    class Argument(TyperArgument):
        def __init__(self) -> None: ...

        def shell_complete(self, ctx: object, incomplete: str) -> list[Any]:
            return ["-O1"]

    command = SimpleNamespace(params=[Argument(), SimpleNamespace()])
    assert complete_ids(command, None, typed) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_is_named(program: Program, shell: str) -> None:
    """No guessing; another one is refused."""
    assert f"{VARIABLE}=complete_{shell}" in program("completion", shell).stdout
    assert "tcsh" in program("completion", "tcsh", code=2).stderr
