"""What strangers type stays text, and what the rules refuse is told."""

from typing import Any

import pytest

from tests.web.browser import Page
from tests.web.conftest import Place, start, store, stored, write

pytestmark = pytest.mark.peer

MARKUP = '<img src=x onerror="alert(1)"><script>alert(2)</script><b>&amp;{{7*7}}'
HOSTILE = {
    "markup": MARKUP,
    "a link": "javascript:alert(1)",
    "an end of attributes": '" onmouseover="alert(1)" \'',
    "directions": "\u202egnp.exe\u2066",
    "controls": "\x1b[31m\x07\x00x",
    "much": "W" * 2000,
}


def is_clean(page: Page) -> None:
    """No element that nobody here made, no dialog, and nothing that the page's policy stopped."""
    made = page.evaluate(
        """() => {
          const roots = [document, document.querySelector("#imbari-chat")?.shadowRoot];
          return roots.filter(Boolean).flatMap((root) =>
            [...root.querySelectorAll("img, b, iframe, a, script:not([type=module]), [onerror]")]
              .map((one) => one.outerHTML));
        }"""
    )
    assert made == []
    assert page.told() == []


def test_markup_typed_into_every_field_is_text(place: Place) -> None:
    """Name, phone and message at the dashboard; the answer in the widget."""
    customer, admin = place.customer(), place.admin()
    customer.role("button", "Open chat").click()
    customer.label("Name").fill(MARKUP)
    customer.label("E-mail").fill("amina@example.com")
    customer.label("Phone (optional)").fill("<script>alert(1)")
    customer.role("button", "Start chat").click()
    customer.text(f"Thank you, {MARKUP}. Write here, and the Imbari Team will answer.").shows()
    write(customer, MARKUP)
    admin.css(".session").click()
    admin.css(".message.other .text").text(MARKUP).shows()
    assert admin.css("h2").content() == MARKUP
    write(admin, MARKUP)
    customer.css(".message.other .text").text(MARKUP).shows()
    for page in (customer, admin):
        is_clean(page)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_whatever_is_stored_in_any_field_is_text(place: Place, text: str) -> None:
    """Also what no form would have let through."""
    customer = place.customer()
    start(customer)
    write(customer, "Hello")
    customer.css(".own time").shows()
    ((session_id, session),) = stored(place, "chatSessions").items()
    names = ("customerName", "customerEmail", "customerPhone", "topic", "lastMessage")
    store(place, f"chatSessions/{session_id}", session | dict.fromkeys(names, text))
    message = {
        "text": text,
        "from": "admin",
        "timestamp": {".sv": "timestamp"},
        "customerName": text,
    }
    store(place, f"messages/{session_id}/-Oabcdefghijklmnopqr", message)
    admin = place.admin()
    admin.css(".session").click()
    for page in (customer, admin):
        page.css(".message .text >> nth=-1").shows()
        page.css(f".message.{'other' if page is customer else 'own'} .text").first().shows()
        assert text.replace("\x00", "\ufffd") in page.css(".message .text").texts()[-1] or text in (
            page.css(".message .text").texts()
        )
        is_clean(page)
    assert admin.css(".session .name").content() == admin.css("h2").content()
    fits = "() => document.documentElement.scrollWidth <= innerWidth"
    assert customer.evaluate(fits)
    assert admin.evaluate(fits)


JUNK: dict[str, Any] = {
    "a text": "junk",
    "a number": 7,
    "a list": [1, 2],
    "nothing it knows": {"x": 1},
    "wrong types": {
        "customerName": 7, "customerEmail": [1], "lastMessage": {"a": 1}, "lastMessageTime": "soon",
        "unreadCount": "many", "status": 1, "text": 5, "from": 5, "timestamp": "late",
    },
    "times that are none": {
        "lastMessageTime": 1e300, "timestamp": -1e300, "from": "admin", "text": "x",
    },
}  # fmt: skip


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK.keys())
def test_junk_beside_a_conversation_disturbs_nothing(place: Place, junk: Any) -> None:
    """As a session, and as a message."""
    customer, admin = place.customer(), place.admin()
    start(customer)
    (session_id,) = stored(place, "chatSessions")
    store(place, "chatSessions/-Ojunkjunkjunkjunkjunk", junk)
    store(place, f"messages/{session_id}/-Ojunkjunkjunkjunkjunk", junk)
    write(customer, "Hello")
    admin.css(".session").text("Amina").click()
    admin.css(".message").text("Hello").shows()
    write(admin, "Good morning")
    customer.css(".other").text("Good morning").shows()
    assert customer.told() == []
    assert admin.told() == []


