"""Checks of arrays that a person brings: do they make labelled images?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoo.data.dataset import Split
from zoo.data.pixel_range import kind_of, raw_pixels
from zoo.errors import UserError

RANKS = "[N, H, W, C], or [N, H, W] for grey images"


def check_split(
    x: np.ndarray, y: np.ndarray, name: str, keys: tuple[str, str] = ("x", "y")
) -> Split:
    """Returns a split made of two arrays.

    Args:
        x: raw pixels 0..255, `[N, H, W, C]` or `[N, H, W]`.
        y: class indices from 0, `[N]` or `[N, 1]`.
        name: what the sentence calls the data, if one is needed.
        keys: what it calls the two arrays.

    Raises:
        UserError: they do not fit each other or are not what they should be.
    """
    images = check_pixels(np.asarray(x), f"{keys[0]} of {name}")
    labels = _check_labels(np.asarray(y), f"{keys[1]} of {name}")
    if len(images) != len(labels):
        raise UserError(
            f"{keys[0]} of {name} has {len(images):,} images and {keys[1]} "
            f"{len(labels):,} labels; there must be one label an image."
        )
    return Split(images, labels)


def check_classes(
    labels: np.ndarray, class_names: Sequence[str] | None, name: str
) -> tuple[str, ...]:
    """Returns a name for each class of the training labels.

    Args:
        labels: int32 `[N]`, not negative, at least one.
        class_names: `K` names; the numbers themselves if not given.
        name: what the sentence calls the data, if one is needed.

    Raises:
        UserError: fewer than two classes, a class without images, or another
            number of names.
    """
    if labels.max() >= len(labels):
        raise UserError(
            f"{name} has the label {labels.max()}, but only {len(labels):,} "
            "images; number the classes 0 to K-1 without gaps."
        )
    counts = np.bincount(labels)
    if len(counts) < 2:
        raise UserError(
            f"{name} has one class only, so there is nothing to tell apart; "
            "give labels of at least two classes."
        )
    if not counts.all():
        raise UserError(
            f"{name} has labels up to {len(counts) - 1}, but none of class "
            f"{counts.argmin()}; number the classes 0 to K-1 without gaps."
        )
    if class_names is None:
        return tuple(str(label) for label in range(len(counts)))
    if len(class_names) != len(counts):
        raise UserError(
            f"{name} has {len(counts)} classes and {len(class_names)} class "
            "names; give one name a class."
        )
    names = tuple(str(class_name) for class_name in class_names)
    for label, class_name in enumerate(names):
        if not class_name.strip():
            raise UserError(
                f"the class name of label {label} of {name} is empty; give "
                "each class a name."
            )
        if class_name in names[:label]:
            raise UserError(
                f"{name} has the class name {class_name} twice; give each "
                "class a name of its own."
            )
    return names


def check_known(
    labels: np.ndarray, class_names: Sequence[str], what: str
) -> None:
    """Raises `UserError` if a label has no class among the training ones."""
    if len(labels) and labels.max() >= len(class_names):
        raise UserError(
            f"{what} has the label {labels.max()}, but the training labels "
            f"are 0 to {len(class_names) - 1}; use the same classes in both."
        )


def check_pixels(
    x: np.ndarray, what: str, known: tuple[int, int] | None = None
) -> np.ndarray:
    """Returns raw pixels as uint8 `[N, H, W, C]`, whole numbers 0..255.

    Args:
        x: `[N, H, W, C]` or `[N, H, W]`, integers or floats.
        what: what the sentence calls the array, if one is needed.
        known: range of the images that a model was trained on, see
            `pixel_range.raw_pixels`.

    Raises:
        UserError: it has another shape, or other values than pixels have.
    """
    if x.dtype.kind not in "uif":
        raise UserError(f"{what} holds {kind_of(x)}; give pixels 0..255.")
    if x.ndim not in (3, 4) or not x.size or x.ndim == 4 and x.shape[3] > 4:
        raise UserError(
            f"{what} has the shape {list(x.shape)}; images are {RANKS}, with "
            "1 to 4 channels and at least one image."
        )
    x = raw_pixels(x, what, known)
    return x[..., None] if x.ndim == 3 else x


def _check_labels(y: np.ndarray, what: str) -> np.ndarray:
    """Returns int32 `[N]`."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise UserError(
            f"{what} has the shape {list(y.shape)}; labels are [N], one whole "
            "number an image."
        )
    if y.dtype.kind not in "uif":
        raise UserError(
            f"{what} holds {kind_of(y)}, not numbers; give the classes as "
            "whole numbers 0 to K-1."
        )
    wrong = ~np.isfinite(y) | (y < 0) | (y != np.floor(y)) | (y >= 2**31)
    if wrong.any():
        raise UserError(
            f"{what} holds the label {y[wrong][0]}; give the classes as whole "
            "numbers 0 to K-1."
        )
    return y.astype(np.int32)
