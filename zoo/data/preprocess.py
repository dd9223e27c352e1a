"""Preprocessing: extra features, then mean subtraction and scaling.

Inputs are images, raw pixels `[B, H, W, C]` in 0..255, or vectors `[B, D]` in
any unit, whose coordinates take the place of channels. Statistics come from
the training examples alone and become the first stage of the model, as
built-in Keras layers, so that a saved model takes raw inputs and loads without
this package.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from zoo.data.arrays import rows_per_chunk
from zoo.errors import UserError

# Examples that are converted to float64 at a time.
CHUNK_SIZE = 1024
CHUNK_BYTES = CHUNK_SIZE * 32 * 32 * 3 * 8
EXTRA_FEATURES = ("x2", "xy", "sin")
MAX_PRODUCTS = 500


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation that inputs are normalized with.

    Attributes:
        mean_subtraction: `none`, `channel`, `pixel` or `image`.
        scale: `none`, `unit` or `std`.
        mean: Mean in the units of the input (pixels: 0..255), float32: `[C]`
            for `channel`, `[H, W, C]` for `pixel`, `[D]` for either of
            vectors; `None` where none is subtracted, and for `image`.
        std: Standard deviation after the subtraction, in the same units,
            float32 `[C]` or `[D]`, with 1 in place of 0; `None` unless
            `scale` is `std`.
    """

    mean_subtraction: str
    scale: str
    mean: np.ndarray | None = None
    std: np.ndarray | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the statistics in types that JSON has."""
        return {
            "mean_subtraction": self.mean_subtraction,
            "scale": self.scale,
            "mean": None if self.mean is None else self.mean.tolist(),
            "std": None if self.std is None else self.std.tolist(),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Statistics:
        """Makes statistics from the result of `to_json`."""
        return cls(
            values["mean_subtraction"],
            values["scale"],
            *(
                None if values[key] is None else np.float32(values[key])
                for key in ("mean", "std")
            ),
        )


def fit_statistics(
    images: np.ndarray, mean_subtraction: str, scale: str
) -> Statistics:
    """Computes the statistics of the training examples.

    Args:
        images: raw pixels `[N, H, W, C]`, or vectors `[N, D]`.
        mean_subtraction: `none`, `channel`, `pixel` or `image`.
        scale: `none`, `unit` or `std`.

    Returns:
        Statistics, summed in float64.

    Raises:
        UserError: an option that only images have is given for vectors.
    """
    if images.ndim == 2:
        _check_vector_options(mean_subtraction, scale)
    mean = None
    if mean_subtraction in ("channel", "pixel"):
        mean = sum(chunk.sum(axis=0) for chunk in _float64_chunks(images))
        mean = mean / len(images)
    if mean_subtraction == "channel":
        mean = mean.mean(axis=tuple(range(mean.ndim - 1)))
    std = None
    if scale == "std":
        std = _fit_std(images, mean_subtraction, mean).astype(np.float32)
    return Statistics(
        mean_subtraction,
        scale,
        None if mean is None else mean.astype(np.float32),
        std,
    )


def _check_vector_options(mean_subtraction: str, scale: str) -> None:
    if mean_subtraction == "image":
        raise UserError(
            "--mean_subtraction=image subtracts the mean over the pixels of "
            "each image, and these examples are vectors; choose channel, "
            "pixel (the same for vectors) or none."
        )
    if scale == "unit":
        raise UserError(
            "--scale=unit divides pixels by 255, and these examples are "
            "vectors; choose std or none."
        )


def _fit_std(
    images: np.ndarray, mean_subtraction: str, mean: np.ndarray | None
) -> np.ndarray:
    """Returns the standard deviation after the subtraction, float64 `[C]`."""
    first, second = 0.0, 0.0  # moments
    for chunk in _float64_chunks(images):
        if mean_subtraction == "image":
            chunk -= chunk.mean(axis=(1, 2), keepdims=True)
        elif mean is not None:
            chunk -= mean
        values = chunk.reshape(-1, chunk.shape[-1])
        first = first + values.sum(axis=0)
        second = second + np.einsum("nc,nc->c", values, values)
    count = images.size // images.shape[-1]
    variance = np.maximum(second / count - (first / count) ** 2, 0)
    varies = variance > _rounding_variance(images)
    return np.where(varies, np.sqrt(variance), 1.0)


def _rounding_variance(images: np.ndarray) -> np.ndarray | float:
    """Returns the variance up to which there is only rounding error."""
    if images.ndim == 4:
        return 1e-6  # a thousandth of a gray level
    # Coordinates have any unit: a millionth of the largest value.
    return (1e-6 * np.abs(images).max(axis=0).astype(np.float64)) ** 2


def _float64_chunks(images: np.ndarray) -> Iterator[np.ndarray]:
    step = min(CHUNK_SIZE, rows_per_chunk(CHUNK_BYTES, images.shape, 8))
    for start in range(0, len(images), step):
        yield images[start : start + step].astype(np.float64)


def normalize(x, statistics: Statistics):
    """Adds the layers that subtract the mean and scale.

    Args:
        x: symbolic float32 `[B, H, W, C]`, raw pixels 0..255, or `[B, D]`.
        statistics: statistics of the training examples.

    Returns:
        Symbolic float32 of the same shape. No layer adds a weight.
    """
    import keras

    if statistics.mean_subtraction == "image":
        x = x - keras.ops.mean(x, axis=(1, 2), keepdims=True)
    # Rescaling rather than Normalization, whose division takes a quarter of a
    # training step of logistic regression. In float32, since half precision
    # would round the mean image before it is subtracted.
    if statistics.mean is not None:
        offset = _broadcast(-statistics.mean, x)
        x = keras.layers.Rescaling(
            1.0, offset, dtype="float32", name="subtract_mean"
        )(x)
    if statistics.scale != "none":
        factor = _broadcast(1 / _divisor(statistics), x)
        x = keras.layers.Rescaling(factor, dtype="float32", name="scale")(x)
    return x


def _broadcast(values: float | np.ndarray, x) -> float | np.ndarray:
    """Returns values `[C]` for images as `[1, 1, C]`, others as they are.

    When a model is called, Rescaling moves the axis of `[C]` where Keras is
    set to `channels_first`, but leaves three axes as they are.
    """
    if len(x.shape) == 4 and np.ndim(values) == 1:
        return values.reshape(1, 1, -1)
    return values


def _divisor(statistics: Statistics) -> float | np.ndarray:
    if statistics.scale == "unit":
        return 255.0
    return statistics.std.astype(np.float64)


def statistics_of_layers(layers: list[dict[str, Any]]) -> Statistics:
    """Returns the statistics in the layers of a saved model.

    Args:
        layers: `class_name` and `config` of the layers of a model whose
            inputs went through `normalize`.
    """
    configs = {layer["config"]["name"]: layer["config"] for layer in layers}
    mean, std, subtraction, scale = None, None, "none", "none"
    for layer in layers:
        if layer["class_name"] == "Mean":
            subtraction = "image"
        if layer["class_name"] == "Normalization":
            return _of_normalization(layer["config"], subtraction)
    if "subtract_mean" in configs:
        mean = _flatten(-_constant(configs["subtract_mean"]["offset"]))
        subtraction = "pixel" if mean.ndim == 3 else "channel"
    if "scale" in configs:
        factor = _flatten(_constant(configs["scale"]["scale"]))
        scale = "std" if factor.ndim else "unit"
        std = 1 / factor if factor.ndim else None
    return Statistics(
        subtraction,
        scale,
        None if mean is None else mean.astype(np.float32),
        None if std is None else std.astype(np.float32),
    )


def _of_normalization(config: dict[str, Any], subtraction: str) -> Statistics:
    """Reads a `Normalization` layer, as the packaged lenet5 has it."""
    mean = np.float32(config["mean"])
    std = np.float32(np.sqrt(np.float64(config["variance"])))
    if config["name"] == "scale":
        return Statistics(subtraction, "std", None, std)
    subtraction = "pixel" if mean.ndim == 3 else "channel"
    if config["name"] == "subtract_mean":
        return Statistics(subtraction, "none", mean)
    if (std == 255).all():
        return Statistics(subtraction, "unit", mean)
    # A mean image comes with the std of its channel repeated for each pixel.
    std = std.reshape(-1, mean.shape[-1])[0]
    return Statistics(subtraction, "std", mean, std)


def _constant(value: float | dict[str, Any]) -> np.ndarray:
    """Returns a constant as Keras serializes it: plain, or an array."""
    if isinstance(value, dict):
        value = value["config"]["value"]
    return np.asarray(value, np.float64)


def _flatten(values: np.ndarray) -> np.ndarray:
    """Returns values `[1, 1, C]` as `[C]`, others as they are."""
    return values[0, 0] if values.shape[:2] == (1, 1) else values


def check_extra_features(
    kinds: Sequence[str], shape: tuple[int, ...], name: str
) -> None:
    """Raises `UserError` where extra features cannot be computed.

    Args:
        kinds: some of `EXTRA_FEATURES`.
        shape: shape of an example.
        name: name of the dataset.
    """
    if not kinds:
        return
    flag = f"--extra_features={','.join(kinds)}"
    if len(shape) != 1:
        raise UserError(
            f"{flag} needs points, such as --dataset=spiral, and {name} has "
            "images."
        )
    if "xy" not in kinds:
        return
    length = shape[0]
    if length < 2:
        raise UserError(
            f"{flag} multiplies two coordinates, and the points of {name} "
            "have only one; leave xy out."
        )
    if length * (length - 1) // 2 > MAX_PRODUCTS:
        raise UserError(
            f"{flag} would make {length * (length - 1) // 2:,} products of "
            f"{length:,} coordinates, more than {MAX_PRODUCTS}; leave xy out."
        )


def add_extra_features(x: Any, kinds: Sequence[str], ops: ModuleType) -> Any:
    """Appends squares, products and sines of the coordinates.

    As in the TensorFlow Playground, where they make a linear model draw
    curves. They are part of the model, so that a saved one takes raw points.

    Args:
        x: float32 `[B, D]`, raw.
        kinds: any of `x2` (the square of each coordinate), `xy` (the product
            of each pair) and `sin` (the sine of each coordinate, in radians).
        ops: `numpy`, or `keras.ops` for a model under construction.

    Returns:
        Float32 `[B, E]`: the coordinates, then squares, products, sines.
    """
    if not kinds:
        return x
    columns = [x]
    if "x2" in kinds:
        columns.append(ops.square(x))
    if "xy" in kinds:
        pairs = itertools.combinations(range(x.shape[-1]), 2)
        first, second = map(list, zip(*pairs, strict=True))
        columns.append(
            ops.take(x, first, axis=-1) * ops.take(x, second, axis=-1)
        )
    if "sin" in kinds:
        columns.append(ops.sin(x))
    return ops.concatenate(columns, axis=-1)
