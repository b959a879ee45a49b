"""What there is to read besides the commands: ``help TOPIC``, and sections of the manual page.

A topic is made of paragraphs and of tables of names and meanings, which whoever shows it lays out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from imbari_chat.cli.app import NAME, write_help
from imbari_chat.cli.exit_codes import MEANINGS, UsageError
from imbari_chat.cli.stdout import Stdout

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["OTHER_VARIABLES", "TOPICS", "Part", "Topic", "help_"]

Part: TypeAlias = str | Mapping[str, str]
"""A paragraph, or a table."""

_LONG_NAME: Final = 20

OTHER_VARIABLES: Final = {
    "IMBARI_CHAT_PASSWORD": "the password of `auth login` and `admins create`, where none is typed",
    "IMBARI_CHAT_DEBUG": "anything: an error that ends a command is followed by where it came from",
    "FIREBASE_EMULATOR_HUB": "set for what `emulator exec` runs: where the emulators' hub is",
    "NO_COLOR": "anything: no colours on a terminal",
    "VISUAL, EDITOR": "what `reply` opens for a text that is not given, and the desk at a key",
    "PAGER, LESS": "what `show` and `history` open for what is longer than the terminal",
}
"""Variables that are no settings."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Something to read.

    Attributes:
        title: What it is about, in a few words.
        parts: Makes what it says; settings are only looked at when it is asked for.
    """

    title: str
    parts: Callable[[], Sequence[Part]]


def _exit_codes() -> Sequence[Part]:
    return (
        {str(int(code)): meaning for code, meaning in MEANINGS.items()},
        (
            "With `--json` or `--jsonl` the last line of standard error is an object: `error` has"
            " `kind`, `exit_code`, `message`, `where` and `hint`."
        ),
        "`emulator exec` ends as the command does that it runs, and with 127 if there is none.",
        (
            "What was done is not reported as failed because its output could not be written; a"
            " reader who leaves early, as `head` does, is no failure."
        ),
    )


def _environment() -> Sequence[Part]:
    from imbari_chat.cli.docstrings import entries
    from imbari_chat.config import Settings, settings_variables

    meanings = entries(Settings.__doc__ or "", "Attributes")
    return (
        (
            "An option wins over the environment, and that over the settings file. Of several"
            " variables the first that is set counts."
        ),
        {", ".join(settings_variables(name)): meanings[name] for name in Settings.model_fields},
        dict(OTHER_VARIABLES),
    )


def _formatting() -> Sequence[Part]:
    return (
        (
            "A terminal gets tables. In a pipe lists are rows: one record a line, with tabs"
            " between fields, with whole ids and texts. In a text `\\t`, `\\n`, `\\r` and `\\\\`"
            " stand for what would break the row, and `\\u001b` and the like for what a terminal"
            " would obey. What is not there is empty."
        ),
        {
            "-q, --ids": "ids alone, one a line; `-` reads them in another command",
            "--fields NAME,...": "these fields, in this order, by their names in the JSON",
            "--json": "one document: an object with `version`, which counts up when a field goes"
            " away or means something else, and the records under a name",
            "--jsonl": "one object a line, each with its `version`",
        },
        (
            "Records have the names of the Python models. Times are milliseconds since 1970."
            " Fields that nobody knows are in `extra`."
        ),
        (
            "Data goes to standard output; what a command is doing, and what went wrong, to"
            " standard error. `--quiet` leaves warnings and errors."
        ),
    )


def _naming() -> Sequence[Part]:
    return (
        "Wherever a command takes a SESSION, a conversation is named by one of these:",
        {
            "1, #1": "its number in the list that this terminal printed last. A list in another"
            " terminal, or in a pipe, renumbers nothing. One of a list that is older than twelve"
            " hours is asked about, or refused where nobody can be asked.",
            "-P7alW13": "its id, or the beginning of it where no other begins so",
            "id:42": "an id that looks like a number or an e-mail",
            "amina@example.com": "the customer's e-mail",
            "'Amina N'": "the customer's name, or its beginning",
            "-": "ids on standard input, one a line, where several are taken; a number there is an"
            " id",
        },
        (
            "E-mails and names are looked for among the newest 1,000 conversations, then among the"
            " 1,000 before them, and so on until there are some. If several of those are of one"
            " person, the one that is active is meant; if that is not clear, or they are of several"
            " people, none is."
        ),
    )


TOPICS: Final[Mapping[str, Topic]] = {
    "exit-codes": Topic("what a script can tell apart", _exit_codes),
    "environment": Topic("variables that are read", _environment),
    "formatting": Topic("what programs read, and what people see", _formatting),
    "naming": Topic("how conversations are named", _naming),
}


def help_(
    ctx: typer.Context,
    topic: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOPIC|COMMAND]...",
            help="What to read about.",
            autocompletion=lambda: list(TOPICS),
        ),
    ] = None,
) -> None:
    """Read about a topic, or about a command."""
    if not topic:
        topics = {name: one.title for name, one in TOPICS.items()}
        _draw(["Topics:", topics, f"Commands: {NAME} --help, or {NAME} help COMMAND"])
    elif len(topic) == 1 and topic[0] in TOPICS:
        _draw(TOPICS[topic[0]].parts())
    else:
        write_help(_context(ctx, topic))


def _context(ctx: typer.Context, path: Sequence[str]) -> Any:
    """The context of the command that is named."""
    found: Any = ctx.find_root()
    for word in path:
        command = getattr(found.command, "commands", {}).get(word)
        if command is None:
            raise UsageError(
                f"there is neither a topic nor a command {' '.join(path)!r}",
                hint=f"Topics: {', '.join(TOPICS)}; `{NAME} --help` lists commands",
            )
        found = command.context_class(
            command, info_name=word, parent=found, **command.context_settings
        )
    return found


def _draw(parts: Sequence[Part]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from imbari_chat.cli.tables import facts_table

    drawn: list[RenderableType] = []
    for number, part in enumerate(parts):
        drawn += [Text()] if number else []
        if isinstance(part, str):
            drawn.append(Text(part.replace("`", "")))
        else:
            rows = {name: Text(meaning.replace("`", "")) for name, meaning in part.items()}
            if max(map(len, rows)) <= _LONG_NAME:
                drawn.append(facts_table(rows))
                continue
            for name, meaning in rows.items():
                drawn += [Text(name, "bold"), Padding(meaning, (0, 0, 0, 4))]
    Stdout().draw(*drawn, paged=True)
