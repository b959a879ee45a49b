"""The desk's list as a value."""

from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.schema.events import MessageAdded, SessionAdded, SessionChanged, SessionRemoved
from imbari_chat.schema.models import ID_FIELD, Session
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.teamwork import Assignment, Snooze, TeamRecord, TeamSnapshot
from imbari_chat.view.listing import (
    Listing,
    asks_who_waits,
    counted,
    extended,
    following,
    heard,
    in_all,
    is_waiting,
    kept,
    known,
    listed,
    looked_at,
    moved,
    other_order,
    other_shown,
    place,
    reach,
    unheard_of,
    unread,
)
from tests.view.records import NOW, delivery, message, outgoing, session

AMINA = session("amina", at=3, unreadCount=2)
BRIAN = session("brian", at=2, status="resolved")
CHEN = session("chen", at=1)
DINA = session("dina", at=0, unreadCount=1)
FAY = session("fay", at=-1)
EVERYBODY = frozenset(SessionId(f"s{at}") for at in range(1600))
WINDOW = {one.id: one for one in (AMINA, BRIAN, CHEN, DINA)}


T = TypeVar("T", bound=TeamRecord)


def _kept(kind: type[T], name: str, **fields: object) -> T:
    """What the team keeps of a conversation."""
    return kind.model_validate({ID_FIELD: name, **fields})


def _names(listing: Listing) -> list[str]:
    return [one.customer_name for one in listed(listing, WINDOW)]


def test_each_filter_shows_its_own() -> None:
    """From the first to the last, and from the start again."""
    team = TeamSnapshot(
        at=NOW,
        assignments={
            "chen": _kept(Assignment, "chen", to="me"),
            "amina": _kept(Assignment, "amina", to="u2"),
            "brian": _kept(Assignment, "brian", to="me"),
        },
        snoozes={"fay": _kept(Snooze, "fay", until=NOW + 1)},
    )
    listing, shown = Listing(team=team, me="me"), {}
    for _ in range(8):
        rows = listed(listing, {**WINDOW, FAY.id: FAY})
        shown[listing.shown] = [one.customer_name for one in rows]
        listing = other_shown(listing)
    assert listing.shown == "active"
    assert shown == {
        "active": ["amina", "chen", "dina"],
        "unread": ["amina", "dina"],
        "waiting": ["amina", "dina"],
        "mine": ["chen"],
        "unassigned": ["dina"],
        "snoozed": ["fay"],
        "resolved": ["brian"],
        "all": ["amina", "brian", "chen", "dina", "fay"],
    }


def test_the_filters_go_both_ways() -> None:
    """From the first back to the last."""
    assert other_shown(Listing()).shown == "unread"
    assert other_shown(Listing(), -1).shown == "all"


def test_who_waits_longest_comes_first() -> None:
    """Those who do not wait come behind."""
    assert _names(other_order(Listing())) == ["dina", "amina", "chen"]
    assert other_order(other_order(Listing())) == Listing()


def test_what_is_resolved_does_not_wait() -> None:
    """Whoever wrote last."""
    asked = heard(Listing(), MessageAdded(BRIAN.id, message("m", "Thanks!")), WINDOW)
    assert asked.last_sender(BRIAN) == "customer"
    assert not is_waiting(asked, BRIAN)
    assert _names(Listing(shown="unassigned")) == ["amina", "chen", "dina"]


def test_what_is_read_does_not_tell_who_wrote_last() -> None:
    """It is looked up, if the list depends on it."""
    assert heard(Listing(), SessionAdded(CHEN), WINDOW).last_sender(CHEN) is None
    asks = [Listing(), Listing(shown="waiting"), Listing(order="longest waiting")]
    assert [asks_who_waits(one) for one in asks] == [False, True, True]


def test_what_was_looked_up_is_searched_too() -> None:
    """Unless more of it was heard."""
    asked = message("m", "A French press?", timestamp=NOW - 1)
    listing = heard(Listing(), MessageAdded(DINA.id, message("m", "Aeropress")), WINDOW)
    done = looked_at(listing, {CHEN.id: asked, DINA.id: asked})
    assert _names(replace(done, query="french")) == ["chen"]
    assert _names(replace(done, query="aeropress")) == ["dina"]


