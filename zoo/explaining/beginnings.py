"""Rules about where training starts: inputs and the untrained network."""

from __future__ import annotations

from zoo.explaining.facts import Facts
from zoo.explaining.finding import BROKEN, HINT, POOR, Finding, again, tag
from zoo.explaining.rates import WILD

OFF_CENTRE = 0.5  # mean of the inputs beside their standard deviation
SMALL, LARGE = 0.05, 10.0  # standard deviation of the inputs
MOSTLY = 0.5  # of the variance
UNEASY = 2.0  # loss of the untrained network beside that of guessing


def inputs_trouble(inputs: dict) -> str:
    """Says what is wrong with inputs as the network sees them, if anything.

    Args:
        inputs: `inputs` of a row of vitals.
    """
    mean, std = inputs["mean"], inputs["std"]
    if mean is None or std is None:
        return "they are not all numbers"
    if not SMALL <= std <= LARGE:
        return f"their standard deviation is {std:.3g}, where 1 is best"
    if abs(mean) > OFF_CENTRE * std:
        return (
            f"their mean is {mean:.3g} and their standard deviation "
            f"{std:.3g}, where 0 and 1 are best"
        )
    return ""


def inputs(facts: Facts) -> Finding | None:
    """Inputs that are far from zero mean and a deviation of one."""
    found = facts.start and facts.start.get("inputs")
    trouble = inputs_trouble(found) if found else ""
    if not trouble:
        return None
    share = found["brightness_share"] or 0
    kind = "image" if share > MOSTLY and _has_images(facts) else "channel"
    centred = f"--mean_subtraction={kind}"
    return Finding(
        "inputs",
        _severity(facts),
        f"the inputs are not centred and scaled: {trouble}; "
        f"{100 * share:.0f} % of their variance is brightness of whole images",
        tag(facts, "inputs", "inputs"),
        f"centred inputs: {again(facts, centred, '--scale=std')}",
    )


def _severity(facts: Facts) -> int:
    if facts.is_failing:
        return BROKEN
    # Large inputs make large gradients, and updates that leap about.
    return POOR if (facts.update_ratio or 0) > WILD else HINT


def _has_images(facts: Facts) -> bool:
    return len(facts.data["input_shape"]) == 3


def starting_loss(facts: Facts) -> Finding | None:
    """An untrained network that is sure of itself."""
    found = facts.start and facts.start["classes"]
    if not found or facts.config.get("loss") != "cross_entropy":
        return None
    loss, guess = found["loss"], found["guessing_loss"]
    if loss is not None and loss < UNEASY * guess:
        return None
    shown = "no number" if loss is None else f"{loss:.3g}"
    return Finding(
        "starting_loss",
        POOR if facts.is_failing else HINT,
        f"before training the loss is {shown}, where guessing has ln "
        f"{facts.num_classes} = {guess:.3g}: the first updates only undo the "
        "initial weights",
        "logits",
        "smaller inputs or initial weights: "
        f"{again(facts, '--scale=std', '--initializer=glorot_uniform')}",
    )
