"""What two or more families are built of: layers that share their options.

`Parts` holds the options of one model and makes its layers, tensor in, tensor
out. Every layer draws from a seed of its own, made of the model's seed and
the layer's name: the same seed gives the same weights bit for bit, and no two
layers start alike.
"""

from __future__ import annotations

import dataclasses
import hashlib
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
# normal is a plain one, as in the papers; Keras's own functions of these names
# cut the tails off at two standard deviations.
VARIANCE = {
    "he_normal": (2.0, "fan_in", "untruncated_normal"),
    "he_uniform": (2.0, "fan_in", "uniform"),
    "glorot_normal": (1.0, "fan_avg", "untruncated_normal"),
    "glorot_uniform": (1.0, "fan_avg", "uniform"),
    "lecun_normal": (1.0, "fan_in", "untruncated_normal"),
    # Uniform within 1 / sqrt(fan-in), as Torch starts every layer.
    "torch_uniform": (1 / 3, "fan_in", "uniform"),
}
# Of the classifier, as LeCun's and Torch's linear layers: its logits start
# small, and the loss near ln K.
CLASSIFIER = VARIANCE["torch_uniform"]
SMALL = 0.01  # standard deviation of small_normal, and the value of `equal`
LEAK = 0.2  # slope of leaky_relu below zero, max(0.2 x, x)

# Batch norm as Torch has it, and with it the papers; Keras's defaults of
# 0.99 and 1e-3 are others.
BATCH_MOMENTUM = 0.9
BATCH_EPSILON = 1e-5


def seed_of(seed: int, name: str) -> int:
    """Returns the seed of one layer, 0..2**31 - 1, from model seed and name."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def make_initializer(name: str, seed: int) -> keras.initializers.Initializer:
    """Returns the initializer of one kernel.

    `small_normal` is N(0, 0.01), as in Krizhevsky et al. 2012; `equal` gives
    every weight the same value, which leaves all units of a layer alike.
    """
    if name == "equal":
        return keras.initializers.Constant(SMALL)
    if name == "small_normal":
        return keras.initializers.RandomNormal(stddev=SMALL, seed=seed)
    scale, fan, distribution = VARIANCE[name]
    return keras.initializers.VarianceScaling(
        scale, fan, distribution, seed=seed
    )


@dataclasses.dataclass(frozen=True)
class Parts:
    """Makes the layers of one model, all with its options and its seed.

    Attributes:
        norm: "batch" puts batch normalization into `conv_block` and
            `dense_block`; any other value leaves them without.
        l1, l2: l1 * sum |w| + l2 * sum w^2 over every kernel is added to the
            loss.
    """

    seed: int
    initializer: str
    activation: str = "relu"
    norm: str = "none"
    dropout: float = 0.0
    l1: float = 0.0
    l2: float = 0.0

    def _kernel(self, name: str) -> dict[str, Any]:
        penalty = keras.regularizers.L1L2(self.l1, self.l2)
        return {
            "name": name,
            "kernel_initializer": make_initializer(
                self.initializer, seed_of(self.seed, name)
            ),
            "kernel_regularizer": penalty if self.l1 or self.l2 else None,
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

    def dense(self, x, units, name, bias=True):
        """Applies a matrix and, unless told otherwise, a bias."""
        return layers.Dense(units, use_bias=bias, **self._kernel(name))(x)

    def activate(self, x, name):
        """Applies the model's activation; "none" is the identity."""
        if self.activation == "leaky_relu":
            return layers.LeakyReLU(LEAK, name=name)(x)
        if self.activation == "gelu_tanh":
            # Keras has no word for it that a layer could keep; the identity
            # behind gives it its name.
            x = keras.ops.gelu(x, approximate=True)
            return layers.Activation("linear", name=name)(x)
        kind = "linear" if self.activation == "none" else self.activation
        return layers.Activation(kind, name=name)(x)

    def batch_norm(self, x, name):
        """Standardizes each channel over the batch, then scales and shifts."""
        return layers.BatchNormalization(
            momentum=BATCH_MOMENTUM, epsilon=BATCH_EPSILON, name=name
        )(x)

    def drop(self, x, name):
        """Drops a share of the units while training, each step others."""
        if not self.dropout:
            return x
        seed = seed_of(self.seed, name)
        return layers.Dropout(self.dropout, seed=seed, name=name)(x)

    def conv_block(self, x, filters, side, name, **options):
        """Convolution, batch norm if chosen, activation."""
        x = self.conv(x, filters, side, name, bias=self._bias, **options)
        return self._norm_activate(x, name, f"{name}_activation")

    def dense_block(self, x, units, name, output=None):
        """Dense layer, batch norm if chosen, activation named `output`."""
        x = self.dense(x, units, name, bias=self._bias)
        return self._norm_activate(x, name, output or f"{name}_activation")

    @property
    def _bias(self) -> bool:
        """Whether a layer needs a bias; batch norm's shift stands for it."""
        return self.norm != "batch"

    def _norm_activate(self, x, name, output):
        if self.norm == "batch":
            x = self.batch_norm(x, f"{name}_norm")
        return self.activate(x, output)

    def logits(self, x, num_classes, calm=True, name="logits", bias=True):
        """Maps features `[B, F]` to logits `[B, K]`, of the dtype of weights.

        That is float32 where layers compute in bfloat16: such logits would
        have three significant digits.

        Args:
            calm: whether the kernel starts so that the loss is near ln K,
                instead of as `he_normal` and its like, which are made for
                layers with an activation behind them.
            bias: whether each logit has a constant of its own.
        """
        options = {"use_bias": bias, **self._kernel(name)}
        if calm and self.initializer in VARIANCE:
            options["kernel_initializer"] = keras.initializers.VarianceScaling(
                *CLASSIFIER, seed=seed_of(self.seed, name)
            )
        dtype = keras.config.dtype_policy().variable_dtype
        return layers.Dense(num_classes, dtype=dtype, **options)(x)


def local_response_norm(x, size=5, bias=2.0, alpha=1e-4, beta=0.75):
    """Divides each value by how active its neighbours in channels are.

    x[c] / (bias + alpha * sum of x[j]^2)^beta, the sum over the `size`
    channels around c, as in Krizhevsky et al. 2012, section 3.3, whose
    constants are the defaults. (Torch divides alpha by `size`; the paper does
    not.) It is made of Keras operations, which any Keras can load.

    Args:
        x: `[B, H, W, C]`.
    """
    channels = np.arange(x.shape[-1])
    distance = np.abs(channels[:, None] - channels[None, :])
    band = (distance <= size // 2).astype("float32")  # [C, C]
    energy = keras.ops.matmul(keras.ops.square(x), band)
    return x / keras.ops.power(bias + alpha * energy, beta)
