"""The two ways in which a query is written: parameters of a REST request, and the socket's object.

    ?orderBy="n"&startAt=2&limitToLast=3        {"sp":2,"sin":true,"l":3,"vf":"r","i":"n"}

The texts of the errors are those of the service, so that the emulator can answer with them.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json, Scalar, dumps, parse
from imbari_chat.wire.keys import MAX_KEY, MIN_KEY
from imbari_chat.wire.order import Index
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import LIMITS, Bound, Query, equal_and_range, two_bounds, two_limits

__all__ = ["from_object", "from_params", "to_object", "to_params"]

_RANGE: Final = ("startAt", "startAfter", "endAt", "endBefore")
_FILTERS: Final = (*_RANGE, "equalTo", *LIMITS)

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


def from_params(params: Mapping[str, str]) -> Query | None:
    """Read the parameters of a REST request; None if none of them asks for a query.

    Args:
        params: Names and values, percent-decoded. Names that are not a query's are ignored.

    Raises:
        InvalidData: The parameters make no query; the text is the service's.
    """
    given = [name for name in _FILTERS if name in params]
    if "orderBy" not in params:
        if given:
            raise InvalidData("orderBy must be defined when other query parameters are defined")
        return None
    query = Query(_order(params["orderBy"]))
    if "equalTo" in given and any(name in given for name in _RANGE):
        raise equal_and_range()
    for pair in (_RANGE[:2], _RANGE[2:]):
        if all(name in given for name in pair):
            raise two_bounds(*pair)
    if all(name in given for name in LIMITS):
        raise two_limits()
    for name in given:
        query = _with_param(query, name, params[name])
    return query


def to_params(query: Query) -> dict[str, str]:
    """The parameters of a REST request for this query, to be percent-encoded.

    The order is always written out: the service refuses a limit or a range without one.
    """
    params = {"orderBy": dumps(str(query.order_by))}
    if query.start is not None and query.start.inclusive and query.start == query.end:
        params["equalTo"] = _bound_text(query.start)
    else:
        if query.start is not None:
            name = "startAt" if query.start.inclusive else "startAfter"
            params[name] = _bound_text(query.start)
        if query.end is not None:
            params["endAt" if query.end.inclusive else "endBefore"] = _bound_text(query.end)
    if query.limit is not None:
        params[LIMITS[query.from_end]] = str(query.limit)
    return params


def from_object(value: Json) -> Query | None:
    """Read the ``q`` of a listen or a get; None if it asks for everything, as ``{}`` does.

    A bound is there if its value is, even if that is null or false. Older SDKs say nothing of
    ``sin`` and ``ein``, which then are true, nor of ``vf``, which then is the end unless there is
    a start.

    Raises:
        InvalidData: It makes no query.
    """
    if value is None or value == {}:
        return None
    if not isinstance(value, dict):
        raise InvalidData("a query is an object")
    query = Query(_index(value.get("i")))
    if "sp" in value:
        query = replace(query, start=_bound(value, "sp", "sn", "sin", beyond=MAX_KEY))
    if "ep" in value:
        query = replace(query, end=_bound(value, "ep", "en", "ein", beyond=MIN_KEY))
    if "l" not in value:
        return query
    limit, view = value["l"], value.get("vf")
    if not isinstance(limit, int | float) or isinstance(limit, bool) or limit != int(limit):
        raise InvalidData("a query's limit is a whole number")
    from_end = "sp" not in value if view is None else view == "r"
    return replace(query, limit=int(limit), from_end=from_end)


def to_object(query: Query | None) -> dict[str, Json]:
    """The ``q`` that asks for this query, as the JavaScript SDK writes it."""
    written: dict[str, Json] = {}
    if query is None:
        return written
    if query.start is not None:
        written |= _bound_object(query, query.start, "sp", "sn", "sin", beyond=MAX_KEY)
    if query.end is not None:
        written |= _bound_object(query, query.end, "ep", "en", "ein", beyond=MIN_KEY)
    if query.limit is not None:
        written |= {"l": query.limit, "vf": "r" if query.from_end else "l"}
    if query.order_by.kind != "priority":
        written["i"] = query.order_by.rule
    return written


def _with_param(query: Query, name: str, text: str) -> Query:
    match name:
        case "limitToFirst":
            return query.limit_to_first(_count(name, text))
        case "limitToLast":
            return query.limit_to_last(_count(name, text))
    value, key = _bound_parts(text)
    match name:
        case "startAt":
            return query.start_at(value, key)
        case "startAfter":
            return query.start_after(value, key)
        case "endAt":
            return query.end_at(value, key)
        case "endBefore":
            return query.end_before(value, key)
        case _:
            return query.equal_to(value, key)


def _order(text: str) -> Index:
    try:
        name = parse(text)
    except InvalidData:
        name = None
    if not isinstance(name, str):
        raise InvalidData("orderBy must be a valid JSON encoded path")
    return Index.parse(name)


def _bound_parts(text: str) -> tuple[Scalar | None, str | None]:
    """Read ``3`` or ``3,"stego"``: a JSON primitive, and a key after a comma."""
    try:
        parts = parse(f"[{text}]")
    except InvalidData:
        parts = []
    if not isinstance(parts, list) or not parts or isinstance(parts[0], dict | list):
        raise InvalidData("Constraint index field must be a JSON primitive")
    key: Json = parts[1] if len(parts) == 2 else None
    if len(parts) > 1 and (not isinstance(key, str) or key in (MIN_KEY, MAX_KEY)):
        raise InvalidData("Constraint key field must be a valid key name")
    assert key is None or isinstance(key, str)
    return parts[0], key


def _bound_text(bound: Bound) -> str:
    value = dumps(bound.value)
    return value if bound.key is None else f"{value},{dumps(bound.key)}"


def _count(name: str, text: str) -> int:
    if not _INTEGER.fullmatch(text.strip()):
        raise InvalidData(f"{name} must be an integer")
    return int(text)


def _index(name: Json) -> Index:
    match name:
        case None | ".priority":
            return Index("priority")
        case ".key":
            return Index("key")
        case ".value":
            return Index("value")
        case str():
            path = Path.parse(name)
            if path:
                return Index("child", path)
    raise InvalidData("a query's index is .key, .value, .priority or a path")


def _bound(value: Mapping[str, Json], at: str, key: str, inside: str, *, beyond: str) -> Bound:
    """The bound at ``at``; a strict one beyond every key speaks for all of them."""
    limit, name, inclusive = value[at], value.get(key), value.get(inside, True)
    if isinstance(limit, dict | list):
        raise InvalidData("Constraint index field must be a JSON primitive")
    if not isinstance(name, str | None) or not isinstance(inclusive, bool):
        raise InvalidData("Constraint key field must be a valid key name")
    if name == beyond and not inclusive:
        name = None
    return Bound(limit, name, inclusive)


def _bound_object(
    query: Query, bound: Bound, at: str, key: str, inside: str, *, beyond: str
) -> dict[str, Json]:
    written: dict[str, Json] = {at: bound.value}
    if bound.key is not None:
        written[key] = bound.key
    elif not bound.inclusive and query.order_by.kind != "key":
        written[key] = beyond
    return written | {inside: bound.inclusive}
