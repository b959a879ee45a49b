"""What the documents contain that can be tried: fenced blocks, and the commands in them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

__all__ = ["NOT_RUN", "Block", "blocks", "commands", "documents", "inline_commands", "invocations"]

ROOT = Path(__file__).parents[2]

NOT_RUN = re.compile(r"<!--\s*not run\b:?\s*(?P<reason>.*?)\s*-->")
_FENCE = re.compile(r"(?P<indent> *)(?P<ticks>`{3,}) *(?P<language>[\w+-]*)")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)")
_OPERATOR = re.compile(r"[;&|()]+")
_REDIRECTION = re.compile(r"[<>]+")
_LANGUAGES = {"py": "python", "python3": "python", "bash": "sh", "shell": "sh"}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        place: Document and line.
        language: ``python``, ``console``, ``sh``, another, or nothing.
        text: What stands between the fences, without their indentation.
        not_run: Why it is not to be tried; None if it is.
    """

    place: str
    language: str
    text: str
    not_run: str | None = None

    @property
    def lines_of_code(self) -> int:
        return sum(bool(line.strip()) for line in self.text.splitlines())


def documents() -> list[Path]:
    """README.md and the pages of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(text: str, name: str) -> list[Block]:
    """The fenced blocks of a document. Only blank lines may part one from its comment."""
    found: list[Block] = []
    lines = iter(enumerate(text.splitlines(), start=1))
    not_run: str | None = None
    for number, line in lines:
        fence = _FENCE.fullmatch(line.rstrip())
        if fence is None:
            if line.strip():
                comment = NOT_RUN.fullmatch(line.strip())
                not_run = comment["reason"] if comment else None
            continue
        inside: list[str] = []
        for _, inner in lines:
            if inner.strip() == fence["ticks"]:
                break
            inside.append(inner.removeprefix(fence["indent"]))
        language = _LANGUAGES.get(fence["language"], fence["language"])
        found.append(Block(f"{name}:{number}", language, "\n".join(inside), not_run))
        not_run = None
    return found


def commands(block: Block) -> list[str]:
    """The command lines of a ``console`` or ``sh`` block, whole and without prompts."""
    joined = block.text.replace("\\\n", " ").splitlines()
    if block.language == "console":
        return [line.removeprefix("$ ") for line in joined if line.startswith("$ ")]
    return [line for line in joined if line.strip()]


def inline_commands(text: str) -> list[str]:
    """The code spans of running text that begin with the program's name."""
    prose = re.sub(r"^ *(```+).*?^ *\1 *$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [span for span in re.findall(r"`([^`\n]+)`", prose) if span.startswith("imbari-chat ")]


def invocations(line: str, program: str) -> list[list[str]]:
    """The arguments of each call of ``program`` in a command line, calls within calls included.

    A call stands at the beginning of a simple command, after assignments, or after ``--``.
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    simple: list[list[str]] = [[]]
    found: list[list[str]] = []
    for token in lexer:
        if _REDIRECTION.fullmatch(token):
            next(lexer, None)
            continue
        if _OPERATOR.fullmatch(token):
            simple.append([])
            continue
        simple[-1].append(token)
        for substituted in _SUBSTITUTION.findall(token):
            found += invocations(substituted, program)
    for words in simple:
        starts = True
        for index, word in enumerate(words):
            if starts and Path(word).name == program:
                found.append(words[index + 1 :])
            starts = word == "--" or (starts and _ASSIGNMENT.match(word) is not None)
    return found
