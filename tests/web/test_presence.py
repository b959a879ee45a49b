"""Who is there and who types: the pages and Python see each other, and nothing of it disturbs."""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from imbari_chat import AdminChat, ColleaguesChanged, PresenceChanged, TypingChanged
from imbari_chat.config import SettingsFlags
from tests.client.test_presence import OLD_RULES
from tests.web.browser import PATIENCE, Page
from tests.web.conftest import Place, becomes, start, store, stored, write

pytestmark = pytest.mark.peer

TYPING = "Imbari Team is typing…"
THERE = "The team is online"

CLOCK_IS_FAST = """() => {
  const Right = Date;
  globalThis.Date = class extends Right {
    constructor(...given) {
      super(...(given.length ? given : [Date.now()]));
    }
    static now() {
      return Right.now() + 1_200_000;
    }
  };
}"""


def look_away(page: Page, is_hidden: bool = True) -> None:
    """What a page is told when another tab covers it, or does so no more."""
    value = str(is_hidden).lower()
    page.evaluate(
        f"""() => {{
          Object.defineProperty(document, "hidden", {{ value: {value}, configurable: true }});
          document.dispatchEvent(new Event("visibilitychange"));
        }}"""
    )


def states(events: Iterator[object]) -> Iterator[object]:
    """What customers are said to do."""
    for event in events:
        if isinstance(event, PresenceChanged):
            yield event.presence
        elif isinstance(event, TypingChanged):
            yield event.typing


def test_the_widget_and_an_admin_in_python(place: Place) -> None:
    """Online, typing, away, gone; the team is there, types, and stops by itself or by speaking."""
    customer = place.customer()
    start(customer)
    with place.desk() as desk, closing(desk.events()) as events:
        seen = states(events)
        assert next(seen) == "online"
        customer.text(THERE).vanishes()
        customer.label("Write a message").fill("H")
        assert next(seen) is True
        write(customer, "Hello")
        assert next(seen) is False
        desk.show()
        customer.text(THERE).shows()
        (session,) = desk.sessions()
        with desk.open(session.id) as conversation:
            conversation.typing()
            customer.text(TYPING).shows()
            assert customer.css(".typing").attribute("aria-live") == "polite"
            assert customer.told() == []
            assert customer.violations() == []
            customer.text(TYPING).vanishes()
            conversation.typing()
            customer.text(TYPING).shows()
            conversation.reply("Good morning")
            customer.css(".other").text("Good morning").shows()
            assert customer.text(TYPING).count() == 0
        look_away(customer)
        assert next(seen) == "away"
        look_away(customer, is_hidden=False)
        assert next(seen) == "online"
        customer.role("button", "Minimise chat").click()
        assert next(seen) == "away"
        customer.close()
        assert next(seen) == "gone"
    assert place.stage.emulator.refusals() == []


def test_the_dashboard_and_python(place: Place) -> None:
    """A customer's dot and typing, a colleague's name, and what is told of oneself."""
    admin = place.admin()
    flags: SettingsFlags = {**place.stage.flags, "name": "Grace"}
    colleague = AdminChat.from_env(**flags)
    with place.visitor() as chat, colleague as desk, closing(desk.events()) as events:
        chat.start(name="Brian", email="brian@example.org")
        chat.send("Hello")
        session_id = chat.session.id
        admin.css(".session .dot[aria-label=online]").shows()
        chat.typing()
        admin.css(".session .preview").text("is typing…").shows()
        admin.role("button", "Brian").click()
        told = next(event for event in events if isinstance(event, ColleaguesChanged))
        assert [one.name for one in told.colleagues] == [place.stage.email]
        assert chat.wait_for(PresenceChanged, timeout=PATIENCE).presence == "online"
        chat.typing()
        admin.css(".content .typing").text("Brian is typing…").shows()
        assert admin.violations() == []
        with desk.open(session_id, peek=True) as conversation:
            conversation.show()
            admin.css(".session .colleagues").text("Grace has this open").shows()
            admin.css(".there").text("online · Grace has this open").shows()
        admin.css(".session .colleagues").vanishes()
        chat.hide()
        admin.css(".session .dot[aria-label=away]").shows()
        admin.label("Write a reply").fill("G")
        assert chat.wait_for(TypingChanged, timeout=PATIENCE).typing
        assert place.stage.emulator.refusals() == []
        admin.role("button", "Sign out").click()
        told = next(event for event in events if isinstance(event, ColleaguesChanged))
        assert told.colleagues == ()


def test_a_sign_ends_by_the_servers_time(place: Place) -> None:
    """This machine's is twenty minutes ahead; and what nobody could take away ages out."""
    customer = place.customer()
    start(customer)
    (session_id,) = stored(place, "chatSessions")
    page = place.new_context().page(f"{place.url}/admin/chat")
    page.evaluate(CLOCK_IS_FAST)
    page.label("E-mail").fill(place.stage.email)
    page.label("Password").fill(place.stage.password)
    page.role("button", "Sign in").click()
    page.css(".session .dot[aria-label=online]").shows()
    now = round(time.time() * 1000)
    for age, state in ((140_000, "online"), (151_000, "gone")):
        sign = {"state": "online", "at": now - age}
        store(place, f"presence/customers/{session_id}", {"at": now, "connections": {"aa": sign}})
        page.css(f".session .dot[aria-label={state}]").shows()
    assert page.told() == []


def test_a_new_connection_gives_the_sign_anew_and_elsewhere(place: Place) -> None:
    """Of the former nothing is left."""
    customer = place.customer()
    start(customer)
    (session_id,) = stored(place, "chatSessions")

    def connections() -> list[str]:
        return list(
            (stored(place, f"presence/customers/{session_id}") or {}).get("connections", {})
        )

    becomes(lambda: len(connections()), 1)
    (former,) = connections()
    place.line.cut()
    becomes(connections, [])
    place.line.mend()
    becomes(connections, [f"{(int(former, 16) + 1) % 256:02x}"])
    # The browser may have tried while there was no way.
    assert [one for one in customer.told() if "ERR_CONNECTION_REFUSED" not in one] == []


def test_rules_of_before_cost_presence_and_nothing_else(place: Place) -> None:
    """One line in the console, no dot, no refused write, and messages as ever."""
    place.stage.emulator.load_rules(OLD_RULES)
    customer, admin = place.customer(), place.admin()
    start(customer)
    write(customer, "Hello")
    admin.role("button", "Amina").click()
    admin.css(".message.other").text("Hello").shows()
    write(admin, "Good morning")
    customer.css(".other").text("Good morning").shows()
    for page in (customer, admin):
        lines = [line for line in page.console() if not line.startswith("FIREBASE: ")]
        assert lines == ["Presence is off: the rules refuse it. Deploy database.rules.json."]
        assert page.told() == []
    assert admin.css(".dot:not([hidden])").count() == 0
    assert stored(place, "presence") is None
    assert stored(place, "typing") is None
