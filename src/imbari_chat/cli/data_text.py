"""Data as text that keeps what is true and that no terminal obeys: JSON, and rows.

What a terminal would obey or mangle is escaped as JSON does it. Every JSON document and line says
by which version of these rules it is made. Values of a row have tabs between.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from imbari_chat.wire.json import Json

__all__ = ["json_text", "row_text"]

# C1 controls, DEL, bidi marks and overrides, line separators, lone surrogates: legal in JSON
# strings as they are, and hostile to a terminal or to UTF-8.
_HOSTILE: Final = re.compile(
    "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\\]")
_SHORT_ESCAPES: Final = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}

_VERSION: Final = 1
"""Of what documents and lines hold. It counts up when a field goes away or means something else."""


def json_text(data: Mapping[str, Json], *, encoding: str, indent: int | None = None) -> str:
    """An object as JSON, with the ``version`` first.

    Args:
        data: The object.
        encoding: Of where it is written; what is not UTF-8 gets ASCII.
        indent: Spaces for each level of a document; all on one line otherwise.
    """
    utf8 = encoding.lower().replace("-", "") in {"utf8", "utf8sig"}
    separators = (",", ":") if indent is None else None
    versioned = {"version": _VERSION, **data}
    text = json.dumps(versioned, ensure_ascii=not utf8, indent=indent, separators=separators)
    return _HOSTILE.sub(_escaped, text)


def row_text(values: Iterable[Json]) -> str:
    """Values with tabs between: text as it is, other things as JSON, nothing for null."""
    return "\t".join(map(_cell, values))


def _cell(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = _CONTROL.sub(_escaped, value)
    else:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _HOSTILE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return _SHORT_ESCAPES.get(match[0], f"\\u{ord(match[0]):04x}")
