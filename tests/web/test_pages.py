"""Customer and admin in the browser: page to page, and with the other end in Python."""

import re
from contextlib import closing
from pathlib import Path

import pytest

from imbari_chat import ConnectionChanged, MessageAdded
from tests import plain_http
from tests.cli.terminal import Terminal
from tests.node import PACKAGES
from tests.web.browser import PATIENCE, Browser, Context
from tests.web.conftest import Place, becomes, start, stored, write

pytestmark = pytest.mark.peer

DEMO = """
import sys
from functools import partial
from imbari_chat.cli.demo import run
from imbari_chat.cli.demo.run import run_demo
from imbari_chat.cli.exit_codes import boundary
run.Pace = partial(run.Pace, speed=0.001)  # the demo's own customer does not get round to it
sys.exit(boundary(lambda: run_demo(customers=1, web=True)))
"""


def test_a_conversation_from_page_to_page(place: Place) -> None:
    """What one sends the other reads, both ways, until it is resolved and taken up again."""
    customer, admin = place.customer(), place.admin()
    start(customer, "Amina Wanjiru")
    write(customer, "Do you ship to Kampala?")
    admin.text("1 unread").shows()
    admin.role("button", "Amina Wanjiru").click()
    admin.css(".message").text("Do you ship to Kampala?").shows()
    admin.text("1 unread").vanishes()
    write(admin, "Every Tuesday.")
    customer.css(".message.other").text("Every Tuesday.").shows()
    customer.css(".message.other").text("Imbari Team").shows()
    admin.role("button", "Mark as resolved").click()
    customer.text("This conversation is resolved. Write, and it goes on.").shows()
    write(customer, "One more thing.")
    admin.css(".message").text("One more thing.").shows()
    admin.role("button", "Mark as resolved").shows()
    with place.desk() as desk:
        (session,) = desk.sessions()
        with desk.open(session.id, peek=True) as conversation:
            texts = [message.text for message in conversation.history()]
    assert texts == ["Do you ship to Kampala?", "Every Tuesday.", "One more thing."]
    assert customer.told() == []
    assert admin.told() == []
    assert place.stage.emulator.refusals() == []


def test_a_customer_in_the_page_and_an_admin_in_python(place: Place) -> None:
    """They see each other's messages, and what Python reads the page's write had counted."""
    customer = place.customer()
    start(customer, "Amina Wanjiru")
    with place.desk() as desk:
        (session,) = desk.sessions()
        assert (session.customer_name, session.unread_count) == ("Amina Wanjiru", 0)
        with closing(desk.events()) as events:
            while not isinstance(next(events), ConnectionChanged):
                pass
            write(customer, "Do you ship to Kampala?")
            heard = next(event for event in events if isinstance(event, MessageAdded))
        assert heard.message.text == "Do you ship to Kampala?"
        with desk.open(session.id) as conversation:
            conversation.reply("Every Tuesday.")
        customer.css(".message.other").text("Every Tuesday.").shows()
        assert [one.unread_count for one in desk.sessions()] == [0]


