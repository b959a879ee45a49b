"""What several commands take, and the settings behind it.

Options of the program say where the chat is and who asks (:class:`Target`); those of commands
say how to answer.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, TypeVar

import typer

from imbari_chat.cli.completion import sessions
from imbari_chat.cli.stderr import Stderr, narrating_log

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.config import Settings

__all__ = [
    "EMULATOR_AUTH_PORT",
    "EMULATOR_DATABASE",
    "Json",
    "OptionalSession",
    "Quiet",
    "SessionArgument",
    "SessionArguments",
    "Target",
    "Within",
    "target",
    "with_admin_chat",
]

EMULATOR_DATABASE: Final = "127.0.0.1:9000"
EMULATOR_AUTH_PORT: Final = 9099

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print data as JSON.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="Say nothing on stderr but warnings and errors.")
]
Within = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        min=0.001,
        help="Stop after so long, with exit code 124.",
    ),
]
_NAMING: Final = (
    "number in the list that this terminal printed last, id or the beginning of one, e-mail or name"
)
SessionArgument = Annotated[
    str,
    typer.Argument(metavar="SESSION", help=f"Its {_NAMING}.", autocompletion=sessions),
]
OptionalSession = Annotated[
    str | None,
    typer.Argument(
        metavar="SESSION",
        help="Only this conversation; all of them otherwise.",
        autocompletion=sessions,
    ),
]
SessionArguments = Annotated[
    list[str],
    typer.Argument(
        metavar="SESSION...",
        help=f"Of each its {_NAMING}; - reads ids from standard input.",
        autocompletion=sessions,
    ),
]


@dataclass(frozen=True, slots=True)
class Target:
    """What was said before the command: where the chat is, and who asks.

    Attributes:
        flags: By the names of :class:`~imbari_chat.config.Settings`; only what was given.
    """

    NAMES: ClassVar = (
        "project", "database_url", "emulator", "profile", "credentials", "request_timeout",
    )  # fmt: skip

    flags: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *,
        project: str | None,
        database_url: str | None,
        emulator: str | None,
        profile: str | None,
        credentials: Path | None,
        request_timeout: float | None,
    ) -> "Target":
        """The options before the command. Naming an emulator names its Auth half too: port 9099 of
        the same host, unless the environment says where it is."""
        flags: dict[str, Any] = {
            "project": project,
            "database_url": database_url,
            "database_emulator": emulator,
            "profile": profile,
            "credentials": credentials,
            "timeout": request_timeout,
        }
        if emulator and not os.environ.get("FIREBASE_AUTH_EMULATOR_HOST"):
            flags["auth_emulator"] = f"{emulator.rpartition(':')[0]}:{EMULATOR_AUTH_PORT}"
        return cls({name: value for name, value in flags.items() if value is not None})

    def settings(self) -> "Settings":
        """Flags over environment over file.

        Raises:
            ConfigError: A setting cannot be used.
        """
        from imbari_chat.config import Settings

        return Settings.load(**self.flags)

    def brief_settings(self, *, queues: bool = False) -> "Settings":
        """The same for what ends by itself: no WebSocket, and what cannot be sent is given back.

        Args:
            queues: Whether messages that cannot be sent are kept instead.

        Raises:
            ConfigError: A setting cannot be used.
        """
        settings, brief = self.settings(), {}
        if settings.transport == "auto":
            brief["transport"] = "rest"
        if queues:
            brief["outbox"] = "durable"
        elif settings.outbox == "auto":
            brief["outbox"] = "memory"
        return settings.model_copy(update=brief)


def target(ctx: typer.Context) -> Target:
    """The target that the options before the command name."""
    found = ctx.find_object(Target)
    return found if found is not None else Target()


def with_admin_chat(
    here: Target,
    stderr: Stderr,
    work: "Callable[[AsyncAdminChat], Awaitable[T]]",
    *,
    writes: bool = False,
    lasts: bool = False,
    queues: bool = False,
    draws: bool = False,
) -> T:
    """Run ``work`` with an admin's chat that is closed afterwards, in an event loop of its own.

    On Ctrl-C ``work`` is cancelled, and everything is gone within a second.

    Args:
        here: Where the chat is, and who asks.
        stderr: Told of stored records that do not fit the contract, and of the library's warnings.
        work: Gets the chat, ready to use.
        writes: Whether it may change anything; the target is then named first.
        lasts: Whether it goes on until somebody ends it: a connection is worth its while, and
            messages may wait.
        queues: Whether what it cannot send is kept for a later program.
        draws: Whether it draws on standard error itself. Otherwise a person is told there when it
            takes long.

    Raises:
        Unavailable: Messages were left undelivered, and ``work`` did not say so.
        ImbariError: Whatever the client raises.
    """
    from imbari_chat.cli import event_loop
    from imbari_chat.cli.waiting import telling_of_a_wait
    from imbari_chat.client import AsyncAdminChat

    settings = here.settings() if lasts else here.brief_settings(queues=queues)
    if writes:
        stderr.name_target(settings)

    async def run() -> T:
        async with AsyncAdminChat(settings, on_rejected=stderr.rejected) as chat:
            if lasts or draws:
                return await work(chat)
            async with telling_of_a_wait(stderr, settings.target()):
                return await work(chat)

    with narrating_log(stderr):
        return event_loop.run(run())
