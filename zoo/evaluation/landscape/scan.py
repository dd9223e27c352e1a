"""Scans of the loss along a path, a line and a plane in weight space."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from zoo import backend
from zoo.config import DEFAULTS
from zoo.data import Split
from zoo.errors import UserError
from zoo.evaluation.evaluate import check_loadable, check_same_data
from zoo.evaluation.landscape import WEIGHT_SETS, LandscapeConfig
from zoo.models.graph import batch_norms, inner_layers
from zoo.models.inference import images_at_once
from zoo.run_store import RunStore
from zoo.runs import Run, RunWriter
from zoo.training import losses
from zoo.training.checkpoints import Checkpoints
from zoo.training.model import backbone_of, inference_model
from zoo.training.setup import TrainSetup, prepare

BATCH_SIZE = 250
# Streams of random numbers, so that directions and examples are independent.
DIRECTION_STREAM, EXAMPLE_STREAM = 5, 6
# Second differences this far below zero, as a fraction of the largest value,
# are what rounding in float32 leaves of a straight line.
ROUNDING = 2e-6
BATCH_NORM_NOTES = {
    "none": "no batch norm",
    "kept": "batch norm: moving statistics kept; on the path, interpolated",
    "measured": "batch norm: statistics measured at each point",
}
# Options that must be equal for the weights of two runs to be comparable.
ARCHITECTURE_OPTIONS = (
    "model", "model_arg", "activation", "norm", "dataset", "image_size",
    "resize", "mean_subtraction", "scale",
)  # fmt: skip

Weights = list[np.ndarray]
Progress = Callable[[int, int], None]


@backend.fixed_settings()
def scan_landscape(
    run: Run,
    config: LandscapeConfig,
    runs_dir: str = DEFAULTS["runs_dir"],
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Scans the loss surface of a run; changes nothing in its folder.

    Args:
        run: A finished run.
        config: What to scan.
        runs_dir: Folder of runs, for a path that ends at another run.
        progress: Called with the number of points done and their total.

    Returns:
        What `landscape.json` holds. Losses are those that the run minimized,
        without regularization; NaN where they are not finite. `convex` is
        about loss and regularization loss together.

    Raises:
        UserError: the run is not finished, is in use, or cannot be rebuilt.
    """
    with RunWriter(run).lock():
        pass  # a run in use has no model yet, which is another error
    run.load_model()
    check_loadable(run)
    config_of_run = run.config.replace(run_name=None, precision="float32")
    setup = prepare(config_of_run, is_new=False)
    check_same_data(run, setup.source)
    if not setup.config.uses_gradients:
        raise UserError(
            f"{run.name} has no loss surface: {setup.config.model} stores "
            "the training images and has no weights."
        )
    weights = NamedWeights(run, setup, runs_dir)
    surface = _build_surface(weights, setup, config)
    scanner = _SurfaceScan(weights, surface, config, progress)
    parts = {part: getattr(scanner, part)() for part in config.parts}
    return {**_describe(run, setup, scanner, config), **parts}


def sample(part: Split, count: int, seed: int) -> Split:
    """Draws examples, in their own order; all of them if they are few."""
    generator = np.random.default_rng([seed, len(part), EXAMPLE_STREAM])
    return part.take(np.sort(generator.permutation(len(part))[:count]))


def _build_surface(
    weights: NamedWeights, setup: TrainSetup, config: LandscapeConfig
) -> LossSurface:
    data = setup.dataset
    samples = {
        name: sample(part, config.examples, config.seed)
        for name, part in (("train", data.train), ("val", data.val))
        if len(part)
    }
    return LossSurface(
        weights.model,
        backbone_of(weights.model),
        losses.data_loss(setup.config),
        samples,
        measure_batch_norm=config.batch_norm == "measured",
    )


def _describe(
    run: Run, setup: TrainSetup, scanner: _SurfaceScan, config: LandscapeConfig
) -> dict[str, Any]:
    """Returns what was scanned, and how."""
    norms = batch_norms(backbone_of(scanner.weights.model))
    batch_norm = config.batch_norm if norms else "none"
    return {
        "run": run.name,
        "model": setup.config.model,
        "dataset": setup.dataset.name,
        "unit": setup.source.unit_name,
        "loss": setup.config.loss,
        "examples": scanner.surface.sizes,
        "batch_norm": batch_norm,
        "batch_norm_note": BATCH_NORM_NOTES[batch_norm],
        "seed": config.seed,
    }


