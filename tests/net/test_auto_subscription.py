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
