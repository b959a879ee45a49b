"""Rows of what ours comes to over either transport, each beside the peers."""

from collections.abc import Iterator, Mapping

from bench.libraries import OURS, Name
from bench.row import Figure, Row, Target, Unit
from bench.table import figure

__all__ = ["beside_peers"]


def beside_peers(
    row: str,
    what: str,
    unit: Unit,
    figures: Mapping[Name, Figure],
    target: Target | Mapping[Name, Target],
    where: str = "",
) -> Iterator[Row]:
    """A row for each transport.

    Args:
        row: The target's name.
        what: What was measured.
        unit: Of the figures.
        figures: Of every library.
        target: What ours must keep, over either or each.
        where: What is special about the peers' figures.
    """
    pyrebase = figure(figures["pyrebase4"], unit)
    for name, transport in OURS.items():
        yield Row(
            row,
            f"{what}, {transport}",
            unit,
            figures[name],
            figures["firebase-admin"],
            f"firebase-admin{where} (pyrebase4{where}: {pyrebase})",
            target if isinstance(target, Target) else target[name],
        )
