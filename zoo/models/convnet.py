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

Numbers after a letter say what else a layer is, and hyphens may stand between
layers: `cnn_c32k3s2v-p-c64k3-f128-d-f`.

    c32k3s2v  32 maps, kernel 3x3, stride 2, padding "valid"
    p3s2, pa3 pooling 3x3 at stride 2; pooling by the average, 3x3 at stride 3
              (a average, m maximum; v padding "valid")
    f128      128 units

Each of them may be left out: the options of the model (`maps`, `filter_size`,
`pool`, `pool_size`, `dense_width`) hold wherever the word has no number.

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
cnn_c32k3s2v-p-c64k3-f128-d-f leaves 15x15 and, pooled, 8x8 pixels: 896 +
18,496 + 524,416 + 1,290 = 545,098.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

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
NUMBERED_EXAMPLE = "cnn_c32k3s2v-p-c64k3-f128-d-f"
KINDS = {
    "c": "conv",
    "p": "pool",
    "n": "norm",
    "d": "dropout",
    "f": "dense",
}
POOLS = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}
POOL_KINDS = {"m": "max", "a": "average"}
LAYER = re.compile(
    r"""
    c (?P<maps>N)? (?:k(?P<kernel>N))? (?:s(?P<stride>N))?
        (?P<valid>v)?
    | p (?P<pool>[ma])? (?P<window>N)? (?:s(?P<step>N))? (?P<cut>v)?
    | f (?P<units>N)?
    | [nd]
    """.replace("N", "[1-9][0-9]{0,8}(?![0-9])"),
    re.VERBOSE,
)


