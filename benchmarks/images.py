"""The images of all cases: read once, then shared by every process."""

from __future__ import annotations

import pathlib
import sys

import numpy as np

from benchmarks import children
from benchmarks.cases import Case
from zoo.data.dataset import Dataset, Split
from zoo.errors import UserError

# Shape of an image, and what is kept of each data set at most: all that the
# zoo makes of MNIST, and of CIFAR-10 more than any case takes.
SHAPES = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3), "digits": (8, 8, 1)}
MOST = {
    "mnist": (54_000, 6_000),
    "cifar10": (10_240, 2_048),
    "digits": (1_293, 144),
}


def save(dataset: str, path: pathlib.Path) -> str:
    """Writes a data set, or a stand-in, to an `.npz`, in another process.

    Returns:
        Nothing if it is the one asked for; else why it is not.
    """
    told = children.python("-m", "benchmarks.images", dataset, str(path))
    return told.output.splitlines()[-1]  # above it, news of a download


def write(dataset: str, path: pathlib.Path) -> str:
    """Does what `save` says, in this process."""
    from zoo.data import load_dataset

    num_train, num_val = MOST[dataset]
    try:
        data = load_dataset(dataset)
    except UserError as error:
        shape = SHAPES[dataset]
        train, val = (
            made_up(num_train, shape, seed=0),
            made_up(num_val, shape, seed=1),
        )
        trouble = (
            f"random images of the same size stand in for {dataset}, whose "
            f"accuracies mean nothing: {error}"
        )
    else:
        train = data.train.take(np.arange(min(num_train, len(data.train))))
        val = data.val.take(np.arange(min(num_val, len(data.val))))
        trouble = ""
    np.savez(
        path,
        x=train.images,
        y=train.labels,
        x_val=val.images,
        y_val=val.labels,
    )
    return trouble


def load(path: str, case: Case) -> Dataset:
    """Reads back what a case needs of what `save` wrote."""
    with np.load(path) as file:
        train = Split(
            file["x"][: case.train_examples], file["y"][: case.train_examples]
        )
        val = Split(
            file["x_val"][: case.val_examples],
            file["y_val"][: case.val_examples],
        )
    names = tuple(str(label) for label in range(10))
    return Dataset(
        case.dataset, train, val, names, flips=False, test_examples=None
    )


def made_up(count: int, shape: tuple[int, ...], seed: int) -> Split:
    """Returns images `[count, *shape]` that hold nothing to learn."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, *shape), np.uint8)
    return Split(images, random.integers(0, 10, count, np.int32))


if __name__ == "__main__":
    print(write(sys.argv[1], pathlib.Path(sys.argv[2])))
