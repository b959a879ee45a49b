"""A subscription that goes on over another transport: what it says of itself meanwhile."""

from typing import Any

import pytest

from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.net.auto_subscription import AutoSubscription, JointBuffer
from imbari_chat.wire.paths import ROOT


class Inner:
    """The subscription of one transport."""

    def __init__(self, name: str) -> None:
        self.name = self.state = self.reason = name
        self.since, self.retry_in = 5.0, 7.0
        self.last_heard: float | None = 9.0
        self.has_begun = True
        self.done: list[Any] = []

    def tell(self, item: object) -> None:
        self.done.append(item)

    def share(self, *_: object) -> None:
        self.done.append("share")

    def begin(self) -> None:
        self.done.append("begin")

    def close(self) -> str:
        return f"close {self.name}"

    def retire(self) -> str:
        return f"retire {self.name}"

    def subscribe(self, *_: object) -> "Inner":
        return self


def _subscription(inner: Inner) -> tuple[Any, JointBuffer]:
    buffer = JointBuffer(10, "coalesce", "/", lambda: False)
    source: Any = inner
    return AutoSubscription(source, ROOT, None, buffer), buffer


@pytest.mark.parametrize("is_over", [False, True])
def test_its_state_is_what_was_told_until_it_is_over(is_over: bool) -> None:
    """Then it is that of what ended last."""
    inner = Inner("first")
    inner.state = "closed" if is_over else "connecting"
    it, buffer = _subscription(inner)
    buffer.latest, buffer.since = StateChanged("live", "told", 0.0), 3.0
    told = (it.state, it.since, it.reason)
    assert told == (("closed", 5.0, "first") if is_over else ("live", 3.0, "told"))
    assert (it.retry_in, it.last_heard) == (7.0, 9.0)
    buffer.value = Changed({"a": 1}, None)
    it.again(frozenset({"a"}))
    again = [] if is_over else [Changed({"a": 1}, frozenset({"a"}))]
    assert inner.done == again


@pytest.mark.parametrize(("is_over", "begun"), [(False, True), (False, False), (True, True)])
def test_it_moves_with_what_was_heard(is_over: bool, begun: bool) -> None:
    """One that is over moves nowhere; one that nobody has begun is not begun by moving."""
    first, second = Inner("first"), Inner("second")
    first.has_begun, second.last_heard = begun, None
    first.state = "closed" if is_over else "live"
    it, buffer = _subscription(first)
    buffer.latest = StateChanged("live")
    buffer.held = StateChanged("reconnecting", "held", 1.0)
    other: Any = second
    left: Any = it.move(other)
    if is_over:
        assert (left, second.done) == ("close first", [])
        return
    assert left == "retire first"
    assert [one.state for one in first.done] == ["reconnecting"]
    assert buffer.is_continued is begun
    it.decided()  # what was held back is no news any more
    assert second.done == ["begin"] * begun
    assert it.last_heard == 9.0


@pytest.mark.parametrize("state", ["connecting", "live", "stale", "reconnecting"])
def test_only_who_was_connected_is_told_of_a_move(state: Any) -> None:
    """To anybody else it is no news."""
    first, second = Inner("first"), Inner("second")
    it, buffer = _subscription(first)
    buffer.latest = StateChanged(state)
    it.share(None, None)
    other: Any = second
    it.move(other)
    told = [StateChanged("reconnecting", "another transport is used from now on", 0.0)]
    assert first.done == ["share", *told * (state in {"live", "stale"})]
    assert second.done == ["share", "begin"]


@pytest.mark.parametrize("is_over", [False, True])
@pytest.mark.parametrize("held", [None, StateChanged("reconnecting", "held", 1.0)])
def test_what_was_held_back_is_said_when_nothing_else_helps(
    held: StateChanged | None, is_over: bool
) -> None:
    """To whoever still listens."""
    inner = Inner("first")
    inner.state = "closed" if is_over else "connecting"
    it, buffer = _subscription(inner)
    buffer.held = held
    it.again(frozenset())  # of which there is nothing yet
    it.decided()
    assert inner.done == ([] if is_over or held is None else [held])


@pytest.mark.parametrize(
    ("happens", "said", "held"),
    [
        ("connecting live reconnecting live", "connecting live reconnecting live", None),
        ("connecting reconnecting connecting", "connecting reconnecting connecting", None),
        ("live soon reconnecting", "live", "reconnecting"),
        ("soon connecting live stale", "connecting live stale", None),
        ("live soon reconnecting live", "live live", None),
        ("live soon reconnecting connecting", "live connecting", None),
        ("live moved connecting live", "live live", None),
        ("live moved connecting reconnecting connecting", "live reconnecting", None),
        ("live moved connecting live connecting", "live live connecting", None),
    ],
)
def test_what_is_no_news_is_not_said(happens: str, said: str, held: str | None) -> None:
    """An outage that a decision may end, and the beginning of what takes over."""
    is_close = False
    buffer = JointBuffer(10, "coalesce", "/", lambda: is_close)
    for word in happens.split():
        if word == "soon":
            is_close = True
        elif word == "moved":
            buffer.is_continued = True
        else:
            state: Any = word
            buffer.put(StateChanged(state))
    told: list[Any] = []
    while buffer:
        told.append(buffer.take())
    assert [one.state for one in told] == said.split()
    assert buffer.latest == told[-1]
    assert (buffer.held and buffer.held.state) == held


def test_the_latest_value_is_kept_whoever_said_it() -> None:
    """For one that takes over, and it is said as well."""
    buffer = JointBuffer(10, "coalesce", "/", lambda: True)
    values = [Changed(1, None), Changed(2, None)]
    for value in values:
        buffer.put(value)
    assert buffer.value == values[-1]
    assert [buffer.take(), buffer.take()] == values
