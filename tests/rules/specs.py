"""Reading the tables of cases in ``tests/specs/rules``."""

import json
from pathlib import Path as File
from typing import Any

__all__ = ["load"]

_SPECS = File(__file__).parent.parent / "specs" / "rules"


def load(name: str) -> Any:  # a table's shape is its own affair
    """The table ``name``."""
    return json.loads((_SPECS / f"{name}.json").read_text(encoding="utf-8"))
