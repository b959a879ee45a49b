"""S10, S11 and S21: what an import and a command cost, alone and with an answer from a database."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from bench import emulators
from bench.connection import once
from bench.libraries import session
from bench.measuring import in_turns, process_time, process_times
from bench.row import Row, Target

__all__ = ["commands", "imports", "one_shot"]

_ROUNDS: Final = 7
_ALL_AT_THE_TOP: Final = "import typer, rich, pydantic, firebase_admin.db, pyrebase"
_CONVERSATIONS: Final = [f"-Oabcdefghijklmnop{number:03}" for number in range(2 * (_ROUNDS + 1))]
_INDEXED: Final = {
    "rules": {
        ".read": True,
        ".write": True,
        "chatSessions": {".indexOn": "lastMessageTime"},
        "messages": {"$session": {".indexOn": "timestamp"}},
    }
}


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
    costs = _over_bare(
        {
            "--version": [_program(), "--version"],
            "--help": [_program(), "--help"],
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


def one_shot() -> Iterator[Row]:
    """S21: whole commands that read or write once, against importing everything at the top."""
    with emulators.ours() as emulator, tempfile.TemporaryDirectory() as folder:
        for conversation in _CONVERSATIONS:
            once(emulator.database, "PUT", f"/chatSessions/{conversation}.json", session())
        once(emulator.database, "PUT", "/.settings/rules.json", _INDEXED)
        nobody = {**os.environ, **emulator.environment, "IMBARI_CHAT_DATA_DIR": f"{folder}/nobody"}
        somebody = {
            **nobody,
            "IMBARI_CHAT_DATA_DIR": f"{folder}/somebody",
            "IMBARI_CHAT_TOKEN_STORE": "file",
        }
        for command in ("admins", "create"), ("auth", "login"):
            subprocess.run(
                [_program(), *command, "bench@example.com", "--quiet"],
                env={**somebody, "IMBARI_CHAT_PASSWORD": "secret1"},
                capture_output=True,
                check=True,
            )
        turns: dict[str, Callable[[], float]] = {
            "peer": lambda: process_time(_python(_ALL_AT_THE_TOP))
        }
        half = len(_CONVERSATIONS) // 2
        turns |= _whole_commands("owner", nobody, _CONVERSATIONS[:half])
        turns |= _whole_commands("signed in", somebody, _CONVERSATIONS[half:])
        times = in_turns(turns, _ROUNDS)
    peer = times.pop("peer")
    for what, time in times.items():
        yield Row("S21", what, "ms", time, peer, "five libraries imported", Target("<=", 0.7))


def _whole_commands(
    who: str, environment: dict[str, str], conversations: list[str]
) -> dict[str, Callable[[], float]]:
    """By what the table calls them; each call runs one."""
    fresh = iter(conversations)  # what is resolved already is not written again

    def run(*arguments: str) -> float:
        return process_time([_program(), *arguments, "--quiet"], environment)

    return {
        f"imbari-chat inbox, {who}": lambda: run("inbox"),
        f"imbari-chat show, {who}": lambda: run("show", conversations[0]),
        f"imbari-chat resolve, {who}": lambda: run("resolve", next(fresh)),
    }


def _program() -> str:
    return str(Path(sys.executable).with_name("imbari-chat"))


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def _over_bare(commands: dict[str, list[str]]) -> dict[str, float]:
    """Milliseconds of each command beyond those of an interpreter that does nothing."""
    times = process_times({**commands, "bare": _python("pass")}, _ROUNDS)
    return {name: time - times["bare"] for name, time in times.items() if name != "bare"}
