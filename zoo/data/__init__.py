"""Datasets: loading, splits, preprocessing, augmentation and batches.

The names below are imported on first use, so that the table of datasets can be
read without NumPy.
"""

from importlib import import_module

_HOMES = {
    "Dataset": "zoo.data.dataset",
    "Split": "zoo.data.dataset",
    "load_dataset": "zoo.data.loading",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'zoo.data' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
