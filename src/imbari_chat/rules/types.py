"""The static types of the language, its variables and members.

A type is the set of kinds a value may be of: a stored value may be of any primitive kind, and
``auth`` and whatever is below it of any kind at all. The service refuses at upload only what cannot
possibly fit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, Flag, auto
from typing import Final

__all__ = [
    "CLAIM",
    "PRIMITIVE",
    "SNAPSHOT_METHODS",
    "STRING_METHODS",
    "VARIABLES",
    "Method",
    "Parameters",
    "Type",
    "either",
    "has_members",
    "member",
]


class Type(Flag):
    """The kinds of values."""

    BOOLEAN = auto()
    NUMBER = auto()
    STRING = auto()
    NULL = auto()
    CLAIMS = auto()  # auth, and objects within it: any member may be named
    QUERY = auto()
    ORDERING = auto()  # query.orderByChild
    SNAPSHOT = auto()
    REGEX = auto()
    METHOD = auto()
    MIXED = auto()  # beside the kinds of a ternary's branches, where they differ


class Parameters(Enum):
    """What a method takes."""

    NOTHING = auto()
    STRING = auto()
    TWO_STRINGS = auto()
    REGEX = auto()
    NAMES = auto()


@dataclass(frozen=True, slots=True)
class Method:
    """A method's parameters and the type of its result."""

    parameters: Parameters
    result: Type


PRIMITIVE: Final = Type.BOOLEAN | Type.NUMBER | Type.STRING | Type.NULL
CLAIM: Final = PRIMITIVE | Type.CLAIMS

VARIABLES: Final[Mapping[str, Type]] = {
    "auth": CLAIM,
    "now": Type.NUMBER,
    "root": Type.SNAPSHOT,
    "data": Type.SNAPSHOT,
    "newData": Type.SNAPSHOT,
    "query": Type.QUERY,
}

_TEST: Final = Method(Parameters.NOTHING, Type.BOOLEAN)

# What val() gives of an object is a marker that is not null and has no members; it needs no kind
# of its own, as nothing but a comparison accepts it and any primitive may be compared.
SNAPSHOT_METHODS: Final[Mapping[str, Method]] = {
    "val": Method(Parameters.NOTHING, PRIMITIVE),
    "child": Method(Parameters.STRING, Type.SNAPSHOT),
    "parent": Method(Parameters.NOTHING, Type.SNAPSHOT),
    "hasChild": Method(Parameters.STRING, Type.BOOLEAN),
    "hasChildren": Method(Parameters.NAMES, Type.BOOLEAN),
    "exists": _TEST,
    "getPriority": Method(Parameters.NOTHING, PRIMITIVE),
    "isString": _TEST,
    "isNumber": _TEST,
    "isBoolean": _TEST,
}

STRING_METHODS: Final[Mapping[str, Method]] = {
    "contains": Method(Parameters.STRING, Type.BOOLEAN),
    "beginsWith": Method(Parameters.STRING, Type.BOOLEAN),
    "endsWith": Method(Parameters.STRING, Type.BOOLEAN),
    "replace": Method(Parameters.TWO_STRINGS, Type.STRING),
    "toLowerCase": Method(Parameters.NOTHING, Type.STRING),
    "toUpperCase": Method(Parameters.NOTHING, Type.STRING),
    "matches": Method(Parameters.REGEX, Type.BOOLEAN),
}

_QUERY_PROPERTIES: Final[Mapping[str, Type]] = {
    "orderByKey": Type.BOOLEAN,
    "orderByValue": Type.BOOLEAN,
    "orderByPriority": Type.BOOLEAN,
    "orderByChild": Type.ORDERING,
    "startAt": PRIMITIVE,
    "endAt": PRIMITIVE,
    "equalTo": PRIMITIVE,
    "limitToFirst": Type.NUMBER | Type.NULL,
    "limitToLast": Type.NUMBER | Type.NULL,
}


def has_members(target: Type) -> bool:
    """Whether anything can be named below a value of type ``target``.

    [unsure] which mixtures of a ternary can have members; recorded is that a snapshot or a number
    cannot. Here, none but those with a claim.
    """
    if Type.MIXED in target:
        return Type.CLAIMS in target
    return bool(target & (Type.STRING | Type.SNAPSHOT | Type.QUERY | Type.CLAIMS))


def member(target: Type, name: str) -> Type | Method | None:
    """What ``target.name`` is, or None if no value of type ``target`` has such a member.

    On a claim, which may be a string, the methods of strings come first.
    """
    if not has_members(target):
        return None
    if Type.CLAIMS in target:
        return STRING_METHODS.get(name, CLAIM)
    if Type.SNAPSHOT in target:
        return SNAPSHOT_METHODS.get(name)
    if Type.QUERY in target:
        return _QUERY_PROPERTIES.get(name)
    return Type.NUMBER if name == "length" else STRING_METHODS.get(name)


def either(one: Type, other: Type) -> Type:
    """The type of a value that is of one type or of another."""
    if one in other or other in one:
        return one | other
    return one | other | Type.MIXED
