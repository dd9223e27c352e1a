"""The network of a run: preprocessing, enlarging, and the model of the zoo."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keras

from zoo.data import added_inputs, preprocess
from zoo.errors import UserError, join_and
from zoo.models import build_standardized, user_models
from zoo.models.build import NETWORK
from zoo.models.inference import predict_batched
from zoo.models.user_models import StandardizedModel
from zoo.training import (
    balance,
    freezing,
    heads,
    losses,
    norm_biases,
    one_pass_norm,
    optimizers,
)
from zoo.training.plan import Plan

MOST_MEASURED = 5000  # training images that a model is shown before training


def enlarged_size(shape: tuple[int, ...], smallest: int):
    """Returns the (H, W) that a model gets to see, from its smallest side.

    Both sides grow by the same factor, so that shapes stay what they are; a
    vector has no sides, and its `(D,)` comes back.
    """
    if len(shape) == 1:
        return shape
    height, width = shape[:2]
    factor = max(1.0, smallest / min(height, width))
    return round(height * factor), round(width * factor)


def build_body(plan: Plan) -> StandardizedModel:
    """Builds the zoo's own model, or a user's, without what comes before."""
    # Statistics do not change the shape of what the model sees.
    _, x = _entrance(plan, preprocess.Statistics("none", "none"))
    return build_standardized(
        plan.entry,
        plan.data.num_classes,
        tuple(x.shape[1:]),
        plan.seed,
        plan.builder_options(),
        task=plan.data.task,
    )


def without_preprocessing(plan: Plan, body: StandardizedModel) -> Plan:
    """Returns a plan that leaves preprocessing to a model that has its own.

    Raises:
        UserError: the plan was asked to do it as well.
    """
    if not body.preprocessing:
        return plan
    nothing = {"mean_subtraction": "none", "scale": "none"}
    for name in nothing:
        value = getattr(plan.asked, name)
        if value not in (None, "none"):
            own = join_and(body.preprocessing)
            raise UserError(
                f"--{name}={value} would scale images twice: {plan.entry.name} "
                f"begins with preprocessing of its own, {own}; leave out one "
                "of them."
            )
    config = plan.config.replace(**nothing)
    return dataclasses.replace(plan, config=config)


def scaled_inputs(body: StandardizedModel):
    """Returns inputs of a model after its own preprocessing, or `None`."""
    return user_models.scaled(body.model, body.preprocessing)


def build_network(
    plan: Plan,
    statistics: preprocess.Statistics,
    body: keras.Model | None = None,
):
    """Builds the model that is trained and saved: raw pixels in, logits out.

    Args:
        plan: names the model, its options and the seed.
        statistics: of the training images, for the first layers.
        body: what `build_body` gave, if it was built already.

    Returns:
        An uncompiled functional model, float32 `[B, H, W, C]` in 0..255, or
        vectors `[B, D]`, to float32 `[B, K]`. Its last layer, `network`, is
        the zoo's own model. Auxiliary heads speak in training alone.
    """
    inputs, x = _entrance(plan, statistics)
    body = body or build_body(plan).model
    body.name = NETWORK
    norm_biases.check(body, plan.config.norm_bias_factor, plan.entry.name)
    freezing.freeze(body, plan.config.freeze, plan.entry.name)
    return heads.join(inputs, body(x), name=plan.config.model)


def _entrance(plan: Plan, statistics: preprocess.Statistics):
    """Returns the inputs, and what the zoo's own model sees of them."""
    shape = plan.data.input_shape
    name = "vector" if plan.data.has_vectors else "image"
    inputs = keras.Input(shape, dtype="float32", name=name)
    x = inputs
    if plan.config.extra_features:
        x = added_inputs.extend(x, plan.config.extra_features, keras.ops)
    x = preprocess.apply(x, statistics)
    size = enlarged_size(shape, plan.entry.min_size)
    if size != shape[:2]:
        # Resizing takes training=True by default, and Keras would hand that on
        # to dropout further in wherever a model is called without saying.
        x = keras.layers.Resizing(*size, name="enlarge")(x, training=False)
    return inputs, x


def adapt(
    model: keras.Model, plan: Plan, statistics: preprocess.Statistics
) -> None:
    """Lets a model measure what some of its layers take from the images.

    It sees training images alone, preprocessed, the first ones of the split.
    """
    if plan.entry.adapt:
        entrance = keras.Model(*_entrance(plan, statistics))
        images = plan.data.train.images[:MOST_MEASURED]
        seen = predict_batched(entrance, images)
        plan.entry.load_adapt()(body_of(model), seen)


