"""What a start costs: each command loads its own imports and no others."""

import json
import subprocess
import sys

import pytest

_HEAVY = {"firebase_admin", "pyrebase", "textual", "prompt_toolkit", "httpx", "requests", "uvicorn"}

_REPORT = """
import json, sys
try:
    {code}
except SystemExit:
    pass
print(file=sys.stderr)
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def _modules_after(code: str) -> set[str]:
    command = [sys.executable, "-c", _REPORT.format(code=code)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(result.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["inbox", "--help"], ["emulator", "--help"]])
def test_help_loads_nothing_that_talks(arguments: list[str]) -> None:
    """Neither Firebase's libraries, nor the emulator, nor a screen."""
    loaded = _modules_after(f"from imbari_chat.cli.main import run; run({arguments})")
    assert not loaded & _HEAVY
    assert "imbari_chat.emulator" not in loaded
    assert "imbari_chat.client" not in loaded


def test_version_loads_next_to_nothing() -> None:
    """Not even what parses arguments."""
    loaded = _modules_after("from imbari_chat.cli.main import run; run(['--version'])")
    assert not loaded & {*_HEAVY, "typer", "rich", "pydantic", "asyncio"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    """``import imbari_chat`` is cheap for whoever only wants a model."""
    loaded = _modules_after("import imbari_chat")
    assert not loaded & {*_HEAVY, "typer", "rich", "imbari_chat.emulator"}


def test_a_one_shot_command_loads_one_sides_libraries() -> None:
    """Reading the inbox starts no emulator and draws no screen."""
    loaded = _modules_after("from imbari_chat.cli.main import run; run(['inbox'])")
    assert not loaded & {"textual", "prompt_toolkit", "uvicorn", "imbari_chat.emulator"}
