"""Conversations as text: JSON Lines for programs, CSV for spreadsheets, Markdown and HTML to read.

JSON keeps the true text. Everything else is for eyes and passes ``safe_text``; besides, nothing
that a stranger typed is a formula to a spreadsheet, markup to Markdown or an element to a browser.
"""

import csv
import html
import io
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from imbari_chat.cli.stdout import record
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.teamwork import Note
from imbari_chat.view.dates import full
from imbari_chat.view.labels import author, customer_label
from imbari_chat.view.sanitize import safe_text
from imbari_chat.wire.json import Json

__all__ = ["FORMATS", "Exported", "Format", "Kind"]


@dataclass(frozen=True, slots=True)
class Exported:
    """A conversation to export.

    Attributes:
        session: Whose.
        messages: All of them, oldest first.
        notes: The team's, oldest first; none unless they were asked for.
    """

    session: Session
    messages: Sequence[Message]
    notes: Sequence[Note] = ()


class Kind(StrEnum):
    """What to write; also how the file's name ends."""

    JSONL = "jsonl"
    CSV = "csv"
    MD = "md"
    HTML = "html"


class Format(ABC):
    """A way to write conversations down, piece by piece."""

    def head(self) -> str:
        """What comes first."""
        return ""

    @abstractmethod
    def conversation(self, one: Exported) -> str:
        """One conversation."""

    def foot(self) -> str:
        """What comes last."""
        return ""


class _JsonLines(Format):
    """One object a line: a session, then its notes, then its messages. ASCII alone, so that no
    terminal, pipe or encoding changes it."""

    def conversation(self, one: Exported) -> str:
        lines: list[Mapping[str, Json]] = [{"kind": "session", **record(one.session)}]
        for kind, records in (("note", one.notes), ("message", one.messages)):
            about: Mapping[str, Json] = {"kind": kind, "session_id": one.session.id}
            lines += [{**about, **record(each)} for each in records]
        return "".join(_json(line) + "\n" for line in lines)


def _json(data: Mapping[str, Json]) -> str:
    return json.dumps(data, separators=(",", ":"))


_COLUMNS: Final = (
    "session_id",
    "customer_name",
    "customer_email",
    "status",
    "kind",
    "id",
    "time",
    "timestamp",
    "author",
    "text",
)
_FORMULA: Final = ("=", "+", "-", "@")
_PUSH_ID: Final = re.compile(r"[-_0-9A-Za-z]+", re.ASCII)


class _Csv(Format):
    """One row a message, with its conversation's columns; as RFC 4180 has it."""

    def head(self) -> str:
        return _row(_COLUMNS)

    def conversation(self, one: Exported) -> str:
        about = one.session
        shared = (about.id, about.customer_name, about.customer_email, about.status)
        rows: list[Sequence[str | int]] = [
            (*shared, "note", note.id, full(note.at, None), note.at, note.author, note.text)
            for note in one.notes
        ]
        rows += [
            (
                *shared,
                each.sender,
                each.id,
                full(each.timestamp, None),
                each.timestamp,
                author(each, about),
                each.text,
            )
            for each in one.messages
        ]
        return "".join(_row(row) for row in rows)


def _row(cells: Sequence[str | int]) -> str:
    file = io.StringIO()
    csv.writer(file).writerow([_cell(cell) for cell in cells])
    return file.getvalue()


def _cell(cell: str | int) -> str | int:
    """A cell that no spreadsheet takes for a formula that does something.

    An apostrophe in front is what spreadsheets have for "this is text". Push ids begin with a dash
    and stay as they are, to be looked up by: a name is all that they could be.
    """
    if isinstance(cell, int) or _PUSH_ID.fullmatch(cell):
        return cell
    text = safe_text(cell, multiline=True)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


