"""Keyboard, screen reader and phone."""

import pytest

from tests.web.browser import Page
from tests.web.conftest import Place, start, stored, write

pytestmark = pytest.mark.peer

PHONE = {"viewport": {"width": 375, "height": 667}, "isMobile": True, "hasTouch": True}
FOCUSED = """() => {
  let at = document.activeElement;
  while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return at.getAttribute("aria-label") || at.name || at.textContent;
}"""


def fits(page: Page) -> bool:
    """Whether nothing sticks out to the side."""
    return bool(page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_in_the_widget(place: Place, options: dict[str, object]) -> None:
    """Closed, with the form, with an error, in conversation, and with a badge."""
    customer = place.customer(place.new_context(**options))
    customer.role("button", "Open chat").shows()
    assert customer.violations() == []
    customer.role("button", "Open chat").click()
    customer.label("Name").shows()
    assert customer.violations() == []
    customer.label("Name").fill(" ")
    customer.label("E-mail").fill("amina@example.com")
    customer.role("button", "Start chat").click()
    customer.text("Please tell us your name.").shows()
    assert customer.violations() == []
    customer.label("Name").fill("Amina")
    customer.role("button", "Start chat").click()
    write(customer, "Hello")
    customer.css(".own time").shows()
    with place.desk() as desk:
        (session,) = desk.sessions()
        desk.reply(session.id, "Good morning")
        customer.css(".other").shows()
        assert customer.violations() == []
        customer.role("button", "Minimise chat").click()
        desk.reply(session.id, "Anything else?")
    customer.css(".badge").shows()
    assert customer.violations() == []


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_at_the_dashboard(place: Place, options: dict[str, object]) -> None:
    """At the door, with the list, in a conversation, and when something was refused."""
    context = place.new_context(**options)
    gate = context.page(f"{place.url}/admin/chat")
    gate.label("E-mail").shows()
    assert gate.violations() == []
    customer = place.customer()
    start(customer)
    write(customer, "Hello")
    gate.label("E-mail").fill(place.stage.email)
    gate.label("Password").fill(place.stage.password)
    gate.role("button", "Sign in").click()
    gate.css(".badge").shows()
    assert gate.violations() == []
    gate.css(".session").click()
    gate.css(".message.other").text("Hello").shows()
    gate.role("button", "Mark as resolved").click()
    gate.role("button", "Reopen").shows()
    assert gate.violations() == []
    place.stage.emulator.load_rules('{"rules": {".read": true, ".write": false}}')
    write(gate, "Hi")
    gate.text("Not sent. The server refused it.").shows()
    assert gate.violations() == []


def test_the_widget_by_keyboard_alone(place: Place) -> None:
    """From the page to a sent message and back, and the focus is always somewhere sensible."""
    page = place.customer()
    page.role("button", "Open chat").shows()
    page.css("body").press("Tab")
    assert page.evaluate(FOCUSED) == "Open chat"
    page.keys("Enter")
    assert page.evaluate(FOCUSED) == "topic"
    page.keys("ArrowRight", "Tab")
    assert page.evaluate(FOCUSED) == "name"
    page.type("Amina")
    page.keys("Tab")
    page.type("amina@example.com")
    page.keys("Enter")
    page.label("Write a message").shows()
    page.css("textarea:focus").shows()
    page.type("One line")
    page.keys("Shift+Enter")
    page.type("and another")
    page.keys("Enter")
    page.css(".own time").shows()
    assert page.css(".own .text").texts() == ["One line\nand another"]
    assert page.evaluate(FOCUSED) == "Write a message"
    page.keys("Escape")
    assert page.evaluate(FOCUSED) == "Open chat"
    (session,) = stored(place, "chatSessions").values()
    assert session["topic"] == "Wholesale"


def test_the_dashboard_by_keyboard_alone(place: Place) -> None:
    """Sign in, choose, answer, resolve."""
    customer = place.customer()
    start(customer)
    write(customer, "Hello")
    page = place.new_context().page(f"{place.url}/admin/chat")
    page.css("input:focus").shows()
    page.type(place.stage.email)
    page.keys("Tab")
    page.type(place.stage.password)
    page.keys("Enter")
    page.css(".badge").shows()
    page.css("body").press("Tab")
    assert page.evaluate(FOCUSED) == "Sign out"
    page.keys("Tab", "Enter")
    page.css("textarea:focus").shows()
    page.type("Good morning")
    page.keys("Enter")
    customer.css(".other").text("Good morning").shows()
    page.keys("Shift+Tab", "Shift+Tab")
    assert page.evaluate(FOCUSED) == "Mark as resolved"
    page.keys("Enter")
    page.role("button", "Reopen").shows()


def test_what_is_new_is_announced(place: Place) -> None:
    """Messages stand in a log, each with who said it; the state of the line in a status."""
    customer = place.customer()
    start(customer)
    write(customer, "Hello")
    with place.desk() as desk:
        desk.reply(desk.sessions()[0].id, "Good morning")
    log = customer.role("log", "Messages")
    log.text("Good morning").shows()
    said = log.role("listitem").texts()  # one's own may stand last until the server has stamped it
    assert any(one.startswith("Imbari TeamGood morning") for one in said)
    place.line.cut()
    customer.role("status").text("No connection. What you write is sent when it is back.").shows()


def test_the_newest_message_is_in_view(place: Place) -> None:
    """However long the conversation, and without dragging along who reads further up."""
    customer, admin = place.customer(), place.admin()
    start(customer)
    admin.css(".session").click()
    for number in range(12):
        write(admin, f"A line that is long enough to need some room, number {number}")
    customer.css(".other >> nth=11").shows()
    position = """() => {
      const { scrollHeight, scrollTop, clientHeight } =
        document.querySelector("#imbari-chat").shadowRoot.querySelector(".log");
      return Math.round(scrollHeight - scrollTop - clientHeight);
    }"""
    assert customer.evaluate(position) <= 1
    customer.evaluate(
        '() => { document.querySelector("#imbari-chat").shadowRoot.querySelector(".log")'
        ".scrollTop = 0; }"
    )
    write(admin, "the last")
    customer.css(".other").text("the last").shows()
    assert customer.evaluate(position) > 80


def test_the_widget_on_a_phone(place: Place) -> None:
    """It fills the screen, its fields do not make the phone zoom in, and the page does not move."""
    customer = place.customer(place.new_context(**PHONE))
    assert fits(customer)
    start(customer)
    write(customer, "W" * 500)
    customer.css(".own time").shows()
    box = customer.css("section").box()
    assert box == {"x": 0, "y": 0, "width": 375, "height": 667}
    assert fits(customer)
    size = """() => parseFloat(getComputedStyle(
      document.querySelector("#imbari-chat").shadowRoot.querySelector("textarea")).fontSize)"""
    assert customer.evaluate(size) >= 16
    customer.role("button", "Minimise chat").click()
    customer.role("button", "Open chat").shows()


def test_the_dashboard_on_a_phone(place: Place) -> None:
    """One thing at a time: the list, a conversation, and back."""
    customer = place.customer()
    start(customer)
    write(customer, "Hello")
    admin = place.new_context(**PHONE).page(f"{place.url}/admin/chat")
    admin.label("E-mail").fill(place.stage.email)
    admin.label("Password").fill(place.stage.password)
    admin.role("button", "Sign in").click()
    admin.css(".session").click()
    admin.css(".message.other").text("Hello").shows()
    admin.css(".session").vanishes()
    assert fits(admin)
    admin.role("button", "Back").click()
    admin.css(".session").shows()
    assert fits(admin)
