"""Lines over the desk, to be read and closed."""

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from imbari_chat.view.widths import widest, wrapped

__all__ = ["TextPage"]

_INSIDE: Final = 71
"""Columns of a page."""


class TextPage(ModalScreen[None]):
    """Lies over the desk until it is closed.

    Args:
        lines: Safe to draw.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1,question_mark,enter", "dismiss", priority=True)
    ]

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            lines = "\n".join(
                one if widest(one) <= _INSIDE else "\n".join(wrapped(one, _INSIDE))
                for one in self._lines
            )
            yield Static(f"{lines}\n\nEsc closes this page", markup=False)
