"""docs/fidelity.md names every point that no source settles, and where it is decided."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "fidelity.md").read_text()
PACKAGE = ROOT / "src" / "imbari_chat"
PLACES = {
    "wire": PACKAGE / "wire",
    "emulator": PACKAGE / "emulator" / "database",
    "rules": PACKAGE / "rules",
}
ROW = re.compile(r"\| `(wire|emulator|rules)/(?:database/)?(\w+\.py)` `(\w+)` \|$", re.MULTILINE)
ASSIGNED = re.compile(r"(\w+)\s*(?::[^=]*)?=")


def _unsure(source: str) -> Iterator[str]:
    """The innermost function or class around each ``[unsure]``, or what is assigned below it."""
    lines = source.splitlines()
    scopes = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]
    for number, line in enumerate(lines, 1):
        if "[unsure]" not in line:
            continue
        around = [scope for scope in scopes if scope.lineno <= number <= (scope.end_lineno or 0)]
        if around:
            yield max(around, key=lambda scope: scope.lineno).name
        else:
            yield next(found[1] for text in lines[number:] if (found := ASSIGNED.match(text)))


def _decided(area: str) -> set[tuple[str, str, str]]:
    return {
        (area, file.name, name)
        for file in PLACES[area].glob("*.py")
        for name in _unsure(file.read_text())
    }


def test_every_open_point_is_in_the_table_and_behind_one_function() -> None:
    """Both ways: what the page names is there, and what the database leaves open is on the page."""
    told = [found.groups() for found in ROW.finditer(PAGE)]
    assert len(told) == len(set(told))
    assert set(told) - {point for area in PLACES for point in _decided(area)} == set()
    assert (_decided("wire") | _decided("emulator")) - {*told} == set()


def test_the_page_counts_its_cases() -> None:
    """A number in a document is a promise."""
    more = json.loads((ROOT / "tests" / "specs" / "emulator" / "more.json").read_text())
    assert f"| {len(more)} more cases, over HTTP |" in PAGE