def test_waiting_begins_with_the_first_message_that_is_not_answered() -> None:
    """Those that follow do not make it shorter."""
    listing = Listing(order="longest waiting")
    for key, at in (("m1", 5), ("m2", 9)):
        said = MessageAdded(DINA.id, message(key, "Hello?", timestamp=NOW + at))
        listing = heard(listing, said, WINDOW)
    asked_twice = session("dina", at=9)
    assert listing.waiting_since(asked_twice) == NOW + 5
    rows = listed(listing, {AMINA.id: AMINA, DINA.id: asked_twice})
    assert [one.id for one in rows] == ["amina", "dina"]
    answer = message("r", "Yes", sender="admin", timestamp=NOW + 10)
    answered = heard(listing, MessageAdded(DINA.id, answer), WINDOW)
    again = message("m3", "And?", timestamp=NOW + 11)
    answered = heard(answered, MessageAdded(DINA.id, again), WINDOW)
    assert answered.waiting_since(session("dina", at=11)) == NOW + 11


def test_waiting_is_who_wrote_last() -> None:
    """Read and not answered is waiting still; answered is not, nor while the answer is queued."""
    asked = heard(Listing(shown="waiting"), MessageAdded(CHEN.id, message("m", "Hi")), WINDOW)
    assert _names(asked) == ["amina", "chen", "dina"]
    queued = heard(asked, MessageAdded(CHEN.id, outgoing("r", "Hello")), WINDOW)
    assert queued == asked
    answer = message("r", "Hello", sender="admin")
    assert "chen" not in _names(heard(asked, MessageAdded(CHEN.id, answer), WINDOW))


def test_who_wrote_last_is_looked_up_where_nothing_tells() -> None:
    """What was heard meanwhile is newer; the list says of how many it is not known yet."""
    listing = Listing(shown="waiting", older={FAY.id: FAY}, is_complete=True)
    assert [one.id for one in unheard_of(listing, WINDOW)] == ["chen", "fay"]
    assert reach(listing, listed(listing, WINDOW), WINDOW) == "2 to look at, 2 of 5"
    assert "look" not in reach(replace(listing, shown="active"), [], WINDOW)
    heard_of = heard(listing, MessageAdded(CHEN.id, message("r", "Yes", sender="admin")), WINDOW)
    asked = message("m", "Hello?", timestamp=NOW - 1)
    done = looked_at(heard_of, {FAY.id: asked, CHEN.id: asked, SessionId("eve"): None})
    assert not unheard_of(done, {**WINDOW, SessionId("eve"): session("eve")})
    assert (done.last_sender(CHEN), done.last_sender(FAY)) == ("admin", "customer")
    rows = listed(done, WINDOW)
    assert [one.id for one in rows] == ["amina", "dina", "fay"]
    assert reach(done, rows, WINDOW) == "3 of 5"
    again = heard(done, MessageAdded(FAY.id, message("m2", "?", timestamp=NOW + 9)), WINDOW)
    assert again.waiting_since(session("fay", at=9)) == NOW - 1


def test_an_answer_is_an_answer_though_what_it_answers_is_unread() -> None:
    """Of one's own, the session is told after its delivery."""
    listing = heard(Listing(shown="waiting"), SessionAdded(AMINA), WINDOW)
    listing = heard(listing, delivery("amina", outgoing("r", "Hello"), "confirmed"), WINDOW)
    answered = session("amina", at=9, unreadCount=2, lastMessage="Hello")
    for event in (SessionChanged(answered, AMINA), SessionAdded(answered)):
        listing = heard(listing, event, WINDOW)
        assert listing.last_sender(answered) == "admin"


def test_who_was_read_waits_still() -> None:
    """Reading is not answering."""
    listing = heard(Listing(shown="waiting"), SessionAdded(AMINA), WINDOW)
    read = {AMINA.id: session("amina", at=3)}
    assert listed(listing, read) == [read[AMINA.id]]
    sent = delivery("amina", outgoing("r", "Hello"), "confirmed")
    assert listed(heard(listing, sent, read), read) == []


