"""Server values: ``{".sv": ...}``, placeholders that the database fills in when it commits.

The instant comes in as an argument, so that every timestamp of one request is the same.
"""

from typing import Final

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json, Number, canonical_number, is_number
from imbari_chat.wire.paths import MAX_DEPTH
from imbari_chat.wire.tree import EMPTY, Leaf, Node

__all__ = ["SERVER_TIMESTAMP", "DoesNotFit", "increment", "resolve"]

SERVER_TIMESTAMP: Final[dict[str, Json]] = {".sv": "timestamp"}
"""Becomes the milliseconds since the epoch at which the write is applied. Do not mutate."""


class DoesNotFit(InvalidData):
    """A write that is sound in itself, but not where it is sent: what is stored there is why.

    So it tells of what is stored, and only who may read that may be told.
    """


def increment(by: Number) -> dict[str, Json]:
    """The placeholder that adds ``by`` to the number in place, atomically.

    Raises:
        InvalidData: ``by`` is not a finite number.
    """
    return {".sv": {"increment": _delta(by)}}


def resolve(value: Json, existing: Node, now: int) -> Json:
    """``value`` with every server value replaced by what it stands for.

    A value without any is returned as it is, not copied.

    Args:
        value: The JSON of a write.
        existing: The node that the write replaces, which increments add to.
        now: The instant of the request, in milliseconds since the epoch.

    Raises:
        InvalidData: A server value is none that the service knows, or the nesting is too deep.
        DoesNotFit: What is stored cannot take an increment.
    """
    return _resolve(value, existing, now, 0)


def _resolve(value: Json, existing: Node, now: int, depth: int) -> Json:
    if not isinstance(value, dict | list):
        return value
    if depth > MAX_DEPTH:
        raise InvalidData(f"data is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, list):
        items = [
            _resolve(item, existing.child(str(index)), now, depth + 1)
            if isinstance(item, dict | list)
            else item
            for index, item in enumerate(value)
        ]
        changed = any(new is not old for new, old in zip(items, value, strict=True))
        return items if changed else value
    if ".sv" in value:
        return _placeholder(value, existing, now)
    replaced: dict[str, Json] = {}
    for key, item in value.items():
        if isinstance(item, dict | list):
            if key == ".value":
                before = existing
            elif key == ".priority":
                before = EMPTY if existing.priority is None else Leaf(existing.priority)
            else:
                before = existing.child(key)
            new = _resolve(item, before, now, depth + 1)
            if new is not item:
                replaced[key] = new
    return value | replaced if replaced else value


def _placeholder(value: dict[str, Json], existing: Node, now: int) -> Json:
    """What an object with ``.sv`` stands for; only ``.priority`` may stand beside it."""
    if value.keys() - {".sv", ".priority"}:
        raise _unknown_server_value()
    what = value[".sv"]
    result: Json
    if what == "timestamp":
        result = now
    elif isinstance(what, dict) and what.keys() == {"increment"}:
        result = _sum(existing, _delta(what["increment"]))
    else:
        raise _unknown_server_value()
    if ".priority" in value:
        return resolve({".value": result, ".priority": value[".priority"]}, existing, now)
    return result


def _sum(existing: Node, delta: Number) -> Number:
    """Anything but a number counts as absent and is replaced by the increment."""
    if not isinstance(existing, Leaf) or not is_number(existing.value):
        return delta
    assert isinstance(existing.value, int | float)
    try:
        return canonical_number(existing.value + delta)
    except ValueError:
        raise DoesNotFit("an increment overflows a double") from None


def _delta(by: Json) -> Number:
    if is_number(by):
        assert isinstance(by, int | float)
        try:
            return canonical_number(by)
        except (ValueError, OverflowError):
            pass
    raise InvalidData("an increment is a finite number")


def _unknown_server_value() -> InvalidData:
    """The service answers 400. [unsure]: its text is not known."""
    return InvalidData(
        "Invalid data; couldn't parse server value",
        hint='a server value is {".sv": "timestamp"} or {".sv": {"increment": NUMBER}}',
    )
