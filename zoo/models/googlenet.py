"""GoogLeNet: nine inception modules after three convolutions.

Szegedy et al. 2014, "Going deeper with convolutions", arXiv 1409.4842,
table 1; `MODULES` is its columns of widths. Local response normalization
stands where the paper's figure 3 has it, after the first pooling and before
the second.

What is changed, and why:
- There are no auxiliary classifiers: they are for training alone, and a model
  of the zoo has one output. With norm=batch they are not needed.
- Convolutions and poolings pad as Keras does ("same").
- Weights start with variance 2 / fan-in.

Parameters, 1000 classes, 224x224x3: 6,998,552; the paper prints rounded
counts for its rows, and those of conv1 and 4c do not follow from its own
widths. With norm=batch, 7,005,832 are trained.
"""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

from zoo.models.blocks import (
    Activation,
    Initializer,
    Parts,
    local_response_norm,
)
from zoo.models.inception import Widths, inception_module

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


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    activation: Activation = "relu",
    norm: Literal["none", "batch", "local_response"] = "local_response",
    dropout: float = 0.4,
    initializer: Initializer = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds GoogLeNet from images `[B, H, W, C]`, 64 pixels up.

    Args:
        norm: local response beside the first two poolings, or batch norm in
            every convolution.
    """
    parts = Parts(seed, initializer, activation, norm, dropout, l1, l2)
    image = keras.Input(input_shape, name="inputs")  # [B, 224, 224, 3]
    x = parts.conv_block(image, 64, 7, "conv1", strides=2)
    # [B, 112, 112, 64]
    x = pool(x, "pool1")  # [B, 56, 56, 64]
    x = respond(x, norm)
    x = parts.conv_block(x, 64, 1, "conv2_reduce")  # [B, 56, 56, 64]
    x = parts.conv_block(x, 192, 3, "conv2")  # [B, 56, 56, 192]
    x = respond(x, norm)
    x = pool(x, "pool2")  # [B, 28, 28, 192]
    x = modules(x, parts, "3a", "3b")  # [B, 28, 28, 480]
    x = pool(x, "pool3")  # [B, 14, 14, 480]
    x = modules(x, parts, "4a", "4b", "4c", "4d", "4e")  # [B, 14, 14, 832]
    x = pool(x, "pool4")  # [B, 7, 7, 832]
    x = modules(x, parts, "5a", "5b")  # [B, 7, 7, 1024]
    x = layers.GlobalAveragePooling2D(name="features")(x)  # [B, 1024]
    x = parts.drop(x, "dropout")
    logits = parts.logits(x, num_classes)  # [B, K]
    return keras.Model(image, logits, name="googlenet")


def modules(x, parts, *names):
    """Stacks inception modules, each with dimension reduction."""
    for name in names:
        widths = MODULES[name]
        x = inception_module(x, parts, f"module{name}", widths, reduced=True)
    return x


def pool(x, name):
    """Halves the sides with overlapping windows."""
    return layers.MaxPooling2D(3, 2, "same", name=name)(x)


def respond(x, norm):
    """Local response normalization, where that is the norm."""
    return local_response_norm(x) if norm == "local_response" else x
