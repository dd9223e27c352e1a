"""Centring and scaling of pixels: measured once, then part of the model.

Statistics come from the training images alone. They become the model's first
stage as built-in Keras layers, so that a saved model takes raw pixels 0..255
and loads where this package is not installed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

# Images turned to float64 at a time; 25 MB at 32x32x3.
CHUNK = 1024


@dataclasses.dataclass(frozen=True)
class Statistics:
    """What is subtracted from pixels, and what they are divided by then.

    Attributes:
        mean_subtraction: `none`, `channel`, `pixel`, or `image`.
        scale: `none`, `unit` or `std`.
        mean: float32 `[C]` for `channel`, `[H, W, C]` for `pixel`, in pixel
            units 0..255; `None` where there is nothing to remember.
        std: float32 `[C]`, standard deviation in pixel units of what is left
            after the subtraction, 1 where that is zero; `None` unless asked.
    """

    mean_subtraction: str
    scale: str
    mean: np.ndarray | None = None
    std: np.ndarray | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns it in types that JSON has."""
        return {
            "mean_subtraction": self.mean_subtraction,
            "scale": self.scale,
            "mean": None if self.mean is None else self.mean.tolist(),
            "std": None if self.std is None else self.std.tolist(),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Statistics:
        """Reads back what `to_json` gave."""
        return cls(
            values["mean_subtraction"],
            values["scale"],
            *(
                None if values[key] is None else np.float32(values[key])
                for key in ("mean", "std")
            ),
        )


def measure(
    images: np.ndarray, mean_subtraction: str, scale: str
) -> Statistics:
    """Measures what `apply` needs.

    Args:
        images: `[N, H, W, C]`, raw pixels 0..255; training images only.
        mean_subtraction: `none`, `channel`, `pixel`, or `image`.
        scale: `none`, `unit` or `std`.

    Returns:
        Statistics summed in float64, then cast.
    """
    mean = None
    if mean_subtraction in ("channel", "pixel"):
        mean = sum(chunk.sum(axis=0) for chunk in _chunks(images))
        mean = mean / len(images)
    if mean_subtraction == "channel":
        mean = mean.mean(axis=(0, 1))
    std = _measure_std(images, mean_subtraction, mean)
    return Statistics(
        mean_subtraction,
        scale,
        None if mean is None else mean.astype(np.float32),
        std.astype(np.float32) if scale == "std" else None,
    )


def _measure_std(
    images: np.ndarray, mean_subtraction: str, mean: np.ndarray | None
) -> np.ndarray:
    """Returns the float64 `[C]` deviation of what a subtraction leaves."""
    first, second = 0.0, 0.0
    for chunk in _chunks(images):
        if mean_subtraction == "image":
            chunk -= chunk.mean(axis=(1, 2), keepdims=True)
        elif mean is not None:
            chunk -= mean
        first = first + chunk.sum(axis=(0, 1, 2))
        second = second + np.einsum("bhwc,bhwc->c", chunk, chunk)
    count = len(images) * images.shape[1] * images.shape[2]
    variance = np.maximum(second / count - (first / count) ** 2, 0)
    # A deviation below a thousandth of a grey value is rounding, not signal.
    return np.where(variance > 1e-6, np.sqrt(variance), 1.0)


def _chunks(images: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(images), CHUNK):
        yield images[start : start + CHUNK].astype(np.float64)


def apply(x, statistics: Statistics):
    """Centres and scales a batch, as layers of a model under construction.

    Args:
        x: symbolic float32 `[B, H, W, C]`, raw pixels 0..255.
        statistics: of the training images.

    Returns:
        Symbolic float32 `[B, H, W, C]`. No layer adds a weight.
    """
    import keras

    if statistics.mean_subtraction == "image":
        x = x - keras.ops.mean(x, axis=(1, 2), keepdims=True)
    if statistics.mean is None and statistics.std is None:
        if statistics.scale == "unit":
            x = keras.layers.Rescaling(1 / 255, dtype="float32", name="scale")(
                x
            )
        return x
    mean, divisor = _mean_and_divisor(x.shape[-1], statistics)
    return keras.layers.Normalization(
        axis=tuple(range(1, 4)) if mean.ndim == 3 else -1,
        mean=mean,
        variance=np.square(divisor),
        # Half precision would round the mean image before it is subtracted.
        dtype="float32",
        name=_layer_name(statistics),
    )(x)


def _mean_and_divisor(
    channels: int, statistics: Statistics
) -> tuple[np.ndarray, np.ndarray]:
    """Returns two float64 arrays of one shape, `[C]` or `[H, W, C]`."""
    mean = np.zeros(channels) if statistics.mean is None else statistics.mean
    divisor = {"none": 1.0, "unit": 255.0, "std": statistics.std}
    mean = np.asarray(mean, np.float64)
    scale = np.asarray(divisor[statistics.scale], np.float64)
    return mean, np.broadcast_to(scale, mean.shape)


def _layer_name(statistics: Statistics) -> str:
    if statistics.mean is None:
        return "scale"
    return "subtract_mean" if statistics.scale == "none" else "normalize"
