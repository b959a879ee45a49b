"""What a write may hold, whichever way it goes."""

from collections.abc import Mapping

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.paths import Path

__all__ = ["check_json", "check_swap", "update_body"]


def update_body(changes: Mapping[Path, Json]) -> dict[str, Json]:
    """The body of a multi-path update at the root; whoever writes it as JSON sees whether it is.

    Raises:
        InvalidData: A path is the root itself.
    """
    body = {"/".join(path): value for path, value in changes.items()}
    if "" in body:
        raise InvalidData("an update changes places below the root, not the root itself", where="/")
    return body


def check_json(value: Json) -> None:
    """Make sure that a library may write ``value``: it would send NaN, or refuse it in its words.

    Raises:
        InvalidData: It is no JSON.
    """
    dumps(value)


def check_swap(value: Json) -> None:
    """Make sure that ``value`` can take the place of another.

    Raises:
        InvalidData: It is no JSON, or None, which would delete.
    """
    if value is None:
        raise InvalidData("a swap puts a value in the place of another; it cannot delete")
    check_json(value)
