"""Rules on optimization: inputs, initial weights, learning rate, layers."""

from __future__ import annotations

import math

from zoo.console import pluralize
from zoo.diagnostics.findings import (
    DECAYED_FRACTION,
    ERROR,
    INFO,
    WARNING,
    Changes,
    Finding,
    RunStats,
    one_digit,
    option_value,
    propose,
    safer_learning_rate,
    scaled_learning_rate,
    tag,
)
from zoo.errors import join_and

# Inputs as the network sees them.
MIN_INPUT_STD, MAX_INPUT_STD = 0.05, 10.0
MAX_MEAN_TO_STD = 0.5
LARGE_BRIGHTNESS_FRACTION = 0.5  # of the variance

MAX_INIT_LOSS_RATIO = 2.0  # loss at initialization over chance level

# Size of a step over that of the weights, in one layer.
TYPICAL_UPDATE_RATIO = 1e-3
MIN_UPDATE_RATIO, MAX_UPDATE_RATIO = 3e-5, 0.05

LOSS_EXPLOSION_FACTOR = 3.0  # loss of an epoch over that at initialization
NORM_GROWTH_FACTOR = 20.0  # norm of a hidden layer's weights over its initial
TYPICAL_MOMENTUM = 0.9
MAX_MOMENTUM = 0.98  # averages over 50 steps
SEVERE_CLIPPING_FACTOR = 10.0  # norm of the gradient over `clip_norm`
# Adam and its variants divide by the size of gradients, clipped or not.
AFFECTED_BY_CLIPPING = ("sgd", "momentum", "nesterov")

DUPLICATE_UNIT_TOL = 1e-4  # std between units of a layer over their size
MANY_DEAD_FRACTION, ALL_DEAD_FRACTION = 0.5, 0.95
# Gradient over weights, first layer over last, whose weights start small:
# 1e-2 is usual, six sigmoid layers leave 1e-4.
MIN_GRADIENT_RATIO = 1e-3
MAX_BATCH_NORM_GAP = 0.15  # accuracy with batch minus moving statistics
MIN_BATCH_NORM_MOMENTUM = 0.5
MAX_INITIAL_FRACTION = 0.05  # of initial values in the moving statistics
SATURATING_ACTIVATIONS = {"sigmoid", "tanh", "softplus"}


def input_problem(inputs: dict) -> str:
    """Describes what is wrong with inputs as the network sees them.

    Args:
        inputs: The entry `inputs` of a row of `layer_stats.json`.

    Returns:
        A clause, empty where they are centered and scaled.
    """
    mean, std = inputs["mean"], inputs["std"]
    if mean is None or std is None:
        return "they contain NaN or infinity"
    if not MIN_INPUT_STD <= std <= MAX_INPUT_STD:
        return f"their standard deviation is {std:.3g}, where 1 is ideal"
    if abs(mean) > MAX_MEAN_TO_STD * std:
        return (
            f"their mean is {mean:.3g} and their standard deviation "
            f"{std:.3g}, where 0 and 1 are ideal"
        )
    return ""


def inputs(stats: RunStats) -> Finding | None:
    """Inputs that are far from zero mean and a standard deviation of one."""
    measured = stats.start and stats.start.get("inputs")
    problem = input_problem(measured) if measured else ""
    if not problem:
        return None
    if stats.own_preprocessing:
        return _own_inputs(stats, problem)
    severity = _input_severity(stats)
    if stats.config.get("weights") and severity <= INFO:
        return None  # the scale is the one that these weights were trained on
    fraction = measured["brightness_fraction"] or 0
    kind = (
        "image"
        if fraction > LARGE_BRIGHTNESS_FRACTION and stats.sees_images
        else "channel"
    )
    text = f"the inputs are not centered and scaled: {problem}"
    if stats.sees_images:
        text += (
            f"; {100 * fraction:.0f}% of their variance is differences in "
            "brightness between images"
        )
    return Finding(
        "inputs",
        severity,
        text,
        tag(stats, "inputs", "inputs"),
        propose(
            stats,
            ("centered inputs", {"mean_subtraction": kind, "scale": "std"}),
            otherwise="checking the values of the inputs",
        ),
    )


