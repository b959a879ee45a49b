"""Every case the reference numbers is in some table."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NUMBERS = re.compile(r"(\d+)[a-z]?(?:-(\d+))?(?=[: ]|$)")


def _numbered(value: Any) -> Iterator[int]:
    """Every ``number``, and those that a ``case`` or ``name`` begins with, ranges written out."""
    if isinstance(value, list):
        for item in value:
            yield from _numbered(item)
    if isinstance(value, dict):
        for text in (value.get(label) for label in ("number", "case", "name")):
            found = NUMBERS.match(str(text))
            if found:
                yield from range(int(found[1]), int(found[2] or found[1]) + 1)
        yield from _numbered(list(value.values()))


def test_all_144_cases_are_in_the_tables() -> None:
    """1 to 144: data, server values, queries, streams, identity, rules, refused uploads."""
    tables = Path(__file__).parent.rglob("*.json")
    known = {number for table in tables for number in _numbered(json.loads(table.read_text()))}
    assert set(range(1, 145)) - known == set()
