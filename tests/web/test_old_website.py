"""The website as it was beside ours, under the compat rules: it knows nothing of us, nor has to."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from imbari_chat import MessageAdded
from imbari_chat.cli.demo.stage import stage
from tests.cli.harness import Program
from tests.web.browser import PATIENCE, Browser, Page
from tests.web.conftest import (
    Place,
    becomes,
    place_at,
    start,
    stored,
    use_from_the_environment,
    write,
)

pytestmark = pytest.mark.peer

HERE = Path(__file__).parent
RULES = HERE.parents[1] / "examples" / "rules" / "compat.rules.json"


@pytest.fixture
def place(browser: Browser) -> Iterator[Place]:
    """An empty chat under the compat rules, and the old page beside the new ones."""
    with stage() as here, place_at(here, browser, HERE / "old_website") as made:
        here.emulator.load_rules(RULES.read_text("utf-8"))
        yield made


def old_page(place: Place, *, slow: bool = False) -> Page:
    """A tab of the old website."""
    page = place.new_context().page(f"{place.url}/old{'?slow' if slow else ''}")
    page.role("button", "Start").shows()
    return page


def says(page: Page, text: str, button: str = "Send") -> None:
    """Write with the old page's only field."""
    page.label("Text").fill(text)
    page.role("button", button, exact=True).click()


def counts(place: Place) -> tuple[int, int]:
    """Of the only conversation: what it counts as unread, and what is."""
    (session,) = stored(place, "chatSessions").values()
    (messages,) = stored(place, "messages").values()
    unread = [one for one in messages.values() if one["from"] == "customer" and not one.get("read")]
    return session["unreadCount"], len(unread)


def doctor(place: Place, patch: pytest.MonkeyPatch) -> dict[str, str]:
    """What ``imbari-chat doctor --fix-unread`` found about the counts."""
    use_from_the_environment(place, patch)
    checks = json.loads(Program().run("doctor", "--fix-unread", "--json").stdout)["checks"]
    (check,) = [one for one in checks if one["name"] == "unread counts"]
    return dict(check)


def test_an_old_customer_and_our_admins(place: Place) -> None:
    """In Python and at the dashboard: read, answered, resolved, taken up again by writing."""
    old, admin = old_page(place), place.admin()
    old.role("button", "Start").click()
    old.text("Olivia: 0 unread, active").shows()
    says(old, "Do you ship to Kampala?")
    admin.text("1 unread").shows()
    with place.desk() as desk:
        (session,) = desk.sessions()
        with desk.open(session.id) as conversation:
            assert [one.text for one in conversation.history()] == ["Do you ship to Kampala?"]
            conversation.reply("Every Tuesday.")
    old.css(".mine .admin").text("Every Tuesday.").shows()
    admin.role("button", "Olivia").click()
    admin.css(".own").text("Every Tuesday.").shows()
    write(admin, "And Fridays.")
    old.css(".mine .admin").text("And Fridays.").shows()
    admin.role("button", "Mark as resolved").click()
    old.text("Olivia: 0 unread, resolved").shows()
    admin.role("button", "Sign out").click()
    says(old, "Thanks")
    old.text("Olivia: 1 unread, active").shows()
    becomes(lambda: counts(place), (1, 1))
    assert admin.told() == []


def test_our_customers_and_an_old_dashboard(place: Place) -> None:
    """In the widget and in Python: counted, read and answered as ever."""
    old, customer = old_page(place), place.customer()
    start(customer)
    write(customer, "One")
    write(customer, "Two")
    old.text("Amina: 2 unread, active").shows()
    old.role("button", "Read Amina").click()
    old.text("Amina: 0 unread, active").shows()
    says(old, "Three", "Reply to Amina")
    customer.css(".other").text("Three").shows()
    write(customer, "Four")
    old.text("Amina: 1 unread, active").shows()
    becomes(lambda: counts(place), (1, 1))
    with place.visitor() as chat:
        chat.start(name="Brian", email="brian@example.org")
        chat.send("Hello")
        old.text("Brian: 1 unread, active").shows()
        says(old, "Good morning", "Reply to Brian")
        assert chat.wait_for(MessageAdded, timeout=PATIENCE).message.text == "Good morning"
    assert customer.told() == []
    assert customer.text("Sending…").count() == 0


def test_drift_of_a_reset_is_found_and_put_right(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes between the old dashboard's two writes is lost to its count, not to ours."""
    old, customer = old_page(place, slow=True), place.customer()
    start(customer)
    write(customer, "One")
    old.text("Amina: 1 unread, active").shows()
    old.role("button", "Read Amina").click()
    old.role("button", "Go on").shows()
    write(customer, "Two")
    old.text("Amina: 2 unread, active").shows()
    old.role("button", "Go on").click()
    old.text("Amina: 0 unread, active").shows()
    becomes(lambda: counts(place), (0, 1))
    assert doctor(place, monkeypatch)["state"] != "fail"
    becomes(lambda: counts(place), (1, 1))
    admin = place.admin()
    admin.text("1 unread").shows()
    admin.role("button", "Amina").click()
    admin.text("1 unread").vanishes()
    becomes(lambda: counts(place), (0, 0))


def test_drift_of_two_writes_is_found_and_put_right(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our dashboard read an old message before it was counted, and nothing goes below 0."""
    old, admin = old_page(place, slow=True), place.admin()
    old.role("button", "Start").click()
    admin.role("button", "Olivia").click()
    says(old, "One")
    admin.css(".other").text("One").shows()
    old.role("button", "Go on").click()
    old.text("Olivia: 1 unread, active").shows()
    becomes(lambda: counts(place), (1, 0))
    doctor(place, monkeypatch)
    becomes(lambda: counts(place), (0, 0))
    admin.css(".session .badge").vanishes()
    with place.desk() as desk:
        desk.reply(desk.sessions()[0].id, "Two")
    old.css(".mine .admin").text("Two").shows()
    assert admin.told() == []