_MARKUP: Final = re.compile(r"([\\`*_\[\]<>#&|~!])")
_LINE_MARKUP: Final = re.compile(r"^(\s*)([-+=]|\d+[.)])", re.MULTILINE)
_INDENT: Final = re.compile(r"^ +", re.MULTILINE)


class _Markdown(Format):
    """A heading a conversation; messages are quotations."""

    def conversation(self, one: Exported) -> str:
        return "\n".join((*self._lines(one), "", ""))

    def _lines(self, one: Exported) -> Iterator[str]:
        yield f"# {_md_line(customer_label(one.session))}"
        yield ""
        for name, value in _facts(one.session):
            yield f"- {name}: {_md_line(value)}"
        for note in one.notes:
            yield from _md_said(f"Note by {note.author}", note.at, note.text)
        for each in one.messages:
            yield from _md_said(author(each, one.session), each.timestamp, each.text)


def _md_said(who: str, at: int, text: str) -> Iterator[str]:
    yield ""
    yield f"**{_md_line(who)}** {full(at, None)}"
    yield ""
    lines = [*_md(safe_text(text, multiline=True)).split("\n"), ""]
    for line, following in pairwise(lines):
        yield f"> {line}\\" if line and following else f"> {line}".rstrip()


def _md_line(text: str) -> str:
    return _md(safe_text(text))


def _md(text: str) -> str:
    escaped = _LINE_MARKUP.sub(_escaped_start, _MARKUP.sub(r"\\\1", text))
    return _INDENT.sub(lambda found: "&nbsp;" * len(found[0]), escaped)


def _escaped_start(found: re.Match[str]) -> str:
    start = found[2]
    return f"{found[1]}{start[:-1]}\\{start[-1]}"


_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Conversations</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 45rem; margin: 2rem auto; padding: 0 1rem; }
article { margin-bottom: 3rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; }
dd { margin: 0; }
section { border-left: 4px solid #767676; padding-left: 1rem; margin: 1rem 0; }
section.admin { border-color: #0b57d0; }
section.note { border-color: #8a5a00; background: #fff8e6; }
h3, p { margin: 0; overflow-wrap: anywhere; }
p { white-space: pre-wrap; }
time { font-weight: normal; color: #595959; }
</style>
</head>
<body>
<main>
"""


class _Html(Format):
    """One page that needs nothing else, and on which no script runs."""

    def head(self) -> str:
        return _PAGE

    def conversation(self, one: Exported) -> str:
        facts = "".join(
            f"<dt>{name}</dt><dd>{_text(value)}</dd>\n" for name, value in _facts(one.session)
        )
        said = [_said("note", f"Note by {note.author}", note.at, note.text) for note in one.notes]
        said += [
            _said(each.sender, author(each, one.session), each.timestamp, each.text)
            for each in one.messages
        ]
        heading = _text(customer_label(one.session))
        return f"<article>\n<h2>{heading}</h2>\n<dl>\n{facts}</dl>\n{''.join(said)}</article>\n"

    def foot(self) -> str:
        return "</main>\n</body>\n</html>\n"


def _said(kind: str, who: str, at: int, text: str) -> str:
    head = f"<h3>{_text(who)} <time>{full(at, None)}</time></h3>"
    body = html.escape(safe_text(text, multiline=True))
    return f'<section class="{kind}">\n{head}\n<p>{body}</p>\n</section>\n'


def _text(text: str) -> str:
    return html.escape(safe_text(text))


def _facts(session: Session) -> Iterator[tuple[str, str]]:
    yield "Id", session.id
    named = (
        ("E-mail", session.customer_email),
        ("Phone", session.customer_phone),
        ("Topic", session.topic),
        ("Status", session.status),
        ("Since", full(session.created_at or 0, None)),
    )
    yield from ((name, value) for name, value in named if value)


FORMATS: Final[Mapping[Kind, type[Format]]] = {
    Kind.JSONL: _JsonLines,
    Kind.CSV: _Csv,
    Kind.MD: _Markdown,
    Kind.HTML: _Html,
}
