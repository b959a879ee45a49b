"""A customer asks, an admin answers, and both see it. Needs nothing but a shell:

imbari-chat emulator exec -- python examples/quickstart.py
"""

from imbari_chat import AdminChat, CustomerChat, Message, MessageAdded, Session
from imbari_chat.view.sanitize import (
    safe_text,  # what strangers typed is not for a terminal as it is
)

NAMES = {"customer": "Amina", "admin": "Imbari"}


def main() -> None:
    with AdminChat.from_env() as desk, CustomerChat.from_env() as customer:
        customer.start(name="Amina", email="amina@example.com", topic="Wholesale")
        customer.send("Do you ship to Kampala?")

        print("The inbox")
        for session in desk.sessions(status="active"):
            show_session(session)

        with desk.open(customer.session.id) as conversation:  # opening marks messages read
            conversation.reply("We do, every Tuesday. How many kilos?")
            conversation.resolve()

        answer = customer.wait_for(MessageAdded, timeout=10)
        print("\nThe customer hears")
        show_message(answer.message)

        print("\nThe conversation, as it stands now")
        for message in customer.history():
            show_message(message)
        show_session(desk.get_session(customer.session.id))


def show_session(session: Session) -> None:
    name = safe_text(session.customer_name)
    print(f"  {name}: {session.unread_count} unread, {session.status}")


def show_message(message: Message) -> None:
    print(f"  {NAMES[message.sender]}: {safe_text(message.text)}")


if __name__ == "__main__":
    main()
