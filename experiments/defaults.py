"""Holds default recipes against the plainest Keras script, on several sets.

    python -m experiments.defaults --folder=PATH     photographs in PATH as well
    python -m experiments.defaults --models=mlp --sets=digits,mnist
    python -m experiments.defaults --sets=           writes DEFAULTS.md alone

A default recipe is for data that nobody has seen yet. It is therefore chosen
on several sets at once, none of which may lose much: each model is trained
for the same few epochs by its default recipe, by the one that it had before
if `FORMER` has it, and by a script of a few lines of Keras: the same network,
Keras's own initial weights, `Rescaling`, Adam at its own rate, nothing else.
What is told is the accuracy after the last epoch on the validation part,
which is the same for all three; the test split is not read. What is known
already in `defaults.json` is not trained again: after a recipe was changed,
take its rows out.
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
SIDE = 28  # pixels of the photographs of --folder, in gray
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow turns color to gray
PLAIN_BATCHES = (32, 128)  # of the plain script, for small and large sets

SIDES = {
    "plain": "plain Keras script",
    "former": "former default",
    "default": "default",
}
HEAD = """\
# What default recipes are worth on data they were not made for

Made by `python -m experiments.defaults`; nothing here is typed by hand. Each
column trains the same network on the same split of each set for the same few
epochs: a script of a few lines of Keras (`Rescaling`, Adam at 0.001, batches
of 128, or of 32 on small sets), the default recipe, and the one that the model
had before. Validation accuracy after the last epoch, mean ± deviation of
three seeds. The photographs are TrashNet (Thung and Yang, 2017), gray, 28
pixels a side.
"""

# What a model's default recipe was before it was last chosen, as options.
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
    """A set of images to train on.

    Attributes:
        name: as the page calls it.
        dataset: as `zoo datasets` has it; none for the photographs.
        epochs: passes over its training images.
        train_examples: how many are used; all if not given.
    """

    name: str
    dataset: str
    epochs: int
    train_examples: int | None = None

    @property
    def part(self) -> str:
        """Which part of it is used, in words."""
        if self.train_examples is None:
            return ""
        return f", {self.train_examples:,} images"

    def load(self, folder: str | None) -> Dataset:
        """Reads training and validation images."""
        if self.dataset:
            return load_dataset(
                self.dataset, train_examples=self.train_examples
            )
        return gray(load_dataset(f"folder:{folder}", image_size=SIDE))


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
    """Returns the validation accuracy of a run of the zoo's own."""
    from zoo.training.console import Console
    from zoo.training.train import train

    config = TrainConfig(
        model=model,
        epochs=epochs,
        seed=seed,
        runs_dir=runs_dir,
        summaries=("scalars",),
        **options,
    )
    run = train(config, data, console=Console(quiet=True))
    return run.history[-1]["val_accuracy"]


def by_plain_keras(data: Dataset, model: str, epochs: int, seed: int) -> float:
    """Returns the validation accuracy of the plainest script of Keras."""
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
        batch_size=PLAIN_BATCHES[len(data.train) >= LARGE_DATASET],
        epochs=epochs,
        validation_data=(data.val.images, data.val.labels),
        verbose=0,
    )
    return history.history["val_accuracy"][-1]


def side(name: str, data: Dataset, model: str, epochs: int, seed: int) -> float:
    """Returns the validation accuracy of one of `SIDES`."""
    if name == "plain":
        return by_plain_keras(data, model, epochs, seed)
    options = FORMER[model] if name == "former" else {}
    if not data.flips and "augment" in options:
        crop = options["augment"].replace("crop_flip", "crop")
        options = {**options, "augment": crop}
    with tempfile.TemporaryDirectory() as folder:
        return by_recipe(data, model, epochs, seed, folder, **options)


def sides(model: str) -> Iterator[str]:
    """Yields what a model is trained by."""
    yield "plain"
    if model in FORMER:
        yield "former"
    yield "default"


def text(rows: Sequence[dict[str, Any]]) -> str:
    """Returns the page.

    Args:
        rows: figures, as `defaults.json` keeps them.
    """
    lines = [HEAD]
    for one in dict.fromkeys(row["model"] for row in rows):
        mine = [row for row in rows if row["model"] == one]
        names = [name for name in SIDES if _values(mine, name)]
        lines += [f"## `{one}`\n"]
        lines += [f"| set | epochs | {' | '.join(SIDES[n] for n in names)} |"]
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
            lines += [f"| mean of the sets | | {shown} |"]
        lines += [""]
    return "\n".join(lines)


def _values(rows: Sequence[dict[str, Any]], name: str) -> list[float]:
    return [row["accuracy"] for row in rows if row["side"] == name]


def _shown(values: Sequence[float]) -> str:
    """Returns mean and deviation over seeds."""
    if not values:
        return "not run"
    if len(values) == 1:
        return f"{values[0]:.3f}, one seed"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def read_results() -> list[dict[str, Any]]:
    """Returns the figures that are kept."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def write(rows: list[dict[str, Any]]) -> None:
    """Keeps figures, and writes the page anew."""
    for path, words in (
        (RESULTS, json.dumps(rows, indent=1) + "\n"),
        (PAGE, text(rows)),
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
                "photographs are those of a folder of yours; give "
                "--folder=PATH, or leave them out of --sets."
            )
        data = known[name].load(flags.folder)
        for model, seed in (
            (m, s) for m in flags.models.split(",") for s in SEEDS
        ):
            for by in sides(model):
                key = {"model": model, "set": name, "side": by, "seed": seed}
                if any(key.items() <= row.items() for row in rows):
                    continue
                score = side(by, data, model, known[name].epochs, seed)
                print(f"{model} {name} {by} {seed} {score:.4f}", flush=True)
                rows.append({**key, "accuracy": round(score, 4)})
                write(rows)
    write(rows)


def main(argv: list[str] | None = None) -> int:
    """Trains what is not known yet, and writes the page."""
    parser = argparse.ArgumentParser(
        "python -m experiments.defaults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", default="lenet5")
    parser.add_argument("--sets", default=",".join(s.name for s in SETS))
    parser.add_argument("--folder", help="photographs in folders of classes")
    try:
        _train(parser.parse_args(argv))
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
