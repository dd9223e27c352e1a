"""Kind `templates`: weights of a first layer that sees every pixel.

The logits of `lr` compare an image with one template for each class; the
first layer of `mlp` has a bank of them, one for each hidden unit.
"""

from __future__ import annotations

import math

import numpy as np

from zoo import drawing
from zoo.drawing import INK
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot

MOST = 64  # templates
SIDE_FEW, SIDE_MANY = 100, 64  # pixels, about, of each
FEW = 20
SHARE = 99.5  # percent of the weights that are told apart by their colour


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes the picture `templates`, if the first layer sees all pixels."""
    shape = tuple(snapshot.view.body.input_shape[1:])
    found = first_dense(snapshot.weights, shape)
    if found is None:
        return
    layer, images = found
    names = snapshot.class_names if layer == "logits" else ()
    log.image("templates", picture(images, layer, names), snapshot.step)


def first_dense(
    weights: dict[str, np.ndarray], shape: tuple[int, ...]
) -> tuple[str, np.ndarray] | None:
    """Returns the first layer's name and its kernel as images.

    Args:
        weights: by layer, in the order of the network.
        shape: `(H, W, C)` of what the network sees.

    Returns:
        The kernel as `[units, H, W, C]`; `None` if the first layer with a
        kernel sees something else than all pixels.
    """
    kernels = [(n, w) for n, w in weights.items() if w.ndim > 1]
    if not kernels:
        return None
    name, kernel = kernels[0]
    if kernel.ndim != 2 or len(kernel) != math.prod(shape):
        return None
    return name, kernel.T.reshape(-1, *shape)


def picture(
    images: np.ndarray, layer: str, names: tuple[str, ...]
) -> np.ndarray:
    """Returns templates side by side, all on one scale around 0.

    Args:
        images: float `[units, H, W, C]`.
        names: of the classes, if the units are these.
    """
    total, shown = len(images), images[:MOST]
    if not np.isfinite(shown).all():
        return drawing.not_numbers()
    limit = float(np.percentile(np.abs(shown), SHARE))
    if shown.shape[-1] == 3:
        pixels = drawing.to_pixels(shown, -limit, limit)
        scale = f"grey is 0, black -{limit:.2g} or less, white {limit:.2g}"
    else:
        pixels = drawing.diverging(shown.mean(axis=-1), limit)
        scale = f"white is 0, blue -{limit:.2g} or less, red {limit:.2g}"
    few = len(shown) <= FEW
    tiles = drawing.resized(pixels, SIDE_FEW if few else SIDE_MANY)
    captions = [[(name, INK)] for name in names[: len(shown)]]
    which = "" if total == len(shown) else f"the first {MOST} of "
    unit = "class" if names else "hidden unit"
    return drawing.titled(
        drawing.sheet(tiles, captions, columns=5 if few else 8),
        f"Weights of {layer}: {which}{total:,} templates, one for each "
        f"{unit}; {scale} or more.",
    )
