"""Plain text tables: columns, counts, sizes and shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def format_table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Sequence[int] = (),
) -> str:
    """Sets rows under heads, columns two spaces apart.

    Args:
        right: which columns are set flush right, as numbers are.
    """
    lines = [tuple(heads), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(
                zip(line, widths, strict=True)
            )
        ).rstrip()
        for line in lines
    )


def many(count: int, noun: str, nouns: str = "") -> str:
    """Returns a count with its noun: `1 epoch`, `1,230 updates`."""
    return f"{count:,} {noun if count == 1 else nouns or f'{noun}s'}"


def format_count(count: int | None) -> str:
    """Writes 36479194 as 36,479,194, and an unknown count as -."""
    return "-" if count is None else f"{count:,}"


def format_bytes(count: int) -> str:
    """Writes 1881600 as 1.9 MB; prefixes are decimal, as those of disks."""
    for prefix, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {prefix}B"
    return f"{count} B"


def format_shape(shape: Sequence[int | None]) -> str:
    """Writes (28, 28, 1) as 28x28x1."""
    return "x".join(str(side) for side in shape)