def test_what_is_from_a_moment_on_begins_with_that_moment() -> None:
    """What was written then is shown, and nothing from before."""
    assert _names(Listing(earliest=CHEN.last_message_time)) == ["amina", "chen"]


@pytest.mark.parametrize("at", [-1, 0, 1])
def test_a_conversation_is_listed_whenever_its_record_says_it_was(at: int) -> None:
    """Unless a moment was asked for: a record may say nothing, or what no clock ever showed."""
    odd = session("odd", lastMessageTime=at)
    assert listed(Listing(), {odd.id: odd}) == [odd]
    assert listed(Listing(earliest=2), {odd.id: odd}) == []


def test_search_looks_through_names_addresses_and_texts() -> None:
    """And says how far it looked."""
    listing = heard(Listing(), MessageAdded(CHEN.id, message("m", "A French Press")), WINDOW)
    assert _names(replace(listing, query="french p")) == ["chen"]
    found = replace(listing, query="AMINA@EX")
    assert _names(found) == ["amina"]
    rows = listed(found, WINDOW)
    assert reach(found, rows, WINDOW) == "1 found in the newest 4; End looks further; texts of 1"
    searching = replace(found, ids=EVERYBODY, is_loading=True)
    assert reach(searching, rows, WINDOW) == "1 found in 4 of 1,600; looking further…; texts of 1"
    assert in_all(replace(Listing(), query="brian"), WINDOW) == 1  # though he is not listed
    done = replace(found, is_complete=True)
    assert reach(done, rows, WINDOW) == "1 found in all 4, texts of 1 of them"


def test_the_last_fifty_texts_of_a_conversation_are_searched() -> None:
    """One more, and the first is forgotten."""
    listing = Listing()
    for at in range(51):
        assert _names(replace(listing, query="<0>")) == ([CHEN.customer_name] if at else [])
        said = message(f"m{at}", f"<{at}>", timestamp=NOW + at)
        listing = heard(listing, MessageAdded(CHEN.id, said), WINDOW)
    assert _names(replace(listing, query="<0>")) == []
    assert _names(replace(listing, query="<1>")) == [CHEN.customer_name]


def test_an_untouched_selection_stays_on_top() -> None:
    """One that was moved stays on its conversation."""
    rows = listed(Listing(), WINDOW)
    assert moved(Listing(), rows, 0).selected == AMINA.id
    down = moved(Listing(), rows, 1)
    assert down.selected == CHEN.id
    late = {**WINDOW, SessionId("eve"): session("eve", at=9)}
    assert moved(down, listed(down, late), 1).selected == DINA.id
    assert moved(down, rows, 99).selected == DINA.id
    assert moved(down, rows, -99).selected == AMINA.id
    assert kept(replace(down, selected=DINA.id), rows, rows[:2]).selected == CHEN.id
    assert place(replace(down, selected=FAY.id), rows) == 0
    assert moved(Listing(), [], 1).selected is None


LISTS = st.lists(st.sampled_from("abcde"), unique=True).map(lambda ids: [*map(session, ids)])


@given(LISTS, LISTS, st.sampled_from("abcde"))
def test_the_selection_stays_on_its_conversation_or_at_its_place(
    before: list[Session], rows: list[Session], selected: str
) -> None:
    """A list that moves under the cursor must not make one answer the wrong customer."""
    listing = kept(Listing(selected=SessionId(selected)), before, rows)
    ids, was = [one.id for one in rows], [one.id for one in before]
    if selected in ids or selected not in was:
        assert listing.selected == selected
    else:
        assert listing.selected == (
            ids[min(was.index(SessionId(selected)), len(ids) - 1)] if ids else None
        )
    assert kept(Listing(), before, rows) == Listing()


