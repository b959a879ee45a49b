"""The pictures of docs/web.md, taken from the running pages: ``python -m tests.web.pictures``.

A conversation of three: a customer in the widget, an admin at the dashboard, and the same desk in
Python. Needs what the tests of this folder need.
"""

import sys
from contextlib import closing
from pathlib import Path
from typing import Final

from imbari_chat import MessageAdded
from imbari_chat.cli.demo.stage import stage
from tests.web.browser import Browser, Page, chromium_or_skip
from tests.web.conftest import Place, answer, place_at, start, write

FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
_SHOP: Final = {"width": 900, "height": 680}
_DESK: Final = {"width": 1000, "height": 620}
_PHONE: Final = {"width": 390, "height": 780}


def take(place: Place, folder: Path) -> None:
    """Play the conversation, and take a picture at each turn."""
    folder.mkdir(exist_ok=True)
    customer = place.customer(place.new_context(viewport=_SHOP))
    admin = place.admin(place.new_context(viewport=_DESK))
    _others(place)
    customer.role("button", "Open chat").click()
    customer.label("Wholesale").check()
    customer.label("Name").fill("Amina Wanjiru")
    customer.label("E-mail").fill("amina@example.com")
    customer.picture(folder / "widget-form.png")
    customer.role("button", "Start chat").click()
    write(customer, "Good morning! I run a small café in Kampala. Do you ship there?")
    admin.role("button", "Amina Wanjiru").click()
    admin.css(".message.other").shows()
    write(admin, "Good morning, Amina. We do, every Tuesday, and it takes three days.")
    customer.css(".message.other").shows()
    write(customer, "That is quicker than I thought. What would 40 kg a month cost?")
    customer.css(".own .meta time >> nth=1").shows()
    with place.desk() as desk:
        (session,) = [one for one in desk.sessions() if one.customer_name == "Amina Wanjiru"]
        answer(desk, session.id, "I have just sent you our price list by e-mail.")
    customer.css(".message.other >> nth=1").shows()
    admin.css(".message.own >> nth=1").shows()
    customer.picture(folder / "widget.png")
    admin.picture(folder / "dashboard.png")
    _at_rest(customer)
    with place.desk() as desk:
        answer(desk, session.id, "Did it arrive?")
    customer.css(".badge").shows()
    customer.picture(folder / "widget-badge.png")
    phone = place.customer(place.new_context(viewport=_PHONE, isMobile=True, hasTouch=True))
    start(phone, "Grace")
    write(phone, "Which grind for a moka pot?")
    phone.css(".own .meta time").shows()
    phone.picture(folder / "widget-phone.png")


def _at_rest(page: Page) -> None:
    page.role("button", "Minimise chat").click()
    page.css("section").vanishes()


def _others(place: Place) -> None:
    """Two more customers, so that the list has something to sort."""
    with place.visitor() as chat, place.desk() as desk:
        chat.start("Brian Otieno", "brian@example.org", topic="An order")
        chat.send("Can I still change my order to the espresso blend?")
        with desk.open(chat.session.id) as conversation:
            conversation.reply("Done: whole beans, on Wednesday.")
            conversation.resolve()
        chat.wait_for(MessageAdded, timeout=10)
    with place.visitor() as chat:
        chat.start("Chloé d'Été", "chloe@example.org", topic="Something else")
        chat.send("Bonjour ! Do you offer tastings at the roastery?")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    with (
        closing(Browser(chromium_or_skip())) as browser,
        stage() as here,
        place_at(here, browser) as place,
    ):
        take(place, target)
