"""Residual networks, plain ones to compare with, and their wide sisters.

He, Zhang, Ren and Sun 2015, "Deep residual learning for image recognition",
arXiv 1512.03385. A block adds what its convolutions give to its shortcut, the
identity, except where the number of maps changes; there the shortcut is one of

    A     every second pixel, and zeros for the new maps: no parameters
    B     a 1x1 convolution, with batch norm where the order is the paper's
    none  nothing is ever added: a plain network, to compare with

The order in a block is that of the paper, convolution, batch norm, ReLU, or
with preactivation=True that of arXiv 1603.05027, batch norm, ReLU,
convolution, with a final batch norm and ReLU after the last block. There, if
the number of maps changes, the shortcut sees the activated tensor, as in the
authors' code; elsewhere the raw one. Convolutions have no bias, since batch
norm follows, and start from a normal of variance 2 / fan-in.

ResNet-20 and its like (section 4.2) have depth 20 = 6n + 2: one convolution,
three groups of n = 3 blocks with 16, 32 and 64 maps at 32, 16 and 8 pixels,
and the classifier; shortcut A. A plain network is the same without the
shortcuts; deep ones train worse than shallow ones, which the shortcuts solve.

ResNet-18 and ResNet-34 are those of table 1, for large images: four stages of
64 to 512 maps behind a 7x7 convolution and a pooling, which leave a quarter of
each side; shortcut B. Below 96 pixels the stem is one 3x3 convolution, as in
common code for CIFAR-10 (stem=small).

ResNet-50, and its wide sisters WRN-50-2 and WRN-50-3 (Zagoruyko and Komodakis
2016, "Wide Residual Networks", arXiv 1605.07146, section 3): a block narrows
to `filters` maps with a 1x1 convolution, looks at them with a 3x3 one, and
widens to 4 * filters with another; the stages have 3, 4, 6 and 3 of them,
shortcut B. A wide sister has `width` times as many maps inside its blocks and
the same number outside.

What is changed, and why:
- The average is taken over the whole map, so that any image size works.
- Strided convolutions and poolings pad as Keras does ("same"): on even sides
  one row below and right, where Torch pads on all sides.
- `dropout`, between the convolutions of a block, is that of Wide ResNets, and
  off.
- The stride of a stage of ResNet-50 is in the 3x3 convolution, as in the
  authors' wide networks and in Torch's models, not in the first 1x1, where
  three of four pixels would go unseen; --model_arg=strided=1x1 puts it there,
  as in the paper ("v1"). Parameters are the same, multiply-adds 4,089 M and
  3,858 M.

Trainable parameters, 10 classes, 32x32x3, shortcut A, plain or not: depth 20
269,722, 32 464,154, 44 658,586, 56 853,018, 110 1,727,962. Shortcut B: 20
272,474, or 272,282 in the pre-activation order. ResNet-18 11,173,962 with the
small stem and 11,181,642 with the large one, ResNet-34 21,282,122 and
21,289,802. 1000 classes, 224x224x3: ResNet-18 11,689,512, ResNet-34 21,797,672,
ResNet-50 25,557,032, WRN-50-2 68,883,240, WRN-50-3 134,843,944.
"""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

from zoo.errors import UserError
from zoo.models.layers import Activation, Initializer, LayerFactory
from zoo.models.options import Depth, Size

OF_IMAGENET = (101, 152)  # depths of ResNets that are not here
Shortcut = Literal["A", "B", "none"]


def blocks_per_group(depth: int, others: int) -> int:
    """Returns n of depth = 6n + others, the blocks in each of three groups.

    Args:
        depth: layers with weights along the main path.
        others: those of them that are in no block, 2 or 4.

    Raises:
        UserError: no n gives this depth; names those nearest.
    """
    num_blocks, rest = divmod(depth - others, 6)
    if rest == 0 and num_blocks >= 1:
        return num_blocks
    below = 6 * num_blocks + others
    hint = f"the nearest are {below} and {below + 6}"
    if num_blocks < 1:
        hint = f"the least is {others + 6}"
    if depth in OF_IMAGENET:
        hint += "; of those for large images there are resnet18, 34 and 50"
    raise UserError(f"depth {depth} is not 6n+{others}; {hint}.")


def stack(block, x, make, name, num_blocks, filters, strides, **options):
    """Stacks blocks of one width; the first one changes size and width."""
    x = block(x, make, f"{name}_block1", filters, strides, **options)
    for index in range(2, num_blocks + 1):
        x = block(x, make, f"{name}_block{index}", filters, 1, **options)
    return x


def preactivation_block(x, make, name, filters, strides, shortcut="B"):
    """Adds two 3x3 convolutions, each after batch norm and activation.

    Args:
        x: `[B, H, W, C]`.

    Returns:
        `[B, H / strides, W / strides, filters]`.
    """
    activated = norm_activate(x, make, name, 1)
    carried = x
    if x.shape[-1] != filters:
        carried = resample(activated, make, name, filters, strides, shortcut)
    y = make.conv(activated, filters, 3, f"{name}_conv1", strides, bias=False)
    y = norm_activate(y, make, name, 2)
    y = make.drop(y, f"{name}_dropout")
    y = make.conv(y, filters, 3, f"{name}_conv2", bias=False)
    return add(y, carried, name, shortcut)


