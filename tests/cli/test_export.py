"""export and search: what they write, for programs, spreadsheets and people."""

import asyncio
import csv
import io
import json
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from html.parser import HTMLParser
from pathlib import Path

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from imbari_chat.cli.ahead import in_order
from imbari_chat.cli.export.formats import FORMATS, Exported, Kind
from imbari_chat.cli.progress import progress
from imbari_chat.cli.stderr import Stderr
from imbari_chat.emulator import Emulator
from imbari_chat.schema.models import ID_FIELD, Message, Session
from imbari_chat.schema.teamwork import Note
from imbari_chat.view.sanitize import safe_text
from tests.cli.harness import Program, Visitor, outside

HOSTILE = [
    '=HYPERLINK("http://evil.example")',
    "  +1+1",
    "-2",
    "@SUM(A1)",
    "<script>alert(1)</script>",
    "[a](javascript:alert(1)) ![x](http://evil.example/x.png)",
    "# heading\n\n---\n===\n- list\n1. one\n> quote\n    code\n```\nfence",
    "\x1b[31mred\x1b[0m \u202egnirts \x7f \x9b31m",
    "a\nb\n\nc\\\nd",
    "&lt; &nbsp; **bold** _it_ `x` ~~y~~ a|b\n-|-\n1|2",
    "深煎り ☕ \ud83d",
    "*",
    "\\",
]


def exported(text: str, name: str = "Amina") -> Exported:
    about = {
        ID_FIELD: "-OAAAAAAAAAAAAAAAAAA",
        "customerName": name,
        "customerEmail": "amina@example.com",
        "createdAt": 1_710_252_300_000,
        "topic": name,
    }
    said = {ID_FIELD: "-OMMMMMMMMMMMMMMMMMM", "text": text, "from": "customer", "timestamp": 1}
    noted = {ID_FIELD: "-ONNNNNNNNNNNNNNNNNN", "text": text, "name": name, "at": 1}
    return Exported(
        Session.model_validate(about),
        [Message.model_validate(said)],
        [Note.model_validate(noted)],
    )


def written(kind: Kind, one: Exported) -> str:
    chosen = FORMATS[kind]()
    return chosen.head() + chosen.conversation(one) + chosen.foot()


@pytest.mark.parametrize("text", HOSTILE)
def test_jsonl_keeps_the_true_text_in_ascii(text: str) -> None:
    """One object a line, however many lines a text has."""
    lines = written(Kind.JSONL, exported(text, text)).splitlines()
    assert all(line.isascii() and line.isprintable() for line in lines)
    session, note, message = map(json.loads, lines)
    assert (session["kind"], session["customer_name"]) == ("session", text)
    assert (note["kind"], note["text"], note["session_id"]) == ("note", text, session["id"])
    assert (message["kind"], message["text"]) == ("message", text)


@pytest.mark.parametrize("text", HOSTILE)
def test_csv_holds_no_formula_and_the_rest_as_it_is(text: str) -> None:
    """A row a message; ids are what they were."""
    rows = list(csv.DictReader(io.StringIO(written(Kind.CSV, exported(text, text)))))
    assert [row["kind"] for row in rows] == ["note", "customer"]
    assert {row["session_id"] for row in rows} == {"-OAAAAAAAAAAAAAAAAAA"}
    for row in rows:
        for cell in (row["text"], row["customer_name"]):
            assert not cell.lstrip().startswith(("=", "+", "@")), cell
            assert cell.removeprefix("'") == safe_text(text, multiline=True)


