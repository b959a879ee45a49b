"""S5 and S7: what one message costs over REST, for its sender and until a listener has it.

Both sides talk to one emulator in a process of its own, over loopback, under open rules. The peer
is firebase-admin, the way it is mostly used: a push of the message and an update of its session;
and as it could be used: both in one update, which is what ours does.
"""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from queue import Queue
from typing import Any, Final

import firebase_admin
from firebase_admin import db
from google.auth.credentials import AnonymousCredentials

from bench import emulators
from bench.measuring import in_turns
from bench.row import Row, Target
from imbari_chat import AdminChat, ConnectionChanged, Conversation, MessageAdded

__all__ = ["latency", "throughput"]

_SENDS: Final = 20
_ROUNDS: Final = 25
_MESSAGES: Final = 300
_PATIENCE: Final = 10.0

_LAST: Final = "the last one"
_NOW: Final = {".sv": "timestamp"}
_OURS: Final = "-Oabcdefghijklmnopqr"
_TWO: Final = "-Obbcdefghijklmnopqr"
_ONE: Final = "-Ocbcdefghijklmnopqr"

Send = Callable[[str], object]
Heard = Queue[tuple[float, str]]
"""When a message arrived, and its text."""

_serial = count()


def throughput() -> Iterator[Row]:
    """S7: sends per second, one thread, each waited for."""
    with _both() as (conversation, root):
        rates = in_turns(
            {
                "ours": lambda: _rate(conversation.reply),
                "two": lambda: _rate(_in_two_calls(root)),
                "one": lambda: _rate(_in_one_patch(root)),
            },
            _ROUNDS,
        )
    yield Row(
        "S7",
        "sends, one thread, REST",
        "/s",
        rates["ours"],
        rates["two"],
        f"firebase-admin, two calls (one PATCH: {rates['one']:.0f}/s)",
        Target(">=", 1.9),
    )


def latency() -> Iterator[Row]:
    """S5: from before the send until the listener's callback, the median."""
    with _both() as (conversation, root), ExitStack() as listeners:
        ours: Heard = Queue()
        theirs: Heard = Queue()
        listeners.enter_context(_our_listener(conversation, ours))
        listeners.enter_context(_their_listener(root, theirs))
        delays = in_turns(
            {
                "ours": lambda: _delay(conversation.reply, ours),
                "one": lambda: _delay(_in_one_patch(root), theirs),
            },
            _MESSAGES,
        )
    yield Row(
        "S5",
        "one message, sender to listener, REST",
        "ms",
        delays["ours"],
        delays["one"],
        "firebase-admin, one PATCH",
        Target("<=", 1.1),
    )


class _Anonymous(firebase_admin.credentials.Base):  # type: ignore[misc]  # the library is untyped
    """The emulator wants no key."""

    def get_credential(self) -> AnonymousCredentials:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]  # the library is untyped


@contextmanager
def _both() -> Iterator[tuple[Conversation, Any]]:
    """Our conversation, and the peer's reference to the root of the same database."""
    with ExitStack() as stack:
        running = stack.enter_context(emulators.ours())
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        app = firebase_admin.initialize_app(
            _Anonymous(), {"databaseURL": running.database_url}, name="bench"
        )
        stack.callback(firebase_admin.delete_app, app)
        root = db.reference(app=app)
        root.child("chatSessions").set({key: _session() for key in (_OURS, _TWO, _ONE)})
        desk = stack.enter_context(
            AdminChat.from_env(
                project=running.environment["GCLOUD_PROJECT"],
                database_emulator=running.database,
                auth_emulator=running.environment["FIREBASE_AUTH_EMULATOR_HOST"],
                identity="emulator",
                data_dir=folder,
            )
        )
        yield stack.enter_context(desk.open(_OURS, peek=True)), root


def _session() -> dict[str, Any]:
    return {
        "customerName": "Grace",
        "customerEmail": "grace@example.com",
        "lastMessage": "",
        "lastMessageTime": _NOW,
        "unreadCount": 0,
        "status": "active",
    }


def _message(text: str) -> dict[str, Any]:
    return {"text": text, "from": "admin", "timestamp": _NOW, "senderUid": "imbari-chat"}


def _in_two_calls(root: Any) -> Send:
    messages, session = root.child(f"messages/{_TWO}"), root.child(f"chatSessions/{_TWO}")

    def send(text: str) -> None:
        messages.push(_message(text))
        session.update({"lastMessage": text, "lastMessageTime": _NOW})

    return send


def _in_one_patch(root: Any) -> Send:
    def send(text: str) -> None:
        root.update(
            {
                f"messages/{_ONE}/-P{next(_serial):018}": _message(text),
                f"chatSessions/{_ONE}/lastMessage": text,
                f"chatSessions/{_ONE}/lastMessageTime": _NOW,
            }
        )

    return send


def _rate(send: Send) -> float:
    """Sends per second."""
    begin = time.perf_counter()
    for number in range(_SENDS):
        send(f"message {number}")
    return _SENDS / (time.perf_counter() - begin)


def _delay(send: Send, heard: Heard) -> float:
    """Milliseconds from before the send until the listener had it."""
    text = f"message {next(_serial)}"
    begin = time.perf_counter()
    send(text)
    arrived, what = heard.get(timeout=_PATIENCE)
    assert what == text
    return (arrived - begin) * 1000


@contextmanager
def _our_listener(conversation: Conversation, heard: Heard) -> Iterator[None]:
    live = threading.Event()
    events = conversation.events(history=0)

    def listen() -> None:
        for event in events:
            if isinstance(event, MessageAdded):
                heard.put((time.perf_counter(), event.message.text))
                if event.message.text == _LAST:
                    return
            elif isinstance(event, ConnectionChanged) and event.state == "live":
                live.set()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert live.wait(_PATIENCE)
    try:
        yield
    finally:
        conversation.reply(_LAST)
        thread.join(_PATIENCE)
        events.close()


@contextmanager
def _their_listener(root: Any, heard: Heard) -> Iterator[None]:
    live, over = threading.Event(), threading.Event()

    def hear(event: Any) -> None:
        arrived = time.perf_counter()
        if live.is_set():
            (message,) = event.data.values()
            heard.put((arrived, message["text"]))
            if message["text"] == _LAST:
                over.set()
                raise SystemExit  # close() would pull the socket from under this thread
        live.set()

    registration = root.child(f"messages/{_ONE}").listen(hear)
    assert live.wait(_PATIENCE)
    try:
        yield
    finally:
        _in_one_patch(root)(_LAST)
        over.wait(_PATIENCE)
        registration.close()
