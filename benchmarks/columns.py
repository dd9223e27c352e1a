"""Figures as cells, and cells as columns that line up."""

from __future__ import annotations

from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Lines up cells: the first column to the left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def span(values: Sequence[float], form: str = ".2f") -> str:
    """Returns the smallest and the largest of some values, in words."""
    return f"{min(values):{form}} to {max(values):{form}}"


def at_least(limit: float | None) -> str:
    """Returns what a ratio should reach; empty where no figure was set."""
    return "" if limit is None else f"at least {limit:g}"


def below(limit: float | None, unit: float = 1.0) -> str:
    """Returns what a figure should stay below; empty where none was set."""
    return "" if limit is None else f"below {limit / unit:g}"