class _SurfaceScan:
    """Evaluates a loss surface point by point, and reports the progress."""

    def __init__(
        self,
        weights: NamedWeights,
        surface: LossSurface,
        config: LandscapeConfig,
        progress: Progress | None,
    ):
        self.weights = weights
        self.surface = surface
        self._config = config
        self._progress = progress or (lambda done, total: None)
        lines = {"path": 1, "line": 1, "plane": config.points}
        self._total = config.points * sum(lines[p] for p in config.parts)
        self._done = 0

    def path(self) -> dict[str, Any]:
        """Scans the straight path between two sets of weights."""
        config = self._config
        start, end = self.weights[config.start], self.weights[config.end]
        fractions = np.linspace(0, 1, config.points)
        scores = self._evaluate(
            (interpolate(start, end, fraction) for fraction in fractions),
            self.surface.sizes,
        )
        return {
            "start": config.start,
            "end": config.end,
            "fraction": fractions,
            **_as_arrays(scores),
        }

    def line(self) -> dict[str, Any]:
        """Scans along the first random direction, both ways."""
        center, steps = self.weights[self._config.center], self._steps()
        direction = random_direction(center, self._config.seed, 0)
        scores = self._evaluate(
            (add_directions(center, [step], [direction]) for step in steps),
            self.surface.sizes,
        )
        return {
            "center": self._config.center,
            "step": steps,
            **_as_arrays(scores),
        }

    def plane(self) -> dict[str, Any]:
        """Scans the first two directions; rows are steps of the second.

        On the training sample alone, since there are many points.
        """
        center, steps = self.weights[self._config.center], self._steps()
        seed = self._config.seed
        directions = [random_direction(center, seed, i) for i in (0, 1)]
        scores = self._evaluate(
            (
                add_directions(center, [x, y], directions)
                for y in steps
                for x in steps
            ),
            ("train",),
        )
        return {
            "center": self._config.center,
            "step": steps,
            **_as_arrays(scores, (len(steps), len(steps))),
        }

    def _steps(self) -> np.ndarray:
        half = self._config.points // 2
        # Not linspace over both sides: the center must be exactly 0.
        return np.arange(-half, half + 1) * (self._config.span / half)

    def _evaluate(self, points: Iterator[Weights], names) -> dict[str, list]:
        scores = {"regularization_loss": [], **{name: [] for name in names}}
        for weights in points:
            self.surface.move_to(weights)
            regularization = self.surface.regularization_loss()
            scores["regularization_loss"].append(regularization)
            for name in names:
                scores[name].append(self.surface.score(name))
            self._done += 1
            self._progress(self._done, self._total)
        return scores


def _as_arrays(
    scores: dict[str, list], shape: tuple[int, ...] = (-1,)
) -> dict[str, Any]:
    """Returns scores as arrays, and whether they are convex."""
    regularization = np.reshape(scores.pop("regularization_loss"), shape)
    curves = {
        name: {
            "loss": np.reshape([s.loss for s in points], shape),
            "accuracy": None
            if points[0].accuracy is None
            else np.reshape([s.accuracy for s in points], shape),
        }
        for name, points in scores.items()
    }
    convex = is_convex(curves["train"]["loss"] + regularization)
    return {"convex": convex, "regularization_loss": regularization, **curves}


def is_convex(values: np.ndarray) -> bool | None:
    """Whether values on an even grid are convex.

    Args:
        values: `[P]`, or `[P, Q]`, of which rows, columns and diagonals are
            checked.

    Returns:
        `None` if one of them is not finite.
    """
    if not np.isfinite(values).all():
        return None
    least = -ROUNDING * max(1.0, float(np.abs(values).max()))
    return all((d >= least).all() for d in second_differences(values))


