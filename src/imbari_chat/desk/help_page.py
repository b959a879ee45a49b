"""Every key, from the one table."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from imbari_chat.desk.keys import help_lines

__all__ = ["HelpPage"]


class HelpPage(ModalScreen[None]):
    """Lies over the desk until it is closed."""

    BINDINGS = [  # noqa: RUF012  # Textual's own way
        Binding(key, "dismiss", priority=True) for key in ("escape", "q", "f1", "question_mark")
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static("\n".join([*help_lines(), "", "Esc closes this page"]), markup=False)
