"""Completion: scripts for shells, and conversations that may be offered to one."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imbari_chat.cli import completion
from imbari_chat.cli.completion import VARIABLE, _offers
from imbari_chat.cli.main import run
from imbari_chat.schema.models import Session
from tests.cli.harness import Program, Visitor


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


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_is_named(program: Program, shell: str) -> None:
    """No guessing; another one is refused."""
    assert f"{VARIABLE}=complete_{shell}" in program("completion", shell).stdout
    assert "tcsh" in program("completion", "tcsh", code=2).stderr
