"""Instants in words, told the time and the zone."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.view.dates import clock_time, day, full, since

NAIROBI = timezone(timedelta(hours=3))
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def ms(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    """An instant in UTC, in milliseconds since the epoch."""
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp() * 1000)


NOW = ms(2024, 3, 12, 14, 5)


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (0, "now"),
        (MINUTE - 1, "now"),
        (MINUTE, "1m"),
        (HOUR - 1, "59m"),
        (HOUR, "1h"),
        (DAY - 1, "23h"),
        (DAY, "1d"),
        (7 * DAY - 1, "6d"),
        (7 * DAY, "5 Mar"),
        (365 * DAY, "2023"),
        (-5 * MINUTE, "now"),
    ],
)
def test_how_long_ago_fits_a_narrow_column(ago: int, words: str) -> None:
    """The unit grows with the distance; a clock that runs ahead is not an error."""
    assert since(NOW - ago, NOW, UTC) == words


def test_days_are_the_readers_days() -> None:
    """An evening in London is already the next day in Nairobi."""
    evening = ms(2024, 3, 11, 22, 30)
    assert day(evening, NOW, UTC) == "yesterday"
    assert day(evening, NOW, NAIROBI) == "today"
    assert clock_time(evening, NAIROBI) == "01:30"
    assert full(evening, NAIROBI) == "2024-03-12 01:30"


def test_a_clock_that_is_nowhere_knows_no_today() -> None:
    """The day is told, and nothing of how long ago."""
    assert day(ms(2024, 3, 12), 10**18, UTC) == "Tuesday 12 March 2024"
    assert since(ms(2024, 3, 12), 10**18, UTC) == "2024"


def test_older_days_have_names() -> None:
    """With the year only when it is another."""
    assert day(ms(2024, 3, 5), NOW, UTC) == "Tuesday 5 March"
    assert day(ms(2024, 3, 10), NOW, UTC) == "Sunday 10 March"
    assert day(ms(2023, 12, 31), NOW, UTC) == "Sunday 31 December 2023"
    assert day(ms(2024, 3, 13), NOW, UTC) == "Wednesday 13 March"  # by a clock that runs ahead


@pytest.mark.parametrize("then", [0, -1, 10**15, 2**63, 253_402_300_799_000])
def test_an_instant_no_calendar_holds_is_left_out(then: int) -> None:
    """Junk times draw nothing and raise nothing."""
    assert clock_time(then, NAIROBI) == ""
    assert full(then, NAIROBI) == ""
    assert since(then, NOW, NAIROBI) == ""
    assert day(then, NOW, NAIROBI) == ""


@given(st.integers(-(10**18), 10**18), st.integers(0, 10**14))
def test_no_instant_takes_more_than_its_column(then: int, now: int) -> None:
    """At most six characters, whatever is stored."""
    assert len(since(then, now, UTC)) <= 6


def test_months_and_weekdays_have_their_names() -> None:
    """In English, on every machine; three letters of a month where there is little room."""
    months = [day(ms(2023, month, 1), NOW, UTC).split()[2] for month in range(1, 13)]
    assert months == [
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ]  # fmt: skip
    late = ms(2024, 12, 31)
    short = [since(ms(2024, month, 1), late, UTC).split()[1] for month in range(1, 13)]
    assert short == [month[:3] for month in months]
    days = [day(ms(2023, 1, date), NOW, UTC).split()[0] for date in range(2, 9)]
    assert days == [
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
    ]  # fmt: skip
