"""One or two inception modules on small images.

Szegedy et al. 2014, "Going deeper with convolutions", arXiv 1409.4842. A
module looks at the same maps through 1x1, 3x3 and 5x5 filters and a pooling
side by side, and joins what they find. In its naive form the joined maps grow
with every module, and with them the cost of the larger filters; the reduced
form puts 1x1 convolutions before these and after the pooling.

What is changed, and why:
- One 3x3 convolution and one pooling come before the modules, for images of
  about 32 pixels instead of 224.
- The two modules are 3a and 3b of the paper at half their widths, with no
  pooling between them.
- Weights start with variance 2 / fan-in.

Global average pooling, dropout of 40% and one dense layer follow, as in the
paper. After the first pooling an image of 8 pixels leaves 4x4, the least on
which filters of 5x5 make sense.

Parameters on 32x32x3, 10 classes: 135,010 reduced, 343,434 naive.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import keras
from keras import layers

from zoo.models.layers import (
    Activation,
    Initializer,
    LayerFactory,
    local_response_norm,
)


class Widths(NamedTuple):
    """Maps of one module, in the order of the paper's table 1."""

    one: int
    reduce_three: int
    three: int
    reduce_five: int
    five: int
    pool: int


STEM = 32
MODULES = (
    Widths(32, 48, 64, 8, 16, 16),  # 3a / 2
    Widths(64, 64, 96, 16, 48, 32),  # 3b / 2
)


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    modules: Literal[1, 2] = 2,
    reduced: bool = True,
    activation: Activation = "relu",
    norm: Literal["none", "batch", "local_response"] = "none",
    dropout: float = 0.4,
    initializer: Initializer = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds a small inception net from images `[B, H, W, C]`, 8 pixels up.

    Args:
        modules: how many of the two modules are used.
        reduced: whether 1x1 convolutions come before 3x3 and 5x5 and after
            the pooling, or the module is the naive one.
        norm: local response after the first pooling, or batch norm in every
            convolution.
    """
    make = LayerFactory(seed, initializer, activation, norm, dropout, l1, l2)
    image = keras.Input(input_shape, name="inputs")  # [B, 32, 32, 3]
    x = make.conv_block(image, STEM, 3, "conv1")  # [B, 32, 32, 32]
    x = layers.MaxPooling2D(3, 2, "same", name="pool1")(x)  # [B, 16, 16, 32]
    if norm == "local_response":
        x = local_response_norm(x)
    for index, widths in enumerate(MODULES[:modules], start=1):
        x = inception_module(x, make, f"module{index}", widths, reduced)
    # [B, 16, 16, 240], or naive [B, 16, 16, 352]
    x = layers.GlobalAveragePooling2D(name="features")(x)  # [B, 240]
    x = make.drop(x, "dropout")
    logits = make.logits(x, num_classes)  # [B, K]
    return keras.Model(image, logits, name="inception")


def inception_module(x, make, name, widths, reduced):
    """Joins four views of the same maps.

    Args:
        x: `[B, H, W, C]`.
        widths: maps of each branch; the naive form does not use the two
            reductions and the projection.

    Returns:
        `[B, H, W, one + three + five + pool]`; naive has C in place of pool.
    """
    before_three = before_five = x
    pooled = layers.MaxPooling2D(3, 1, "same", name=f"{name}_pool")(x)
    if reduced:
        before_three = make.conv_block(
            x, widths.reduce_three, 1, f"{name}_3x3_reduce"
        )
        before_five = make.conv_block(
            x, widths.reduce_five, 1, f"{name}_5x5_reduce"
        )
        pooled = make.conv_block(pooled, widths.pool, 1, f"{name}_pool_1x1")
    branches = [
        make.conv_block(x, widths.one, 1, f"{name}_1x1"),
        make.conv_block(before_three, widths.three, 3, f"{name}_3x3"),
        make.conv_block(before_five, widths.five, 5, f"{name}_5x5"),
        pooled,
    ]
    return layers.Concatenate(name=f"{name}_joined")(branches)
