"""Wide residual networks: fewer layers than a ResNet, each `width` times wider.

Zagoruyko and Komodakis 2016, "Wide Residual Networks", arXiv 1605.07146.
WRN-28-10 has depth 28 and width 10: three groups of (28 - 4) / 6 = 4 blocks
B(3,3) with 160, 320 and 640 maps.

Built as the authors' Lua code does it, which a count of parameters does not
show: where the number of maps changes, batch norm and ReLU come before the
split, so that the 1x1 shortcut sees the activated tensor; elsewhere the
shortcut carries the raw one. Dropout sits between the two convolutions of a
block, after the second ReLU. Convolutions have no bias and start from an
untruncated normal of variance 2 / fan-in.

What is changed, and why:
- The average is taken over the whole map, where the paper pools 8x8 pixels:
  the same at 32x32, and images of any other size work too.
- Strided convolutions pad as Keras does ("same"): on even sides one row below
  and right, where Torch pads on all sides.

Trainable parameters, 10 classes, 32x32x3: WRN-16-1 175,066, WRN-16-4
2,748,890, WRN-28-2 1,467,610, WRN-40-4 8,949,210, WRN-16-8 10,961,370,
WRN-28-10 36,479,194.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from zoo.models.layers import Activation, Initializer, LayerFactory
from zoo.models.options import Depth, Size
from zoo.models.resnet import (
    blocks_per_group,
    norm_activate,
    preactivation_block,
    stack,
)


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    depth: Depth = 28,
    width: Size = 10,
    activation: Activation = "relu",
    dropout: float = 0.0,
    initializer: Initializer = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds WRN-`depth`-`width` from images `[B, H, W, C]`.

    Args:
        depth: layers with weights along the main path, 6n + 4.
        width: factor on the 16, 32 and 64 maps of the three groups.
    """
    num_blocks = blocks_per_group(depth, 4)
    make = LayerFactory(
        seed, initializer, activation, dropout=dropout, l1=l1, l2=l2
    )
    block = preactivation_block
    image = keras.Input(input_shape, name="inputs")  # [B, 32, 32, 3]
    x = make.conv(image, 16, 3, "conv1", bias=False)  # [B, 32, 32, 16]
    x = stack(block, x, make, "group1", num_blocks, 16 * width, 1)
    # [B, 32, 32, 16 * width]
    x = stack(block, x, make, "group2", num_blocks, 32 * width, 2)
    # [B, 16, 16, 32 * width]
    x = stack(block, x, make, "group3", num_blocks, 64 * width, 2)
    # [B, 8, 8, 64 * width]
    x = norm_activate(x, make, "final", "")
    x = layers.GlobalAveragePooling2D(name="features")(x)  # [B, 64 * width]
    logits = make.logits(x, num_classes)  # [B, K]
    return keras.Model(image, logits, name=f"wrn{depth}_{width}")


def paper_table(model: keras.Model) -> dict[str, Any]:
    """Returns table 1 of the paper, for this depth and width."""

    def row(name, group, layer, kernels):
        height, width = model.get_layer(layer).output.shape[1:3]
        return (name, f"{height}x{width}", f"{kernels} {group}".rstrip())

    def group(index):
        prefix = f"group{index}_block"
        first = model.get_layer(f"{prefix}1_conv1")
        blocks = {
            layer.name.partition("_conv")[0]
            for layer in model.layers
            if layer.name.startswith(prefix)
            and layer.name.endswith(("_conv1", "_conv2"))
        }
        maps = first.filters
        return row(
            f"conv{index + 1}",
            f"x {len(blocks)}",
            f"{prefix}{len(blocks)}_conv2",
            f"[3x3, {maps}; 3x3, {maps}]",
        )

    pooled = model.get_layer("features").input.shape[1:3]
    return {
        "title": "Table 1 of the paper: conv2 to conv4 are groups of N blocks "
        "B(3,3), conv1 and avg-pool as they are.",
        "heads": ("group name", "output size", "block type = B(3,3)"),
        "rows": [
            row("conv1", "", "conv1", "[3x3, 16]"),
            *(group(index) for index in (1, 2, 3)),
            ("avg-pool", "1x1", f"[{pooled[0]}x{pooled[1]}]"),
        ],
        "numbers": False,
    }
