"""What a listener is told, and the two forms in which it is written.

An event speaks of nodes, and is the same for everyone who listens to one view:

    put     all that is at a place, which may be nothing
    patch   what is at some places at or below a place, all at once
    cancel  the listener may not listen any more

Its form is that of the transport: a frame of an event stream, where paths are relative to the
stream, or a message of a socket, where they are whole and a tag says which listen is meant. Trees
never change, so an event is written when it is needed.
"""

from collections.abc import Mapping
from typing import Final, Literal

from imbari_chat.emulator.offload import LARGE
from imbari_chat.wire.framing import segments
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.messages import on_the_wire
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.sse import Frame
from imbari_chat.wire.tree import EMPTY, Node

__all__ = ["CANCEL", "Event"]

# [unsure]: current docs show texts here, older ones and captures null. pyrebase4's thread dies of
# anything else, and both official Python clients skip null.
_CANCELLED: Final = Frame("cancel", "null")


class Event:
    """One event.

    Args:
        kind: Which of the three.
        base: The place that is listened to.
        path: Where below it.
        nodes: What is there: for a put one node, under the root; for a patch, by path below.
        hollow: Nothing is there because a query lets nothing through, which a stream is told as an
            empty object.

    Attributes:
        weight: About as many bytes as it has when it is written.
    """

    __slots__ = ("_message", "base", "hollow", "kind", "nodes", "path", "weight")

    def __init__(
        self,
        kind: Literal["put", "patch", "cancel"],
        base: Path = ROOT,
        path: Path = ROOT,
        nodes: Mapping[Path, Node] | None = None,
        *,
        hollow: bool = False,
    ) -> None:
        self.kind: Final = kind
        self.base: Final = base
        self.path: Final = path
        self.nodes: Final = nodes or {}
        self.hollow: Final = hollow
        self.weight: Final = sum(
            node.weight + sum(map(len, place)) for place, node in self.nodes.items()
        )
        self._message: str | None = None

    @property
    def node(self) -> Node:
        """What a put tells of."""
        return self.nodes.get(ROOT, EMPTY)

    def frame(self, *, export: bool = False) -> Frame:
        """As an event stream has it.

        Args:
            export: With priorities, and lists as objects.
        """
        if self.kind == "cancel":
            return _CANCELLED
        data = {} if self.hollow else self._data(export=export)
        told: Json = {"path": str(self.path), "data": data}
        return Frame(self.kind, dumps(told, in_steps=self.weight >= LARGE))

    def message(self, tag: str = "") -> str:
        """As a socket has it.

        Args:
            tag: JSON of what the client calls the listen; nothing if it has given it no name.
        """
        if self._message is None:  # the same for every tag
            self._message = self._begin()
        return self._message + _tagged(tag) + self._end

    def parts(self) -> list[str]:
        """The message cut into texts, but for what :meth:`rest` says: the same for every listen."""
        return list(segments(self._begin()))

    def rest(self, tag: str = "") -> str:
        """The last text after :meth:`parts`."""
        return _tagged(tag) + self._end

    @property
    def _end(self) -> str:
        return f'}},"a":"{"d" if self.kind == "put" else "m"}"}}}}'

    def _begin(self) -> str:
        place = dumps(on_the_wire(Path((*self.base, *self.path))))
        data = dumps(self._data(export=True), in_steps=self.weight >= LARGE)
        return f'{{"t":"d","d":{{"b":{{"p":{place},"d":{data}'

    def _data(self, *, export: bool) -> Json:
        if self.kind == "put":
            return self.node.to_json(export=export)
        # What is there before what is gone: whoever takes them one by one never holds an empty
        # place, which would lose its priority.
        ordered = sorted(self.nodes.items(), key=lambda one: one[1] is EMPTY)
        return {on_the_wire(path): node.to_json(export=export) for path, node in ordered}


CANCEL: Final = Event("cancel")
"""Also said on a stream when an event is too large."""


def _tagged(tag: str) -> str:
    return f',"t":{tag}' if tag else ""
