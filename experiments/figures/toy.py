"""Figures of networks on 2-D points and curves: boundaries, folding, bumps.

The linear classifier behind a hidden layer weighs the evidence for one class
against that for the other. These two sums are the axes after the folding:
nothing else matters to the prediction, and the boundary is the straight line
on which they are equal, up to the bias. A bump with straight flanks is a sum
of four ReLUs, one for each of its corners; 4K units make K bumps.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from zoo import metrics
from zoo.data import toy_datasets
from zoo.evaluation.compare import COLORS, LINE_STYLES
from zoo.runs import Run
from zoo.summaries import toy_plots
from zoo.summaries.drawing import Axes
from zoo.summaries.inspector import ModelInspector
from zoo.summaries.toy_plots import GRID, FittedFunction
from zoo.training import losses
from zoo.training.checkpoints import Checkpoints
from zoo.training.model import backbone_of
from zoo.training.setup import TrainSetup, prepare

WIDTH, HEIGHT = 200, 150  # pixels of the background, drawn twice as large
SHAPES = "os"  # of the points of either class
SIDE = 260  # pixels of the background, drawn twice as large
NUM_LINES = 11  # of the grid, in each direction
PLACES = 201  # on each line
LINE = {"color": "0.35", "linewidth": 0.6, "zorder": 1}
MASK = 300  # points in each direction, where each unit is on or off
CURVE = "#D55E00"


@dataclasses.dataclass(frozen=True)
class LoadedRun:
    """A finished run with its data and network.

    Attributes:
        setup: Resolved config, with the data.
        inspector: Inspector of the network.
    """

    setup: TrainSetup
    inspector: ModelInspector

    @property
    def inputs(self) -> np.ndarray:
        """The training examples, `[N, ...]`."""
        return self.setup.dataset.train.images

    @property
    def labels(self) -> np.ndarray:
        """Their labels: int32 `[N]`, or float32."""
        return self.setup.dataset.train.labels

    @property
    def is_wrong(self) -> np.ndarray:
        """Which labels are wrong, bool `[N]`."""
        return self.labels != self.setup.source.train.labels


def load_run(run: Run) -> LoadedRun:
    """Rebuilds the network of a run with the weights of its last step.

    Those of `model.keras` are of the best epoch, which for a network that
    memorizes is before it did.

    Raises:
        UserError: The dataset is missing, or the checkpoint is corrupt.
    """
    setup = prepare(run.config.replace(run_name=None))
    Checkpoints(run.path / "checkpoints").restore_last(setup.model)
    body = backbone_of(setup.model)
    loss = losses.data_loss(setup.config)
    return LoadedRun(setup, ModelInspector(setup.model, body, loss))


def draw_boundaries(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws one panel per recipe, all with the same axes."""
    panels = figure.subplots(1, len(runs), sharex=True, sharey=True)
    for panel, (title, group) in zip(panels, runs.items(), strict=True):
        loaded = load_run(group[0])
        axes = Axes.around(loaded.inputs, WIDTH, HEIGHT)
        show_predictions(
            panel, axes, toy_plots.logits_on_grid(loaded.inspector, axes)
        )
        show_points(panel, loaded.inputs, loaded)
        panel.set_title(title)
        panel.set_xlabel(_scores(loaded))
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=3, markerscale=1.3
    )


def show_predictions(panel: Any, axes: Axes, maps: np.ndarray) -> None:
    """Colors the plane by the prediction, with a line where it changes.

    Args:
        maps: logits `[rows, columns, K]`, rows from top to bottom.
    """
    (left, bottom), (right, top) = axes.low, axes.high
    panel.imshow(
        toy_plots.draw_regions(maps, axes),
        extent=(left, right, bottom, top),
        interpolation="bilinear",
        aspect="auto",
    )
    panel.tick_params(length=0, labelbottom=False, labelleft=False)


def show_points(panel: Any, places: np.ndarray, loaded: LoadedRun) -> None:
    """Draws the training points, those with a wrong label ringed.

    Args:
        places: float `[N, 2]`, where each is.
        loaded: network trained on them.
    """
    for label, name in enumerate(loaded.setup.dataset.class_names):
        panel.scatter(
            *places[loaded.labels == label].T,
            s=26,
            marker=SHAPES[label],
            color=[np.array(toy_plots.class_color(label)) / 255],
            edgecolor="white",
            linewidth=0.6,
            label=f"labeled {name}",
            zorder=2,
        )
    if loaded.is_wrong.any():
        panel.scatter(
            *places[loaded.is_wrong].T,
            s=70,
            facecolor="none",
            edgecolor="black",
            linewidth=1.2,
            label="labeled wrongly",
            zorder=3,
        )


