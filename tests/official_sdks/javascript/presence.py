"""Clients of ``firebase/database`` that go and come back, in Node and in Chromium."""

from collections.abc import Callable

from tests.official_sdks.javascript.clients import both
from tests.official_sdks.javascript.listening import ranked
from tests.official_sdks.place import Place

__all__: list[str] = []


@both("goOffline", "goOnline", "onValue", "remove", "set", "update")
def writes_made_offline_are_shown_at_once_and_sent_later(place: Place) -> None:
    """In their order; what others wrote meanwhile is there as well."""
    seen = place.play("offline")
    assert seen["connected"] == [False, True, False, True]
    assert [row[:2] for row in seen["shown"]] == [
        ["child_added", "a"],
        ["child_added", "b"],
        ["child_added", "c"],
        ["child_changed", "a"],
        ["child_removed", "b"],
    ]
    assert seen["meanwhile"] == {"a": 1}
    assert [row[:2] for row in seen["later"]] == [["child_added", "d"]]
    assert seen["end"] == {"a": {"x": 4}, "c": 3, "d": 5}


@both("set", why="rules do not allow it")
def a_write_made_offline_may_be_refused_later(place: Place) -> None:
    """It is shown until then."""
    place.rules({".read": True})
    assert place.play("refusedLater") == {
        "what": "PERMISSION_DENIED",
        "shown": [["child_added", "a", 1, None]],
        "later": [["child_removed", "a", 1]],
    }


@both(
    "goOffline", "onDisconnect", "OnDisconnect.cancel", "OnDisconnect.remove", "OnDisconnect.set",
    "OnDisconnect.setWithPriority", "OnDisconnect.update",
)  # fmt: skip
def a_goodbye_is_done_when_its_client_goes(place: Place) -> None:
    """Set, update and removal in one; what was cancelled is not."""
    ((_, value),) = place.play("goodbye")
    assert value.pop("b").keys() == {"gone", "at"}
    assert value == {
        "a": "offline",
        "d": "kept",
        "e": ranked("away", 3),
    }


@both("onDisconnect", "OnDisconnect.set")
def a_goodbye_is_done_when_its_tab_is_closed(place: Place) -> None:
    """By its user."""
    _goodbye(place, place.program.close)


@both("onDisconnect", "OnDisconnect.set")
def a_goodbye_is_done_when_its_tab_crashes(place: Place) -> None:
    """Without a word to anybody."""
    _goodbye(place, place.program.crash)


def _goodbye(place: Place, end: Callable[[int], None]) -> None:
    tabs = place.program
    tabs.play("listen", path="presence")
    tabs.play("present", tab=1)
    assert tabs.play("heard", events=2)[-1] == ["value", {"me": "here"}]
    end(1)
    assert tabs.play("heard", events=2)[-1] == ["value", {"me": "gone"}]
