"""EfficientNet-Lite: inverted residual blocks, for photographs.

Tan and Le 2019, "EfficientNet: Rethinking model scaling for convolutional
neural networks", arXiv 1905.11946, table 1; the Lite release of 2020
(tensorflow/tpu, models/official/efficientnet/lite) leaves out squeeze and
excitation and takes ReLU6 in place of swish, which small devices compute well
in 8-bit integers. A block widens its maps 6 times by a 1x1 convolution, filters
each map by itself (depthwise), narrows them again without an activation, and
adds its input where the shape is the same (Sandler et al. 2018, arXiv
1801.04381). `width` and `depth` scale the maps and the repeats of all stages;
the stem, the last convolution and, in the Lite release, the repeats of the
first and the last stage keep theirs.

What is changed, and why:
- Running averages have momentum 0.9, not 0.99, so that short trainings end
  with averages of their own weights.
- Stochastic depth, which the authors use over 350 epochs, is left out.

Trainable parameters, 1000 classes: lite0 at 224x224x3 4,652,008, lite1 at
240x240x3 5,416,680, lite2 at 260x260x3 6,092,072.
"""

from __future__ import annotations

import math

import keras
from keras import layers

from zoo.models.layers import Initializer, LayerFactory

# Repeats, side of the filters, strides, expansion and maps of each stage.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, LAST = 32, 1280  # maps of the first and of the last convolution
DIVISOR = 8  # of the number of maps, which suits processors
EPSILON = 1e-3  # of batch norm, with which the published weights were trained


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: float = 1.0,
    depth: float = 1.0,
    dropout: float = 0.2,
    initializer: Initializer = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds EfficientNet-Lite from images `[B, H, W, C]`.

    Args:
        width: factor on the maps of the stages.
        depth: factor on the repeats of the stages.
        dropout: rate before the classification layer.
    """
    make = LayerFactory(seed, initializer, dropout=dropout, l1=l1, l2=l2)
    image = keras.Input(input_shape, name="inputs")  # [B, 224, 224, 3]
    x = make.conv(image, STEM, 3, "stem_conv", 2, bias=False)
    x = _norm_relu6(x, make, "stem")  # [B, 112, 112, 32]
    # lite0: [B, 112, 112, 16], [B, 56, 56, 24], [B, 28, 28, 40],
    # [B, 14, 14, 80], [B, 14, 14, 112], [B, 7, 7, 192], [B, 7, 7, 320]
    for index, (repeats, side, strides, expansion, maps) in enumerate(STAGES):
        if 0 < index < len(STAGES) - 1:
            repeats = math.ceil(depth * repeats)
        for block in range(repeats):
            x = inverted_residual(
                x,
                make,
                f"stage{index + 1}_block{block + 1}",
                scaled_maps(maps, width),
                side,
                strides if block == 0 else 1,
                expansion,
            )
    x = make.conv(x, LAST, 1, "top_conv", bias=False)
    x = _norm_relu6(x, make, "top")  # [B, 7, 7, 1280]
    x = layers.GlobalAveragePooling2D(name="features")(x)  # [B, 1280]
    x = make.drop(x, "dropout")
    logits = make.logits(x, num_classes)  # [B, K]
    return keras.Model(image, logits, name="efficientnet_lite")


def inverted_residual(x, make, name, maps, side, strides, expansion):
    """Widens, filters each map by itself, narrows, and adds the input.

    Args:
        x: `[B, H, W, C]`.

    Returns:
        `[B, H / strides, W / strides, maps]`.
    """
    y = x
    if expansion != 1:
        wide = x.shape[-1] * expansion
        y = make.conv(x, wide, 1, f"{name}_expand_conv", bias=False)
        y = _norm_relu6(y, make, f"{name}_expand")
    y = make.depthwise_conv(y, side, f"{name}_depthwise_conv", strides)
    y = _norm_relu6(y, make, f"{name}_depthwise")
    y = make.conv(y, maps, 1, f"{name}_project_conv", bias=False)
    y = make.batch_norm(y, f"{name}_project_norm", epsilon=EPSILON)
    if strides == 1 and x.shape[-1] == maps:
        y = layers.Add(name=f"{name}_sum")([y, x])
    return y


def _norm_relu6(x, make, name):
    x = make.batch_norm(x, f"{name}_norm", epsilon=EPSILON)
    return layers.Activation("relu6", name=f"{name}_activation")(x)


def scaled_maps(maps: int, width: float) -> int:
    """Returns the number of maps at a width, a multiple of 8.

    Rounding never takes away more than a tenth.
    """
    wanted = maps * width
    rounded = max(DIVISOR, int(wanted + DIVISOR / 2) // DIVISOR * DIVISOR)
    return rounded + DIVISOR * (rounded < 0.9 * wanted)
