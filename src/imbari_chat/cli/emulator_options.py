"""An emulator as the command line asks for it: options over ``firebase.json`` over the usual.

Here alone is decided which rules are in force, and that they follow their files.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

import typer

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.rules_file import read_text
from imbari_chat.cli.stderr import Stderr
from imbari_chat.errors import ConfigError, RulesError, Unavailable

if TYPE_CHECKING:
    from imbari_chat.emulator import Emulator
    from imbari_chat.emulator.config import FirebaseConfig

__all__ = ["EXPORT_ON_EXIT", "EmulatorOptions", "taking_options"]

EXPORT_ON_EXIT: Final = "--export-on-exit"
DEFAULT_EMULATOR_PROJECT: Final = "demo-imbari"


_Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, metavar="PORT", help="0 takes a free one."),
]
_Rules = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Security rules, instead of the shipped ones; loaded again when the file changes.",
    ),
]
_NoRules = Annotated[bool, typer.Option("--no-rules", help="Allow everything.")]
_Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Ports and rules from a firebase.json."),
]
_Project = Annotated[
    str | None,
    typer.Option(metavar="ID", help=f"Project id; {DEFAULT_EMULATOR_PROJECT} by default."),
]
_Host = Annotated[str | None, typer.Option(metavar="HOST", help="Where to listen.")]
_Remote = Annotated[bool, typer.Option("--allow-remote", help="Let other machines in.")]
_Data = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Keep data and users here, also when killed."),
]
_Sync = Annotated[
    bool, typer.Option("--fsync", help="With --data: survive power cuts too; slower.")
]
_Import = Annotated[
    Path | None,
    typer.Option("--import", metavar="DIR", help="Begin with an export."),
]
_Export = Annotated[
    str | None,
    typer.Option(
        EXPORT_ON_EXIT,
        metavar="[DIR]",
        help="Export at the end; to the directory of --import if none is named.",
    ),
]
_Log = Annotated[
    bool, typer.Option("--log-requests", help="A line on stderr for each; no secrets in it.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorOptions:
    """What the options say; each field is one, as :func:`taking_options` shows them.

    Attributes:
        export_on_exit: A directory; empty for that of the import.
    """

    database_port: _Port = None
    auth_port: _Port = None
    hub_port: _Port = None
    rules: _Rules = None
    no_rules: _NoRules = False
    config: _Config = None
    project: _Project = None
    host: _Host = None
    allow_remote: _Remote = False
    data: _Data = None
    fsync: _Sync = False
    import_from: _Import = None
    export_on_exit: _Export = None
    log_requests: _Log = False

    @contextmanager
    def emulator(
        self, stderr: Stderr, project: str | None, usual_ports: Mapping[str, int]
    ) -> "Iterator[Emulator]":
        """An emulator as asked for, not started yet, whose rules follow their files.

        Options go over ``firebase.json``, and that over the usual.

        Args:
            stderr: Told what becomes of the rules' files.
            project: The usual one.
            usual_ports: For those that neither an option nor the configuration names.
        """
        if self.rules is not None and self.no_rules:
            raise UsageError("--rules and --no-rules contradict each other")
        if self.fsync and self.data is None:
            raise UsageError("--fsync means nothing without --data")
        import_from, export_on_exit = self._exports()
        from imbari_chat.emulator import Emulator

        configured = self._configured()
        ports = dict(usual_ports)
        if configured is not None:
            ports["database"], ports["auth"] = configured.database_port, configured.auth_port
            ports["hub"] = configured.hub_port or 0
        asked = {"database": self.database_port, "auth": self.auth_port, "hub": self.hub_port}
        ports |= {name: port for name, port in asked.items() if port is not None}
        file = self.rules or (configured.rules if configured else None)
        text = None if self.no_rules else _text(file)
        usual_host = configured.database_host if configured else "127.0.0.1"
        with _named(file):
            emulator = Emulator(
                self.project or project or DEFAULT_EMULATOR_PROJECT,
                text,
                host=self.host or usual_host,
                database_port=ports["database"],
                auth_port=ports["auth"],
                hub_port=ports["hub"],
                allow_remote=self.allow_remote,
                data=self.data,
                sync=self.fsync,
                import_from=import_from,
                export_on_exit=export_on_exit,
                log_request=stderr.say if self.log_requests else None,
            )
        files: dict[str | None, Path] = {}
        if not self.no_rules and file is not None:
            files[None] = file
        if not self.no_rules and self.rules is None and configured is not None:
            files.update(configured.instance_rules)
        with ExitStack() as watches:
            for namespace, each in files.items():
                follower = _Follower(emulator, each, namespace, stderr)
                watches.enter_context(follower.following())
            yield emulator

    def _configured(self) -> "FirebaseConfig | None":
        if self.config is None:
            return None
        from imbari_chat.emulator.config import FirebaseConfig

        return FirebaseConfig.read(self.config)

    def _exports(self) -> tuple[Path | None, Path | None]:
        """What to import, and where to export to at the end."""
        if self.export_on_exit is None:
            return self.import_from, None
        if not self.export_on_exit and self.import_from is None:
            raise UsageError(f"{EXPORT_ON_EXIT} needs a directory, its own or that of --import")
        export = Path(self.export_on_exit) if self.export_on_exit else self.import_from
        if export == self.import_from and export is not None and not export.exists():
            return None, export  # the first time, there is nothing to begin with yet
        return self.import_from, export


def taking_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command that takes the emulator's options, and has them as its parameter ``options``."""
    hints = get_type_hints(EmulatorOptions, include_extras=True)
    shown = [
        Parameter(
            each.name, Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name]
        )
        for each in fields(EmulatorOptions)
    ]
    own = signature(command, eval_str=True)

    def run(**given: Any) -> None:
        options = EmulatorOptions(**{each.name: given.pop(each.name) for each in shown})
        command(options=options, **given)

    parameters: list[Parameter] = []
    for each in own.parameters.values():
        keyword = each.replace(kind=Parameter.KEYWORD_ONLY)
        parameters += shown if each.name == "options" else [keyword]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]  # for Typer
    return run


