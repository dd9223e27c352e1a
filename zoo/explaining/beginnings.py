"""Rules about where training starts: inputs, weights, frozen layers."""

from __future__ import annotations

from zoo.errors import join_words
from zoo.explaining.advice import has, propose
from zoo.explaining.facts import Facts
from zoo.explaining.finding import BROKEN, HINT, POOR, Finding, tag
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
    """Inputs that are far from zero mean and a standard deviation of one."""
    found = facts.start and facts.start.get("inputs")
    trouble = inputs_trouble(found) if found else ""
    if not trouble:
        return None
    if facts.own_preprocessing:
        return _own_inputs(facts, trouble)
    fraction = found["brightness_share"] or 0
    kind = "image" if fraction > MOSTLY and facts.sees_images else "channel"
    return Finding(
        "inputs",
        _severity(facts),
        f"the inputs are not centered and scaled: {trouble}; "
        f"{100 * fraction:.0f}% of their variance is brightness of whole "
        "images",
        tag(facts, "inputs", "inputs"),
        propose(
            facts,
            ("centered inputs", {"mean_subtraction": kind, "scale": "std"}),
            otherwise="a look at the values of the inputs",
        ),
    )


def _own_inputs(facts: Facts, trouble: str) -> Finding | None:
    """Inputs that a model scales itself, as tutorials do: often to 0..1."""
    if SMALL <= (facts.start["inputs"]["std"] or 0) <= LARGE:
        return None
    own = join_words(facts.own_preprocessing, "and")
    return Finding(
        "inputs",
        _severity(facts),
        f"the model's own preprocessing, {own}, does not scale its inputs: "
        f"{trouble}",
        tag(facts, "inputs", "inputs"),
        "in the builder, Rescaling(1 / 127.5, offset=-1) in its place, or no "
        "preprocessing: images are then standardized before the network",
    )


def _severity(facts: Facts) -> int:
    if facts.is_failing:
        return BROKEN
    # Large inputs make large gradients, and updates that leap about.
    return POOR if (facts.update_ratio or 0) > WILD else HINT


def linear(facts: Facts) -> Finding | None:
    """Hidden layers without an activation between them."""
    if has(facts, "activation") != "none":
        return None
    severity = BROKEN if facts.is_failing else POOR
    return Finding(
        "linear",
        HINT if facts.has_learned else severity,
        "with --activation=none this is a linear model: layers without an "
        "activation between them compute no more than a single one, however "
        "many there are",
        "loss",
        propose(
            facts,
            ("an activation", {"activation": "relu"}),
            otherwise="training anew, with --activation=relu",
        ),
    )


def frozen(facts: Facts) -> Finding | None:
    """Layers that are kept at random weights, or at those of other data."""
    layers, origin = (
        facts.config.get("freeze", "none"),
        facts.config.get("init_from"),
    )
    if layers == "none" or facts.has_learned:
        return None
    where = f"those of {origin}" if origin else "their random initial values"
    return Finding(
        "frozen",
        BROKEN if facts.is_failing else POOR,
        f"--freeze={layers} keeps weights at {where}, and "
        f"{100 * (facts.train_accuracy or 0):.1f}% of the training examples "
        "are classified correctly",
        "loss",
        propose(facts, ("training all layers", {"freeze": "none"})),
    )


def starting_loss(facts: Facts) -> Finding | None:
    """An untrained network that is sure of itself."""
    found = facts.start and facts.start["classes"]
    if not found or facts.config.get("loss") != "cross_entropy":
        return None
    loss, guess = found["loss"], found["guessing_loss"]
    if loss is not None and loss < UNEASY * guess:
        return None
    if facts.config.get("init_from") and not facts.config.get("new_head"):
        return None  # its head was trained, perhaps on other classes
    shown = "no number" if loss is None else f"{loss:.3g}"
    return Finding(
        "starting_loss",
        POOR if facts.is_failing else HINT,
        f"before training the loss is {shown}, where chance has ln "
        f"{facts.num_classes} = {guess:.3g}: the first steps only undo the "
        "initial weights",
        "logits",
        propose(
            facts,
            (
                "smaller inputs or initial weights",
                {"scale": "std", "initializer": "glorot_uniform"},
            ),
            otherwise="smaller inputs or initial weights",
        ),
    )
