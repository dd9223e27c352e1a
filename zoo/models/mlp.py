"""Multi-layer perceptron: hidden layers of any widths, each fully connected.

With activation "none" it collapses to a linear classifier, whatever its
depth; with initializer "equal" the units of a layer stay alike for ever.
Dropout follows each hidden layer (Srivastava, Hinton, Krizhevsky, Sutskever
and Salakhutdinov 2014, "Dropout: a simple way to prevent neural networks from
overfitting"); batch normalization comes before each activation.

Parameters on 28x28x1, hidden (512, 512):
784 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10 = 669,706.
"""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

from zoo.errors import UserError
from zoo.models.layers import Activation, Initializer, LayerFactory
from zoo.models.options import Size


def build(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    hidden: Size | tuple[Size, ...] = (512, 512),
    activation: Activation = "relu",
    norm: Literal["none", "batch"] = "none",
    dropout: float = 0.0,
    initializer: Initializer = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds a perceptron from `[B, H, W, C]` or `[B, D]`.

    Args:
        hidden: units of each hidden layer, first to last; a single number is
            one layer.
    """
    widths = _checked_widths(hidden)
    make = LayerFactory(seed, initializer, activation, norm, dropout, l1, l2)
    inputs = keras.Input(input_shape, name="inputs")
    x = layers.Flatten(name="flatten")(inputs)  # [B, D]
    for index, width in enumerate(widths, start=1):
        last = index == len(widths)
        output = "features" if last else f"hidden{index}_activation"
        x = make.dense_block(x, width, f"hidden{index}", output)  # [B, width]
        x = make.drop(x, f"hidden{index}_dropout")
    logits = make.logits(x, num_classes)  # [B, K]
    return keras.Model(inputs, logits, name="mlp")


def _checked_widths(hidden: int | tuple[int, ...]) -> tuple[int, ...]:
    widths = (hidden,) if isinstance(hidden, int) else tuple(hidden)
    if not widths:
        raise UserError(
            f"--model_arg=hidden={hidden} names no hidden layer; write for "
            "example --model_arg=hidden=(256,128), or take --model=lr, which "
            "has none."
        )
    return widths
