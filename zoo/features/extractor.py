"""An extractor: a fixed Keras model from raw pixels to one vector an image."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras


def hash_weights(model: keras.Model, total: Any = None) -> str:
    """Returns the SHA-256, in hex, of a model's weights, shapes and all.

    Args:
        total: of `hashlib`, which has been told what else is to count.
    """
    total = total or hashlib.sha256()
    for weight in model.get_weights():
        weight = np.ascontiguousarray(weight)
        total.update(f"{weight.dtype.str} {weight.shape}".encode())
        total.update(weight.data if weight.size else b"")
    return total.hexdigest()


@dataclasses.dataclass(frozen=True)
class Extractor:
    """Features that are computed and not learned by the run that uses them.

    Attributes:
        name: what `--features` says to get it again.
        about: what its numbers are, in a few words.
        model: float32 `[B, H, W, C]`, raw pixels 0..255, to float32 `[B, D]`;
            made of stock layers and operations, so that a model that begins
            with it loads where this package is not installed.
        settings: what determines the model besides its weights.
    """

    name: str
    about: str
    model: keras.Model
    settings: Mapping[str, Any]

    def __post_init__(self):
        self.model.trainable = False

    @property
    def size(self) -> int:
        """How many numbers describe an image: D."""
        return self.model.output_shape[-1]

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all that decides what it computes."""
        total = hashlib.sha256(json.dumps(self.settings).encode())
        total.update(repr(self.model.input_shape).encode())
        return hash_weights(self.model, total)

    def to_json(self) -> dict[str, Any]:
        """Returns what `resolved.json` says about it."""
        return {
            "name": self.name,
            "about": self.about,
            "size": self.size,
            "settings": dict(self.settings),
            "fingerprint": self.fingerprint,
        }
