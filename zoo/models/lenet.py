"""LeNet-5 as it is taught, and as it was published.

LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to
document recognition". Two rounds of convolution and subsampling, then dense
layers, which keep the paper's numbers: C1, S2, C3, S4, C5, F6. Images below 32
pixels are padded by C1 ("same"), where the paper puts the 28x28 digit into a
field of 32x32.

`lenet5` is what is taught under this name today. What is changed, and why:
- ReLU instead of a scaled tanh: it trains faster and better.
- S2 and S4 are plain averages, without a weight and bias for each map.
- C3 sees all six maps; the paper's table of connections saved computation.
- The output is linear with cross-entropy instead of 84 drawn digits (RBF).

Parameters: 61,706 on 28x28x1 and on 32x32x1, 62,006 on 32x32x3:
C1 156 + C3 2,416 + C5 48,120 + F6 10,164 + output 850.

`lenet5_1998` is that of section II.B:
- C3's table of connections: each of its 16 maps sees 3, 4 or 6 of the six;
- S2 and S4, which multiply each map's average by a coefficient of its own,
  add a bias, and squash;
- 1.7159 tanh(2x / 3) after every layer up to F6.

What is changed there, and why:
- The output is that of the paper's RBF units, the distance of F6 from a fixed
  code of -1 and 1 for each class, less what is the same for all classes:
  |x|^2 and |code|^2 cancel in the softmax. What is left is a product with the
  code, which is no parameter; it is divided by the square root of 84, so that
  the untrained loss is moderate.
- The codes are drawn at random, which the paper allows; it draws the digits
  as bitmaps of 7x12, which would fix the number of classes.
- The loss is cross-entropy; the start is a normal of variance 1 / fan-in, for
  coefficients the paper's uniform within 2.4 / fan-in.

Trainable parameters on 28x28x1 and 32x32x1: C1 156 + S2 12 + C3 1,516 + S4 32
+ C5 48,120 + F6 10,164 = 60,000; the codes are 840 numbers more, not trained.
"""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

from zoo.models.layers import (
    Activation,
    Initializer,
    LayerFactory,
    layer_seed,
    make_initializer,
)

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


# Maps of S2 that each map of C3 sees; the paper's table 1.
CONNECTIONS = (
    (0, 1, 2),
    (1, 2, 3),
    (2, 3, 4),
    (3, 4, 5),
    (0, 4, 5),
    (0, 1, 5),
    (0, 1, 2, 3),
    (1, 2, 3, 4),
    (2, 3, 4, 5),
    (0, 3, 4, 5),
    (0, 1, 4, 5),
    (0, 1, 2, 5),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)
CODE = 84  # units of F6, and so numbers in a code


def build_1998(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    initializer: Initializer = "lecun_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds the first LeNet-5 from images `[B, H, W, C]`, 28 pixels up."""
    make = LayerFactory(seed, initializer, l1=l1, l2=l2)
    padding = "same" if min(input_shape[:2]) < FIELD else "valid"

    image = keras.Input(input_shape, name="inputs")  # [B, 32, 32, 1]
    x = make.conv(image, 6, 5, "conv1", padding=padding)  # [B, 28, 28, 6]
    x = squash(x, "conv1")
    x = trainable_subsample(x, make, "pool2")  # [B, 14, 14, 6]
    x = connect(x, make, "conv3")  # [B, 10, 10, 16]
    x = squash(x, "conv3")
    x = trainable_subsample(x, make, "pool4")  # [B, 5, 5, 16]
    x = layers.Flatten(name="flatten")(x)  # [B, 400]
    x = squash(make.dense(x, 120, "dense5"), "dense5")  # [B, 120]
    x = make.dense(x, CODE, "dense6")  # [B, 84]
    x = squash(x, "dense6", output="features")
    logits = compare(x, num_classes, seed)  # [B, K]
    return keras.Model(image, logits, name="lenet5_1998")


def squash(x, name, output=None):
    """1.7159 tanh(2x / 3), which takes 1 to 1 and -1 to -1."""
    x = layers.Rescaling(2 / 3, name=f"{name}_slope")(x)
    x = layers.Activation("tanh", name=f"{name}_tanh")(x)
    return layers.Rescaling(1.7159, name=output or f"{name}_activation")(x)


def trainable_subsample(x, make, name):
    """Averages 2x2 pixels; a coefficient and a bias for each map; squashes."""
    x = layers.AveragePooling2D(2, name=name)(x)
    start = keras.initializers.RandomUniform(
        -2.4, 2.4, seed=layer_seed(make.seed, name)
    )
    x = layers.DepthwiseConv2D(
        1, depthwise_initializer=start, name=f"{name}_coefficient"
    )(x)
    return squash(x, name)


def connect(x, make, name):
    """Sixteen maps, each a 5x5 convolution of those maps that it sees."""
    maps = [
        make.conv(
            keras.ops.take(x, list(seen), axis=-1),
            1,
            5,
            f"{name}_map{index}",
            padding="valid",
        )
        for index, seen in enumerate(CONNECTIONS)
    ]
    return layers.Concatenate(name=name)(maps)


def compare(x, num_classes, seed):
    """Likeness of F6 to each class's fixed random code, float32."""
    layer = layers.Dense(
        num_classes,
        use_bias=False,
        kernel_initializer=make_initializer(
            "small_normal", layer_seed(seed, "logits")
        ),
        trainable=False,
        dtype="float32",
        name="logits",
    )
    logits = layer(x)
    layer.kernel.assign(keras.ops.sign(layer.kernel) / CODE**0.5)
    return logits
