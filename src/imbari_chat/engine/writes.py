"""What a write may hold, whichever way it goes."""

from collections.abc import Mapping

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.paths import Path

__all__ = ["check_swap", "update_body"]


def update_body(changes: Mapping[Path, Json]) -> dict[str, Json]:
    """The body of a multi-path update at the root.

    Raises:
        InvalidData: A path is the root itself, or a value is no JSON.
    """
    body = {"/".join(path): value for path, value in changes.items()}
    if "" in body:
        raise InvalidData("an update changes places below the root, not the root itself", where="/")
    dumps(body)  # the libraries would send NaN, or refuse it in words of their own
    return body


def check_swap(value: Json) -> None:
    """Make sure that ``value`` can take the place of another.

    Raises:
        InvalidData: It is no JSON, or None, which would delete.
    """
    if value is None:
        raise InvalidData("a swap puts a value in the place of another; it cannot delete")
    dumps(value)
