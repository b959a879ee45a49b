"""What ``watch`` tells of: lines for a person, rows or JSON, a bell, and a program's input."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from imbari_chat.cli.data_text import json_text
from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.session_refs import short_ids
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout, record

if TYPE_CHECKING:
    from imbari_chat.schema.models import Message, Session
    from imbari_chat.schema.presence import PresenceSnapshot
    from imbari_chat.wire.json import Json

__all__ = ["Happening", "Kind", "Lines"]

_BURST: Final = 60_000
"""Milliseconds between messages of one person that are one burst."""


class Kind(StrEnum):
    """What happens."""

    MESSAGE = "message"
    STARTED = "started"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that is told.

    Attributes:
        kind: What it is.
        at: When, ms.
        session_id: In which conversation.
        session: The same, if it is known.
        message: For a message.
    """

    kind: Kind
    at: int
    session_id: str
    session: "Session | None" = None
    message: "Message | None" = None

    def document(self, presence: "PresenceSnapshot") -> "dict[str, Json]":
        """As JSON."""
        from imbari_chat.cli.people import told

        is_message = self.message is not None
        document: dict[str, Json] = {
            "event": "message_added" if is_message else f"session_{self.kind}",
            "at": self.at,
            "session_id": self.session_id,
            "customer_name": self.session.customer_name if self.session else None,
            "customer_email": self.session.customer_email if self.session else None,
        }
        if self.message is not None:
            document["message"] = record(self.message)
        elif self.session is not None:
            document["session"] = record(self.session)
        return {**document, "presence": told(presence, self.session_id)}

    def row(self) -> "list[Json]":
        """As columns."""
        name, email = None, None
        if self.session is not None:
            name, email = self.session.customer_name, self.session.customer_email
        row: list[Json] = [self.kind.value, self.at, self.session_id, name, email]
        if self.message is not None:
            row += [self.message.sender, self.message.id, self.message.text]
        return row

    def continues(self, before: "Happening | None") -> bool:
        """Whether it is one burst with what was told right before."""
        return (
            self.message is not None
            and before is not None
            and before.message is not None
            and (self.session_id, self.message.sender) == (before.session_id, before.message.sender)
            and 0 <= self.at - before.at <= _BURST
        )


class Lines:
    """Where happenings go.

    Args:
        stdout: Rows in a pipe, lines for a person at a terminal.
        stderr: Where the bell is, and what is said of the program.
        jsonl: Print JSON instead.
        bell: Ring for what a customer writes, once for a burst.
        program: Words of a command to be run for each, which gets its JSON; none runs nothing.
    """

    def __init__(
        self,
        stdout: Stdout,
        stderr: Stderr,
        *,
        jsonl: bool = False,
        bell: bool = False,
        program: Sequence[str] = (),
    ) -> None:
        self.is_json = jsonl
        self._stdout = stdout
        self._stderr = stderr
        self._has_bell = bell
        self._program = tuple(program)
        self._before: Happening | None = None
        self._day = ""

    async def tell(self, happening: Happening, presence: "PresenceSnapshot") -> None:
        """Print it, ring, and run the program to its end.

        Raises:
            UsageError: The program cannot be started.
        """
        continues = happening.continues(self._before)
        if self.is_json:
            self._stdout.line(happening.document(presence))
        elif self._stdout.is_terminal:
            self._draw(happening, continues=continues)
        else:
            self._stdout.rows([happening.row()])
        by_customer = happening.message is None or happening.message.sender == "customer"
        if self._has_bell and by_customer and not continues:
            self._stderr.ring()
        self._before = happening
        if self._program:
            await self._run(json_text(happening.document(presence), encoding="utf-8"))

    def _draw(self, happening: Happening, *, continues: bool) -> None:
        from rich.text import Text

        from imbari_chat.cli.tables import event_line, session_line
        from imbari_chat.view.dates import full

        day = full(happening.at, None).partition(" ")[0]
        if day != self._day:
            self._stdout.draw(Text(f"── {day} ──", "dim"))
            continues, self._day = False, day
        (short,) = short_ids([happening.session_id])
        if happening.message is not None:
            message, session = happening.message, happening.session
            self._stdout.draw(event_line(message, session, short, continues=continues))
        else:
            assert happening.session is not None
            words = happening.kind.value
            self._stdout.draw(session_line(words, happening.at, happening.session, short))

    async def _run(self, document: str) -> None:
        import asyncio

        try:
            process = await asyncio.create_subprocess_exec(
                *self._program, stdin=asyncio.subprocess.PIPE
            )
        except OSError as error:
            raise UsageError(
                f"--exec {self._program[0]!r} cannot be started: {error.strerror}"
            ) from None
        try:
            await process.communicate(f"{document}\n".encode())
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        if process.returncode:
            self._stderr.warn(f"{self._program[0]} ended with {process.returncode}")
