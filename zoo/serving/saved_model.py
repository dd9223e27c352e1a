"""The format `saved_model`: a folder that TensorFlow alone can serve.

`about.json` is in `assets.extra/`, which the format leaves to its users.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from zoo.about import FILE, to_text

SIGNATURE = "serving_default"


def write(model, path: Path, about: dict[str, Any]) -> None:
    """Writes a model of outputs `logits` and `probabilities`."""
    model.export(path, format="tf_saved_model", verbose=False)
    extra = path / "assets.extra"
    extra.mkdir()
    (extra / FILE).write_text(to_text(about))


def load(path: Path) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Returns what the folder answers: outputs by name, of float32 examples."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures[SIGNATURE]
    (name,) = signature.structured_input_signature[1]

    def answer(examples: np.ndarray) -> dict[str, np.ndarray]:
        # Held by name: a signature does not keep what it belongs to alive.
        served = loaded.signatures[SIGNATURE]
        found = served(**{name: tf.constant(examples)})
        return {key: value.numpy() for key, value in found.items()}

    return answer
