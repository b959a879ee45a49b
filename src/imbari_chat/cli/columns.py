"""Tables on a terminal whose columns stay where they are, whoever counts.

Rich lays out a table by its own count of columns, and terminals do not share that for every script
(:mod:`imbari_chat.view.widths`). So it is given stand-ins for disputed text, which everybody counts
alike and which have the room of the widest opinion. When lines are written, the text takes their
place, and what stands behind it in the line is put where it belongs by a column address.

Stand-ins are from the private-use planes, of which nothing passes ``safe_text``.
"""

import re
from itertools import count
from typing import Final

from rich.cells import cell_len

from imbari_chat.view.widths import clusters, is_disputed, widest

__all__ = ["stand_ins", "without_stand_ins"]

_FIRST: Final = 0xF0000
_LAST: Final = 0xFFFFD
_MORE: Final = "\U00100000"
"""A further column of the cluster before it."""

_COLOUR: Final = re.compile("\x1b\\[[0-9;]*m")
_ONE: Final = re.compile(f"([{chr(_FIRST)}-{chr(_LAST)}]?)({_MORE}*)(…?)")
_RUN: Final = re.compile(
    f"[{chr(_FIRST)}-{chr(_LAST)}{_MORE}]+(?: [{chr(_FIRST)}-{chr(_LAST)}{_MORE}]+)*…?"
)

_numbers: Final[dict[str, int]] = {}
_clusters: Final[dict[int, str]] = {}
_next: Final = count(_FIRST)


def stand_ins(text: str) -> str:
    """``text`` with stand-ins from its first disputed sign on; spaces stay, so that it can break.

    Args:
        text: What ``safe_text`` gave.
    """
    parts = list(clusters(text))
    for at, one in enumerate(parts):
        if is_disputed(one):
            return "".join(parts[:at]) + "".join(map(_stand_in, parts[at:]))
    return text


def without_stand_ins(line: str, *, addressed: bool) -> str:
    """A drawn line with its text in place.

    Args:
        line: As Rich has drawn it, perhaps in colours.
        addressed: Whether it goes to a terminal, which takes column addresses.
    """
    parts = []
    at = 0
    for run in _RUN.finditer(line):
        parts += [line[at : run.start()], _ONE.sub(_text, run[0])]
        at = run.end()
        if addressed and _COLOUR.sub("", line[at:]).strip():
            column = cell_len(_COLOUR.sub("", line[:at])) + 1
            parts.append(f"\x1b[{column}G")
    return "".join([*parts, line[at:]])


def _stand_in(cluster: str) -> str:
    if cluster == " ":
        return cluster
    number = _numbers.get(cluster)
    if number is None:
        number = next(_next)
        if number > _LAST:
            return cluster  # whoever writes so many signs at once has crooked columns
        _numbers[cluster] = number
        _clusters[number] = cluster
    return chr(number) + _MORE * (widest(cluster) - 1)


def _text(match: "re.Match[str]") -> str:
    lead, more, cut = match.groups()
    if not lead:
        return " " * len(more) + cut
    cluster = _clusters[ord(lead)]
    if cut and len(more) < widest(cluster) - 1:
        return " " * (1 + len(more)) + cut  # there was no room for all of it
    return cluster + cut
