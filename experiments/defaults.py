"""Compares default recipes with a plain Keras script, on several datasets.

    python -m experiments.defaults --folder=PATH     photographs in PATH as well
    python -m experiments.defaults --models=mlp --sets=digits,mnist
    python -m experiments.defaults --sets=           writes DEFAULTS.md alone

A default recipe is for data that nobody has seen yet. It is therefore chosen
on several datasets at once, none of which may lose much: each model is trained
for the same few epochs by its default recipe, by the previous one if `FORMER`
has it, and by a script of a few lines of Keras: the same network, Keras's own
initial weights, `Rescaling`, Adam at its default learning rate, nothing else.
The score is the accuracy after the last epoch on the validation images, which
are the same for all three; no test set is loaded. Results of `defaults.json`
are not trained again: delete the rows of a recipe after changing it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from zoo import load_dataset
from zoo.config import TrainConfig
from zoo.data import Dataset
from zoo.errors import UserError, unknown_name_error
from zoo.io import atomic_write
from zoo.resolve import LARGE_DATASET

RESULTS = pathlib.Path(__file__).with_name("defaults.json")
PAGE = pathlib.Path(__file__).with_name("DEFAULTS.md")
SEEDS = (0, 1, 2)
IMAGE_SIZE = 28  # of the photographs of --folder, in gray
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow turns color to gray
PLAIN_BATCH_SIZES = (32, 128)  # for small and large datasets

VARIANTS = {
    "plain": "plain Keras script",
    "former": "former default",
    "default": "default",
}
HEAD = """\
# Default recipes on datasets that they were not tuned on

