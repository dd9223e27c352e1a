"""A step of several devices on TensorFlow that is the step of one device.

`tf.distribute.MirroredStrategy` keeps the variables of a network equal on all
devices and sums gradients; Keras's `fit` trains in it. Left to themselves they
count the examples of unequal shards unequally, draw dropout for each shard
again, standardize each shard by itself, and clip gradients before the sum. Here
each replica knows which rows of the batch it has:

- its loss counts by its fraction of the batch;
- dropout is drawn for the whole batch, and a replica takes its own rows;
- batch norm is synchronized;
- gradients are averaged over the devices before they are clipped.

A batch smaller than the number of devices is worked through whole by each.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
from collections.abc import Iterator

import keras
import tensorflow as tf
from keras import layers

from zoo.errors import UserError
from zoo.models.graph import all_layers, batch_norms, inner_layers
from zoo.resolve import ResolvedConfig

_shard = contextvars.ContextVar("shard")  # of the replica that is traced


@dataclasses.dataclass(frozen=True)
class Shard:
    """The rows of a batch that one replica has; scalar int32 tensors.

    Attributes:
        start: the first of them.
        total: rows of the whole batch.
        copies: replicas that have the same rows; 1 where each has its own.
    """

    start: tf.Tensor
    total: tf.Tensor
    copies: tf.Tensor

    @contextlib.contextmanager
    def known(self) -> Iterator[None]:
        """Lets layers that are called in the block read this shard."""
        token = _shard.set(self)
        try:
            yield
        finally:
            _shard.reset(token)

    def examples(self, labels) -> tf.Tensor:
        """Returns how many examples a replica's `labels` count as."""
        rows, copies = tf.shape(labels)[0], self.copies
        return tf.cast(rows, tf.float64) / tf.cast(copies, tf.float64)


