"""Training loss by the number of images seen, for batches of several sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.figures.events import tensors
from zoo.evaluation.comparison.drawing import COLOURS, STYLES
from zoo.runs import Run

TAG = "loss"
FEW = 20  # points that are marked one by one


def draw(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws one line a rung."""
    panel = figure.subplots()
    for index, (title, group) in enumerate(runs.items()):
        images, losses = curve(group[0])
        panel.plot(
            images,
            losses,
            color=COLOURS[index],
            linestyle=STYLES[index],
            marker="o" if len(images) < FEW else None,
            label=f"{title}: {group[0].metrics['steps']:,} updates",
        )
    panel.set_yscale("log")
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.yaxis.set_major_formatter("{x:g}")
    panel.grid(color="0.9")
    panel.set_xlabel("training images seen")
    panel.set_ylabel("training loss")
    panel.legend()


def curve(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Returns images seen `[N]` and the training loss `[N]` up to there.

    Each loss is the mean over the updates since the one before.
    """
    steps, losses = tensors(run.path / "train", TAG)
    resolved = run.resolved
    images = images_seen(
        np.array(steps),
        resolved["config"]["batch_size"],
        resolved["data"]["train"],
    )
    return images, np.array(losses)


def images_seen(steps: np.ndarray, batch: int, examples: int) -> np.ndarray:
    """Returns how many images some numbers of updates have seen.

    Args:
        steps: updates made, `[N]`.
        batch: images in an update; the last of an epoch has what is left.
        examples: images in an epoch.
    """
    epochs, rest = np.divmod(steps, -(-examples // batch))
    return epochs * examples + np.minimum(rest * batch, examples)
