"""``doctor``: is everything set up, and is what is stored in order?

Changes nothing, unless it is told to put unread counts right.
"""

import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from imbari_chat.cli.checks import Check, Miscount, failed, report
from imbari_chat.cli.exit_codes import ExitCode
from imbari_chat.cli.options import Json, target
from imbari_chat.cli.session_refs import addressee
from imbari_chat.cli.stderr import Stderr, narrating_log
from imbari_chat.cli.surroundings import clock, connections, deployed_rules, terminal
from imbari_chat.errors import AccessDenied, Conflict, ImbariError, NotFound

if TYPE_CHECKING:
    import requests

    from imbari_chat.client.gateway import Gateway
    from imbari_chat.config import Settings
    from imbari_chat.identity.project import Project
    from imbari_chat.schema.events import RecordRejected
    from imbari_chat.schema.models import Session

__all__ = ["doctor"]

_AT_ONCE: Final = 8
_NAMED: Final = 3
_DEPLOY: Final = "Deploy database.rules.json: `firebase deploy --only database`"


def doctor(
    ctx: typer.Context,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="Look at the records of so many conversations.")
    ] = 50,
    fix_unread: Annotated[
        bool,
        typer.Option(
            "--fix-unread",
            help="Put wrong unread counts right, in those conversations. The check is then ok, or"
            " fails if one could not be put right.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Check settings, terminal, services, clock, sign-in, rules and records.

    Exit code 10 if a check failed.
    """
    from imbari_chat.cli import event_loop
    from imbari_chat.cli.waiting import telling_of_a_wait

    here = target(ctx)
    try:
        settings = here.settings()
        where = settings.where()
    except ImbariError as error:
        checks = [failed("settings", error)]
    else:
        if fix_unread:
            Stderr().name_target(settings)
        words = ", ".join(f"{name} {value}" for name, value in where.items())
        checks = [Check("settings", "ok", words)]

        async def collect() -> None:
            async with telling_of_a_wait(Stderr(), settings.target()):
                async for check in _checks(settings, limit, fix_unread=fix_unread):
                    checks.append(check)

        with narrating_log(Stderr()):
            event_loop.run(collect())
    report(checks, json=json)
    if any(check.state == "fail" for check in checks):
        raise typer.Exit(ExitCode.CHECK_FAILED)


async def _checks(settings: "Settings", limit: int, *, fix_unread: bool) -> AsyncIterator[Check]:
    """What can be checked, in order; what a failure makes pointless is left out."""
    import asyncio

    from imbari_chat.client import AsyncAdminChat, transports
    from imbari_chat.client.gateway import Gateway
    from imbari_chat.identity import factory

    try:
        project = factory.project(settings)
    except ImbariError as error:
        yield failed("settings", error)
        return
    yield terminal()
    database, clocks, rules = await asyncio.to_thread(_database, project)
    yield database
    if clocks is not None:
        yield clocks
    yield await asyncio.to_thread(_sign_in_service, project)
    if database.state == "fail":
        return
    if rules is not None:
        yield rules
    rejected: dict[str, RecordRejected] = {}
    gateway = Gateway(
        transports.admin_transport(settings),
        on_rejected=lambda event: rejected.update({event.path: event}),
        presence=settings.presence,
    )
    try:
        async with AsyncAdminChat._over(gateway) as chat:  # noqa: SLF001  # checks its gateway
            yield Check("sign-in", "ok", f"acting as {chat.uid or 'the service itself'}")
            try:
                sessions = await chat.sessions(limit=limit)
            except ImbariError as error:
                yield failed("rules for admins", error, hint=_DEPLOY)
                return
            yield Check("rules for admins", "ok", "an admin can list conversations")
            yield await asyncio.to_thread(deployed_rules, settings, project)
            yield connections(gateway.way)
            yield await _presence(gateway)
            try:
                counts = _counts(
                    len(sessions), await _miscounts(gateway, sessions, fix=fix_unread), fix_unread
                )
            except ImbariError as error:
                counts = failed("unread counts", error)
    except ImbariError as error:
        yield failed("sign-in", error)
        return
    yield _records(len(sessions), list(rejected.values()))
    yield counts


async def _presence(gateway: "Gateway") -> Check:
    """Whether the rules let it be read, and written: what is taken away is not there."""
    from imbari_chat.schema import paths

    name = "presence"
    if gateway.presence.state == "off":
        return Check(name, "ok", "switched off")
    try:
        await gateway.presence.read()
        if gateway.presence.is_on:
            there = await gateway.transport.get(paths.ADMINS_PRESENT)
            uid = gateway.uid or "service"
            mine = there.get(uid) if isinstance(there, dict) else None
            taken = mine if isinstance(mine, dict) else {}
            free = next(key for key in map("{:02x}".format, range(257)) if key not in taken)
            await gateway.transport.update({paths.admin_present(uid, free): None})
    except AccessDenied:
        pass
    except ImbariError as error:
        return failed(name, error)
    else:
        if gateway.presence.is_on:
            return Check(name, "ok", "who is there can be said and seen")
    found = "the rules know nothing of it: nobody sees who is there, nor who types"
    return Check(name, "warn", found, _DEPLOY)


def _database(project: "Project") -> tuple[Check, Check | None, Check | None]:
    """Whether the database answers, by which clock, and what it tells a stranger."""
    from imbari_chat.schema import paths

    answer = _get(project, project.url(paths.SESSIONS, {"shallow": "true"}))
    if isinstance(answer, str):
        return Check("database", "fail", answer, "Check the address and the network"), None, None
    if answer.status_code == 404:
        missing = Check("database", "fail", "there is no such database", "Check its name")
        return missing, None, None
    took = answer.elapsed.total_seconds() * 1000
    reached = Check("database", "ok", f"{project.rest_base} answers, in {took:.0f} ms")
    clocks = clock(answer.headers.get("Date"), time.time())
    if answer.ok:
        return (
            reached,
            clocks,
            Check(
                "rules for strangers",
                "warn",
                "anybody can list all conversations without signing in",
                _DEPLOY,
            ),
        )
    told = Check("rules for strangers", "ok", "nobody lists conversations unasked")
    return reached, clocks, told


def _sign_in_service(project: "Project") -> Check:
    address = (
        f"http://{project.auth_emulator}/"
        if project.auth_emulator
        else "https://identitytoolkit.googleapis.com/"
    )
    if project.is_emulator and not project.auth_emulator:
        return Check(
            "auth",
            "warn",
            "the database is an emulator, and no Auth emulator is configured",
            "Set FIREBASE_AUTH_EMULATOR_HOST; without it nobody can sign in",
        )
    answer = _get(project, address)
    if isinstance(answer, str):
        return Check("auth", "fail", answer, "Check the address and the network")
    return Check("auth", "ok", f"{address} answers")


def _get(project: "Project", url: str) -> "requests.Response | str":
    """The answer, whatever it is, or why there is none."""
    import requests

    from imbari_chat.identity.session import QuietSession

    try:
        with QuietSession(project) as session:
            return session.get(url)
    except requests.RequestException as error:
        return f"{url.partition('?')[0]} does not answer ({type(error).__name__})"


async def _miscounts(
    gateway: "Gateway", sessions: "Sequence[Session]", *, fix: bool
) -> list[Miscount]:
    """The conversations whose unread count is wrong, or was until just now."""
    import asyncio

    from imbari_chat.client.reading import unread_counts

    gate = asyncio.Semaphore(_AT_ONCE)

    async def look(session: "Session") -> Miscount | None:
        customer = addressee(session)
        async with gate:
            try:
                mismatch = await (unread_counts.repair if fix else unread_counts.find_mismatch)(
                    gateway, session.id
                )
            except NotFound:  # it was deleted meanwhile
                return None
            except ImbariError as error:
                if not fix and not isinstance(error, Conflict):
                    raise
                return Miscount(session.id, customer, error=error.what)
        if mismatch is None:
            return None
        return Miscount(session.id, customer, mismatch.counted, mismatch.unread, repaired=fix)

    looked = await asyncio.gather(*(look(session) for session in sessions))
    return [found for found in looked if found is not None]


def _records(count: int, rejected: "list[RecordRejected]") -> Check:
    if not rejected:
        return Check("records", "ok", f"well formed, in {_so_many(count)}")
    named = "; ".join(f"{one.path} ({', '.join(one.reasons)})" for one in rejected[:_NAMED])
    more = f" and {len(rejected) - _NAMED} more" if len(rejected) > _NAMED else ""
    return Check(
        "records",
        "warn",
        f"{len(rejected)} malformed: {named}{more}",
        "They are left out, or shown with gaps; correct or delete them in the Firebase console",
    )


def _counts(count: int, miscounts: Sequence[Miscount], fix: bool) -> Check:
    name = "unread counts"
    if not miscounts:
        return Check(name, "ok", f"right, in {_so_many(count)}")
    failed = sum(one.error is not None for one in miscounts)
    clear = len(miscounts) - failed
    found = ", ".join(
        f"{number} {said}"
        for number, said in (
            (clear, "put right" if fix else "wrong"),
            (failed, "could not be put right" if fix else "too busy to be counted"),
        )
        if number
    )
    if fix:
        return Check(name, "fail" if failed else "ok", found, conversations=miscounts)
    hint = "Put them right: imbari-chat doctor --fix-unread"
    return Check(name, "warn", found, hint, miscounts)


def _so_many(conversations: int) -> str:
    return "1 conversation" if conversations == 1 else f"{conversations} conversations"