def second_differences(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yields v[i-1] - 2 v[i] + v[i+1] along every line of the grid."""
    values = np.asarray(values, np.float64)
    for axis in range(values.ndim):
        yield np.diff(values, 2, axis=axis)
    if values.ndim == 2:
        for grid in (values, values[:, ::-1]):
            yield grid[:-2, :-2] - 2 * grid[1:-1, 1:-1] + grid[2:, 2:]


# Weights and directions.


class NamedWeights:
    """Finds weights by name: one of `WEIGHT_SETS`, or another run.

    Args:
        run: A finished run.
        setup: Rebuilt from the run's config and not trained: its weights are
            the initial ones.
        runs_dir: Folder of runs, for other runs.
    """

    def __init__(self, run: Run, setup: TrainSetup, runs_dir: str):
        self.run = run
        self._setup = setup
        self._runs_dir = runs_dir
        self.model = inference_model(
            setup.model, setup.config, setup.dataset, setup.statistics
        )
        self._initial = self._current()

    def __getitem__(self, name: str) -> Weights:
        """Returns weights by their name.

        Raises:
            UserError: there are no such weights and no such run, or they are
                those of another network.
        """
        if name == "initial":
            return self._initial
        if name == "final":
            return final_weights(self.run)
        if name in WEIGHT_SETS:
            return self._from_checkpoint(name)
        other = RunStore(self._runs_dir).find(name)
        _check_same_network(self.run, other)
        return final_weights(other)

    def _current(self) -> Weights:
        return backbone_of(self.model).get_weights()

    def _from_checkpoint(self, name: str) -> Weights:
        checkpoints = Checkpoints(self.run.path / "checkpoints")
        state = checkpoints.load_state()
        if state is None:
            raise UserError(
                f"{self.run.name} has no checkpoint; use initial and final."
            )
        if name == "last":
            checkpoints.restore_last(self._setup.model)
        elif state.best.epoch:
            checkpoints.restore_best(self._setup.model, state.best.epoch)
        else:
            raise UserError(
                f"{self.run.name} held out no validation examples, so it has "
                "no best epoch; use last."
            )
        return self._current()


def final_weights(run: Run) -> Weights:
    """Returns the weights of a run's saved model."""
    return backbone_of(run.load_model()).get_weights()


def _check_same_network(run: Run, other: Run) -> None:
    ours, theirs = run.resolved, other.resolved
    for name in ARCHITECTURE_OPTIONS:
        first, second = ours["config"].get(name), theirs["config"].get(name)
        if first != second:
            raise UserError(
                f"there is no path from {run.name} to {other.name}: --{name} "
                f"is {first} and {second}; choose runs of the same network."
            )
    if ours["statistics"] != theirs["statistics"]:
        raise UserError(
            f"there is no path from {run.name} to {other.name}: their "
            "preprocessing differs, because their training examples do."
        )


def filter_normalized(direction: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Scales each filter of a direction to the norm of that of the weights.

    As Li et al. 2018 do: d * |w| / |d| for each filter, |.| the Euclidean
    norm, so that a step of 1 means the same in every layer and does not
    depend on how the scale of one layer is undone by the next.

    Args:
        direction: Same shape as `weight`.
        weight: A kernel `[..., C]` with a filter for each of its C outputs,
            such as `[h, w, c, C]` of a convolution or `[D, C]` of a matrix;
            or `[C]` or `[]`: a bias, or a scale, shift or average of batch
            norm, which has no direction.

    Returns:
        Float64, zero where a filter of either is zero.
    """
    weight = np.asarray(weight, np.float64)
    if weight.ndim < 2:
        return np.zeros_like(weight)
    axes = tuple(range(weight.ndim - 1))
    norm = np.linalg.norm(direction.reshape(-1, weight.shape[-1]), axis=0)
    target = np.sqrt(np.square(weight).sum(axis=axes))
    return direction * (target / np.where(norm, norm, 1.0))


def random_direction(
    weights: Sequence[np.ndarray], seed: int, index: int
) -> list[np.ndarray]:
    """Draws a filter-normalized direction, one float64 array a weight.

    Args:
        weights: The center.
        seed: Seed of the directions.
        index: 0 for the first direction, 1 for the second.
    """
    generator = np.random.default_rng([seed, index, DIRECTION_STREAM])
    return [
        filter_normalized(generator.standard_normal(weight.shape), weight)
        for weight in weights
    ]


def add_directions(
    weights: Sequence[np.ndarray],
    steps: Sequence[float],
    directions: Sequence[Sequence[np.ndarray]],
) -> Weights:
    """Returns weights + step * direction + ..., float32 as weights are."""
    moved = [np.float64(weight) for weight in weights]
    for step, direction in zip(steps, directions, strict=True):
        moved = [
            weight + step * part
            for weight, part in zip(moved, direction, strict=True)
        ]
    with np.errstate(over="ignore"):  # far from the center is infinity
        return [np.float32(weight) for weight in moved]


def interpolate(
    start: Sequence[np.ndarray], end: Sequence[np.ndarray], fraction: float
) -> Weights:
    """Returns interpolated weights, at 0 and 1 exactly those of the ends."""
    return [
        np.float32((1 - fraction) * np.float64(a) + fraction * np.float64(b))
        for a, b in zip(start, end, strict=True)
    ]


# The loss at given weights.


@dataclasses.dataclass(frozen=True)
class SampleScore:
    """Scores of a sample at some weights.

    Attributes:
        loss: Mean loss; NaN where it is not finite.
        accuracy: Accuracy, 0..1; `None` without classes, NaN where the loss
            is not finite.
    """

    loss: float
    accuracy: float | None


class LossSurface:
    """The loss of a network as a function of its weights.

    Dropout is off. With `measure_batch_norm` each batch norm uses the mean
    and variance of the training sample at the current weights, pooled over
    batches of at most `BATCH_SIZE` that are normalized by their own as in
    training; otherwise it uses the moving statistics among the weights.

    Args:
        model: From raw inputs to outputs `[B, K]`. It is changed: nobody else
            may use it afterwards.
        body: The layer of it that has all its weights.
        loss: From labels `[B]` and outputs `[B, K]` to a loss an example.
        samples: Examples by name, `train` among them.
        measure_batch_norm: Whether to measure the statistics of batch norm.
    """

    def __init__(
        self,
        model: keras.Model,
        body: keras.Model,
        loss: Callable,
        samples: dict[str, Split],
        measure_batch_norm: bool,
    ):
        self._model = model
        self._body = body
        self._loss = loss
        self._labels = {name: part.labels for name, part in samples.items()}
        self._batches = {name: _batches(p) for name, p in samples.items()}
        self._norms = batch_norms(body)
        self._in_training = None
        if measure_batch_norm and self._norms:
            self._in_training = _InTrainingMode(model)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of examples of each sample."""
        return {name: len(labels) for name, labels in self._labels.items()}

    def move_to(self, weights: Sequence[np.ndarray]) -> None:
        """Sets the weights of the network, in the order of the body's."""
        self._body.set_weights(list(weights))
        if self._in_training:
            self._measure_batch_norm()

    def score(self, name: str) -> SampleScore:
        """Returns loss and accuracy of a sample at the current weights."""
        batches = map(self._model.predict_on_batch, self._batches[name])
        outputs = np.concatenate([np.asarray(batch) for batch in batches])
        labels = self._labels[name]
        values = keras.ops.convert_to_numpy(self._loss(labels, outputs))
        with np.errstate(invalid="ignore", over="ignore"):
            loss = float(np.mean(values, dtype=np.float64))
        is_regression = labels.dtype.kind == "f"
        if not math.isfinite(loss):
            return SampleScore(math.nan, None if is_regression else math.nan)
        if is_regression:
            return SampleScore(loss, None)
        accuracy = float(np.mean(outputs.argmax(axis=1) == labels))
        return SampleScore(loss, accuracy)

    def regularization_loss(self) -> float:
        """Returns the regularization loss at the current weights."""
        total = sum((float(value) for value in self._model.losses), 0.0)
        return total if math.isfinite(total) else math.nan

    def _measure_batch_norm(self) -> None:
        """Sets the statistics of each batch norm to the training sample's."""
        sizes, means, variances = [], [], []
        for batch in self._batches["train"]:
            self._in_training.predict_on_batch(batch)
            sizes.append(len(batch))
            means.append([_numpy(n.moving_mean) for n in self._norms])
            variances.append([_numpy(n.moving_variance) for n in self._norms])
        for index, norm in enumerate(self._norms):
            mean, variance = pooled_moments(
                sizes, [m[index] for m in means], [v[index] for v in variances]
            )
            norm.moving_mean.assign(mean)
            norm.moving_variance.assign(variance)


def pooled_moments(
    sizes: Sequence[int],
    means: Sequence[np.ndarray],
    variances: Sequence[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and variance `[C]` of several batches as of one."""
    fractions = np.array(sizes)[:, None] / sum(sizes)
    with np.errstate(invalid="ignore", over="ignore"):
        means, variances = np.float64(means), np.float64(variances)
        mean = (fractions * means).sum(axis=0)
        squares = variances + np.square(means - mean)
        variance = (fractions * squares).sum(axis=0)
    return mean, variance


class _InTrainingMode(keras.Model):
    """Runs a model in training mode, but without dropout.

    After a batch the moving statistics are those of that batch alone.
    """

    def __init__(self, model: keras.Model):
        super().__init__(name="in_training")
        for layer in inner_layers(model):
            if isinstance(layer, layers.BatchNormalization):
                layer.momentum = 0.0
            elif isinstance(layer, layers.Dropout):
                layer.rate = 0.0
        self._inner = model

    def call(self, inputs):
        # It has no argument `training`, which `predict` would set to False
        # and a functional model would pass on.
        return self._inner(inputs, training=True)


def _batches(part: Split) -> list[np.ndarray]:
    inputs = part.images.astype(np.float32)
    size = images_at_once(inputs.shape[1:], BATCH_SIZE)
    return np.array_split(inputs, math.ceil(len(inputs) / size))


def _numpy(variable) -> np.ndarray:
    # A copy: the next batch overwrites the variable.
    return np.array(keras.ops.convert_to_numpy(variable))
