"""``assign``: who has a conversation."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.options import Json, Quiet, SessionArgument, target, with_admin_chat
from imbari_chat.cli.session_refs import addressee, find_session
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout
from imbari_chat.errors import Conflict, InvalidData, NotFound

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.config import Settings
    from imbari_chat.schema.models import Session
    from imbari_chat.schema.teamwork import TeamSnapshot
    from imbari_chat.view.people import Person

__all__ = ["assign"]


def assign(
    ctx: typer.Context,
    session: SessionArgument,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="WHO",
            help="Hand it over: to a colleague by name, e-mail or uid, or to anybody as uid:UID."
            " E-mails need a service account or an Auth emulator.",
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
                who = await _colleague(chat, team, here.settings(), to)
                given = await chat.team.assign(
                    name, who.uid, name=who.called, instead_of=instead_of
                )
                stderr.say(f"{given.label} has it now: the conversation with {addressee(about)}")
        return about, await chat.team.read(name)

    about, team = with_admin_chat(here, stderr, work, writes=True)
    if json:
        from imbari_chat.cli.team.about import told

        Stdout(tells_what_was_done=True).document(
            {"session_id": about.id, "team": told(team, about)}
        )


async def _colleague(
    chat: "AsyncAdminChat", team: "TeamSnapshot", settings: "Settings", reference: str
) -> "Person":
    """Whom a reference means.

    Raises:
        UsageError: The reference is empty.
        NotFound: Nobody known is called so, nor has an account that may be looked at.
        InvalidData: Several are.
        ImbariError: Accounts could not be looked at.
    """
    from imbari_chat.cli.colleagues import Colleagues
    from imbari_chat.view import people

    wanted = reference.strip()
    if not wanted:
        raise UsageError("--to whom? An empty name names nobody")
    known = people.known(team, await chat.read_presence())
    if (named := people.by_uid(known, wanted)) is not None:
        return named
    found = people.called(known, wanted)
    directory = Colleagues(settings)
    if not found and directory.can_be_asked and (one := await directory.find(wanted)):
        found = [one]
    if not found:
        names = ", ".join(one.label for one in known if one.uid != chat.uid)
        raise NotFound(
            f"nobody who is known here is called {wanted!r}",
            hint=f"Known are {names}" if names else f"Name one as {people.A_UID}UID",
        )
    if len(found) > 1:
        raise InvalidData(
            f"several colleagues are called {wanted!r}",
            hint=f"Name one as {' or '.join(people.A_UID + one.uid for one in found[:3])}",
        )
    return found[0]


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
