"""GoogLeNet, and one or two of its inception modules on small images.

A module looks at the same maps through 1x1, 3x3 and 5x5 filters and a pooling
side by side, and joins what they find. In its naive form the joined maps grow
with every module, and with them the cost of the larger filters; the reduced
form puts 1x1 convolutions before these and after the pooling. GoogLeNet has
nine of them after three convolutions.

Szegedy et al. 2014, "Going deeper with convolutions", arXiv 1409.4842,
table 1; `MODULES` is its columns of widths. Local response normalization
stands where the paper's figure 3 has it, after the first pooling and before
the second.

Two auxiliary classifiers, after 4a and 4d, are there with auxiliary=True: the
paper's help for gradients to reach the first layers. The model then has three
outputs, the logits first; the losses of the others count in training alone,
and training saves the model without them. With norm=batch they are not needed.

What is changed, and why:
- The auxiliary classifiers are an option, so that the model by default is the
  one that is left in use.
- Convolutions and poolings pad as Keras does ("same"), but for the average
  pooling of an auxiliary classifier, which makes 4x4 of 14x14. Images of 64
  pixels leave it maps of 4x4, less than its 5x5 window: it averages them
  whole.
- Weights start with variance 2 / fan-in.

Parameters, 1000 classes, 224x224x3: 6,998,552; the paper prints rounded
counts for its rows, and those of conv1 and 4c do not follow from its own
widths. With norm=batch, 7,005,832 are trained. An auxiliary classifier adds
2048 * 1024 + 1024 and 1024 * 1000 + 1000 to its convolution of 65,664 or
67,712: 13,378,280 with both.

`inception` is for images of about 32 pixels instead of 224: one 3x3 convolution
and one pooling, then 3a and 3b of the paper at half their widths with no
pooling between them; global average pooling, dropout of 40% and one dense layer
follow, as in the paper. After the first pooling an image of 8 pixels leaves
4x4, the least on which filters of 5x5 make sense. Parameters on 32x32x3, 10
classes: 135,010 reduced, 343,434 naive.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal, NamedTuple

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
SMALL_MODULES = (
    Widths(32, 48, 64, 8, 16, 16),  # 3a / 2
    Widths(64, 64, 96, 16, 48, 32),  # 3b / 2
)


def build_inception(
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
    for index, widths in enumerate(SMALL_MODULES[:modules], start=1):
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


# The columns #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5 and pool proj.
MODULES = {
    "3a": Widths(64, 96, 128, 16, 32, 32),
    "3b": Widths(128, 128, 192, 32, 96, 64),
    "4a": Widths(192, 96, 208, 16, 48, 64),
    "4b": Widths(160, 112, 224, 24, 64, 64),
    "4c": Widths(128, 128, 256, 24, 64, 64),
    "4d": Widths(112, 144, 288, 32, 64, 64),
    "4e": Widths(256, 160, 320, 32, 128, 128),
    "5a": Widths(256, 160, 320, 32, 128, 128),
    "5b": Widths(384, 192, 384, 48, 128, 128),
}
AUXILIARY_DROPOUT = 0.7


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    activation: Activation = "relu",
    norm: Literal["none", "batch", "local_response"] = "local_response",
    dropout: float = 0.4,
    auxiliary: bool = False,
    initializer: Initializer = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds GoogLeNet from images `[B, H, W, C]`, 64 pixels up.

    Args:
        norm: local response beside the first two poolings, or batch norm in
            every convolution.
        auxiliary: whether two further outputs, logits as the first, come from
            the middle of the model. Each drops 70%, whatever `dropout` is.
    """
    make = LayerFactory(seed, initializer, activation, norm, dropout, l1, l2)
    image = keras.Input(input_shape, name="inputs")  # [B, 224, 224, 3]
    x = make.conv_block(image, 64, 7, "conv1", strides=2)
    # [B, 112, 112, 64]
    x = pool(x, "pool1")  # [B, 56, 56, 64]
    x = respond(x, norm)
    x = make.conv_block(x, 64, 1, "conv2_reduce")  # [B, 56, 56, 64]
    x = make.conv_block(x, 192, 3, "conv2")  # [B, 56, 56, 192]
    x = respond(x, norm)
    x = pool(x, "pool2")  # [B, 28, 28, 192]
    x = modules(x, make, "3a", "3b")  # [B, 28, 28, 480]
    x = pool(x, "pool3")  # [B, 14, 14, 480]
    x = first = modules(x, make, "4a")  # [B, 14, 14, 512]
    x = second = modules(x, make, "4b", "4c", "4d")  # [B, 14, 14, 528]
    x = modules(x, make, "4e")  # [B, 14, 14, 832]
    x = pool(x, "pool4")  # [B, 7, 7, 832]
    x = modules(x, make, "5a", "5b")  # [B, 7, 7, 1024]
    x = layers.GlobalAveragePooling2D(name="features")(x)  # [B, 1024]
    x = make.drop(x, "dropout")
    outputs = logits = make.logits(x, num_classes)  # [B, K]
    if auxiliary:
        make = dataclasses.replace(make, dropout=AUXILIARY_DROPOUT)
        heads = {"auxiliary1": first, "auxiliary2": second}
        outputs = [logits]
        for name, maps in heads.items():
            outputs.append(classify(maps, make, name, num_classes))  # [B, K]
    return keras.Model(image, outputs, name="googlenet")


