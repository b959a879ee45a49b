"""How programs use the package, for type checkers: what is right is quiet, a mistake an error.

mypy reads this with everything else, and complains of a ``type: ignore`` that hides nothing;
pyright does so in ``test_typing.py``. Nothing here is run.
"""

from pathlib import Path
from typing import assert_type

from imbari_chat import (
    AdminChat,
    AsyncAdminChat,
    AsyncConversation,
    AsyncCustomerChat,
    BlockingIterator,
    BlockingPager,
    ChatEvent,
    Conversation,
    CustomerChat,
    Delivery,
    MessageAdded,
    OutgoingMessage,
    RecordRejected,
    Session,
    SessionChanged,
    SessionId,
    SessionPager,
    Settings,
    safe_text,
)


def ordinary_code(settings: Settings, session_id: str) -> None:
    """What a script does."""
    with AdminChat(settings) as desk, CustomerChat.from_env(remember=True, timeout=5) as chat:
        assert_type(desk.sessions(status="active", limit=5), list[Session])
        assert_type(desk.browse(), BlockingPager[Session])
        assert_type(desk.events(), BlockingIterator[ChatEvent])
        assert_type(desk.reply(session_id, "On its way.").delivery, Delivery)
        assert_type(desk.find("-O"), SessionId)
        with desk.open(session_id) as conversation:
            assert_type(conversation, Conversation)
            assert_type(conversation.reply("Hello", expect_last=session_id), OutgoingMessage)
        assert_type(chat.start(name="Amina", email="amina@example.com"), Session)
        assert_type(chat.wait_for(MessageAdded, timeout=30), MessageAdded)
        assert_type(safe_text("Hello"), str)

        @desk.on(MessageAdded, sender="customer", where=lambda event: "?" in event.message.text)
        def heard(event: MessageAdded) -> None: ...

        assert_type(heard(MessageAdded(session_id=SessionId(""), message=_message())), None)

        @desk.on(MessageAdded)
        def anything(event: ChatEvent) -> None: ...


async def asynchronous_code(settings: Settings, session_id: str) -> None:
    """What a service does."""
    async with AsyncAdminChat(settings, on_rejected=_rejected) as desk:
        assert_type(await desk.sessions(since=0), list[Session])
        assert_type(desk.browse(), SessionPager)
        assert_type(await desk.reply(session_id, "On its way."), OutgoingMessage)
        async with desk.open(session_id) as conversation:
            assert_type(conversation, AsyncConversation)

        @desk.on(MessageAdded)
        async def answer(event: MessageAdded) -> None: ...

        @desk.on(SessionChanged)
        def look(event: SessionChanged) -> None: ...

        async for event in desk.events():
            assert_type(event, ChatEvent)


def flags() -> None:
    """By the names of the settings, and by no others."""
    AdminChat.from_env(project="demo-imbari", data_dir=Path(), credentials=None, timeout=2.5)
    AdminChat.from_env(projct="demo-imbari")  # type: ignore[call-arg]
    AdminChat.from_env(timeout="5")  # type: ignore[arg-type]
    AdminChat.from_env(identity="nobody")  # type: ignore[arg-type]
    AdminChat.from_env(remember=True)  # type: ignore[call-arg]
    AsyncCustomerChat.from_env(dta_dir=Path())  # type: ignore[call-arg]
    AdminChat()  # type: ignore[call-arg]
    AdminChat("demo-imbari")  # type: ignore[arg-type]


def handlers(desk: AdminChat, service: AsyncAdminChat) -> None:
    """Of the event they are for; of a blocking client, ordinary functions."""

    @desk.on(MessageAdded)  # type: ignore[arg-type]
    async def never_awaited(event: MessageAdded) -> None: ...

    @desk.on(MessageAdded)  # type: ignore[arg-type]
    def of_another_event(event: SessionChanged) -> None: ...

    @service.on(MessageAdded)  # type: ignore[arg-type]
    async def of_another_event_as_well(event: SessionChanged) -> None: ...

    desk.on(str)  # type: ignore[type-var]
    desk.on(MessageAdded, sender="stranger")  # type: ignore[arg-type]
    desk.on(MessageAdded, where=lambda event: event.no_such_field)  # type: ignore[attr-defined]


def arguments(desk: AdminChat, chat: CustomerChat, conversation: Conversation) -> None:
    """Of their kind, and named where a name says what they are."""
    desk.sessions(status="open")  # type: ignore[arg-type]
    desk.sessions(since="2024-01-01")  # type: ignore[arg-type]
    desk.browse(start="middle")  # type: ignore[arg-type]
    desk.events(overflow="drop")  # type: ignore[arg-type]
    conversation.reply(5)  # type: ignore[arg-type]
    chat.start("Amina", "amina@example.com")  # type: ignore[call-arg]


def _rejected(rejected: RecordRejected) -> None: ...


def _message() -> OutgoingMessage:
    raise NotImplementedError
