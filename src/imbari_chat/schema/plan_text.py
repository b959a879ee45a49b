"""A plan as text, for an outbox that outlives its program."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from imbari_chat.errors import InvalidData
from imbari_chat.schema.plans import Plan
from imbari_chat.wire.json import Json, dumps, parse
from imbari_chat.wire.paths import Path

__all__ = ["pack", "unpack"]

_CHANGES: Final = "changes"
_MARKER: Final = "marker"
_REQUIRES: Final = "requires"
_EXPECTS: Final = "expects"


def pack(plan: Plan) -> str:
    """A plan as JSON; what the server is to fill in stays a placeholder."""
    expects: Json = None
    if plan.expects is not None:
        place, value = plan.expects
        expects = [str(place), value]
    return dumps(
        {
            _CHANGES: {str(place): value for place, value in plan.changes.items()},
            _MARKER: _text(plan.commit_marker),
            _REQUIRES: _text(plan.requires),
            _EXPECTS: expects,
        }
    )


def unpack(text: str) -> Plan:
    """The plan that :func:`pack` was given.

    Raises:
        InvalidData: It is none.
    """
    found = parse(text)
    if not isinstance(found, Mapping) or not isinstance(changes := found.get(_CHANGES), Mapping):
        raise InvalidData("this is no plan")
    expects: tuple[Path, Json] | None = None
    if isinstance(pair := found.get(_EXPECTS), list) and len(pair) == 2:
        expects = Path.parse(str(pair[0])), pair[1]
    return Plan(
        MappingProxyType({Path.parse(place): value for place, value in changes.items()}),
        _path(found.get(_MARKER)),
        _path(found.get(_REQUIRES)),
        expects,
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _path(text: Json) -> Path | None:
    return Path.parse(text) if isinstance(text, str) else None
