"""One line of the result: what was measured, beside what, and what was wanted."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Beyond", "Figure", "Row", "Target", "Unit"]

Unit: TypeAlias = Literal["ms", "s", "/s", "B", "MB", "x", ""]


@dataclass(frozen=True, slots=True)
class Beyond:
    """A figure that was not waited for any longer.

    Attributes:
        bound: How long it was waited for; the figure itself is larger.
        never: It would not have come at all: whoever was to bring it has ended.
    """

    bound: float
    never: bool = False


Figure: TypeAlias = float | Beyond


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
        unit: Of ``ours`` and ``peer``; a count has none.
        ours: Our figure.
        peer: The peer's figure, or None when there was none to measure.
        against: Who the peer is, or why there is none.
        target: What ours must keep; a ratio is ours over the peer's.
        cause: Why the target is missed when it is; shown only then.
    """

    id: str
    what: str
    unit: Unit
    ours: Figure
    peer: Figure | None
    against: str
    target: Target
    cause: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's; None where there are not two numbers to divide."""
        if isinstance(self.ours, Beyond) or isinstance(self.peer, Beyond) or not self.peer:
            return None
        return self.ours / self.peer

    @property
    def met(self) -> bool:
        """Whether the target is kept. A ratio to nothing is not, nor a figure that did not come."""
        figure = self.ours if self.target.of == "ours" else self.ratio
        return isinstance(figure, float | int) and self.target.admits(figure)
