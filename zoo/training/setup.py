"""Everything that a run needs, made ready before it has a folder.

Data, resolved config, compiled model and learning-rate schedule: whatever a
user can get wrong is reported here, before a single file is written.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

import zoo.data
from zoo import backend, features, initial_weights
from zoo.config import TrainConfig
from zoo.console import show_activity
from zoo.data import Dataset, preprocess
from zoo.data.transforms import (
    RandomLabels,
    randomize_labels,
    select_classes,
    subsample,
)
from zoo.errors import UserError
from zoo.features.extractor import Extractor, extract_features
from zoo.models import costs
from zoo.models.user_models import StandardizedModel
from zoo.resolve import (
    ResolvedConfig,
    check_own_validation,
    resolve,
    resolve_names,
    steps_per_execution,
)
from zoo.training import batch_norm, data_parallel, optimizers, transfer
from zoo.training.data_parallel import DeviceSet
from zoo.training.model import (
    adapt,
    backbone_of,
    build_backbone,
    build_model,
    compile_model,
    without_preprocessing,
)

EXTRACTOR = "extractor"  # name of the layer that computes the features
XLA_DETERMINISTIC = "--xla_gpu_deterministic_ops=true"
# Options that say how a dataset is loaded; arrays are loaded already.
LOADING_OPTIONS = (
    "dataset", "data_dir", "image_size", "resize", "val_fraction", "fold",
    "group_by", "skip_unreadable",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class TrainSetup:
    """Data, config and compiled model of a run.

    Attributes:
        config: Every option with the value that is used.
        dataset: What is trained on: vectors in the place of images where the
            run has `--features`, drawn labels where it has
            `--randomize_labels`.
        source: The dataset as it was loaded, with its true labels.
        from_arrays: Whether the data were passed as arrays.
        random_labels: What was done to the training labels, if anything.
        model: Compiled; float32 `[B, H, W, C]` in 0..255, or vectors `[B, D]`,
            to logits `[B, K]`.
        backbone: The registry's model, or a user's, inside `model`.
        statistics: Statistics of the training inputs, used by the first
            layers of the model.
        extractor: What computed the features, if anything did.
        schedule: Learning rate by number of steps made; `None` without
            gradients.
        multiply_adds: Multiply-adds of the forward pass of one example.
        steps_per_execution: Training steps of one compiled call.
        precision: `float32` or `bfloat16`.
        transferred: What was taken over from another run, if anything was
            and it was now.
        devices: Devices that train it together.
    """

    config: ResolvedConfig
    dataset: Dataset
    source: Dataset
    from_arrays: bool
    random_labels: RandomLabels | None
    model: keras.Model
    backbone: StandardizedModel
    statistics: preprocess.Statistics
    extractor: Extractor | None
    schedule: Callable | None
    multiply_adds: int
    steps_per_execution: int
    precision: str
    transferred: transfer.Transfer | None = None
    devices: DeviceSet = DeviceSet()


@backend.fixed_settings()
def prepare(
    config: TrainConfig,
    dataset: Dataset | None = None,
    progress: Callable[[int, int], None] | None = None,
    started: dict[str, Any] | None = None,
    user_callbacks: bool = False,
    is_new: bool = True,
) -> TrainSetup:
    """Loads the data, measures it, and builds and compiles the model.

    Args:
        config: as given.
        dataset: the user's own data, if not what the config names.
        progress: called with how many of how many images have their features.
        started: `resolved.json` of a run that has a checkpoint to resume
            from. Then no weights are copied, and the run that it started from
            may be gone.
        user_callbacks: whether a callback of the user is called at each step,
            so that one compiled call makes one step.
        is_new: whether no run was made with this config before.

    Raises:
        UserError: something in the config cannot work.
    """
    backend.check()
    _fix_randomness(config)
    devices = data_parallel.select_devices(config)
    if started is None:
        config = resolve_names(config)
    from_arrays = dataset is not None
    show_activity(f"reading {config.dataset}")
    source = load_dataset(config, dataset)
    if is_new:
        check_own_validation(config, source)
    show_activity(f"building {config.model}")
    resolved = resolve(config, source)
    data_parallel.check_batch_size(devices, resolved.batch_size)
    if devices.is_distributed and source.train.sample_weight is not None:
        raise UserError(
            f"{source.name} has weights of examples, which train on a single "
            "device; leave out --devices."
        )
    dataset, random_labels = randomize_labels(
        source, config.randomize_labels, config.seed
    )
    dataset, extractor = _extract_features(resolved, dataset, progress)
    number_format = number_format_of(config, started)
    with backend.precision_policy(number_format):
        backbone = build_backbone(resolved, dataset)
    if backbone.compiled:
        compiled = with_compiled(config, backbone.compiled)
        resolved = dataclasses.replace(
            resolve(compiled, source), requested=config
        )
    resolved = without_preprocessing(resolved, backbone, dataset)
    statistics, whose = _statistics(resolved, dataset, started)
    with backend.precision_policy(number_format):
        model = build_model(resolved, dataset, statistics, backbone.model)
    batch_norm.check(model, resolved)
    data_parallel.check_model_on_devices(devices, model)
    transferred = None
    if started is None:
        transferred = _initialize(
            model, resolved, dataset, statistics, whose, progress
        )
    layers = costs.layer_costs(backbone_of(model))
    multiply_adds = costs.total_costs(layers)["multiply_adds"]
    per_execution = steps_per_execution(
        resolved, multiply_adds, resolved.total_steps
    )
    if user_callbacks:
        per_execution = 1
    return TrainSetup(
        config=resolved,
        dataset=dataset,
        source=source,
        from_arrays=from_arrays,
        random_labels=random_labels,
        model=model,
        backbone=backbone,
        statistics=statistics,
        extractor=extractor,
        schedule=_compile(model, resolved, dataset, per_execution),
        multiply_adds=multiply_adds,
        steps_per_execution=per_execution,
        precision=number_format,
        transferred=transferred,
        devices=devices,
    )


def _initialize(
    model: keras.Model,
    config: ResolvedConfig,
    dataset: Dataset,
    statistics: preprocess.Statistics,
    whose: str,
    progress: Callable[[int, int], None] | None,
) -> transfer.Transfer | None:
    """Gives a model that was just built the weights that it starts from."""
    if config.weights is None:
        adapt(model, config, dataset, statistics)
        return None
    origin = initial_weights.find(config.weights, config.runs_dir, config.model)
    transferred = transfer.copy_weights(model, config, dataset, origin, whose)
    return transfer.fit_head(
        model, config, dataset, statistics, transferred, progress
    )


def with_compiled(
    config: TrainConfig, compiled: Mapping[str, Any]
) -> TrainConfig:
    """Returns a config with what a model was compiled with.

    What was given besides goes before it.

    Args:
        config: as given.
        compiled: options, as `StandardizedModel.compiled` has them.
    """
    taken = {n: v for n, v in compiled.items() if getattr(config, n) is None}
    if config.optimizer is not None:
        for name in ("learning_rate", "momentum", "weight_decay", "clip_norm"):
            taken.pop(name, None)
    if config.loss is not None:
        taken.pop("label_smoothing", None)
    return config.replace(**taken)


def number_format_of(
    config: TrainConfig, started: dict[str, Any] | None
) -> str:
    """Returns what a run was computed in so far, else what is best here."""
    if started:
        return started["precision"]
    return backend.resolve_precision(config.precision)


def load_dataset(
    config: TrainConfig, dataset: Dataset | None = None
) -> Dataset:
    """Returns the data that a config names, restricted as it says.

    Args:
        config: as given.
        dataset: data that were passed as arrays; `None` loads what the config
            names.

    Raises:
        UserError: it cannot be loaded, or an option has no effect on arrays.
    """
    if dataset is None:
        return zoo.data.load_dataset(
            config.dataset,
            data_dir=config.data_dir,
            image_size=config.image_size,
            resize=config.resize,
            val_fraction=config.val_fraction,
            fold=config.fold,
            group_by=config.group_by,
            train_examples=config.train_examples,
            classes=config.classes,
            skip_unreadable=config.skip_unreadable,
        )
    for name in config.overrides():
        if name in LOADING_OPTIONS and config.dataset != dataset.name:
            raise UserError(
                f"{name}={getattr(config, name)} has no effect on images that "
                "are given as arrays; pass it to Dataset.from_arrays instead."
            )
    return subsample(
        select_classes(dataset, config.classes), config.train_examples
    )


def _compile(
    model: keras.Model,
    config: ResolvedConfig,
    dataset: Dataset,
    per_execution: int,
) -> Callable | None:
    """Compiles a model for training; returns its schedule, if it has one."""
    if not config.uses_gradients:
        from zoo.training import knn

        knn.compile_model(model, config)
        return None
    schedule = optimizers.make_schedule(
        config, config.steps_per_epoch, config.total_steps
    )
    compile_model(model, config, dataset, schedule, per_execution)
    return schedule


def _statistics(
    config: ResolvedConfig, dataset: Dataset, started: dict[str, Any] | None
) -> tuple[preprocess.Statistics, str]:
    """Returns what centers and scales the inputs, and whose training images.

    Those of the run itself, or of the one that it started from, if they fit.
    """
    whose = "its own training data"
    inputs = preprocess.add_extra_features(
        dataset.train.images, config.extra_features, np
    )
    if config.weights is not None:
        if started is not None:
            kept = preprocess.Statistics.from_json(started["statistics"])
            return kept, started["weights"]["preprocessing"]
        origin = initial_weights.find(
            config.weights, config.runs_dir, config.model
        )
        fitting = transfer.adapt_statistics(origin.statistics, inputs.shape[1:])
        if fitting is not None:
            return fitting, f"that of {origin.name}"
        whose += f", which that of {origin.name} does not fit"
    measured = preprocess.fit_statistics(
        inputs, config.mean_subtraction, config.scale
    )
    return measured, whose


def _extract_features(
    config: ResolvedConfig,
    dataset: Dataset,
    progress: Callable[[int, int], None] | None,
) -> tuple[Dataset, Extractor | None]:
    """Returns features in the place of images, and what computed them.

    The run trains on vectors alone, and its checkpoints hold no extractor;
    the model that is saved in the end takes raw pixels again. Without
    `--features` the dataset is returned as it is.
    """
    if config.features is None:
        return dataset, None
    extractor = features.find(config.features, dataset, config.runs_dir)
    train, val = (
        extract_features(split, extractor, config.runs_dir, progress)
        for split in (dataset.train, dataset.val)
    )
    vectors = Dataset(
        dataset.name,
        train,
        val,
        dataset.class_names,
        hflip_safe=False,
        num_test_examples=dataset.num_test_examples,
    )
    return vectors, extractor


def attach_extractor(
    extractor: Extractor, classifier: keras.Model
) -> keras.Model:
    """Returns the model from raw pixels to logits: one after the other.

    The classifier's layers stay what they are, side by side with the
    extractor, so that `network` is found where it is in every run.
    """
    image = keras.Input(extractor.model.input_shape[1:], name="image")
    body = extractor.model
    body.name = EXTRACTOR
    x = body(image)
    for layer in classifier.layers[1:]:
        x = layer(x)
    return keras.Model(image, x, name=classifier.name)


def _fix_randomness(config: TrainConfig) -> None:
    if config.deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif config.deterministic:
        # Read when JAX first computes; on a processor it is so anyway.
        flags = os.environ.get("XLA_FLAGS", "")
        if XLA_DETERMINISTIC not in flags:
            os.environ["XLA_FLAGS"] = f"{flags} {XLA_DETERMINISTIC}".strip()
    keras.utils.set_random_seed(config.seed)
