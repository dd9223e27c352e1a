"""Evaluation and prediction with zoo, Keras and PyTorch by turns.

With zoo that is `zoo evaluate` and `zoo predict`; a peer does what its
documentation shows. Models are in memory, with the same batch size.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.config import (
    ZOO,
    BenchmarkConfig,
    Case,
    Report,
    Row,
    load_images,
    one_per_model,
)
from benchmarks.results import columns, span
from benchmarks.subprocesses import task
from zoo.runs import Run

FUNCTION = "benchmarks.inference:measure_implementation"
MAX_ROUNDS = 2
# Images of each model, for passes of about a second.
NUM_EXAMPLES = {
    "lr": 6_000,
    "mlp": 6_000,
    "lenet5": 6_000,
    "cnn_cpcpff": 2_048,
    "wrn16_4": 256,
}


def measure(config: BenchmarkConfig) -> list[Row]:
    """Measures every implementation; a row per model and task."""
    cases = [
        dataclasses.replace(case, val_examples=NUM_EXAMPLES[case.model])
        for case in one_per_model(config.cases)
        if case.model in NUM_EXAMPLES
    ]
    if not cases:
        return []
    tasks = [config.task(case) for case in cases]
    sides = [ZOO, *(peer.name for peer in config.peers)]
    rounds = []
    for number in range(config.rounds(MAX_ROUNDS)):
        config.say(f"evaluation and prediction, round {number + 1}")
        order = sides if number % 2 == 0 else sides[::-1]
        rounds.append(
            {
                side: config.run(FUNCTION, side=side, tasks=tasks)
                for side in order
            }
        )
    return [
        {
            "key": f"{case.model} {what}",
            "images": f"{case.val_examples:,} of {case.dataset}",
            "stand_in": config.images.substitute(case.dataset),
            **compare(rounds, case.model, what),
        }
        for case in cases
        for what in ("evaluate", "predict")
    ]


def compare(rounds: list[dict[str, Report]], model: str, what: str) -> Row:
    """Returns median images per second by implementation, and ratios."""
    rates = {
        side: [found[side]["rates"][model][what] for found in rounds]
        for side in rounds[0]
    }
    ratios = {
        side: [a / b for a, b in zip(rates[ZOO], found, strict=True)]
        for side, found in rates.items()
        if side != ZOO
    }
    return {
        "rates": {s: statistics.median(found) for s, found in rates.items()},
        "ratios": [
            {"peer": s, "ratio": statistics.median(found), "ratios": found}
            for s, found in ratios.items()
        ],
    }


def table(rows: list[Row]) -> str:
    """Returns rates and ratios."""
    cells = [["task", "images", "zoo", "peer", "", "ratio", "range"]]
    for row in rows:
        for found in row["ratios"]:
            cells.append(
                [
                    row["key"],
                    row["images"],
                    f"{row['rates'][ZOO]:,.0f}",
                    f"{row['rates'][found['peer']]:,.0f}",
                    found["peer"],
                    f"{found['ratio']:.2f}",
                    span(found["ratios"]),
                ]
            )
    title = (
        "images per second with the model in memory: `zoo evaluate` "
        "and `zoo predict` beside\n`model.evaluate`, `model.predict` and "
        "loops without gradients, 256 images at a time"
    )
    return f"{title}\n{columns(cells)}"


BATCH = 256  # images; that of zoo
MIN_SECONDS = 1.0  # of a measurement
MIN_PASSES = 2

Tasks = dict[str, Callable[[], Any]]  # by name, over all images


def measure_implementation() -> None:
    """Prints images per second by model and task."""
    given = task()
    found = {}
    for entry in given["tasks"]:
        case = Case(**entry["case"])
        data = load_images(entry["images"], case)
        with IMPLEMENTATIONS[given["side"]](case, data) as functions:
            found[case.model] = {
                what: images_per_second(function, len(data.val))
                for what, function in functions.items()
            }
    print(json.dumps({"rates": found}))


def images_per_second(
    function: Callable[[], Any],
    num_images: int,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Returns the rate of passes over some images, the first left out."""
    function()
    start, passes = clock(), 0
    while passes < MIN_PASSES or clock() - start < MIN_SECONDS:
        function()
        passes += 1
    return passes * num_images / (clock() - start)


@dataclasses.dataclass(frozen=True)
class Loaded(Run):
    """A run whose model is in memory."""

    model: Any = None

    def load_model(self):
        """Returns the model."""
        return self.model


@contextlib.contextmanager
def zoo_tasks(case: Case, data) -> Iterator[Tasks]:
    """Yields the tasks of zoo, on a barely trained run."""
    import zoo
    from zoo.evaluation import evaluate

    with tempfile.TemporaryDirectory() as runs_dir:
        config = case.config(runs_dir).replace(
            epochs=None, steps=1, batch_size=32, summaries=("none",)
        )
        run = zoo.train(config, data, verbose=False)
        run = Loaded(run.path, run.name, model=run.load_model())
        parts = evaluate.SplitCache()
        parts.add(run, data)
        yield {
            "evaluate": lambda: evaluate.evaluate_validation(
                run, parts, runs_dir
            ),
            "predict": lambda: zoo.predict(run, data.val.images),
        }


@contextlib.contextmanager
def keras_tasks(case: Case, data) -> Iterator[Tasks]:
    """Yields `evaluate` and `predict` of a plain Keras model."""
    import keras

    from benchmarks.training import build

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
def torch_tasks(case: Case, data) -> Iterator[Tasks]:
    """Yields loops without gradients over a `DataLoader`."""
    import torch
    from torch import nn

    from benchmarks import pytorch

    _, loader = pytorch.loaders(data, BATCH)
    model = pytorch.build(case.model, data.input_shape, data.num_classes)
    loss_fn = nn.CrossEntropyLoss()

    def predict():
        model.eval()
        with torch.no_grad():
            return torch.cat([model(X).softmax(dim=1) for X, _ in loader])

    yield {
        "evaluate": lambda: pytorch.test(loader, model, loss_fn),
        "predict": predict,
    }


IMPLEMENTATIONS = {"zoo": zoo_tasks, "keras": keras_tasks, "torch": torch_tasks}
