"""LeNet-5: two rounds of convolution and subsampling, then dense layers.

LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to
document recognition". Layers keep the paper's numbers: C1, S2, C3, S4, C5, F6.

What is changed, and why:
- ReLU instead of a scaled tanh: it trains faster and better.
- S2 and S4 are plain averages, without a weight and bias for each map.
- C3 sees all six maps; the paper's table of connections saved computation.
- The output is linear with cross-entropy instead of 84 drawn digits (RBF).
- Images below 32 pixels are padded by C1 ("same"), where the paper puts the
  28x28 digit into a field of 32x32.

Parameters: 61,706 on 28x28x1 and on 32x32x1, 62,006 on 32x32x3:
C1 156 + C3 2,416 + C5 48,120 + F6 10,164 + output 850.
"""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

from zoo.models.layers import Activation, Initializer, LayerFactory

FIELD = 32  # pixels; the side for which the paper's map sizes are laid out

POOLS = {"average": layers.AveragePooling2D, "max": layers.MaxPooling2D}


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    pool: Literal["average", "max"] = "average",
    activation: Activation = "relu",
    norm: Literal["none", "batch"] = "none",
    dropout: float = 0.0,
    initializer: Initializer = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds LeNet-5 from images `[B, H, W, C]` of at least 28 pixels.

    Args:
        pool: how S2 and S4 summarize 2x2 pixels.
        dropout: dropout rate after C5 and after F6.
    """
    make = LayerFactory(seed, initializer, activation, norm, dropout, l1, l2)
    subsample = POOLS[pool]
    padding = "same" if min(input_shape[:2]) < FIELD else "valid"

    image = keras.Input(input_shape, name="inputs")  # [B, 32, 32, 1]
    x = make.conv_block(image, 6, 5, "conv1", padding=padding)
    # [B, 28, 28, 6]
    x = subsample(2, name="pool2")(x)  # [B, 14, 14, 6]
    x = make.conv_block(x, 16, 5, "conv3", padding="valid")
    # [B, 10, 10, 16]
    x = subsample(2, name="pool4")(x)  # [B, 5, 5, 16]
    x = layers.Flatten(name="flatten")(x)  # [B, 400]
    x = make.dense_block(x, 120, "dense5")  # [B, 120]
    x = make.drop(x, "dense5_dropout")
    x = make.dense_block(x, 84, "dense6", output="features")  # [B, 84]
    x = make.drop(x, "dense6_dropout")
    logits = make.logits(x, num_classes)  # [B, K]
    return keras.Model(image, logits, name="lenet5")