def modules(x, make, *names):
    """Stacks inception modules, each with dimension reduction."""
    for name in names:
        widths = MODULES[name]
        x = inception_module(x, make, f"module{name}", widths, reduced=True)
    return x


def classify(x, make, name, num_classes):
    """Gives the logits of an auxiliary classifier."""
    window = tuple(min(5, side) for side in x.shape[1:3])
    x = layers.AveragePooling2D(window, 3, name=f"{name}_pool")(x)
    # [B, 4, 4, 512 or 528]
    x = make.conv_block(x, 128, 1, f"{name}_conv")  # [B, 4, 4, 128]
    x = layers.Flatten(name=f"{name}_flatten")(x)  # [B, 2048]
    x = make.dense(x, 1024, f"{name}_dense")  # [B, 1024]
    x = make.activate(x, f"{name}_dense_activation")
    x = make.drop(x, f"{name}_dropout")
    return make.logits(x, num_classes, name=f"{name}_logits")  # [B, K]


def pool(x, name):
    """Halves the sides with overlapping windows."""
    return layers.MaxPooling2D(3, 2, "same", name=name)(x)


def respond(x, norm):
    """Local response normalization, where that is the norm."""
    return local_response_norm(x) if norm == "local_response" else x


def paper_table(model: keras.Model) -> dict[str, Any]:
    """Returns table 1 of the paper, counted on the model.

    Parameters are those of the kernels, and the cost is in multiply-adds, as
    the paper counts both.
    """
    rows = [
        _row(model, "convolution", "conv1", ["conv1"], 1),
        _row(model, "max pool", "pool1", ["pool1"], 0),
        _row(
            model,
            "convolution",
            "conv2",
            ["conv2_reduce", "conv2"],
            2,
            ["", "64", "192", "", "", ""],
        ),
        _row(model, "max pool", "pool2", ["pool2"], 0),
    ]
    pools = {"3b": "pool3", "4e": "pool4"}
    for name, widths in MODULES.items():
        module = f"module{name}"
        branches = ("1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_1x1")
        columns = [str(width) for width in widths]
        own = [f"{module}_{branch}" for branch in branches]
        joined = f"{module}_joined"
        title = f"inception ({name})"
        rows.append(_row(model, title, joined, own, 2, columns))
        if name in pools:
            pool = pools[name]
            rows.append(_row(model, "max pool", pool, [pool], 0))
    rows.append(_row(model, "avg pool", "features", [], 0))
    if any(layer.name == "dropout" for layer in model.layers):
        rate = model.get_layer("dropout").rate
        title = f"dropout ({rate:.0%})"
        rows.append(_row(model, title, "features", [], 0))
    rows.append(_row(model, "linear", "logits", ["logits"], 1))
    classes = model.get_layer("logits").units
    rows.append(("softmax", "", f"1x1x{classes}", "0", *[""] * 8))
    return {
        "title": "Table 1 of the paper, counted on this model: kernels without "
        "biases, multiply-adds of one image.",
        "heads": (
            *("type", "patch/stride", "output size", "depth"),
            *("#1x1", "#3x3 reduce", "#3x3", "#5x5 reduce", "#5x5"),
            *("pool proj", "params", "ops"),
        ),
        "rows": rows,
        "numbers": True,
    }


def _row(model, title, output, names, depth, columns=("",) * 6):
    """Returns one row of the table.

    Args:
        output: layer whose output is that of the row.
        names: layers of the row, whose cost is summed; the last one's window
            is shown, except in a module.
        depth: layers with weights one behind another.
    """
    shape = model.get_layer(output).output.shape[1:]
    height, width, maps = (1, 1, *shape)[-3:]
    patch, params, operations = "", 0, 0
    for layer in map(model.get_layer, names):
        if isinstance(layer, layers.MaxPooling2D):
            patch = _patch(layer.pool_size, layer.strides)
        elif isinstance(layer, layers.Conv2D):
            kernel = math.prod(layer.kernel.shape)
            params += kernel
            operations += kernel * math.prod(layer.output.shape[1:3])
            patch = _patch(layer.kernel_size, layer.strides)
        else:
            params += math.prod(layer.kernel.shape)
            operations = params
    if output.endswith("_joined"):
        patch = ""
    if output == "features" and title == "avg pool":
        side, _ = model.get_layer(output).input.shape[1:3]
        patch = f"{side}x{side}/1"
    size = f"{height}x{width}x{maps}"
    costs = (_rounded(params), _rounded(operations)) if names else ("", "")
    return title, patch, size, str(depth), *columns, *costs


def _patch(size, strides):
    return f"{size[0]}x{size[1]}/{strides[0]}"


def _rounded(number):
    """Formats a count in the paper's units, K and M of a thousand."""
    if not number:
        return ""
    if number < 1e6:
        return f"{number / 1e3:.3g}K"
    return f"{number / 1e6:.3g}M"
