"""`TrainConfig`: every option of a training run, each defined exactly once.

Flags, help texts, checks, run folders, sweeps and tests all read the fields
of this one class. A field holds what was requested; `None` stands for "not
given", and the model's recipe then decides.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

from zoo import errors
from zoo.errors import UserError, close_matches
from zoo.options import (
    ARGUMENTS,
    BOOL,
    FLOAT,
    INT,
    INT_OR_ALL,
    INT_OR_AUTO,
    INT_OR_FULL,
    KINDS,
    LARGEST_INT,
    NAMES,
    NUMBERS,
    SIDE_OR_SIDES,
    TEXT,
    Option,
    ValueType,
    check_option,
    format_option,
    plain_value,
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
IMAGENET = "imagenet"  # weights that were trained on it, of any model
DEFAULT_IMAGENET_MODEL = "efficientnet_lite0"
# Kinds of `augment` that can be added to any other.
LAYER_AUGMENTATIONS = ("rand_augment", "random_erasing", "mixup", "cutmix")
RUN_NAME = re.compile(r"[A-Za-z0-9_.\-]+(/[A-Za-z0-9_.\-]+)*")
# `last` is the newest run; the others are files by which folders are known.
RESERVED_NAMES = {
    "last", "config.json", "resolved.json", "group.json", "sweep.json",
}  # fmt: skip
# Kinds of datasets whose name ends in the path of a folder or file.
WITH_PATH = ("folder", "npz", "csv", "points")
GROUPS = {
    "model": "Model",
    "data": "Data",
    "optimization": "Optimization",
    "regularization": "Regularization",
    "run": "Run",
    "summaries": "Summaries",
}


def _option(
    default: Any, type: ValueType, group: str, help: str, **facts
) -> Any:
    option = Option(type=type, help=help, group=group, **facts)
    if isinstance(default, dict):
        return dataclasses.field(
            default_factory=dict, metadata={"option": option}
        )
    return dataclasses.field(default=default, metadata={"option": option})


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Options of one training run; `None` takes the recipe's value.

    `zoo train --helpfull` describes each of them.

    Raises:
        UserError: a value has the wrong type, is out of range, or contradicts
            another one.
    """

    # fmt: off
    # The default is the model of `weights`, else DEFAULT_MODEL.
    model: str | None = _option(
        None, TEXT, "model", common=True,
        help="model to train; `zoo models` lists them")
    model_arg: Mapping[str, Any] = _option(
        {}, ARGUMENTS, "model",
        help="argument of this model's builder, as name=value; repeatable")
    activation: str | None = _option(
        None, TEXT, "model", is_model_arg=True,
        choices=("relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "softplus",
                 "sigmoid", "tanh", "none"),
        help="activation of the hidden layers; gelu_tanh is the tanh "
             "approximation of GELU")
    norm: str | None = _option(
        None, TEXT, "model", is_model_arg=True,
        choices=("none", "batch", "local_response"),
        help="normalization of the hidden layers")
    initializer: str | None = _option(
        None, TEXT, "model", is_model_arg=True,
        choices=("he_normal", "he_uniform", "glorot_normal", "glorot_uniform",
                 "lecun_normal", "torch_uniform", "small_normal", "equal"),
        help="kernel initializer")
    features: str | None = _option(
        None, TEXT, "model",
        help="features that lr, mlp or knn see in place of pixels: hog, "
             "color_histogram, bag_of_visual_words, or those of a network: "
             "RUN, PATH.keras, keras:NAME")

    weights: str | None = _option(
        None, TEXT, "model",
        help="initial weights: none, imagenet, a run, a path to a .keras "
             "file, or pretrained weights such as lenet5:mnist; its model and "
             "preprocessing are taken over")
    new_head: bool = _option(
        False, BOOL, "model",
        help="re-initialize the classification layer, for other classes; "
             "needs --weights")
    head_epochs: int | None = _option(
        None, INT, "model", low=0,
        help="epochs in which the new classification layer alone is trained "
             "first, on features that are computed once; needs a new head")
    freeze: str | None = _option(
        None, TEXT, "model",
        help="layers to freeze: none, features (all before `logits`), "
             "batch_norm (their averages too), or names such as "
             "conv1*,conv3")

    dataset: str = _option(
        "digits", TEXT, "data", common=True,
        help="dataset, folder:PATH or npz:PATH; `zoo datasets` lists them")
    data_dir: str | None = _option(
        None, TEXT, "data",
        help="folder of tensorflow-datasets and of cached arrays (default: "
             "TFDS_DATA_DIR, or ~/tensorflow_datasets)")
    image_size: int | tuple[int, int] | None = _option(
        None, SIDE_OR_SIDES, "data", low=4, high=1024,
        help="side to which images are resized, in pixels, or height,width")
    resize: str = _option(
        "crop", TEXT, "data", choices=("crop", "pad", "squash"),
        help="how images of another aspect ratio are resized: crop cuts off "
             "their edges, pad adds black ones, squash changes the ratio")
    val_fraction: float = _option(
        0.1, FLOAT, "data", low=0, high=1, open_high=True,
        help="fraction of the training images held out for validation")
    fold: str | None = _option(
        None, TEXT, "data",
        help="which part of the training images is the validation set, as "
             "2/5: the second of five folds; --folds=5 trains a run for each")
    train_examples: int | None = _option(
        None, INT, "data", low=1,
        help="number of training examples to use, stratified by class")
    randomize_labels: float = _option(
        0.0, FLOAT, "data", low=0, high=1,
        help="fraction of training labels replaced by random classes (Zhang "
             "et al. 2017); validation and test labels are kept")
    classes: tuple[str, ...] = _option(
        (), NAMES, "data",
        help="names of the classes to use, in training, validation and test")
    group_by: str | None = _option(
        None, TEXT, "data",
        help="keep files of one group in one split: `folder`, "
             "`near_duplicates` (images that look nearly the same), or a "
             "regular expression whose match in the file name is the group; "
             "needs --dataset=folder:PATH or csv:PATH")
    skip_unreadable: bool = _option(
        False, BOOL, "data",
        help="skip image files that cannot be read, instead of stopping at "
             "the first; needs --dataset=folder:PATH or csv:PATH")
    extra_features: tuple[str, ...] = _option(
        (), NAMES, "data", choices=("x2", "xy", "sin"),
        help="extra inputs for points: squares, products and sines of the "
             "coordinates")
    mean_subtraction: str | None = _option(
        None, TEXT, "data", common=True,
        choices=("none", "channel", "pixel", "image"),
        help="mean to subtract: of each channel, of each pixel, or of each "
             "image's channels (default: channel)")
    scale: str | None = _option(
        None, TEXT, "data", choices=("none", "unit", "std"),
        help="divisor of the pixels: none, 255 (unit), or the standard "
             "deviation of each channel (default: std)")
    augment: str | None = _option(
        None, KINDS, "data",
        choices=("none", "flip", "crop", "crop_flip", "alternating_flip",
                 "crop_alternating_flip", "rand_augment", "random_erasing",
                 "mixup", "cutmix"),
        help="augmentation of the training images: random crops after "
             "reflection padding, and horizontal flips (alternating: an "
             "image is flipped in every other epoch); besides it layers of "
             "Keras, as in crop_flip,rand_augment,mixup")
    crop_padding: int | None = _option(
        None, INT, "data", low=1,
        depends_on=("augment", ("crop", "crop_flip", "crop_alternating_flip")),
        help="padding before random crops, in pixels (default: an eighth of "
             "the side)")

    optimizer: str | None = _option(
        None, TEXT, "optimization", common=True,
        choices=("sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw",
                 "muon"),
        help="optimizer; muon is for hidden dense layers, with adamw for the "
             "other weights")
    learning_rate: float | None = _option(
        None, FLOAT, "optimization", common=True, low=0, open_low=True,
        help="peak learning rate")
    momentum: float | None = _option(
        None, FLOAT, "optimization", low=0, high=1, open_high=True,
        depends_on=("optimizer", ("momentum", "nesterov", "rmsprop", "muon")),
        help="momentum")
    schedule: str | None = _option(
        None, TEXT, "optimization",
        choices=("constant", "step", "cosine", "linear", "exponential"),
        help="learning rate schedule")
    schedule_epochs: tuple[float, ...] | None = _option(
        None, NUMBERS, "optimization", low=0, high=LARGEST_INT,
        depends_on=("schedule", ("step",)),
        help="milestones (epochs) of the step schedule")
    schedule_factor: float | None = _option(
        None, FLOAT, "optimization", low=0, high=1, open_low=True,
        depends_on=("schedule", ("step", "exponential")),
        help="learning rate factor at each milestone, or at each epoch if "
             "exponential")
    warmup_epochs: float | None = _option(
        None, FLOAT, "optimization", low=0, high=LARGEST_INT,
        help="epochs of linear learning rate warm-up")
    warmup_start: float | None = _option(
        None, FLOAT, "optimization", low=0, high=1,
        help="learning rate at the start of the warm-up, as a fraction of "
             "the peak (default: 0)")
    schedule_end: float | None = _option(
        None, FLOAT, "optimization", low=0, high=1, open_high=True,
        depends_on=("schedule", ("cosine", "linear")),
        help="final learning rate, as a fraction of the peak")
    norm_bias_factor: float | None = _option(
        None, FLOAT, "optimization", low=0, open_low=True,
        help="learning rate factor of batch norm biases; their weight decay "
             "is not scaled")
    lookahead_every: int | None = _option(
        None, INT, "optimization", low=1,
        help="average the weights with a slow copy every N steps "
             "(Lookahead); the weight of the copy grows during training")
    ema_momentum: float | None = _option(
        None, FLOAT, "optimization", low=0, high=1, open_low=True,
        open_high=True,
        help="average the weights over the steps with this momentum (EMA); "
             "validation and the saved model use the average; with "
             "--lookahead_every, of the weights before each step's Lookahead")
    batch_size: int | str | None = _option(
        None, INT_OR_FULL, "optimization", common=True, low=1,
        help="batch size, or `full` for all training examples")
    gradient_accumulation_steps: int | None = _option(
        None, INT, "optimization", low=2,
        help="batches whose mean gradient makes one update of the weights "
             "(as in Keras)")
    epochs: int | None = _option(
        None, INT, "optimization", common=True, low=1,
        help="number of epochs")
    steps: int | None = _option(
        None, INT, "optimization", low=1,
        help="number of training steps, instead of --epochs")
    clip_norm: float | None = _option(
        None, FLOAT, "optimization", low=0, open_low=True,
        help="maximum global norm of the gradients")
    loss: str | None = _option(
        None, TEXT, "optimization",
        choices=("cross_entropy", "hinge", "squared_error"),
        help="loss function (default: cross_entropy, or squared_error for "
             "regression)")
    label_smoothing: float | None = _option(
        None, FLOAT, "optimization", low=0, high=1, open_high=True,
        depends_on=("loss", ("cross_entropy",)),
        help="label smoothing factor")
    class_weight: str = _option(
        "none", TEXT, "optimization", choices=("none", "balanced"),
        help="class weighting of the loss: none, or inversely proportional "
             "to class frequency")
    recompute_batch_norm: bool = _option(
        False, BOOL, "optimization",
        help="recompute batch norm statistics over the training images "
             "before each validation (precise batch norm)")
    early_stopping_patience: int | None = _option(
        None, INT, "optimization", low=1,
        help="epochs without improvement of the validation loss before "
             "training stops")

    dropout: float | None = _option(
        None, FLOAT, "regularization", common=True, low=0, high=1,
        open_high=True, is_model_arg=True,
        help="dropout rate, 0 to <1")
    l1: float | None = _option(
        None, FLOAT, "regularization", low=0, is_model_arg=True,
        help="L1 regularization: adds l1 * sum |w| over all kernels to the "
             "loss")
    l2: float | None = _option(
        None, FLOAT, "regularization", common=True, low=0, is_model_arg=True,
        help="L2 regularization: adds l2 * sum w^2 over all kernels to the "
             "loss")
    weight_decay: float | None = _option(
        None, FLOAT, "regularization", low=0,
        help="weight decay w as in the papers: adds w/2 * sum v^2 over all "
             "trainable variables to the loss; decoupled for adamw and muon")

    seed: int = _option(
        0, INT, "run", common=True, low=0, high=2**31 - 1,
        help="random seed of initial weights, data order, augmentation and "
             "dropout")
    deterministic: bool = _option(
        False, BOOL, "run",
        help="use deterministic ops: the same seed gives the same bits on "
             "the same machine; slower")
    devices: int | str = _option(
        1, INT_OR_ALL, "run", low=1,
        help="devices of each machine that share every batch, or all; the "
             "batch size is that of all together")
    precision: str = _option(
        "float32", TEXT, "run", choices=("float32", "bfloat16", "auto"),
        help="compute dtype; auto: bfloat16 where the hardware supports it")
    jit: str = _option(
        "auto", TEXT, "run", choices=("auto", "on", "off"),
        help="XLA compilation; auto: off on CPUs")
    steps_per_execution: int | str = _option(
        "auto", INT_OR_AUTO, "run", low=1,
        help="training steps per compiled call (as in Keras)")
    checkpoint_every: int | None = _option(
        None, INT, "run", low=1,
        help="save a checkpoint every N steps, in addition to epoch ends")
    runs_dir: str = _option(
        "runs", TEXT, "run", help="folder of the run folders")
    run_name: str | None = _option(
        None, TEXT, "run", common=True,
        help="name of the run folder (default: model, dataset and changed "
             "options)")

    summaries: tuple[str, ...] = _option(
        ("default",), NAMES, "summaries",
        help="TensorBoard summaries to write; `default,gradients` adds one")
    summary_every: int = _option(
        1, INT, "summaries", low=1,
        help="log images and histograms every N epochs")
    debug_every: int | None = _option(
        None, INT, "summaries", low=1,
        help="print sample predictions every N steps")
    # fmt: on

    def __post_init__(self):
        if self.weights == "none":
            object.__setattr__(self, "weights", None)
        if self.model is None and self.weights == IMAGENET:
            object.__setattr__(self, "model", DEFAULT_IMAGENET_MODEL)
        if self.model is None and self.weights is None:
            object.__setattr__(self, "model", DEFAULT_MODEL)
        for name, option in OPTIONS.items():
            value = getattr(self, name)
            default = self.__dataclass_fields__[name].default
            if value is None and default is not dataclasses.MISSING:
                value = default  # None is the default of every option
            if value is not None:
                value = check_option(name, option, value)
            object.__setattr__(self, name, value)
        _check_run_name(self.run_name)
        _check_conflicts(self)

    def replace(self, **changes) -> TrainConfig:
        """Returns a copy with some values changed, checked again."""
        return dataclasses.replace(self, **changes)

    def with_data_at(self, place: str | None) -> TrainConfig:
        """Returns a copy whose data are elsewhere.

        Args:
            place: folder or file of a dataset of `WITH_PATH`; of other
                datasets the `data_dir`. `None` changes nothing.
        """
        if place is None:
            return self
        kind = self.dataset.partition(":")[0]
        if kind in WITH_PATH:
            return self.replace(dataset=f"{kind}:{place}")
        return self.replace(data_dir=place)

    def as_dict(self) -> dict[str, Any]:
        """Returns the value of every option, in the order of this class."""
        return {name: getattr(self, name) for name in OPTIONS}

    def overrides(self) -> dict[str, Any]:
        """Returns the options whose value differs from the default."""
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
        """Reads what `to_json` wrote.

        Raises:
            UserError: there is an unknown option, or an invalid value.
        """
        values = json.loads(text)
        for name in values:
            option_named(name)
        return cls(**plain_value(values))


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
# Options that are arguments of the model's builder, as those of `model_arg`.
MODEL_ARGUMENTS = tuple(n for n, o in OPTIONS.items() if o.is_model_arg)


