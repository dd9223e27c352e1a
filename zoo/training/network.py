"""The network of a run: preprocessing, enlarging, and the model of the zoo."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np

from zoo.data import preprocess
from zoo.models import build_model
from zoo.training import losses, optimizers
from zoo.training.plan import Plan

BODY = "network"  # name of the layer that holds the model of the zoo


def enlarged_size(shape: tuple[int, int, int], smallest: int):
    """Returns the (H, W) that a model gets to see, from its smallest side.

    Both sides grow by the same factor, so that shapes stay what they are.
    """
    height, width = shape[:2]
    factor = max(1.0, smallest / min(height, width))
    return round(height * factor), round(width * factor)


def build_network(plan: Plan, statistics: preprocess.Statistics):
    """Builds the model that is trained and saved: raw pixels in, logits out.

    Args:
        plan: names the model, its options and the seed.
        statistics: of the training images, for the first layers.

    Returns:
        An uncompiled functional model, float32 `[B, H, W, C]` in 0..255 to
        float32 `[B, K]`. Its last layer, `network`, is the zoo's own model.
    """
    shape = plan.data.input_shape
    inputs = keras.Input(shape, dtype="float32", name="image")
    x = preprocess.apply(inputs, statistics)
    size = enlarged_size(shape, plan.entry.smallest)
    if size != shape[:2]:
        x = keras.layers.Resizing(*size, name="enlarge")(x)
    body = build_model(
        plan.entry,
        plan.data.num_classes,
        tuple(x.shape[1:]),
        plan.seed,
        plan.builder_options(),
    )
    body.name = BODY
    return keras.Model(inputs, body(x), name=plan.config.model)


def body_of(model: keras.Model) -> keras.Model:
    """Returns the zoo's own model inside a trained one: its named layers."""
    return model.get_layer(BODY)


def logits_in_training(model: keras.Model, images) -> np.ndarray:
    """Returns logits `[B, K]` as a training step would see them.

    Batch norm uses the batch, as its running averages mean nothing before
    training; dropout drops. Nothing in the model changes.
    """
    logits, _ = model.stateless_call(
        model.trainable_variables,
        model.non_trainable_variables,
        images,
        training=True,
    )
    return keras.ops.convert_to_numpy(logits)


def compile_network(
    model: keras.Model, plan: Plan, schedule, steps_per_execution: int
) -> None:
    """Gives a model its loss, penalty, optimizer and metrics.

    Afterwards `fit` reports `loss` with and `data_loss` without penalties.
    """
    config = plan.config
    loss = losses.make_loss(config.loss, config.label_smoothing or 0.0)
    if config.weight_decay and config.optimizer != "adamw":
        losses.add_weight_decay(model, config.weight_decay)
    metrics = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    if model.losses:
        metrics.append(keras.metrics.MeanMetricWrapper(loss, name="data_loss"))
    model.compile(
        optimizer=optimizers.make_optimizer(config, schedule),
        loss=loss,
        metrics=metrics,
        jit_compile={"auto": "auto", "on": True, "off": False}[config.jit],
        steps_per_execution=steps_per_execution,
    )
    model.optimizer.build(model.trainable_variables)
    _build_metrics(model)


def _build_metrics(model: keras.Model) -> None:
    # Metrics make their variables when first used, which is too late for a
    # resumed run: its checkpoint may hold running means of an epoch.
    labels = keras.ops.zeros((1,), "int32")
    logits = keras.ops.zeros((1, model.output_shape[-1]))
    model.compute_metrics(None, labels, logits)
    model.reset_metrics()


@dataclasses.dataclass(frozen=True)
class Logs:
    """The numbers of `fit`, with loss and penalty told apart."""

    loss: float
    accuracy: float
    penalty: float

    @classmethod
    def of(cls, logs: dict, prefix: str = "") -> Logs:
        """Reads what Keras reports, whose `loss` includes the penalty."""
        total = float(logs[f"{prefix}loss"])
        data_loss = float(logs.get(f"{prefix}data_loss", total))
        accuracy = float(logs[f"{prefix}accuracy"])
        return cls(data_loss, accuracy, total - data_loss)
