"""What a model of a user was compiled with, as options of a run.

Optimizer, loss and metrics that have no option are refused by name.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from zoo.errors import UserError, join_or

CROSS_ENTROPIES = (
    "sparse_categorical_crossentropy", "SparseCategoricalCrossentropy",
    "categorical_crossentropy", "CategoricalCrossentropy",
)  # fmt: skip
SQUARED_ERRORS = ("mse", "MSE", "mean_squared_error", "MeanSquaredError")
MEANS = ("sum_over_batch_size", "mean")  # reductions of a loss
ACCURACIES = (
    "accuracy", "acc", "Accuracy",
    "sparse_categorical_accuracy", "SparseCategoricalAccuracy",
    "categorical_accuracy", "CategoricalAccuracy",
)  # fmt: skip
# Arguments of optimizers that change nothing or are options of their own.
OPTIMIZER_ARGUMENTS = {
    *("name", "learning_rate", "momentum", "nesterov", "global_clipnorm"),
    *("loss_scale_factor", "use_ema", "ema_momentum"),
    *("ema_overwrite_frequency",),
}


def compiled_options(
    name: str, model: keras.Model, classifies: bool = True
) -> dict[str, Any]:
    """Returns the options that a model was compiled with.

    Args:
        name: registered name of the model.
        model: compiled or not.
        classifies: whether classes are predicted, and not numbers.

    Returns:
        Values of `TrainConfig`; empty for a model that is not compiled.

    Raises:
        UserError: its optimizer, loss or a metric has no option; it is named.
    """
    if not model.compiled:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a lambda, which is refused below
        config = model.get_compile_config() or {}
    _check_metrics(name, config, classifies)
    return {
        **_optimizer_options(name, model.optimizer),
        **_loss_options(name, _loss_of(name, model, config), classifies),
    }


def _loss_of(name: str, model: keras.Model, config: Mapping[str, Any]) -> Any:
    """Returns the loss of a compile config; refuses a function of the user."""
    loss = _only_one(model.loss)
    if inspect.isfunction(loss) and not loss.__module__.startswith("keras."):
        raise UserError(
            f"{name} was compiled with the loss {loss.__name__.strip('<>')}, a "
            "function of its own, which zoo does not have; compile it with "
            "sparse_categorical_crossentropy, or do not compile it and give "
            "loss=NAME."
        )
    return config.get("loss")


def _optimizer_options(name: str, optimizer: keras.Optimizer) -> dict[str, Any]:
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        # Keras adds it for float16, which is refused where layers have it.
        optimizer = optimizer.inner_optimizer
    kind, values = type(optimizer).__name__, optimizer.get_config()
    kinds = {"SGD": "sgd", "RMSprop": "rmsprop", "Adam": "adam"}
    kinds["AdamW"] = "adamw"
    if type(optimizer) is not getattr(keras.optimizers, kind, None):
        raise UserError(
            f"{name} was compiled with the optimizer {kind}, a class of its "
            f"own; compile it with one of Keras, {join_or(kinds)}."
        )
    if kind not in kinds:
        raise UserError(
            f"{name} was compiled with the optimizer {kind}, which zoo does "
            f"not have; compile it with {join_or(kinds)}, or do not compile it "
            "and give optimizer=NAME."
        )
    rate = values["learning_rate"]
    if not isinstance(rate, float):
        schedule = rate.get("class_name", "schedule")
        raise UserError(
            f"{name} was compiled with the learning rate schedule {schedule}; "
            "compile it with a number, and give schedule='cosine' or another "
            "one of zoo."
        )
    defaults = type(optimizer)().get_config()
    own = {"weight_decay"} if kind == "AdamW" else set()
    for key, value in values.items():
        if key in OPTIMIZER_ARGUMENTS | own or value == defaults.get(key):
            continue
        remedy = f"leave out {key}, or do not compile the model"
        if key == "gradient_accumulation_steps":
            remedy = f"give {key}={value} to zoo.train instead"
        raise UserError(
            f"{name} was compiled with {kind}({key}={value}), which is not "
            f"taken over; {remedy}."
        )
    if values.get("use_ema"):
        raise UserError(
            f"{name} was compiled with {kind}(use_ema=True), which is not "
            f"taken over; give ema_momentum={values['ema_momentum']:g} to "
            "zoo.train instead."
        )
    if any(
        getattr(optimizer, f"_exclude_from_weight_decay{part}", None)
        for part in ("", "_pattern")
    ):
        raise UserError(
            f"{name} was compiled with {kind}.exclude_from_weight_decay, which "
            "is not taken over; leave it out, or do not compile the model."
        )
    options: dict[str, Any] = {
        "optimizer": kinds[kind],
        "learning_rate": _short(rate),
    }
    momentum = values.get("momentum") or 0.0
    if kind == "SGD" and momentum:
        options["optimizer"] = "nesterov" if values["nesterov"] else "momentum"
    if momentum:
        options["momentum"] = momentum
    if kind == "AdamW":
        options["weight_decay"] = values["weight_decay"]
    if values.get("global_clipnorm") is not None:
        options["clip_norm"] = values["global_clipnorm"]
    return options


def _short(value: float) -> float:
    """Returns a float32 as it was typed: 0.001, not 0.0010000000474974513."""
    return float(str(np.float32(value)))


def _loss_options(name: str, loss: Any, classifies: bool) -> dict[str, Any]:
    if loss is None:
        return {}
    kind, values = _named(loss)
    if (reduction := values.get("reduction", MEANS[0])) not in MEANS:
        raise UserError(
            f"{name} was compiled with the loss {kind}(reduction="
            f"{reduction!r}), and zoo minimizes the mean over examples; leave "
            "reduction out."
        )
    if not classifies:
        if kind in SQUARED_ERRORS:
            return {}
        raise UserError(
            f"{name} was compiled with the loss {kind}; numbers are predicted "
            "with the loss mean_squared_error."
        )
    if kind not in CROSS_ENTROPIES:
        raise UserError(
            f"{name} was compiled with the loss {kind}, which zoo does not "
            "have; compile it with sparse_categorical_crossentropy, or do not "
            "compile it and give loss=NAME."
        )
    if values.get("ignore_class") is not None:
        raise UserError(
            f"{name} was compiled with the loss {kind}(ignore_class="
            f"{values['ignore_class']}), which zoo has no option for; leave "
            "it out."
        )
    options: dict[str, Any] = {"loss": "cross_entropy"}
    if values.get("label_smoothing"):
        options["label_smoothing"] = values["label_smoothing"]
    return options


def _check_metrics(
    name: str, config: Mapping[str, Any], classifies: bool
) -> None:
    for key in ("loss_weights", "weighted_metrics"):
        if config.get(key):
            raise UserError(
                f"{name} was compiled with {key}, which zoo has no option for; "
                "leave it out."
            )
    found = _only_one(config.get("metrics") or [])
    for metric in found if isinstance(found, list) else [found]:
        kind = _named(metric)[0]
        known = ACCURACIES + CROSS_ENTROPIES if classifies else SQUARED_ERRORS
        if kind not in known:
            raise UserError(
                f"{name} was compiled with the metric {kind}, which zoo does "
                "not compute in training; leave it out, and see what "
                "zoo.evaluate(run) computes."
            )


def _named(serialized: Any) -> tuple[str, dict[str, Any]]:
    """Returns the name and the arguments of what `compile` was given."""
    serialized = _only_one(serialized)
    if not isinstance(serialized, dict):
        return str(serialized), {}
    if _is_own(serialized):
        return f"{serialized['class_name']} of its own", {}
    values = serialized.get("config")
    if serialized.get("class_name") == "__lambda__":
        return "lambda", {}
    if serialized.get("class_name") == "function" or isinstance(values, str):
        return str(values), {}
    return str(serialized.get("class_name")), values or {}


def _only_one(value: Any) -> Any:
    """Returns what a list or a dictionary by output holds, if it is one."""
    is_serialized = isinstance(value, dict) and "class_name" in value
    while isinstance(value, list | tuple | dict) and not is_serialized:
        if len(value) != 1:
            break
        value = next(iter(value.values() if isinstance(value, dict) else value))
        is_serialized = isinstance(value, dict) and "class_name" in value
    return value


def _is_own(serialized: Mapping[str, Any]) -> bool:
    """Whether a class is one of the user, and not of Keras."""
    module = serialized.get("module") or "keras"
    is_registered = ">" in str(serialized.get("registered_name"))
    return is_registered or not module.startswith(("keras", "builtins"))
