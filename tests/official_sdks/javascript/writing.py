"""What ``firebase/database`` writes, in Node and in Chromium."""

from typing import Any, Final

from tests.official_sdks.javascript.clients import both
from tests.official_sdks.javascript.listening import ranked
from tests.official_sdks.place import Place

__all__: list[str] = []

LITERALS: Final[list[tuple[str, Any]]] = [
    ("a b%/é😀/x?y", 1),
    ("text", 'line\nfeed, "quotes", \u2028 and 😀'),
    ("list", {"0": "a", "2": "c"}),
    ("numbers", {"half": 0.5, "large": 2**53, "small": -1e-9}),
    ("flags", {"no": False, "yes": True}),
]


@both("set", "onValue")
def keys_and_values_arrive_as_they_were_sent(place: Place) -> None:
    """With whatever is in them; and REST reads what the socket has written."""
    for path, value in LITERALS:
        assert place.play("literal", path=path, value=value) == value
    assert place.http().get("/flags.json").json() == {"no": False, "yes": True}


@both("set", "onValue", "limitToLast")
def large_values_cross_in_segments(place: Place) -> None:
    """Both ways, with a tag and without."""
    assert place.play("large", length=30_000) == [30_000, 29_999]


@both("push", "get")
def what_is_pushed_is_in_the_order_of_its_names(place: Place) -> None:
    """A name alone writes nothing."""
    pushed = place.play("pushed")
    assert pushed["names"] == sorted(pushed["names"])
    assert pushed["list"] == dict(zip(pushed["names"][1:], (1, 2), strict=True))


@both("increment", "serverTimestamp", "set")
def server_values_come_to_what_the_server_says(place: Place) -> None:
    """A guess first, as the SDK has it, and the truth with the acknowledgement."""
    seen = place.play("ordered")
    assert [value for value in seen["values"] if value is not None][:2] == [4, 9]
    assert seen["time"] > 1_500_000_000_000


@both(
    "setPriority", "setWithPriority", "runTransaction", "DataSnapshot.exportVal",
    "DataSnapshot.priority",
)  # fmt: skip
def priorities_are_stored_ordered_and_hashed(place: Place) -> None:
    """A transaction on what has one commits, and keeps it."""
    seen = place.play("priorities")
    assert seen["before"] == {
        "a": ranked("x", 7),
        "b": {"k": 1, ".priority": "last"},
        "c": 3,
    }
    assert seen["own"] == [7, None]
    assert seen["order"] == ["a", "c", "b"]
    assert seen["after"] == ranked("x!", 7)


@both("runTransaction", "TransactionResult.toJSON")
def a_transaction_sees_nothing_first_and_then_what_is_there(place: Place) -> None:
    """One that gives up changes nothing, and one that is not allowed says so."""
    place.rules({".read": True, "t": {".write": True}, "locked": {".write": False}})
    seen = place.play("transaction", start={"n": 1})
    assert seen["given"] == [None, {"n": 1}]
    assert seen["done"] == {"committed": True, "snapshot": {"seen": {"n": 1}}}
    assert seen["stopped"] is False
    assert seen["refused"] == "permission_denied"


@both("runTransaction")
def transactions_lose_nothing_under_contention(place: Place) -> None:
    """Five clients, eight each: forty, and some of them had to try again."""
    counted = place.play("contention", clients=5, rounds=8)
    assert counted["value"] == 40
    assert counted["calls"] > 40


@both("runTransaction")
def transactions_of_two_tabs_lose_nothing(place: Place) -> None:
    """At once: none of them is done before the other has begun."""
    counted = place.program.together("count", tabs=2, rounds=25)
    assert place.http().get("/counter.json").json() == sum(counted)
