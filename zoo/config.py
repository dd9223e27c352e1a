"""`TrainConfig`: every option of a training run, each defined exactly once.

Flags, help texts, checks, run folders, sweeps and tests all read the fields
of this one class. A field holds what was *asked*; `None` stands for "not
given", and `zoo.training.plan` then takes the value of the model's recipe.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from zoo import kinds, synonyms
from zoo.combinations import check_combinations
from zoo.errors import UserError, close_matches
from zoo.options import (
    ARGUMENTS,
    BOOL,
    FLOAT,
    INT,
    INT_OR_ALL,
    INT_OR_AUTO,
    INT_OR_FULL,
    NAMES,
    NUMBERS,
    TEXT,
    Kind,
    Option,
    check_option,
    format_option,
    read_option,
)

__all__ = [
    "BOOL",
    "DEFAULTS",
    "GROUPS",
    "OPTIONS",
    "TrainConfig",
    "format_option",
    "option_named",
    "parse_option",
]

DEFAULT_MODEL = "lenet5"
GROUPS = {
    "model": "What is trained",
    "data": "What it is trained on",
    "optimization": "How it is trained",
    "regularization": "What holds it back from learning by heart",
    "run": "Where and how it runs",
    "summaries": "What is shown",
}


def _option(default: Any, kind: Kind, group: str, help: str, **facts) -> Any:
    option = Option(kind=kind, help=help, group=group, **facts)
    if isinstance(default, dict):
        return dataclasses.field(
            default_factory=dict, metadata={"option": option}
        )
    return dataclasses.field(default=default, metadata={"option": option})


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """One training run, as asked for; `None` leaves a choice to the recipe.

    Raises:
        UserError: a value has the wrong type, is out of range, or contradicts
            another one. The message is one sentence.
    """

    # fmt: off
    # Not given, it is that of the run to start from, or else DEFAULT_MODEL.
    model: str | None = _option(
        None, TEXT, "model", everyday=True,
        help="model to train; `zoo models` lists them")
    model_arg: Mapping[str, Any] = _option(
        {}, ARGUMENTS, "model",
        help="an argument of this model alone, as name=value; repeatable")
    activation: str | None = _option(
        None, TEXT, "model", to_builder=True,
        choices=("relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "softplus",
                 "sigmoid", "tanh", "none"),
        help="activation of the hidden layers; gelu_tanh is the fast "
             "approximation of gelu by tanh")
    norm: str | None = _option(
        None, TEXT, "model", to_builder=True,
        choices=("none", "batch", "local_response"),
        help="normalization in the hidden layers")
    initializer: str | None = _option(
        None, TEXT, "model", to_builder=True,
        choices=("he_normal", "he_uniform", "glorot_normal", "glorot_uniform",
                 "lecun_normal", "torch_uniform", "small_normal", "equal"),
        help="initial values of the kernels")
    features: str | None = _option(
        None, TEXT, "model",
        help="what lr, mlp or knn see in place of pixels: hog, colour, words, "
             "or what a trained network sees: RUN, PATH.keras, keras:NAME")

    weights: str | None = _option(
        None, TEXT, "model",
        help="initial weights: none, a run, a path to a .keras file, or "
             "pretrained weights such as lenet5:mnist; its model and "
             "preprocessing are taken over")
    new_head: bool = _option(
        False, BOOL, "model",
        help="re-initialize the classification layer, for other classes; "
             "needs --weights")
    freeze: str = _option(
        "none", TEXT, "model",
        help="layers whose weights stay as they are: none; features, which "
             "is all before `logits`; or names such as conv1*,conv3")

    dataset: str = _option(
        "digits", TEXT, "data", everyday=True,
        help="data set, folder:PATH or npz:PATH; `zoo datasets` lists them")
    data_dir: str | None = _option(
        None, TEXT, "data",
        help="folder of tensorflow-datasets and of arrays that are kept (else "
             "TFDS_DATA_DIR, else ~/tensorflow_datasets)")
    image_size: int | None = _option(
        None, INT, "data", low=4, high=1024,
        help="side in pixels to which every image is resized when read")
    val_fraction: float = _option(
        0.1, FLOAT, "data", low=0, high=1, open_high=True,
        help="share of the training images held out for validation")
    train_examples: int | None = _option(
        None, INT, "data", low=1,
        help="use only so many of the training images, of every class its "
             "share; which, the images decide")
    randomize_labels: float = _option(
        0.0, FLOAT, "data", low=0, high=1,
        help="share of the training labels that are replaced by classes drawn "
             "at random, to see whether they can be learned by heart; "
             "validation and test keep the true ones")
    classes: tuple[str, ...] = _option(
        (), NAMES, "data",
        help="use only these of the classes, by name, numbered anew; of the "
             "validation and test images too")
    group_by: str | None = _option(
        None, TEXT, "data",
        help="for folder: keep files of one group in one split: `folder`, or "
             "a regular expression whose match in the file's name is the group")
    skip_unreadable: bool = _option(
        False, BOOL, "data",
        help="for folder: leave out files that cannot be read as an image, "
             "and say how many, rather than stop at the first")
    extra_features: tuple[str, ...] = _option(
        (), NAMES, "data", choices=("x2", "xy", "sin"),
        help="for points: also the squares of the coordinates, their products "
             "and their sines are inputs")
    mean_subtraction: str | None = _option(
        None, TEXT, "data", everyday=True,
        choices=("none", "channel", "pixel", "image"),
        help="what is subtracted: each channel's mean, the mean image, or "
             "each image's own channel means (else channel)")
    scale: str | None = _option(
        None, TEXT, "data", choices=("none", "unit", "std"),
        help="what pixels are divided by: nothing, 255, or each channel's "
             "standard deviation (else std)")
    augment: str | None = _option(
        None, TEXT, "data",
        choices=("none", "flip", "crop", "crop_flip", "alternating_flip",
                 "crop_alternating_flip"),
        help="random changes of the training images: crops after padding by "
             "reflection, and mirroring; alternating: an image is mirrored in "
             "every second epoch, drawn by lot in the first")
    crop_padding: int | None = _option(
        None, INT, "data", low=1,
        needs=("augment", ("crop", "crop_flip", "crop_alternating_flip")),
        help="pixels by which a crop moves an image at most (else an eighth "
             "of the side)")

    optimizer: str | None = _option(
        None, TEXT, "optimization", everyday=True,
        choices=("sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"),
        help="update rule")
    learning_rate: float | None = _option(
        None, FLOAT, "optimization", everyday=True, low=0, open_low=True,
        help="step size at its highest")
    momentum: float | None = _option(
        None, FLOAT, "optimization", low=0, high=1, open_high=True,
        needs=("optimizer", ("momentum", "nesterov", "rmsprop")),
        help="share of the last update that is kept")
    schedule: str | None = _option(
        None, TEXT, "optimization",
        choices=("constant", "step", "cosine", "linear", "exponential"),
        help="how the learning rate falls")
    schedule_epochs: tuple[float, ...] | None = _option(
        None, NUMBERS, "optimization", low=0, needs=("schedule", ("step",)),
        help="epochs at whose end the rate is multiplied by schedule_factor")
    schedule_factor: float | None = _option(
        None, FLOAT, "optimization", low=0, high=1, open_low=True,
        needs=("schedule", ("step", "exponential")),
        help="factor at each step, or each epoch if exponential")
    warmup_epochs: float | None = _option(
        None, FLOAT, "optimization", low=0,
        help="epochs over which the rate rises from zero, or from "
             "warmup_start")
    warmup_start: float | None = _option(
        None, FLOAT, "optimization", low=0, high=1,
        help="share of the learning rate at which the warm-up starts")
    schedule_end: float | None = _option(
        None, FLOAT, "optimization", low=0, high=1, open_high=True,
        needs=("schedule", ("cosine", "linear")),
        help="share of the learning rate that is left at the end")
    norm_bias_factor: float | None = _option(
        None, FLOAT, "optimization", low=0, open_low=True,
        help="factor on the learning rate of the biases of batch norm, not on "
             "their weight decay")
    lookahead_every: int | None = _option(
        None, INT, "optimization", low=1,
        help="updates after which the weights are averaged with a slow copy "
             "of themselves, and go on from there; towards the end the copy "
             "counts for more")
    batch_size: int | str | None = _option(
        None, INT_OR_FULL, "optimization", everyday=True, low=1,
        help="images in an update, or `full` for all of them")
    epochs: int | None = _option(
        None, INT, "optimization", everyday=True, low=1,
        help="passes over the training images")
    steps: int | None = _option(
        None, INT, "optimization", low=1,
        help="updates to make, instead of --epochs")
    clip_norm: float | None = _option(
        None, FLOAT, "optimization", low=0, open_low=True,
        help="largest norm of the gradient of all weights together")
    loss: str | None = _option(
        None, TEXT, "optimization",
        choices=("cross_entropy", "hinge", "squared_error"),
        help="what is minimized (else cross_entropy, or squared_error where "
             "a number is predicted)")
    label_smoothing: float | None = _option(
        None, FLOAT, "optimization", low=0, high=1, open_high=True,
        needs=("loss", ("cross_entropy",)),
        help="share of each label that is spread over all classes")
    class_weight: str = _option(
        "none", TEXT, "optimization", choices=("none", "balanced"),
        help="what an example counts in the loss that is minimized: all the "
             "same, or the less the more examples its class has")
    recompute_batch_norm: bool = _option(
        False, BOOL, "optimization",
        help="before each validation, compute the averages of batch norm anew "
             "over the training images, without augmentation and dropout")
    early_stopping_patience: int | None = _option(
        None, INT, "optimization", low=1,
        help="epochs without a better validation loss before stopping")

    dropout: float | None = _option(
        None, FLOAT, "regularization", everyday=True, low=0, high=1,
        open_high=True, to_builder=True,
        help="share of the units dropped at each update")
    l1: float | None = _option(
        None, FLOAT, "regularization", low=0, to_builder=True,
        help="l1 * sum |w| over every kernel is added to the loss")
    l2: float | None = _option(
        None, FLOAT, "regularization", everyday=True, low=0, to_builder=True,
        help="l2 * sum w^2 over every kernel is added to the loss")
    weight_decay: float | None = _option(
        None, FLOAT, "regularization", low=0,
        help="the papers' decay: w/2 * sum v^2 over every trainable variable, "
             "biases and norms too; decoupled for adamw alone")

    seed: int = _option(
        0, INT, "run", everyday=True, low=0, high=2**31 - 1,
        help="fixes initial weights, order, augmentation and dropout")
    deterministic: bool = _option(
        False, BOOL, "run",
        help="same seed, same machine, same bits; slower")
    devices: int | str = _option(
        1, INT_OR_ALL, "run", low=1,
        help="devices of each machine that share every batch, or all; the "
             "batch size is that of all together")
    precision: str = _option(
        "float32", TEXT, "run", choices=("float32", "bfloat16", "auto"),
        help="number format of the arithmetic; auto takes bfloat16 where the "
             "processor or accelerator has it")
    jit: str = _option(
        "auto", TEXT, "run", choices=("auto", "on", "off"),
        help="compile with XLA; auto leaves it off on processors")
    steps_per_execution: int | str = _option(
        "auto", INT_OR_AUTO, "run", low=1,
        help="updates made between two looks at Python")
    checkpoint_every: int | None = _option(
        None, INT, "run", low=1,
        help="updates between checkpoints, besides those at epoch ends")
    runs_dir: str = _option(
        "runs", TEXT, "run", help="folder that holds the run folders")
    run_name: str | None = _option(
        None, TEXT, "run", everyday=True,
        help="name of the run folder (else model, data set, what differs)")

    summaries: tuple[str, ...] = _option(
        ("default",), NAMES, "summaries",
        choices=kinds.GROUPS + kinds.NAMES,
        help="kinds written to TensorBoard; `default,gradients` adds one")
    summary_every: int = _option(
        1, INT, "summaries", low=1,
        help="epochs between summaries that are no scalars")
    debug_every: int | None = _option(
        None, INT, "summaries", low=1,
        help="updates between the lecture's debugging prints")
    # fmt: on

    def __post_init__(self):
        if self.weights == "none":
            object.__setattr__(self, "weights", None)
        if self.model is None and self.weights is None:
            object.__setattr__(self, "model", DEFAULT_MODEL)
        for name, option in OPTIONS.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(
                    self, name, check_option(name, option, value)
                )
        check_combinations(self)

    def replace(self, **changes) -> TrainConfig:
        """Returns a copy with some values changed, checked again."""
        return dataclasses.replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """Returns every option with its value, in the order of this class."""
        return {name: getattr(self, name) for name in OPTIONS}

    def asked(self) -> dict[str, Any]:
        """Returns the options whose value is not the default."""
        return {
            name: value
            for name, value in self.as_dict().items()
            if value != DEFAULTS[name]
        }

    def to_json(self) -> str:
        """Returns all options as JSON, in the order of this class."""
        return json.dumps(self.as_dict(), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> TrainConfig:
        """Reads back what `to_json` wrote; unknown keys are an error."""
        values = json.loads(text)
        for name in values:
            option_named(name)
        return cls(**{name: _tuples(v) for name, v in values.items()})


def _tuples(value: Any) -> Any:
    """Returns JSON's lists as the tuples they were."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _default(field: dataclasses.Field) -> Any:
    if field.default is dataclasses.MISSING:
        return field.default_factory()
    return field.default


OPTIONS: dict[str, Option] = {
    field.name: field.metadata["option"]
    for field in dataclasses.fields(TrainConfig)
}
DEFAULTS: dict[str, Any] = {
    field.name: _default(field) for field in dataclasses.fields(TrainConfig)
} | {"model": DEFAULT_MODEL}


def option_named(name: str) -> Option:
    """Returns the option `name`, or says which ones look like it."""
    if name in OPTIONS:
        return OPTIONS[name]
    meant = synonyms.FLAGS.get(name.lower())
    close = [meant] if meant in OPTIONS else close_matches(name, OPTIONS)
    hint = f"did you mean --{close[0]}?" if close else "see --helpfull."
    raise UserError(f"there is no option --{name}; {hint}")


def parse_option(name: str, text: str) -> Any:
    """Reads the value of one option from the text of a flag."""
    return read_option(name, option_named(name), text)
