"""What a run computes on, for its record."""

from __future__ import annotations

import os
import platform
import subprocess

import keras
import numpy as np


def describe() -> dict[str, str]:
    """Returns device, cores and the versions that decide the numbers."""
    found = {
        "backend": keras.backend.backend(),
        "device": "cpu",
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
    if found["backend"] == "tensorflow":
        import tensorflow as tf

        found["tensorflow"] = tf.__version__
        if gpus := tf.config.list_physical_devices("GPU"):
            found["device"] = f"{len(gpus)} gpu"
    else:
        import jax

        found["jax"] = jax.__version__
        if jax.default_backend() != "cpu":
            kind = jax.default_backend()
            found["device"] = f"{jax.local_device_count()} {kind}"
    return found


def git_commit() -> str | None:
    """Returns the commit of the working folder; `None` where there is none."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
