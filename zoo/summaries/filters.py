"""Kind `filters`: the kernels of the first convolution, as images.

Those that have learned show edges and colours; noise that stays says that
the network learns too little there, or from too few images.
"""

from __future__ import annotations

import numpy as np

from zoo import drawing
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot

MOST = 64  # filters
SIDE_FEW, SIDE_MANY = 84, 56  # pixels, about, of each
FEW = 20


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes the picture `filters/<layer>` of the first convolution."""
    for layer, kernel in snapshot.weights.items():
        if kernel.ndim == 4:
            tag = f"filters/{layer}"
            log.image(tag, picture(kernel, layer), snapshot.step)
            return


def picture(kernel: np.ndarray, layer: str) -> np.ndarray:
    """Returns filters side by side, all on one scale around 0.

    Args:
        kernel: float `[h, w, C, filters]`.
    """
    filters = np.moveaxis(kernel, -1, 0)
    total, shown = len(filters), filters[:MOST]
    if not np.isfinite(shown).all():
        return drawing.not_numbers()
    limit = float(np.abs(shown).max())
    pixels = drawing.to_pixels(shown, -limit, limit)
    height, width, channels = filters.shape[1:]
    few = len(shown) <= FEW
    tiles = drawing.in_colour(pixels)
    tiles = drawing.resized(tiles, SIDE_FEW if few else SIDE_MANY)
    over = "1 channel" if channels == 1 else f"{channels} channels"
    mean = "" if channels in (1, 3) else ", their mean is shown"
    which = "" if total == len(shown) else f"first {MOST} of "
    return drawing.titled(
        drawing.sheet(tiles, columns=5 if few else 8),
        f"{layer}: {which}{total:,} filters of {height} x {width} weights on "
        f"{over}{mean}; grey is 0, black -{limit:.2g}, white "
        f"{limit:.2g}.",
    )
