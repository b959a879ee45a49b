"""``doctor``: is everything set up, and is what is stored in order?

Changes nothing, unless it is told to put unread counts right.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from imbari_chat.cli.exit_codes import ExitCode
from imbari_chat.cli.options import Json, target
from imbari_chat.cli.session_refs import addressee
from imbari_chat.cli.stderr import Stderr, narrating_log
from imbari_chat.cli.stdout import Stdout
from imbari_chat.errors import AccessDenied, Conflict, ImbariError, NotFound

if TYPE_CHECKING:
    import requests

    from imbari_chat.client.gateway import Gateway
    from imbari_chat.config import Settings
    from imbari_chat.identity.project import Project
    from imbari_chat.net.transport import Way
    from imbari_chat.schema.events import RecordRejected
    from imbari_chat.schema.models import Session
    from imbari_chat.wire.json import Json as JsonValue

__all__ = ["doctor"]

_AT_ONCE: Final = 8
_NAMED: Final = 3
_DEPLOY: Final = "Deploy database.rules.json: `firebase deploy --only database`"


@dataclass(frozen=True, slots=True)
class _Miscount:
    """A conversation whose unread count was wrong, or could not be looked at."""

    id: str
    customer: str
    counted: int | None = None
    unread: int | None = None
    repaired: bool = False
    error: str | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.id} ({self.customer}): {self.error}"
        counted = "no number" if self.counted is None else str(self.counted)
        change = f"{self.unread} now, {counted} before"
        said = change if self.repaired else f"{counted} instead of {self.unread}"
        return f"{self.id} ({self.customer}): {said}"


@dataclass(frozen=True, slots=True)
class _Check:
    """One thing looked at."""

    name: str
    state: Literal["ok", "warn", "fail"]
    found: str
    hint: str | None = None
    conversations: Sequence[_Miscount] = ()

    def document(self) -> "dict[str, JsonValue]":
        """As JSON; conversations only where a check is about some."""
        fields = asdict(self)
        if not self.conversations:
            del fields["conversations"]
        return fields


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
    """Check settings, services, sign-in, rules and records. Exit code 10 if a check failed."""
    import asyncio

    here = target(ctx)
    try:
        settings = here.settings()
        where = settings.where()
    except ImbariError as error:
        checks = [_failed("settings", error)]
    else:
        if fix_unread:
            Stderr().name_target(settings)
        words = ", ".join(f"{name} {value}" for name, value in where.items())
        checks = [_Check("settings", "ok", words)]

        async def collect() -> None:
            async for check in _checks(settings, limit, fix_unread=fix_unread):
                checks.append(check)

        with narrating_log(Stderr()):
            asyncio.run(collect())
    _report(checks, json=json)
    if any(check.state == "fail" for check in checks):
        raise typer.Exit(ExitCode.CHECK_FAILED)


def _report(checks: list[_Check], *, json: bool) -> None:
    if json:
        Stdout().document({"checks": [check.document() for check in checks]})
        return
    from rich.text import Text

    from imbari_chat.cli.tables import grid
    from imbari_chat.view.sanitize import safe_text

    styles = {"ok": "green", "warn": "yellow", "fail": "bold red"}
    table = grid(["", "Check", "Found"])
    for check in checks:
        found = Text(safe_text(check.found))
        shown = check.conversations if check.state != "warn" else check.conversations[:_NAMED]
        for miscount in shown:
            found.append(f"\n{safe_text(str(miscount))}")
        if len(shown) < len(check.conversations):
            found.append(f"\nand {len(check.conversations) - len(shown)} more")
        if check.hint:
            found.append(f"\n{safe_text(check.hint)}", "dim")
        table.add_row(Text(check.state, styles[check.state]), Text(check.name), found)
    Stdout().draw(table)


async def _checks(settings: "Settings", limit: int, *, fix_unread: bool) -> AsyncIterator[_Check]:
    """What can be checked, in order; what a failure makes pointless is left out."""
    import asyncio

    from imbari_chat.client import AsyncAdminChat, transports
    from imbari_chat.client.gateway import Gateway
    from imbari_chat.identity import factory

    try:
        project = factory.project(settings)
    except ImbariError as error:
        yield _failed("settings", error)
        return
    database, rules = await asyncio.to_thread(_database, project)
    yield database
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
            yield _Check("sign-in", "ok", f"acting as {chat.uid or 'the service itself'}")
            try:
                sessions = await chat.sessions(limit=limit)
            except ImbariError as error:
                yield _failed("rules for admins", error, hint=_DEPLOY)
                return
            yield _Check("rules for admins", "ok", "an admin can list conversations")
            yield _transport(gateway.way)
            yield await _presence(gateway)
            try:
                counts = _counts(
                    len(sessions), await _miscounts(gateway, sessions, fix=fix_unread), fix_unread
                )
            except ImbariError as error:
                counts = _failed("unread counts", error)
    except ImbariError as error:
        yield _failed("sign-in", error)
        return
    yield _records(len(sessions), list(rejected.values()))
    yield counts


async def _presence(gateway: "Gateway") -> _Check:
    """Whether the rules let it be read, and written: what is taken away is not there."""
    from imbari_chat.schema import paths

    name = "presence"
    if gateway.presence.state == "off":
        return _Check(name, "ok", "switched off")
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
        return _failed(name, error)
    else:
        if gateway.presence.is_on:
            return _Check(name, "ok", "who is there can be said and seen")
    found = "the rules know nothing of it: nobody sees who is there, nor who types"
    return _Check(name, "warn", found, _DEPLOY)


def _database(project: "Project") -> tuple[_Check, _Check | None]:
    """Whether the database answers, and what it tells a stranger."""
    from imbari_chat.schema import paths

    answer = _get(project, project.url(paths.SESSIONS, {"shallow": "true"}))
    if isinstance(answer, str):
        return _Check("database", "fail", answer, "Check the address and the network"), None
    if answer.status_code == 404:
        return _Check("database", "fail", "there is no such database", "Check its name"), None
    reached = _Check("database", "ok", f"{project.rest_base} answers")
    if answer.ok:
        return reached, _Check(
            "rules for strangers",
            "warn",
            "anybody can list all conversations without signing in",
            _DEPLOY,
        )
    return reached, _Check("rules for strangers", "ok", "nobody lists conversations unasked")


def _transport(way: "Way") -> _Check:
    """By what the database was reached just now."""
    if way.name == "websocket" or way.reason is None:
        return _Check("transport", "ok", str(way))
    return _Check(
        "transport",
        "warn",
        str(way),
        "All works by requests and event streams; a proxy or firewall that lets WebSockets through"
        " to the database makes it faster",
    )


def _sign_in_service(project: "Project") -> _Check:
    address = (
        f"http://{project.auth_emulator}/"
        if project.auth_emulator
        else "https://identitytoolkit.googleapis.com/"
    )
    if project.is_emulator and not project.auth_emulator:
        return _Check(
            "auth",
            "warn",
            "the database is an emulator, and no Auth emulator is configured",
            "Set FIREBASE_AUTH_EMULATOR_HOST; without it nobody can sign in",
        )
    answer = _get(project, address)
    if isinstance(answer, str):
        return _Check("auth", "fail", answer, "Check the address and the network")
    return _Check("auth", "ok", f"{address} answers")


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
) -> list[_Miscount]:
    """The conversations whose unread count is wrong, or was until just now."""
    import asyncio

    from imbari_chat.client.reading import unread_counts

    gate = asyncio.Semaphore(_AT_ONCE)

    async def look(session: "Session") -> _Miscount | None:
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
                return _Miscount(session.id, customer, error=error.what)
        if mismatch is None:
            return None
        return _Miscount(session.id, customer, mismatch.counted, mismatch.unread, repaired=fix)

    looked = await asyncio.gather(*(look(session) for session in sessions))
    return [found for found in looked if found is not None]


def _records(count: int, rejected: "list[RecordRejected]") -> _Check:
    if not rejected:
        return _Check("records", "ok", f"well formed, in {_so_many(count)}")
    named = "; ".join(f"{one.path} ({', '.join(one.reasons)})" for one in rejected[:_NAMED])
    more = f" and {len(rejected) - _NAMED} more" if len(rejected) > _NAMED else ""
    return _Check(
        "records",
        "warn",
        f"{len(rejected)} malformed: {named}{more}",
        "They are left out, or shown with gaps; correct or delete them in the Firebase console",
    )


def _counts(count: int, miscounts: Sequence[_Miscount], fix: bool) -> _Check:
    name = "unread counts"
    if not miscounts:
        return _Check(name, "ok", f"right, in {_so_many(count)}")
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
        return _Check(name, "fail" if failed else "ok", found, conversations=miscounts)
    hint = "Put them right: imbari-chat doctor --fix-unread"
    return _Check(name, "warn", found, hint, miscounts)


def _so_many(conversations: int) -> str:
    return "1 conversation" if conversations == 1 else f"{conversations} conversations"


def _failed(name: str, error: ImbariError, hint: str | None = None) -> _Check:
    if isinstance(error, AccessDenied):
        return _Check(name, "fail", error.what, error.hint or hint)
    where = f" (at {error.where})" if error.where else ""
    return _Check(name, "fail", f"{error.what}{where}", error.hint or hint)
