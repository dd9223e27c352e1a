"""What is trained, and how fast it should be: the cases of `make bench`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from zoo.config import TrainConfig
from zoo.errors import UserError, unknown_name_error

LEAST_AGAINST_TORCH = 1.0


@dataclasses.dataclass(frozen=True)
class Case:
    """One training that all sides do.

    Attributes:
        model: a name of the zoo.
        batch_size: images in an update.
        epochs: passes over the images; the first is not counted.
        dataset: whose images.
        train_examples: how many of them to train on; `None` takes all.
        val_examples: how many to validate on after each epoch; `None` takes
            all that are held out.
        against_keras: images a second, ours over plain Keras's, that two
            cores should reach in float32; `None` where no figure was set.
        against_keras_bfloat16: the same with our arithmetic in bfloat16.
        bfloat16: whether ours trains in bfloat16 too, where processors can.
        rounds: at most; what takes long varies less.
    """

    model: str
    batch_size: int
    epochs: int
    dataset: str = "mnist"
    train_examples: int | None = None
    val_examples: int | None = None
    against_keras: float | None = None
    against_keras_bfloat16: float | None = None
    bfloat16: bool = True
    rounds: int = 5

    @property
    def name(self) -> str:
        """Model and batch size, such as `lr/128`."""
        return f"{self.model}/{self.batch_size}"

    @property
    def is_whole(self) -> bool:
        """Whether it trains on a whole data set.

        Then whole epochs are timed. Of a part only the updates are: what
        comes once an epoch would weigh more than it does beside all images,
        on our side above all, which writes summaries and checkpoints.
        """
        return self.train_examples is None

    @property
    def images(self) -> str:
        """What it is trained on, in words."""
        if self.train_examples is None:
            return f"all of {self.dataset}"
        return f"{self.train_examples:,} of {self.dataset}"

    def expected(self, precision: str, peer: str) -> float | None:
        """Returns the ratio that ours should reach against a peer."""
        if peer == "torch":
            return LEAST_AGAINST_TORCH
        if precision == "bfloat16":
            return self.against_keras_bfloat16
        return self.against_keras

    def config(self, runs_dir: str, precision: str = "float32") -> TrainConfig:
        """Returns the training; spelt out, so that a peer can do the same."""
        return TrainConfig(
            model=self.model,
            dataset=self.dataset,
            optimizer="adam",
            learning_rate=1e-3,
            schedule="cosine",
            augment="none",
            batch_size=self.batch_size,
            epochs=self.epochs,
            precision=precision,
            runs_dir=runs_dir,
        )


def _deep(
    model: str, dataset: str, train: int, val: int, rounds: int = 3
) -> Case:
    """Returns the case of a network too large for a whole data set."""
    return Case(model, 128, 3, dataset, train, val, 1.15, 1.8, rounds=rounds)


# One training takes less than a minute on two quiet cores.
CASES = (
    Case("lr", 128, epochs=5, against_keras=4.0),
    Case("mlp", 128, epochs=3, against_keras=2.0, rounds=3),
    Case("lenet5", 128, epochs=3, against_keras=1.6, rounds=3),
    _deep("cnn_cpcpff", "mnist", 2_560, 2_000),
    Case("lr", 32, epochs=2, bfloat16=False, rounds=2),
    Case("mlp", 32, epochs=2, bfloat16=False, rounds=2),
    Case("lenet5", 32, epochs=2, bfloat16=False, rounds=2),
    _deep("resnet20", "cifar10", 512, 128),
    _deep("wrn16_4", "cifar10", 256, 64, rounds=2),
    _deep("wrn28_10", "digits", 256, 64, rounds=2),
)


def choose(names: str | None) -> list[Case]:
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


def one_a_model(cases: Iterable[Case]) -> list[Case]:
    """Returns the first case of each model, in their order."""
    found: dict[str, Case] = {}
    for case in cases:
        found.setdefault(case.model, case)
    return list(found.values())
