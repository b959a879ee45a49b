"""Rows as text: a table for people, a list of objects for programs."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Final

from bench.row import Beyond, Figure, Row, Unit

__all__ = ["as_json", "as_table", "columns", "figure"]

_HEADINGS: Final = ("id", "what", "ours", "peer", "ratio", "target", "", "peer is")


def as_json(rows: Iterable[Row]) -> str:
    """A JSON list; a figure that was not waited for is null, beside the bound."""
    return json.dumps([_as_object(row) for row in rows], indent=2)


def as_table(rows: Sequence[Row]) -> str:
    """A line for each row; below, why those that miss their target do."""
    table = columns([_HEADINGS, *(_cells(row) for row in rows)])
    causes = [f"{row.id}, {row.what}: {row.cause}" for row in rows if row.cause and not row.met]
    return "\n".join([table, "", "Not met, because:", *causes] if causes else [table])


def columns(lines: Sequence[Sequence[str]]) -> str:
    """Cells, each column as wide as its widest."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def figure(value: Figure | None, unit: Unit) -> str:
    """A figure with its unit."""
    match value:
        case None:
            return "-"
        case Beyond(_, never=True):
            return "never"
        case Beyond(bound):
            return f"> {bound:g} {unit}"
    match unit:
        case "ms":
            return f"{value:,.1f} ms" if value >= 1 else f"{value:.3f} ms"
        case "s" | "MB":
            return f"{value:.2f} {unit}"
        case "/s":
            return f"{value:,.0f}/s"
        case "B":
            return f"{value:,.0f} B"
        case "x":
            return f"{value:.2f}x"
        case "":
            return f"{value:g}"


def _as_object(row: Row) -> dict[str, object]:
    told: dict[str, object] = asdict(row)
    for name, value in (("ours", row.ours), ("peer", row.peer)):
        if isinstance(value, Beyond):
            told[name] = None
            told[f"{name}_beyond"] = value.bound
    return told | {"ratio": row.ratio, "met": row.met}


def _cells(row: Row) -> tuple[str, ...]:
    target = row.target
    unit = "x" if target.of == "ratio" or row.unit == "x" else f" {row.unit}".rstrip()
    return (
        row.id,
        row.what,
        figure(row.ours, row.unit),
        figure(row.peer, row.unit),
        "-" if row.ratio is None else f"{row.ratio:.3g}x",
        f"{target.sign} {target.limit:.3g}{unit}",
        "met" if row.met else "NOT MET",
        row.against or "-",
    )
