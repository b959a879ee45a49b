"""Node, and what `make peers` installs for it."""

import shutil
from pathlib import Path
from typing import Final

import pytest

__all__ = ["PACKAGES", "node_or_skip"]

PACKAGES: Final = Path(__file__).parents[1] / "node_modules"


def node_or_skip(*packages: str) -> str:
    """The path of Node; skips the test when it, the SDK or one of ``packages`` is not here."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not here: install Node 20 or newer, then run `make peers`")
    for package in ("firebase", *packages):
        if not (PACKAGES / package / "package.json").exists():
            pytest.skip(f"{package} for Node is not here: run `make peers`")
    return node
