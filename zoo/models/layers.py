"""Layers shared by the architectures: convolution, dense, norm, logits.

`LayerFactory` holds the options of one model and applies layers, tensor in,
tensor out. The weights of every layer are drawn with a seed of its own,
derived from the model's seed and the layer's name: the same seed gives the
same weights bit for bit, and no two layers start with equal weights.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import Any, Literal

import keras
import numpy as np
from keras import layers

Activation = Literal[
    "relu",
    "leaky_relu",
    "elu",
    "gelu",
    "gelu_tanh",
    "softplus",
    "sigmoid",
    "tanh",
    "none",
]
Initializer = Literal[
    "he_normal",
    "he_uniform",
    "glorot_normal",
    "glorot_uniform",
    "lecun_normal",
    "torch_uniform",
    "small_normal",
    "equal",
]

# (scale, fan, distribution): the variance of the weights is scale / fan. Each
# normal distribution is untruncated, as in the papers; Keras's own functions
# of these names truncate at two standard deviations.
VARIANCE_SCALING = {
    "he_normal": (2.0, "fan_in", "untruncated_normal"),
    "he_uniform": (2.0, "fan_in", "uniform"),
    "glorot_normal": (1.0, "fan_avg", "untruncated_normal"),
    "glorot_uniform": (1.0, "fan_avg", "uniform"),
    "lecun_normal": (1.0, "fan_in", "untruncated_normal"),
    # Uniform within 1 / sqrt(fan-in), as Torch starts every layer.
    "torch_uniform": (1 / 3, "fan_in", "uniform"),
}
# Initialization of the classification layer, as LeCun's and Torch's linear
# layers: the logits start small, and the loss near ln K.
LOGITS_SCALING = VARIANCE_SCALING["torch_uniform"]
SMALL_STD = 0.01  # std of small_normal, and the value of every weight of equal
NEGATIVE_SLOPE = 0.2  # of leaky_relu, max(0.2 x, x)

# Batch norm as in Torch and in the papers; Keras's defaults are 0.99 and 1e-3.
BATCH_NORM_MOMENTUM = 0.9
BATCH_NORM_EPSILON = 1e-5

# Szegedy et al. 2014, "Going deeper with convolutions", arXiv 1409.4842,
# section 5: the losses of the auxiliary classifiers were weighted by 0.3.
AUXILIARY_WEIGHT = 0.3

# `module3a` of module3a_3x3_reduce, `conv2` of conv2_activation; where a group
# stacks blocks, the block is part of it: `group1_block2` of
# group1_block2_norm1.
STAGE = re.compile(r"[^_]+(?:_block[0-9]+)?")


def stage_of(layer_name: str) -> str:
    """Returns the stage (conv2, module3a, group1_block2) of a layer by name."""
    stage = STAGE.match(layer_name)
    # The names in a registered model can be anything.
    return stage[0] if stage else layer_name


def layer_seed(seed: int, name: str) -> int:
    """Returns the seed of one layer, 0..2**31 - 1, from model seed and name."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def make_initializer(name: str, seed: int) -> keras.initializers.Initializer:
    """Returns the initializer of one kernel.

    `small_normal` is N(0, 0.01), as in Krizhevsky et al. 2012; `equal` gives
    every weight the same value, so that all units of a layer stay equal.
    """
    if name == "equal":
        return keras.initializers.Constant(SMALL_STD)
    if name == "small_normal":
        return keras.initializers.RandomNormal(stddev=SMALL_STD, seed=seed)
    scale, fan, distribution = VARIANCE_SCALING[name]
    return keras.initializers.VarianceScaling(
        scale, fan, distribution, seed=seed
    )