def test_a_customer_in_the_page_and_an_admin_in_the_terminal(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo with its website: what it prints leads there, and its inbox answers the page."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    context = Context(browser)
    with Terminal(DEMO, size=(120, 30)) as terminal, closing(context):
        terminal.sees("Press Enter")
        (address,) = re.findall(r"widget +(\S+)", terminal.raw)
        page = context.page(address)
        start(page, "Zuri Abebe")
        write(page, "Which grind for a moka pot?")
        terminal.press("\r")
        terminal.sees("Which grind for a moka pot?")
        terminal.insists("\r", "write a reply")
        terminal.press("A fine one.\r")
        page.css(".message.other").text("A fine one.").shows()
        terminal.press("\tq")
        assert terminal.ends() == 0


def test_an_admin_in_the_page_and_a_customer_in_python(place: Place) -> None:
    """Opening marks read and tells the customer nothing; replying does."""
    admin = place.admin()
    admin.text("Nobody has written yet.").shows()
    with place.visitor() as chat:
        chat.start(
            name="Brian", email="brian@example.org", phone="+254 712 345 678", topic="An order"
        )
        chat.send("One")
        chat.send("Two")
        admin.text("2 unread").shows()
        admin.role("button", "Brian").click()
        admin.text("brian@example.org · +254712345678 · An order").shows()
        admin.text("2 unread").vanishes()
        write(admin, "Three")
        assert chat.wait_for(MessageAdded, timeout=PATIENCE).message.text == "Three"
    (session,) = stored(place, "chatSessions").values()
    assert (session["unreadCount"], session["lastMessage"]) == (0, "Three")
    (messages,) = stored(place, "messages").values()
    assert [one.get("read") for one in messages.values()] == [True, True, None]
    assert place.stage.emulator.refusals() == []


def test_the_list_is_sorted_by_the_last_message(place: Place) -> None:
    """Whoever wrote last is first, and the order follows."""
    admin = place.admin()
    first, second = place.customer(), place.customer()
    start(first, "Amina")
    start(second, "Brian")
    names = admin.css(".session .name")
    admin.css(".session >> nth=1").shows()
    assert names.texts() == ["Brian", "Amina"]
    write(first, "Hello")
    admin.text("1 unread").shows()
    assert names.texts() == ["Amina", "Brian"]


def test_two_admins_who_read_at_once_subtract_once(place: Place) -> None:
    """One of them may be refused; the count ends at what is unread, which is nothing."""
    one, other = place.admin(), place.admin()
    with place.visitor() as chat:
        chat.start(name="Amina", email="amina@example.com")
        for admin in (one, other):
            admin.role("button", "Amina").click()
        for number in range(4):
            chat.send(str(number))
        for admin in (one, other):
            admin.css(".message >> nth=3").shows()
            admin.css(".session .badge").vanishes()
    becomes(lambda: [one["unreadCount"] for one in stored(place, "chatSessions").values()], [0])


def test_who_is_no_admin_does_not_come_in(place: Place) -> None:
    """A wrong password, and an account without the claim, are told apart from nothing else."""
    signer_up = (
        f"http://{place.stage.emulator.auth_host}/identitytoolkit.googleapis.com/v1/accounts:signUp"
    )
    account = {"email": "grace@example.com", "password": "correct horse"}
    plain_http.post(signer_up, params={"key": "any"}, json=account).raise_for_status()
    page = place.new_context().page(f"{place.url}/admin/chat")
    for password, told in [
        ("wrong", "E-mail and password do not match an account."),
        ("correct horse", "This account is not an admin of the chat."),
    ]:
        page.label("E-mail").fill("grace@example.com")
        page.label("Password").fill(password)
        page.role("button", "Sign in").click()
        page.text(told).shows()
    assert page.css(".desk").count() == 0


def test_signing_out_leaves_nothing_on_the_screen(place: Place) -> None:
    """Nor does the way back in show what another admin had open."""
    customer, admin = place.customer(), place.admin()
    start(customer)
    write(customer, "A secret")
    admin.role("button", "Amina").click()
    admin.css(".message").text("A secret").shows()
    admin.role("button", "Sign out").click()
    admin.role("button", "Sign in").shows()
    assert "A secret" not in admin.css("body").content()
    assert admin.label("Password").value() == ""


def test_customer_and_admin_share_a_browser(place: Place) -> None:
    """Each page is signed in by itself."""
    context = place.new_context()
    customer = place.customer(context)
    start(customer)
    admin = place.admin(context)
    write(customer, "Still me")
    admin.role("button", "Amina").click()
    admin.css(".message").text("Still me").shows()
    write(admin, "And still me")
    customer.css(".message.other").text("And still me").shows()
    assert place.stage.emulator.refusals() == []
