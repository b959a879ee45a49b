"""``completion``: what a shell asks when Tab is pressed, and whom a conversation may be with.

Names and e-mails are what strangers typed, and shells obey more of a completion than they should:
zsh evaluates it. So what is offered, and what is said of it, is made of letters, digits and a few
signs; whoever is called otherwise is offered by id.
"""

import logging
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from imbari_chat.cli.stdout import Stdout
from imbari_chat.errors import ImbariError

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.schema.models import Session
    from imbari_chat.schema.teamwork import CannedReply

__all__ = [
    "VARIABLE",
    "canned_replies",
    "complete_ids",
    "completion",
    "register_shells",
    "sessions",
]

T = TypeVar("T")

VARIABLE: Final = "_IMBARI_CHAT_COMPLETE"
"""Set by a shell that asks; its value ends in the shell's name."""

_HARMLESS: Final = re.compile(r"[\w@.+-][\w@.+ -]*")
_OFFERED: Final = 50
"""Conversations with the latest messages."""
_LONGEST: Final = 60
"""Characters that are said of one."""
_PATIENCE: Final = 2.0
"""Seconds; nobody waits longer for a Tab."""


class Shell(StrEnum):
    """Shells that can be told."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="Which shell it is for.")],
) -> None:
    """Print what lets a shell complete commands, options, conversations and their customers."""
    from typer import completion as typers

    from imbari_chat.cli.app import NAME

    script = typers.get_completion_script(  # type: ignore[attr-defined]  # it is imported there
        prog_name=NAME, complete_var=VARIABLE, shell=shell.value
    )
    Stdout().text(script.strip("\n"))


def register_shells() -> None:
    """Let Typer know the shells; it does so itself only together with options of its own."""
    from typer import completion as typers

    typers.completion_init()  # type: ignore[attr-defined]  # it is imported there


def sessions(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """E-mails, names and ids of the latest conversations that begin with ``incomplete``."""

    async def read(chat: "AsyncAdminChat") -> "list[Session]":
        return await chat.sessions(limit=_OFFERED)

    return [
        offer
        for session in _read(ctx, read)
        for offer in _offers(session)
        if offer[0].startswith(incomplete)
    ]


def canned_replies(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Names of the replies that are ready; with a slash in front, as a reply asks for one."""
    slash = "/" if incomplete.startswith("/") else ""

    async def read(chat: "AsyncAdminChat") -> "list[CannedReply]":
        return await chat.team.canned_replies()

    return [
        (f"{slash}{one.name}", _harmless(one.text)[:_LONGEST])
        for one in _read(ctx, read)
        if _is_harmless(one.name) and f"{slash}{one.name}".startswith(incomplete)
    ]


def _read(ctx: typer.Context, work: "Callable[[AsyncAdminChat], Awaitable[list[T]]]") -> list[T]:
    """What the service has, or nothing if it does not answer soon; and never a word of why."""
    import asyncio

    from imbari_chat.cli import event_loop
    from imbari_chat.cli.options import Target
    from imbari_chat.client import AsyncAdminChat

    root = ctx.find_root()
    here = Target.of(**{name: root.params.get(name) for name in Target.NAMES})

    async def read() -> list[T]:
        settings = here.brief_settings()
        async with (
            asyncio.timeout(_PATIENCE),
            AsyncAdminChat(settings, on_rejected=lambda _: None) as chat,
        ):
            return await work(chat)

    silence = logging.NullHandler()
    logging.getLogger().addHandler(silence)
    try:
        return event_loop.run(read())
    except (ImbariError, TimeoutError):
        return []
    finally:
        logging.getLogger().removeHandler(silence)


def _offers(session: "Session") -> Iterator[tuple[str, str]]:
    from imbari_chat.cli.session_refs import unmistakable

    name, email = session.customer_name.strip(), session.customer_email
    about = _harmless(f"{name} {session.last_message}")[:_LONGEST]
    if _is_harmless(email) and "@" in email:
        yield email, about
    if _is_harmless(name):
        yield _quoted(name), _harmless(f"{email} {session.last_message}")[:_LONGEST]
    if _is_harmless(session.id) and unmistakable(session.id) == session.id:
        yield session.id, about


def _quoted(name: str) -> str:
    """As a word of the command line that asks; bash alone does not see to that itself."""
    in_bash = os.environ.get(VARIABLE, "").endswith(Shell.BASH)
    return name.replace(" ", "\\ ") if in_bash else name


def _is_harmless(text: str) -> bool:
    return _HARMLESS.fullmatch(text) is not None


def _harmless(text: str) -> str:
    return " ".join(" ".join(_HARMLESS.findall(text)).split())


def complete_ids(command: Any, ctx: Any, incomplete: str) -> list[Any]:
    """Ids begin with a dash as options do, and Typer looks for options alone."""
    if not incomplete.startswith("-") or incomplete.startswith("--"):
        return []
    from typer.core import TyperArgument

    return [
        item
        for parameter in command.params
        if isinstance(parameter, TyperArgument)
        for item in parameter.shell_complete(ctx, incomplete)
    ]