def _own_inputs(stats: RunStats, problem: str) -> Finding | None:
    """Inputs that the model rescales itself, as tutorials do, often to 0..1."""
    if MIN_INPUT_STD <= (stats.start["inputs"]["std"] or 0) <= MAX_INPUT_STD:
        return None
    own = join_and(stats.own_preprocessing)
    return Finding(
        "inputs",
        _input_severity(stats),
        f"the model's own preprocessing, {own}, does not scale its inputs: "
        f"{problem}",
        tag(stats, "inputs", "inputs"),
        "Rescaling(1 / 127.5, offset=-1) in its place in the builder, or no "
        "preprocessing there: images are then standardized before the network",
    )


def _input_severity(stats: RunStats) -> int:
    if stats.is_failing:
        return ERROR
    # Large inputs make large gradients and unstable steps.
    return WARNING if (stats.update_ratio or 0) > MAX_UPDATE_RATIO else INFO


def linear_model(stats: RunStats) -> Finding | None:
    """Hidden layers without an activation between them."""
    if option_value(stats, "activation") != "none":
        return None
    return Finding(
        "linear_model",
        INFO if stats.has_learned else _severity(stats),
        "with --activation=none this is a linear model: without activations "
        "between them, any number of layers compute no more than one",
        "loss",
        propose(
            stats,
            ("an activation", {"activation": "relu"}),
            otherwise="training again with --activation=relu",
        ),
    )


def frozen_layers(stats: RunStats) -> Finding | None:
    """Layers frozen at random weights, or at those of other data."""
    layers = stats.config.get("freeze", "none")
    source = stats.config.get("weights")
    if layers == "none" or stats.has_learned:
        return None
    where = f"those of {source}" if source else "their random initial values"
    return Finding(
        "frozen_layers",
        _severity(stats),
        f"--freeze={layers} keeps weights at {where}, and "
        f"{100 * (stats.train_accuracy or 0):.1f}% of the training examples "
        "are classified correctly",
        "loss",
        propose(stats, ("training all layers", {"freeze": "none"})),
    )


def initial_loss(stats: RunStats) -> Finding | None:
    """A loss at initialization far above chance level."""
    classes = stats.start and stats.start["classes"]
    if not classes or stats.config.get("loss") != "cross_entropy":
        return None
    loss, chance = classes["loss"], classes["chance_loss"]
    if loss is not None and loss < MAX_INIT_LOSS_RATIO * chance:
        return None
    if stats.config.get("weights") and not stats.config.get("new_head"):
        return None  # its head was trained, perhaps on other classes
    shown = "not finite" if loss is None else f"{loss:.3g}"
    return Finding(
        "initial_loss",
        WARNING if stats.is_failing else INFO,
        f"the loss at initialization is {shown}, where chance level is ln "
        f"{stats.num_classes} = {chance:.3g}: the first steps only undo the "
        "initial weights",
        "logits",
        propose(
            stats,
            (
                "smaller inputs or initial weights",
                {"scale": "std", "initializer": "glorot_uniform"},
            ),
            otherwise="smaller inputs or initial weights",
        ),
    )


def diverged(stats: RunStats) -> Finding | None:
    """A loss or weights that are NaN or infinite."""
    if stats.status != "diverged":
        return None
    value = stats.config["learning_rate"]
    return Finding(
        "diverged",
        ERROR,
        f"training diverged: with a learning rate of {value:g} the loss or "
        "the weights became NaN or infinite",
        "loss",
        propose(stats, *_smaller_steps(stats), otherwise="smaller inputs"),
    )


def momentum(stats: RunStats) -> Finding | None:
    """A momentum that averages over too many steps."""
    value = stats.config.get("momentum")
    if stats.status == "diverged" or not value or value <= MAX_MOMENTUM:
        return None
    if stats.config.get("optimizer") == "rmsprop" or stats.has_learned:
        return None
    return Finding(
        "momentum",
        _severity(stats),
        f"the momentum of {value:g} averages gradients over about "
        f"{1 / (1 - value):,.0f} steps, of {stats.steps:,.0f} training steps",
        "loss",
        propose(stats, ("a typical momentum", {"momentum": TYPICAL_MOMENTUM})),
    )


