"""Customer and admin in the browser: page to page, and with the other end in Python."""

import pytest

from tests.web.conftest import Place, start, write

pytestmark = pytest.mark.peer


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
