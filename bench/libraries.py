"""The libraries behind one seam: each used the way its documentation shows.

What differs between them is written down here once. All talk to one database as somebody whom no
rule holds back; a library that can be told nothing tells its program nothing.
"""

import tempfile
import threading
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import Any, Final, Literal, Protocol, TypeAlias

from imbari_chat import (
    AdminChat,
    ConnectionChanged,
    Conversation,
    ImbariError,
    MessageAdded,
    MessageRemoved,
)
from imbari_chat.identity.service import SERVICE_AUTH
from imbari_chat.states import TransportName

__all__ = [
    "LIBRARIES",
    "OURS",
    "PROJECT",
    "FirebaseAdmin",
    "Library",
    "Name",
    "Ours",
    "Pyrebase",
    "message",
    "session",
]

Name: TypeAlias = Literal["imbari-chat", "imbari-chat-rest", "firebase-admin", "pyrebase4"]
Kind: TypeAlias = Literal["live", "message", "removed", "told"]
Tell: TypeAlias = Callable[[Kind, str], None]
"""What a listener has to say: a message's text, or what the library told its program."""

PROJECT: Final = "demo-imbari"
_NAMESPACE: Final = f"{PROJECT}-default-rtdb"
_PATIENCE: Final = 10.0
_NOW: Final = {".sv": "timestamp"}

_serial = count()


def session() -> dict[str, Any]:
    """A session without messages, as the website stores one."""
    return {
        "customerName": "Grace",
        "customerEmail": "grace@example.com",
        "lastMessage": "",
        "lastMessageTime": _NOW,
        "unreadCount": 0,
        "status": "active",
    }


def message(text: str) -> dict[str, Any]:
    """An admin's message, as the website stores one."""
    return {"text": text, "from": "admin", "timestamp": _NOW, "senderUid": "imbari-chat"}


class Library(Protocol):
    """A way to one database."""

    def listen(self, session_id: str, tell: Tell) -> None:
        """Begin to listen to a conversation; ``tell`` is called from any thread."""

    @property
    def listening(self) -> bool:
        """Whether somebody is left to bring an event."""

    def open(self, session_id: str) -> None:
        """Be ready to send: connected, and signed in."""

    def send(self, session_id: str, text: str, *, hurry: bool = False) -> str:
        """Send, and return what the library says became of it; raises what it raises.

        Args:
            session_id: Into which conversation.
            text: What.
            hurry: Hand it over and do not wait, where the library can do that.
        """

    def stop(self) -> None:
        """Close the listeners as the library does."""