def learning_rate_too_high(stats: RunStats) -> Finding | None:
    """Steps so large that the loss or the weights explode."""
    if stats.status == "diverged" or stats.is_nonparametric:
        return None
    # A network may learn all the same, with weights and losses that explode.
    evidence = _loss_exploded(stats, stats.history[-1:])
    if stats.is_failing:
        evidence = (
            _loss_exploded(stats, stats.history)
            or _weights_grew(stats)
            or _steps_are_large(stats)
        )
    if not evidence:
        return None
    value = stats.config["learning_rate"]
    text, where = evidence
    return Finding(
        "learning_rate_too_high",
        ERROR,
        f"the learning rate of {value:g} is too high: {text}",
        where,
        propose(stats, *_smaller_steps(stats), otherwise="smaller inputs"),
    )


def warmup(stats: RunStats) -> Finding | None:
    """A warm-up that takes at least half of training."""
    epochs, length = stats.config.get("warmup_epochs"), len(stats.history)
    if not epochs or not length or 2 * epochs < length or stats.has_learned:
        return None
    if stats.status not in ("completed", "stopped_early"):
        return None
    shorter = length // 10 * 1.0
    if stats.config.get("warmup_start"):
        shorter = max(shorter, length / 10)  # without one it has no start
    text = (
        f"the learning rate was still warming up: {epochs:g} warm-up epochs, "
        f"{pluralize(length, 'epoch')} of training"
    )
    if epochs < length:
        text = (
            f"the warm-up of the learning rate took {epochs:g} of {length} "
            "epochs"
        )
    return Finding(
        "warmup",
        _severity(stats),
        text,
        "learning_rate",
        propose(stats, ("a shorter warm-up", {"warmup_epochs": shorter})),
    )


