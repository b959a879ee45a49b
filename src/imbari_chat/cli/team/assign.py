"""``assign``: who has a conversation."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.options import Json, Quiet, SessionArgument, target, with_admin_chat
from imbari_chat.cli.session_refs import addressee, find_session
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout
from imbari_chat.cli.team.about import told
from imbari_chat.errors import Conflict, InvalidData, NotFound

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.schema.models import Session
    from imbari_chat.schema.teamwork import TeamSnapshot

__all__ = ["assign"]

_A_UID: Final = "uid:"


def assign(
    ctx: typer.Context,
    session: SessionArgument,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="WHO",
            help="Hand it over: to a colleague who is there or has a conversation, by name, or to"
            " anybody as uid:UID.",
            show_default=False,
        ),
    ] = None,
    take: Annotated[
        bool, typer.Option("--take", help="Also from a colleague who has it now.")
    ] = False,
    release: Annotated[bool, typer.Option("--release", help="Put down what you have.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Take a conversation that nobody has; or hand it over, take it over, put it down.

    If a colleague has it, or was faster by a moment, that is a conflict (exit code 6).
    """
    stderr, here = Stderr(quiet=quiet), target(ctx)
    if release and (take or to is not None):
        raise UsageError("--release goes with neither --to nor --take")

    async def work(chat: "AsyncAdminChat") -> "tuple[Session, TeamSnapshot]":
        name = await find_session(chat, session, here.settings())
        about, team = await chat.get_session(name), await chat.team.read()
        held = team.assignment_of(name)
        instead_of = held.to if held is not None and take else None
        with _in_words_of_a_command(name):
            if release:
                await chat.team.unassign(name)
                stderr.say(f"nobody has it now: the conversation with {addressee(about)}")
            elif to is None:
                await chat.team.claim(name, instead_of=instead_of)
                stderr.say(f"yours now: the conversation with {addressee(about)}")
            else:
                uid, called = await _colleague(chat, team, to)
                given = await chat.team.assign(name, uid, name=called, instead_of=instead_of)
                stderr.say(f"{given.label} has it now: the conversation with {addressee(about)}")
        return about, await chat.team.read(name)

    about, team = with_admin_chat(here, stderr, work, writes=True)
    if json:
        Stdout(tells_what_was_done=True).document(
            {"session_id": about.id, "team": told(team, about)}
        )


async def _colleague(
    chat: "AsyncAdminChat", team: "TeamSnapshot", reference: str
) -> tuple[str, str | None]:
    """The uid and the name of a colleague.

    Raises:
        UsageError: The reference is empty.
        NotFound: Nobody known is called so.
        InvalidData: Several are.
    """
    wanted = reference.strip()
    presence = await chat.read_presence()
    known: dict[str, str | None] = {one.to: one.name for one in team.assignments.values()}
    known |= {one.uid: one.name for those in presence.opened.values() for one in those}
    if wanted.startswith(_A_UID):
        uid = wanted.removeprefix(_A_UID)
        return uid, known.get(uid)
    if not wanted:
        raise UsageError("--to whom? An empty name names nobody")
    found = {
        uid: name
        for uid, name in known.items()
        if wanted.casefold() in (uid.casefold(), (name or "").casefold())
    }
    if not found:
        names = ", ".join(sorted({name or uid for uid, name in known.items()})[:5])
        raise NotFound(
            f"no colleague who is there or has a conversation is called {wanted!r}",
            hint=f"Known are {names}" if names else f"Name one as {_A_UID}UID",
        )
    if len(found) > 1:
        raise InvalidData(
            f"several colleagues are called {wanted!r}",
            hint=f"Name one as {' or '.join(_A_UID + uid for uid in sorted(found)[:3])}",
        )
    return next(iter(found.items()))


@contextmanager
def _in_words_of_a_command(session_id: str) -> Iterator[None]:
    try:
        yield
    except Conflict as error:
        raise Conflict(
            error.what,
            where=error.where,
            hint=f"To take it over: imbari-chat assign {shlex.quote(session_id)} --take",
        ) from error
