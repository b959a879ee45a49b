"""The pictures of docs/web.md, taken from the running pages: ``python -m tests.web.pictures``.

A conversation of three: a customer in the widget, an admin at the dashboard, and the same desk in
Python. Needs what the tests of this folder need.
"""

import base64
import html
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from imbari_chat import MessageAdded
from imbari_chat.cli.demo.stage import stage
from tests.cli.harness import Program
from tests.web.browser import Browser, Page, chromium_or_skip
from tests.web.conftest import (
    Place,
    place_at,
    start,
    use_from_the_environment,
    write,
)

FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
_SHOP: Final = {"width": 760, "height": 660}
_DESK: Final = {"width": 860, "height": 660}
_TOGETHER: Final = {"width": 1500, "height": 684}
_PHONE: Final = {"width": 390, "height": 780}


# Of the shop its right edge, where the widget is; of the dashboard, the conversation.
_THREE: Final = """<!doctype html><title>Three</title><style>
  * {{ box-sizing: border-box }}
  body {{ margin: 0; display: flex; gap: 12px; padding: 12px; background: #ccd3ce; height: 684px }}
  div {{ overflow: hidden; border-radius: 8px; position: relative }}  img {{ position: absolute }}
  .widget {{ width: 410px }}  .widget img {{ right: 0 }}
  .dashboard {{ width: 520px }}  .dashboard img {{ right: 0 }}
  pre {{ flex: 1; margin: 0; padding: 14px; border-radius: 8px; background: #16201a;
        color: #e4efe8; font: 13px/1.5 monospace; overflow: hidden }}
</style><div class="widget"><img src="data:image/png;base64,{}"></div>
<div class="dashboard"><img src="data:image/png;base64,{}"></div><pre>{}</pre>"""


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
        desk.reply(session.id, "I have just sent you our price list by e-mail.")
    customer.css(".message.other >> nth=1").shows()
    admin.css(".message.own >> nth=1").shows()
    customer.picture(folder / "widget.png")
    admin.picture(folder / "dashboard.png")
    _side_by_side(place, customer, folder / "dashboard.png", session.id)
    customer.role("button", "Minimise chat").click()
    customer.css("section").vanishes()
    with place.desk() as desk:
        desk.reply(session.id, "Did it arrive?")
    customer.css(".badge").shows()
    customer.picture(folder / "widget-badge.png")
    phone = place.customer(place.new_context(viewport=_PHONE, isMobile=True, hasTouch=True))
    start(phone, "Grace")
    write(phone, "Which grind for a moka pot?")
    phone.css(".own .meta time").shows()
    phone.picture(folder / "widget-phone.png")


def _side_by_side(place: Place, customer: Page, dashboard: Path, session_id: str) -> None:
    """The same conversation three times: in the widget, at the dashboard, and in a terminal."""
    with tempfile.TemporaryDirectory() as folder:
        widget = Path(folder) / "widget.png"
        shop = "document.querySelector('main').style"
        customer.evaluate(f"() => {{ {shop}.visibility = 'hidden' }}")  # its text would be cut
        customer.picture(widget)
        customer.evaluate(f"() => {{ {shop}.visibility = '' }}")
        images = [base64.b64encode(each.read_bytes()).decode() for each in (widget, dashboard)]
    shown = f"$ imbari-chat inbox\n{_printed(place, 'inbox')}\n$ imbari-chat show 1\n"
    shown += _printed(place, "show", session_id, "--peek")
    page = place.new_context(viewport=_TOGETHER).page(place.url)
    page.content_is(_THREE.format(*images, html.escape(shown)))
    page.picture(dashboard.with_name("together.png"))


def _printed(place: Place, *command: str) -> str:
    """What a command of ours prints there."""
    with pytest.MonkeyPatch.context() as patch:
        use_from_the_environment(place, patch)
        return Program()(*command, width=62).stdout


def _others(place: Place) -> None:
    """Two more customers, so that the list has something to sort."""
    with place.visitor() as chat, place.desk() as desk:
        chat.start(name="Brian Otieno", email="brian@example.org", topic="An order")
        chat.send("Can I still change my order to the espresso blend?")
        with desk.open(chat.session.id) as conversation:
            conversation.reply("Done: whole beans, on Wednesday.")
            conversation.resolve()
        chat.wait_for(MessageAdded, timeout=10)
    with place.visitor() as chat:
        chat.start(name="Chloé d'Été", email="chloe@example.org", topic="Something else")
        chat.send("Bonjour ! Do you offer tastings at the roastery?")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    with (
        closing(Browser(chromium_or_skip())) as browser,
        stage() as here,
        place_at(here, browser) as place,
    ):
        take(place, target)
