"""What is inside a model: its layers, and the calls of these.

A layer or a model can hold others, and each can be applied several times with
the same weights. Keras lists an operation once in `operations`, and each of
its calls as a node.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
    from keras.src.ops.node import Node


# Layers.


def all_layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yields the layers of a model and of the models in it."""
    import keras

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
    import keras

    return [
        layer
        for layer in inner_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


def is_untrained(model: keras.Model) -> bool:
    """Whether weights are as initializers draw them, as far as can be told.

    Biases and the variables of batch norms have constant initial values, which
    training and loading change. `False` of a model without any of them.
    """
    from keras import initializers, ops

    constants = initializers.Zeros | initializers.Ones | initializers.Constant
    compared = []
    for layer in inner_layers(model):
        for name in ("bias", "gamma", "beta", "moving_mean", "moving_variance"):
            weight = getattr(layer, name, None)
            initializer = getattr(layer, f"{name}_initializer", None)
            if weight is not None and isinstance(initializer, constants):
                initial = initializer(weight.shape, dtype=weight.dtype)
                compared.append(bool(ops.all(ops.equal(weight, initial))))
    return bool(compared) and all(compared)


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


# Calls.


def as_functional(operation: keras.Operation) -> keras.Model | None:
    """Returns a functional model, also that of a `Sequential`.

    `None` for a layer, and for a subclass of `keras.Model`, whose layers are
    called in code of its own.
    """
    inner = getattr(operation, "_functional", operation)
    return inner if hasattr(inner, "_nodes_by_depth") else None


def calls_of(model: keras.Model) -> list[Node]:
    """Returns the calls inside a functional model, its inputs first.

    Each comes after those that it takes its inputs from, and otherwise in the
    order of `model.operations`. Calls outside the model are left out.
    """
    order = {id(x): number for number, x in enumerate(model.operations)}
    return [
        node
        for depth in sorted(model._nodes_by_depth, reverse=True)
        for node in sorted(
            model._nodes_by_depth[depth],
            key=lambda node: order[id(node.operation)],
        )
    ]


def unused_name(name: str, names: set[str]) -> str:
    """Returns a name, numbered if there is such a one, and adds it."""
    unused, number = name, 0
    while unused in names:
        number += 1
        unused = f"{name}_{number}"
    names.add(unused)
    return unused
