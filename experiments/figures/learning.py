"""Figures of training: suites, loss by images, logits, templates, surfaces."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.figures.toy import load_run
from zoo import api, metrics
from zoo.console import format_duration
from zoo.evaluation.compare import COLORS, LINE_STYLES
from zoo.evaluation.landscape.scan import (
    LossSurface,
    NamedWeights,
    Weights,
    add_directions,
    is_convex,
    sample,
)
from zoo.evaluation.statistics import SeedStats, seed_stats
from zoo.lectures.answers import first_fitted_epoch
from zoo.runs import Run
from zoo.summaries import drawing
from zoo.summaries.images import first_dense
from zoo.training import losses
from zoo.training.model import backbone_of
from zoo.training.setup import prepare

MAX_MARKED = 20  # points; more are not marked one by one
LOGITS_COLUMNS = 3
HEIGHT = 1.6  # of the highest bar, in distances between two histograms
FIRST, LAST = np.array([0.35, 0.7, 0.8]), np.array([0.0, 0.28, 0.6])  # RGB
PERCENTILE = 96  # of the weights; the color scale ends there
COLUMNS = 5  # of classes
MAX_UNITS, MLP_COLUMNS = 32, 8  # hidden units
NUM_EXAMPLES = 300  # training examples
RINGS, SPOKES = 24, 72  # points of the disc: from the middle, and around it
REACHES = (1.2, 6.0)  # radius of the disc; results lie at 1
ANGLES = np.pi * np.array([3, 7, 11]) / 6  # of the results, in radians


# What the lecture notes say of the runs on SVHN: accuracies and wall time.
NOTES = {
    "lr, raw pixels, SGD": ("0.21", "0.19", ""),
    "lr, mean subtracted, Adam": ("0.2566", "", "4 min"),
    "cnn_cf": ("0.9040", "", "1 h 31 min"),
    "cnn_cnf": ("0.9048", "0.8528", "3 h 14 min"),
    "cnn_cpncpnff": ("0.9956", "0.9000", "3 h 30 min"),
    "cnn_cpncpnfdf": ("0.9752", "0.9148", "3 h 31 min"),
}
# Suites with recorded results, their titles and input shapes.
COST_SUITES = {
    "mnist": ("MNIST", (28, 28, 1)),
    "cifar10": ("CIFAR-10", (32, 32, 3)),
}
MARKERS = "osD^vPX*"
RESULTS = pathlib.Path(__file__).parents[1] / "results.json"
SUITE_COLORS = (*COLORS, "#8C564B", "#999999")
SUITE_HEADS = ("run", "learning rate", "training", "validation", "steps")
SUITE_HEADS += ("time", "notes: train", "notes: val", "notes: time")


def draw_suite(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws accuracies by step of all runs, and a table of their ends."""
    panel, below = figure.subplots(2, 1, height_ratios=(1.5, 1))
    for color, (title, group) in zip(SUITE_COLORS, runs.items(), strict=False):
        rows = group[0].history
        steps = [row["step"] for row in rows]
        for column, style, label in (
            ("val_accuracy", "-", title), ("accuracy", ":", None),
        ):  # fmt: skip
            panel.plot(
                steps,
                [row[column] for row in rows],
                style,
                color=color,
                label=label,
            )
    panel.set_ylim(0, 1.25)
    panel.set_yticks(np.linspace(0, 1, 6))
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.set_xlabel("training steps")
    panel.set_ylabel("accuracy (dotted: training)")
    panel.grid(color="0.9")
    panel.legend(loc="upper right", ncols=3)
    below.axis("off")
    cells = [suite_row(title, group) for title, group in runs.items()]
    table = below.table(
        cells, colLabels=SUITE_HEADS, loc="center", cellLoc="right",
        colWidths=(0.25, *[0.115] * (len(SUITE_HEADS) - 1)),
    )  # fmt: skip
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    for (_, column), cell in table.get_celld().items():
        cell.set_linewidth(0.3)
        if column == 0:
            cell.set_text_props(ha="left")


