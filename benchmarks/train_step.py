"""The training step alone: its utilization of the CPU, ablations, and batches.

Utilization compares a step with matrix products of TensorFlow, in the same
process by turns. An ablation does one thing as a plain script would do it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest import mock

from benchmarks.config import (
    BenchmarkConfig,
    Case,
    Report,
    Row,
    load_images,
    one_per_model,
    zoo_implementations,
)
from benchmarks.results import columns, span
from benchmarks.subprocesses import task

UTILIZATION = "benchmarks.train_step:run_utilization"
SIZES = (512, 1024, 2048)  # of square matrices

Turn = dict[str, float]  # FLOP a second, of `product` and `step`


def measure_utilization(config: BenchmarkConfig) -> list[Row]:
    """Measures every model; a row per precision."""
    rows = []
    for case in one_per_model(config.cases):
        config.say(f"the step of {case.name}")
        names = [
            side.name
            for side in zoo_implementations(case, config.have_bfloat16)
        ]
        found = config.run(
            UTILIZATION,
            formats=names,
            turns=config.repeats,
            **config.task(case),
        )
        rows += [
            {
                "key": f"{case.name} {name}",
                "flop": found["flop"],
                **compare_utilization(found["turns"][name]),
            }
            for name in names
        ]
    return rows


def compare_utilization(turns: list[Turn]) -> dict[str, Any]:
    """Returns the median utilization, and both rates."""
    shares = [turn["step"] / turn["product"] for turn in turns]
    return {
        "step": statistics.median(turn["step"] for turn in turns),
        "product": statistics.median(turn["product"] for turn in turns),
        "share": statistics.median(shares),
        "shares": shares,
    }


def run_utilization() -> None:
    """Prints FLOP per second of products and steps, turn by turn."""
    given = task()
    case = Case(**given["case"])
    data = load_images(given["images"], case)
    found, operations = {}, 0
    for name in given["formats"]:
        product, step = Product(name), Step(case, data, name)
        operations = step.flop
        found[name] = [
            {
                "product": product.flop_per_second(),
                "step": step.flop * step.per_second(),
            }
            for _ in range(given["turns"])
        ]
    print(json.dumps({"flop": operations, "turns": found}))


class Product:
    """The product of two square matrices of the fastest size.

    Args:
        precision: Precision of the matrices and the result.
    """

    def __init__(self, precision: str):
        rates = {size: self._rate(size, precision) for size in SIZES}
        size = max(rates, key=rates.get)
        self._call, self._flop = _product(size, precision)
        self._call()

    def _rate(self, size: int, precision: str) -> float:
        call, operations = _product(size, precision)
        call()
        return operations * calls_per_second(call)

    def flop_per_second(self) -> float:
        """Returns floating-point operations a second."""
        return self._flop * calls_per_second(self._call)


def _product(size: int, precision: str):
    """Returns a product of `[size, size]`, and its operations."""
    import tensorflow as tf

    matrix = tf.random.stateless_normal((size, size), seed=(0, size))
    matrix = tf.cast(matrix, precision)
    multiply = tf.function(tf.linalg.matmul)
    operations = FLOP_PER_MULTIPLY_ADD * size**3
    return (lambda: multiply(matrix, matrix).numpy()[0, 0]), operations


def utilization_table(rows: list[Row]) -> str:
    """Returns the table of rates and utilization."""
    cells = [["step", "GFLOP", "GFLOP/s", "products", "utilization", "range"]]
    for row in rows:
        cells.append(
            [
                row["key"],
                f"{row['flop'] / 1e9:,.3g}",
                f"{row['step'] / 1e9:,.0f}",
                f"{row['product'] / 1e9:,.0f}",
                f"{100 * row['share']:.0f}%",
                span([100 * share for share in row["shares"]], ".0f") + "%",
            ]
        )
    title = (
        "a training step beside products of large matrices, by turns in one "
        "process; operations of\nconvolutions and dense layers alone, three "
        "times those of the forward pass"
    )
    return f"{title}\n{columns(cells)}"


ABLATIONS_FUNCTION = "benchmarks.train_step:run_ablations"
SMALL = ("lr", "mlp", "lenet5", "cnn_cpcpff")
DEEP = ("resnet20", "wrn16_4")
SHUFFLE_BUFFER = 10_000  # examples, as in the guide to tf.data


@dataclasses.dataclass(frozen=True)
class Ablation:
    """One property of the training step, and its alternative.

    Attributes:
        about: What zoo does.
        chosen, other: Options of the step that differ, by name.
        models: Models that show the effect.
        needs_bfloat16: Whether it needs bfloat16 instructions.
    """

    about: str
    chosen: dict[str, Any] = dataclasses.field(default_factory=dict)
    other: dict[str, Any] = dataclasses.field(default_factory=dict)
    models: tuple[str, ...] = SMALL
    needs_bfloat16: bool = False


ABLATIONS = {
    "execution": Ablation(
        "several training steps per execution",
        other={"steps_per_execution": 1},
    ),
    "gather": Ablation(
        "batches gathered by index", other={"batches": "shuffled"}
    ),
    "adam": Ablation("Adam in one pass", other={"adam": "keras"}),
    "bfloat16": Ablation(
        "arithmetic in bfloat16",
        chosen={"precision": "bfloat16"},
        models=SMALL + DEEP,
        needs_bfloat16=True,
    ),
    "norm": Ablation(
        "batch norm in one pass", other={"norm": "keras"}, models=DEEP
    ),
    "xla": Ablation("XLA, which is left off", chosen={"jit": "on"}),
}


def measure_ablations(config: BenchmarkConfig) -> list[Row]:
    """Measures every ablation; a row per model and ablation."""
    rows = []
    for case in one_per_model(config.cases):
        names = [
            name
            for name, ablation in ABLATIONS.items()
            if case.model in ablation.models
            and (config.have_bfloat16 or not ablation.needs_bfloat16)
        ]
        if not names:
            continue
        config.say(f"ablations of the step of {case.name}")
        found = config.run(
            ABLATIONS_FUNCTION,
            ablations=names,
            turns=config.repeats,
            **config.task(case),
        )
        rows += [
            {
                "key": f"{case.name} {name}",
                "about": ABLATIONS[name].about,
                **compare_ablation(found["turns"][name]),
            }
            for name in names
        ]
    return rows


def compare_ablation(turns: list[dict[str, float]]) -> dict[str, Any]:
    """Returns median images per second both ways, and paired ratios."""
    ratios = [turn["chosen"] / turn["other"] for turn in turns]
    return {
        "chosen": statistics.median(turn["chosen"] for turn in turns),
        "other": statistics.median(turn["other"] for turn in turns),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
    }


def run_ablations() -> None:
    """Prints images per second of both ways, turn by turn."""
    given = task()
    case = Case(**given["case"])
    data = load_images(given["images"], case)
    usual = build_step(case, data)
    found = {}
    for name in given["ablations"]:
        ablation = ABLATIONS[name]
        chosen, other = (
            build_step(case, data, **options) if options else usual
            for options in (ablation.chosen, ablation.other)
        )
        ways = {"chosen": chosen, "other": other}
        found[name] = [
            {way: step_rate(ways[way]) for way in order}
            for order in orders(ways, given["turns"])
        ]
    print(json.dumps({"turns": found}))


def orders(ways: Iterable[str], turns: int) -> Iterator[list[str]]:
    """Yields A B, B A, A B, ...: the first of a turn is slower."""
    for turn in range(turns):
        yield list(ways) if turn % 2 == 0 else list(ways)[::-1]


def step_rate(step: Step) -> float:
    """Returns images per second."""
    return step.batch_size * step.per_second()


def build_step(
    case: Case,
    data,
    batches: str = "gathered",
    adam: str = "zoo",
    norm: str = "zoo",
    **options,
) -> Step:
    """Builds a step of a case.

    Args:
        case: The case.
        data: its images.
        batches: `gathered` as in zoo, or `shuffled` by tf.data.
        adam: Adam of `zoo` or of `keras`.
        norm: Batch norm of `zoo` or of `keras`.
        **options: of `TrainConfig`.
    """
    from zoo.training import fused

    with contextlib.ExitStack() as stack:
        undone = mock.patch.object
        if adam == "keras":
            no_kernel = undone(fused, "_has_kernel", lambda: False)
            stack.enter_context(no_kernel)
        if norm == "keras":
            no_kernel = undone(fused, "fuse", lambda model: model)
            stack.enter_context(no_kernel)
        return Step(case, data, batches=BATCHES[batches](case, data), **options)


def _gathered(case: Case, data) -> Iterator:
    from zoo.data.pipeline import TrainingBatches

    return iter(
        TrainingBatches(data.train, case.batch_size, seed=0).epoch(0).repeat()
    )


def _shuffled(case: Case, data) -> Iterator:
    """Returns batches of arrays as in the guide to tf.data."""
    import tensorflow as tf

    pairs = data.train.images.astype("float32"), data.train.labels
    examples = tf.data.Dataset.from_tensor_slices(pairs).shuffle(SHUFFLE_BUFFER)
    batches = examples.batch(case.batch_size).prefetch(tf.data.AUTOTUNE)
    return iter(batches.repeat())


BATCHES: dict[str, Callable] = {"gathered": _gathered, "shuffled": _shuffled}


def ablations_table(rows: list[Row]) -> str:
    """Returns the table of rates and ratios."""
    cells = [["ablation", "with", "without", "ratio", "range", "of"]]
    for row in rows:
        cells.append(
            [
                row["key"],
                f"{row['chosen']:,.0f}",
                f"{row['other']:,.0f}",
                f"{row['ratio']:.2f}",
                span(row["ratios"]),
                row["about"],
            ]
        )
    title = (
        "images per second of the training step with a property and without, "
        "all else equal, by turns\nin one process"
    )
    return f"{title}\n{columns(cells)}"


BATCHES_FUNCTION = "benchmarks.train_step:run_batches"
AUGMENTATIONS = {"cifar10": "crop_flip"}  # digits are not flipped


def measure_batches(config: BenchmarkConfig) -> list[Row]:
    """Measures the batches of every model; a row per model."""
    rows = []
    for case in one_per_model(config.cases):
        config.say(f"the batches of {case.name}")
        found = config.run(
            BATCHES_FUNCTION, turns=config.repeats, **config.task(case)
        )
        rows.append(
            {
                "key": case.name,
                "images": case.dataset,
                "augment": augmentation(case),
                **compare_batches(found),
            }
        )
    return rows


def compare_batches(found: Report) -> dict[str, Any]:
    """Returns medians of images per second, and ratios to the step."""
    plain, moved, step = (
        [turn[name] for turn in found["turns"]]
        for name in ("plain", "moved", "step")
    )
    return {
        "plain": statistics.median(plain),
        "moved": statistics.median(moved),
        "step": statistics.median(step),
        "plain_ratio": _median_ratio(plain, step),
        "moved_ratio": _median_ratio(moved, step),
    }


def _median_ratio(first: Iterable[float], second: Iterable[float]) -> float:
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def augmentation(case: Case) -> str:
    """Returns the augmentation of recipes for a case."""
    return AUGMENTATIONS.get(case.dataset, "crop")


def run_batches() -> None:
    """Prints images per second of batches and step, turn by turn."""
    given = task()
    from zoo.data.pipeline import TrainingBatches

    case = Case(**given["case"])
    # All images, so that the fixed cost of an epoch weighs as in training.
    case = dataclasses.replace(case, train_examples=None)
    data = load_images(given["images"], case)
    plain, moved = (
        Epochs(
            TrainingBatches(
                data.train, case.batch_size, seed=0, augment=augment
            )
        )
        for augment in ("none", augmentation(case))
    )
    step = Step(case, data)
    turns = [
        {
            "plain": len(data.train) * calls_per_second(plain),
            "moved": len(data.train) * calls_per_second(moved),
            "step": step.batch_size * step.per_second(),
        }
        for _ in range(given["turns"])
    ]
    print(json.dumps({"turns": turns}))


class Epochs:
    """Reads the batches of one epoch after another; the first is done."""

    def __init__(self, batches):
        import tensorflow as tf

        self._batches = batches
        self._epoch = 0
        # Read as `fit` reads them, without Python in between.
        self._read = tf.function(lambda epoch: epoch.reduce(0, _count))
        self()

    def __call__(self) -> None:
        self._read(self._batches.epoch(self._epoch))
        self._epoch += 1


def _count(number, _):
    return number + 1


def batches_table(rows: list[Row]) -> str:
    """Returns the table of rates and ratios."""
    head = ["batches", "images", "plain", "augmented", ""]
    cells = [[*head, "step", "ratio", "augmented"]]
    for row in rows:
        cells.append(
            [
                row["key"],
                row["images"],
                f"{row['plain']:,.0f}",
                f"{row['moved']:,.0f}",
                row["augment"],
                f"{row['step']:,.0f}",
                f"{row['plain_ratio']:.1f}",
                f"{row['moved_ratio']:.1f}",
            ]
        )
    title = (
        "images per second of batches alone, next to those of the step without "
        "waiting for batches"
    )
    return f"{title}\n{columns(cells)}"


FLOP_PER_MULTIPLY_ADD = 2
# Forward, gradients of activations, gradients of weights.
NUM_PASSES = 3
MIN_SECONDS = 0.3  # of a measurement


def flop(multiply_adds: int, batch_size: int) -> int:
    """Returns the floating-point operations of one step.

    Convolutions and dense layers alone, as papers count them.

    Args:
        multiply_adds: Multiply-adds of the forward pass of one image.
    """
    return NUM_PASSES * FLOP_PER_MULTIPLY_ADD * multiply_adds * batch_size


def calls_per_second(
    call: Callable[[], Any],
    clock: Callable[[], float] = time.perf_counter,
    seconds: float = MIN_SECONDS,
) -> float:
    """Returns how often a function runs per second."""
    start, calls = clock(), 0
    while not calls or clock() - start < seconds:
        call()
        calls += 1
    return calls / (clock() - start)


class Step:
    """The compiled training step of a case.

    Args:
        case: The case.
        data: Its images.
        precision: Precision of the arithmetic.
        batches: Infinite batches; else the same batch is repeated.
        **options: Options of `TrainConfig` besides those of the case.
    """

    def __init__(
        self,
        case: Case,
        data,
        precision: str = "float32",
        batches: Iterator | None = None,
        **options: Any,
    ):
        from zoo.training.setup import prepare

        self._precision = precision
        config = case.config("runs", precision).replace(**options)
        job = prepare(config, data)
        self.flop = flop(job.multiply_adds, case.batch_size)
        self.batch_size = case.batch_size
        self._steps = job.steps_per_execution
        self._model = job.model
        job.model.make_train_function()
        self._batches = batches or _same_batch(data, case.batch_size)
        self.per_second()  # traces, compiles and warms up

    def per_second(self) -> float:
        """Returns steps per second."""
        from zoo import backend

        def call():
            self._model.train_function(self._batches)

        # The rewrite by oneDNN is decided when a step is called.
        with backend.onednn_bfloat16(self._precision):
            return self._steps * calls_per_second(call)


def _same_batch(data, batch_size: int) -> Iterator:
    """Returns the first training examples, repeated."""
    import tensorflow as tf

    batch = (
        tf.constant(data.train.images[:batch_size], tf.float32),
        tf.constant(data.train.labels[:batch_size], tf.int32),
    )
    return iter(tf.data.Dataset.from_tensors(batch).repeat())
