"""Residual networks of two convolutions a block, and plain ones to compare.

He, Zhang, Ren and Sun 2015, "Deep residual learning for image recognition",
arXiv 1512.03385, section 4.2. ResNet-20 has depth 20 = 6n + 2: one
convolution, three groups of n = 3 blocks with 16, 32 and 64 maps at 32, 16
and 8 pixels, and the classifier. A plain network is the same without the
shortcuts; deep ones train worse than shallow ones, which the shortcuts
solve.

The order in a block is that of the paper, convolution, batch norm, ReLU, or
with preactivation=True that of arXiv 1603.05027, batch norm, ReLU,
convolution, with a final batch norm and ReLU after the last block. Where the
number of maps changes, the paper's CIFAR networks take shortcut A (see
`residual.py`), which has no parameters; shortcut=B is a 1x1 convolution, with
batch norm where the order is the paper's. Convolutions have no bias, since
batch norm follows, and start from a normal of variance 2 / fan-in.

What is changed, and why:
- The average is taken over the whole map, so that any image size works.
- Strided convolutions pad as Keras does ("same"): on even sides one row below
  and right, where Torch pads on all sides.
- `dropout`, between the convolutions of a block, is that of Wide ResNets, and
  off.

ResNet-18 and ResNet-34 are those of the paper's table 1, for large images:
four stages of 64 to 512 maps behind a 7x7 convolution and a pooling, which
leave a quarter of each side; shortcut B. Below 96 pixels the stem is one 3x3
convolution, as in common code for CIFAR-10 (stem=small).

Trainable parameters, 10 classes: ResNet-18 11,173,962 with the small stem and
11,181,642 with the large one, ResNet-34 21,282,122 and 21,289,802; 1000
classes, 224x224x3: 11,689,512 and 21,797,672.

Trainable parameters, 10 classes, 32x32x3, shortcut A, plain or not: depth 20
269,722, 32 464,154, 44 658,586, 56 853,018, 110 1,727,962. Shortcut B: 20
272,474, or 272,282 in the pre-activation order.
"""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

from zoo.models.layers import Activation, Initializer, LayerFactory
from zoo.models.options import Depth
from zoo.models.residual import (
    Shortcut,
    blocks_per_group,
    norm_activate,
    postactivation_block,
    preactivation_block,
    stack,
)


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    depth: Depth = 20,
    shortcut: Shortcut = "A",
    preactivation: bool = False,
    activation: Activation = "relu",
    dropout: float = 0.0,
    initializer: Initializer = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds ResNet-`depth` from images `[B, H, W, C]`.

    Args:
        depth: layers with weights along the main path, 6n + 2.
        shortcut: where the number of maps changes; none is a plain network.
        preactivation: whether batch norm and ReLU come before a convolution.
    """
    num_blocks = blocks_per_group(depth, 2)
    block = preactivation_block if preactivation else postactivation_block
    make = LayerFactory(
        seed, initializer, activation, dropout=dropout, l1=l1, l2=l2
    )
    image = keras.Input(input_shape, name="inputs")  # [B, 32, 32, 3]
    x = make.conv(image, 16, 3, "conv1", bias=False)  # [B, 32, 32, 16]
    if not preactivation:
        x = norm_activate(x, make, "conv1", "")
    x = stack(block, x, make, "group1", num_blocks, 16, 1, shortcut=shortcut)
    # [B, 32, 32, 16]
    x = stack(block, x, make, "group2", num_blocks, 32, 2, shortcut=shortcut)
    # [B, 16, 16, 32]
    x = stack(block, x, make, "group3", num_blocks, 64, 2, shortcut=shortcut)
    # [B, 8, 8, 64]
    if preactivation:
        x = norm_activate(x, make, "final", "")
    x = layers.GlobalAveragePooling2D(name="features")(x)  # [B, 64]
    logits = make.logits(x, num_classes)  # [B, K]
    family = "plain" if shortcut == "none" else "resnet"
    return keras.Model(image, logits, name=f"{family}{depth}")


STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}  # blocks, by depth
SMALL = 96  # pixels, below which the stem keeps the size of an image


def build_for_photographs(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    depth: int = 18,
    stem: Literal["auto", "small", "large"] = "auto",
    activation: Activation = "relu",
    dropout: float = 0.0,
    initializer: Initializer = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds ResNet-18 or ResNet-34 from images `[B, H, W, C]`.

    Args:
        depth: layers with weights along the main path, 18 or 34.
        stem: large divides each side by four, small keeps it, and auto is
            small below 96 pixels.
    """
    make = LayerFactory(
        seed, initializer, activation, dropout=dropout, l1=l1, l2=l2
    )
    if stem == "auto":
        stem = "small" if min(input_shape[:2]) < SMALL else "large"
    image = keras.Input(input_shape, name="inputs")  # [B, 224, 224, 3]
    side, strides = (3, 1) if stem == "small" else (7, 2)
    x = make.conv(image, 64, side, "conv1", strides, bias=False)
    x = norm_activate(x, make, "conv1", "")  # [B, 112, 112, 64]
    if stem == "large":
        x = layers.MaxPooling2D(3, 2, "same", name="pool1")(x)
    # [B, 56, 56, 64], [B, 28, 28, 128], [B, 14, 14, 256], [B, 7, 7, 512]
    for index, num_blocks in enumerate(STAGES[depth]):
        x = stack(
            postactivation_block,
            x,
            make,
            f"stage{index + 1}",
            num_blocks,
            64 * 2**index,
            1 if index == 0 else 2,
            shortcut="B",
        )
    x = layers.GlobalAveragePooling2D(name="features")(x)  # [B, 512]
    logits = make.logits(x, num_classes)  # [B, K]
    return keras.Model(image, logits, name=f"resnet{depth}")
