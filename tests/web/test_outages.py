"""What the pages do when the network or the page itself goes away: nothing is lost or doubled."""

import pytest

from tests.web.conftest import Place, said, start, stored, write

pytestmark = pytest.mark.peer

OUTAGE = "No connection. What you write is sent when it is back."


def test_offline_and_back(place: Place) -> None:
    """What was written meanwhile arrives once and in order, though the rules take one at a time."""
    context = place.new_context()
    customer = place.customer(context)
    start(customer)
    write(customer, "before")
    customer.css(".own time").shows()
    place.line.cut()
    context.offline(True)
    customer.text(OUTAGE).shows()
    for text in ("one", "two", "three"):
        write(customer, text)
    assert customer.text("Sending…").count() == 3
    with place.desk() as desk:
        (session,) = desk.sessions()
        desk.reply(session.id, "Are you there?")
    context.offline(False)
    place.line.mend()
    customer.css(".other").text("Are you there?").shows()
    customer.css(".own time >> nth=3").shows()
    customer.text(OUTAGE).vanishes()
    assert said(place) == ["before", "Are you there?", "one", "two", "three"]
    (session,) = stored(place, "chatSessions").values()
    assert session["unreadCount"] == 4
    assert place.stage.emulator.refusals() == []


def test_an_answer_that_is_lost_is_no_failure(place: Place) -> None:
    """The SDK sends it again, the rules refuse that, and the page looks before it speaks."""
    customer = place.customer()
    start(customer)
    place.line.lose_answers()
    write(customer, "Once")
    customer.text("Sending…").shows()
    with place.desk() as desk:
        (session,) = desk.sessions()
        with desk.open(session.id, peek=True) as conversation:
            while not conversation.history():
                pass
    place.line.cut()
    place.line.mend()
    customer.css(".own time").shows()
    assert said(place) == ["Once"]
    assert customer.text("Once").count() == 1
    assert customer.role("button", "Try again").count() == 0


def test_a_reply_survives_an_outage_as_well(place: Place) -> None:
    """At the dashboard, the same."""
    customer, admin = place.customer(), place.admin()
    start(customer)
    write(customer, "Hello?")
    admin.role("button", "Amina").click()
    admin.css(".other").text("Hello?").shows()
    place.line.cut()
    admin.text(OUTAGE).shows()
    for text in ("one", "two"):
        write(admin, text)
    place.line.mend()
    admin.css(".own time >> nth=1").shows()
    customer.css(".other >> nth=1").shows()
    assert said(place) == ["Hello?", "one", "two"]


def test_a_reload_in_mid_conversation(place: Place) -> None:
    """The same customer, the same conversation, and nothing to fill in again."""
    customer = place.customer()
    start(customer)
    write(customer, "before")
    customer.css(".own time").shows()
    customer.reload()
    customer.role("button", "Open chat").click()
    customer.css(".own").text("before").shows()
    write(customer, "after")
    customer.css(".own time >> nth=1").shows()
    assert said(place) == ["before", "after"]
    assert len(stored(place, "chatSessions")) == 1


def test_what_was_not_sent_survives_a_reload(place: Place) -> None:
    """Under its own id, so that it arrives once, whether or not it had arrived before."""
    customer = place.customer()
    start(customer)
    place.line.lose_answers()
    for text in ("one", "two"):
        write(customer, text)
    customer.css(".own >> nth=1").shows()
    place.line.cut()
    customer.reload()
    place.line.mend()
    customer.role("button", "Open chat").click()
    customer.css(".own time >> nth=1").shows()
    assert said(place) == ["one", "two"]
    (session,) = stored(place, "chatSessions").values()
    assert session["unreadCount"] == 2


def test_an_admin_stays_signed_in_over_a_reload(place: Place) -> None:
    """In the tab, not in the browser."""
    context = place.new_context()
    admin = place.admin(context)
    admin.reload()
    admin.role("button", "Sign out").shows()
    other = context.page(f"{place.url}/admin/chat")
    other.role("button", "Sign in").shows()


def test_two_tabs_are_one_customer(place: Place) -> None:
    """A conversation started in one is in the other, and both can write at once."""
    context = place.new_context()
    one, other = place.customer(context), place.customer(context)
    start(one)
    other.role("button", "Open chat").click()
    other.label("Write a message").shows()
    for number in range(3):
        write(one, f"one {number}")
        write(other, f"other {number}")
    for tab in (one, other):
        tab.css(".own >> nth=5").shows()
        tab.text("Sending…").first().vanishes()
    one.css(".own time >> nth=5").shows()
    other.css(".own time >> nth=5").shows()
    assert sorted(said(place)) == sorted(
        [f"{tab} {number}" for tab in ("one", "other") for number in range(3)]
    )
    (session,) = stored(place, "chatSessions").values()
    assert session["unreadCount"] == 6
    with place.desk() as desk:
        desk.reply(desk.sessions()[0].id, "To both")
    for tab in (one, other):
        tab.css(".other").text("To both").shows()


def test_a_badge_while_the_chat_is_closed(place: Place) -> None:
    """It counts answers, is read out, outlives a reload, and goes when the chat is opened."""
    customer = place.customer()
    start(customer)
    write(customer, "Hello?")
    customer.css(".own time").shows()
    customer.role("button", "Minimise chat").click()
    with place.desk() as desk:
        (session,) = desk.sessions()
        desk.reply(session.id, "Yes?")
        customer.role("button", "Open chat, 1 new message").shows()
        desk.reply(session.id, "Are you there?")
        customer.role("button", "Open chat, 2 new messages").shows()
    assert customer.css(".badge").content() == "2"
    customer.reload()
    customer.role("button", "Open chat, 2 new messages").click()
    customer.css(".other").text("Are you there?").shows()
    assert customer.css(".badge").texts() == ["0"]
    customer.role("button", "Minimise chat").click()
    customer.role("button", "Open chat", exact=True).shows()
    customer.reload()
    customer.role("button", "Open chat", exact=True).shows()
