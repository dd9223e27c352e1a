"""The model that is trained: preprocessing, a model of the registry, a loss.

    raw pixels -> preprocessing -> enlarging -> `network` -> logits

Preprocessing is made of built-in layers with statistics of the training
images; `network` is the registry's model, or a user's, as a layer. What is
saved in the end is this whole, so that stock Keras loads it and gives it raw
pixels.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Callable

import keras

from zoo.commands import command
from zoo.data import Dataset, augment, preprocess
from zoo.errors import UserError, join_and, unknown_name_error
from zoo.models import build_standardized, user_models
from zoo.models.build import NETWORK
from zoo.models.graph import batch_norms, inner_layers
from zoo.models.inference import predict_batched
from zoo.models.layers import AUXILIARY_WEIGHT
from zoo.models.user_models import StandardizedModel
from zoo.resolve import ResolvedConfig
from zoo.training import fused, losses, optimizers
from zoo.training.optimizers import HEAD

MAX_ADAPT_EXAMPLES = 5000  # training images that `adapt` of a model is given


# Building


def build_backbone(
    config: ResolvedConfig, dataset: Dataset
) -> StandardizedModel:
    """Builds the registry's model, or a user's, without preprocessing.

    It trains by fused kernels, where the backend has them.
    """
    # Statistics do not change the shape of what the model is given.
    no_statistics = preprocess.Statistics("none", "none")
    _, x = _preprocessing(config, dataset, no_statistics)
    backbone = build_standardized(
        config.entry,
        dataset.num_classes,
        tuple(x.shape[1:]),
        config.seed,
        config.builder_options(),
        task=dataset.task,
    )
    return dataclasses.replace(backbone, model=fused.fuse(backbone.model))


def without_preprocessing(
    config: ResolvedConfig, backbone: StandardizedModel, dataset: Dataset
) -> ResolvedConfig:
    """Returns a config that leaves preprocessing to a model with its own.

    That model sees pixels in the range in which they were given, 0..255 or
    0..1.

    Raises:
        UserError: preprocessing was requested as well.
    """
    if not backbone.preprocessing:
        return config
    for name in ("mean_subtraction", "scale"):
        value = getattr(config.requested, name)
        if value not in (None, "none"):
            own = join_and(backbone.preprocessing)
            raise UserError(
                f"--{name}={value} would scale images twice: "
                f"{config.entry.name} begins with preprocessing of its own, "
                f"{own}; leave out one of them."
            )
    scale = "unit" if dataset.unit_scaled else "none"
    return config.replace(mean_subtraction="none", scale=scale)


def build_model(
    config: ResolvedConfig,
    dataset: Dataset,
    statistics: preprocess.Statistics,
    backbone: keras.Model | None = None,
) -> keras.Model:
    """Builds the model that is trained and saved: raw pixels in, logits out.

    Args:
        config: names the model, its options and the seed.
        dataset: gives the shape of the inputs and the number of classes.
        statistics: of the training images, for the first layers.
        backbone: what `build_backbone` gave, if it was built already.

    Returns:
        An uncompiled functional model, float32 `[B, H, W, C]` in 0..255, or
        vectors `[B, D]`, to float32 `[B, K]`. Its last layer, `network`, is
        the registry's model. Auxiliary heads have an output in training alone.
    """
    inputs, x = _preprocessing(config, dataset, statistics)
    body = backbone or build_backbone(config, dataset).model
    body.name = NETWORK
    optimizers.check_norm_biases(
        body, config.norm_bias_factor, config.entry.name
    )
    freeze(body, config.freeze, config.entry.name)
    # Keras refuses paths and colons in a name, TensorFlow a "_" at its start.
    name = re.sub(r"\W+", "_", config.model).strip("_")
    return with_auxiliary_heads(inputs, body(x), name=name)


def _preprocessing(
    config: ResolvedConfig, dataset: Dataset, statistics: preprocess.Statistics
):
    """Returns the inputs, and what the registry's model is given of them."""
    shape = dataset.input_shape
    name = "vector" if dataset.has_vectors else "image"
    inputs = keras.Input(shape, dtype="float32", name=name)
    x = inputs
    if config.extra_features:
        x = preprocess.add_extra_features(x, config.extra_features, keras.ops)
    x = preprocess.normalize(x, statistics)
    size = enlarged_size(shape, config.entry.min_size)
    if size != shape[:2]:
        # Resizing takes training=True by default, and Keras would hand that on
        # to dropout further in wherever a model is called without saying.
        x = keras.layers.Resizing(*size, name="enlarge")(x, training=False)
    return inputs, x


