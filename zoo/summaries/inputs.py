"""Kind `inputs`: training images as the network sees them.

After augmentation and preprocessing: a mean that was not subtracted, a crop
that cuts off what matters or a mirror that turns a b into a d show here.
"""

from __future__ import annotations

import numpy as np

from zoo import drawing
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot

MOST = 24  # images
SIDE = 88  # pixels, about, of each


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes the picture `inputs`, once, before the first update."""
    if snapshot.step == 0:
        seen = snapshot.view.seen(snapshot.batch()[:MOST])
        log.image("inputs", picture(seen), 0)


def picture(seen: np.ndarray) -> np.ndarray:
    """Returns a sheet of preprocessed images, float `[N, H, W, C]`."""
    low, high = float(seen.min()), float(seen.max())
    if not np.isfinite(low + high):
        return drawing.not_numbers()
    pixels = drawing.in_colour(drawing.to_pixels(seen, low, high))
    height, width, channels = seen.shape[1:]
    return drawing.titled(
        drawing.sheet(drawing.resized(pixels, SIDE)),
        f"{len(seen)} training images as the network sees them, {height} x "
        f"{width} x {channels}, augmented and preprocessed: black is "
        f"{low:.3g}, white {high:.3g}.",
    )