def suite_row(title: str, group: Sequence[Run]) -> tuple[str, ...]:
    """Returns a row of the table: the last epoch, the mean over seeds."""
    last = [run.history[-1] for run in group]
    seconds = [run.metrics["wall_seconds"] for run in group]
    return (
        title,
        f"{group[0].resolved['config']['learning_rate']:g}",
        f"{np.mean([row['accuracy'] for row in last]):.4f}",
        f"{np.mean([row['val_accuracy'] for row in last]):.4f}",
        f"{int(last[0]['step']):,}",
        format_duration(float(np.mean(seconds))),
        *NOTES.get(title, ("", "", "")),
    )


def draw_means(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws the four recipes of two by two, and both effects."""
    panel = figure.subplots()
    scores = np.array(
        [
            [run.metrics["best_val_accuracy"] for run in group]
            for group in runs.values()
        ]
    )
    over = [seed_stats(list(row), 0, 1) for row in scores]
    for index, optimizer in enumerate(("SGD", "Adam")):
        chosen = [over[index], over[2 + index]]
        panel.errorbar(
            np.arange(2) + 0.04 * index,
            [one.mean for one in chosen],
            np.transpose(
                [(one.mean - one.low, one.high - one.mean) for one in chosen]
            ),
            marker="o",
            capsize=4,
            color=COLORS[index],
            linestyle=LINE_STYLES[index],
            label=optimizer,
        )
    panel.set_xlim(-0.5, 1.5)
    panel.set_xticks([0, 1], ["raw pixels", "mean subtracted"])
    panel.set_ylabel("validation accuracy")
    panel.grid(color="0.9")
    panel.legend(loc="upper left")
    mean, optimizer = effects(scores)
    panel.set_title(
        "\n".join(
            f"effect of {name}: {100 * one.mean:+.1f} points "
            f"({100 * one.low:+.1f} to {100 * one.high:+.1f})"
            for name, one in (("the mean", mean), ("the optimizer", optimizer))
        )
    )


def effects(scores: np.ndarray) -> tuple[SeedStats, SeedStats]:
    """Returns the effect of the second and of the first of two choices.

    Args:
        scores: `[4, seeds]`: neither; the first; the second; both.
    """
    neither, first, second, both = scores
    return tuple(
        seed_stats(list(effect), -1, 1)
        for effect in (
            (second + both - neither - first) / 2,
            (first + both - neither - second) / 2,
        )
    )


def draw_cost(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws recorded accuracies against multiply-adds; needs no run."""
    panels = figure.subplots(1, len(COST_SUITES))
    for panel, (suite, (title, shape)) in zip(
        panels, COST_SUITES.items(), strict=True
    ):
        points = recorded_costs(suite, shape)
        for index, (name, cost, found) in enumerate(points):
            panel.errorbar(
                cost,
                found.value,
                [[found.value - found.low], [found.high - found.value]],
                fmt=MARKERS[index % len(MARKERS)],
                color=COLORS[index % len(COLORS)],
                markersize=8,
                label=name,
            )
        panel.set_xscale("log")
        panel.legend(loc="lower right")
        panel.set_title(title)
        panel.set_xlabel("multiply-adds of one image")
        panel.grid(color="0.9")
    panels[0].set_ylabel("validation accuracy")


def recorded_costs(
    suite: str, input_shape: tuple[int, ...]
) -> list[tuple[str, int, metrics.Proportion]]:
    """Returns model, multiply-adds and accuracy of a suite's recorded runs.

    The first seed of each recipe, from few multiply-adds to many.
    """
    recorded = json.loads(RESULTS.read_text(encoding="utf-8"))
    points = []
    for recipe, found in recorded.items():
        first = found[0]
        if recipe.split("/")[0] != suite or first["val_correct"] is None:
            continue  # of another suite, or without validation images
        options = first["options"]
        described = api.describe(options["model"], input_shape)
        points.append(
            (
                options["model"],
                sum(row["multiply_adds"] for row in described["layers"]),
                metrics.binomial_ci(
                    first["val_correct"], first["val_examples"]
                ),
            )
        )
    return sorted(points, key=lambda point: point[1])


def draw_sgd(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws one line per recipe."""
    panel = figure.subplots()
    for index, (title, group) in enumerate(runs.items()):
        images, losses = curve(group[0])
        panel.plot(
            images,
            losses,
            color=COLORS[index],
            linestyle=LINE_STYLES[index],
            marker="o" if len(images) < MAX_MARKED else None,
            label=f"{title}: {group[0].metrics['steps']:,} steps",
        )
    panel.set_yscale("log")
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.yaxis.set_major_formatter("{x:g}")
    panel.grid(color="0.9")
    panel.set_xlabel("training images")
    panel.set_ylabel("training loss")
    panel.legend()


def draw_optimizers(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws the training loss by step, one line per recipe."""
    panel = figure.subplots()
    for index, (title, group) in enumerate(runs.items()):
        steps, losses = tensors(group[0].path / "train", "loss")
        last = group[0].metrics
        rate = group[0].resolved["config"]["learning_rate"]
        panel.plot(
            steps,
            losses,
            color=COLORS[index],
            linestyle=LINE_STYLES[index],
            label=f"{title}, learning rate {rate:g}: validation "
            f"{100 * last['val_accuracy']:.1f}%",
        )
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_formatter("{x:g}")
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.grid(color="0.9", which="both")
    panel.set_xlabel("training steps")
    panel.set_ylabel("training loss")
    panel.legend()


def draw_random_labels(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws training accuracy by epoch, and epochs to fit by recipe."""
    curves, ends = figure.subplots(1, 2)
    fractions, epochs, scores = [], [], []
    for index, (title, (run, *_)) in enumerate(runs.items()):
        rows = run.history
        curves.plot(
            [row["epoch"] for row in rows],
            [row["accuracy"] for row in rows],
            color=COLORS[index],
            linestyle=LINE_STYLES[index % len(LINE_STYLES)],
            label=title,
        )
        fractions.append(100 * run.config.randomize_labels)
        epochs.append(first_fitted_epoch(run) or np.nan)
        scores.append(100 * run.metrics["val_accuracy"])
    curves.set_xscale("log")
    curves.xaxis.set_major_formatter("{x:g}")
    curves.set_xlabel("epochs")
    curves.set_ylabel("training accuracy")
    curves.legend(title="random labels", loc="lower right")
    ends.plot(fractions, epochs, "o-", color=COLORS[0])
    ends.set_ylim(bottom=0)
    ends.set_xlabel("percent of labels that are random")
    ends.set_ylabel("epochs until fitted", color=COLORS[0])
    other = ends.twinx()
    other.plot(fractions, scores, "s--", color=COLORS[1])
    other.set_ylim(0, 100)
    other.set_ylabel("validation accuracy, percent", color=COLORS[1])
    for panel in (curves, ends):
        panel.grid(color="0.9")


def curve(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Returns the number of images `[N]` and the training loss `[N]`.

    Each loss is the mean over the steps since the one before.
    """
    steps, losses = tensors(run.path / "train", "loss")
    resolved = run.resolved
    images = num_images(
        np.array(steps),
        resolved["config"]["batch_size"],
        resolved["data"]["train"],
    )
    return images, np.array(losses)


def num_images(steps: np.ndarray, batch: int, examples: int) -> np.ndarray:
    """Returns the number of training images used after some steps.

    Args:
        steps: Numbers of training steps, `[N]`.
        batch: Batch size; the last batch of an epoch has the remainder.
        examples: Images of an epoch.
    """
    epochs, rest = np.divmod(steps, -(-examples // batch))
    return epochs * examples + np.minimum(rest * batch, examples)


def draw_gradients(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws the norm of the gradient by layer at initialization."""
    panel = figure.subplots()
    for index, (title, group) in enumerate(runs.items()):
        norms = gradient_norms(group[0])
        depth = np.linspace(0, 1, len(norms))
        accuracy = group[0].metrics["train_accuracy"]
        panel.plot(
            depth,
            norms,
            color=COLORS[index],
            linestyle=LINE_STYLES[index],
            marker="o",
            label=f"{title}: training accuracy {100 * accuracy:.0f}%",
        )
    panel.set_yscale("log")
    panel.set_xlabel("depth: from the first layer (0) to the last (1)")
    panel.set_ylabel("norm of the gradient")
    panel.grid(color="0.9")
    panel.legend()


def gradient_norms(run: Run) -> list[float]:
    """Returns the gradient norm of each layer before the first step."""
    layers = run.layer_stats[0]["layers"]
    return [row["gradient_norm"] for row in layers.values()]


def draw_logits(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws one panel per recipe, histograms from first to last step."""
    rows = -(-len(runs) // LOGITS_COLUMNS)
    panels = figure.subplots(rows, LOGITS_COLUMNS)
    for panel, (title, group) in zip(panels.flat, runs.items(), strict=True):
        steps, histograms = logit_histograms(group[0])
        show_histograms(panel, steps, histograms)
        accuracy = group[0].metrics["val_accuracy"]
        panel.set_title(f"{title}: accuracy {100 * accuracy:.0f}%")
    for panel in panels[:, 0]:
        panel.set_ylabel("steps")
    for panel in panels[-1]:
        panel.set_xlabel("logits")


def logit_histograms(run: Run) -> tuple[list[int], list[np.ndarray]]:
    """Returns the logging steps `[N]`, and the histogram of each.

    A histogram is `[B, 3]`: left and right edge of a bucket, and how many of
    the logits are in it.
    """
    return tensors(run.path / "val", "logits")


def show_histograms(
    panel: Any, steps: list[int], histograms: list[np.ndarray]
) -> None:
    """Draws histograms one below the other, each to its own highest bar."""
    last = len(histograms) - 1
    for place, histogram in enumerate(histograms):
        middles, heights = density(histogram)
        fraction = place / max(last, 1)
        panel.fill_between(
            middles,
            last - place,
            last - place + HEIGHT * heights / heights.max(),
            color=(1 - fraction) * FIRST + fraction * LAST,
            edgecolor="white",
            linewidth=0.6,
            zorder=place + 2,
        )
    panel.set_yticks([last, 0], [f"{steps[0]:,}", f"{steps[-1]:,}"])
    panel.locator_params(axis="x", nbins=5)
    panel.ticklabel_format(axis="x", scilimits=(-3, 4))


def density(histogram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns middles `[B]` of buckets, and logits for each unit of width."""
    left, right, counts = histogram.T
    return (left + right) / 2, counts / np.maximum(right - left, 1e-12)


def draw_templates(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws one block of templates per recipe."""
    blocks = figure.subfigures(1, len(runs), width_ratios=(1, 1.25))
    for block, (title, group) in zip(blocks, runs.items(), strict=True):
        loaded = load_run(group[0])
        shape = loaded.inspector.network.input_shape[1:]
        weights = loaded.inspector.weights()
        layer, images = first_dense(weights, shape)
        names, columns = loaded.setup.dataset.class_names, COLUMNS
        words = f"{title}: a template a class"
        if layer != "logits":
            longest = strongest(images, MAX_UNITS)
            words = f"{title}: {len(longest)} of {len(images):,} hidden units"
            images, names, columns = images[longest], None, MLP_COLUMNS
        block.suptitle(words, fontsize=14)
        show_templates(block, images, names, columns)


def strongest(images: np.ndarray, most: int) -> np.ndarray:
    """Returns which of templates `[N, H, W, C]` are longest, in their order."""
    length = np.linalg.norm(images.reshape(len(images), -1), axis=1)
    return np.sort(np.argsort(-length, kind="stable")[:most])


def show_templates(
    block: Any,
    images: np.ndarray,
    names: Sequence[str] | None,
    columns: int,
) -> None:
    """Draws templates `[N, H, W, C]` in rows, all on one scale around 0."""
    limit = float(np.percentile(np.abs(images), PERCENTILE))
    panels = block.subplots(-(-len(images) // columns), columns)
    for index, panel in enumerate(panels.flat):
        panel.axis("off")
        if index < len(images):
            image = images[index].mean(axis=-1)
            panel.imshow(drawing.diverging_colors(image, limit))
            panel.set_title(names[index] if names else "", pad=3)


@dataclasses.dataclass(frozen=True)
class Disc:
    """A loss over a disc.

    Attributes:
        x: float64 `[RINGS, SPOKES + 1]`, the last column the first again.
        y: the same.
        loss: Loss with regularization loss, of the same shape.
        results: Loss of the three runs.
    """

    x: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    results: np.ndarray


def draw_surface(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws one surface per recipe."""
    for column, (title, group) in enumerate(runs.items(), 1):
        panel = figure.add_subplot(
            1, len(runs), column, projection="3d", computed_zorder=False
        )
        disc = measure(group)
        show_surface(panel, disc)
        shape = "convex" if is_bowl(disc) else "not convex"
        panel.set_title(f"{title}:\ntraining loss is {shape}", y=1.0)
    figure.legend(
        *panel.get_legend_handles_labels(), loc="outside lower center"
    )


def measure(runs: Sequence[Run]) -> Disc:
    """Measures the loss over the plane through the results of three runs."""
    run = runs[0]
    setup = prepare(run.config.replace(run_name=None))
    places = NamedWeights(run, setup, "")
    results = [places["final"], *(places[str(r.path)] for r in runs[1:3])]
    surface = LossSurface(
        places.model,
        backbone_of(places.model),
        losses.data_loss(setup.config),
        {"train": sample(setup.dataset.train, NUM_EXAMPLES, seed=0)},
        measure_batch_norm=True,
    )
    middle, directions = through(results)

    def loss(x: float, y: float) -> float:
        surface.move_to(add_directions(middle, (x, y), directions))
        return surface.score("train").loss + surface.regularization_loss()

    corners = np.vectorize(loss)(np.cos(ANGLES), np.sin(ANGLES))
    angles = np.linspace(0, 2 * np.pi, SPOKES + 1) + ANGLES[0]
    for reach in REACHES:
        radii = np.linspace(0, reach, RINGS)[:, None]
        x, y = radii * np.cos(angles), radii * np.sin(angles)
        found = np.vectorize(loss)(x[:, :-1], y[:, :-1])
        if found[:-1].min() <= found[-1].min():
            break
    found = np.concatenate([found, found[:, :1]], axis=1)
    return Disc(x, y, found, corners)


def through(results: Sequence[Weights]) -> tuple[Weights, list[Weights]]:
    """Returns the middle of three points in weight space, and two directions.

    The middle plus cos(a) times the first and sin(a) times the second is one of
    the points, for each a of `ANGLES`.
    """
    middle = [np.mean(parts, axis=0) for parts in zip(*results, strict=True)]
    away = [
        [
            np.float64(part) - mean
            for part, mean in zip(one, middle, strict=True)
        ]
        for one in results
    ]
    directions = [
        [
            2 / 3 * np.tensordot(turn(ANGLES), np.stack(parts), 1)
            for parts in zip(*away, strict=True)
        ]
        for turn in (np.cos, np.sin)
    ]
    return middle, directions


def is_bowl(disc: Disc) -> bool:
    """Whether the loss bends upwards along every line through the middle."""
    half = SPOKES // 2
    there, back = disc.loss[:, :half], disc.loss[1:, half:-1]
    return all(
        is_convex(line) for line in np.concatenate([back[::-1], there]).T
    )


def show_surface(panel: Any, disc: Disc) -> None:
    """Draws the surface, and the results as dots on it."""
    panel.plot_surface(
        disc.x, disc.y, disc.loss, cmap="cividis", rstride=1, cstride=1,
        linewidth=0, antialiased=False,
    )  # fmt: skip
    panel.scatter(
        np.cos(ANGLES), np.sin(ANGLES), disc.results, color="#D55E00", s=45,
        edgecolor="white", depthshade=False, label="results of three trainings",
    )  # fmt: skip
    panel.view_init(elev=36, azim=-75)
    panel.set_box_aspect((4, 4, 2.6), zoom=0.92)
    panel.set_xticklabels([])
    panel.set_yticklabels([])
    panel.locator_params("z", nbins=4)
    panel.tick_params("z", pad=6)


def tensors(folder: pathlib.Path, tag: str) -> tuple[list[int], list]:
    """Returns all values of a tag, with the step of each.

    Args:
        folder: of event files, such as a run's `train/`.
        tag: such as `loss`.

    Returns:
        Steps `[N]`, and as many arrays.
    """
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder), {"tensors": 0}).Reload()
    found = events.Tensors(tag)
    values = [np.asarray(make_ndarray(one.tensor_proto)) for one in found]
    return [one.step for one in found], values