def without_heads(
    model: keras.Model, plan: Plan, statistics: preprocess.Statistics
) -> keras.Model:
    """Returns the model that is left in use: one output, the logits.

    It shares its layers with the model that was trained, which it is itself
    where that has no auxiliary heads.
    """
    body = body_of(model)
    if len(body.outputs) == 1:
        return model
    inputs, x = _entrance(plan, statistics)
    logits_alone = keras.Model(body.inputs, body.outputs[0], name=NETWORK)
    return keras.Model(inputs, logits_alone(x), name=model.name)


def frozen(model: keras.Model, plan: Plan) -> list[keras.layers.Layer]:
    """Returns the layers that --freeze keeps as they are."""
    return freezing.chosen(body_of(model), plan.config.freeze, plan.entry.name)


def body_of(model: keras.Model) -> keras.Model:
    """Returns the zoo's own model inside a trained one: its named layers."""
    return model.get_layer(NETWORK)


def compile_network(
    model: keras.Model, plan: Plan, schedule, steps_per_execution: int
) -> None:
    """Gives a model its loss, penalty, optimizer and metrics.

    Afterwards `fit` reports `loss` with penalties and the losses of auxiliary
    heads, and `data_loss` without; where classes have weights, `loss` has
    them, `data_loss` has not, and `weighted_loss` has them alone.
    """
    config = plan.config
    one_pass_norm.use_kernel(body_of(model))
    plain, loss = losses.data_loss(config), minimized_loss(plan)
    has_weights = config.class_weight != "none"
    biases = norm_biases.biases_of(body_of(model))
    if config.weight_decay and config.optimizer != "adamw":
        losses.add_weight_decay(
            model, config.weight_decay, biases, config.norm_bias_factor or 1.0
        )
    metrics = []
    if plan.data.task == "classes":
        metrics.append(keras.metrics.SparseCategoricalAccuracy(name="accuracy"))
    shown = {}
    if model.losses or len(model.outputs) > 1 or has_weights:
        shown["data_loss"] = plain
    if has_weights:
        shown["weighted_loss"] = loss
    metrics += [
        keras.metrics.MeanMetricWrapper(function, name=name)
        for name, function in shown.items()
    ]
    model.compile(
        optimizer=optimizers.make_optimizer(
            config, schedule, plan.total_steps, biases
        ),
        loss=loss,
        # Weights of examples are given by several devices alone, which count
        # the same examples.
        weighted_metrics=metrics,
        jit_compile={"auto": "auto", "on": True, "off": False}[config.jit],
        steps_per_execution=steps_per_execution,
    )
    model.optimizer.build(model.trainable_variables)
    _build_metrics(model, plan.data.train.labels.dtype.name)


def minimized_loss(plan: Plan) -> Callable:
    """Returns what is minimized but for penalties: a value an example."""
    loss = losses.data_loss(plan.config)
    if plan.config.class_weight == "none":
        return loss
    train = plan.data.train
    weights = balance.class_weights(train.labels, plan.data.num_classes)
    return losses.by_class(loss, weights)


def _build_metrics(model: keras.Model, label_type: str) -> None:
    # Metrics make their variables when first used, which is too late for a
    # resumed run: its checkpoint may hold running means of an epoch.
    labels = keras.ops.zeros((1,), label_type)
    logits = keras.ops.zeros((1, model.outputs[0].shape[-1]))
    model.compute_metrics(None, labels, logits)
    model.reset_metrics()


@dataclasses.dataclass(frozen=True)
class Logs:
    """The numbers of `fit`, with loss and penalty told apart.

    `loss` is that of the logits on the data, each example the same, with or
    without weights of classes. `penalty` is everything else that is
    minimized: penalties on weights, the losses of auxiliary heads.
    Where numbers are predicted there is no accuracy.
    """

    loss: float
    accuracy: float | None
    penalty: float

    @classmethod
    def of(cls, logs: dict, prefix: str = "") -> Logs:
        """Reads what Keras reports, whose `loss` includes the penalty."""
        total = float(logs[f"{prefix}loss"])
        data_loss = float(logs.get(f"{prefix}data_loss", total))
        accuracy = logs.get(f"{prefix}accuracy")
        accuracy = None if accuracy is None else float(accuracy)
        minimized = float(logs.get(f"{prefix}weighted_loss", data_loss))
        return cls(data_loss, accuracy, total - minimized)
