"""Questions over the desk: a line of text, or one of several."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Final, Generic, TypeAlias, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from imbari_chat.desk.keys import bindings
from imbari_chat.view.widths import cut, wrapped

__all__ = ["AskText", "Choose"]

T = TypeVar("T")

_MOST: Final = 9
"""Choices that are shown at a time: as many as there are numbers of one digit."""

_AROUND: Final = 8
"""Lines of a question, and around it, beside its choices."""

_INSIDE: Final = 54
"""Columns of a question."""

_WIDTH: Final = _INSIDE - 5

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
        self._question = "\n".join(wrapped(question, _INSIDE))
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
    """Asks for one of several, by its number or its place; None if it is left.

    Args:
        question: Safe to draw.
        choices: What each is called, safe to draw, and is. So many as fit are shown at a time.
        others: Those with a key of their own: the key, what it is called, and is.
    """

    BINDINGS = bindings("choice")  # Textual's own way

    def __init__(
        self,
        question: str,
        choices: Sequence[tuple[str, T]],
        others: Sequence[tuple[str, str, T]] = (),
    ) -> None:
        super().__init__(classes="question")
        self._question = question
        self._choices = list(choices)
        self._others = others
        self._rows = Static(markup=False)
        self._hint = Static(markup=False, classes="dim")
        self._first = 0
        self._marked: int | None = None

    def add(self, choices: Sequence[tuple[str, T]]) -> None:
        """More of them, behind those there are."""
        self._choices += choices
        self._draw()

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._question, markup=False)
            yield self._rows
            yield self._hint

    def on_resize(self) -> None:
        self._draw()

    def on_key(self, event: events.Key) -> None:
        shown = self._choices[self._first : self._first + self._fit]
        numbered = [(str(number), one) for number, (_, one) in enumerate(shown, 1)]
        for name, one in (*numbered, *((name, one) for name, _, one in self._others)):
            if name == event.character:
                event.stop()
                self.dismiss(one)

    def action_move(self, by: int) -> None:
        """Mark another one, which Enter chooses; to begin with, none is."""
        last = len(self._choices) - 1
        start = (-1 if by > 0 else len(self._choices)) if self._marked is None else self._marked
        self._marked = max(0, min(start + by, last)) if self._choices else None
        self._draw()

    def action_choose(self) -> None:
        if self._marked is not None:
            self.dismiss(self._choices[self._marked][1])

    def action_leave(self) -> None:
        self.dismiss(None)

    @property
    def _fit(self) -> int:
        return max(1, min(_MOST, self.app.size.height - _AROUND - len(self._others)))

    def _draw(self) -> None:
        if not self.is_attached:
            return
        fit, marked = self._fit, self._marked
        if marked is not None:
            self._first = max(marked - fit + 1, min(self._first, marked))
        shown = self._choices[self._first : self._first + fit]
        lines = [
            f"{'>' if self._first + at == marked else ' '} {at + 1}  {cut(words, _WIDTH)}"
            for at, (words, _) in enumerate(shown)
        ]
        lines += [f"  {key}  {cut(words, _WIDTH)}" for key, words, _ in self._others]
        left = len(self._choices) - self._first - len(shown)
        beyond = f"↑{self._first:,} " * (self._first > 0) + f"↓{left:,} " * (left > 0)
        self._rows.update("\n".join(lines))
        self._hint.update(f"{beyond}A number chooses, or ↑ ↓ and Enter. Esc leaves.")
