"""What the doctor looks at and what it found, as a table or as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal

from imbari_chat.cli.stdout import Stdout
from imbari_chat.errors import AccessDenied, ImbariError

if TYPE_CHECKING:
    from imbari_chat.wire.json import Json as JsonValue

__all__ = ["Check", "Miscount", "failed", "report"]

_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Miscount:
    """A conversation whose unread count was wrong, or could not be looked at."""

    id: str
    customer: str
    counted: int | None = None
    unread: int | None = None
    repaired: bool = False
    error: str | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.id} ({self.customer}): {self.error}"
        counted = "no number" if self.counted is None else str(self.counted)
        change = f"{self.unread} now, {counted} before"
        said = change if self.repaired else f"{counted} instead of {self.unread}"
        return f"{self.id} ({self.customer}): {said}"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    state: Literal["ok", "warn", "fail"]
    found: str
    hint: str | None = None
    conversations: Sequence[Miscount] = ()

    def document(self) -> "dict[str, JsonValue]":
        """As JSON; conversations only where a check is about some."""
        fields = asdict(self)
        if not self.conversations:
            del fields["conversations"]
        return fields


def report(checks: Sequence[Check], *, json: bool) -> None:
    """Print what was found."""
    if json:
        Stdout().document({"checks": [check.document() for check in checks]})
        return
    from rich.text import Text

    from imbari_chat.cli.tables import grid
    from imbari_chat.view.sanitize import safe_text

    styles = {"ok": "green", "warn": "yellow", "fail": "bold red"}
    table = grid(["", "Check", "Found"])
    for check in checks:
        found = Text(safe_text(check.found))
        shown = check.conversations if check.state != "warn" else check.conversations[:_NAMED]
        for miscount in shown:
            found.append(f"\n{safe_text(str(miscount))}")
        if len(shown) < len(check.conversations):
            found.append(f"\nand {len(check.conversations) - len(shown)} more")
        if check.hint:
            found.append(f"\n{safe_text(check.hint)}", "dim")
        table.add_row(Text(check.state, styles[check.state]), Text(check.name), found)
    Stdout().draw(table)


def failed(name: str, error: ImbariError, hint: str | None = None) -> Check:
    """A check that an error has ended."""
    if isinstance(error, AccessDenied):
        return Check(name, "fail", error.what, error.hint or hint)
    where = f" (at {error.where})" if error.where else ""
    return Check(name, "fail", f"{error.what}{where}", error.hint or hint)
