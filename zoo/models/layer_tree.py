"""The layers of a model, and those inside of its models and layers."""

from __future__ import annotations

from collections.abc import Iterator

import keras


def all_layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yields the layers of a model and of the models in it."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)
        else:
            yield layer


def inner_layers(layer: keras.Layer) -> Iterator[keras.Layer]:
    """Yields the layers in a model or layer, and after each those in it."""
    # No public method of Keras finds the layers inside of a layer.
    for inner in layer._flatten_layers(include_self=False, recursive=False):
        yield inner
        yield from inner_layers(inner)


def batch_norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Returns the batch norms of a model, those of inner layers too."""
    return [
        layer
        for layer in inner_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


def copy_trainable(copy: keras.Model, model: keras.Model) -> None:
    """Lets a copy of a model train what is trained of the model.

    A layer made again from its config knows whether all of it is trained, not
    which of its layers and variables. The layers have to know as well: a batch
    norm that is not trained uses its moving statistics.
    """
    pairs = zip(inner_layers(copy), inner_layers(model), strict=True)
    for new, old in pairs:  # an outer layer before those in it
        if new.trainable != old.trainable:
            new.trainable = old.trainable
    for new, old in zip(copy.weights, model.weights, strict=True):
        if new.trainable != old.trainable:
            new.trainable = old.trainable
