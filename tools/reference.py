"""``python -m tools.reference``: the pages of the API, settings and keys, and the manual.

``--check`` writes nothing and fails if a page is not what the code says.
"""

import enum
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo

import imbari_chat
from imbari_chat.cli.docstrings import entries
from imbari_chat.cli.topics import OTHER_VARIABLES
from imbari_chat.config import Settings, settings_variables
from imbari_chat.desk import keys
from imbari_chat.emulator import Emulator
from tools.docstrings import markdown
from tools.manual import MANUAL, manual_pages

__all__ = ["API", "KEYS", "SETTINGS", "api_page", "keys_page", "settings_page"]

_DOCS: Final = Path(__file__).parents[1] / "docs"
API: Final = _DOCS / "api.md"
SETTINGS: Final = _DOCS / "settings.md"
KEYS: Final = _DOCS / "keys.md"

_MADE: Final = "<!-- made by `make reference` from the code; change that -->"
_DERIVED: Final = {"data_dir": "the user's data directory"}
_FLAGS: Final = {
    "project": "--project",
    "database_url": "--database-url",
    "credentials": "--credentials",
    "database_emulator": "--emulator",
    "profile": "--profile",
    "timeout": "--request-timeout",
}


def api_page() -> str:
    """docs/api.md: every public name, with its signature and its documentation."""
    lines = [
        "# Python API",
        "",
        _MADE,
        "",
        "Everything here is imported from `imbari_chat`; the emulator from `imbari_chat.emulator`.",
        "Each client comes twice: the async ones have the same methods, to be awaited.",
        "",
    ]
    public = {name: getattr(imbari_chat, name) for name in imbari_chat.__all__}
    public.pop("__version__", None)
    for title, members in _chapters(public).items():
        lines += [f"## {title}", ""]
        for name, value in members.items():
            lines += _described(name, value)
    return "\n".join(lines).rstrip() + "\n"


def _chapters(public: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    chapters: dict[str, dict[str, Any]] = {
        "Clients": {},
        "Records and events": {},
        "Errors": {},
        "The rest": {},
    }
    for name in sorted(public, key=str.lower):
        value = public[name]
        if inspect.isclass(value) and issubclass(value, BaseException):
            chapter = "Errors"
        elif inspect.isclass(value) and value.__module__.startswith("imbari_chat.client"):
            chapter = "Clients"
        elif inspect.isclass(value) and value.__module__.startswith("imbari_chat.schema"):
            chapter = "Records and events"
        else:
            chapter = "The rest"
        chapters[chapter][name] = value
    chapters["The emulator"] = {"Emulator": Emulator}
    return chapters


def _described(name: str, value: Any) -> Iterator[str]:
    yield f"### `{name}`"
    yield ""
    if not inspect.isclass(value) and not inspect.isfunction(value):
        yield f"`{value!r}`" if isinstance(value, tuple) else f"A type: `{_type(value)}`."
        yield ""
        return
    if inspect.isfunction(value):
        yield f"`{name}{_signature(value)}`"
        yield ""
    yield from markdown(value.__doc__ or "")
    yield ""
    if inspect.isclass(value):
        for member, what in _members(value):
            yield from _member(member, what)


def _type(value: Any) -> str:
    kind = getattr(value, "__supertype__", value)
    return kind.__name__ if inspect.isclass(kind) else str(kind).replace("typing.", "")


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties that somebody of ours has documented, as they are written."""
    seen: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if not base.__module__.startswith("imbari_chat"):
            continue
        for name, member in vars(base).items():
            if not name.startswith("_"):
                seen.pop(name, None)
                seen[name] = member
    for name, member in seen.items():
        if isinstance(member, property | classmethod | staticmethod) or inspect.isfunction(member):
            yield name, member


def _member(name: str, member: Any) -> Iterator[str]:
    if isinstance(member, property):
        yield f"**`{name}`** (property)"
        text = member.__doc__
    else:
        function = getattr(member, "__func__", member)
        awaited = "await " if inspect.iscoroutinefunction(function) else ""
        yield f"**`{awaited}{name}{_signature(function)}`**"
        text = function.__doc__
    yield ""
    yield from markdown(text or "")
    yield ""


def _signature(function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    shown = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in signature.parameters.items()
        if name not in ("self", "cls")
    ]
    return str(signature.replace(parameters=shown, return_annotation=inspect.Signature.empty))


def settings_page() -> str:
    """docs/settings.md: every setting, where it is read from, and what it means."""
    meanings = entries(Settings.__doc__ or "", "Attributes")
    lines = [
        "# Settings",
        "",
        _MADE,
        "",
        "A setting is taken from the first of these that has it: a flag of the command line or of",
        "`from_env()`; the environment, where of several variables the first that is set counts;",
        "`FIREBASE_CONFIG`, as `firebase emulators:exec` hands it on; `imbari-chat.toml` in the",
        "working directory, or else `config.toml` in the user's configuration directory. Keys of a",
        "file are the names below.",
        "",
        "| setting | variables | option | default | meaning |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, field in Settings.model_fields.items():
        variables = ", ".join(f"`{one}`" for one in settings_variables(name))
        flag = f"`{_FLAGS[name]}`" if name in _FLAGS else ""
        lines.append(
            f"| `{name}` | {variables} | {flag} | {_default(name, field)} | {meanings[name]} |"
        )
    lines += [
        "",
        "## Other variables",
        "",
        "| variable | meaning |",
        "| --- | --- |",
        *(f"| `{name}` | {meaning} |" for name, meaning in OTHER_VARIABLES.items()),
    ]
    return "\n".join(lines) + "\n"


def keys_page() -> str:
    """docs/keys.md: every key of the desk, from its table."""
    lines = ["# Keys of the desk", "", _MADE]
    for place, title in keys.PLACES.items():
        lines += ["", f"## {title}", "", "| keys | what they do |", "| --- | --- |"]
        for one in keys.KEYS:
            if one.place == place:
                names = ", ".join(f"`{keys.key_label(key)}`" for key in one.keys.split(","))
                lines.append(f"| {names} | {one.meaning} |")
    return "\n".join(lines) + "\n"


def _default(name: str, field: FieldInfo) -> str:
    if name in _DERIVED:
        return _DERIVED[name]
    value = field.default
    if value is None:
        return ""
    return f"`{value.value if isinstance(value, enum.Enum) else value}`"


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` say which are not up to date."""
    check = "--check" in arguments
    stale = []
    pages = {API: api_page(), SETTINGS: settings_page(), KEYS: keys_page(), **manual_pages()}
    for path, page in pages.items():
        if path.exists() and path.read_text("utf-8") == page:
            continue
        stale.append(path.name)
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(page, "utf-8")
    for path in MANUAL.glob("*.1"):
        if path not in pages:  # of a command that is no more
            stale.append(path.name)
            if not check:
                path.unlink()
    if check and stale:
        print(f"not what the code says: {', '.join(stale)}; run `make reference`")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
