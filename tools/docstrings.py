"""Docstrings as Markdown: paragraphs, sections and examples."""

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Final

__all__ = ["entries", "markdown"]

_SECTION: Final = re.compile(r"(?P<name>Args|Attributes|Raises|Returns|Yields):[ ]*(?P<rest>.*)")
_ENTRY: Final = re.compile(r"(?P<name>\*{0,2}[A-Za-z_][\w.]*): (?P<text>.*)")
_ROLE: Final = re.compile(r":(?:class|meth|func|attr|mod|data):`~?([\w.]+)`")
_EXAMPLE: Final = "    "


def markdown(docstring: str, *, leave_out: Sequence[str] = ()) -> list[str]:
    """The lines of a docstring as Markdown.

    Args:
        docstring: As it stands in the code.
        leave_out: Names of sections that are shown in another way.
    """
    lines: list[str] = []
    for name, body in _sections(inspect.cleandoc(docstring)):
        if name in leave_out:
            continue
        if name is None:
            lines += _paragraphs(body)
        elif name in ("Returns", "Yields"):
            lines += [f"{name}: {' '.join(line.strip() for line in body if line.strip())}", ""]
        else:
            lines += [f"{name}:", "", *_entries(body), ""]
    while lines and not lines[-1]:
        lines.pop()
    return [_plain(line) for line in lines]


def entries(docstring: str, section: str) -> dict[str, str]:
    """What a section such as ``Attributes`` says of each name."""
    for name, body in _sections(inspect.cleandoc(docstring)):
        if name == section:
            return {entry: _plain(text) for entry, text in _named(body)}
    return {}


def _sections(text: str) -> Iterator[tuple[str | None, list[str]]]:
    name: str | None = None
    body: list[str] = []
    for line in text.splitlines():
        section = _SECTION.fullmatch(line)
        if section is None and (name is None or not line or line.startswith(" ")):
            body.append(line)
            continue
        yield name, body
        name = section["name"] if section else None
        body = [section["rest"]] if section else [line]
    yield name, body


def _paragraphs(body: Sequence[str]) -> list[str]:
    """Text as it is; what follows ``::`` keeps its indentation, which makes it an example."""
    lines: list[str] = []
    for line in body:
        if line.strip() == "::":
            continue
        lines.append(line[:-1] if line.endswith("::") else line)
    folded: list[str] = []
    for line in lines:  # one empty line is enough
        if line or (folded and folded[-1]):
            folded.append(line)
    if folded and folded[-1]:
        folded.append("")
    return folded


def _entries(body: Sequence[str]) -> list[str]:
    return [f"- `{name}`: {text}" for name, text in _named(body)]


def _named(body: Sequence[str]) -> Iterator[tuple[str, str]]:
    name, text = "", ""
    for line in filter(str.strip, body):
        entry = _ENTRY.fullmatch(line.strip())
        if entry is not None and len(line) - len(line.lstrip()) <= len(_EXAMPLE):
            if name:
                yield name, text
            name, text = entry["name"].lstrip("*"), entry["text"]
        else:
            text = f"{text} {line.strip()}".strip()
    if name:
        yield name, text


def _plain(line: str) -> str:
    if line.startswith(_EXAMPLE):
        return line
    line = _ROLE.sub(lambda match: f"`{match[1].rsplit('.', 1)[-1]}`", line)
    return line.replace("``", "`")
