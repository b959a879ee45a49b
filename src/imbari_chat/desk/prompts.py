"""Questions over the desk: a line of text, or one of a few."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeAlias, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

__all__ = ["AskText", "Choose"]

T = TypeVar("T")

Check: TypeAlias = Callable[[str], str | None]


class AskText(ModalScreen[str | None]):
    """Asks for a line; None if it is left.

    Args:
        question: Safe to draw.
        text: What stands there to begin with.
        hint: What may be answered, safe to draw.
        check: Says of an answer what is wrong with it, safe to draw; None if it will do.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", priority=True)]

    def __init__(
        self, question: str, *, text: str = "", hint: str = "", check: Check | None = None
    ) -> None:
        super().__init__(classes="question")
        self._question = question
        self._text = text
        self._hint = hint
        self._check = check
        self._problem = Static(classes="wrong", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._question, markup=False)
            yield Input(self._text, compact=True, select_on_focus=False)
            yield self._problem
            yield Static(f"Enter goes on, Esc leaves.  {self._hint}", markup=False, classes="dim")

    def on_mount(self) -> None:
        self._tell(None)

    def on_input_changed(self) -> None:
        self._tell(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        answer = event.value.strip()
        problem = self._check(answer) if self._check is not None else None
        if problem is None:
            self.dismiss(answer)
        else:
            self._tell(problem)

    def _tell(self, problem: str | None) -> None:
        self._problem.display = problem is not None
        self._problem.update(problem or "")

    def action_leave(self) -> None:
        self.dismiss(None)


class Choose(ModalScreen[T | None], Generic[T]):
    """Asks for one of a few, by its number; None if it is left.

    Args:
        question: Safe to draw.
        choices: What each is called, safe to draw, and is. Nine at most.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", priority=True)]

    def __init__(self, question: str, choices: Sequence[tuple[str, T]]) -> None:
        super().__init__(classes="question")
        self._question = question
        self._choices = choices[:9]

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._question, markup=False)
            for number, (words, _) in enumerate(self._choices, 1):
                yield Static(f"  {number}  {words}", markup=False)
            yield Static("A number chooses, Esc leaves.", markup=False, classes="dim")

    def on_key(self, event: events.Key) -> None:
        if event.character and event.character in "123456789"[: len(self._choices)]:
            event.stop()
            self.dismiss(self._choices[int(event.character) - 1][1])

    def action_leave(self) -> None:
        self.dismiss(None)