def option_named(name: str) -> Option:
    """Returns the option of a name.

    Raises:
        UserError: there is none; the message suggests similar names.
    """
    if name in OPTIONS:
        return OPTIONS[name]
    meant = errors.FLAG_SYNONYMS.get(name.lower())
    close = [meant] if meant in OPTIONS else close_matches(name, OPTIONS)
    hint = f"did you mean --{close[0]}?" if close else "see --helpfull."
    raise UserError(f"there is no option --{name}; {hint}")


def parse_option(name: str, text: str) -> Any:
    """Parses the value of an option from text."""
    return read_option(name, option_named(name), text)


def read_fold(text: str) -> tuple[int, int]:
    """Returns the number of a fold, from 1, and how many there are.

    Args:
        text: such as `2/5`.

    Raises:
        UserError: it is something else.
    """
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
    number, count = map(int, match.groups()) if match else (0, 0)
    if not 1 <= number <= count or count < 2:
        raise UserError(
            f"--fold={text} is not one of at least two folds; write for "
            "example --fold=2/5, or --folds=5 for all five."
        )
    return number, count


def _check_run_name(name: str | None) -> None:
    if name is None:
        return
    parts = name.split("/")
    if not RUN_NAME.fullmatch(name) or any(p.startswith(".") for p in parts):
        raise UserError(
            f"--run_name={name} cannot name a folder in --runs_dir; use "
            "letters, digits and _ . - (and / between folders), with no part "
            "starting with a dot."
        )
    for part in parts:
        if part in RESERVED_NAMES:
            raise UserError(
                f"--run_name={name} cannot be used, since {part} has a "
                f"meaning of its own; choose another name, such as {part}-1."
            )


