"""Where the pages say that something stands, it does."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
ROOMS = (ROOT, ROOT / "src" / "imbari_chat", ROOT / "examples" / "web")

# `engine/stream.py` `StreamPolicy`, `_tick`: a file, and perhaps names in it.
_PLACE = re.compile(r"`((?:[\w-]+/)+[\w-]+\.\w+)`((?:,? `[A-Za-z_][\w.]*`)*)")
_FILE = re.compile(r".*\.(?:py|mjs|js|json|md|html|css)", re.ASCII)


def places(page: Path) -> Iterator[tuple[str, list[str]]]:
    """What a page names: files, each with names that it should hold."""
    for path, names in _PLACE.findall(page.read_text("utf-8")):
        if _FILE.fullmatch(path):
            yield path, re.findall(r"`([\w.]+)`", names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_and_the_names_in_them_are_there(page: Path) -> None:
    """So that whoever looks it up finds it."""
    wrong = []
    for path, names in places(page):
        file = next((room / path for room in ROOMS if (room / path).exists()), None)
        if file is None:
            wrong.append(path)
            continue
        text = file.read_text("utf-8")
        for name in names:
            is_beside = _FILE.fullmatch(name) and any(
                (room / name).exists() for room in (file.parent, *ROOMS)
            )
            if not is_beside and name.split(".")[-1] not in text:
                wrong.append(f"{path} {name}")
    assert wrong == []


def test_each_decision_has_a_number_of_its_own() -> None:
    """By which others speak of it."""
    numbers = [file.name[:5] for file in (ROOT / "docs" / "decisions").glob("*.md")]
    assert all(re.fullmatch(r"[0-9]{4}-", number) for number in numbers)
    assert len(set(numbers)) == len(numbers)
