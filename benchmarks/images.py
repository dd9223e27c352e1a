"""The images of all trainings: read once, then shared by every process."""

from __future__ import annotations

import pathlib
import sys

import numpy as np

from zoo.data.dataset import Dataset, Split
from zoo.errors import UserError

NUM_TRAIN, NUM_VAL = 54_000, 6_000  # what the zoo makes of MNIST


def save(path: pathlib.Path) -> str:
    """Writes MNIST, or a stand-in, to an `.npz`.

    Returns:
        Nothing if it is MNIST; else why it is not, in a sentence.
    """
    from zoo.data import load_dataset

    try:
        data = load_dataset("mnist")
    except UserError as error:
        train, val = made_up(NUM_TRAIN, seed=0), made_up(NUM_VAL, seed=1)
        trouble = (
            "random images of the same size stand in, whose accuracies mean "
            f"nothing: {error}"
        )
    else:
        train, val, trouble = data.train, data.val, ""
    np.savez(
        path,
        x=train.images,
        y=train.labels,
        x_val=val.images,
        y_val=val.labels,
    )
    return trouble


def load(path: str) -> Dataset:
    """Reads back what `save` wrote, divided as it was."""
    with np.load(path) as file:
        train = Split(file["x"], file["y"])
        val = Split(file["x_val"], file["y_val"])
    names = tuple(str(digit) for digit in range(10))
    return Dataset("mnist", train, val, names, flips=False, test_examples=None)


def made_up(count: int, seed: int) -> Split:
    """Returns images of MNIST's shape that hold nothing to learn."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, 28, 28, 1), np.uint8)
    return Split(images, random.integers(0, 10, count, np.int32))


if __name__ == "__main__":
    print(save(pathlib.Path(sys.argv[1])))
