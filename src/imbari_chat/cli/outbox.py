"""``outbox``: what a durable outbox keeps on this machine, and what is to become of it.

All but ``flush`` need no network. A program that sends meanwhile hears of what is decided here.
"""

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from imbari_chat.cli.app import App, SessionCommand
from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.options import Json, Quiet, Within, target
from imbari_chat.cli.records import Fields, Form, Ids, Jsonl
from imbari_chat.cli.session_refs import POSITION, NumberedList
from imbari_chat.cli.stderr import Stderr, narrating_log
from imbari_chat.cli.stdout import Stdout
from imbari_chat.clock import local_time
from imbari_chat.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from imbari_chat.client.base import BaseChat
    from imbari_chat.config import Settings
    from imbari_chat.net.store_file import Row, RowState, StoreFile
    from imbari_chat.wire.json import Json as JsonValue

__all__ = ["family"]

_PREVIEW: Final = 60
_COLUMNS: Final = ("id", "session_id", "state", "created", "uid", "reason", "text")
_WHAT: Final = {"admin": "message", "customer": "customer's message"}
"""What the numbers of a list mean."""

Side = Annotated[
    Literal["admin", "customer"],
    typer.Option("--of", help="Whose outbox."),
]
Messages = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MESSAGE]...",
        help="Numbers of the list, ids, or beginnings of ids.",
    ),
]
Named = Annotated[
    list[str],
    typer.Argument(
        metavar="MESSAGE...",
        help="Numbers of the list, ids, or beginnings of ids.",
    ),
]


def family() -> App:
    """The commands of ``outbox``."""
    app = App(
        help="Messages that wait on this machine: see, send, hold or drop them.",
    )
    app.command("list")(list_)
    app.command("show", cls=SessionCommand)(show)
    app.command("flush", cls=SessionCommand)(flush)
    app.command("drop", cls=SessionCommand)(drop)
    app.command("hold", cls=SessionCommand)(hold)
    return app


def list_(
    ctx: typer.Context,
    side: Side = "admin",
    json: Json = False,
    jsonl: Jsonl = False,
    ids: Ids = False,
    fields: Fields = None,
) -> None:
    """List what waits, what is held, and what was refused, in order."""
    form = Form.of(json=json, jsonl=jsonl, ids=ids, fields=fields, known=_COLUMNS)
    settings = target(ctx).settings()
    rows = _rows(settings, side)
    if form.print(Stdout(), [_record(row) for row in rows], name="messages", columns=_COLUMNS):
        return
    if not rows:
        Stderr().say("the outbox is empty")
        return
    NumberedList(settings, _WHAT[side]).remember([row.key for row in rows])

    from imbari_chat.cli.tables import cell, grid
    from imbari_chat.view.dates import since

    now, table = local_time(), grid(expand=True)
    for name in ("#", "Id", "State", "Since"):
        table.add_column(name, no_wrap=True)
    table.add_column("Message", no_wrap=True, ratio=1)
    for number, row in enumerate(rows, start=1):
        since_when = since(row.created, now, None)
        table.add_row(str(number), row.key, _state(row), since_when, cell(_text(row), _PREVIEW))
    Stdout().draw(table)


def show(ctx: typer.Context, message: Named, side: Side = "admin", json: Json = False) -> None:
    """Show messages in full, with the reason why they were refused."""
    settings = target(ctx).settings()
    found = [_record(row) for row in _named(settings, side, _rows(settings, side), message)]
    if json:
        Stdout().document({"messages": [*found]})
        return
    from rich.text import Text

    from imbari_chat.cli.tables import facts_table
    from imbari_chat.view.sanitize import safe_text

    for one in found:
        facts = {
            name.replace("_", " "): str(value) for name, value in one.items() if value is not None
        }
        Stdout().draw(
            facts_table({k: Text(safe_text(v, multiline=True)) for k, v in facts.items()})
        )


def drop(ctx: typer.Context, message: Named, side: Side = "admin", quiet: Quiet = False) -> None:
    """Give messages up. What was with the service already may arrive all the same."""
    _decide(target(ctx).settings(), side, message, "dropped", Stderr(quiet=quiet))


