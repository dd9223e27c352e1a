"""What default recipes are made of: optimizers, and how to write one."""

from __future__ import annotations

from typing import Any

ADAM = {"optimizer": "adam", "learning_rate": 2e-3, "schedule": "cosine"}
SLOWER_ADAM = {**ADAM, "learning_rate": 1e-3}
CAREFUL_ADAM = {**ADAM, "learning_rate": 3e-4}
# The papers' optimizers; their step schedules over 90 to 300 epochs are
# shortened to a cosine.
MOMENTUM = {
    "optimizer": "momentum",
    "momentum": 0.9,
    "learning_rate": 0.1,
    "weight_decay": 1e-4,
    "schedule": "cosine",
}
SLOW_MOMENTUM = {**MOMENTUM, "learning_rate": 0.01, "weight_decay": 5e-4}
NESTEROV = {**MOMENTUM, "optimizer": "nesterov", "weight_decay": 5e-4}
LIGHT_NESTEROV = {**NESTEROV, "weight_decay": 1e-4}
CROP = {"augment": "crop_flip"}
# The authors' recipe of airbench94, for 10 epochs. Their rates are for sums
# over a batch, those here for means: 11.5 / 1024 / (1 + 1 / (1 - 0.85)) * B is
# 1.46 for a batch of B = 1000, and the decay 0.0153 / 11.5.
AIRBENCH = {
    "optimizer": "nesterov",
    "momentum": 0.85,
    "learning_rate": 1.46,
    "weight_decay": 1.33e-3,
    "norm_bias_factor": 64.0,
    "schedule": "linear",
    "warmup_epochs": 2.3,
    "warmup_start": 0.2,
    "schedule_end": 0.07,
    "label_smoothing": 0.2,
    "lookahead_every": 5,
}
ALTERNATING = {"augment": "crop_alternating_flip", "crop_padding": 2}


def recipe(
    optimizer: dict[str, Any], batch_size: int, epochs: int, **more: Any
) -> dict[str, Any]:
    """Returns a default recipe, as options of `TrainConfig`."""
    sizes = {"batch_size": batch_size, "epochs": epochs}
    return {**optimizer, **sizes, **more}
