"""Weights of runs, read and compared."""

import numpy as np


def layer_weights(model):
    """Returns the weights of each layer of a network, by layer."""
    layers = model.get_layer("network").layers
    return {
        layer.name: layer.get_weights() for layer in layers if layer.weights
    }


def set_last_weights(model, run):
    """Gives a model the weights of the last checkpoint of a run."""
    with np.load(run.path / "checkpoints" / "last.npz") as file:
        names = sorted(n for n in file.files if n.startswith("weights/"))
        model.set_weights([file[name] for name in names])


def assert_equal_weights(run, other):
    """Compares the saved models of two runs, bit for bit."""
    pairs = zip(
        run.load_model().get_weights(),
        other.load_model().get_weights(),
        strict=True,
    )
    for one, two in pairs:
        np.testing.assert_array_equal(one, two)
