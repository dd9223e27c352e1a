"""What to try next: options to change, checked against the run.

A rule gives its proposals in the order in which they are likely to help. The
first that the run can take, and does not have already, becomes a command.
"""

from __future__ import annotations

from typing import Any

from zoo.commands import Target
from zoo.config import OPTIONS
from zoo.explaining.facts import Facts

# Options without an effect on vectors, on features, on numbers to predict.
OF_IMAGES = ("augment", "image_size")
OF_CLASSES = ("label_smoothing", "class_weight", "loss")
# With --init_from these come from the run that it starts from.
INHERITED = (
    "mean_subtraction", "scale", "activation", "norm", "initializer",
    "add_inputs",
)  # fmt: skip

Changes = dict[str, Any]


def propose(
    facts: Facts, *proposals: tuple[str, Changes], otherwise: str = ""
) -> str:
    """Returns the first proposal that the run can take, with its command.

    Args:
        facts: of the run.
        proposals: each a few words and the options to change.
        otherwise: the advice where none of them is left.

    Returns:
        "a lower learning rate: `zoo train --like=RUN --learning_rate=0.001`".
        The command stands between backquotes. Where data were passed as
        arrays, which no command reads again, the options are named instead.
    """
    for words, changes in proposals:
        left = {n: v for n, v in changes.items() if can_take(facts, n, v)}
        if not left:
            continue
        if target(facts).from_arrays:
            values = ", ".join(f"{name}={v!r}" for name, v in left.items())
            return f"{words}: zoo.train with {values} on the same arrays"
        return f"{words}: `{target(facts).again(**left)}`"
    return otherwise


def can_take(facts: Facts, name: str, value: Any) -> bool:
    """Whether an option would change a run and has an effect there."""
    config = facts.config
    if value is None or has(facts, name) == value:
        return False
    if facts.own_preprocessing and name in ("mean_subtraction", "scale"):
        return False
    if facts.is_memorized and name in config:
        return False
    if OPTIONS[name].to_builder and facts.model_options is not None:
        if name not in facts.model_options:
            return False
    if name in OF_IMAGES and not facts.sees_images:
        return False
    if name == "mean_subtraction" and value != "channel":
        if not facts.sees_images:
            return False
    if name in OF_CLASSES and not facts.num_classes:
        return False
    if name in INHERITED and config.get("init_from"):
        return False
    if name == "early_stopping_patience" and not facts.num_val:
        return False
    needs = OPTIONS[name].needs
    return not needs or config.get(needs[0]) in needs[1]


def has(facts: Facts, name: str) -> Any:
    """Returns the value of an option that a run used."""
    value = facts.config.get(name)
    if value is None and facts.model_options:
        value = facts.model_options.get(name)
    return tuple(value) if isinstance(value, list) else value


def target(facts: Facts) -> Target:
    """Returns what commands about a run need to know of it."""
    return facts.target or Target(facts.run)


def rounded(value: float) -> float:
    """Returns a number with one digit, as a person would type it."""
    return float(f"{value:.1g}")


def longer(facts: Facts, times: float = 2) -> tuple[str, Changes]:
    """Returns the proposal to train longer."""
    if facts.status == "stopped_early":
        return "longer training", {}  # early stopping would end it again
    span = "steps" if facts.config.get("steps") else "epochs"
    length = facts.config.get(span)
    return "longer training", {span: length and round(times * length)}


def rate(facts: Facts, factor: float, most: float = 1.0) -> Changes:
    """Returns the change of the learning rate by a factor."""
    value = facts.config.get("learning_rate")
    return {"learning_rate": value and rounded(min(value * factor, most))}
