"""How a person names a moment."""

from collections.abc import Iterator

import pytest

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.since import later, moment
from imbari_chat.errors import InvalidData
from tests.zones import time_zone

NOW = 1_710_252_300_000  # 2024-03-12T14:05:00Z


@pytest.fixture(autouse=True)
def nairobi() -> Iterator[None]:
    """Three hours east of Greenwich all year."""
    with time_zone("EAT-3"):
        yield


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0m", NOW),
        ("45m", NOW - 45 * 60_000),
        (" 2h ", NOW - 2 * 3_600_000),
        ("3d", NOW - 3 * 86_400_000),
        ("1w", NOW - 7 * 86_400_000),
        ("2024-03-12T14:05Z", NOW),
        ("2024-03-12T17:05", NOW),
        ("2024-03-12 17:05", NOW),
        ("2024-03-12T15:05+01:00", NOW),
        ("2024-03-12", NOW - (17 * 60 + 5) * 60_000),
        ("1969-12-31T23:59:59.5Z", -500),
        ("+30m", NOW + 30 * 60_000),
    ],
)
def test_moments(text: str, expected: int) -> None:
    """Lengths count back from now, or on with a plus; what names no zone is meant on the spot."""
    assert moment(text, NOW, option="--since") == expected


@pytest.mark.parametrize(
    "text", ["", "3", "2H", "2 h", "-2h", "1w2d", "now", "24-3-12", "٣d", "x" * 99]
)
def test_anything_else_is_a_usage_error(text: str) -> None:
    """With examples, and without quoting a whole novel."""
    with pytest.raises(UsageError, match="neither a date") as caught:
        moment(text, NOW, option="--since")
    assert "2h" in str(caught.value.hint)
    assert "x" * 41 not in caught.value.what


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("45m", NOW + 45 * 60_000),
        ("+2h", NOW + 2 * 3_600_000),
        ("1w", NOW + 7 * 86_400_000),
        ("2024-03-12T14:05:00.001Z", NOW + 1),
        ("2024-03-13", NOW + (6 * 60 + 55) * 60_000),
        (" tomorrow ", NOW + (15 * 60 + 55) * 60_000),
    ],
)
def test_moments_that_come(text: str, expected: int) -> None:
    """Lengths count on from now; tomorrow is at nine, on the spot."""
    assert later(text, NOW, option="UNTIL") == expected


@pytest.mark.parametrize("text", ["2024-03-12T14:05Z", "2024-03-11"])
def test_what_has_passed_does_not_come(text: str) -> None:
    """To the millisecond."""
    with pytest.raises(InvalidData, match="has passed already"):
        later(text, NOW, option="UNTIL")


@pytest.mark.parametrize("text", ["soon", "", "3", "-2h", "yesterday", "++2h"])
def test_what_is_no_moment_does_not_come_either(text: str) -> None:
    """It is told what can be said instead."""
    with pytest.raises(UsageError, match="UNTIL") as caught:
        later(text, NOW, option="UNTIL")
    assert "tomorrow" in str(caught.value.hint)
