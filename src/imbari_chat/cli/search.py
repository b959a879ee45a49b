"""``search``: conversations by what was said in them, or by whose they are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.inbox import Shown
from imbari_chat.cli.options import Json, Quiet, target, with_admin_chat
from imbari_chat.cli.records import Fields, Form, Ids, Jsonl
from imbari_chat.cli.since import moment
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout, record
from imbari_chat.clock import local_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.schema.models import Message, Session
    from imbari_chat.wire.json import Json as JsonValue

__all__ = ["search"]

_COLUMNS: Final = ("id", "customer_name", "customer_email", "matches", "last_match")
_AROUND: Final = 30
"""Characters shown before what was found."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A conversation that was found.

    Attributes:
        session: Whose.
        messages: Those that have any of the words, oldest first; none if it was found by whose it
            is.
    """

    session: "Session"
    messages: "list[Message]"

    def record(self) -> "dict[str, JsonValue]":
        """As data."""
        return {
            **record(self.session),
            "matches": len(self.messages),
            "last_match": self.messages[-1].text if self.messages else None,
            "messages": [record(one) for one in self.messages],
        }


def search(
    ctx: typer.Context,
    text: Annotated[
        list[str],
        typer.Argument(metavar="TEXT...", help="Words that all have to be there, in any place."),
    ],
    status: Annotated[Shown, typer.Option(help="In which conversations.")] = Shown.ALL,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Only in those with a message since then; as for `inbox`.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Stop after so many.")] = 20,
    json: Json = False,
    jsonl: Jsonl = False,
    ids: Ids = False,
    fields: Fields = None,
    quiet: Quiet = False,
) -> None:
    """Find conversations, newest first, by their messages, name, e-mail, phone or topic.

    Every conversation is read until enough are found: the database cannot search. Nothing is marked
    read.

    In a pipe each conversation is a row, with tabs between id, name, e-mail, how many messages were
    found, and the last of them.
    """
    stderr, stdout, here = Stderr(quiet=quiet), Stdout(), target(ctx)
    from imbari_chat.schema.models import Session

    known = [*Session.model_fields, "matches", "last_match", "messages", "extra"]
    form = Form.of(json=json, jsonl=jsonl, ids=ids, fields=fields, known=known)
    words = " ".join(text).casefold().split()
    if not words:
        raise UsageError("what for? Nothing is everywhere")
    earliest = None if since is None else moment(since, local_time(), option="--since")

    async def work(chat: "AsyncAdminChat") -> tuple[list[_Found], int]:
        from contextlib import aclosing

        from imbari_chat.cli.ahead import PAGE, in_order, whole
        from imbari_chat.cli.progress import progress

        sessions = chat.browse(status=status.wanted, since=earliest, page_size=PAGE)
        found: list[_Found] = []
        looked = 0
        with progress(stderr, "searching", None) as step:
            read = in_order(lambda session: whole(chat, session.id), sessions)
            async with aclosing(read) as reading:
                async for session, messages in reading:
                    looked += 1
                    step()
                    if (one := _matched(session, messages, words)) is not None:
                        found.append(one)
                        if len(found) == limit:
                            break
        return found, looked

    found, looked = with_admin_chat(here, stderr, work, draws=True)
    records = [one.record() for one in found]
    about: Mapping[str, JsonValue] = {"searched": looked}
    printed = form.print(stdout, records, name="conversations", columns=_COLUMNS, about=about)
    if found and not printed:
        stdout.draw(_table(found, words))
    more = "; --limit finds more" if len(found) == limit else ""
    stderr.say(f"{len(found):,} found in {looked:,} conversation{'' if looked == 1 else 's'}{more}")


def _matched(
    session: "Session", messages: "Sequence[Message]", words: "Sequence[str]"
) -> _Found | None:
    """What was found in a conversation, if each word is somewhere in it."""
    about = (
        session.customer_name,
        session.customer_email,
        session.customer_phone or "",
        session.topic or "",
    )
    texts = [one.text.casefold() for one in messages]
    everything = "\n".join((*about, *texts)).casefold()
    if not all(word in everything for word in words):
        return None
    hits = [
        one
        for one, text in zip(messages, texts, strict=True)
        if any(word in text for word in words)
    ]
    return _Found(session, hits)


def _table(found: "Sequence[_Found]", words: "Sequence[str]") -> "Table":
    from rich.text import Text

    from imbari_chat.cli.tables import cell, grid
    from imbari_chat.view.dates import full
    from imbari_chat.view.labels import customer_label

    table = grid(expand=True)
    table.add_column("Id", no_wrap=True, min_width=20)
    table.add_column("Customer", no_wrap=True, max_width=24)
    table.add_column("When", no_wrap=True)
    table.add_column("Message", no_wrap=True, ratio=1)
    for one in found:
        last = one.messages[-1] if one.messages else None
        at = one.session.last_message_time if last is None else last.timestamp
        said = one.session.last_message if last is None else _excerpt(last.text, words)
        table.add_row(
            cell(one.session.id, 60),
            cell(customer_label(one.session), 60),
            Text(full(at, None)),
            cell(said, 300),
        )
    return table


def _excerpt(text: str, words: "Sequence[str]") -> str:
    """The text from a little before the first word on."""
    folded = text.casefold()
    first = min(folded.find(word) for word in words if word in folded)
    start = max(first - _AROUND, 0)
    return ("…" if start else "") + text[start:]