def _check_augment(augment: str | None) -> None:
    """Refuses kinds that are named twice, or that move pixels twice."""
    kinds = (augment or "none").split(",")
    moving = [kind for kind in kinds if kind not in LAYER_AUGMENTATIONS]
    if len(moving) > 1 or len(set(kinds)) < len(kinds):
        raise UserError(
            f"--augment={augment} is more than one kind of crops and flips, or "
            "names one twice; write for example --augment=crop_flip,mixup."
        )


def _check_milestones(epochs: tuple[float, ...] | None) -> None:
    rising = sorted(set(epochs or ()))
    if list(epochs or ()) != rising:
        given, right = (
            ",".join(f"{epoch:g}" for epoch in each)
            for each in (epochs or (), rising)
        )
        raise UserError(
            f"--schedule_epochs={given} are not milestones that rise, each "
            f"named once; write --schedule_epochs={right}."
        )


def _check_conflicts(config: TrainConfig) -> None:
    """Raises `UserError` for options that contradict each other."""
    _check_length(config)
    _check_milestones(config.schedule_epochs)
    _check_averages(config)
    _check_validation(config)
    _check_transfer(config)
    _check_augment(config.augment)
    _check_freeze(config.freeze)
    _check_files(config)


def _check_length(config: TrainConfig) -> None:
    if config.epochs is not None and config.steps is not None:
        raise UserError(
            f"--epochs={config.epochs} and --steps={config.steps} contradict "
            "each other; give one of them."
        )