def _scores(loaded: LoadedRun) -> str:
    """Returns the accuracies in training and validation as text."""
    parts = []
    held_out = loaded.setup.dataset.val
    for name, inputs, labels in (
        ("training", loaded.inputs, loaded.labels),
        ("validation", held_out.images, held_out.labels),
    ):
        correct = metrics.count_correct(loaded.inspector.logits(inputs), labels)
        parts.append(f"{name} {100 * correct / len(labels):.0f}%")
    return ", ".join(parts)


def draw_margins(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws one panel per recipe: the boundary of an SVM, and its margin."""
    panels = figure.subplots(1, len(runs), sharex=True, sharey=True)
    for panel, (title, group) in zip(panels, runs.items(), strict=True):
        loaded = load_run(group[0])
        axes = Axes.around(loaded.inputs, WIDTH, HEIGHT)
        maps = toy_plots.logits_on_grid(loaded.inspector, axes)
        show_predictions(panel, axes, maps)
        x, y = np.moveaxis(axes.grid(GRID, GRID).reshape(GRID, GRID, 2), -1, 0)
        panel.contour(
            x, y, maps[..., 1] - maps[..., 0], levels=(-1, 1),
            colors="0.2", linestyles="--", linewidths=1,
        )  # fmt: skip
        show_points(panel, loaded.inputs, loaded)
        width, inside = margin(loaded)
        panel.set_title(f"{title}: {width:.2f} wide")
        panel.set_xlabel(
            f"{100 * inside:.0f}% inside it or wrong\n{_scores(loaded)}"
        )
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=2, markerscale=1.3
    )


def margin(loaded: LoadedRun) -> tuple[float, float]:
    """Returns the width of a linear classifier's margin, and what it misses.

    Returns:
        The distance of the lines on which the logits of the two classes differ
        by 1, in units of the inputs; and the fraction of training points that
        are between them or on the wrong side.
    """
    origin_and_axes = np.array([[0, 0], [1, 0], [0, 1]], np.float32)
    at_origin, *along = np.subtract(
        *loaded.inspector.logits(origin_and_axes).astype(np.float64).T
    )
    width = 2 / float(np.hypot(*(np.array(along) - at_origin)))
    first, second = loaded.inspector.logits(loaded.inputs).T
    ahead = np.where(loaded.labels == 1, second - first, first - second)
    return width, float((ahead < 1).mean())


def draw_folding(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws the plane and the folded plane."""
    (group,) = runs.values()
    loaded = load_run(group[0])
    before, after = figure.subplots(1, 2)
    axes = Axes.around(loaded.inputs, SIDE, SIDE)
    maps = toy_plots.logits_on_grid(loaded.inspector, axes)
    show_predictions(before, axes, maps)
    creases(before, loaded.inspector, axes)
    places = evidence(loaded.inspector, loaded.inputs)
    folded = Axes.around(places, SIDE, SIDE)
    show_predictions(
        after, folded, logits_of_evidence(loaded.inspector, folded)
    )
    lines = grid_lines(axes)
    for line in lines:
        before.plot(*line.T, **LINE)
        after.plot(*evidence(loaded.inspector, line).T, **LINE)
    for panel, points, shown in (
        (before, loaded.inputs, axes),
        (after, places, folded),
    ):
        show_points(panel, points, loaded)
        panel.set_xlim(shown.low[0], shown.high[0])
        panel.set_ylim(shown.low[1], shown.high[1])
    before.set_title("before: the folds")
    after.set_title("after ReLU: the boundary is a straight line")
    first, second = loaded.setup.dataset.class_names
    after.set_xlabel(f"evidence for \u201c{first}\u201d")
    after.set_ylabel(f"evidence for \u201c{second}\u201d")
    figure.legend(
        *before.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        markerscale=1.3,
    )


def evidence(inspector: ModelInspector, points: np.ndarray) -> np.ndarray:
    """Returns the evidence for the first and the second class, `[N, 2]`.

    Logits of the second less those of the first are the second number less
    the first, and the difference of the biases.

    Args:
        inspector: of a network with a linear classifier of two classes.
        points: inputs `[N, D]`.
    """
    kernel, _ = inspector.linear_classifier()
    weights = np.float64(kernel[:, 1]) - kernel[:, 0]
    features = inspector.features(points.astype(np.float32))
    return features @ np.stack(
        [np.maximum(-weights, 0), np.maximum(weights, 0)], 1
    )


def logits_of_evidence(inspector: ModelInspector, axes: Axes) -> np.ndarray:
    """Returns logits `[GRID, GRID, 2]` from the evidence."""
    _, bias = inspector.linear_classifier()
    logits = axes.grid(GRID, GRID) + bias
    return toy_plots.relative_logits(logits).reshape(GRID, GRID, 2)


def grid_lines(axes: Axes) -> list[np.ndarray]:
    """Returns lines `[PLACES, 2]` along both directions of a plane."""
    (left, bottom), (right, top) = axes.low, axes.high
    along = np.linspace(0, 1, PLACES)
    lines = []
    for share in np.linspace(0, 1, NUM_LINES):
        x, y = left + share * (right - left), bottom + share * (top - bottom)
        across = left + along * (right - left)
        upward = bottom + along * (top - bottom)
        lines.append(np.stack([across, np.full(PLACES, y)], 1))
        lines.append(np.stack([np.full(PLACES, x), upward], 1))
    return lines


def creases(panel: Any, inspector: ModelInspector, axes: Axes) -> None:
    """Draws where hidden units turn on: there the plane is folded."""
    grid = axes.grid(MASK, MASK)
    x, y = grid.reshape(MASK, MASK, 2).transpose(2, 0, 1)
    style = {"colors": "black", "linestyles": "dashed", "linewidths": 1.6}
    for outputs in inspector.activations(grid).values():
        for unit in outputs.T:
            is_on = (unit > 0).reshape(MASK, MASK)
            if is_on.any() and not is_on.all():
                panel.contour(x, y, is_on.astype(float), levels=[0.5], **style)
    panel.plot([], [], "k--", linewidth=1.6, label="fold")


def draw_bumps(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws the functions above, the terms of their sums below."""
    (group,) = runs.values()
    loaded = load_run(group[0])
    found = toy_plots.evaluate_function(loaded.inspector, loaded.inputs)
    built = by_hand(found.x)
    above, below = figure.subplots(2, 2, sharex=True, height_ratios=(3, 2))
    for whole, parts, fit in zip(above, below, (built, found), strict=True):
        show_bumps(whole, parts, fit, loaded, per_bump=fit is built)
    units = found.terms.shape[1]
    above[0].set_title(f"{built.terms.shape[1]} ReLUs, set by hand")
    above[1].set_title(f"{units} ReLUs, found by training")
    below[0].set_title("the terms of the sum, one color per bump")
    below[1].set_title("the terms of the sum")
    above[1].sharey(above[0])
    figure.legend(
        *above[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
    )


def by_hand(x: np.ndarray) -> FittedFunction:
    """Returns the three bumps of the data as four ReLUs each.

    Args:
        x: float32 `[N]`.
    """
    terms, kinks = [], []
    for rises, up, falls, down, height in toy_datasets.BUMPS:
        flanks = height / (up - rises), height / (down - falls)
        for corner, slope in (
            (rises, flanks[0]),
            (up, -flanks[0]),
            (falls, -flanks[1]),
            (down, flanks[1]),
        ):
            terms.append(slope * np.maximum(np.float64(x) - corner, 0))
            kinks.append(corner)
    terms = np.stack(terms, axis=1)
    return FittedFunction(x, terms.sum(axis=1), terms, 0.0, np.array(kinks))


def show_bumps(
    whole: Any,
    parts: Any,
    fit: FittedFunction,
    loaded: LoadedRun,
    per_bump: bool,
) -> None:
    """Draws one function over the examples, and the terms of its sum.

    Args:
        per_bump: Whether each four consecutive terms make a bump.
    """
    whole.scatter(
        loaded.inputs[:, 0], loaded.labels, s=7, color="0.78", label="examples"
    )
    whole.plot(fit.x, fit.y, color=CURVE, linewidth=2.4, label="sum of ReLUs")
    at = np.interp(fit.kinks, fit.x, fit.y)
    whole.plot(fit.kinks, at, "k.", markersize=9, label="kinks")
    for index, share in enumerate(fit.terms.T):
        group, member = divmod(index, 4) if per_bump else (index, index // 7)
        parts.plot(
            fit.x,
            share,
            color=COLORS[group % len(COLORS)],
            linestyle=LINE_STYLES[member % len(LINE_STYLES)],
            linewidth=1.8,
        )


ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus")


def draw_activations(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws activation functions, and their derivatives; needs no run."""
    x = np.linspace(-4, 4, 401, dtype=np.float32)
    panels = figure.subplots(1, 2)
    for index, name in enumerate(ACTIVATIONS):
        for panel, values in zip(
            panels, activation_values(name, x), strict=True
        ):
            panel.plot(
                x,
                values,
                color=COLORS[index],
                linestyle=LINE_STYLES[index % len(LINE_STYLES)],
                label=name,
            )
    for panel, title in zip(panels, ("activation", "derivative"), strict=True):
        panel.set_title(title)
        panel.set_xlabel("input")
        panel.grid(color="0.9")
    panels[0].set_ylim(-1.3, 4)
    panels[0].legend()


def activation_values(
    name: str, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns an activation at inputs `[N]`, and its derivative there."""
    import keras
    import tensorflow as tf

    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = keras.activations.get(name)(inputs)
    return outputs.numpy(), tape.gradient(outputs, inputs).numpy()
