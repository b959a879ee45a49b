"""S10 and S11: what an import and a command cost over a bare interpreter."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.measuring import process_times
from bench.row import Row, Target

__all__ = ["commands", "imports"]

_ROUNDS: Final = 7
_ALL_AT_THE_TOP: Final = "import typer, rich, pydantic, firebase_admin.db, pyrebase"


def imports() -> Iterator[Row]:
    """S10: ``import imbari_chat``, and its models, against ``firebase_admin.db``."""
    costs = _over_bare(
        {
            "package": _python("import imbari_chat"),
            "models": _python("from imbari_chat import Message, Session; Message, Session"),
            "peer": _python("import firebase_admin.db"),
        }
    )
    against = "import firebase_admin.db"
    for what, cost, limit in (
        ("import imbari_chat", costs["package"], 0.3),
        ("the same, with its models", costs["models"], 0.6),
    ):
        yield Row("S10", what, "ms", cost, costs["peer"], against, Target("<=", limit))


def commands() -> Iterator[Row]:
    """S11: commands that need no network, against importing everything at the top."""
    program = str(Path(sys.executable).with_name("imbari-chat"))
    costs = _over_bare(
        {
            "--version": [program, "--version"],
            "--help": [program, "--help"],
            "peer": _python(_ALL_AT_THE_TOP),
        }
    )
    for option, limit in (("--version", 0.25), ("--help", 0.5)):
        yield Row(
            "S11",
            f"imbari-chat {option}",
            "ms",
            costs[option],
            costs["peer"],
            "five libraries imported",
            Target("<=", limit),
        )


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def _over_bare(commands: dict[str, list[str]]) -> dict[str, float]:
    """Milliseconds of each command beyond those of an interpreter that does nothing."""
    times = process_times({**commands, "bare": _python("pass")}, _ROUNDS)
    return {name: time - times["bare"] for name, time in times.items() if name != "bare"}
