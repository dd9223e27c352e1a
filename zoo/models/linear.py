"""Softmax regression: one template of pixels for each class.

The logits are a linear function of the pixels; with the hinge loss it is the
linear support vector machine. The loss is convex, so that no start is better
than another: the kernel starts near zero, where the untrained loss is ln K.
With no hidden layer, `features` are the pixels themselves.

Parameters: 784 * 10 + 10 = 7,850 on 28x28x1, and 30,730 on 32x32x3.
"""

from __future__ import annotations

import keras
from keras import layers

from zoo.models.layers import Initializer, LayerFactory


def build(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    initializer: Initializer = "small_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds softmax regression from `[B, H, W, C]` or `[B, D]`."""
    make = LayerFactory(seed, initializer, l1=l1, l2=l2)
    inputs = keras.Input(input_shape, name="inputs")
    features = layers.Flatten(name="features")(inputs)  # [B, D]
    logits = make.logits(features, num_classes, small_init=False)  # [B, K]
    return keras.Model(inputs, logits, name="lr")
