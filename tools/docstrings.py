"""Docstrings as Markdown: paragraphs, sections and examples."""

import inspect
from collections.abc import Sequence

from imbari_chat.cli.docstrings import named, plain, sections

__all__ = ["markdown"]


def markdown(docstring: str, *, leave_out: Sequence[str] = ()) -> list[str]:
    """The lines of a docstring as Markdown.

    Args:
        docstring: As it stands in the code.
        leave_out: Names of sections that are shown in another way.
    """
    lines: list[str] = []
    for name, body in sections(inspect.cleandoc(docstring)):
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
    return [plain(line) for line in lines]


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
    return [f"- `{name}`: {text}" for name, text in named(body)]
