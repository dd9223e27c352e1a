"""`TrainConfig`: every option of a training run, each defined exactly once.

Flags, help texts, checks, run folders, sweeps and tests all read the fields
of this one class. A field holds what was *asked*; `None` stands for "not
given", and `zoo.training.plan` then takes the value of the model's recipe.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from zoo.errors import UserError, join_words, nearest

GROUPS = {
    "model": "What is trained",
    "data": "What it is trained on",
    "optimization": "How it is trained",
    "regularization": "What holds it back from learning by heart",
    "run": "Where and how it runs",
    "summaries": "What is shown",
}


@dataclasses.dataclass(frozen=True)
class Kind:
    """A type of value: how to read it from text, and how to say what it is.

    Attributes:
        python: the types that a value may have.
        parse: reads a value from text.
        noun: what it is, in words.
        example: as it is typed.
        word: the one word that may stand in its place, if any.
    """

    python: tuple[type, ...]
    parse: Callable[[str], Any]
    noun: str
    example: str
    word: str = ""

    @property
    def words(self) -> str:
        """Everything that it may be, in words."""
        return self.noun + (f" or the word {self.word}" if self.word else "")


def _parse_bool(text: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[text.lower()]


def _parse_numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def _parse_names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _parse_arguments(text: str) -> dict[str, Any]:
    name, equals, value = text.partition("=")
    if not (name.isidentifier() and equals and value):
        raise UserError(
            f"--model_arg={text} is not of the form name=value; "
            "write for example --model_arg=reduced=False."
        )
    try:
        return {name: ast.literal_eval(value)}
    except (ValueError, SyntaxError):
        return {name: value}


INT = Kind((int,), int, "a whole number", "10")
FLOAT = Kind((int, float), float, "a number", "0.001")
TEXT = Kind((str,), str, "a name", "name")
BOOL = Kind((bool,), _parse_bool, "true or false", "true")
NUMBERS = Kind((tuple,), _parse_numbers, "a list of numbers", "60,120,160")
NAMES = Kind((tuple,), _parse_names, "a list of names", "scalars,logits")
ARGUMENTS = Kind((dict,), _parse_arguments, "name=value", "depth=28")
INT_OR_FULL = Kind(
    (int, str),
    lambda text: text if text == "full" else int(text),
    "a whole number",
    "64",
    "full",
)
INT_OR_AUTO = Kind(
    (int, str),
    lambda text: text if text == "auto" else int(text),
    "a whole number",
    "8",
    "auto",
)


@dataclasses.dataclass(frozen=True)
class Option:
    """What is known of an option besides its default.

    Attributes:
        kind: its type of value.
        help: one line for `--help`; names the unit.
        group: the heading it stands under, a key of `GROUPS`.
        choices: the allowed words, where it is a choice.
        low, high: the allowed range; `None` is no bound.
        open_low, open_high: whether that bound itself is refused.
        needs: other options and the values they must have for this one to
            have an effect, as (option, values).
        everyday: whether `--help` shows it, or only `--helpfull`.
        to_builder: whether the model's builder takes it as an argument.
    """

    kind: Kind
    help: str
    group: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False
    needs: tuple[str, tuple[str, ...]] | None = None
    everyday: bool = False
    to_builder: bool = False


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
    model: str = _option(
        "lenet5", TEXT, "model", everyday=True,
        help="model to train; `zoo models` lists them")
    model_arg: Mapping[str, Any] = _option(
        {}, ARGUMENTS, "model",
        help="an argument of this model alone, as name=value; repeatable")
    activation: str | None = _option(
        None, TEXT, "model", to_builder=True,
        choices=("relu", "leaky_relu", "elu", "gelu", "softplus", "sigmoid",
                 "tanh", "none"),
        help="activation of the hidden layers")
    norm: str | None = _option(
        None, TEXT, "model", to_builder=True,
        choices=("none", "batch", "local_response"),
        help="normalization in the hidden layers")
    initializer: str | None = _option(
        None, TEXT, "model", to_builder=True,
        choices=("he_normal", "he_uniform", "glorot_normal", "glorot_uniform",
                 "lecun_normal", "small_normal", "equal"),
        help="initial values of the kernels")

    dataset: str = _option(
        "digits", TEXT, "data", everyday=True,
        help="data set, folder:PATH or npz:PATH; `zoo datasets` lists them")
    data_dir: str | None = _option(
        None, TEXT, "data",
        help="folder of tensorflow-datasets (else TFDS_DATA_DIR, else its own)")
    image_size: int | None = _option(
        None, INT, "data", low=4, high=1024,
        help="side in pixels to which every image is resized when read")
    val_fraction: float = _option(
        0.1, FLOAT, "data", low=0, high=1, open_high=True,
        help="share of the training images held out for validation")
    group_by: str | None = _option(
        None, TEXT, "data",
        help="for folder: keep files of one group in one split: `folder`, or "
             "a regular expression whose match in the file's name is the group")
    mean_subtraction: str = _option(
        "channel", TEXT, "data", everyday=True,
        choices=("none", "channel", "pixel", "image"),
        help="what is subtracted: each channel's mean, the mean image, or "
             "each image's own channel means")
    scale: str = _option(
        "std", TEXT, "data", choices=("none", "unit", "std"),
        help="what pixels are divided by: nothing, 255, or each channel's "
             "standard deviation")
    augment: str | None = _option(
        None, TEXT, "data", choices=("none", "flip", "crop", "crop_flip"),
        help="random changes of the training images: mirroring, and crops "
             "after padding by reflection with an eighth of the side")

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
        help="epochs over which the rate rises from zero")
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
    loss: str = _option(
        "cross_entropy", TEXT, "optimization",
        choices=("cross_entropy", "hinge", "squared_error"),
        help="what is minimized")
    label_smoothing: float | None = _option(
        None, FLOAT, "optimization", low=0, high=1, open_high=True,
        needs=("loss", ("cross_entropy",)),
        help="share of each label that is spread over all classes")
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
    precision: str = _option(
        "float32", TEXT, "run", choices=("float32", "bfloat16", "auto"),
        help="number format of the arithmetic; auto takes bfloat16 on "
             "accelerators that have it")
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
        ("scalars", "logits", "config"), NAMES, "summaries",
        choices=("scalars", "logits", "config"),
        help="kinds written to TensorBoard")
    summary_every: int = _option(
        1, INT, "summaries", low=1,
        help="epochs between summaries that are no scalars")
    debug_every: int | None = _option(
        None, INT, "summaries", low=1,
        help="updates between the lecture's debugging prints")
    # fmt: on

    def __post_init__(self):
        for name, option in OPTIONS.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _checked(name, option, value))
        _check_combinations(self)

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
}


def option_named(name: str) -> Option:
    """Returns the option `name`, or says which ones look like it."""
    if name in OPTIONS:
        return OPTIONS[name]
    close = nearest(name, OPTIONS)
    hint = f"did you mean --{close[0]}?" if close else "see --helpfull."
    raise UserError(f"there is no option --{name}; {hint}")


def parse_option(name: str, text: str) -> Any:
    """Reads the value of one option from the text of a flag."""
    option = option_named(name)
    try:
        return _checked(name, option, option.kind.parse(text))
    except UserError:
        raise
    except (ValueError, KeyError):
        raise UserError(
            f"--{name}={text} is not {option.kind.words}; "
            f"{_allowed(option) or f'write for example {option.kind.example}'}."
        ) from None


def format_option(name: str, value: Any) -> list[str]:
    """Writes one option as the flags that `parse_option` reads back."""
    if isinstance(value, dict):
        return [f"--{name}={key}={arg}" for key, arg in value.items()]
    if isinstance(value, tuple):
        value = ",".join(map(_digits, value))
    elif isinstance(value, bool):
        value = str(value).lower()
    return [f"--{name}={value}"]


def _digits(item: Any) -> str:
    """Writes every digit of a number, without an empty fraction."""
    return str(item).removesuffix(".0")


def _shown(value: Any) -> str:
    """Writes a value as it would be typed."""
    items = value if isinstance(value, tuple) else (value,)
    return ",".join(map(_digits, items))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _allowed(option: Option) -> str:
    """Says in words what an option accepts; empty where anything goes."""
    if option.choices:
        return f"choose {join_words(option.choices)}"
    if option.low is None:
        return ""
    word = f", or the word {option.kind.word}" if option.kind.word else ""
    return f"give {option.kind.noun} {_span(option)}{word}"


def _span(option: Option) -> str:
    """Says in words what lies between the bounds of an option."""
    low = _digits(option.low)
    if option.high is None:
        return f"above {low}" if option.open_low else f"of at least {low}"
    high = _digits(option.high)
    if option.open_low:
        return f"above {low} and at most {high}"
    return f"from {low} to {'below ' if option.open_high else ''}{high}"


def _checked(name: str, option: Option, value: Any) -> Any:
    """Returns the value in its own type; raises if it is not allowed."""
    if isinstance(value, list):
        value = tuple(value)
    right_type = isinstance(value, option.kind.python)
    if isinstance(value, bool) and bool not in option.kind.python:
        right_type = False
    if not right_type:
        raise UserError(
            f"--{name}={_shown(value)} is not {option.kind.words}; "
            f"{_allowed(option) or f'write for example {option.kind.example}'}."
        )
    for item in value if isinstance(value, tuple) else (value,):
        _check_item(name, option, item, value)
    return float(value) if option.kind is FLOAT else value


def _check_item(name: str, option: Option, item: Any, value: Any) -> None:
    shown = _shown(value)
    if _is_number(item):
        low, high = option.low, option.high
        if (
            not math.isfinite(item)
            or low is not None
            and (item < low or option.open_low and item == low)
            or high is not None
            and (item > high or option.open_high and item == high)
        ):
            raise UserError(
                f"--{name}={shown} is out of range; {_allowed(option)}."
            )
    elif option.choices and item not in option.choices:
        close = nearest(item, option.choices, 1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UserError(
            f"--{name}={shown} is not known; {hint}"
            f"{_allowed(option).capitalize() if hint else _allowed(option)}."
        )
    elif isinstance(item, str) and option.kind.python == (int, str):
        if item != option.kind.word:
            raise UserError(f"--{name}={shown} is not {option.kind.words}.")


RUN_NAME = re.compile(r"[A-Za-z0-9_.\-]+(/[A-Za-z0-9_.\-]+)*")


def _check_combinations(config: TrainConfig) -> None:
    if config.epochs is not None and config.steps is not None:
        raise UserError(
            f"--epochs={config.epochs} and --steps={config.steps} contradict "
            "each other; give one of them."
        )
    if config.run_name is not None:
        parts = config.run_name.split("/")
        if not RUN_NAME.fullmatch(config.run_name) or any(
            part.startswith(".") for part in parts
        ):
            raise UserError(
                f"--run_name={config.run_name} cannot name a folder below "
                "--runs_dir; use letters, digits and _ . - (and / between "
                "folders), no part starting with a dot."
            )
    if config.early_stopping_patience is not None and not config.val_fraction:
        raise UserError(
            "--early_stopping_patience needs validation images, and "
            "--val_fraction=0 leaves none; give --val_fraction=0.1."
        )
    if config.group_by is not None and not config.dataset.startswith("folder:"):
        raise UserError(
            f"--group_by goes by file names, and {config.dataset} has none; "
            "it belongs to --dataset=folder:PATH."
        )
