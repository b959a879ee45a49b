"""``export``: which conversations, and where to."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.inbox import Shown
from imbari_chat.cli.options import Quiet, target, with_admin_chat
from imbari_chat.cli.session_refs import find_session
from imbari_chat.cli.since import moment
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout
from imbari_chat.clock import local_time
from imbari_chat.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from imbari_chat.cli.export.formats import Exported, Kind
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.config import Settings
    from imbari_chat.schema.models import Session

__all__ = ["export"]


def export(
    ctx: typer.Context,
    sessions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SESSION]...",
            help="Only these, named as for `show`; all of them otherwise.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to; replaced as a whole, or left as it was. Standard output otherwise.",
        ),
    ] = None,
    kind: Annotated[
        Literal["jsonl", "csv", "md", "html"] | None,
        typer.Option("--format", help="As FILE ends, or else jsonl."),
    ] = None,
    status: Annotated[Shown, typer.Option(help="Which conversations.")] = Shown.ALL,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Only those with a message since then; as for `inbox`.",
        ),
    ] = None,
    notes: Annotated[bool, typer.Option("--notes", help="With the team's private notes.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write conversations out, newest first, each with all its messages. Nothing is marked read."""
    from imbari_chat.cli.export.formats import FORMATS

    stderr, here = Stderr(quiet=quiet), target(ctx)
    chosen = FORMATS[_kind(kind, output)]()
    now = local_time()
    earliest = None if since is None else moment(since, now, option="--since")
    if sessions and (earliest is not None or status is not Shown.ALL):
        raise UsageError("conversations that are named are exported whatever they are")

    async def work(chat: "AsyncAdminChat", write: Callable[[str], None]) -> tuple[int, int]:
        from imbari_chat.cli.ahead import PAGE, in_order
        from imbari_chat.cli.progress import progress

        if sessions:
            found = await _named(chat, sessions, here.settings())
        else:
            browsed = chat.browse(status=status.wanted, since=earliest, page_size=PAGE)
            found = [one async for one in browsed]
        messages = 0
        write(chosen.head())
        with progress(stderr, "exporting", len(found)) as step:
            async for _, one in in_order(_reading(chat, notes=notes), _each(found)):
                write(chosen.conversation(one))
                messages += len(one.messages)
                step()
        write(chosen.foot())
        return len(found), messages

    with _sink(output) as write:
        count, messages = with_admin_chat(here, stderr, lambda chat: work(chat, write), draws=True)
    where = "" if output is None else f" to {output}"
    stderr.say(
        f"{count:,} conversation{'' if count == 1 else 's'} with {messages:,}"
        f" message{'' if messages == 1 else 's'} exported{where}"
    )


def _kind(given: str | None, output: Path | None) -> "Kind":
    from imbari_chat.cli.export.formats import Kind

    if given is not None:
        return Kind(given)
    if output is None:
        return Kind.JSONL
    try:
        return Kind(output.suffix.removeprefix(".").lower())
    except ValueError:
        raise UsageError(
            f"{output.name!r} does not say which format it is to have",
            hint=f"Say --format, or let it end in {', '.join(f'.{one}' for one in Kind)}",
        ) from None


async def _named(
    chat: "AsyncAdminChat", references: list[str], settings: "Settings"
) -> "list[Session]":
    names = [await find_session(chat, one, settings) for one in references]
    return [await chat.get_session(name) for name in dict.fromkeys(names)]


def _reading(chat: "AsyncAdminChat", *, notes: bool) -> "Callable[[Session], Awaitable[Exported]]":
    from imbari_chat.cli.ahead import whole
    from imbari_chat.cli.export.formats import Exported

    async def read(session: "Session") -> Exported:
        messages = await whole(chat, session.id)
        noted = await chat.team.notes(session.id) if notes else ()
        return Exported(session, messages, noted)

    return read


async def _each(sessions: "list[Session]") -> "AsyncIterator[Session]":
    for one in sessions:
        yield one


@contextmanager
def _sink(output: Path | None) -> Iterator[Callable[[str], None]]:
    """Where the text goes; a file takes its place when all of it is there."""
    if output is None:
        stdout = Stdout()
        yield lambda text: stdout.text(text.removesuffix("\n")) if text else None
        return
    from imbari_chat.files import replacing, write_all

    try:
        with replacing(output.absolute()) as new:

            def write(text: str) -> None:
                write_all(new, text.encode())

            yield write
    except OSError as error:
        raise ConfigError(
            f"{output} cannot be written: {error.strerror}",
            hint="Name a file in a directory that you may write in",
        ) from None
