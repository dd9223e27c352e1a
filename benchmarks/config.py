"""What `make bench` measures with: implementations, cases, shared images.

`BenchmarkConfig` is what every measurement is given. Images are read once and
shared by every process.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import pathlib
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks import subprocesses
from zoo.config import TrainConfig
from zoo.data.dataset import Dataset, Split
from zoo.errors import UserError, unknown_name_error

Report = dict[str, Any]  # what a process measured
Row = dict[str, Any]  # one line of results, under a `key`


class SharedImages:
    """Images of the cases, each dataset saved when it is first needed.

    Args:
        folder: Where the files are written.
        save: Writes a dataset to a path; returns "", or why random images
            were written instead.
    """

    def __init__(
        self, folder: str, save: Callable[[str, pathlib.Path], str]
    ) -> None:
        self._folder = pathlib.Path(folder)
        self._save = save
        self._substitutes: dict[str, str] = {}

    def path(self, dataset: str) -> str:
        """Returns the file of a dataset."""
        path = self._folder / f"{dataset}.npz"
        if dataset not in self._substitutes:
            self._substitutes[dataset] = self._save(dataset, path)
        return str(path)

    def substitute(self, dataset: str) -> str:
        """Returns why these are random images; "" if they are not."""
        self.path(dataset)
        return self._substitutes[dataset]

    def dataset_flag(self, dataset: str) -> str:
        """Returns the value of `--dataset`: the name, or the file."""
        path = self.path(dataset)
        return f"npz:{path}" if self._substitutes[dataset] else dataset


@dataclasses.dataclass(frozen=True)
class BenchmarkConfig:
    """Settings of a measurement.

    Attributes:
        cases: Trainings to measure.
        repeats: Rounds of each case; long ones have fewer.
        peers: Other implementations that are installed.
        have_bfloat16: Whether the CPU has bfloat16 instructions.
        images: Images of all cases.
        run: Runs a function of a module in a process of its own.
        say: Prints what is being measured.
    """

    cases: Sequence[Case]
    repeats: int
    peers: Sequence[Implementation]
    have_bfloat16: bool
    images: SharedImages
    run: Callable[..., Report]
    say: Callable[[str], None]

    def rounds(self, most: int) -> int:
        """Returns the number of rounds, at most `most`."""
        return min(self.repeats, most)

    def task(self, case: Case) -> dict[str, Any]:
        """Returns what every process of a case is given."""
        path = self.images.path(case.dataset)
        return {"case": dataclasses.asdict(case), "images": path}


MIN_RATIO_TO_TORCH = 1.0
CROP_PADDING = 4  # pixels on each side


@dataclasses.dataclass(frozen=True)
class Case:
    """One training that all implementations do.

    Attributes:
        model: Name of the model.
        batch_size: Batch size.
        epochs: Number of epochs; the first is not counted.
        dataset: Name of the dataset.
        train_examples: Number of training images; `None` is all.
        val_examples: Number of validation images; `None` is all.
        min_ratio_to_keras: ratio to plain Keras that two cores should reach
            in float32; `None` without a target.
        min_ratio_to_keras_bfloat16: the same in bfloat16.
        bfloat16: whether bfloat16 is measured too.
        rounds: Maximum number of rounds.
        model_args: arguments of the model, as in `--model_arg`.
        augment: `none`, or `crop_flip`: random crops after reflection padding
            by `CROP_PADDING` pixels, and horizontal flips.
    """

    model: str
    batch_size: int
    epochs: int
    dataset: str = "mnist"
    train_examples: int | None = None
    val_examples: int | None = None
    min_ratio_to_keras: float | None = None
    min_ratio_to_keras_bfloat16: float | None = None
    bfloat16: bool = True
    rounds: int = 5
    model_args: dict[str, Any] = dataclasses.field(default_factory=dict)
    augment: str = "none"

    @property
    def name(self) -> str:
        """Model and batch size, such as `lr/128`."""
        return f"{self.model}/{self.batch_size}"

    @property
    def is_full_dataset(self) -> bool:
        """Whether it trains on a full dataset.

        Then whole epochs are timed, else their steps alone: validation,
        summaries and checkpoints would weigh more than they do in a full
        epoch.
        """
        return self.train_examples is None

    @property
    def images(self) -> str:
        """Description of the images."""
        if self.train_examples is None:
            return f"all of {self.dataset}"
        return f"{self.train_examples:,} of {self.dataset}"

    def expected(self, precision: str, peer: str) -> float | None:
        """Returns the ratio that zoo should reach against a peer."""
        if peer == "torch":
            return MIN_RATIO_TO_TORCH
        if precision == "bfloat16":
            return self.min_ratio_to_keras_bfloat16
        return self.min_ratio_to_keras

    def config(self, runs_dir: str, precision: str = "float32") -> TrainConfig:
        """Returns the config, explicit so that a peer can do the same."""
        return TrainConfig(
            model=self.model,
            model_arg=self.model_args,
            dataset=self.dataset,
            optimizer="adam",
            learning_rate=1e-3,
            schedule="cosine",
            augment=self.augment,
            crop_padding=CROP_PADDING if self.augment == "crop_flip" else None,
            batch_size=self.batch_size,
            epochs=self.epochs,
            precision=precision,
            runs_dir=runs_dir,
        )


def _large(
    model: str,
    dataset: str,
    train: int,
    val: int,
    rounds: int = 3,
    batch_size: int = 128,
) -> Case:
    """Returns the case of a network too large for a full dataset."""
    return Case(
        model,
        batch_size,
        epochs=3,
        dataset=dataset,
        train_examples=train,
        val_examples=val,
        min_ratio_to_keras=1.15,
        min_ratio_to_keras_bfloat16=1.8,
        rounds=rounds,
    )


# One training takes less than a minute on two idle cores.
CASES = (
    Case("lr", 128, epochs=5, min_ratio_to_keras=4.0),
    Case("mlp", 128, epochs=3, min_ratio_to_keras=2.0, rounds=3),
    Case("lenet5", 128, epochs=3, min_ratio_to_keras=1.6, rounds=3),
    _large("cnn_cpcpff", "mnist", 2_560, 2_000),
    Case("lr", 32, epochs=2, bfloat16=False, rounds=2),
    Case("mlp", 32, epochs=2, bfloat16=False, rounds=2),
    Case("lenet5", 32, epochs=2, bfloat16=False, rounds=2),
    _large("resnet20", "cifar10", 512, 128),
    _large("airbench94", "cifar10", 2_000, 128, batch_size=1000),
    _large("wrn16_4", "cifar10", 256, 64, rounds=2),
    _large("wrn28_10", "digits", 256, 64, rounds=2),
)


def choose_cases(names: str | None) -> list[Case]:
    """Returns the cases of some models, or single ones.

    Args:
        names: with commas, such as `lr,lenet5/128`; `None` takes all.

    Raises:
        UserError: one of them is not in the table.
    """
    if names is None:
        return list(CASES)
    known = {case.name: [case] for case in CASES}
    for case in CASES:
        known.setdefault(case.model, []).append(case)
    chosen = []
    for name in filter(None, names.split(",")):
        if name not in known:
            raise unknown_name_error("case", name, known, "")
        chosen += [case for case in known[name] if case not in chosen]
    if not chosen:
        raise UserError("--cases names none; give for example --cases=lr,mlp.")
    return chosen


def one_per_model(cases: Iterable[Case]) -> list[Case]:
    """Returns the first case of each model, in their order."""
    found: dict[str, Case] = {}
    for case in cases:
        found.setdefault(case.model, case)
    return list(found.values())


@dataclasses.dataclass(frozen=True)
class Implementation:
    """One implementation of a training.

    Attributes:
        name: Name in the tables.
        trains: Function that trains once and prints a report, as
            `module:function`.
        package: Package that it needs besides those of zoo.
        task: Arguments besides the case and the images.
    """

    name: str
    trains: str
    package: str | None = None
    task: dict[str, Any] = dataclasses.field(default_factory=dict)


ZOO = "zoo"
ZOO_VARIANTS = tuple(
    Implementation(
        precision,
        "benchmarks.training:train_with_zoo",
        task={"precision": precision},
    )
    for precision in ("float32", "bfloat16")
)
PEERS = (
    Implementation("keras", "benchmarks.training:train_with_keras"),
    Implementation("torch", "benchmarks.pytorch:train", package="torch"),
)


def find_installed(
    peers: Sequence[Implementation] = PEERS,
    find: Callable[[str], Any] = importlib.util.find_spec,
) -> tuple[list[Implementation], list[str]]:
    """Returns the peers that are installed, and a line on each other one."""
    missing = [s for s in peers if s.package and find(s.package) is None]
    lines = [
        f"{side.name} is not installed and is skipped; "
        "`python -m pip install -e '.[bench]'` installs it."
        for side in missing
    ]
    return [side for side in peers if side not in missing], lines


def zoo_implementations(
    case: Case, have_bfloat16: bool
) -> list[Implementation]:
    """Returns the variants of zoo for a case: those that the CPU can run."""
    return list(
        ZOO_VARIANTS if have_bfloat16 and case.bfloat16 else ZOO_VARIANTS[:1]
    )


# Shape of an image, and the largest number of training and validation images
# that a case uses.
SHAPES = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3), "digits": (8, 8, 1)}
MAX_IMAGES = {
    "mnist": (54_000, 6_000),
    "cifar10": (45_000, 5_000),
    "digits": (1_293, 144),
}


def save_images(dataset: str, path: pathlib.Path) -> str:
    """Writes a dataset to an `.npz`, in a process of its own.

    Returns:
        "", or why random images were written instead.
    """
    outcome = subprocesses.python("-m", "benchmarks.config", dataset, str(path))
    return outcome.output.splitlines()[-1]  # after those of a download


def write_images(dataset: str, path: pathlib.Path) -> str:
    """Does what `save_images` does, in this process."""
    from zoo.data import load_dataset

    num_train, num_val = MAX_IMAGES[dataset]
    try:
        data = load_dataset(dataset)
    except UserError as error:
        shape = SHAPES[dataset]
        train, val = (
            random_images(num_train, shape, seed=0),
            random_images(num_val, shape, seed=1),
        )
        problem = (
            f"random images of the same size replace {dataset}; accuracies "
            f"mean nothing: {error}"
        )
    else:
        train = data.train.take(np.arange(min(num_train, len(data.train))))
        val = data.val.take(np.arange(min(num_val, len(data.val))))
        problem = ""
    np.savez(
        path,
        x=train.images,
        y=train.labels,
        x_val=val.images,
        y_val=val.labels,
    )
    return problem


def load_images(path: str, case: Case) -> Dataset:
    """Reads the images of a case from a file of `save_images`."""
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
        case.dataset,
        train,
        val,
        names,
        hflip_safe=False,
        num_test_examples=None,
    )


def random_images(count: int, shape: tuple[int, ...], seed: int) -> Split:
    """Returns random images `[count, *shape]` and labels."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, *shape), np.uint8)
    return Split(images, random.integers(0, 10, count, np.int32))


if __name__ == "__main__":
    print(write_images(sys.argv[1], pathlib.Path(sys.argv[2])))