class Ours:
    """``imbari_chat``, the blocking clients."""

    def __init__(self, host: str, transport: TransportName = "websocket") -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.chat = AdminChat.from_env(
            project=PROJECT,
            database_emulator=host,
            identity="emulator",
            data_dir=self._folder.name,
            transport=transport,
        )
        self.chat.__enter__()
        self._open: dict[str, Conversation] = {}
        self._threads: list[threading.Thread] = []

    def listen(self, session_id: str, tell: Tell) -> None:
        events = self.conversation(session_id).events(history=0)

        def follow() -> None:
            try:
                for event in events:
                    match event:
                        case MessageAdded():
                            tell("message", event.message.text)
                        case MessageRemoved():
                            tell("removed", event.message.text)
                        case ConnectionChanged(state="live"):
                            tell("live", "")
                        case ConnectionChanged(state, reason):
                            tell("told", f"{state}: {reason}")
            except ImbariError as error:
                tell("told", str(error))

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        self._threads.append(thread)

    @property
    def listening(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def open(self, session_id: str) -> None:
        self.conversation(session_id)

    def send(self, session_id: str, text: str, *, hurry: bool = False) -> str:
        sent = self.conversation(session_id).reply(text, timeout=0 if hurry else None)
        return sent.delivery

    def stop(self) -> None:
        self.chat.close()

    def conversation(self, session_id: str) -> Conversation:
        """The conversation, opened once."""
        if session_id not in self._open:
            self._open[session_id] = self.chat.open(session_id, peek=True)
            self._open[session_id].__enter__()
        return self._open[session_id]


class FirebaseAdmin:
    """``firebase_admin.db``; its listener is told of changes alone, so whoever listens compares."""

    def __init__(self, host: str) -> None:
        import firebase_admin
        from firebase_admin import db
        from google.auth.credentials import AnonymousCredentials

        class Anonymous(firebase_admin.credentials.Base):  # type: ignore[misc]  # untyped library
            """The emulator wants no key."""

            def get_credential(self) -> AnonymousCredentials:
                return AnonymousCredentials()  # type: ignore[no-untyped-call]  # untyped library

        self._app = firebase_admin.initialize_app(
            Anonymous(),
            {
                "databaseURL": f"http://{host}?ns={_NAMESPACE}",
                # Held to the rules as ours is, so that the service does the same for both.
                "databaseAuthVariableOverride": dict(SERVICE_AUTH),
            },
            name=f"b{next(_serial)}",
        )
        self.root: Any = db.reference(app=self._app)
        self._registrations: list[Any] = []

    def listen(self, session_id: str, tell: Tell) -> None:
        def hear(event: Any) -> None:
            _change(event.event_type, event.path, event.data, tell)

        self._registrations.append(self.root.child(f"messages/{session_id}").listen(hear))

    @property
    def listening(self) -> bool:
        # There is no public word for it.
        return any(one._thread.is_alive() for one in self._registrations)  # noqa: SLF001

    def open(self, session_id: str) -> None:
        self.root.child(f"chatSessions/{session_id}").get()

    def send(self, session_id: str, text: str, *, hurry: bool = False) -> str:  # noqa: ARG002
        self.in_two_calls(session_id, text)
        return "sent"

    def in_two_calls(self, session_id: str, text: str) -> None:
        """As it is mostly used: a push of the message and an update of its session."""
        self.root.child(f"messages/{session_id}").push(message(text))
        self.root.child(f"chatSessions/{session_id}").update(
            {"lastMessage": text, "lastMessageTime": _NOW}
        )

    def in_one_patch(self, session_id: str, text: str) -> None:
        """As it could be used, and as ours uses it."""
        self.root.update(
            {
                f"messages/{session_id}/-P{next(_serial):018}": message(text),
                f"chatSessions/{session_id}/lastMessage": text,
                f"chatSessions/{session_id}/lastMessageTime": _NOW,
            }
        )

    def stop(self) -> None:
        for one in self._registrations:
            one.close()


class Pyrebase:
    """``pyrebase``'s database, without its sign-in, which knows no emulator."""

    def __init__(self, host: str) -> None:
        import requests
        from pyrebase.pyrebase import Database

        self.database: Any = Database(None, "the-key", f"http://{host}", requests.Session())
        self._streams: list[Any] = []

    def listen(self, session_id: str, tell: Tell) -> None:
        def hear(event: dict[str, Any]) -> None:
            _change(event["event"], event["path"], event["data"], tell)

        self._streams.append(self.database.child("messages", session_id).stream(hear))

    @property
    def listening(self) -> bool:
        return any(one.thread.is_alive() for one in self._streams)

    def open(self, session_id: str) -> None:
        self.database.child("chatSessions", session_id).get()

    def send(self, session_id: str, text: str, *, hurry: bool = False) -> str:  # noqa: ARG002
        self.database.child("messages", session_id).push(message(text))
        self.database.child("chatSessions", session_id).update(
            {"lastMessage": text, "lastMessageTime": _NOW}
        )
        return "sent"

    def stop(self) -> None:
        for one in self._streams:
            one.close()


LIBRARIES: Final[dict[Name, Callable[[str], Library]]] = {
    "imbari-chat": Ours,
    "imbari-chat-rest": partial(Ours, transport="rest"),
    "firebase-admin": FirebaseAdmin,
    "pyrebase4": Pyrebase,
}
OURS: Final[Mapping[Name, TransportName]] = {"imbari-chat": "websocket", "imbari-chat-rest": "rest"}


def _change(kind: str, path: str, data: Any, tell: Tell) -> None:
    """What a listener learns from one raw event of a conversation."""
    if kind not in {"put", "patch"}:
        tell("told", kind)
    elif path != "/":
        tell("message" if data else "removed", data["text"] if data else path)
    else:
        for record in (data or {}).values():
            if record:
                tell("message", record["text"])
    if kind == "put" and path == "/":
        tell("live", "")
