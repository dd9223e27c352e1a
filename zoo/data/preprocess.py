"""Centring and scaling of inputs: measured once, then part of the model.

Inputs are images, raw pixels `[B, H, W, C]` in 0..255, or vectors `[B, D]` of
any numbers, whose coordinates are their channels. Statistics come from the
training examples alone. They become the model's first stage as built-in Keras
layers, so that a saved model takes raw inputs and loads where this package is
not installed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from zoo.data.rows import rows_in
from zoo.errors import UserError

# Images turned to float64 at a time: at most so many, of so many bytes then.
CHUNK = 1024
CHUNK_BYTES = CHUNK * 32 * 32 * 3 * 8


@dataclasses.dataclass(frozen=True)
class Statistics:
    """What is subtracted from inputs, and what they are divided by then.

    Attributes:
        mean_subtraction: `none`, `channel`, `pixel`, or `image`.
        scale: `none`, `unit` or `std`.
        mean: float32 `[C]` for `channel`, `[H, W, C]` for `pixel`, `[D]` for
            either of vectors, in the units of the input (pixels: 0..255);
            `None` where there is nothing to remember.
        std: float32 `[C]` or `[D]`, standard deviation in the same units of
            what is left after the subtraction, 1 where that is zero; `None`
            unless asked.
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
        images: `[N, H, W, C]`, raw pixels 0..255, or vectors `[N, D]`;
            training examples only.
        mean_subtraction: `none`, `channel`, `pixel`, or `image`.
        scale: `none`, `unit` or `std`.

    Returns:
        Statistics summed in float64, then cast.

    Raises:
        UserError: the choice is one that only images have.
    """
    if images.ndim == 2:
        _check_for_vectors(mean_subtraction, scale)
    mean = None
    if mean_subtraction in ("channel", "pixel"):
        mean = sum(chunk.sum(axis=0) for chunk in _chunks(images))
        mean = mean / len(images)
    if mean_subtraction == "channel":
        mean = mean.mean(axis=tuple(range(mean.ndim - 1)))
    std = _measure_std(images, mean_subtraction, mean)
    return Statistics(
        mean_subtraction,
        scale,
        None if mean is None else mean.astype(np.float32),
        std.astype(np.float32) if scale == "std" else None,
    )


def _check_for_vectors(mean_subtraction: str, scale: str) -> None:
    if mean_subtraction == "image":
        raise UserError(
            "--mean_subtraction=image takes the mean over the pixels of each "
            "image, and these examples are vectors; choose channel, pixel "
            "(the same for vectors) or none."
        )
    if scale == "unit":
        raise UserError(
            "--scale=unit divides pixels by 255, and these examples are "
            "vectors; choose std or none."
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
        values = chunk.reshape(-1, chunk.shape[-1])
        first = first + values.sum(axis=0)
        second = second + np.einsum("nc,nc->c", values, values)
    count = images.size // images.shape[-1]
    variance = np.maximum(second / count - (first / count) ** 2, 0)
    return np.where(variance > _rounding(images), np.sqrt(variance), 1.0)


def _rounding(images: np.ndarray) -> np.ndarray | float:
    """Returns the variance below which there is rounding and no signal."""
    if images.ndim == 4:
        return 1e-6  # a thousandth of a grey value
    # The unit of a coordinate is anyone's: a millionth of its largest value.
    return (1e-6 * np.abs(images).max(axis=0).astype(np.float64)) ** 2


def _chunks(images: np.ndarray) -> Iterator[np.ndarray]:
    step = min(CHUNK, rows_in(CHUNK_BYTES, images.shape, 8))
    for start in range(0, len(images), step):
        yield images[start : start + step].astype(np.float64)


def apply(x, statistics: Statistics):
    """Centres and scales a batch, as layers of a model under construction.

    Args:
        x: symbolic float32 `[B, H, W, C]`, raw pixels 0..255, or `[B, D]`.
        statistics: of the training examples.

    Returns:
        Symbolic float32 of the same shape. No layer adds a weight.
    """
    import keras

    if statistics.mean_subtraction == "image":
        x = x - keras.ops.mean(x, axis=(1, 2), keepdims=True)
    # By Rescaling and not by Normalization, which divides: that takes a quarter
    # of a step of logistic regression. Half precision would round the mean
    # image before it is subtracted.
    if statistics.mean is not None:
        offset = _broadcast(-statistics.mean, x)
        x = keras.layers.Rescaling(
            1.0, offset, dtype="float32", name="subtract_mean"
        )(x)
    if statistics.scale != "none":
        factor = _broadcast(1 / _divisor(statistics), x)
        x = keras.layers.Rescaling(factor, dtype="float32", name="scale")(x)
    return x


def _broadcast(numbers: float | np.ndarray, x) -> float | np.ndarray:
    """Returns numbers `[C]` for images as `[1, 1, C]`, others as they are.

    When a model is called, Rescaling moves the axis of `[C]` where Keras is
    set to `channels_first`; three axes it leaves as they are.
    """
    if len(x.shape) == 4 and np.ndim(numbers) == 1:
        return numbers.reshape(1, 1, -1)
    return numbers


def _divisor(statistics: Statistics) -> float | np.ndarray:
    """Returns what inputs are divided by, a float or float64 `[C]`."""
    if statistics.scale == "unit":
        return 255.0
    return statistics.std.astype(np.float64)


def read(layers: list[dict[str, Any]]) -> Statistics:
    """Returns the statistics that layers of a saved model apply.

    Args:
        layers: of a model whose inputs went through `apply`, as `class_name`
            and `config`.
    """
    found = {x["config"]["name"]: x["config"] for x in layers}
    mean, std, subtraction, scale = None, None, "none", "none"
    for layer in layers:
        if layer["class_name"] == "Mean":
            subtraction = "image"
        if layer["class_name"] == "Normalization":
            return _of_normalization(layer["config"], subtraction)
    if "subtract_mean" in found:
        mean = _flat(-_numbers(found["subtract_mean"]["offset"]))
        subtraction = "pixel" if mean.ndim == 3 else "channel"
    if "scale" in found:
        factor = _flat(_numbers(found["scale"]["scale"]))
        scale = "std" if factor.ndim else "unit"
        std = 1 / factor if factor.ndim else None
    return Statistics(
        subtraction,
        scale,
        None if mean is None else mean.astype(np.float32),
        None if std is None else std.astype(np.float32),
    )


def _flat(numbers: np.ndarray) -> np.ndarray:
    """Returns numbers `[1, 1, C]` as `[C]`, others as they are."""
    return numbers[0, 0] if numbers.shape[:2] == (1, 1) else numbers


def _of_normalization(config: dict[str, Any], subtraction: str) -> Statistics:
    """Reads the one layer that did all of it in models saved earlier."""
    mean = np.float32(config["mean"])
    std = np.float32(np.sqrt(np.float64(config["variance"])))
    if config["name"] == "scale":
        return Statistics(subtraction, "std", None, std)
    subtraction = "pixel" if mean.ndim == 3 else "channel"
    if config["name"] == "subtract_mean":
        return Statistics(subtraction, "none", mean)
    if (std == 255).all():  # as --scale=unit divides
        return Statistics(subtraction, "unit", mean)
    # A mean image has one deviation a channel, told for each pixel.
    std = std.reshape(-1, mean.shape[-1])[0]
    return Statistics(subtraction, "std", mean, std)


def _numbers(kept: float | dict[str, Any]) -> np.ndarray:
    """Returns numbers as Keras keeps them: plain ones, or an array."""
    if isinstance(kept, dict):
        kept = kept["config"]["value"]
    return np.asarray(kept, np.float64)
