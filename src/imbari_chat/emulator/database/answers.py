"""Answers whose writing out may take a while, as they are large: what is done, and what it says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imbari_chat.emulator.database.audiences import PendingEvent
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.namespace import Commit, etag
from imbari_chat.emulator.database.requests import Request
from imbari_chat.emulator.database.responses import Response, empty, found
from imbari_chat.emulator.offload import LARGE
from imbari_chat.wire.tree import Node

__all__ = ["Done", "at_once", "mismatched", "pushed", "stored"]


@dataclass(frozen=True, slots=True)
class Done:
    """A request that is done, but for writing its answer out.

    Attributes:
        response: Writes it out. In a thread, if need be.
        weight: About as many bytes as it will have.
        events: Events to deliver at once.
    """

    response: Callable[[], Response]
    weight: int = 0
    events: Sequence[PendingEvent] = ()


def at_once(response: Response, events: Sequence[PendingEvent] = ()) -> Done:
    """An answer that is written out already."""
    return Done(lambda: response, 0, events)


def mismatched(node: Node, request: Request) -> Done:
    """The answer to a write that was made for another value: what is there."""
    pretty = request.wants("print", "pretty")
    return Done(
        lambda: found(node.to_json(), status=412, tag=etag(node), pretty=pretty), node.weight
    )


def stored(write: Write, request: Request, commit: Commit, *, tagged: bool = False) -> Done:
    """The answer to a write: what it has left where it was sent."""

    def written() -> Response:
        node = write.found(commit.after)
        tag = etag(node) if request.wants_etag or tagged else None
        if request.silent:
            return empty(204, tag=tag)
        pretty = request.wants("print", "pretty")
        large = len(request.body) >= LARGE
        return found(write.stored(commit.after), pretty=pretty, tag=tag, large=large)

    return Done(written, len(request.body), commit.events)


def pushed(key: str, write: Write, request: Request, commit: Commit) -> Done:
    """The answer to a push: the name that was made."""

    def written() -> Response:
        tag = etag(commit.after.at(write.base)) if request.wants_etag else None
        if request.silent:
            return empty(204, tag=tag)
        return found({"name": key}, pretty=request.wants("print", "pretty"), tag=tag)

    return Done(written, len(request.body) if request.wants_etag else 0, commit.events)
