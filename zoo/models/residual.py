"""Residual blocks: what plain, residual and wide residual networks stack.

He, Zhang, Ren and Sun 2015, arXiv 1512.03385, put batch norm and activation
after each convolution; 2016, arXiv 1603.05027, before it. A block adds what
its convolutions give to its shortcut, the identity, except where the number
of maps changes; there the shortcut is one of

    A     every second pixel, and zeros for the new maps: no parameters
    B     a 1x1 convolution
    none  nothing is ever added: a plain network, to compare with

Where the order is pre-activation and the number of maps changes, the shortcut
sees the activated tensor, as in the authors' code; elsewhere the raw one.
"""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

from zoo.errors import UserError

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
