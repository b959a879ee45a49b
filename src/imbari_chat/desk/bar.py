"""Lines of the frame: header, whose conversation it is, notices, keys."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from imbari_chat.desk.cells import strip

__all__ = ["Bar", "Parts"]

Parts: TypeAlias = Sequence[tuple[str, Style]]


class Bar(Widget):
    """So many lines, drawn when they are others.

    Args:
        lines: Gives them; their texts are safe to draw.
        height: How many; 0 for as many as there are.
        name: The widget's id.
    """

    def __init__(
        self,
        lines: Callable[[], Sequence[Parts]],
        *,
        name: str,
        height: int = 1,
    ) -> None:
        super().__init__(id=name)
        self._lines = lines
        self._drawn: Sequence[Parts] = ()
        self.styles.height = height
        self._is_as_high_as_full = not height

    def update(self) -> None:
        """Draw the lines, if they are others."""
        lines = self._lines()
        if lines != self._drawn:
            self._drawn = lines
            if self._is_as_high_as_full:
                self.styles.height = len(lines)
            self.refresh()

    def on_resize(self) -> None:
        self.update()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        parts = self._drawn[y] if y < len(self._drawn) else ()
        return strip(parts, width, Style.null())
