"""All databases of one emulator, by name.

A database exists as soon as it is named. Each has its own data and rules; new ones start with the
rules the emulator was given. Anybody may name any number of them, so of those that hold nothing
only the latest are remembered; the others come back as they were when they are named again.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from imbari_chat.emulator.database.audiences import PendingEvent
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.emulator.database.refusal import Refusal, Refusals
from imbari_chat.rules import Ruleset

__all__ = ["Databases"]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}\Z")
_NAMED_ONLY: Final = 64
"""Databases that hold nothing which are remembered at most."""


class Databases:
    """Every database.

    Args:
        default: The name for requests that give none.
        rules: In force wherever no others have been loaded.
        enforce_indexes: See :class:`Namespace`.
    """

    def __init__(self, default: str, rules: Ruleset, *, enforce_indexes: bool = True) -> None:
        self.default = default
        self._rules = rules
        self._enforce_indexes = enforce_indexes
        self._namespaces: dict[str, Namespace] = {}
        self._sweep_at = _NAMED_ONLY
        self.refusals = Refusals()
        self.named(default)

    def __iter__(self) -> Iterator[Namespace]:
        return iter(self._namespaces.values())

    def named(self, name: str) -> Namespace:
        """The database called ``name``, made on the spot if need be.

        Raises:
            Refusal: It cannot be a name.
        """
        namespace = self._namespaces.get(name)
        if namespace is None:
            if not _NAME.match(name):
                raise Refusal(403, "Invalid Firebase database name")
            if len(self._namespaces) >= self._sweep_at:
                self._sweep()
            namespace = self._namespaces[name] = Namespace(
                name, self._rules, enforce_indexes=self._enforce_indexes, refusals=self.refusals
            )
        return namespace

    def _sweep(self) -> None:
        """Forget the databases that hold nothing; the cost is spread over those named since."""
        for name, namespace in list(self._namespaces.items()):
            if name != self.default and namespace.rules is self._rules and namespace.is_blank:
                del self._namespaces[name]
        self._sweep_at = len(self._namespaces) + _NAMED_ONLY

    def set_rules(self, rules: Ruleset, now: int) -> list[PendingEvent]:
        """Put new rules in force wherever no others have been loaded, also in new databases."""
        former, self._rules = self._rules, rules
        governed = [namespace for namespace in self if namespace.rules is former]
        return [each for namespace in governed for each in namespace.set_rules(rules, now)]

    def addressed(self, ns: str | None, host: str) -> Namespace:
        """The database a request means.

        The ``ns`` parameter wins; then the first label of a host name with at least three; then
        the default. An IP address names nothing, nor does the first number of one, which the
        JavaScript SDK takes for a name.

        Raises:
            Refusal: It cannot be a name.
        """
        if ns and _is_address(host) and ns == host.partition(".")[0]:
            ns = None
        return self.named(ns or _first_label(host) or self.default)


def _first_label(host: str) -> str | None:
    """The database a host name stands for; an address stands for none.

    [unsure] of Google's emulator; the JavaScript SDK reads host names in this way.
    """
    if _is_address(host):
        return None
    labels = _without_port(host).split(".")
    return labels[0].lower() if len(labels) >= 3 else None


def _is_address(host: str) -> bool:
    try:
        ip_address(_without_port(host).strip("[]"))
    except ValueError:
        return False
    return True


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0]
    return host.partition(":")[0] if host.count(":") <= 1 else host
