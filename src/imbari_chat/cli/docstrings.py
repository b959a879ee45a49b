"""Docstrings by their sections: what is said of each name, for help and for the documents."""

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Final

__all__ = ["entries", "named", "plain", "sections"]

_SECTION: Final = re.compile(r"(?P<name>Args|Attributes|Raises|Returns|Yields):[ ]*(?P<rest>.*)")
_ENTRY: Final = re.compile(r"(?P<name>\*{0,2}[A-Za-z_][\w.]*): (?P<text>.*)")
_ROLE: Final = re.compile(r":(?:class|meth|func|attr|mod|data):`~?([\w.]+)`")
_EXAMPLE: Final = "    "


def entries(docstring: str, section: str) -> dict[str, str]:
    """What a section such as ``Attributes`` says of each name."""
    for name, body in sections(inspect.cleandoc(docstring)):
        if name == section:
            return {entry: plain(text) for entry, text in named(body)}
    return {}


def sections(text: str) -> Iterator[tuple[str | None, list[str]]]:
    """The sections of a cleaned docstring, and what stands outside of them under no name."""
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


def named(body: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The entries of a section, each on one line."""
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


def plain(line: str) -> str:
    """A line without roles; an example as it is."""
    if line.startswith(_EXAMPLE):
        return line
    line = _ROLE.sub(lambda match: f"`{match[1].rpartition('.')[2]}`", line)
    return line.replace("``", "`")
