"""Whatever goes wrong: one clear line, the right exit code, never a traceback."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from imbari_chat.emulator import Emulator
from tests.cli.harness import Program, Visitor

_SPECS = Path(__file__).parents[1] / "specs" / "cli" / "bad_input.json"
_CASES: list[dict[str, Any]] = json.loads(_SPECS.read_text(encoding="utf-8"))["cases"]


@pytest.mark.drawn
@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["name"])
def test_bad_input(
    case: dict[str, Any],
    program: Program,
    visitor: Visitor,
    emulator: Emulator,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The code tells scripts, one line tells people, and data stays data."""
    session = visitor.writes("Hello")
    words = {
        "session": session,
        "beginning": session[:2],
        "port": emulator.database_host.split(":")[1],
        "auth": emulator.auth_host,
    }
    if case.get("another_session"):
        visitor.writes("Hello too")
    for name, text in case.get("files", {}).items():
        _write(place / name, _filled(text, words).encode())
    for name, text in case.get("files_base64", {}).items():
        _write(place / name, base64.b64decode(text))
    for name, value in case.get("environment", {}).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    if "before" in case:
        program(*case["before"], terminal=True)
    stdin = case.get("stdin", "") * case.get("stdin_times", 1)
    raw = base64.b64decode(case["stdin_base64"]) if "stdin_base64" in case else stdin.encode()

    arguments = [_filled(argument, words) for argument in case["arguments"]]
    result = program(*arguments, stdin=raw, code=case["code"])

    assert result.stdout == ""
    assert result.stderr.count("error: ") == 1
    assert "Traceback" not in result.stderr
    assert "mistake in imbari-chat" not in result.stderr
    assert not re.search("[Ii]nput should|[Vv]alue error|unable to parse", result.stderr)
    for expected in case["says"]:
        assert _filled(expected, words).lower() in result.stderr.lower()


def _filled(text: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
