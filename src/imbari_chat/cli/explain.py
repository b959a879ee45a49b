"""``rules explain``: what rules in a file would decide, and why. Asks no database."""

from enum import StrEnum
from pathlib import Path as File
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from imbari_chat.cli.exit_codes import ExitCode, UsageError
from imbari_chat.cli.options import Json
from imbari_chat.cli.rules_file import DEFAULT_FILE, placed, read_text
from imbari_chat.cli.stdout import Stdout
from imbari_chat.clock import local_time
from imbari_chat.errors import InvalidData, RulesError

if TYPE_CHECKING:
    from imbari_chat.rules import Decision, Ruleset
    from imbari_chat.wire.json import Json as JsonValue
    from imbari_chat.wire.paths import Path
    from imbari_chat.wire.tree import Node

__all__ = ["explain"]

_ADMIN: Final[dict[str, "JsonValue"]] = {
    "uid": "admin",
    "provider": "password",
    "token": {"sub": "admin", "admin": True},
}

_JSON_OR_TEXT = "JSON, or any other text as it is."


class _Operation(StrEnum):
    READ = "read"
    WRITE = "write"
    UPDATE = "update"


def explain(
    operation: Annotated[
        _Operation, typer.Argument(help="Of a read or a write, or of several at once.")
    ],
    subject: Annotated[
        str,
        typer.Argument(
            metavar="PATH|FILE",
            help="The path; of an update a JSON file of new values by path, or - for standard"
            " input.",
        ),
    ],
    value: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="What is written; null deletes."),
    ] = None,
    rules: Annotated[File, typer.Option(metavar="FILE", help="The rules.")] = DEFAULT_FILE,
    data: Annotated[
        File | None,
        typer.Option(metavar="FILE", help="What is stored, as JSON; otherwise nothing."),
    ] = None,
    auth: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="JSON",
            help='Who asks, as auth in the rules: {"uid": "amina", "token": {...}}.',
        ),
    ] = None,
    as_admin: Annotated[
        bool, typer.Option("--as-admin", help="Somebody with the claim admin: true asks.")
    ] = False,
    signed_out: Annotated[
        bool, typer.Option("--signed-out", help="Nobody asks; so it is unless said otherwise.")
    ] = False,
    order_by: Annotated[
        str | None,
        typer.Option(metavar="CHILD", help="Also $key, $value, $priority."),
    ] = None,
    start_at: Annotated[str | None, typer.Option(help=_JSON_OR_TEXT)] = None,
    end_at: Annotated[str | None, typer.Option(help=_JSON_OR_TEXT)] = None,
    equal_to: Annotated[str | None, typer.Option(help=_JSON_OR_TEXT)] = None,
    limit_to_first: int | None = None,
    limit_to_last: int | None = None,
    now: Annotated[
        int | None,
        typer.Option(metavar="MS", help="now in the rules; otherwise the time."),
    ] = None,
    json: Json = False,
) -> None:
    """Say what rules decide, and why. Exit code 0 if they allow it, 5 if they deny it."""
    from imbari_chat.wire.json import dumps
    from imbari_chat.wire.tree import from_json

    query = {
        "orderBy": None if order_by is None else dumps(order_by),
        "startAt": _json_or_text(start_at),
        "endAt": _json_or_text(end_at),
        "equalTo": _json_or_text(equal_to),
        "limitToFirst": None if limit_to_first is None else str(limit_to_first),
        "limitToLast": None if limit_to_last is None else str(limit_to_last),
    }
    asked = {name: text for name, text in query.items() if text is not None}
    if asked and operation is not _Operation.READ:
        raise UsageError(f"a query belongs to a read, not to {_article(operation)}")
    if (value is not None) is not (operation is _Operation.WRITE):
        raise UsageError("--value belongs to a write, and a write needs it")

    ruleset = _rules(rules)
    stored = from_json(None if data is None else _json(read_text(data), str(data)))
    caller = _caller(auth, as_admin=as_admin, signed_out=signed_out)
    instant = local_time() if now is None else now
    if operation is _Operation.READ:
        decision, paths = _read(ruleset, subject, asked, stored, caller, instant)
    else:
        changes = _changes(operation, subject, value)
        decision, paths = _write(ruleset, changes, stored, caller, instant)
    _report(decision, operation, paths, caller, json=json)
    if not decision.allowed:
        raise typer.Exit(ExitCode.DENIED)


def _rules(file: File) -> "Ruleset":
    from imbari_chat.rules import Ruleset

    text = read_text(file)
    try:
        return Ruleset.parse(text)
    except RulesError as error:
        raise placed(error, file, text) from None


def _caller(text: str | None, *, as_admin: bool, signed_out: bool) -> "JsonValue":
    if (text is not None) + as_admin + signed_out > 1:
        raise UsageError("only one can ask: --as, --as-admin or --signed-out")
    if as_admin:
        return dict(_ADMIN)
    auth = None if text is None else _json(text, "--as")
    if auth is not None and not isinstance(auth, dict):
        raise UsageError('--as takes an object, as in \'{"uid": "amina"}\', or null')
    return auth


def _changes(operation: _Operation, subject: str, value: str | None) -> "dict[Path, JsonValue]":
    from imbari_chat.wire.paths import ROOT, Path
    from imbari_chat.wire.updates import changes

    if operation is _Operation.UPDATE:
        return changes(_json(read_text(File(subject)), subject), ROOT)
    assert value is not None
    return {Path.parse(subject): _json(value, "--value")}


def _read(
    ruleset: "Ruleset",
    subject: str,
    query: dict[str, str],
    stored: "Node",
    auth: "JsonValue",
    now: int,
) -> "tuple[Decision, list[Path]]":
    from imbari_chat.wire.paths import Path
    from imbari_chat.wire.query_forms import from_params

    path = Path.parse(subject)
    decision = ruleset.read(path, root=stored, auth=auth, now=now, query=from_params(query))
    return decision, [path]


def _write(
    ruleset: "Ruleset",
    changes: "dict[Path, JsonValue]",
    stored: "Node",
    auth: "JsonValue",
    now: int,
) -> "tuple[Decision, list[Path]]":
    from imbari_chat.wire.updates import PRIORITY, apply

    after = apply(stored, changes, now)
    paths = [path.parent if path.key == PRIORITY else path for path in changes]
    return ruleset.write(paths, before=stored, after=after, auth=auth, now=now), paths


def _report(
    decision: "Decision",
    operation: _Operation,
    paths: "list[Path]",
    auth: "JsonValue",
    *,
    json: bool,
) -> None:
    explanation = decision.explain()
    if json:
        told: dict[str, Any] = {
            "allowed": decision.allowed,
            "operation": operation.value,
            "paths": [str(path) for path in paths],
            "auth": auth,
            "explanation": explanation.split("\n"),
        }
        Stdout().document(told)
        return
    from imbari_chat.view.sanitize import safe_text

    Stdout().text(safe_text(explanation, multiline=True))


def _json(text: str, where: str) -> "JsonValue":
    from imbari_chat.wire.json import parse

    try:
        return parse(text)
    except InvalidData as error:
        raise InvalidData(error.what, where=where) from None


def _json_or_text(text: str | None) -> str | None:
    """The JSON of a bound as it was typed: a shell eats the quotes that a string would need."""
    from imbari_chat.wire.json import dumps, parse

    if text is None:
        return None
    try:
        parse(text)
    except InvalidData:
        return dumps(text)
    return text


def _article(operation: _Operation) -> str:
    return "an update" if operation is _Operation.UPDATE else f"a {operation}"
