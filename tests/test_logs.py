"""What a log record quotes neither begins a record of its own nor tells a terminal anything."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path as File

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import imbari_chat
from imbari_chat.errors import InvalidData
from imbari_chat.logs import Lines, get_logger
from imbari_chat.wire.paths import Path

_OUR_OWN = re.compile(r"\blogging\.getLogger\((__name__|f\"\{__name__)")


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


_LOGGER = get_logger(__name__)
_LOGGER.propagate = False
_KEPT = _Kept()


@pytest.fixture(autouse=True, scope="module")
def _kept() -> Iterator[None]:
    _LOGGER.addHandler(_KEPT)
    yield
    _LOGGER.removeHandler(_KEPT)


def _logged(message: str, *quoted: object) -> logging.LogRecord:
    _LOGGER.warning(message, *quoted)
    return _KEPT.records.pop()


@given(st.text())
@example("a\nb")
def test_whatever_is_quoted_is_one_printable_line(text: str) -> None:
    """As a text, in an object, in an error, or by its name."""
    for quoted in (text, Path((text,)), InvalidData("no", where=text, hint=text), {"one": text}):
        assert _logged("a %s b", quoted).getMessage().isprintable()
    assert _logged("a %(one)s b", {"one": text}).getMessage().isprintable()


@given(st.text())
def test_what_does_not_print_is_escaped_as_repr_does_it(text: str) -> None:
    """The rest stays as it is."""
    kept = text.replace("\\", "").replace("'", "").replace('"', "")
    assert _logged("%s", kept).getMessage() == repr(kept)[1:-1]


@given(st.text(), st.text())
def test_lines_that_are_meant_are_kept_and_none_of_them_begins_a_record(a: str, b: str) -> None:
    said = _logged("at %s:\n%s", "here", Lines(f"{a}\n{b}")).getMessage()
    first, *others = said.split("\n")
    assert first == "at here:"
    assert all(line.isprintable() for line in others)
    assert all(line.startswith("  ") for line in others[1:])
    assert len(others) == f"{a}\n{b}".count("\n") + 1


def test_numbers_stay_numbers_and_the_message_stays_as_it_was_written() -> None:
    record = _logged("%d of %.1f %s %r", 3, 4.0, True, None)
    assert record.getMessage() == "3 of 4.0 True None"
    assert record.msg == "%d of %.1f %s %r"
    assert _logged("50 %").getMessage() == "50 %"


def test_a_logger_escapes_once_however_often_it_is_asked_for() -> None:
    assert get_logger(__name__) is _LOGGER
    assert len(_LOGGER.filters) == 1


def test_every_logger_of_this_package_is_of_this_kind() -> None:
    home = File(imbari_chat.__file__).parent
    found = [file for file in home.rglob("*.py") if _OUR_OWN.search(file.read_text("utf-8"))]
    assert found == []
