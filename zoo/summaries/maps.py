"""Kind `maps`: what hidden layers make of a few images.

Each row is one image, then the first channels of a layer. Channels that stay
black for every image are dead; channels alike have learned the same.
"""

from __future__ import annotations

import numpy as np

from zoo import drawing
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot

IMAGES = 4
CHANNELS = 7
LAYERS = 4
SIDE = 66  # pixels, about, of each map
SHARE = 99.5  # percent of the values that are told apart; the rest is white


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes the pictures `maps/<layer>` of some layers."""
    images = snapshot.inputs[one_of_each(snapshot.labels, IMAGES)]
    outputs = snapshot.view.activations(images)
    planes = {n: x for n, x in outputs.items() if x.ndim == 4 and x[0].size}
    for layer in spread(list(planes), LAYERS):
        picture = rows(images, planes[layer], layer)
        log.image(f"maps/{layer}", picture, snapshot.step)


def one_of_each(labels: np.ndarray, number: int) -> np.ndarray:
    """Returns the indices of some examples, of different classes if it can."""
    _, first = np.unique(labels, return_index=True)
    order = [*sorted(first), *range(len(labels))]
    return np.array(list(dict.fromkeys(order))[:number], np.int64)


def spread(names: list[str], number: int) -> list[str]:
    """Returns some names from the first to the last, evenly spread."""
    at = np.linspace(0, len(names) - 1, min(number, len(names)))
    return [names[round(index)] for index in at]


def rows(images: np.ndarray, outputs: np.ndarray, layer: str) -> np.ndarray:
    """Returns images, and beside each the maps that a layer makes of it.

    Args:
        images: raw, 0..255, `[N, H, W, C]`.
        outputs: float `[N, h, w, channels]`; all are shown on one scale.
    """
    if not np.isfinite(outputs).all():
        return drawing.not_numbers()
    height, width, channels = outputs.shape[1:]
    shown = outputs[..., :CHANNELS]
    low, high = float(shown.min()), float(np.percentile(shown, SHARE))
    maps = drawing.to_pixels(np.moveaxis(shown, -1, 1), low, high)
    maps = maps.reshape(-1, height, width, 1)
    maps = drawing.resized(drawing.in_colour(maps), SIDE)
    maps = maps.reshape(len(images), shown.shape[-1], *maps.shape[1:])
    pixels = drawing.in_colour(drawing.to_pixels(images, 0, 255))
    first = framed(drawing.resized(pixels, SIDE), maps.shape[2:4])
    tiles = np.concatenate([first[:, None], maps], axis=1)
    return drawing.titled(
        drawing.sheet(tiles.reshape(-1, *tiles.shape[2:]), (), tiles.shape[1]),
        f"{layer}: an image, then the first {shown.shape[-1]} of "
        f"{channels:,} channels, {height} x {width} each; black is "
        f"{low:.2g}, white {high:.2g}.",
    )


def framed(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns images cut, or filled up with white, to a size (H, W)."""
    frame = np.full((len(images), *size, 3), 255, np.uint8)
    height, width = map(min, size, images.shape[1:3])
    frame[:, :height, :width] = images[:, :height, :width]
    return frame
