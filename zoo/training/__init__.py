"""Training a model into a run folder."""

from __future__ import annotations


def __getattr__(name: str):
    # Imported on use: `zoo.training.plan` alone needs no Keras.
    if name in ("train", "resume"):
        from zoo.training import loop

        return getattr(loop, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
