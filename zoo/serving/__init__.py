"""What leaves the zoo: answers on new examples, and models for other programs.

The names below are imported on first use, so that mistakes in what was typed
are told before Keras is there.
"""

from importlib import import_module

_HOMES = {
    "export": "zoo.serving.exporting",
    "predict": "zoo.serving.predicting",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'zoo.serving' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
