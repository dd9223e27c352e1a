"""Kind `gradients`: what each layer is told, and how far it moves for it.

Gradients that shrink from layer to layer towards the inputs vanish. The size
of an update beside that of the weights shows whether the rate suits a layer:
about a thousandth is usual, a tenth is wild, a millionth stands still.
"""

from __future__ import annotations

import numpy as np

from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes histograms `gradients/<layer>` and scalars `update_ratio/...`.

    The ratio is left out for a layer whose weights are all zero or no longer
    numbers.
    """
    for layer in snapshot.weights:
        gradients = snapshot.gradients[layer]
        log.histogram(f"gradients/{layer}", gradients, snapshot.step)
    for layer, ratio in update_ratios(snapshot).items():
        if ratio is not None:
            log.scalar(f"update_ratio/{layer}", ratio, snapshot.step)


def update_ratios(snapshot: Snapshot) -> dict[str, float | None]:
    """Returns the norm of the next update over that of the weights, by layer.

    `None` where it is no number; nothing for a model that has no weights.
    """
    if not snapshot.weights:
        return {}
    return {
        layer: ratio(snapshot.updates[layer], weights)
        for layer, weights in snapshot.weights.items()
    }


def ratio(update: np.ndarray, weights: np.ndarray) -> float | None:
    """Returns the quotient of two Euclidean norms, if it is finite."""
    size = np.linalg.norm(weights.astype(np.float64))
    if not size or not np.isfinite(size):
        return None
    found = float(np.linalg.norm(update.astype(np.float64)) / size)
    return found if np.isfinite(found) else None
