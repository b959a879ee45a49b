"""What type checkers make of the package, and of programs that use it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, get_type_hints

import pytest

import imbari_chat
from imbari_chat import Settings, SettingsFlags

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
PYRIGHT: Final = ROOT / "node_modules" / "pyright" / "index.js"


@pytest.fixture(scope="module")
def pyright() -> list[str]:
    """The command; without Node or the package the test is skipped and says so."""
    node = shutil.which("node")
    if node is None or not PYRIGHT.exists():
        pytest.skip("pyright is not here: install Node 20 or newer, then run `make peers`")
    return [node, str(PYRIGHT), "--pythonpath", sys.executable, "--outputjson"]


def _said(command: list[str], *arguments: str) -> dict[str, Any]:
    answer = subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    said: dict[str, Any] = json.loads(answer.stdout)
    return said


def test_flags_are_the_settings() -> None:
    """A setting without its flag could not be given to from_env()."""
    assert set(get_type_hints(SettingsFlags)) == set(Settings.model_fields)


@pytest.mark.peer
def test_pyright_sees_mistakes_and_nothing_else(pyright: list[str]) -> None:
    """The same that mypy sees: an ignored line without a mistake is an error."""
    said = _said(pyright, "-p", str(HERE))
    assert [one["message"] for one in said["generalDiagnostics"]] == []
    assert said["summary"]["filesAnalyzed"] == 1


@pytest.mark.peer
def test_every_public_name_has_a_type_that_is_known(pyright: list[str]) -> None:
    """Nothing a program imports from the top is left for a type checker to guess."""
    said = _said(pyright, "--verifytypes", "imbari_chat", "--ignoreexternal")
    known = {
        one["name"]: one["isTypeKnown"] and not one["isTypeAmbiguous"]
        for one in said["typeCompleteness"]["symbols"]
        if one["isExported"]
    }
    names = [f"imbari_chat.{name}" for name in imbari_chat.__all__]
    assert set(names) <= set(known)
    assert [name for name in names if not known[name]] == []
