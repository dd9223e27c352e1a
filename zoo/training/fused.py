"""Batch norm and Adam by TensorFlow's fused kernels, for training alone.

Keras composes either of a dozen operations, each of which reads and writes the
whole array. TensorFlow has a kernel that does the same arithmetic in one pass.
On JAX, XLA fuses the operations itself, and Keras's own classes are used.

A model is saved with Keras's own layers, `unfuse`, so that it loads where this
package is not installed; there it trains to the same values but for rounding,
and more slowly.
"""

from __future__ import annotations

import math

import keras
from keras import layers, ops

from zoo.models.build import replace_layers

# Number of values of the smallest variable for which the kernel of Adam pays:
# a smaller one stays in the processor's cache between Keras's operations.
MIN_SIZE = 2**15


@keras.saving.register_keras_serializable(package="zoo")
class FusedBatchNormalization(layers.BatchNormalization):
    """Batch normalization whose training step is one kernel of TensorFlow.

    Inference, and whatever the kernel does not compute, is left to Keras: the
    kernel is for images `[B, H, W, C]` with variables in float32, on a single
    device.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalizes `[B, H, W, C]`, or any other shape, to the same shape."""
        if not (training and self.trainable and self._fits(inputs, mask)):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=ops.cast(inputs, "float32"),
            scale=ops.convert_to_tensor(self.gamma)
            if self.scale
            else ops.ones(self.beta.shape, "float32"),
            offset=ops.convert_to_tensor(self.beta),
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel returns the variance divided by n - 1; Keras's is by n.
        count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), "float32")
        self._update(self.moving_mean, mean)
        self._update(self.moving_variance, variance * (1 - 1 / count))
        return ops.cast(outputs, self.compute_dtype)

    def _fits(self, inputs, mask) -> bool:
        """Whether the kernel computes what this layer does."""
        special = self.renorm or self.synchronized or mask is not None
        return (
            keras.backend.backend() == "tensorflow"
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.center
            and self.variable_dtype == "float32"
            and not special
        )

    def _update(self, average: keras.Variable, value) -> None:
        """Updates a moving average by the value of a batch."""
        average.assign(average * self.momentum + value * (1 - self.momentum))


def fuse(model: keras.Model) -> keras.Model:
    """Returns a model that trains by fused kernels, with the same weights.

    That is the model itself on JAX, and where it has no batch norm.
    """
    if keras.backend.backend() != "tensorflow":
        return model
    return replace_layers(
        model, {layers.BatchNormalization: FusedBatchNormalization}
    )


def unfuse(model: keras.Model) -> keras.Model:
    """Returns a model of Keras's own layers, with the same weights."""
    return replace_layers(
        model, {FusedBatchNormalization: layers.BatchNormalization}
    )


class _FusedUpdate:
    """Replaces the arithmetic of `keras.optimizers.Adam`, nothing else."""

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable; `learning_rate` is a scalar tensor."""
        if math.prod(variable.shape) < MIN_SIZE:
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        index = self._get_variable_index(variable)
        dtype = gradient.dtype
        # With accumulated gradients this is a number computed from the steps.
        done = ops.convert_to_tensor(self.iterations)
        step = tf.cast(done + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(tf.cast(self.beta_1, dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, dtype), step),
            lr=tf.cast(learning_rate, dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


@keras.saving.register_keras_serializable(package="zoo")
class FusedAdam(_FusedUpdate, keras.optimizers.Adam):
    """Adam by TensorFlow's kernel (Kingma and Ba 2015, arXiv 1412.6980)."""


@keras.saving.register_keras_serializable(package="zoo")
class FusedAdamW(_FusedUpdate, keras.optimizers.AdamW):
    """The same with decoupled weight decay (arXiv 1711.05101)."""


def adam() -> type[keras.optimizers.Adam]:
    """Returns the fastest Adam of the backend."""
    return FusedAdam if _has_kernel() else keras.optimizers.Adam


def adamw() -> type[keras.optimizers.AdamW]:
    """Returns the fastest AdamW of the backend."""
    return FusedAdamW if _has_kernel() else keras.optimizers.AdamW


def _has_kernel() -> bool:
    return keras.backend.backend() == "tensorflow"


def _handle(variable):
    """Returns what a kernel writes to.

    On several devices Keras passes each one's own part, a `tf.Variable`.
    """
    if isinstance(variable, keras.Variable):
        variable = variable.value
    return variable.handle