def enlarged_size(shape: tuple[int, ...], min_size: int) -> tuple[int, ...]:
    """Returns the (H, W) that a model is given, from its smallest side.

    Both sides grow by the same factor, so that shapes stay what they are; a
    vector has no sides, and its `(D,)` is returned.
    """
    if len(shape) == 1:
        return shape
    height, width = shape[:2]
    factor = max(1.0, min_size / min(height, width))
    return round(height * factor), round(width * factor)


def adapt(
    model: keras.Model,
    config: ResolvedConfig,
    dataset: Dataset,
    statistics: preprocess.Statistics,
) -> None:
    """Lets a model measure what some of its layers take from the images.

    It is given training images alone, preprocessed, the first of the split.
    """
    if config.entry.adapt:
        entrance = keras.Model(*_preprocessing(config, dataset, statistics))
        images = dataset.train.images[:MAX_ADAPT_EXAMPLES]
        preprocessed = predict_batched(entrance, images)
        config.entry.load_adapt()(backbone_of(model), preprocessed)


def backbone_of(model: keras.Model) -> keras.Model:
    """Returns the registry's model inside a trained one: its named layers."""
    return model.get_layer(NETWORK)


def scaled_inputs(backbone: StandardizedModel):
    """Returns inputs of a model after its own preprocessing, or `None`."""
    return user_models.scaled(backbone.model, backbone.preprocessing)


# Auxiliary heads: outputs besides the logits that only training uses


def with_auxiliary_heads(inputs, outputs, name: str) -> keras.Model:
    """Makes one model from inputs to outputs, a list where there are heads."""
    has_heads = isinstance(outputs, list)
    kind = ModelWithAuxiliaryHeads if has_heads else keras.Model
    return kind(inputs, outputs, name=name)


class ModelWithAuxiliaryHeads(keras.Model):
    """Gives the logits alone, but in training the auxiliary outputs as well.

    The first output of the registry's model is the logits, each further one
    `[B, K]` too; all learn from the same labels. Validation, prediction and
    metrics see a model with one output. To the mean loss of the logits,
    training adds that of each auxiliary head times `AUXILIARY_WEIGHT`.
    """

    def call(self, inputs, training=None, mask=None):
        """Returns the logits; in training the list of all outputs."""
        outputs = super().call(inputs, training=training, mask=mask)
        return outputs if training else outputs[0]

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Returns the loss of the logits and, in training, of the heads."""
        logits, *others = _as_list(y_pred)
        total = super().compute_loss(x, y, logits, sample_weight, training)
        for other in others:
            each = self.loss(y, other)
            if sample_weight is not None:
                each = each * sample_weight
            loss = keras.ops.mean(each)
            total += self._aggregate_additional_loss(AUXILIARY_WEIGHT * loss)
        return total

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Returns the metrics of the logits."""
        logits = _as_list(y_pred)[0]
        return super().compute_metrics(x, y, logits, sample_weight)


def _as_list(outputs) -> list:
    return outputs if isinstance(outputs, list) else [outputs]


def inference_model(
    model: keras.Model,
    config: ResolvedConfig,
    dataset: Dataset,
    statistics: preprocess.Statistics,
) -> keras.Model:
    """Returns the model without auxiliary heads: one output, the logits.

    It shares its layers with the model that was trained, which it is itself
    where that has no auxiliary heads.
    """
    body = backbone_of(model)
    if len(body.outputs) == 1:
        return model
    inputs, x = _preprocessing(config, dataset, statistics)
    logits_alone = keras.Model(body.inputs, body.outputs[0], name=NETWORK)
    return keras.Model(inputs, logits_alone(x), name=model.name)