def _check_averages(config: TrainConfig) -> None:
    """Refuses averages of weights or gradients that do not go together."""
    number = config.gradient_accumulation_steps
    if number is not None:
        accumulated = f"--gradient_accumulation_steps={number}"
        for name in ("ema_momentum", "lookahead_every"):
            value = getattr(config, name)
            if value is not None:
                raise UserError(
                    f"{accumulated} updates the weights after several batches, "
                    f"and --{name}={value:g} averages them after each; leave "
                    "one of them out."
                )
    if config.devices != 1:
        for name in ("ema_momentum", "gradient_accumulation_steps"):
            value = getattr(config, name)
            if value is not None:
                raise UserError(
                    f"--{name}={value:g} works on one device, not with "
                    f"--devices={config.devices}; leave one of them out."
                )


def _check_validation(config: TrainConfig) -> None:
    if config.early_stopping_patience is not None and not config.val_fraction:
        raise UserError(
            "--early_stopping_patience needs validation images, and "
            "--val_fraction=0 leaves none; give --val_fraction=0.1."
        )
    if config.fold is not None:
        read_fold(config.fold)
        if config.val_fraction != DEFAULTS["val_fraction"]:
            raise UserError(
                f"--fold={config.fold} decides which images are for "
                f"validation, and so does --val_fraction={config.val_fraction}"
                "; give one of them."
            )