def test_a_refused_message_is_told_and_can_be_sent_again(place: Place) -> None:
    """It is not lost, and once the rules take it, it arrives."""
    customer = place.customer()
    start(customer)
    ((_, session),) = stored(place, "chatSessions").items()
    block = f"blocks/{session['customerUid']}"
    store(place, block, {"at": 1})
    write(customer, "Let me in")
    customer.text("Not sent. The server refused it.").shows()
    customer.role("button", "Try again").click()
    customer.text("Sending…").shows()
    customer.text("Not sent. The server refused it.").shows()
    store(place, block, None)
    customer.role("button", "Try again").click()
    customer.css(".own time").shows()
    assert customer.css(".own .text").texts() == ["Let me in"]


def test_a_refused_message_can_be_discarded(place: Place) -> None:
    """And what comes after it does not wait for it."""
    customer = place.customer()
    start(customer)
    ((_, session),) = stored(place, "chatSessions").items()
    block = f"blocks/{session['customerUid']}"
    store(place, block, {"at": 1})
    write(customer, "one")
    customer.text("Not sent. The server refused it.").shows()
    store(place, block, None)
    write(customer, "two")
    customer.css(".own time").shows()
    customer.role("button", "Discard").click()
    customer.text("one").vanishes()
    assert [one["text"] for one in next(iter(stored(place, "messages").values())).values()] == [
        "two"
    ]


def test_a_refused_start_is_told(place: Place) -> None:
    """The form stays filled in."""
    customer = place.customer()
    place.stage.emulator.load_rules('{"rules": {".read": true, ".write": false}}')
    customer.role("button", "Open chat").click()
    customer.label("Name").fill("Amina")
    customer.label("E-mail").fill("amina@example.com")
    customer.role("button", "Start chat").click()
    customer.text("The conversation could not be started. The server refused it.").shows()
    assert customer.label("Name").value() == "Amina"
    customer.role("button", "Start chat").shows()


def test_refusals_at_the_dashboard_are_told(place: Place) -> None:
    """Replying, resolving and marking read."""
    customer, admin = place.customer(), place.admin()
    start(customer)
    write(customer, "Hello")
    admin.css(".session .badge").shows()
    place.stage.emulator.load_rules('{"rules": {".read": true, ".write": false}}')
    admin.css(".session").click()
    admin.text("What you have read could not be marked as read.").shows()
    write(admin, "Hi")
    admin.text("Not sent. The server refused it.").shows()
    admin.role("button", "Mark as resolved").click()
    admin.text("The server refused it.").shows()
    admin.css(".session .badge").shows()


def test_access_that_is_lost_is_told(place: Place) -> None:
    """At once, and without an empty list that looks like no customers."""
    customer, admin = place.customer(), place.admin()
    start(customer)
    admin.css(".session").shows()
    place.stage.emulator.load_rules('{"rules": {".read": false, ".write": false}}')
    admin.text("The chats cannot be read. The server refused it.").shows()


def test_a_visitor_who_does_not_chat_costs_nothing(place: Place) -> None:
    """No account, no connection to the database."""
    customer = place.customer()
    customer.role("button", "Open chat").click()
    customer.role("button", "Minimise chat").click()
    entries = "() => performance.getEntriesByType('resource').map((one) => one.name)"
    loaded = customer.evaluate(entries)
    assert any("firebase-database.js" in name for name in loaded)
    assert not any(place.stage.emulator.auth_host in name for name in loaded)
