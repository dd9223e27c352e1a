"""The format `keras`: a `.keras` file, with `about.json` inside of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from zoo.about import put_into


def write(model, path: Path, about: dict[str, Any]) -> None:
    """Writes a model of outputs `logits` and `probabilities`."""
    model.save(path)
    put_into(path, about)


def load(path: Path) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Returns what the file answers: outputs by name, of float32 examples."""
    import keras

    return keras.models.load_model(path).predict_on_batch
