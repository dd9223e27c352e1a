"""A trained network without its classifier: what it sees before it decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def cut(model: keras.Model) -> keras.Model:
    """Returns a model up to its layer `features`, or to its last dense one.

    Looks into the last layer where that is a model itself.

    Raises:
        ValueError: it has neither.
    """
    import keras

    names = [layer.name for layer in model.layers]
    last = model.layers[-1]
    if "features" in names:
        end = model.get_layer("features").output
    elif isinstance(last, keras.Model):
        # What comes before the last layer alone feeds it.
        end = cut(last)(model.layers[-2].output)
    else:
        dense = [x for x in model.layers if isinstance(x, keras.layers.Dense)]
        if not dense:
            raise ValueError(f"{model.name} has no dense layer")
        end = dense[-1].input
    return keras.Model(model.inputs[0], end, name=model.name)
