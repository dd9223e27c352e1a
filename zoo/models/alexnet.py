"""AlexNet for images of 28 to 64 pixels, at a quarter of its widths.

Krizhevsky, Sutskever and Hinton 2012, "ImageNet classification with deep
convolutional neural networks". All of its layers are there: five
convolutions, local response normalization after the first two, overlapping
max pooling (3x3 at stride 2), dropout, and three dense layers.

What is changed, and why:
- C1 has 5x5 filters at stride 1, not 11x11 at stride 4, which would leave a
  28-pixel image 7 pixels wide after one layer.
- Every width is divided by `divisor`, 4 unless told otherwise: 24, 64, 96, 96
  and 64 maps, 1,024 units.
- No groups: the two halves stood on two graphics cards for want of memory.
- Dropout comes before the two hidden dense layers, as Krizhevsky's later
  version has it (2014, arXiv 1404.5997), so that it thins out the last maps
  too.
- Weights start with variance 2 / fan-in and biases at 0, not at 0.01 and 1.

Parameters on 32x32x3, 10 classes: conv 1,824 + 38,464 + 55,392 + 83,040 +
55,360, dense 590,848 + 1,049,600 + 10,250: 1,884,778 in all.
"""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

from zoo.errors import UserError
from zoo.models.blocks import (
    Activation,
    Initializer,
    Parts,
    local_response_norm,
)


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    divisor: int = 4,
    activation: Activation = "relu",
    norm: Literal["none", "batch", "local_response"] = "local_response",
    dropout: float = 0.5,
    initializer: Initializer = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds the small AlexNet from images `[B, H, W, C]`, 28 pixels up.

    Args:
        divisor: the widths of the paper are divided by it.
        norm: local response after C1 and C2, or batch norm in every layer.
    """
    if not 1 <= divisor <= 64:
        raise UserError(
            f"--model_arg=divisor={divisor} is out of range; the widths of "
            "AlexNet can be divided by 1 to 64."
        )
    parts = Parts(seed, initializer, activation, norm, dropout, l1, l2)
    image = keras.Input(input_shape, name="inputs")  # [B, 32, 32, 3]
    x = first_stage(image, parts, 96 // divisor, 1)  # [B, 15, 15, 24]
    x = first_stage(x, parts, 256 // divisor, 2)  # [B, 7, 7, 64]
    x = parts.conv_block(x, 384 // divisor, 3, "conv3")  # [B, 7, 7, 96]
    x = parts.conv_block(x, 384 // divisor, 3, "conv4")  # [B, 7, 7, 96]
    x = parts.conv_block(x, 256 // divisor, 3, "conv5")  # [B, 7, 7, 64]
    x = layers.MaxPooling2D(3, 2, name="pool5")(x)  # [B, 3, 3, 64]
    x = layers.Flatten(name="flatten")(x)  # [B, 576]
    x = parts.drop(x, "dense6_dropout")
    x = parts.dense_block(x, 4096 // divisor, "dense6")  # [B, 1024]
    x = parts.drop(x, "dense7_dropout")
    x = parts.dense_block(x, 4096 // divisor, "dense7", output="features")
    # [B, 1024]
    logits = parts.logits(x, num_classes)  # [B, K]
    return keras.Model(image, logits, name="alexnet_lite")


def first_stage(x, parts, filters, index):
    """5x5 convolution, activation, normalization, overlapping pooling."""
    x = parts.conv_block(x, filters, 5, f"conv{index}")
    if parts.norm == "local_response":
        x = local_response_norm(x)
    return layers.MaxPooling2D(3, 2, name=f"pool{index}")(x)