def hold(ctx: typer.Context, message: Named, side: Side = "admin", quiet: Quiet = False) -> None:
    """Do not send messages, nor those behind them, until they are flushed by name or dropped."""
    _decide(target(ctx).settings(), side, message, "held", Stderr(quiet=quiet))


def flush(
    ctx: typer.Context,
    message: Messages = None,
    held: Annotated[bool, typer.Option("--held", help="Send all that is held, too.")] = False,
    side: Side = "admin",
    within: Within = None,
    quiet: Quiet = False,
) -> None:
    """Send what waits; of what is held, those that are named. Exit code 8 if that fails."""
    stderr, settings = Stderr(quiet=quiet), target(ctx).settings()
    stderr.name_target(settings)
    rows = _rows(settings, side)
    named = (
        [row for row in rows if row.state == "held"]
        if held
        else _named(settings, side, rows, message or ())
    )
    if named:
        _become(settings, side, named, "queued")
    if not rows:
        stderr.say("the outbox is empty")
        return
    from imbari_chat.cli import event_loop

    with narrating_log(stderr):
        uid = event_loop.run(_flush(settings, side, within))
    kept = _rows(settings, side)
    held_up = {row.lane for row in kept if row.state == "held"}
    left = sum(row.state == "queued" and row.uid == uid and row.lane not in held_up for row in kept)
    stderr.say(f"{len(rows) - len(kept)} sent, {len(kept)} kept")
    if left:
        what = "a message still waits" if left == 1 else f"{left} messages still wait"
        raise Unavailable(what, hint="See what waits: imbari-chat outbox list")


async def _flush(settings: "Settings", side: str, within: float | None) -> str | None:
    """Send, and say who did."""
    from imbari_chat.client import AsyncAdminChat, AsyncCustomerChat

    durable = settings.model_copy(update={"outbox": "durable"})
    chat: BaseChat = (
        AsyncAdminChat(durable) if side == "admin" else AsyncCustomerChat(durable, remember=True)
    )
    async with chat:
        await chat.flush(timeout=within)
        return chat.uid


def _decide(
    settings: "Settings", side: str, references: Sequence[str], state: "RowState", stderr: Stderr
) -> None:
    named = _named(settings, side, _rows(settings, side), references)
    _become(settings, side, named, state)
    stderr.say(f"{state}: {', '.join(row.key for row in named)}")


def _become(settings: "Settings", side: str, rows: Sequence["Row"], state: "RowState") -> None:
    from imbari_chat.net.store_file import becoming

    with closing(_file(settings, side)) as file:
        file.write([becoming(row.key, state) for row in rows])


def _rows(settings: "Settings", side: str) -> list["Row"]:
    with closing(_file(settings, side)) as file:
        if not file.file.exists():
            return []
        return [row for row in file.rows() if row.state != "dropped"]


def _file(settings: "Settings", side: str) -> "StoreFile":
    from imbari_chat.client import transports

    return transports.outbox_file(settings, "admin" if side == "admin" else "customer")


def _named(
    settings: "Settings", side: str, rows: Sequence["Row"], references: Sequence[str]
) -> list["Row"]:
    return [_one(settings, side, rows, reference) for reference in references]


def _one(settings: "Settings", side: str, rows: Sequence["Row"], reference: str) -> "Row":
    if position := POSITION.fullmatch(reference):
        reference, _ = NumberedList(settings, _WHAT[side]).at(int(position[1]))
    found = [row for row in rows if row.key.startswith(reference)]
    exact = [row for row in found if row.key == reference]
    if len(found) > 1 and not exact:
        raise UsageError(f"more than one message begins with {reference!r}")
    if not found:
        raise NotFound(
            f"the outbox holds no message {reference!r}",
            hint="List them: imbari-chat outbox list",
        )
    return (exact or found)[0]


def _record(row: "Row") -> "dict[str, JsonValue]":
    return {
        "id": row.key,
        "session_id": row.lane,
        "state": _state(row),
        "created": row.created,
        "uid": row.uid,
        "reason": row.reason,
        "text": _text(row),
    }


def _state(row: "Row") -> str:
    """As a message says where it is."""
    return "sent" if row.state == "queued" and row.tries else row.state


def _text(row: "Row") -> str:
    from imbari_chat.schema.plan_text import unpack
    from imbari_chat.schema.plans import as_sent

    return as_sent(unpack(row.plan)).text