# Compiling


def compile_model(
    model: keras.Model,
    config: ResolvedConfig,
    dataset: Dataset,
    schedule,
    steps_per_execution: int,
) -> None:
    """Gives a model its loss, regularization, optimizer and metrics.

    Afterwards `fit` reports `loss` with regularization and the losses of
    auxiliary heads, and `data_loss` without; where classes or examples have
    weights, `loss` has them, `data_loss` has not, and `weighted_loss` has them
    alone.
    """
    plain = losses.data_loss(config)
    minimized = minimized_loss(config, dataset)
    by_example = dataset.train.sample_weight is not None
    has_weights = config.class_weight != "none" or by_example
    biases = optimizers.norm_biases(backbone_of(model))
    if config.weight_decay and config.optimizer not in optimizers.DECOUPLED:
        losses.add_weight_decay(
            model, config.weight_decay, biases, config.norm_bias_factor or 1.0
        )
    metrics = []
    if dataset.task == "classification":
        metrics.append(_accuracy(config))
    reported = {}
    if model.losses or len(model.outputs) > 1 or has_weights:
        reported["data_loss"] = plain
    metrics += [
        keras.metrics.MeanMetricWrapper(function, name=name)
        for name, function in reported.items()
    ]
    weighted = []
    if has_weights:
        kind = WeightedLoss if by_example else keras.metrics.MeanMetricWrapper
        weighted.append(kind(minimized, name="weighted_loss"))
    for metric in metrics + weighted:
        # Of functions of ours, Keras's callbacks would not know this.
        metric._direction = "up" if metric.name == "accuracy" else "down"
    if not by_example:
        # Weights of examples are then given by several devices alone, which
        # count the same examples.
        metrics, weighted = [], metrics + weighted
    model.compile(
        optimizer=optimizers.make_optimizer(
            config, schedule, config.total_steps, biases
        ),
        loss=minimized,
        metrics=metrics,
        weighted_metrics=weighted,
        jit_compile={"auto": "auto", "on": True, "off": False}[config.jit],
        steps_per_execution=steps_per_execution,
    )
    model.optimizer.build(model.trainable_variables)
    _build_metrics(model, dataset.train.labels.dtype.name)


