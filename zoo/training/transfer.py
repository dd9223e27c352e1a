"""Transfer learning: the weights of one model as the start of another.

The model is built for the new data; then weights are copied layer by layer,
by name, where their shapes agree. Three things are adapted:

- The layer `logits` is initialized again where --new_head says so, as are
  auxiliary classifiers, which no saved model has.
- Where gray images take the place of color ones, the kernel of a first
  convolution is summed over its input channels, so that it gives what three
  equal channels gave; where color ones take the place of gray, it is repeated
  and divided by 3, so that it is given their mean.
- The statistics of the preprocessing belong to the weights and are kept: with
  others every layer would be given other numbers than it was trained on, which
  frozen layers could never make up for.

A new head may be trained first, alone, on features that are computed once
(`fit_head`), so that its random weights do not distort all others in the first
steps (Kumar et al. 2022, arXiv 2202.10054).

All else that does not fit is refused: a model of which a layer was silently
initialized again would not be a transfer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from zoo.commands import command
from zoo.config import IMAGENET
from zoo.console import pluralize
from zoo.data import Dataset, pipeline
from zoo.data.preprocess import Statistics
from zoo.errors import UserError, join_and
from zoo.features.extractor import (
    Extractor,
    extract_features,
    hash_weights,
)
from zoo.initial_weights import SourceModel
from zoo.models.build import FEATURES
from zoo.models.graph import inner_layers
from zoo.resolve import ResolvedConfig
from zoo.runs import Run
from zoo.training.model import (
    HEAD,
    backbone_of,
    layers_before_head,
    minimized_loss,
)

COLORS = 3
HEAD_BATCH_SIZE = 32  # vectors, and the rate of Adam at the start of a cosine
HEAD_LEARNING_RATE = 1e-3
SUMMED = "summed over the three colors, for gray"
REPEATED = "repeated for three colors and divided by 3"


@dataclasses.dataclass(frozen=True)
class Transfer:
    """Record of what was taken over from another model.

    Attributes:
        run: Source model, as `--weights` names it.
        weights_sha256: SHA-256 of all weights of the source model.
        copied: Layers whose weights are the source's.
        adapted: Layers whose kernels were adapted, and how.
        new: Layers with weights that are initialized again.
        preprocessing: Whose statistics center and scale the inputs.
        head_epochs: Epochs in which the new head was trained alone.
    """

    run: str
    weights_sha256: str
    copied: tuple[str, ...]
    adapted: dict[str, str]
    new: tuple[str, ...]
    preprocessing: str
    head_epochs: int = 0

    def to_json(self) -> dict[str, Any]:
        """Returns what `resolved.json` says about it."""
        return dataclasses.asdict(self)


def copy_weights(
    model: keras.Model,
    config: ResolvedConfig,
    dataset: Dataset,
    source: SourceModel,
    preprocessing: str,
) -> Transfer:
    """Gives a model that was just built the weights of its source.

    Args:
        model: raw inputs to logits.
        config: of the run that it is for.
        dataset: that it is to be trained on.
        source: whose weights.
        preprocessing: whose statistics the preprocessing has, in words.

    Raises:
        UserError: the classes differ and no new head is requested, a layer
            does not fit, or nothing would be left to copy.
    """
    old = source.load_model()
    body, old_body = backbone_of(model), backbone_of(old)
    if not config.new_head:
        _check_targets(dataset, source, old.output_shape[-1])
    new = _new_layers(body, config.new_head)
    if config.new_head and not new:
        raise UserError(
            f"--new_head has no effect on {config.entry.name}, which has no "
            "weights after its features; leave it out."
        )
    found = {layer.name: layer for layer in old_body.layers if layer.weights}
    adaptation = _Adaptation(config, dataset, source, old.input_shape[1:])
    copied, adapted = [], {}
    for layer in body.layers:
        if not layer.weights or layer.name in new:
            continue
        weights, how = adaptation.weights(layer, found.get(layer.name))
        if isinstance(layer, keras.layers.Normalization):
            # Of preprocessing; what Keras puts behind it for ImageNet's own
            # weights is part of it here.
            if source.name == IMAGENET:
                copied.append(layer.name)
                continue
            layer.set_weights(weights)
            layer.finalize_state()  # computes what `call` uses from weights
        else:
            layer.set_weights(weights)
        copied.append(layer.name)
        if how:
            adapted[layer.name] = how
    adaptation.check_all_used(set(found) - {HEAD}, copied)
    return Transfer(
        source.name,
        hash_weights(old),
        tuple(copied),
        adapted,
        tuple(new),
        preprocessing,
    )


def fit_head(
    model: keras.Model,
    config: ResolvedConfig,
    dataset: Dataset,
    statistics: Statistics,
    transferred: Transfer,
    progress: Callable[[int, int], None] | None = None,
) -> Transfer:
    """Trains the layer `logits` alone, on features that are computed once.

    Args:
        model: raw pixels to logits, with the weights of its source.
        config: of the run; `head_epochs` says for how long.
        dataset: whose training images are used, without augmentation.
        statistics: of the preprocessing in the model.
        transferred: what was taken over.
        progress: called with how many of how many images have features.

    Returns:
        The record with the epochs.
    """
    if not config.head_epochs:
        return transferred
    body = backbone_of(model)
    if FEATURES not in {layer.name for layer in body.layers}:
        raise UserError(
            f"--head_epochs={config.head_epochs} needs a layer named "
            f"{FEATURES}, which {config.entry.name} has not; leave it out."
        )
    head = body.get_layer(HEAD)
    # Dropout between features and head is the head's.
    vector = body.get_layer(FEATURES).output
    trunk = keras.Model(body.inputs, vector)
    image = keras.Input(model.input_shape[1:], name="image")
    # What is before the network, without the network.
    entrance = keras.Model(model.inputs, model.layers[-2].output)
    # A layer that is set sets those in it and its variables, so it comes first.
    parts = [*inner_layers(body), *body.weights]
    trainable = [part.trainable for part in parts]
    extractor = Extractor(
        transferred.run,
        f"features of {config.entry.name}",
        keras.Model(image, trunk(entrance(image))),
        {"kind": "transfer", "statistics": statistics.to_json()},
    )
    vectors = extract_features(
        dataset.train, extractor, config.runs_dir, progress
    )
    given = keras.Input(vectors.images.shape[1:])
    classifier = keras.Model(given, keras.Model(vector, head.output)(given))
    batches = pipeline.TrainingBatches(vectors, HEAD_BATCH_SIZE, config.seed)
    rate = keras.optimizers.schedules.CosineDecay(
        HEAD_LEARNING_RATE, config.head_epochs * batches.batches_per_epoch
    )
    classifier.compile(
        keras.optimizers.Adam(rate), minimized_loss(config, dataset)
    )
    head.trainable = True
    for epoch in range(config.head_epochs):
        classifier.fit(batches.epoch(epoch), shuffle=False, verbose=0)
    for part, value in zip(parts, trainable, strict=True):
        part.trainable = value
    return dataclasses.replace(transferred, head_epochs=config.head_epochs)


def check_same(now: Transfer, run: Run) -> None:
    """Raises `UserError` if a run would start from other weights this time."""
    before = run.resolved["weights"]
    if before["weights_sha256"] != now.weights_sha256:
        raise UserError(
            f"the weights of {now.run} are not those from which {run.name} "
            "started, and it has no checkpoint yet; "
            f"`{command('train', flagfile=str(run.path / 'flags.txt'))}` "
            "starts from these."
        )


def describe_transfer(resolved: dict[str, Any]) -> dict[str, str]:
    """Returns lines of the header: what was taken over, and what is frozen."""
    rows = {}
    if found := resolved["weights"]:
        parts = [f"{pluralize(len(found['copied']), 'layer')} copied"]
        parts += [f"{name} {how}" for name, how in found["adapted"].items()]
        if epochs := found.get("head_epochs"):
            parts.append(
                f"{HEAD} trained alone for {pluralize(epochs, 'epoch')} on "
                "features computed once"
            )
        elif found["new"]:
            parts.append(f"{join_and(found['new'])} new")
        rows["start"] = (
            f"{found['run']}: {', '.join(parts)}; preprocessing is "
            f"{found['preprocessing']}"
        )
    if layers := resolved["frozen"]:
        counts = resolved["parameters"]
        named = join_and(_some(layers))
        rows["frozen"] = (
            f"{pluralize(len(layers), 'layer')}: {named}; "
            f"{counts['trainable']:,} of {counts['total']:,} weights learn"
        )
    return rows


def _some(names: Sequence[str]) -> list[str]:
    return [*names[:6], "..."] if len(names) > 6 else list(names)


def _new_layers(body: keras.Model, new_head: bool) -> list[str]:
    """Returns the layers with weights that are initialized again."""
    before = layers_before_head(body)
    weighted = [layer.name for layer in body.layers if layer.weights]
    if before is None:
        return []
    return [
        name
        for name in weighted
        if name not in before and (new_head or name != HEAD)
    ]


def _check_targets(dataset: Dataset, source: SourceModel, outputs: int) -> None:
    """Refuses to keep a classification layer of other classes."""
    own = (dataset.task, tuple(dataset.class_names))
    is_same = source.targets in (None, own)
    if is_same and outputs == max(dataset.num_classes, 1):
        return
    theirs = f"{outputs} outputs"
    if source.targets and source.targets[0] == "classification":
        theirs = _listed(source.targets[1])
    elif source.targets:
        theirs = "a number"
    names = dataset.class_names
    wanted = _listed(names) if names else "a number"
    raise UserError(
        f"the layer {HEAD} of {source.name} predicts {theirs}, and "
        f"{dataset.name} asks for {wanted}; add --new_head to initialize that "
        "layer again."
    )


def _listed(names: tuple[str, ...]) -> str:
    return f"{len(names)} classes ({join_and(_some(names))})"


# Adapting weights and statistics to other inputs


@dataclasses.dataclass(frozen=True)
class _Adaptation:
    """Adapts weights of the source to layers of the new model.

    Attributes:
        old_shape: Shape of the source's inputs, `(H, W, C)` or `(D,)`.
    """

    config: ResolvedConfig
    dataset: Dataset
    source: SourceModel
    old_shape: tuple[int, ...]

    def weights(self, layer, old) -> tuple[list[np.ndarray], str]:
        """Returns a layer's weights, and how they were adapted, if so."""
        if old is None:
            raise UserError(
                f"{self.source.name} has no layer {layer.name}, so its "
                f"weights do not fit this {self.config.entry.name}; give the "
                "options it was trained with, such as --norm or --model_arg."
            )
        weights = old.get_weights()
        wanted = [tuple(weight.shape) for weight in layer.weights]
        given = [weight.shape for weight in weights]
        if given == wanted:
            return weights, ""
        if len(given) == len(wanted) and given[1:] == wanted[1:]:
            kernel, how = with_channels(weights[0], wanted[0])
            if kernel is not None:
                return [kernel, *weights[1:]], how
        raise self._misfit(layer, given, wanted)

    def _misfit(self, layer, given: list, wanted: list) -> UserError:
        new_shape = self.dataset.input_shape
        shapes = f"{_sides(self.old_shape)}, and here they are"
        if (
            self.old_shape == new_shape
            or layer.name == HEAD
            and (given[0][:-1] == wanted[0][:-1])
        ):
            return UserError(
                f"the weights of {layer.name} in {self.source.name} have the "
                f"shapes {_shapes(given)}, and {_shapes(wanted)} are needed; "
                "give the options it was trained with, such as --model_arg."
            )
        return UserError(
            f"the weights of {layer.name} in {self.source.name} are for inputs "
            f"of {shapes} {_sides(new_shape)}; {self._remedy(new_shape)}."
        )

    def _remedy(self, new_shape: tuple[int, ...]) -> str:
        if len(self.old_shape) != 3 or len(new_shape) != 3:
            return "start from a run on inputs of the same kind"
        height, width, channels = self.old_shape
        if {channels, new_shape[2]} - {1, COLORS}:
            return "start from a run on images of as many channels"
        if channels != new_shape[2] and (height, width) == new_shape[:2]:
            return (
                "only a convolution can change between gray and color, so "
                "start from a run on images of as many channels"
            )
        works = "models that end in a global average, such as resnet20 or "
        works += "wrn16_4, work at any size"
        if height != width:
            return works
        return f"--image_size={height} makes it fit, and {works}"

    def check_all_used(self, theirs: set[str], copied: list[str]) -> None:
        """Refuses a transfer of parts of the source, or of nothing."""
        left = sorted(theirs - set(copied))
        if left:
            raise UserError(
                f"{left[0]} of {self.source.name} does not exist in this "
                f"{self.config.entry.name}; give the options it was trained "
                "with, such as --norm or --model_arg."
            )
        if not copied:
            raise UserError(
                f"{self.config.entry.name} has no weights before its {HEAD}, "
                "so --new_head leaves nothing to take over from "
                f"{self.source.name}; leave one of them out."
            )


