"""Errors of settings and files say what to do, wherever they arise."""

import ast
from importlib import resources
from pathlib import Path

import pytest

SOURCES = sorted(Path(str(resources.files("imbari_chat"))).rglob("*.py"))


def without_hint(source: str) -> list[int]:
    """The lines where a ConfigError is made without one."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "ConfigError"
        and not any(one.arg in ("hint", None) for one in node.keywords)
    ]


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in SOURCES}), ids=lambda at: at.name
)
def test_every_config_error_has_a_hint(folder: Path) -> None:
    """What is wrong, and where, does not help whoever does not know what would be right."""
    bare = [
        f"{path.name}:{line}"
        for path in folder.glob("*.py")
        for line in without_hint(path.read_text(encoding="utf-8"))
    ]
    assert not bare


def test_one_without_a_hint_is_noticed() -> None:
    assert without_hint("ConfigError('what', hint='do')\nConfigError('what', where='there')") == [2]