class WeightedLoss(keras.metrics.MeanMetricWrapper):
    """The mean over all examples of weight times loss, as `fit` minimizes.

    A weighted mean would divide by the sum of the weights.
    """

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds the losses of a batch, a value an example."""
        values = self._fn(y_true, y_pred)
        if sample_weight is not None:
            values = values * keras.ops.cast(sample_weight, values.dtype)
        return keras.metrics.Mean.update_state(self, values)


def _accuracy(config: ResolvedConfig) -> keras.metrics.Metric:
    if augment.mixes_labels(config.augment):
        return keras.metrics.MeanMetricWrapper(losses.accuracy, name="accuracy")
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")


def minimized_loss(config: ResolvedConfig, dataset: Dataset) -> Callable:
    """Returns the loss that is minimized, a value an example.

    Regularization comes on top of it.
    """
    loss = losses.data_loss(config)
    if config.class_weight == "none":
        return loss
    weights = losses.class_weights(dataset.train.labels, dataset.num_classes)
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
    """The numbers that `fit` reports, with the regularization apart.

    Attributes:
        loss: Mean loss of the logits on the data, each example counting the
            same, with or without class weights.
        accuracy: Accuracy, 0 to 1; `None` where numbers are predicted.
        regularization_loss: Everything else that is minimized: penalties on
            weights and the losses of auxiliary heads.
    """

    loss: float
    accuracy: float | None
    regularization_loss: float

    @classmethod
    def of(cls, logs: dict, prefix: str = "") -> Logs:
        """Reads what Keras reports, whose `loss` includes regularization."""
        total = float(logs[f"{prefix}loss"])
        data_loss = float(logs.get(f"{prefix}data_loss", total))
        accuracy = logs.get(f"{prefix}accuracy")
        accuracy = None if accuracy is None else float(accuracy)
        minimized = float(logs.get(f"{prefix}weighted_loss", data_loss))
        return cls(data_loss, accuracy, total - minimized)


# Freezing
#
# A frozen layer is one with `trainable = False`, which Keras takes at its
# word: the optimizer does not know its variables, no penalty or decay counts
# them, and a batch norm uses its running averages, in training too, and leaves
# them alone. Dropout has no weights; it drops before frozen layers and behind.


def freeze(body: keras.Model, spec: str, name: str) -> None:
    """Freezes layers of a model that is not yet compiled.

    Args:
        body: the registry's model.
        spec: value of `--freeze`: `none`, `features`, `batch_norm`, or names
            of layers with `*` and `?`, separated by commas; those inside of a
            layer or model count.
        name: name of the model, for messages.

    Raises:
        UserError: a name fits no layer with weights, or all would be frozen.
    """
    layers = select_layers(body, spec, name)
    for layer in layers:
        layer.trainable = False
    if layers and not body.trainable_variables:
        raise UserError(
            f"--freeze={spec} leaves nothing of {name} to train; leave a "
            "layer out of it, or evaluate the run that is there."
        )


def frozen_layers(
    model: keras.Model, config: ResolvedConfig
) -> list[keras.layers.Layer]:
    """Returns the layers of a trained model that `--freeze` keeps."""
    return select_layers(backbone_of(model), config.freeze, config.entry.name)


def select_layers(
    body: keras.Model, spec: str, name: str
) -> list[keras.layers.Layer]:
    """Returns the layers with weights that `--freeze` names, in order.

    Raises:
        UserError: a name fits no layer with weights.
    """
    patterns = [pattern.strip() for pattern in spec.split(",")]
    if patterns == ["none"]:
        return []
    selected = []
    for pattern in patterns:
        if pattern == "features":
            selected += _weighted_before_head(body, name)
        elif pattern == "batch_norm":
            selected += _batch_norms(body, name)
        else:
            selected += _matching(pattern, body, name)
    return [layer for layer in inner_layers(body) if layer in selected]


def _batch_norms(body: keras.Model, name: str) -> list:
    selected = batch_norms(body)
    if not selected:
        raise UserError(
            f"--freeze=batch_norm freezes nothing of {name}, which has no "
            "batch normalization; leave it out."
        )
    return selected


def _weighted_before_head(body: keras.Model, name: str) -> list:
    before = layers_before_head(body)
    if before is None:
        raise UserError(
            f"--freeze=features is all before the layer {HEAD}, and {name} "
            "has none of that name; name the layers to freeze."
        )
    selected = [x for x in body.layers if x.weights and x.name in before]
    if not selected:
        raise UserError(
            f"--freeze=features freezes nothing of {name}, which has no "
            f"weights before its {HEAD}; leave it out."
        )
    return selected


def layers_before_head(body: keras.Model) -> set[str] | None:
    """Returns the names of all layers on the way to the layer `logits`.

    Auxiliary classifiers, which lead away from it, are not among them. `None`
    where no layer has that name.
    """
    if HEAD not in {layer.name for layer in body.layers}:
        return None
    trunk = keras.Model(body.inputs, body.get_layer(HEAD).input)
    return {layer.name for layer in trunk.layers}


def _matching(pattern: str, body: keras.Model, name: str) -> list:
    """Returns layers by name, those inside of a model or layer too."""
    layers = list(inner_layers(body))
    weighted = [layer for layer in layers if layer.weights]
    selected = [x for x in weighted if fnmatch.fnmatchcase(x.name, pattern)]
    if selected:
        return selected
    names = [layer.name for layer in weighted]
    describe = command("describe", name)
    if any(fnmatch.fnmatchcase(x.name, pattern) for x in layers):
        raise UserError(
            f"--freeze={pattern} fits no layer of {name} that has weights; "
            f"choose of {', '.join(names[:6])}, ..."
            f" `{describe}` lists them all."
        )
    raise unknown_name_error("layer with weights", pattern, names, describe)
