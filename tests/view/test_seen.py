"""Read means seen, point by point."""

from dataclasses import replace

import pytest

from imbari_chat.schema.paths import MessageId
from imbari_chat.view.seen import MOMENT, Gaze, Seen, looked, to_mark, unmarked
from tests.view.records import message

TALK = [message(f"m{number:02}", "hello", timestamp=number + 1) for number in range(70)]
IDS = [one.id for one in TALK]
GAZE = Gaze(frozenset(IDS[:3]))


def _after(gaze: Gaze, moments: int = MOMENT, seen: Seen | None = None) -> Seen:
    return looked(looked(seen or Seen(), gaze, 1000), gaze, 1000 + moments)


def test_what_was_drawn_for_a_moment_is_seen() -> None:
    """And marking is asked for up to the last of it."""
    seen, last = to_mark(_after(GAZE), TALK, 70)
    assert last is TALK[2]
    assert to_mark(seen, TALK, 70) == (seen, None)


def test_a_flash_is_not_seen() -> None:
    """Also when it is looked at again later: the moment is one without a break."""
    seen = _after(GAZE, MOMENT - 1)
    assert not seen.ids
    seen = looked(seen, Gaze(frozenset()), 2000)
    assert not looked(seen, GAZE, 9000).ids


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(GAZE, terminal_focused=False),
        replace(GAZE, pane_focused=False),
        replace(GAZE, covered=True),
        replace(GAZE, peek=True),
        replace(GAZE, live=False),
    ],
    ids=["other window", "behind the list", "under help", "peek", "not up to date"],
)
def test_what_nobody_looks_at_is_not_seen(elsewhere: Gaze) -> None:
    """However long it stands there; and the time before does not count."""
    assert not _after(elsewhere, 10 * MOMENT).ids
    half = looked(Seen(), GAZE, 0)
    assert not looked(looked(half, elsewhere, MOMENT // 2), GAZE, MOMENT).ids


def test_what_never_fitted_on_the_screen_is_not_marked() -> None:
    """Of seventy the fifty at the end were drawn: marking any would mark the twenty before."""
    seen = _after(Gaze(frozenset(IDS[20:])))
    assert to_mark(seen, TALK, 70)[1] is None
    seen = _after(Gaze(frozenset(IDS[:20])), seen=seen)
    assert to_mark(seen, TALK, 70)[1] is TALK[69]


def test_what_is_not_loaded_cannot_have_been_seen() -> None:
    """The session counts more unread messages than are here."""
    seen = _after(GAZE)
    assert to_mark(seen, TALK, 71)[1] is None


def test_scrolled_away_is_not_seen() -> None:
    """What came below the edge stays unread."""
    assert to_mark(_after(GAZE), TALK, 70)[1] is TALK[2]


def test_nothing_is_asked_for_twice() -> None:
    """Though more was seen, with something unseen before it."""
    seen, _ = to_mark(_after(GAZE), TALK, 70)
    seen = _after(Gaze(frozenset(IDS[10:12])), seen=seen)
    assert to_mark(seen, TALK, 70) == (seen, None)


def test_what_could_not_be_marked_is_asked_for_again() -> None:
    """Once the network is back."""
    seen, _ = to_mark(_after(GAZE), TALK, 70)
    again = unmarked(seen, {MessageId("m01"), MessageId("m02")})
    assert to_mark(again, TALK, 70)[1] is TALK[2]
