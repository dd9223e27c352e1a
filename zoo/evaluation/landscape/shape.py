"""Whether measured values lie on a bowl."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Second differences this far below zero, as a share of the largest value, are
# what rounding in float32 leaves of a straight line.
ROUNDING = 2e-6


def is_convex(values: np.ndarray) -> bool | None:
    """Whether values on an even grid bend upwards everywhere.

    Args:
        values: `[P]`, or `[P, Q]`, which is looked at along its rows, its
            columns and its diagonals.

    Returns:
        `None` if one of them is not finite.
    """
    if not np.isfinite(values).all():
        return None
    least = -ROUNDING * max(1.0, float(np.abs(values).max()))
    return all((bends >= least).all() for bends in second_differences(values))


def second_differences(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yields v[i-1] - 2 v[i] + v[i+1] along every line of the grid."""
    values = np.asarray(values, np.float64)
    for axis in range(values.ndim):
        yield np.diff(values, 2, axis=axis)
    if values.ndim == 2:
        for grid in (values, values[:, ::-1]):
            yield grid[:-2, :-2] - 2 * grid[1:-1, 1:-1] + grid[2:, 2:]