@dataclasses.dataclass(frozen=True)
class LayerFactory:
    """Applies the layers of one model, all with its options and seed.

    Attributes:
        seed: Seed of the model.
        initializer: Initializer of the kernels, a key of `Initializer`.
        activation: Activation of `conv_block` and `dense_block`.
        norm: "batch" adds batch normalization to `conv_block` and
            `dense_block`; any other value adds none.
        dropout: Dropout rate, 0 to below 1.
        l1, l2: Regularization factors; l1 * sum |w| + l2 * sum w^2 over every
            kernel is added to the loss.
    """

    seed: int
    initializer: str
    activation: str = "relu"
    norm: str = "none"
    dropout: float = 0.0
    l1: float = 0.0
    l2: float = 0.0

    def _kernel(self, name: str) -> dict[str, Any]:
        regularizer = keras.regularizers.L1L2(self.l1, self.l2)
        return {
            "name": name,
            "kernel_initializer": make_initializer(
                self.initializer, layer_seed(self.seed, name)
            ),
            "kernel_regularizer": regularizer if self.l1 or self.l2 else None,
        }

    def conv(
        self,
        x,
        filters,
        side,
        name,
        strides=1,
        padding="same",
        bias=True,
        groups=1,
    ):
        """Applies `filters` square filters of `side` pixels."""
        return layers.Conv2D(
            filters,
            side,
            strides,
            padding,
            groups=groups,
            use_bias=bias,
            **self._kernel(name),
        )(x)

    def depthwise_conv(self, x, side, name, strides=1):
        """Filters each map by itself, by a square filter and without a bias.

        Each output sees `side**2` values, and each input is seen by as many
        outputs; Keras would count those of all maps as the fan-in.
        """
        options = self._kernel(name)
        initializer = options.pop("kernel_initializer")
        if self.initializer in VARIANCE_SCALING:
            maps, (_, fan, _) = x.shape[-1], VARIANCE_SCALING[self.initializer]
            initializer.scale *= maps if fan == "fan_in" else (maps + 1) / 2
        return layers.DepthwiseConv2D(
            side,
            strides,
            "same",
            use_bias=False,
            name=options["name"],
            depthwise_initializer=initializer,
            depthwise_regularizer=options["kernel_regularizer"],
        )(x)

    def dense(self, x, units, name, bias=True):
        """Applies a dense layer, with a bias by default."""
        return layers.Dense(units, use_bias=bias, **self._kernel(name))(x)

    def activate(self, x, name):
        """Applies the model's activation; "none" is the identity."""
        if self.activation == "leaky_relu":
            return layers.LeakyReLU(NEGATIVE_SLOPE, name=name)(x)
        if self.activation == "gelu_tanh":
            # Keras has no activation string for the tanh approximation; the
            # identity layer after it carries the name.
            x = keras.ops.gelu(x, approximate=True)
            return layers.Activation("linear", name=name)(x)
        kind = "linear" if self.activation == "none" else self.activation
        return layers.Activation(kind, name=name)(x)

    def batch_norm(self, x, name, epsilon=BATCH_NORM_EPSILON):
        """Standardizes each channel over the batch, then scales and shifts."""
        return layers.BatchNormalization(
            momentum=BATCH_NORM_MOMENTUM, epsilon=epsilon, name=name
        )(x)

    def drop(self, x, name):
        """Applies dropout with a seed of its own, if the rate is not zero."""
        if not self.dropout:
            return x
        seed = layer_seed(self.seed, name)
        return layers.Dropout(self.dropout, seed=seed, name=name)(x)

    def conv_block(self, x, filters, side, name, **options):
        """Applies a convolution, batch norm if chosen, and an activation."""
        x = self.conv(x, filters, side, name, bias=self._bias, **options)
        return self._norm_activate(x, name, f"{name}_activation")

    def dense_block(self, x, units, name, output=None):
        """Applies a dense layer, batch norm if chosen, and an activation.

        Args:
            output: name of the activation layer.
        """
        x = self.dense(x, units, name, bias=self._bias)
        return self._norm_activate(x, name, output or f"{name}_activation")

    @property
    def _bias(self) -> bool:
        """Whether a layer needs a bias; batch norm has a shift of its own."""
        return self.norm != "batch"

    def _norm_activate(self, x, name, output):
        if self.norm == "batch":
            x = self.batch_norm(x, f"{name}_norm")
        return self.activate(x, output)

    def logits(self, x, num_classes, small_init=True, name="logits", bias=True):
        """Maps features `[B, F]` to logits `[B, K]`, of the dtype of weights.

        That is float32 where layers compute in bfloat16, as logits in
        bfloat16 would have three significant digits.

        Args:
            small_init: whether the initial kernel is so small that the loss
                starts near ln K. `he_normal` and similar initializers are
                meant for layers that are followed by an activation.
            bias: whether the layer has a bias.
        """
        options = {"use_bias": bias, **self._kernel(name)}
        if small_init and self.initializer in VARIANCE_SCALING:
            options["kernel_initializer"] = keras.initializers.VarianceScaling(
                *LOGITS_SCALING, seed=layer_seed(self.seed, name)
            )
        dtype = keras.config.dtype_policy().variable_dtype
        return layers.Dense(num_classes, dtype=dtype, **options)(x)


def local_response_norm(x, size=5, bias=2.0, alpha=1e-4, beta=0.75):
    """Normalizes each value by the activity of neighboring channels.

    x[c] / (bias + alpha * sum of x[j]^2)^beta, the sum over the `size`
    channels around c, as in Krizhevsky et al. 2012, section 3.3, whose
    constants are the defaults. (Torch divides alpha by `size`; the paper does
    not.) It is composed of `keras.ops`, so that stock Keras can load it.

    Args:
        x: `[B, H, W, C]`.
    """
    channels = np.arange(x.shape[-1])
    distance = np.abs(channels[:, None] - channels[None, :])
    band = (distance <= size // 2).astype("float32")  # [C, C]
    energy = keras.ops.matmul(keras.ops.square(x), band)
    return x / keras.ops.power(bias + alpha * energy, beta)
