"""One line of the result: what was measured, beside what, and what was wanted."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Row", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """A bound that a row must keep.

    Attributes:
        sign: On which side of the limit is good.
        limit: The limit itself, included.
        of: What is bounded: our own figure, or its ratio to the peer's.
    """

    sign: Literal["<=", ">="]
    limit: float
    of: Literal["ours", "ratio"] = "ratio"

    def admits(self, figure: float) -> bool:
        """Whether ``figure`` keeps the bound."""
        return figure <= self.limit if self.sign == "<=" else figure >= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure.

    Attributes:
        id: The target's name, such as ``S10``.
        what: What was measured.
        unit: Of ``ours`` and ``peer``.
        ours: Our figure.
        peer: The peer's figure, or None when there was none to measure.
        against: Who the peer is, or why there is none.
        target: What ours must keep; a ratio is ours over the peer's.
    """

    id: str
    what: str
    unit: Literal["ms", "/s"]
    ours: float
    peer: float | None
    against: str
    target: Target

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's."""
        return None if self.peer is None else self.ours / self.peer

    @property
    def met(self) -> bool:
        """Whether the target is kept. Without a peer, a ratio is not."""
        figure = self.ours if self.target.of == "ours" else self.ratio
        return figure is not None and self.target.admits(figure)