class LayerSpec(NamedTuple):
    """One layer of a word; `None` where the word leaves it to the options.

    Attributes:
        letter: One of c p n d f.
        width: Maps of c, or units of f.
        size: Side of the filter of c or of the window of p, in pixels.
        stride: Pixels between two places of that filter or window.
        padding: "same" or "valid".
        pool: "max" or "average".
    """

    letter: str
    width: int | None = None
    size: int | None = None
    stride: int | None = None
    padding: Literal["same", "valid"] = "same"
    pool: str | None = None


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
        letters: over c p n d f, ending in f, with numbers or without.
        filter_size: side of each c in pixels, where the word has no k.
        maps: of each c without a number.
        pool: how p summarizes a window, where the word has no m or a.
        pool_size: side and stride of each p without a number, in pixels.
        dense_width: units of each f without a number but the last.
        norm: what n does.
    """
    specs = parse_word(letters)
    check_norm(letters, norm)
    # The word says where normalization stands; no layer adds its own.
    make = LayerFactory(seed, initializer, activation, "none", dropout, l1, l2)

    def convolve(x, name, spec):
        side = spec.size or filter_size
        check_fit(letters, x, name, side, spec.padding)
        return make.conv_block(
            x,
            spec.width or maps,
            side,
            name,
            strides=spec.stride or 1,
            padding=spec.padding,
        )

    def subsample(x, name, spec):
        side = spec.size or pool_size
        check_fit(letters, x, name, side, spec.padding)
        layer = POOLS[spec.pool or pool]
        return layer(side, spec.stride or side, spec.padding, name=name)(x)

    def normalize(x, name, spec):
        batch = norm == "batch"
        return make.batch_norm(x, name) if batch else local_response_norm(x)

    def drop(x, name, spec):
        return make.drop(x, name)

    steps = {"c": convolve, "p": subsample, "n": normalize, "d": drop}
    x = image = keras.Input(input_shape, name="inputs")  # [B, H, W, C]
    hidden = sum(spec.letter == "f" for spec in specs) - 1
    for spec, name in name_layers(specs[:-1]):
        if spec.letter != "f":
            x = steps[spec.letter](x, name, spec)  # [B, H, W, maps]
            continue
        output = "features" if name == f"dense{hidden}" else None
        x = flatten(x, "flatten")  # [B, H * W * maps]
        x = make.dense_block(x, spec.width or dense_width, name, output)
        # [B, dense_width]
    x = flatten(x, "flatten" if hidden else "features")  # [B, F]
    logits = make.logits(x, num_classes)  # [B, K]
    return keras.Model(image, logits, name=f"cnn_{letters}")


def name_layers(specs):
    """Yields each layer with its name: conv1, pool1, conv2, ..."""
    counts = dict.fromkeys(KINDS, 0)
    for spec in specs:
        counts[spec.letter] += 1
        yield spec, f"{KINDS[spec.letter]}{counts[spec.letter]}"


def flatten(x, name):
    """Makes one vector of the maps; a vector stays as it is."""
    return layers.Flatten(name=name)(x) if len(x.shape) > 2 else x


def parse_word(letters: str) -> list[LayerSpec]:
    """Returns the layers that a word spells.

    Raises:
        UserError: the word spells no net.
    """
    name = f"cnn_{letters}"
    meaning = "c convolution, p pooling, n normalization, d dropout, f dense"
    if not letters:
        raise UserError(
            f"{name} names no layers; write one letter for each of them, as "
            f"in {EXAMPLE} ({meaning})."
        )
    if strange := re.search("[^cpndfksvma0-9-]", letters):
        raise UserError(
            f"the letter {strange[0]!r} of {name} stands for no layer; spell "
            f"with c, p, n, d and f, as in {EXAMPLE} ({meaning})."
        )
    specs = []
    position = 0
    while position < len(letters):
        found = LAYER.match(letters, position)
        if found is None:
            rest = letters[position:]
            raise UserError(
                f"{name} has {rest!r} where a layer begins; numbers, k, s, v, "
                "m and a belong to a layer before them, and one hyphen may "
                f"stand between two layers, as in {NUMBERED_EXAMPLE} (maps, "
                "k kernel, s stride, v valid padding)."
            )
        specs.append(_spec(found))
        position = found.end()
        if letters[position : position + 1] == "-":
            position += 1
    word = "".join(spec.letter for spec in specs)
    if late := re.search("f.*([cp])", word):
        raise UserError(
            f"{name} has {late[1]} after f, which leaves a vector and no maps "
            f"for it; write c and p before the first f, as in {EXAMPLE}."
        )
    last = specs[-1]
    if last.letter != "f":
        raise UserError(
            f"{name} ends in {last.letter}, but the last letter must be f, "
            f"which gives the logits, as in cnn_{letters}f."
        )
    if last.width or letters.endswith("-"):
        raise UserError(
            f"{name} ends in {letters[-1]!r}, but the last layer must be f "
            "alone, which gives one logit for each class, as in "
            f"{NUMBERED_EXAMPLE}."
        )
    return specs


def _spec(found: re.Match) -> LayerSpec:
    """Returns one layer of a word, as `LAYER` matched it."""
    groups = found.groupdict()

    def number(*names: str) -> int | None:
        texts = [groups[name] for name in names if groups[name]]
        return int(texts[0]) if texts else None

    return LayerSpec(
        letter=found[0][0],
        width=number("maps", "units"),
        size=number("kernel", "window"),
        stride=number("stride", "step"),
        padding="valid" if groups["valid"] or groups["cut"] else "same",
        pool=POOL_KINDS.get(groups["pool"]),
    )


def check_fit(letters, x, name, side, padding) -> None:
    """Raises `UserError` where an unpadded window is larger than the maps."""
    height, width = x.shape[1:3]
    if padding == "valid" and side > min(height, width):
        raise UserError(
            f"{name} of cnn_{letters} needs maps of at least {side}x{side} "
            f"pixels, as its padding is valid, but gets {height}x{width}; "
            "leave out its v, or take larger images."
        )


def check_norm(letters: str, norm: str) -> None:
    """Raises `UserError` where a vector would be normalized as maps are."""
    if norm == "local_response" and re.search("f.*n", letters):
        raise UserError(
            f"--norm=local_response compares neighboring maps, and cnn_"
            f"{letters} has n after f, where there are none; write n before "
            "the first f, or take --norm=batch."
        )
