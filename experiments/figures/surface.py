"""The training loss over the plane through the results of three runs.

Of all planes in weight space this one says most of where training ends: the
results are the corners of an equilateral triangle, at a distance of 1 from its
middle, and the loss is measured over a disc around that: a wider one where
there is still lower ground at the rim.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.evaluation.landscape.directions import moved
from zoo.evaluation.landscape.measuring import sample
from zoo.evaluation.landscape.shape import is_convex
from zoo.evaluation.landscape.surface import Surface
from zoo.evaluation.landscape.weights import Places, Weights
from zoo.runs import Run
from zoo.training import losses, network
from zoo.training.job import prepare

EXAMPLES = 300  # of the training part
RINGS, SPOKES = 24, 72  # points of the disc: from the middle, and around it
REACHES = (1.2, 6.0)  # radius of the disc; results lie at 1
ANGLES = (
    np.pi * np.array([3, 7, 11]) / 6
)  # of the results: 90, 210, 330 degrees


@dataclasses.dataclass(frozen=True)
class Disc:
    """A loss over a disc.

    Attributes:
        x: float64 `[RINGS, SPOKES + 1]`, the last column the first again.
        y: the same.
        loss: the same, with penalty.
        results: the loss of the three runs.
    """

    x: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    results: np.ndarray


def draw(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws a surface for each rung."""
    for column, (title, group) in enumerate(runs.items(), 1):
        panel = figure.add_subplot(
            1, len(runs), column, projection="3d", computed_zorder=False
        )
        disc = measure(group)
        show(panel, disc)
        shape = "convex" if is_bowl(disc) else "not convex"
        panel.set_title(f"{title}:\ntraining loss is {shape}", y=1.0)
    figure.legend(
        *panel.get_legend_handles_labels(), loc="outside lower center"
    )


def measure(runs: Sequence[Run]) -> Disc:
    """Measures the loss over the plane through the results of three runs."""
    run = runs[0]
    job = prepare(run.config.replace(run_name=None), None)
    places = Places(run, job, "")
    results = [places["final"], *(places[str(r.path)] for r in runs[1:3])]
    surface = Surface(
        places.model,
        network.body_of(places.model),
        losses.data_loss(job.plan.config),
        {"train": sample(job.plan.data.train, EXAMPLES, seed=0)},
        measures=True,
    )
    middle, directions = through(results)

    def loss(x: float, y: float) -> float:
        surface.move_to(moved(middle, (x, y), directions))
        return surface.score("train").loss + surface.penalty()

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


def show(panel: Any, disc: Disc) -> None:
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
