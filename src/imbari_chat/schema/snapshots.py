"""Records of one moment that hold mappings which nobody changes."""

from dataclasses import fields
from types import MappingProxyType
from typing import Any

__all__ = ["Snapshot"]


class Snapshot:
    """Base of a frozen dataclass: it is pickled and copied, which a mapping's proxy is not."""

    __slots__ = ()

    def __reduce__(self) -> tuple[object, ...]:
        values = (getattr(self, one.name) for one in fields(self))  # type: ignore[arg-type]
        return _again, (type(self), [_plain(value) for value in values])


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, MappingProxyType) else value


def _again(kind: type[Any], values: list[object]) -> object:
    return kind(*(MappingProxyType(one) if isinstance(one, dict) else one for one in values))
