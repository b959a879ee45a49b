"""What is drawn, with its inks, as text."""

from rich.console import Console, RenderableType

__all__ = ["inked"]


def inked(drawn: RenderableType, width: int) -> list[str]:
    """Its lines as they are read, with their inks: ``‹bold:Amina›``, and plain text as it is."""
    console = Console(width=width, force_terminal=True, color_system="standard", markup=False)
    lines = []
    for line in console.render_lines(drawn, pad=False):
        parts: list[tuple[str, str]] = []
        for text, ink, _ in line:
            name = "" if ink is None else str(ink).replace("none", "")
            if parts and parts[-1][0] == name:
                parts[-1] = name, parts[-1][1] + text
            else:
                parts.append((name, text))
        marked = (f"‹{ink}:{text}›" if ink and text.strip() else text for ink, text in parts)
        lines.append("".join(marked).rstrip())
    return lines