def strategy(devices: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    """Returns what keeps a network on several devices of this machine.

    Args:
        devices: names of logical devices of one kind.
    """
    on_processor = all("CPU" in name for name in devices)
    # The collectives that TensorFlow takes by default fail on processors.
    reduction = tf.distribute.ReductionToOneDevice() if on_processor else None
    return tf.distribute.MirroredStrategy(devices, reduction)


def config_of_each(config: ResolvedConfig, num_devices: int) -> ResolvedConfig:
    """Returns the config by which a replica's network is compiled.

    The step is not compiled by XLA, which cannot sum over these devices. A
    replica is given the mean over devices of their gradients and hands it to
    an optimizer that sums over devices: hence the smaller norm.
    """
    config = config.replace(jit="off")
    if config.clip_norm:
        config = config.replace(clip_norm=config.clip_norm / num_devices)
    return config


def check(model: keras.Model) -> None:
    """Raises `UserError` for layers that several devices would change.

    Dropout inside of a layer cannot be replaced by that of a whole batch.

    Args:
        model: as it is to be trained.
    """
    replaced = {
        id(layer)
        for layer in all_layers(model)
        if type(layer) is layers.Dropout
    }
    for layer in inner_layers(model):
        if layer._seed_generators and id(layer) not in replaced:
            what = "draws random numbers"
        elif getattr(layer, "activity_regularizer", None) is not None:
            what = "has an activity regularizer"
        else:
            continue
        raise UserError(
            f"layer {layer.name} {what}, which on several devices of "
            "TensorFlow is not what it is on one; leave out --devices, or set "
            "KERAS_BACKEND=jax."
        )


def synchronize(model: keras.Model) -> None:
    """Lets batch norm standardize over the shards of all devices."""
    for layer in batch_norms(model):
        layer.synchronized = True


def with_sharded_steps(model: keras.Model) -> keras.Model:
    """Returns a model that trains, and is evaluated, on shards of batches.

    Args:
        model: functional, uncompiled; the returned one has its layers.
    """
    kind = type("MirroredModel", (_MirroredModel, type(model)), {})
    return kind(model.input, model.output, name=model.name)


def shard_batches(
    strategy: tf.distribute.Strategy, batches: tf.data.Dataset
) -> tf.distribute.DistributedDataset:
    """Returns the shards of batches, as `fit` hands them to replicas."""
    dataset = split_batches(batches, strategy.num_replicas_in_sync)
    distributed = strategy.distribute_datasets_from_function(lambda _: dataset)
    # Keras asks it for the number of batches, and would get that of shards.
    distributed._cardinality = int(batches.cardinality())
    return distributed


def split_batches(batches: tf.data.Dataset, count: int) -> tf.data.Dataset:
    """Splits batches into shards.

    Args:
        batches: of (images `[B, ...]`, labels `[B]`).
        count: of shards of each batch.

    Returns:
        The shards in turn: (images, labels, int32 `[3]` with the fields of
        `Shard`). The first ones have a row more where a batch does not divide
        evenly; all have the whole batch where it has fewer rows than `count`.
    """

    def divided(images, labels):
        total = tf.shape(labels)[0]
        is_small = total < count
        copies = tf.where(is_small, count, 1)

        def shard(number):
            first, last = (
                (place * total + count - 1) // count
                for place in (number, number + 1)
            )
            first = tf.where(is_small, 0, first)
            last = tf.where(is_small, total, last)
            rows = tf.stack([first, total, copies])
            return images[first:last], labels[first:last], rows

        return tf.data.Dataset.range(count, output_type=tf.int32).map(shard)

    return batches.flat_map(divided).prefetch(count)


@keras.saving.register_keras_serializable(package="zoo")
class WholeBatchDropout(layers.Dropout):
    """Dropout of a replica's rows by the mask of the whole batch."""

    def call(self, inputs, training=False):
        """Drops values of `[B, ...]`, the rows of the replica."""
        if not training or not self.rate:
            return inputs
        shard = _shard.get()
        shape = tf.shape(inputs)
        whole = tf.ones(tf.concat([[shard.total], shape[1:]], 0), inputs.dtype)
        mask = keras.random.dropout(
            whole, self.rate, self.noise_shape, self.seed_generator
        )
        return inputs * mask[shard.start : shard.start + shape[0]]


class _MirroredModel(keras.Model):
    """The steps of one replica, which has a shard of each batch."""

    def train_step(self, data):
        """As `keras.Model.train_step`, on images, labels and rows."""
        images, labels, rows = data
        shard = Shard(*tf.unstack(rows, 3))
        replicas = tf.distribute.get_replica_context()
        with shard.known(), tf.GradientTape() as tape:
            outputs = self(images, training=True)
            loss = _measure(self, images, labels, outputs, shard, training=True)
            part = shard.examples(labels) / tf.cast(shard.total, tf.float64)
            loss *= tf.cast(part, loss.dtype)
        weights = self.trainable_weights
        gradients = tape.gradient(loss, weights)
        if self.optimizer.global_clipnorm:
            gradients = replicas.all_reduce("MEAN", gradients)
        self.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return _results(self, replicas)

    def test_step(self, data):
        """As `keras.Model.test_step`, on images, labels and rows."""
        images, labels, rows = data
        shard = Shard(*tf.unstack(rows, 3))
        outputs = self(images, training=False)
        _measure(self, images, labels, outputs, shard, training=False)
        # `evaluate` asks the metrics themselves at the end.
        return self.get_metrics_result()

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # It is built; Keras would average the shards of a batch to see its
        # shape.
        pass


def _measure(model, images, labels, outputs, shard, training):
    """Returns the mean loss over a replica's rows, and updates the metrics."""
    loss = model.compute_loss(images, labels, outputs, training=training)
    # Keras divides it by the number of replicas, for the sum of gradients.
    loss *= tf.distribute.get_strategy().num_replicas_in_sync
    examples = shard.examples(labels)
    model._loss_tracker.update_state(loss, sample_weight=examples)
    weight = examples / tf.cast(tf.shape(labels)[0], examples.dtype)
    weight = tf.fill(tf.shape(labels)[:1], weight)
    model.compute_metrics(images, labels, outputs, sample_weight=weight)
    return loss


def _results(model, replicas) -> dict[str, tf.Tensor]:
    """Returns the metrics over all replicas, the same on each."""
    results = {}
    for metric in model.metrics:
        sums = [variable.value for variable in metric.variables]
        result = metric.stateless_result(replicas.all_reduce("SUM", sums))
        several = isinstance(result, dict)
        results.update(result if several else {metric.name: result})
    return results