class _Follower:
    """Keeps rules in force as their file has them."""

    def __init__(
        self, emulator: "Emulator", file: Path, namespace: str | None, stderr: Stderr
    ) -> None:
        self._emulator = emulator
        self._file = file
        self._namespace = namespace
        self._stderr = stderr
        self._text = _text(file)
        if namespace is not None:
            with _named(file):
                emulator.load_rules(self._text, namespace)

    @contextmanager
    def following(self) -> Iterator[None]:
        """Load the rules again whenever the file changes, until the block ends."""
        from imbari_chat.emulator.watch import watching

        with watching(self._file, self._reload):
            yield

    def _reload(self) -> None:
        """A file that is refused changes nothing; the next change is another chance."""
        try:
            text = _text(self._file)
            if text == self._text:
                return
            self._text = text
            with _named(self._file):
                if self._namespace is None:
                    self._emulator.reload_rules(text)
                else:
                    self._emulator.load_rules(text, self._namespace)
        except Unavailable:
            return  # it ends, and so does this
        except (RulesError, ConfigError) as error:
            place = str(error).splitlines()[0]
            self._stderr.warn(f"{place}; the rules that were in force still are")
        else:
            self._stderr.say(f"{self._file}: new rules are in force")


@contextmanager
def _named(file: Path | None) -> Iterator[None]:
    """Add to whatever is wrong with rules which file they are in."""
    try:
        yield
    except RulesError as error:
        raise RulesError(
            error.what,
            line=error.line,
            column=error.column,
            where=str(file),
            hint=error.hint,
        ) from None


def _text(file: Path | None) -> str:
    if file is None:
        from imbari_chat.schema import strict_rules

        return strict_rules()
    return read_text(file)
