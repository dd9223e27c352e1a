"""Convolutional nets spelled out letter by letter: `cnn_cpncpnfdf`.

The language of layers of the lecture STAT GR5242, "Advanced Machine
Learning". A word over five letters is a model, first layer first:

    c  convolution, 5x5, 64 maps, stride 1, padded ("same"), with activation
    p  pooling, 2x2 at stride 2
    n  normalization
    d  dropout
    f  fully connected, with activation; the last letter is always f and
       gives the logits, without one

`cnn_cf` is one convolution and a linear classifier, `cnn_f` softmax
regression. Vectors come out of the first f, so that c and p have no place
behind it.

What the lecture leaves open, and what is chosen here:
- Pooling keeps an incomplete last window ("same"), so that images of any size
  are left with a pixel, however many p a word has.
- n is batch normalization, after the layer before it and its activation;
  norm=local_response is that of AlexNet, for maps only.
- A hidden f has 256 units, d drops half of them.
- `features` is what the last hidden f gives, before any d behind it; where
  there is none, the maps as one vector.

Parameters on 32x32x3, 10 classes, for cnn_cpcpff: c 4,864 and 102,464, f
1,048,832 and 2,570: 1,158,730. cnn_cf: 4,864 + 655,370 = 660,234.
"""

from __future__ import annotations

import re
from typing import Literal

import keras
from keras import layers

from zoo.errors import UserError
from zoo.models.layers import (
    Activation,
    Initializer,
    LayerFactory,
    local_response_norm,
)
from zoo.models.options import Size

EXAMPLE = "cnn_cpcpff"
KINDS = {
    "c": "conv",
    "p": "pool",
    "n": "norm",
    "d": "dropout",
    "f": "dense",
}
POOLS = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    letters: str = "cpcpff",
    filter_size: Size = 5,
    maps: Size = 64,
    pool: Literal["max", "average"] = "max",
    pool_size: Size = 2,
    dense_width: Size = 256,
    activation: Activation = "relu",
    norm: Literal["batch", "local_response"] = "batch",
    dropout: float = 0.5,
    initializer: Initializer = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds the net that a word spells, from images `[B, H, W, C]`.

    Args:
        letters: over c p n d f, ending in f.
        filter_size: side of each c in pixels.
        maps: of each c.
        pool: how p summarizes a window.
        pool_size: side and stride of each p in pixels.
        dense_width: units of each f but the last.
        norm: what n does.
    """
    check_word(letters)
    check_norm(letters, norm)
    # The word says where normalization stands; no layer adds its own.
    make = LayerFactory(seed, initializer, activation, "none", dropout, l1, l2)

    def convolve(x, name):
        return make.conv_block(x, maps, filter_size, name)

    def subsample(x, name):
        return POOLS[pool](pool_size, padding="same", name=name)(x)

    def normalize(x, name):
        batch = norm == "batch"
        return make.batch_norm(x, name) if batch else local_response_norm(x)

    steps = {"c": convolve, "p": subsample, "n": normalize, "d": make.drop}
    x = image = keras.Input(input_shape, name="inputs")  # [B, H, W, C]
    hidden = letters.count("f") - 1
    for letter, name in spell(letters[:-1]):
        if letter != "f":
            x = steps[letter](x, name)  # [B, H, W, maps]; p divides H and W
            continue
        output = "features" if name == f"dense{hidden}" else None
        x = flatten(x, "flatten")  # [B, H * W * maps]
        x = make.dense_block(x, dense_width, name, output)
        # [B, dense_width]
    x = flatten(x, "flatten" if hidden else "features")  # [B, F]
    logits = make.logits(x, num_classes)  # [B, K]
    return keras.Model(image, logits, name=f"cnn_{letters}")


def spell(letters):
    """Yields each letter with its layer's name: conv1, pool1, conv2, ..."""
    for index, letter in enumerate(letters):
        count = letters[: index + 1].count(letter)
        yield letter, f"{KINDS[letter]}{count}"


def flatten(x, name):
    """Makes one vector of the maps; a vector stays as it is."""
    return layers.Flatten(name=name)(x) if len(x.shape) > 2 else x


def check_word(letters: str) -> None:
    """Raises `UserError` unless the letters spell a net."""
    name = f"cnn_{letters}"
    meaning = "c convolution, p pooling, n normalization, d dropout, f dense"
    if not letters:
        raise UserError(
            f"{name} names no layers; write one letter for each of them, as "
            f"in {EXAMPLE} ({meaning})."
        )
    if strange := re.search("[^cpndf]", letters):
        raise UserError(
            f"the letter {strange[0]!r} of {name} stands for no layer; spell "
            f"with c, p, n, d and f, as in {EXAMPLE} ({meaning})."
        )
    if late := re.search("f.*([cp])", letters):
        raise UserError(
            f"{name} has {late[1]} after f, which leaves a vector and no maps "
            f"for it; write c and p before the first f, as in {EXAMPLE}."
        )
    if not letters.endswith("f"):
        raise UserError(
            f"{name} ends in {letters[-1]}, but the last letter must be f, "
            f"which gives the logits, as in cnn_{letters}f."
        )


def check_norm(letters: str, norm: str) -> None:
    """Raises `UserError` where a vector would be normalized as maps are."""
    if norm == "local_response" and re.search("f.*n", letters):
        raise UserError(
            f"--norm=local_response compares neighbouring maps, and cnn_"
            f"{letters} has n after f, where there are none; write n before "
            "the first f, or take --norm=batch."
        )