def postactivation_block(x, make, name, filters, strides, shortcut="A"):
    """Adds two 3x3 convolutions; batch norm after each, ReLU after the sum.

    Args:
        x: `[B, H, W, C]`.

    Returns:
        `[B, H / strides, W / strides, filters]`.
    """
    carried = x
    if x.shape[-1] != filters:
        carried = resample(x, make, name, filters, strides, shortcut)
        if shortcut == "B":
            carried = make.batch_norm(carried, f"{name}_shortcut_norm")
    y = make.conv(x, filters, 3, f"{name}_conv1", strides, bias=False)
    y = norm_activate(y, make, name, 1)
    y = make.drop(y, f"{name}_dropout")
    y = make.conv(y, filters, 3, f"{name}_conv2", bias=False)
    y = make.batch_norm(y, f"{name}_norm2")
    y = add(y, carried, name, shortcut)
    return make.activate(y, f"{name}_activation2")


def resample(x, make, name, filters, strides, shortcut):
    """Brings a shortcut to the size and width of what it is added to."""
    if shortcut == "A":
        if strides > 1:
            x = layers.MaxPooling2D(1, strides, name=f"{name}_subsample")(x)
        new = filters - x.shape[-1]
        return keras.ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, new)))
    if shortcut == "B":
        return make.conv(x, filters, 1, f"{name}_shortcut", strides, bias=False)
    return x


def add(y, carried, name, shortcut):
    """Adds the shortcut, unless the network is a plain one."""
    if shortcut == "none":
        return y
    return layers.Add(name=f"{name}_sum")([y, carried])


def norm_activate(x, make, name, index):
    """Batch norm, then the activation."""
    x = make.batch_norm(x, f"{name}_norm{index}")
    return make.activate(x, f"{name}_activation{index}")


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


EXPANSION = 4  # maps outside a block for each of the narrow ones of ResNet-50


def build_bottleneck(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: Size = 1,
    strided: Literal["3x3", "1x1"] = "3x3",
    activation: Activation = "relu",
    initializer: Initializer = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds ResNet-50, or WRN-50-`width`, from images `[B, H, W, C]`.

    Args:
        width: factor on the maps inside the blocks.
        strided: which convolution of a block has the stride of its stage.
    """
    make = LayerFactory(seed, initializer, activation, l1=l1, l2=l2)
    options = {"width": width, "strided": strided}
    image = keras.Input(input_shape, name="inputs")  # [B, 224, 224, 3]
    x = make.conv(image, 64, 7, "conv1", 2, bias=False)
    x = norm_activate(x, make, "conv1", "")  # [B, 112, 112, 64]
    x = layers.MaxPooling2D(3, 2, "same", name="pool1")(x)  # [B, 56, 56, 64]
    x = stack(bottleneck_block, x, make, "stage1", 3, 64, 1, **options)
    # [B, 56, 56, 256]
    x = stack(bottleneck_block, x, make, "stage2", 4, 128, 2, **options)
    # [B, 28, 28, 512]
    x = stack(bottleneck_block, x, make, "stage3", 6, 256, 2, **options)
    # [B, 14, 14, 1024]
    x = stack(bottleneck_block, x, make, "stage4", 3, 512, 2, **options)
    # [B, 7, 7, 2048]
    x = layers.GlobalAveragePooling2D(name="features")(x)  # [B, 2048]
    logits = make.logits(x, num_classes)  # [B, K]
    name = "resnet50" if width == 1 else f"wrn50_{width}"
    return keras.Model(image, logits, name=name)


def bottleneck_block(x, make, name, filters, strides, width, strided):
    """Narrows, looks, widens, and adds the shortcut.

    Args:
        x: `[B, H, W, C]`.

    Returns:
        `[B, H / strides, W / strides, 4 * filters]`.
    """
    inner, outer = filters * width, filters * EXPANSION
    first, second = (1, strides) if strided == "3x3" else (strides, 1)
    carried = x
    if x.shape[-1] != outer:
        carried = resample(x, make, name, outer, strides, "B")
        carried = make.batch_norm(carried, f"{name}_shortcut_norm")
    y = make.conv(x, inner, 1, f"{name}_conv1", first, bias=False)
    y = norm_activate(y, make, name, 1)
    y = make.conv(y, inner, 3, f"{name}_conv2", second, bias=False)
    y = norm_activate(y, make, name, 2)
    y = make.conv(y, outer, 1, f"{name}_conv3", bias=False)
    y = make.batch_norm(y, f"{name}_norm3")
    y = layers.Add(name=f"{name}_sum")([y, carried])
    return make.activate(y, f"{name}_activation3")
