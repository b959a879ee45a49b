"""Our own clients as a round uses them: impatient, each with its own way to the server."""

import dataclasses
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from imbari_chat import (
    AccessDenied,
    AsyncAdminChat,
    AsyncCustomerChat,
    Conflict,
    ImbariError,
    OutgoingMessage,
    Settings,
    Unavailable,
)
from imbari_chat.client import transports
from imbari_chat.client.admin import SEND_POLICY as ADMIN_POLICY
from imbari_chat.client.customer import SEND_POLICY as CUSTOMER_POLICY
from imbari_chat.client.gateway import Gateway
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.choice import Choice, Step
from imbari_chat.engine.link_effects import Attempt, LinkPolicy
from imbari_chat.engine.outbox import OutboxPolicy
from imbari_chat.engine.pulse import PulsePolicy
from imbari_chat.engine.stream import StreamPolicy
from imbari_chat.net.auto import AutoTransport
from imbari_chat.net.caller import Caller
from imbari_chat.net.rest import RestTransport
from imbari_chat.net.transport import Transport
from imbari_chat.net.websocket import WebSocketTransport
from tests.faults.door import Door
from tests.faults.ledger import Entry
from tests.faults.schedule import TransportName
from tests.faults.server import PROJECT
from tests.faults.wall_clock import ContextWorkers

__all__ = ["Written", "admin", "customer", "moves_of", "settings"]

TIMEOUT = 0.8
"""Seconds that one request may take; a fraction of what people wait."""

_BACKOFF = BackoffPolicy(first=0.05, cap=0.3)
# The server says something every quarter of a second; see server.py.
_STREAMS = StreamPolicy(
    connect_timeout=TIMEOUT, stale_after=0.6, dead_after=1.0, stable_after=0.5, backoff=_BACKOFF
)

_LINK = LinkPolicy(
    connect_timeout=TIMEOUT,
    stable_after=0.5,
    hurry=0.2,
    pulse=PulsePolicy(
        probe_after=0.5, stale_after=0.1, dead_after=0.5, keep_alive=1.0, answer_within=2.0
    ),
    backoff=_BACKOFF,
)


def settings(
    database: str,
    auth: str,
    folder: Path,
    transport: TransportName,
    outbox: Literal["memory", "durable"] = "memory",
) -> Settings:
    """Settings for a client.

    Args:
        database: Its way to the database, HOST:PORT.
        auth: Its way to the sign-in service, HOST:PORT.
        folder: For its files.
        transport: How it goes there.
        outbox: Where it keeps messages that are on their way.
    """
    return Settings.load(
        project=PROJECT,
        database_emulator=database,
        auth_emulator=auth,
        data_dir=folder,
        token_store="file",
        timeout=TIMEOUT,
        transport=transport,
        outbox=outbox,
    )


def admin(where: Settings, threads: str = "faults") -> AsyncAdminChat:
    """An admin's end.

    Args:
        where: Its settings.
        threads: Prefix of its threads' names.
    """
    transport = _impatient(transports.admin_transport(where), threads)
    gateway = Gateway(
        transport,
        policy=_quick(ADMIN_POLICY),
        timeout=TIMEOUT,
        store=transports.outbox_store(where, "admin"),
    )
    return AsyncAdminChat._over(gateway)


def customer(where: Settings, threads: str = "faults") -> AsyncCustomerChat:
    """A customer's end; somebody new."""
    transport = _impatient(transports.customer_transport(where, remember=False), threads)
    return AsyncCustomerChat._over(
        Gateway(transport, policy=_quick(CUSTOMER_POLICY), timeout=TIMEOUT)
    )


def _quick(policy: OutboxPolicy) -> OutboxPolicy:
    return dataclasses.replace(policy, backoff=_BACKOFF)


def _impatient(patient: Transport, threads: str) -> Transport:
    """The same way to the same database, for somebody in a hurry, on threads of a round."""
    if not isinstance(patient, WebSocketTransport | RestTransport | AutoTransport):
        raise TypeError(patient)
    caller: Caller[Any] = Caller(patient._caller._open_access, ContextWorkers(threads))
    environment = patient._environment
    transport: WebSocketTransport | RestTransport | AutoTransport
    match patient:
        case WebSocketTransport():
            transport = WebSocketTransport(
                caller, timeout=TIMEOUT, policy=_LINK, environment=environment
            )
        case RestTransport():
            transport = RestTransport(
                caller, timeout=TIMEOUT, policy=_STREAMS, environment=environment
            )
        case AutoTransport():
            link = dataclasses.replace(_LINK, greeting_timeout=TIMEOUT / 3)
            transport = AutoTransport(
                caller, timeout=TIMEOUT, link=link, stream=_STREAMS, environment=environment
            )
            transport._choice = _CountedChoice()
    transport._lent = False  # nobody else closes it
    return transport


class _CountedChoice(Choice):
    """One that counts how often it was made."""

    def __init__(self) -> None:
        super().__init__()
        self.moves = 0

    def attempted(self, attempt: Attempt) -> Step | None:
        return self._counted(super().attempted(attempt))

    def rest_answered(self, answers: bool) -> Step | None:
        return self._counted(super().rest_answered(answers))

    def _counted(self, step: Step | None) -> Step | None:
        self.moves += step in (Step.USE_REST, Step.USE_SOCKET)
        return step


def moves_of(chat: AsyncAdminChat | AsyncCustomerChat) -> int:
    """How often a client of ours was taken to another transport."""
    transport = chat._gateway._transport
    if not isinstance(transport, AutoTransport):
        return 0
    assert isinstance(transport._choice, _CountedChoice)
    return transport._choice.moves


class Written:
    """The messages of our clients: what their writers were told, and are being told.

    Args:
        ledger: Gets an entry for each.
        door: Says whether the rules may have refused them; they have not if there is none.
    """

    def __init__(self, ledger: list[Entry], door: Door | None = None) -> None:
        self._ledger = ledger
        self._door = door
        self._under_way: list[tuple[Entry, OutgoingMessage]] = []

    async def write(
        self,
        author: str,
        session_id: str,
        text: str,
        call: Callable[[], Awaitable[OutgoingMessage]],
        *,
        after: Iterable[str] = (),
    ) -> None:
        """Make the call and note what it says.

        Args:
            author: Who.
            session_id: Where to.
            text: What.
            call: How.
            after: Texts that the author has heard there.

        Raises:
            ImbariError: It failed in a way that nothing in a round explains.
        """
        entry = Entry(author, session_id, text, "absent", after=frozenset(after))
        self._ledger.append(entry)
        try:
            message = await call()
        except Unavailable as error:
            entry.fate = "unknown" if error.outcome_unknown else "absent"
        except Conflict:
            pass  # another message came first, as may be
        else:
            self._under_way.append((entry, message))
            self.settle()

    def settle(self) -> None:
        """Note what has become of messages that were under way."""
        for entry, message in self._under_way:
            match message.delivery:
                case "confirmed":
                    entry.fate = "stored"
                case "failed":
                    entry.fate = "absent"
                case "queued" | "sent":
                    entry.fate = "unsettled"

    def failed(self) -> list[str]:
        """Messages that were accepted and did not get there, without a good reason."""
        return [
            f"{entry.author}: {entry.text!r} was accepted, and is {message.delivery}:"
            f" {message.error!r}"
            for entry, message in self._under_way
            if message.delivery != "confirmed" and not self._is_explained(message.error)
        ]

    def _is_explained(self, error: ImbariError | None) -> bool:
        return isinstance(error, Conflict) or (
            isinstance(error, AccessDenied) and self._door is not None and self._door.closings > 0
        )
