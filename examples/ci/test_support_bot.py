"""The bot, from both ends of the chat. Every test has its own customer, so none tidies up."""

from collections.abc import Callable, Iterator

import pytest

from imbari_chat import AdminChat, CustomerChat


@pytest.fixture
def customer() -> Iterator[CustomerChat]:
    """Somebody who has just written."""
    with CustomerChat.from_env() as chat:
        chat.start(name="Amina", email="amina@example.com", text="Is anybody there?")
        yield chat


def test_a_customer_is_greeted_once(customer: CustomerChat, run_bot: Callable[[], None]) -> None:
    run_bot()
    run_bot()
    asked, *answers = customer.history()
    assert asked.text == "Is anybody there?"
    assert [one.text.split(".")[0] for one in answers] == ["Thank you for writing"]


def test_a_greeted_customer_still_waits(
    customer: CustomerChat, run_bot: Callable[[], None]
) -> None:
    run_bot()
    with AdminChat.from_env() as desk:
        assert desk.get_session(customer.session.id).unread_count == 1


def test_whoever_has_an_answer_is_left_alone(
    customer: CustomerChat, run_bot: Callable[[], None]
) -> None:
    with AdminChat.from_env() as desk, desk.open(customer.session.id, peek=True) as conversation:
        conversation.reply("I am here.")
    run_bot()
    assert [one.text for one in customer.history()] == ["Is anybody there?", "I am here."]
