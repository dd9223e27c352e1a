"""Histograms of the logits over training, as TensorBoard has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.figures.events import tensors
from zoo.runs import Run

TAG = "logits"
COLUMNS = 3
HEIGHT = 1.6  # of the highest bar, in distances between two looks
FIRST, LAST = np.array([0.35, 0.7, 0.8]), np.array([0.0, 0.28, 0.6])  # RGB


def draw(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws one panel a rung: a histogram a look, time going down."""
    rows = -(-len(runs) // COLUMNS)
    panels = figure.subplots(rows, COLUMNS)
    for panel, (title, group) in zip(panels.flat, runs.items(), strict=True):
        steps, histograms = looks(group[0])
        show(panel, steps, histograms)
        right = group[0].metrics["val_accuracy"]
        panel.set_title(f"{title}: {100 * right:.0f} % right")
    for panel in panels[:, 0]:
        panel.set_ylabel("updates")
    for panel in panels[-1]:
        panel.set_xlabel("logits")


def looks(run: Run) -> tuple[list[int], list[np.ndarray]]:
    """Returns the updates made at each look `[N]`, and its histogram.

    A histogram is `[B, 3]`: left and right edge of a bucket, and how many of
    the probe's logits are in it.
    """
    return tensors(run.path / "val", TAG)


def show(panel: Any, steps: list[int], histograms: list[np.ndarray]) -> None:
    """Draws histograms one below the other, each to its own highest bar."""
    last = len(histograms) - 1
    for place, histogram in enumerate(histograms):
        middles, heights = density(histogram)
        share = place / max(last, 1)
        panel.fill_between(
            middles,
            last - place,
            last - place + HEIGHT * heights / heights.max(),
            color=(1 - share) * FIRST + share * LAST,
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
