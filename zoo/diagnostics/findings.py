"""Findings on a run, and the options that they advise to change.

A rule lists its proposals in the order in which they are likely to help. The
first one that applies to the run becomes a command.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from zoo.commands import Target
from zoo.config import OPTIONS
from zoo.diagnostics.run_stats import RunStats

ERROR, WARNING, INFO = 3, 2, 1

# Options without an effect on vectors and features, and in regression.
IMAGE_OPTIONS = ("augment", "image_size")
CLASSIFICATION_OPTIONS = ("label_smoothing", "class_weight", "loss")
# Options that --weights takes from the run that it starts from.
INHERITED_OPTIONS = (
    "mean_subtraction", "scale", "activation", "norm", "initializer",
    "extra_features",
)  # fmt: skip

Changes = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Finding:
    """A problem of a run, or a way to improve it.

    Attributes:
        name: Name of the rule.
        severity: `ERROR`, to be fixed before anything else; `WARNING`, costs
            a good part of the possible accuracy; or `INFO`, leaves room for
            improvement.
        text: A clause with the number that the rule is based on.
        tag: Tag in TensorBoard that shows it.
        advice: What to try next; a command stands between backquotes.
    """

    name: str
    severity: int
    text: str
    tag: str
    advice: str

    @property
    def command(self) -> str:
        """Command in the advice, without backquotes; empty if none."""
        _, _, rest = self.advice.partition("`")
        return rest.rpartition("`")[0]


Rule = Callable[[RunStats], Finding | None]


def tag(stats: RunStats, kind: str, name: str) -> str:
    """Returns a tag, with the flag that writes it if this run did not."""
    if stats.writes_summary(kind):
        return name
    return f"{name} (of a run with --summaries=default,{kind})"


def propose(
    stats: RunStats, *proposals: tuple[str, Changes], otherwise: str = ""
) -> str:
    """Returns the first proposal that applies to a run, with its command.

    Args:
        stats: Of the run.
        proposals: Each a phrase and the options to change.
        otherwise: The advice where none of them applies.

    Returns:
        "a lower learning rate: `zoo train --like=RUN --learning_rate=0.001`".
        The command stands between backquotes. Where data were passed as
        arrays, which no command can load, the options are listed instead.
    """
    for phrase, changes in proposals:
        changes = {n: v for n, v in changes.items() if applies(stats, n, v)}
        if not changes:
            continue
        if target(stats).from_arrays:
            values = ", ".join(f"{name}={v!r}" for name, v in changes.items())
            return f"{phrase}: zoo.train with {values} on the same arrays"
        return f"{phrase}: `{target(stats).again(**changes)}`"
    return otherwise


def applies(stats: RunStats, name: str, value: Any) -> bool:
    """Whether setting an option would change a run."""
    config = stats.config
    if value is None or option_value(stats, name) == value:
        return False
    if stats.own_preprocessing and name in ("mean_subtraction", "scale"):
        return False
    if stats.is_nonparametric and name in config:
        return False
    if OPTIONS[name].is_model_arg and stats.model_options is not None:
        if name not in stats.model_options:
            return False
    if name in IMAGE_OPTIONS and not stats.sees_images:
        return False
    if name == "mean_subtraction" and value != "channel":
        if not stats.sees_images:
            return False
    if name in CLASSIFICATION_OPTIONS and not stats.num_classes:
        return False
    if name in INHERITED_OPTIONS and config.get("weights"):
        return False
    if name == "early_stopping_patience" and not stats.num_val:
        return False
    needs = OPTIONS[name].depends_on
    return not needs or config.get(needs[0]) in needs[1]


def option_value(stats: RunStats, name: str) -> Any:
    """Returns the value that an option had, its own or its model's."""
    value = stats.config.get(name)
    if value is None and stats.model_options:
        value = stats.model_options.get(name)
    return tuple(value) if isinstance(value, list) else value


def target(stats: RunStats) -> Target:
    """Returns the run as printed commands name it."""
    return stats.target or Target(stats.run)


def one_digit(value: float) -> float:
    """Returns a number rounded to one significant digit."""
    return float(f"{value:.1g}")


def longer(stats: RunStats, factor: float = 2) -> tuple[str, Changes]:
    """Returns the proposal to train longer."""
    if stats.status == "stopped_early":
        return "longer training", {}  # early stopping would end it again
    option = "steps" if stats.config.get("steps") else "epochs"
    length = stats.config.get(option)
    return "longer training", {option: length and round(factor * length)}


def scaled_learning_rate(
    stats: RunStats, factor: float, most: float = 1.0
) -> Changes:
    """Returns the change of the learning rate by a factor, up to a limit."""
    value = stats.config.get("learning_rate")
    return {"learning_rate": value and one_digit(min(value * factor, most))}
