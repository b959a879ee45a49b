"""A tree behind rules: what the tables of requests are played against."""

from dataclasses import dataclass
from typing import Any

from imbari_chat.rules import Decision, Ruleset
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query_forms import from_params
from imbari_chat.wire.tree import Node
from imbari_chat.wire.updates import PRIORITY, apply

__all__ = ["Database"]


@dataclass
class Database:
    """A tree behind rules, as little of a service as the cases need."""

    rules: Ruleset
    root: Node
    now: int

    def ask(self, request: dict[str, Any], auth: Json) -> Decision:
        """Decide a request and, if it is an allowed write, make it."""
        if "read" in request:
            query = from_params(request.get("query", {}))
            path = Path.parse(request["read"])
            return self.rules.read(path, root=self.root, auth=auth, now=self.now, query=query)
        writes = {_place(path): value for path, value in request["write"].items()}
        after = apply(self.root, writes, self.now)
        decision = self.rules.write(
            [path.parent if path.key == PRIORITY else path for path in writes],
            before=self.root,
            after=after,
            auth=auth,
            now=self.now,
        )
        if decision:
            self.root = after
        return decision


def _place(text: str) -> Path:
    """A path, or the priority of what is at one."""
    above, _, last = text.rpartition("/")
    return Path((*Path.parse(above), PRIORITY)) if last == PRIORITY else Path.parse(text)
