"""Training with zoo, plain Keras and PyTorch by turns, on the same images.

The peers are what their documentation shows: a Keras script that passes arrays
to `fit`, and in `pytorch.py` the loop of the PyTorch quickstart. The network is
zoo's own, so that all do the same arithmetic.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Sequence
from typing import Any

from benchmarks.config import (
    CROP_PADDING,
    BenchmarkConfig,
    Case,
    Implementation,
    Report,
    Row,
    load_images,
    zoo_implementations,
)
from benchmarks.results import at_least, columns, span
from benchmarks.subprocesses import Stopwatch, task

Round = dict[str, Report]  # by name of the implementation


def measure(config: BenchmarkConfig) -> list[Row]:
    """Trains every case with all implementations; a row per case."""
    return [_measure_case(case, config) for case in config.cases]


def _measure_case(case: Case, config: BenchmarkConfig) -> Row:
    ours = zoo_implementations(case, config.have_bfloat16)
    config.say(f"training of {case.name} on {case.images}")
    rounds = run_rounds(
        [*ours, *config.peers], case.rounds, config, **config.task(case)
    )
    return {
        "key": case.name,
        "images": case.images,
        "stand_in": config.images.substitute(case.dataset),
        **compare(rounds, case, ours, config.peers),
    }


def run_rounds(
    sides: Sequence[Implementation],
    most: int,
    config: BenchmarkConfig,
    **task: Any,
) -> list[Round]:
    """Runs all implementations by turns, every second round in reverse.

    Args:
        most: Maximum number of rounds.
        task: Arguments of all of them.
    """
    return [
        {
            side.name: config.run(side.trains, **task, **side.task)
            for side in (sides if number % 2 == 0 else sides[::-1])
        }
        for number in range(config.rounds(most))
    ]


def compare(
    rounds: list[Round],
    case: Case,
    ours: Sequence[Implementation],
    peers: Sequence[Implementation],
) -> dict[str, Any]:
    """Returns medians of each implementation, and of the ratios per round."""
    whole = case.is_full_dataset
    sides = {
        side.name: summarize([found[side.name] for found in rounds], whole)
        for side in (*ours, *peers)
    }
    ratios = [
        {
            "ours": mine.name,
            "peer": peer.name,
            "expected": case.expected(mine.name, peer.name),
            **ratio(
                [(found[mine.name], found[peer.name]) for found in rounds],
                whole,
            ),
        }
        for mine in ours
        for peer in peers
    ]
    return {"whole": whole, "sides": sides, "ratios": ratios}


def ratio(pairs: list[tuple[Report, Report]], whole: bool) -> dict[str, Any]:
    """Returns the median of the paired ratios, and all of them."""
    found = [rate(ours, whole) / rate(theirs, whole) for ours, theirs in pairs]
    cpu = [cpu_seconds(theirs) / cpu_seconds(ours) for ours, theirs in pairs]
    return {
        "ratio": statistics.median(found),
        "ratios": found,
        "cpu_ratio": statistics.median(cpu) if whole else None,
    }


def summarize(reports: Sequence[Report], whole: bool) -> dict[str, float]:
    """Returns the medians of one implementation."""
    rates = [rate(report, whole) for report in reports]
    return {
        "examples_per_second": statistics.median(rates),
        "cpu_seconds_an_epoch": statistics.median(map(cpu_seconds, reports)),
        "first_step_seconds": statistics.median(map(to_first_step, reports)),
        "val_accuracy": statistics.median(
            r["val_accuracies"][-1] for r in reports
        ),
        "val_examples": reports[0]["val_examples"],
        "peak_bytes": statistics.median(r["peak_bytes"] for r in reports),
    }


def rate(report: Report, whole: bool = True) -> float:
    """Returns training images per second over all epochs but the first.

    Args:
        whole: count whole epochs, with validation, summaries and checkpoints;
            else their steps alone.
    """
    ends = report["epoch_ends"]
    seconds = ends[-1] - ends[0]
    if not whole:
        seconds = sum(report["update_seconds"][1:])
    return report["examples"] * (len(ends) - 1) / seconds


def cpu_seconds(report: Report) -> float:
    """Returns CPU seconds of an epoch, summed over cores, without the first.

    Other work on the machine changes it little.
    """
    ends = report["cpu_at_ends"]
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def to_first_step(report: Report) -> float:
    """Returns seconds from images in memory to the end of the first step.

    Building, tracing and compiling, and all steps of one execution.
    """
    moments = report["moments"]
    return moments["first_step"] - moments["loaded"]


def table(rows: list[Row]) -> str:
    """Returns speeds, and below them first steps and accuracies."""
    return f"{_speeds(rows)}\n\n{_results(rows)}"


def _speeds(rows: list[Row]) -> str:
    head = ["case", "images", "zoo", "", "peer", "", "ratio", "range"]
    cells = [[*head, "rounds", "expected", "cpu"]]
    for row in rows:
        for found in row["ratios"]:
            ours, peer = found["ours"], found["peer"]
            cpu = found["cpu_ratio"]
            cells.append(
                [
                    row["key"],
                    row["images"],
                    _rate(row, ours),
                    ours,
                    _rate(row, peer),
                    peer,
                    f"{found['ratio']:.2f}",
                    span(found["ratios"]),
                    str(len(found["ratios"])),
                    at_least(found["expected"]),
                    f"{cpu:.2f}" if cpu else "",
                ]
            )
    title = (
        "training images per second, the first epoch left out: over whole "
        "epochs with validation,\nsummaries and checkpoints, or, on a part of "
        "a dataset, over steps alone; cpu: ratio by\nprocessor time"
    )
    return f"{title}\n{columns(cells)}"


def _rate(row: Row, side: str) -> str:
    return f"{row['sides'][side]['examples_per_second']:,.0f}"


def _results(rows: list[Row]) -> str:
    head = ["case", "", "first step", "", "peer's", "val", "peer's"]
    cells = [[*head, "95% of the difference", ""]]
    for row in rows:
        for found in row["ratios"]:
            ours = row["sides"][found["ours"]]
            peer = row["sides"][found["peer"]]
            low, high = accuracy_gap(ours, peer)
            cells.append(
                [
                    row["key"],
                    found["ours"],
                    f"{ours['first_step_seconds']:.2f} s",
                    found["peer"],
                    f"{peer['first_step_seconds']:.2f} s",
                    f"{ours['val_accuracy']:.4f}",
                    f"{peer['val_accuracy']:.4f}",
                    f"{100 * low:+.1f} to {100 * high:+.1f}%",
                    "" if low <= 0 <= high else "not the same",
                ]
            )
    title = (
        "from images in memory to the first step, and validation accuracy at "
        "the end; the interval\nis that of our accuracy minus the peer's"
    )
    return f"{title}\n{columns(cells)}"


def accuracy_gap(ours: dict, theirs: dict) -> tuple[float, float]:
    """Returns the 95% interval of our accuracy minus the peer's, -1..1."""
    from zoo import metrics

    mine, others = (
        metrics.binomial_ci(
            round(side["val_accuracy"] * side["val_examples"]),
            side["val_examples"],
        )
        for side in (ours, theirs)
    )
    found = metrics.difference_ci(mine, others)
    return found.low, found.high


