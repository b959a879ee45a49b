"""Records for programs: as JSON, as lines of JSON, as ids, or as rows of fields with tabs between.

A row holds what the JSON holds. What would break the row, or what a terminal would obey, is escaped
as in JSON: ``\\t``, ``\\n``, ``\\\\``, ``\\u001b``. Nothing is cut off.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.stdout import Stdout
from imbari_chat.wire.json import Json

__all__ = ["Fields", "Form", "Ids", "Jsonl"]

Jsonl = Annotated[bool, typer.Option("--jsonl", help="Print one JSON object a line.")]
Ids = Annotated[bool, typer.Option("--ids", "-q", help="Print ids alone, one a line.")]
Fields = Annotated[
    str | None,
    typer.Option(
        "--fields",
        metavar="NAME,...",
        help="Print these fields, by their names in the JSON.",
    ),
]


@dataclass(frozen=True, slots=True)
class Form:
    """What a caller wants to have printed.

    Attributes:
        json: One document.
        jsonl: One object a line.
        ids: Ids alone.
        fields: These fields alone; in rows, unless JSON is asked for as well.
    """

    json: bool
    jsonl: bool
    ids: bool
    fields: Sequence[str] = ()

    @classmethod
    def of(
        cls, *, json: bool, jsonl: bool, ids: bool, fields: str | None, known: Collection[str]
    ) -> "Form":
        """The form that these options ask for.

        Args:
            json: Whether ``--json`` was given.
            jsonl: Whether ``--jsonl`` was.
            ids: Whether ``--ids`` was.
            fields: What ``--fields`` names.
            known: The fields there are.

        Raises:
            UsageError: They contradict each other, or there is no such field.
        """
        if json + jsonl + ids + (ids and fields is not None) > 1:
            raise UsageError("only one form can be printed: --json, --jsonl, --ids or --fields")
        wanted = tuple(name.strip() for name in fields.split(",")) if fields is not None else ()
        for name in wanted:
            if name not in known:
                raise UsageError(f"there is no field {name!r}", hint=f"Fields: {', '.join(known)}")
        return cls(json, jsonl, ids, wanted)

    @property
    def is_asked_for(self) -> bool:
        """Whether any was asked for; without, what a command did is not printed, only said."""
        return self.json or self.jsonl or self.ids or bool(self.fields)

    def print(
        self,
        stdout: Stdout,
        records: Sequence[Mapping[str, Json]],
        *,
        name: str,
        columns: Sequence[str],
        about: Mapping[str, Json] | None = None,
    ) -> bool:
        """Print the records, unless a person at a terminal is to see them drawn.

        Args:
            stdout: Where to.
            records: Each with an ``id``.
            name: What they are called in a document.
            columns: Fields of a row, if none are asked for.
            about: What else the document says.

        Returns:
            Whether they were printed; if there are none, and no form was asked for, they are not.
        """
        if self.ids:
            stdout.rows([one["id"]] for one in records)
        elif self.json or self.jsonl:
            chosen = [self.chosen(one) for one in records]
            if self.json:
                stdout.document({name: [*chosen], **(about or {})})
            else:
                stdout.lines(chosen)
        elif self.fields or (records and not stdout.is_terminal):
            stdout.rows([one.get(name) for name in self.fields or columns] for one in records)
        else:
            return False
        return True

    def chosen(self, one: Mapping[str, Json]) -> dict[str, Json]:
        """The fields of a record that are wanted."""
        return {name: one.get(name) for name in self.fields} if self.fields else dict(one)
