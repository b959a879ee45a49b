"""Greets everybody who waits in the inbox and has heard nothing yet. Run it every minute."""

from imbari_chat import AdminChat

GREETING = "Thank you for writing. Somebody will answer within the hour."


def main() -> None:
    with AdminChat.from_env() as desk:
        for session in desk.sessions(status="active", unread=True):
            with desk.open(session.id, peek=True) as conversation:
                if all(message.sender == "customer" for message in conversation.history()):
                    conversation.reply(GREETING)


if __name__ == "__main__":
    main()