Written by `python -m experiments.defaults`. Each column trains the same network
on the same split of each dataset for the same few epochs: a script of a few
lines of Keras (`Rescaling`, Adam at 0.001, batch size 128, or 32 on small
datasets), the default recipe, and the previous one. Validation accuracy after
the last epoch, mean ± standard deviation of three seeds. The photographs are
TrashNet (Thung and Yang, 2017), gray, of 28x28 pixels.
"""

# The previous default recipe of a model, as options.
FORMER: dict[str, dict[str, Any]] = {
    "lenet5": {
        "optimizer": "adam",
        "learning_rate": 2e-3,
        "schedule": "cosine",
        "augment": "crop_flip",
    },
}


@dataclasses.dataclass(frozen=True)
class Set:
    """A dataset to train on.

    Attributes:
        name: Name on the page.
        dataset: Name of `zoo datasets`; "" for the photographs.
        epochs: Number of epochs.
        train_examples: Number of training images; `None` is all.
    """

    name: str
    dataset: str
    epochs: int
    train_examples: int | None = None

    @property
    def part(self) -> str:
        """The number of images, if not all."""
        if self.train_examples is None:
            return ""
        return f", {self.train_examples:,} images"

    def load(self, folder: str | None) -> Dataset:
        """Reads training and validation images."""
        if self.dataset:
            return load_dataset(
                self.dataset, train_examples=self.train_examples
            )
        return gray(load_dataset(f"folder:{folder}", image_size=IMAGE_SIZE))


SETS = (
    Set("mnist", "mnist", 3, 20_000),
    Set("cifar10", "cifar10", 3, 10_000),
    Set("street_digits", "street_digits", 3, 10_000),
    Set("digits", "digits", 10),
    Set("photographs", "", 10),
)


def gray(data: Dataset) -> Dataset:
    """Returns a set of color images in gray, rounded to whole numbers."""
    parts = [
        dataclasses.replace(
            part,
            images=np.rint(part.images @ np.array(LUMA))[..., None].astype(
                np.uint8
            ),
        )
        for part in (data.train, data.val)
    ]
    return dataclasses.replace(data, train=parts[0], val=parts[1])


def by_recipe(
    data: Dataset, model: str, epochs: int, seed: int, runs_dir: str, **options
) -> float:
    """Returns the validation accuracy of a run of zoo."""
    from zoo.training.console import TrainingConsole
    from zoo.training.train import train

    config = TrainConfig(
        model=model,
        epochs=epochs,
        seed=seed,
        runs_dir=runs_dir,
        summaries=("scalars",),
        **options,
    )
    run = train(config, data, console=TrainingConsole(quiet=True))
    return run.history[-1]["val_accuracy"]


def by_plain_keras(data: Dataset, model: str, epochs: int, seed: int) -> float:
    """Returns the validation accuracy of a plain Keras script."""
    import keras

    from zoo.models import MODELS, create_model
    from zoo.training.model import enlarged_size

    keras.utils.set_random_seed(seed)
    size = enlarged_size(data.input_shape, MODELS.find(model).min_size)
    network = create_model(
        model,
        data.num_classes,
        (*size, data.input_shape[-1]),
        seed=seed,
        initializer="glorot_uniform",
    )
    layers = [keras.Input(data.input_shape), keras.layers.Rescaling(1 / 255)]
    if size != data.input_shape[:2]:
        layers.append(keras.layers.Resizing(*size))
    script = keras.Sequential([*layers, network])
    script.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = script.fit(
        data.train.images,
        data.train.labels,
        batch_size=PLAIN_BATCH_SIZES[len(data.train) >= LARGE_DATASET],
        epochs=epochs,
        validation_data=(data.val.images, data.val.labels),
        verbose=0,
    )
    return history.history["val_accuracy"][-1]


def score(
    name: str, data: Dataset, model: str, epochs: int, seed: int
) -> float:
    """Returns the validation accuracy of one of `VARIANTS`."""
    if name == "plain":
        return by_plain_keras(data, model, epochs, seed)
    options = FORMER[model] if name == "former" else {}
    if not data.hflip_safe and "augment" in options:
        crop = options["augment"].replace("crop_flip", "crop")
        options = {**options, "augment": crop}
    with tempfile.TemporaryDirectory() as folder:
        return by_recipe(data, model, epochs, seed, folder, **options)


def variants(model: str) -> Iterator[str]:
    """Yields the variants of a model."""
    yield "plain"
    if model in FORMER:
        yield "former"
    yield "default"


def page(rows: Sequence[dict[str, Any]]) -> str:
    """Returns the page.

    Args:
        rows: Results, as in `defaults.json`.
    """
    lines = [HEAD]
    for one in dict.fromkeys(row["model"] for row in rows):
        mine = [row for row in rows if row["model"] == one]
        names = [name for name in VARIANTS if _values(mine, name)]
        lines += [f"## `{one}`\n"]
        lines += [
            f"| dataset | epochs | {' | '.join(VARIANTS[n] for n in names)} |"
        ]
        lines += [f"| --- | ---: |{' --- |' * len(names)}"]
        means = {name: [] for name in names}
        for found in SETS:
            here = [row for row in mine if row["set"] == found.name]
            if not here:
                continue
            values = {name: _values(here, name) for name in names}
            cells = [_shown(one) for one in values.values()]
            if all(values.values()):  # means are over the same sets
                for name in names:
                    means[name].append(np.mean(values[name]))
            label = f"{found.name}{found.part}"
            lines += [f"| {label} | {found.epochs} | {' | '.join(cells)} |"]
        if all(means.values()):
            shown = " | ".join(f"{np.mean(means[n]):.3f}" for n in names)
            lines += [f"| mean of the datasets | | {shown} |"]
        lines += [""]
    return "\n".join(lines)


def _values(rows: Sequence[dict[str, Any]], name: str) -> list[float]:
    return [row["accuracy"] for row in rows if row["side"] == name]


def _shown(values: Sequence[float]) -> str:
    """Returns mean and standard deviation over seeds."""
    if not values:
        return "not run"
    if len(values) == 1:
        return f"{values[0]:.3f}, one seed"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def read_results() -> list[dict[str, Any]]:
    """Returns the stored results."""
    return (
        json.loads(RESULTS.read_text(encoding="utf-8"))
        if RESULTS.exists()
        else []
    )


def write(rows: list[dict[str, Any]]) -> None:
    """Writes the results and the page."""
    for path, words in (
        (RESULTS, json.dumps(rows, indent=1) + "\n"),
        (PAGE, page(rows)),
    ):
        with atomic_write(path) as file:
            file.write(words.encode())


def _train(flags: argparse.Namespace) -> None:
    known = {one.name: one for one in SETS}
    rows = read_results()
    for name in filter(None, flags.sets.split(",")):
        if name not in known:
            raise unknown_name_error(
                "set", name, list(known), "experiments/DEFAULTS.md"
            )
        if name == "photographs" and flags.folder is None:
            raise UserError(
                "photographs are in a folder of your own; give --folder=PATH, "
                "or leave them out of --sets."
            )
        data = known[name].load(flags.folder)
        for model, seed in (
            (m, s) for m in flags.models.split(",") for s in SEEDS
        ):
            for by in variants(model):
                key = {"model": model, "set": name, "side": by, "seed": seed}
                if any(key.items() <= row.items() for row in rows):
                    continue
                accuracy = score(by, data, model, known[name].epochs, seed)
                print(f"{model} {name} {by} {seed} {accuracy:.4f}", flush=True)
                rows.append({**key, "accuracy": round(accuracy, 4)})
                write(rows)
    write(rows)


def main(argv: list[str] | None = None) -> int:
    """Trains what has no result yet, and writes the page."""
    parser = argparse.ArgumentParser(
        "python -m experiments.defaults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", default="lenet5")
    parser.add_argument("--sets", default=",".join(s.name for s in SETS))
    parser.add_argument("--folder", help="photographs, one folder per class")
    try:
        _train(parser.parse_args(argv))
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
