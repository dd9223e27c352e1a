"""One side's answers on validation images: how many of them a second.

Scoring is what `zoo evaluate` does, predicting what `zoo predict` does; a
peer does what its documentation shows. Models are at hand on every side, and
all take the same number of images at a time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import images
from benchmarks.cases import Case
from benchmarks.stopwatch import task
from zoo.runs import Run

BATCH = 256  # images; that of the zoo
SECONDS = 1.0  # of answers at least, and
PASSES = 2  # at least

Answers = dict[str, Callable[[], Any]]  # by what is asked, over all images


def main() -> None:
    """Prints images a second by model and by what is asked."""
    given = task()
    found = {}
    for question in given["questions"]:
        case = Case(**question["case"])
        data = images.load(question["images"], case)
        with SIDES[given["side"]](case, data) as answers:
            found[case.model] = {
                what: images_a_second(answer, len(data.val))
                for what, answer in answers.items()
            }
    print(json.dumps({"rates": found}))


def images_a_second(
    answer: Callable[[], Any],
    num_images: int,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Returns the rate of passes over some images, the first left out."""
    answer()
    begun, passes = clock(), 0
    while passes < PASSES or clock() - begun < SECONDS:
        answer()
        passes += 1
    return passes * num_images / (clock() - begun)


@dataclasses.dataclass(frozen=True)
class Loaded(Run):
    """A run whose model is in memory already."""

    model: Any = None

    def load_model(self):
        """Returns the model."""
        return self.model


@contextlib.contextmanager
def zoo_answers(case: Case, data) -> Iterator[Answers]:
    """Gives our answers, of a run that has hardly been trained."""
    import zoo
    from zoo.evaluation import scoring
    from zoo.training.console import Console

    with tempfile.TemporaryDirectory() as runs_dir, open(os.devnull, "w") as no:
        config = case.config(runs_dir).replace(
            epochs=None, steps=1, batch_size=32, summaries=("none",)
        )
        run = zoo.train(config, data, console=Console(no))
        run = Loaded(run.path, run.name, run.load_model())
        parts = scoring.Parts()
        parts.keep(run, data)
        yield {
            "evaluate": lambda: scoring.score_val(run, parts, runs_dir),
            "predict": lambda: zoo.predict(run, data.val.images),
        }


@contextlib.contextmanager
def keras_answers(case: Case, data) -> Iterator[Answers]:
    """Gives those of `evaluate` and `predict` of a plain Keras model."""
    import keras

    from benchmarks.keras_fit import build

    x, y = data.val.images.astype("float32"), data.val.labels
    model, _ = build(case, data)
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    how = {"batch_size": BATCH, "verbose": 0}
    yield {
        "evaluate": lambda: model.evaluate(x, y, **how),
        "predict": lambda: model.predict(x, **how),
    }


@contextlib.contextmanager
def torch_answers(case: Case, data) -> Iterator[Answers]:
    """Gives those of loops without gradients over a `DataLoader`."""
    import torch
    from torch import nn

    from benchmarks import torch_loop, torch_models

    _, loader = torch_loop.loaders(data, BATCH)
    model = torch_models.build(case.model, data.input_shape, data.num_classes)
    loss_fn = nn.CrossEntropyLoss()

    def predict():
        model.eval()
        with torch.no_grad():
            return torch.cat([model(X).softmax(dim=1) for X, _ in loader])

    yield {
        "evaluate": lambda: torch_loop.test(loader, model, loss_fn),
        "predict": predict,
    }


SIDES = {"zoo": zoo_answers, "keras": keras_answers, "torch": torch_answers}


if __name__ == "__main__":
    sys.exit(main())