def schedule(stats: RunStats) -> Finding | None:
    """A learning rate that decayed long before training ended."""
    rates = [row.get("learning_rate") for row in stats.history]
    if stats.has_learned or len(rates) < 4 or not all(rates):
        return None
    decayed = [r < DECAYED_FRACTION * max(rates) for r in rates]
    if not decayed[len(rates) // 2]:
        return None
    first = decayed.index(True)
    when, later = "too early", "a later schedule"
    what = "the schedule"
    if stats.config.get("schedule") == "constant":
        what, when = "a callback", "early"
        later = "a callback that lowers it later, as with more patience"
    return Finding(
        "schedule",
        _severity(stats),
        f"{what} lowered the learning rate {when}: to "
        f"{rates[first]:.2g} in epoch {first + 1} of {len(rates)}, from "
        f"{max(rates):.2g}",
        "learning_rate",
        propose(stats, *_later_decay(stats, len(rates)), otherwise=later),
    )


def _later_decay(stats: RunStats, epochs: int) -> list[tuple[str, Changes]]:
    milestones = (epochs / 2, 0.75 * epochs)
    factor = round(0.05 ** (1 / epochs), 3)
    return [
        ("later milestones of the schedule", {"schedule_epochs": milestones}),
        (
            "a slower decay",
            {"schedule_factor": factor}
            if stats.config.get("schedule") == "exponential"
            else {},
        ),
    ]


def clipping(stats: RunStats) -> Finding | None:
    """Gradients that are clipped to a small fraction of their norm."""
    limit = stats.config.get("clip_norm")
    if not limit or stats.has_learned:
        return None
    if stats.config.get("optimizer") not in AFFECTED_BY_CLIPPING:
        return None
    norms = [_gradient_norm(row) for row in stats.later]
    if not norms or min(norms) < SEVERE_CLIPPING_FACTOR * limit:
        return None
    return Finding(
        "clipping",
        _severity(stats),
        f"gradients are clipped to a norm of {limit:g}, and their norm is at "
        f"least {min(norms):.2g}: steps are far smaller than the learning rate "
        "suggests",
        tag(stats, "gradients", "gradients"),
        propose(
            stats, ("a larger limit", {"clip_norm": one_digit(2 * max(norms))})
        ),
    )


def _gradient_norm(row: dict) -> float:
    sizes = [layer["gradient_norm"] for layer in row["layers"].values()]
    return math.sqrt(sum(size**2 for size in sizes if size is not None))


def learning_rate_too_low(stats: RunStats) -> Finding | None:
    """Steps so small that the weights stay at their initial values."""
    ratio = stats.peak_update_ratio
    if not ratio or ratio > MIN_UPDATE_RATIO or stats.is_nonparametric:
        return None
    value = stats.config["learning_rate"]
    factor = max(10, TYPICAL_UPDATE_RATIO / ratio)
    return Finding(
        "learning_rate_too_low",
        _severity(stats),
        f"the learning rate of {value:g} is too low: a step changes the "
        f"weights by at most {ratio:.1g} of their size, where "
        f"{TYPICAL_UPDATE_RATIO:g} is typical",
        tag(stats, "gradients", "update_ratio"),
        propose(
            stats,
            ("a higher learning rate", scaled_learning_rate(stats, factor)),
            otherwise="normalization, or another initializer",
        ),
    )


def _loss_exploded(stats: RunStats, rows: list[dict]) -> tuple[str, str] | None:
    before = stats.start and stats.start["classes"]
    if not before or before["loss"] is None:
        return None
    if stats.config.get("loss") != "cross_entropy":
        return None
    rows = [r for r in rows if r["loss"] is not None]
    worst = max(rows, key=lambda row: row["loss"], default=None)
    if not worst or worst["loss"] < LOSS_EXPLOSION_FACTOR * before["loss"]:
        return None
    return (
        f"the loss rose from {before['loss']:.3g} at initialization to "
        f"{worst['loss']:.3g} in epoch {worst['epoch']:.0f}",
        "loss",
    )


def _weights_grew(stats: RunStats) -> tuple[str, str] | None:
    if not stats.start or not stats.end:
        return None
    first, last = stats.start["layers"], stats.end["layers"]
    # The last layer starts small on purpose, and may grow.
    for name in list(last)[:-1]:
        before, after = first[name]["weight_norm"], last[name]["weight_norm"]
        if before and after and after > NORM_GROWTH_FACTOR * before:
            return (
                f"the norm of the weights of {name} grew by a factor of "
                f"{after / before:.0f}",
                f"weights/{name}",
            )
    return None


def _steps_are_large(stats: RunStats) -> tuple[str, str] | None:
    ratio = stats.update_ratio
    if not ratio or ratio < MAX_UPDATE_RATIO:
        return None
    return (
        f"a step changes the weights by {ratio:.1g} of their size, where "
        f"{TYPICAL_UPDATE_RATIO:g} is typical",
        tag(stats, "gradients", "update_ratio"),
    )


def _smaller_steps(stats: RunStats) -> list[tuple[str, Changes]]:
    proposals = []
    if (stats.config.get("momentum") or 0) > MAX_MOMENTUM:
        proposals.append(("a typical momentum", {"momentum": TYPICAL_MOMENTUM}))
    rate = stats.config.get("learning_rate")
    lower = {"learning_rate": rate and safer_learning_rate(rate)}
    return [*proposals, ("a lower learning rate", lower)]


def equal_units(stats: RunStats) -> Finding | None:
    """All units of a layer compute the same, from the start to the end."""
    rows = stats.layer_stats
    for name in rows[0]["hidden"] if rows else ():
        units = [row["hidden"].get(name) for row in rows]
        units = [u for u in units if u and (u["mean"] or u["std"])]
        if units and _are_equal(units[0]) and _stay_equal(stats, units):
            return Finding(
                "equal_units",
                ERROR,
                f"all units of {name} start equal (std between units "
                f"{units[0]['spread'] or 0:.1g}): equal initial weights get "
                "equal gradients, so the layer acts as a single unit",
                tag(stats, "activations", f"activations/{name}"),
                propose(
                    stats,
                    ("random initial weights", {"initializer": "he_normal"}),
                    otherwise="random initial weights",
                ),
            )
    return None


def _stay_equal(stats: RunStats, units: list[dict]) -> bool:
    """Whether they never differ, or too late to learn much.

    Dropout gives equal units different gradients, by chance alone.
    """
    return stats.is_failing or all(_are_equal(u) for u in units)


def _are_equal(hidden: dict) -> bool:
    return (
        hidden["spread"] is not None and hidden["spread"] < DUPLICATE_UNIT_TOL
    )


def vanishing_gradients(stats: RunStats) -> Finding | None:
    """Gradients that shrink on their way to the first layer."""
    if not stats.is_failing:
        return None  # a network that learns has large enough gradients
    row = stats.later[0] if stats.later else stats.start
    sizes = {
        name: layer["gradient_norm"] / layer["weight_norm"]
        for name, layer in (row["layers"] if row else {}).items()
        if layer["weight_norm"] and layer["gradient_norm"] is not None
    }
    if len(sizes) < 3:
        return None
    first, *_, last = sizes
    if not sizes[last] or sizes[first] > MIN_GRADIENT_RATIO * sizes[last]:
        return None
    functions = {h["function"] for h in row["hidden"].values()}
    proposals = [
        ("batch norm", {"norm": "batch"}),
        ("variance-preserving initial weights", {"initializer": "he_normal"}),
    ]
    if functions & SATURATING_ACTIVATIONS:
        relu = {"activation": "relu", "initializer": "he_normal"}
        proposals.insert(0, ("an activation that does not saturate", relu))
    return Finding(
        "vanishing_gradients",
        ERROR,
        "vanishing gradients: relative to its weights, the gradient of "
        f"{first} is {sizes[first] / sizes[last]:.1g} times that of {last}",
        tag(stats, "gradients", f"gradients/{first}"),
        propose(stats, *proposals, otherwise="a network with skip connections"),
    )


def dead_units(stats: RunStats) -> Finding | None:
    """Units without a gradient for any example of the fixed batch."""
    hidden = stats.end["hidden"] if stats.end else {}
    fractions = {name: h["dead"] for name, h in hidden.items() if h["dead"]}
    if not fractions or max(fractions.values()) < MANY_DEAD_FRACTION:
        return None
    name = max(fractions, key=fractions.get)
    severity = INFO
    if stats.is_failing:
        severity = ERROR if fractions[name] >= ALL_DEAD_FRACTION else WARNING
    changes = {"activation": "leaky_relu"}
    if stats.is_failing and (stats.update_ratio or 0) > MAX_UPDATE_RATIO:
        changes |= scaled_learning_rate(stats, 0.1)
    return Finding(
        "dead_units",
        severity,
        f"{100 * fractions[name]:.0f}% of the units of {name} are dead: their "
        "gradient is zero for every example",
        tag(stats, "activations", f"dead_units/{name}"),
        propose(
            stats,
            ("an activation whose units cannot die", changes),
            ("a lower learning rate", scaled_learning_rate(stats, 0.1)),
        ),
    )


def batch_norm(stats: RunStats) -> Finding | None:
    """Moving statistics that do not fit the data."""
    row = stats.end
    if not row or not row["batch_norm"] or not row["classes"]:
        return None
    norm, used = row["batch_norm"], row["classes"]["accuracy"]
    lost = norm["accuracy_in_training"] - used
    short_memory = norm["momentum"] < MIN_BATCH_NORM_MOMENTUM
    if not short_memory and lost < MAX_BATCH_NORM_GAP:
        return None
    text = (
        f"batch norm's moving statistics do not fit the data: accuracy on the "
        f"same examples is {100 * norm['accuracy_in_training']:.0f}% with the "
        f"statistics of their batch and {100 * used:.0f}% with the moving ones"
    )
    left = norm["momentum"] ** row["step"]
    if short_memory:
        text += (
            f"; a momentum of {norm['momentum']:g} keeps only the last "
            f"{_batches(norm['momentum'])}"
        )
    elif left > MAX_INITIAL_FRACTION:
        text += (
            f"; after {row['step']:,} steps they are still "
            f"{100 * left:.0f}% initial values"
        )
    return Finding(
        "batch_norm",
        ERROR if lost >= MAX_BATCH_NORM_GAP else WARNING,
        text,
        "loss and accuracy, train against val",
        propose(
            stats,
            (
                "statistics recomputed before each validation",
                {"recompute_batch_norm": True},
            ),
            ("a lower learning rate", scaled_learning_rate(stats, 0.1)),
        ),
    )


def _batches(momentum: float) -> str:
    count = round(1 / (1 - momentum))
    return "batch" if count == 1 else f"{count} batches"


def _severity(stats: RunStats) -> int:
    return ERROR if stats.is_failing else WARNING
