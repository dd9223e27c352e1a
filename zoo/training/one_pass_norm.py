"""Batch norm in one pass over the activations, where there is a kernel.

Keras composes it of a dozen operations, forward and back, of which each reads
and writes all activations; that is a third of a training step of ResNet-20.
TensorFlow's own kernel does the same arithmetic. Layers stay Keras's, so that
a saved model needs nothing of this package.
"""

from __future__ import annotations

import types

import keras
from keras import layers, ops


def use_kernel(model: keras.Model) -> None:
    """Lets the batch norms of a model train by the kernel, if there is one.

    What they compute in use, and where they are frozen, is left to Keras.

    Args:
        model: built; its own layers are looked at.
    """
    if keras.backend.backend() != "tensorflow":
        return  # JAX compiles the operations into one
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization) and _suits(layer):
            layer.call = types.MethodType(_call, layer)


def _suits(layer: layers.BatchNormalization) -> bool:
    """Whether the kernel does what a layer does.

    That is images, channels last, weights in float32, on one device.
    """
    images = layer.input_spec.ndim == 4 and layer.axis in (-1, 3)
    special = layer.renorm or layer.synchronized
    special = special or layer.variable_dtype != "float32"
    return images and layer.center and not special


def _call(self, inputs, training=None, mask=None):
    """As `BatchNormalization.call`: `[B, H, W, C]` to the same shape."""
    if not (training and self.trainable) or mask is not None:
        return layers.BatchNormalization.call(self, inputs, training, mask)
    import tensorflow as tf

    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=ops.cast(inputs, "float32"),
        scale=_scale(self),
        offset=ops.convert_to_tensor(self.beta),
        mean=[],
        variance=[],
        epsilon=self.epsilon,
        is_training=True,
    )
    # The kernel tells the variance divided by n - 1; Keras keeps that by n.
    count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), "float32")
    _follow(self.moving_mean, mean, self.momentum)
    _follow(self.moving_variance, variance * (1 - 1 / count), self.momentum)
    return ops.cast(outputs, self.compute_dtype)


def _scale(layer: layers.BatchNormalization):
    """Returns what a layer multiplies by, `[C]`; ones where it does not."""
    if layer.scale:
        return ops.convert_to_tensor(layer.gamma)
    return ops.ones(layer.beta.shape, "float32")


def _follow(average: keras.Variable, value, momentum: float) -> None:
    """Moves a running average towards the value in a batch."""
    average.assign(average * momentum + value * (1 - momentum))
