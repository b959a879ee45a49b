"""Both ways to run the demo: with a person at the desk, or by itself with checks."""

import asyncio
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from imbari_chat.cli import event_loop
from imbari_chat.cli.demo.cast import CANNED, cast_of
from imbari_chat.cli.demo.customers import Customer, Pace
from imbari_chat.cli.demo.headless import Check, Desk, checks, exchange_length
from imbari_chat.cli.demo.site import installed_sdk, serving, site_of
from imbari_chat.cli.demo.stage import PROJECT, Stage, stage
from imbari_chat.cli.desk import refuse_without_terminal, run_desk
from imbari_chat.cli.exit_codes import ExitCode
from imbari_chat.cli.stderr import Stderr, ask
from imbari_chat.cli.stdout import Stdout, record
from imbari_chat.client import AsyncAdminChat
from imbari_chat.schema.models import ADMIN_LABEL, Message, Session
from imbari_chat.view.labels import customer_label
from imbari_chat.view.sanitize import safe_text
from imbari_chat.wire.json import Json

__all__ = ["run_demo"]

_HURRY: Final = 8.0
_LIMIT: Final = 60.0
_LONGEST_NAME: Final = 60


def run_demo(
    *,
    headless: bool = False,
    customers: int = 4,
    seconds: float | None = None,
    json: bool = False,
    seed: int = 1,
    web: bool = False,
    port: int = 0,
) -> int:
    """Start an emulator, let customers write, and show the desk or serve them by script.

    Args:
        headless: No terminal: an admin answers by script, the conversation is printed as it
            happens, and what came of it is checked.
        customers: How many, at least 1.
        seconds: Leave after so long. Headless: fail if it takes longer (60 at most, by default).
        json: Headless: JSON lines, ``message_added`` as `watch` prints them, then one ``summary``.
        seed: For the customers' hesitation.
        web: Serve the website's two pages as well. Headless: nobody answers by script, since that
            is for whoever opens the dashboard; it lasts until Ctrl-C or ``seconds``.
        port: Of the pages; 0 takes a free one.

    Returns:
        0, or 10 if a check failed.

    Raises:
        UsageError: Not headless, and there is no terminal.
        ImbariError: Whatever goes wrong on either end.
    """
    if not headless:
        refuse_without_terminal("Without one: imbari-chat demo --headless")
    with stage() as here:
        cast = [
            Customer(replace(part, late=0.0) if headless else part) for part in cast_of(customers)
        ]
        if web:
            with serving(site_of(here), port) as url:
                _tell(here, url, json=json)
                if headless:
                    event_loop.run(_by_its_pages(here, cast, seconds, seed=seed))
                else:
                    ask("Press Enter for the desk in this terminal ")
                    title = f"{PROJECT} · {url}"
                    event_loop.run(_with_a_person(here, cast, seconds, seed=seed, title=title))
            return ExitCode.DONE
        if headless:
            limit = min(seconds or _LIMIT, _LIMIT)
            return event_loop.run(_by_itself(here, cast, limit, seed=seed, json=json))
        event_loop.run(_with_a_person(here, cast, seconds, seed=seed))
        return ExitCode.DONE


async def _with_a_person(
    here: Stage,
    cast: Sequence[Customer],
    seconds: float | None,
    *,
    seed: int,
    title: str = PROJECT,
) -> None:
    from imbari_chat.config import Settings

    pace = Pace(random.Random(seed))  # noqa: S311  # hesitation, not secrets
    try:
        async with (
            AsyncAdminChat.from_env(**here.flags) as chat,
            asyncio.timeout(seconds),
            asyncio.TaskGroup() as tasks,
        ):
            for name, text in CANNED.items():
                await chat.team.save_canned_reply(name, text)
            playing = [tasks.create_task(one.play(here.flags, pace)) for one in cast]
            await run_desk(chat, Settings.load(**here.flags), title=title)
            for task in playing:
                task.cancel()
    except TimeoutError:
        Stderr().say(f"the demo's {seconds:g} s are over")
    except BaseExceptionGroup as several:
        raise _first(several) from None


