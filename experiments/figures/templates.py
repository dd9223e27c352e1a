"""First-layer weights as images, of several networks side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.figures.looking import look
from zoo import drawing
from zoo.runs import Run
from zoo.summaries import templates

SHARE = 96  # percent of the weights that are told apart; others are extreme
COLUMNS = 5  # of classes
MOST, MANY_COLUMNS = 32, 8  # hidden units


def draw(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws one block of templates a rung."""
    blocks = figure.subfigures(1, len(runs), width_ratios=(1, 1.25))
    for block, (title, group) in zip(blocks, runs.items(), strict=True):
        seen = look(group[0])
        shape = seen.view.body.input_shape[1:]
        layer, images = templates.first_dense(seen.view.weights(), shape)
        names, columns = seen.plan.data.class_names, COLUMNS
        words = f"{title}: a template a class"
        if layer != "logits":
            longest = strongest(images, MOST)
            words = f"{title}: {len(longest)} of {len(images):,} hidden units"
            images, names, columns = images[longest], None, MANY_COLUMNS
        block.suptitle(words, fontsize=14)
        show(block, images, names, columns)


def strongest(images: np.ndarray, most: int) -> np.ndarray:
    """Returns which of templates `[N, H, W, C]` are longest, in their order."""
    length = np.linalg.norm(images.reshape(len(images), -1), axis=1)
    return np.sort(np.argsort(-length, kind="stable")[:most])


def show(
    block: Any,
    images: np.ndarray,
    names: Sequence[str] | None,
    columns: int,
) -> None:
    """Draws templates `[N, H, W, C]` in rows, all on one scale around 0."""
    limit = float(np.percentile(np.abs(images), SHARE))
    panels = block.subplots(-(-len(images) // columns), columns)
    for index, panel in enumerate(panels.flat):
        panel.axis("off")
        if index < len(images):
            image = images[index].mean(axis=-1)
            panel.imshow(drawing.diverging(image, limit))
            panel.set_title(names[index] if names else "", pad=3)
