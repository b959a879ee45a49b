"""Every promise of the pages that make some, and of the benchmark's, names tests that exist."""

import re
from pathlib import Path

import pytest

from bench.held import PROMISES

ROOT = Path(__file__).parents[2]
_TEST = r"`(tests/\S+\.py)::(\w+)`"
DELIVERY = (ROOT / "docs/delivery.md").read_text("utf-8")
DESK = (ROOT / "docs/desk.md").read_text("utf-8")
NAMED = [*re.findall(_TEST, DELIVERY), *re.findall(_TEST, DESK)]
PROMISES_MADE = [
    *DELIVERY.split("\n## What is not")[0].split("\n**")[1:],
    *DESK.split("\n## What it does not")[1].split("\n**")[1:],
]
HELD = [tuple(x.split("::")) for one in PROMISES.values() for x in (*one.websocket, *one.rest)]


def test_promises_name_tests() -> None:
    """The page is not just words."""
    assert len(NAMED) > 20


@pytest.mark.parametrize(("file", "name"), sorted({*NAMED, *HELD}))
def test_a_named_test_exists(file: str, name: str) -> None:
    """A test that is renamed or removed is missed here."""
    text = (ROOT / file).read_text("utf-8")
    assert re.search(rf"^((async )?def {name}\(|{name} = )", text, re.MULTILINE), name


@pytest.mark.parametrize("part", PROMISES_MADE)
def test_every_promise_names_a_test(part: str) -> None:
    """A promise begins a paragraph in bold."""
    assert re.search(_TEST, part), part.partition("\n")[0]