def with_channels(kernel: np.ndarray, wanted: tuple[int, ...]):
    """Returns a kernel `[h, w, C, F]` for gray or color, if that is all.

    Returns:
        The kernel and what was done to it; `None` if something else differs.
    """
    if kernel.ndim != 4 or len(wanted) != 4:
        return None, ""
    same = (*kernel.shape[:2], kernel.shape[3])
    if same != (*wanted[:2], wanted[3]):
        return None, ""
    if (kernel.shape[2], wanted[2]) == (COLORS, 1):
        return kernel.sum(axis=2, keepdims=True), SUMMED
    if (kernel.shape[2], wanted[2]) == (1, COLORS):
        return np.repeat(kernel, COLORS, axis=2) / COLORS, REPEATED
    return None, ""


def _sides(shape: tuple[int, ...]) -> str:
    return (
        "x".join(map(str, shape)) if len(shape) > 1 else f"{shape[0]} numbers"
    )


def _shapes(shapes: list) -> str:
    return " and ".join("x".join(map(str, shape)) for shape in shapes)


def adapt_statistics(
    statistics: Statistics, input_shape: tuple[int, ...]
) -> Statistics | None:
    """Returns statistics for inputs of another shape, if they can be adapted.

    Gray to color: each color has those of gray. Color to gray: the means
    over the three colors.

    Args:
        statistics: of inputs of any shape.
        input_shape: `(H, W, C)` of the new images, or `(D,)` of vectors.

    Returns:
        `None` for a mean image of another size, or other channels.
    """
    mean, std = statistics.mean, statistics.std
    if mean is not None and mean.ndim == 3:
        if mean.shape[:2] != input_shape[:2]:
            return None
    channels = input_shape[-1]
    for array in (mean, std):
        if array is None or array.shape[-1] == channels:
            continue
        if {array.shape[-1], channels} != {1, COLORS}:
            return None
    return dataclasses.replace(
        statistics,
        mean=_statistics_with_channels(mean, channels),
        std=_statistics_with_channels(std, channels),
    )


def _statistics_with_channels(array: np.ndarray | None, channels: int):
    """Returns an array `[..., C]` with 1 or 3 channels for its 3 or 1."""
    if array is None or array.shape[-1] == channels:
        return array
    gray = array.mean(axis=-1, keepdims=True, dtype=np.float64)
    return np.repeat(gray, channels, axis=-1).astype(np.float32)
