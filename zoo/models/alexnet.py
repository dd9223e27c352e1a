"""AlexNet; and a small one, at a quarter of its widths, for small images.

Krizhevsky, Sutskever and Hinton 2012, "ImageNet classification with deep
convolutional neural networks". Five convolutions, local response normalization
after the first two, overlapping max pooling (3x3 at stride 2), dropout, and
three dense layers.

What is changed in both, and why:
- No groups: in C2, C4 and C5 the paper's halves stood on two graphics cards,
  each seeing its own maps, for want of memory. `alexnet` has them with
  --model_arg=groups=2; local response normalization sees both halves.
- Dropout comes before the two hidden dense layers, as Krizhevsky's later
  version has it (2014, arXiv 1404.5997), so that it thins out the last maps
  too.
- Weights start with variance 2 / fan-in and biases at 0, not at 0.01 and 1.
- An image has 227 pixels, which the sizes of the paper need, not its 224.

And in `alexnet_lite`, for images of 28 to 64 pixels:
- C1 has 5x5 filters at stride 1, not 11x11 at stride 4, which would leave a
  28-pixel image 7 pixels wide after one layer.
- Every width is divided by `divisor`, by default 4: 24, 64, 96, 96 and 64 maps,
  1,024 units.

Parameters of `alexnet` on 227x227x3, 1000 classes: conv 34,944 + 614,656 +
885,120 + 1,327,488 + 884,992, dense 37,752,832 + 16,781,312 + 4,097,000:
62,378,344 in all, 60,965,224 with two groups. Of `alexnet_lite` on 32x32x3, 10
classes: conv 1,824 + 38,464 + 55,392 + 83,040 + 55,360, dense 590,848 +
1,049,600 + 10,250: 1,884,778.
"""

from __future__ import annotations

from typing import Annotated, Literal

import keras
from keras import layers

from zoo.models.layers import (
    Activation,
    Initializer,
    LayerFactory,
    local_response_norm,
)
from zoo.models.options import Range

Norm = Literal["none", "batch", "local_response"]


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    groups: Literal[1, 2] = 1,
    activation: Activation = "relu",
    norm: Norm = "local_response",
    dropout: float = 0.5,
    initializer: Initializer = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds AlexNet from images `[B, H, W, C]`, 67 pixels up.

    Args:
        groups: 2 splits the maps of C2, C4 and C5 in halves, as in the paper.
        norm: local response after C1 and C2, or batch norm in every layer.
    """
    make = LayerFactory(seed, initializer, activation, norm, dropout, l1, l2)
    image = keras.Input(input_shape, name="inputs")  # [B, 227, 227, 3]
    x = make.conv_block(image, 96, 11, "conv1", strides=4, padding="valid")
    # [B, 55, 55, 96]
    x = norm_pool(x, norm, 1)  # [B, 27, 27, 96]
    x = make.conv_block(x, 256, 5, "conv2", groups=groups)
    # [B, 27, 27, 256]
    x = norm_pool(x, norm, 2)  # [B, 13, 13, 256]
    x = last_convolutions(x, make, groups=groups)  # [B, 6, 6, 256]
    logits = classify(x, make, num_classes)  # [B, K]
    return keras.Model(image, logits, name="alexnet")


def build_lite(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    divisor: Annotated[int, Range(1, 64)] = 4,
    activation: Activation = "relu",
    norm: Norm = "local_response",
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
    make = LayerFactory(seed, initializer, activation, norm, dropout, l1, l2)
    image = keras.Input(input_shape, name="inputs")  # [B, 32, 32, 3]
    x = make.conv_block(image, 96 // divisor, 5, "conv1")  # [B, 32, 32, 24]
    x = norm_pool(x, norm, 1)  # [B, 15, 15, 24]
    x = make.conv_block(x, 256 // divisor, 5, "conv2")  # [B, 15, 15, 64]
    x = norm_pool(x, norm, 2)  # [B, 7, 7, 64]
    x = last_convolutions(x, make, divisor)  # [B, 3, 3, 64]
    logits = classify(x, make, num_classes, divisor)  # [B, K]
    return keras.Model(image, logits, name="alexnet_lite")


def norm_pool(x, norm, index):
    """Local response normalization, if chosen, and overlapping pooling."""
    if norm == "local_response":
        x = local_response_norm(x)
    return layers.MaxPooling2D(3, 2, name=f"pool{index}")(x)


def last_convolutions(x, make, divisor=1, groups=1):
    """C3, C4 and C5, which follow each other, and the last pooling."""
    x = make.conv_block(x, 384 // divisor, 3, "conv3")
    x = make.conv_block(x, 384 // divisor, 3, "conv4", groups=groups)
    x = make.conv_block(x, 256 // divisor, 3, "conv5", groups=groups)
    return layers.MaxPooling2D(3, 2, name="pool5")(x)


def classify(x, make, num_classes, divisor=1):
    """Three dense layers, with dropout before the hidden ones."""
    x = layers.Flatten(name="flatten")(x)
    x = make.drop(x, "dense6_dropout")
    x = make.dense_block(x, 4096 // divisor, "dense6")
    x = make.drop(x, "dense7_dropout")
    x = make.dense_block(x, 4096 // divisor, "dense7", output="features")
    return make.logits(x, num_classes)