def test_what_is_unread_is_counted_over_all_that_is_loaded() -> None:
    """Also behind the window, where an older record says less than the window's."""
    before = session("amina", unreadCount=9)
    listing = Listing(older={FAY.id: session("fay", unreadCount=1_000), AMINA.id: before})
    assert unread(listing, WINDOW) == "1,003+"
    assert unread(replace(listing, is_complete=True), WINDOW) == "1,003"
    assert unread(Listing(), {CHEN.id: CHEN}) == ""


def test_what_is_behind_the_window_is_as_it_was_read_last() -> None:
    """What is not behind it is told by the stream."""
    listing = Listing(older={FAY.id: FAY})
    done = session("fay", status="resolved")
    assert known(listing, done).older == {FAY.id: done}
    assert known(listing, AMINA) == listing


def test_the_next_unread_is_found_around_the_end() -> None:
    """From the last one back to the top."""
    rows = listed(Listing(), WINDOW)
    assert following(Listing(), rows, "unread") == DINA
    assert following(Listing(selected=DINA.id), rows, "waiting") == AMINA
    assert following(Listing(), [CHEN], "unread") is None
    assert following(Listing(selected=DINA.id), [CHEN, DINA], "unread") == DINA
    three = [AMINA, CHEN, DINA, session("eve", unreadCount=1)]
    assert following(Listing(selected=CHEN.id), three, "unread") == DINA
    answered = heard(Listing(), MessageAdded(DINA.id, message("r", "Hi", sender="admin")), WINDOW)
    assert following(answered, three, "waiting") == three[-1]
    assert following(answered, three, "unread") == DINA


def test_what_leaves_the_window_stays_in_the_list() -> None:
    """Newer ones pushed it out; what was deleted goes."""
    pushed = heard(Listing(), SessionRemoved(CHEN, deleted=False), WINDOW)
    assert listed(pushed, {}) == [CHEN]
    assert listed(heard(pushed, SessionRemoved(CHEN, deleted=True), {}), {}) == []


def test_how_far_the_list_goes_is_said() -> None:
    """No total is claimed that is not known."""
    rows = listed(Listing(), WINDOW)
    assert reach(Listing(), rows, WINDOW) == "3 of 4 loaded; End: more"
    assert reach(Listing(is_loading=True), rows, WINDOW) == "3 of 4 loaded; loading more…"
    assert reach(Listing(ids=EVERYBODY), rows, WINDOW) == "3 of 1,600, 4 loaded; End: more"
    assert reach(Listing(ids=EVERYBODY, is_complete=True), rows, WINDOW) == "3 of 4"


def test_a_list_that_has_all_is_complete() -> None:
    """Whichever comes last: the page, a full one perhaps, or the count."""
    window = {AMINA.id: AMINA}
    half = extended(Listing(), [BRIAN], window, is_last=False)
    assert not half.is_complete
    assert counted(half, frozenset(window) | {BRIAN.id}, window).is_complete
    assert not counted(half, frozenset(window) | {CHEN.id, BRIAN.id}, window).is_complete
    known = counted(Listing(), frozenset(window) | {BRIAN.id}, window)
    assert extended(known, [BRIAN], window, is_last=False).is_complete
    last = extended(Listing(), [BRIAN], window, is_last=True)
    assert last.is_complete
    assert extended(last, [CHEN], window, is_last=False).is_complete


def test_the_total_goes_on_with_what_is_heard() -> None:
    """One that moves up is none more; one that is pushed out of the window is none less."""
    kept_ones = Listing(older={AMINA.id: AMINA, BRIAN.id: BRIAN})
    listing = counted(kept_ones, EVERYBODY | {BRIAN.id}, WINDOW)
    assert list(listing.older) == [BRIAN.id]
    new = session("new")
    for event, more in (
        (SessionAdded(new), 1), (SessionAdded(new), 1), (SessionAdded(BRIAN), 1),
        (SessionRemoved(BRIAN, deleted=False), 1), (SessionRemoved(BRIAN, deleted=True), 0),
        (SessionRemoved(new, deleted=True), -1),
    ):  # fmt: skip
        listing = heard(listing, event, WINDOW)
        assert listing.ids is not None
        assert len(listing.ids) - 1601 == more