async def _by_its_pages(
    here: Stage, cast: Sequence[Customer], seconds: float | None, *, seed: int
) -> None:
    """Customers write, and whoever looks at the pages answers them."""
    pace = Pace(random.Random(seed))  # noqa: S311  # hesitation, not secrets
    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
            for one in cast:
                tasks.create_task(one.play(here.flags, pace))
    except TimeoutError:
        Stderr().say(f"the demo's {seconds:g} s are over")
    except BaseExceptionGroup as several:
        raise _first(several) from None


def _tell(here: Stage, url: str, *, json: bool) -> None:
    """Where everything is."""
    addresses: dict[str, Json] = {
        "widget": f"{url}/",
        "dashboard": f"{url}/admin/chat",
        "email": here.email,
        "password": here.password,
        "database": here.emulator.database_url,
        "auth": f"http://{here.emulator.auth_host}",
    }
    if json:
        Stdout().line({"event": "serving", **addresses})
        return
    for name, value in addresses.items():
        Stdout().text(f"{name:<10} {value}")
    if installed_sdk() is None:
        Stderr().say(
            "the pages take Firebase's SDK from Google's CDN; offline: npm install firebase"
        )


async def _by_itself(
    here: Stage, cast: Sequence[Customer], limit: float, *, seed: int, json: bool
) -> int:
    stdout = Stdout()

    def print_message(session: Session, message: Message) -> None:
        stdout.line(_as_json(session, message)) if json else stdout.text(_as_line(session, message))

    began = time.monotonic()
    async with AsyncAdminChat.from_env(**here.flags) as chat:
        desk = Desk(chat, print_message)
        try:
            async with asyncio.timeout(limit):
                await _perform(here, desk, cast, seed=seed)
                results = await checks(desk, cast, here.emulator.refusals())
        except TimeoutError:
            results = [Check(f"everything is said and checked within {limit:g} s", passed=False)]
    summary = _summary(here, desk, cast, results, time.monotonic() - began)
    if json:
        stdout.line(summary)
    else:
        for line in _summary_lines(summary, results):
            stdout.text(line)
    return ExitCode.DONE if all(one.passed for one in results) else ExitCode.CHECK_FAILED


async def _perform(here: Stage, desk: Desk, cast: Sequence[Customer], *, seed: int) -> None:
    """The desk first, then the customers, so that the desk hears every message as news."""
    pace = Pace(random.Random(seed), speed=_HURRY)  # noqa: S311  # hesitation, not secrets
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(desk.serve(sum(one.part.lines for one in cast)))
            await desk.live.wait()
            for one in cast:
                tasks.create_task(one.play(here.flags, pace, until=exchange_length(one.part)))
    except BaseExceptionGroup as several:
        raise _first(several) from None


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of several, as the tasks beside it were only cancelled because of it."""
    error = several.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _as_json(session: Session, message: Message) -> dict[str, Json]:
    return {
        "event": "message_added",
        "session_id": session.id,
        "customer_name": session.customer_name,
        "message": record(message),
    }


def _as_line(session: Session, message: Message) -> str:
    """Who and what, on one line; to whom, for the desk's own."""
    name = safe_text(customer_label(session), max_length=_LONGEST_NAME)
    if message.sender == "admin":
        name = f"{ADMIN_LABEL} to {name}"
    return f"{name}: {safe_text(message.text)}"


def _summary(
    here: Stage,
    desk: Desk,
    cast: Sequence[Customer],
    results: Sequence[Check],
    took: float,
) -> dict[str, Json]:
    return {
        "event": "summary",
        "emulator_start_ms": round(here.started_in * 1000),
        "seconds": round(took, 1),
        "customers": len(cast),
        "messages": len(desk.seen),
        "refusals": len(here.emulator.refusals()),
        "checks": [{"claim": one.claim, "passed": one.passed, "seen": one.seen} for one in results],
    }


def _summary_lines(summary: Mapping[str, Json], results: Sequence[Check]) -> Iterator[str]:
    yield ""
    yield (
        f"emulator started in {summary['emulator_start_ms']} ms; {summary['customers']} customers,"
        f" {summary['messages']} messages in {summary['seconds']} s;"
        f" {summary['refusals']} refusals by the rules"
    )
    for one in results:
        yield f"{'passed' if one.passed else 'FAILED'}: {one.claim}"
        if one.seen:
            yield f"        {safe_text(one.seen)}"
