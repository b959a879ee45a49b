"""What the desk shows of its state, and when it is drawn anew."""

from imbari_chat.desk.store import Store
from imbari_chat.view.inbox import Notice
from imbari_chat.view.listing import Listing


def test_a_notice_is_there_for_a_moment_and_nothing_is_drawn_when_there_is_none() -> None:
    """The desk asks several times a second; each notice has a moment of its own."""
    now, drawn = 100.0, 0

    def draw() -> None:
        nonlocal drawn
        drawn += 1

    store = Store(Listing(), draw, lambda: now)
    store.forget_notice()
    assert drawn == 0
    for text in ("Copied", "Copied"):
        store.tell(text)
        before = drawn
        now += 8
        store.forget_notice()
        assert (store.state.notice, drawn) == (Notice(text), before)
        now += 0.1
        store.forget_notice()
        assert (store.state.notice, drawn) == (None, before + 1)
        store.forget_notice()
        assert drawn == before + 1
