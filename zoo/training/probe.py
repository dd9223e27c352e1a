"""The probe: a fixed sample of images that every summary looks at.

Drawn once from the validation images, or the training images where there is
no validation split, so that histograms and pictures of different steps show
the same examples.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from zoo.data import Dataset

PROBE_SIZE = 256  # images; enough for a histogram, little beside an epoch


@dataclasses.dataclass(frozen=True)
class Probe:
    """Inputs float32 `[B, ...]` as in `Split`, and labels int32 `[B]`."""

    images: np.ndarray
    labels: np.ndarray
    split: str


def choose(data: Dataset, seed: int, size: int = PROBE_SIZE) -> Probe:
    """Draws the probe of a run; the same for the same data and seed."""
    split, part = ("val", data.val) if len(data.val) else ("train", data.train)
    generator = np.random.default_rng([seed, len(part)])
    chosen = generator.permutation(len(part))[:size]
    images = part.images[chosen].astype(np.float32)
    return Probe(images, part.labels[chosen], split)