def _check_transfer(config: TrainConfig) -> None:
    if config.new_head and config.weights is None:
        raise UserError(
            "--new_head has no effect on weights that are all new; it needs "
            "--weights=RUN."
        )
    if config.head_epochs and config.weights is None:
        raise UserError(
            f"--head_epochs={config.head_epochs} trains the new head of a "
            "model that was trained before; it needs --weights=RUN."
        )
    if config.weights is not None and config.features is not None:
        raise UserError(
            f"--weights={config.weights} starts from weights that were "
            f"trained on images, and --features={config.features} replaces "
            "images; give one of them."
        )


def _check_freeze(freeze: str | None) -> None:
    if freeze is None:
        return
    names = [name.strip() for name in freeze.split(",")]
    if "" in names or "none" in names and len(names) > 1:
        raise UserError(
            f"--freeze={freeze} is not a list of layers; write for "
            "example --freeze=features, or --freeze=conv1*,conv3."
        )


def _check_files(config: TrainConfig) -> None:
    """Refuses options about files for data that are no files."""
    if config.dataset.startswith(("folder:", "csv:")):
        return
    if config.group_by is not None:
        raise UserError(
            f"--group_by groups files by name, and {config.dataset} has no "
            "files; it needs --dataset=folder:PATH or csv:PATH."
        )
    if config.skip_unreadable:
        raise UserError(
            f"--skip_unreadable skips image files, and {config.dataset} has "
            "none; it needs --dataset=folder:PATH or csv:PATH."
        )