class Elements(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._inside = tag
        if tag == "p":
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "p":
            self.texts[-1] += data


@pytest.mark.parametrize("text", HOSTILE)
def test_html_has_no_element_of_a_strangers(text: str) -> None:
    """And every text in full."""
    page = Elements()
    page.feed(written(Kind.HTML, exported(text, text)))
    assert page.tags <= {
        *("html", "head", "meta", "title", "style", "body", "main", "article", "h2", "h3"),
        *("dl", "dt", "dd", "section", "time", "p"),
    }
    assert page.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class"}
    assert page.texts == [safe_text(text, multiline=True)] * 2


def _plain(markdown: str) -> tuple[list[str], set[str]]:
    """The texts of a document's quotations, and the kinds of all that is in it."""
    tokens = MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(markdown)
    quoted: list[str] = []
    inside = False
    kinds: set[str] = set()
    for token in tokens:
        if token.type in ("blockquote_open", "blockquote_close"):
            inside = token.type == "blockquote_open"
            quoted += [""] if inside else []
        kinds.add(token.type)
        for child in token.children or ():
            kinds.add(child.type)
            if inside:
                quoted[-1] += "\n" if child.type == "hardbreak" else child.content
        if inside and token.type == "paragraph_close":
            quoted[-1] += "\n\n"
    return [one.removesuffix("\n\n") for one in quoted], kinds


PLAIN = {
    *("heading_open", "heading_close", "inline", "text", "text_special", "hardbreak"),
    *("bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"),
    *("blockquote_open", "blockquote_close", "paragraph_open", "paragraph_close"),
    *("strong_open", "strong_close"),
}


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_reads_as_it_was_written(text: str) -> None:
    """No link, image, heading, list or HTML but ours."""
    texts, kinds = _plain(written(Kind.MD, exported(text, text)))
    assert kinds <= PLAIN
    assert [_spaces(one) for one in texts] == [_spaces(safe_text(text, multiline=True))] * 2


def _spaces(text: str) -> str:
    """As a reader sees it: a space is a space, and none ends a line."""
    return "\n".join(line.rstrip() for line in text.replace("\u00a0", " ").split("\n")).strip("\n")


@given(st.text("ab -+=#>*_`[](){}!|~\\&;.:/<1\n", max_size=30))
def test_whatever_is_typed_is_a_quotation_in_markdown(text: str) -> None:
    """Two of them, one of a note and one of a message, and nothing else."""
    quotations, kinds = _plain(written(Kind.MD, exported(text or "x")))
    assert len(quotations) == 2
    assert kinds <= PLAIN


def test_export_writes_all_conversations_newest_first(program: Program, visitor: Visitor) -> None:
    """With every message, the notes if asked, and nothing marked read."""
    first, second = visitor.writes("One", "More"), visitor.writes("Two", name="Brian")
    program("notes", first, "Private")
    result = program("export")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [
        (one["kind"], one.get("id") if one["kind"] == "session" else one["text"]) for one in lines
    ] == [
        ("session", second),
        ("message", "Two"),
        ("session", first),
        ("message", "One"),
        ("message", "More"),
    ]
    assert "2 conversations with 3 messages exported" in result.stderr
    assert "Private" in program("export", "--notes").stdout
    assert program.inbox()[0]["unread_count"] == 1


def test_export_writes_a_file_of_the_kind_that_its_name_says(
    program: Program, visitor: Visitor, place: Path
) -> None:
    """For its owner's eyes; replaced as a whole, and only those that are asked for."""
    done, other = visitor.writes("One"), visitor.writes("Two")
    program("resolve", done)
    for name, expected in (("a.csv", "session_id,"), ("a.md", "# Amina"), ("a.HTML", "<!doctype")):
        result = program("export", done, "--output", name)
        text = (place / name).read_text("utf-8")
        assert text.startswith(expected)
        assert ("One" in text, "Two" in text, result.stdout) == (True, False, "")
        assert (place / name).stat().st_mode & 0o777 == 0o600
    program("export", "--status", "active", "--output", "a.md")
    text = (place / "a.md").read_text("utf-8")
    assert ("One" in text, "Two" in text) == (False, True)
    assert program("export", other, "--since", "1d", code=2).stdout == ""


def test_an_export_that_fails_leaves_the_file_as_it_was(
    program: Program, visitor: Visitor, place: Path
) -> None:
    """And nothing beside it."""
    visitor.writes("One")
    (place / "a.csv").write_text("before", "utf-8")
    program("export", "-Nowhere", "--output", "a.csv", code=3)
    assert (place / "a.csv").read_text("utf-8") == "before"
    assert [one.name for one in place.glob("*.csv*")] == ["a.csv"]
    nowhere = program("export", "--output", "nowhere/a.csv", code=2)
    assert "nowhere/a.csv cannot be written: No such file" in nowhere.stderr
    unknown = program("export", "--output", "a.doc", code=2)
    assert ".jsonl, .csv, .md, .html" in unknown.stderr


def test_an_export_of_nothing_is_still_a_document(program: Program) -> None:
    """A script reads no line, a browser a page."""
    assert program("export").stdout == ""
    assert program("export", "--format", "html").stdout.endswith("</html>\n")


def test_search_finds_words_wherever_they_are(program: Program, visitor: Visitor) -> None:
    """All of them, in any message or in who it is; newest first, and says how far it looked."""
    kampala = visitor.writes("Do you ship to KAMPALA?", "By Friday?")
    visitor.writes("Hello", name="Brian Otieno", email="brian@example.com")
    found = program.json("search", "kampala", "friday amina")
    assert [one["id"] for one in found["conversations"]] == [kampala]
    assert found["searched"] == 2
    assert [one["text"] for one in found["conversations"][0]["messages"]] == [
        "Do you ship to KAMPALA?",
        "By Friday?",
    ]
    table = program("search", "example.com", width=140, terminal=True)
    assert [line.split()[1] for line in table.stdout.splitlines()[2:]] == ["Brian", "Amina"]
    assert "2 found in 2 conversations" in table.stderr
    limited = program("search", "example", "--limit", "1")
    assert "1 found in 1 conversation; --limit finds more" in limited.stderr
    nothing = program("search", "xyzzy")
    assert (nothing.stdout, "0 found in 2" in nothing.stderr) == ("", True)
    assert program("search", "kampala", "--ids").stdout == f"{kampala}\n"
    row = program("search", "kampala").stdout.removesuffix("\n").split("\t")
    assert (row[0], row[3:]) == (kampala, ["1", "Do you ship to KAMPALA?"])
    assert "1 found in 2" in program("search", "kampala", "--since", "1h").stderr
    assert "what for?" in program("search", " ", code=2).stderr


def test_search_shows_what_was_found_safely_and_in_view(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """Not the beginning of a long message."""
    session = visitor.writes("x" * 500 + " \x1b[31mkampala")
    outside(emulator, f"/chatSessions/{session}/customerName", "[bold]A[/bold]")
    outside(emulator, f"/chatSessions/{session}/customerPhone", "+256 700")
    assert program("search", "+256", "wholesale", "--ids").stdout == f"{session}\n"
    shown = program("search", "Kampala", width=120, terminal=True).stdout
    assert "kampala" in shown
    assert "[bold]A" in shown
    assert "\x1b" not in shown
    assert program.inbox()[0]["unread_count"] == 1


async def _items(count: int) -> AsyncIterator[int]:
    for one in range(count):
        yield one


async def test_work_ahead_comes_in_order_and_never_too_much_at_a_time() -> None:
    """However long each takes."""
    now = most = 0

    async def work(one: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(20 - one):
            await asyncio.sleep(0)
        now -= 1
        return one * 2

    found = [pair async for pair in in_order(work, _items(20))]
    assert found == [(one, one * 2) for one in range(20)]
    assert most == 8


async def test_work_ahead_is_given_up_with_whoever_asked_for_it() -> None:
    """Whether they have enough, or something fails."""
    before = asyncio.all_tasks()

    async def work(one: int) -> int:
        if one:
            await asyncio.Event().wait()
        return one

    async with aclosing(in_order(work, _items(9))) as found:
        assert await anext(found) == (0, 0)
    assert asyncio.all_tasks() == before

    async def fail(_: int) -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        _ = [pair async for pair in in_order(fail, _items(9))]


class Screen(io.StringIO):
    """Standard error that is a terminal, or not."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def shows(self) -> str:
        """What is on it by now."""
        screen = pyte.Screen(80, 24)
        pyte.Stream(screen).feed(self.getvalue().replace("\n", "\r\n"))
        return "\n".join(screen.display).strip()


@pytest.mark.parametrize(
    ("is_terminal", "quiet", "drawn"),
    [(True, False, True), (False, False, False), (True, True, False)],
)
def test_a_bar_is_for_people(
    monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool, quiet: bool, drawn: bool
) -> None:
    """At a terminal, unless they want it quiet; nothing is left of it."""
    screen = Screen(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    with progress(Stderr(quiet=quiet), "exporting", 2) as step:
        step()
        step()
        assert screen.shows().startswith("exporting ") == drawn
    assert ("2/2" in screen.getvalue()) == drawn
    assert screen.shows() == ""
