"""Densely connected networks: each layer sees the maps of all before it.

Huang, Liu, van der Maaten and Weinberger 2017, "Densely connected
convolutional networks", arXiv 1608.06993. A layer adds `growth` maps to those
that it is given, by concatenation, not by a sum. DenseNet-40-12: three blocks
of (40 - 4) / 3 = 12 layers that add 12 maps each. The BC form, DenseNet-BC-100,
puts a 1x1 convolution to 4 * growth maps before each 3x3 (a bottleneck, so
that a block has half as many layers), halves the maps between blocks
(compression), and starts from 2 * growth maps instead of 16.

Batch norm and ReLU come before each convolution; convolutions have no bias
and start from a normal of variance 2 / fan-in. Dropout, which the paper sets
to 0.2 where images are not augmented, follows each convolution but the first.

What is changed, and why:
- The average is taken over the whole map, so that any image size works.

Trainable parameters, 10 classes, 32x32x3: DenseNet-40-12 1,019,722,
DenseNet-100-12 6,979,642, DenseNet-BC-100-12 769,162.
"""

from __future__ import annotations

import keras
from keras import layers

from zoo.errors import UserError
from zoo.models.layers import Activation, Initializer, LayerFactory
from zoo.models.options import Depth, Size
from zoo.models.resnet import norm_activate

STEM = 16  # maps before the first block, in the plain form
BOTTLENECK = 4  # maps of a 1x1 convolution for each that a layer adds


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    depth: Depth = 40,
    growth: Size = 12,
    bottleneck: bool = False,
    activation: Activation = "relu",
    dropout: float = 0.0,
    initializer: Initializer = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds DenseNet-`depth`-`growth` from images `[B, H, W, C]`.

    Args:
        depth: layers with weights along the longest path; 3n + 4, or 6n + 4
            with bottlenecks.
        growth: maps that each layer adds, the paper's k.
        bottleneck: whether it is the BC form, with bottlenecks and
            compression.
    """
    num_layers = layers_per_block(depth, bottleneck)
    make = LayerFactory(
        seed, initializer, activation, dropout=dropout, l1=l1, l2=l2
    )
    dense = {"num_layers": num_layers, "growth": growth, "narrow": bottleneck}
    stem = 2 * growth if bottleneck else STEM
    image = keras.Input(input_shape, name="inputs")  # [B, 32, 32, 3]
    x = make.conv(image, stem, 3, "conv1", bias=False)  # [B, 32, 32, 16]
    x = dense_block(x, make, "block1", **dense)  # [B, 32, 32, 160]
    x = transition(x, make, "transition1", bottleneck)  # [B, 16, 16, 160]
    x = dense_block(x, make, "block2", **dense)  # [B, 16, 16, 304]
    x = transition(x, make, "transition2", bottleneck)  # [B, 8, 8, 304]
    x = dense_block(x, make, "block3", **dense)  # [B, 8, 8, 448]
    x = norm_activate(x, make, "final", "")
    x = layers.GlobalAveragePooling2D(name="features")(x)  # [B, 448]
    logits = make.logits(x, num_classes)  # [B, K]
    form = "_bc" if bottleneck else ""
    return keras.Model(image, logits, name=f"densenet{form}{depth}_{growth}")


def layers_per_block(depth: int, bottleneck: bool) -> int:
    """Returns n of depth = 3n + 4, or with bottlenecks 6n + 4."""
    step = 6 if bottleneck else 3
    num_layers, rest = divmod(depth - 4, step)
    if rest == 0 and num_layers >= 1:
        return num_layers
    below = step * num_layers + 4
    hint = (
        f"the nearest are {below} and {below + step}"
        if num_layers >= 1
        else f"the least is {step + 4}"
    )
    raise UserError(f"depth {depth} is not {step}n+4; {hint}.")


def dense_block(x, make, name, num_layers, growth, narrow):
    """Adds `growth` maps `num_layers` times, each made of all before."""
    for index in range(1, num_layers + 1):
        new = dense_layer(x, make, f"{name}_layer{index}", growth, narrow)
        x = layers.Concatenate(name=f"{name}_joined{index}")([x, new])
    return x


def dense_layer(x, make, name, growth, narrow):
    """Makes `growth` new maps, `[B, H, W, growth]`."""
    if narrow:
        x = norm_activate(x, make, name, 0)
        x = make.conv(x, BOTTLENECK * growth, 1, f"{name}_reduce", bias=False)
        x = make.drop(x, f"{name}_reduce_dropout")
    x = norm_activate(x, make, name, 1)
    x = make.conv(x, growth, 3, f"{name}_conv", bias=False)
    return make.drop(x, f"{name}_dropout")


def transition(x, make, name, compress):
    """Mixes the maps with a 1x1 convolution and halves their sides."""
    maps = x.shape[-1] // 2 if compress else x.shape[-1]
    x = norm_activate(x, make, name, "")
    x = make.conv(x, maps, 1, f"{name}_conv", bias=False)
    x = make.drop(x, f"{name}_dropout")
    return layers.AveragePooling2D(2, name=f"{name}_pool")(x)