def train_with_zoo() -> None:
    """Trains once with `zoo.train`, with default summaries; prints a report."""
    given = task()
    watch = Stopwatch(given["started"])
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    watch.note("imported")
    case = Case(**given["case"])
    data = load_images(given["images"], case)
    watch.note("loaded")
    from zoo.training.console import TrainingConsole
    from zoo.training.train import train

    class TimedConsole(TrainingConsole):
        """Records steps and epochs when they are printed."""

        def progress(self, now, state, plan, clock):
            watch.note("first_step")
            super().progress(now, state, plan, clock)

        def epoch(self, row, state, plan):
            watch.update_seconds.append(row["seconds"])
            watch.epoch(row["val_accuracy"])
            super().epoch(row, state, plan)

    with (
        tempfile.TemporaryDirectory() as runs_dir,
        open(os.devnull, "w", encoding="utf-8") as no,
    ):
        config = case.config(runs_dir, given["precision"])
        train(config, data, console=TimedConsole(no))
    print(watch.report(examples=len(data.train), val_examples=len(data.val)))


def train_with_keras() -> None:
    """Trains once with a plain Keras script; prints a report."""
    given = task()
    watch = Stopwatch(given["started"])
    import keras
    import tensorflow  # noqa: F401

    watch.note("imported")
    case = Case(**given["case"])
    data = load_images(given["images"], case)
    watch.note("loaded")
    x_train = data.train.images.astype("float32")
    x_val = data.val.images.astype("float32")
    y_train, y_val = data.train.labels, data.val.labels

    class Timer(keras.callbacks.Callback):
        """Records steps and epochs without delaying `fit`."""

        async_safe = True

        def on_epoch_begin(self, epoch, logs=None):
            watch.begin_epoch()

        def on_train_batch_end(self, batch, logs=None):
            watch.note("first_step")

        def on_test_begin(self, logs=None):
            watch.end_updates()

        def on_epoch_end(self, epoch, logs=None):
            watch.epoch(logs["val_accuracy"])

    model, config = build(case, data)
    rate = keras.optimizers.schedules.CosineDecay(
        config.learning_rate, config.total_steps
    )
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    common = {
        "epochs": config.epochs,
        "callbacks": [Timer()],
        "verbose": 2,  # what `fit` recommends where nobody watches
    }
    if case.augment == "none":
        model.fit(
            x_train,
            y_train,
            batch_size=config.batch_size,
            validation_data=(x_val, y_val),
            **common,
        )
    else:
        model.fit(
            augmented_batches(x_train, y_train, config.batch_size),
            validation_data=batches(x_val, y_val, config.batch_size),
            **common,
        )
    print(watch.report(examples=len(x_train), val_examples=len(x_val)))


def batches(images, labels, batch_size: int):
    """Returns a `tf.data.Dataset` of batches, in order."""
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((images, labels))
    return dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def augmented_batches(images, labels, batch_size: int):
    """Returns a `tf.data.Dataset` of shuffled, cropped and flipped images."""
    import tensorflow as tf

    sides = [[CROP_PADDING, CROP_PADDING]] * 2

    def crop_and_flip(image, label):
        padded = tf.pad(image, [*sides, [0, 0]], mode="REFLECT")
        cropped = tf.image.random_crop(padded, image.shape)
        return tf.image.random_flip_left_right(cropped), label

    return (
        tf.data.Dataset.from_tensor_slices((images, labels))
        .shuffle(len(images))
        .map(crop_and_flip, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size)
        .prefetch(tf.data.AUTOTUNE)
    )


def build(case: Case, data):
    """Returns the network that zoo would train, uncompiled, and its config."""
    import keras

    from zoo.data import preprocess
    from zoo.resolve import resolve
    from zoo.training.model import adapt, build_model

    config = resolve(case.config(runs_dir="runs"), data)
    keras.utils.set_random_seed(config.seed)
    statistics = preprocess.fit_statistics(
        data.train.images, config.mean_subtraction, config.scale
    )
    model = build_model(config, data, statistics)
    adapt(model, config, data, statistics)
    return model, config
