"""Rules about what goes on inside: units, gradients, batch norm."""

from __future__ import annotations

from zoo.explaining.advice import propose, rate
from zoo.explaining.facts import Facts
from zoo.explaining.finding import BROKEN, HINT, POOR, Finding, tag
from zoo.explaining.rates import WILD

ALIKE = 1e-4  # spread between the units of a layer, beside their size
MANY_DEAD, ALL_DEAD = 0.5, 0.95
# Gradient over weights, first layer beside last, whose weights start small:
# a hundredth is usual, a ten-thousandth is what six sigmoid layers leave.
VANISHED = 1e-3
MISMATCH = 0.15  # accuracy that batch norm loses between its two modes
LEAST_MOMENTUM = 0.5
STARTING = 0.05  # of the initial values, in the running averages
SATURATING = {"sigmoid", "tanh", "softplus"}


def equal_units(facts: Facts) -> Finding | None:
    """All units of a layer compute the same, and always will."""
    rows = facts.vitals
    for name in rows[0]["hidden"] if rows else ():
        found = [row["hidden"].get(name) for row in rows]
        found = [f for f in found if f and (f["mean"] or f["std"])]
        if found and _is_alike(found[0]) and _stay_alike(facts, found):
            return Finding(
                "equal_units",
                BROKEN,
                f"all units of {name} begin equal (spread "
                f"{found[0]['spread'] or 0:.1g}): equal initial weights get "
                "equal gradients, so the layer is worth a single unit",
                tag(facts, "activations", f"activations/{name}"),
                propose(
                    facts,
                    ("random initial weights", {"initializer": "he_normal"}),
                    otherwise="random initial weights",
                ),
            )
    return None


def _stay_alike(facts: Facts, found: list[dict]) -> bool:
    """Whether they are never told apart, or too late to learn much.

    Dropout gives equal units different gradients, by chance alone.
    """
    return facts.is_failing or all(_is_alike(f) for f in found)


def _is_alike(hidden: dict) -> bool:
    return hidden["spread"] is not None and hidden["spread"] < ALIKE


def vanishing(facts: Facts) -> Finding | None:
    """Gradients that shrink on their way to the first layer."""
    if not facts.is_failing:
        return None  # a network that learns gets gradients enough
    row = facts.later[0] if facts.later else facts.start
    sizes = {
        name: layer["gradient_norm"] / layer["weight_norm"]
        for name, layer in (row["layers"] if row else {}).items()
        if layer["weight_norm"] and layer["gradient_norm"] is not None
    }
    if len(sizes) < 3:
        return None
    first, *_, last = sizes
    if not sizes[last] or sizes[first] > VANISHED * sizes[last]:
        return None
    functions = {h["function"] for h in row["hidden"].values()}
    proposals = [
        ("batch norm", {"norm": "batch"}),
        ("initial weights that keep the scale", {"initializer": "he_normal"}),
    ]
    if functions & SATURATING:
        relu = {"activation": "relu", "initializer": "he_normal"}
        proposals.insert(0, ("an activation that does not saturate", relu))
    return Finding(
        "vanishing",
        BROKEN,
        f"gradients vanish: relative to its weights, {first} gets "
        f"{sizes[first] / sizes[last]:.1g} of the gradient that {last} gets",
        tag(facts, "gradients", f"gradients/{first}"),
        propose(facts, *proposals, otherwise="a network with shortcuts"),
    )


def dead_units(facts: Facts) -> Finding | None:
    """Units that pass no gradient for any example of the probe."""
    hidden = facts.end["hidden"] if facts.end else {}
    fractions = {name: h["dead"] for name, h in hidden.items() if h["dead"]}
    if not fractions or max(fractions.values()) < MANY_DEAD:
        return None
    name = max(fractions, key=fractions.get)
    severity = HINT
    if facts.is_failing:
        severity = BROKEN if fractions[name] >= ALL_DEAD else POOR
    changes = {"activation": "leaky_relu"}
    if facts.is_failing and (facts.update_ratio or 0) > WILD:
        changes |= rate(facts, 0.1)
    return Finding(
        "dead_units",
        severity,
        f"{100 * fractions[name]:.0f}% of the units of {name} are dead: they "
        "pass no gradient for any example",
        tag(facts, "activations", f"dead_units/{name}"),
        propose(
            facts,
            ("units that cannot die", changes),
            ("a lower learning rate", rate(facts, 0.1)),
        ),
    )


def batch_norm(facts: Facts) -> Finding | None:
    """Running averages that are not those of the data."""
    row = facts.end
    if not row or not row["batch_norm"] or not row["classes"]:
        return None
    norm, used = row["batch_norm"], row["classes"]["accuracy"]
    lost = norm["accuracy_in_training"] - used
    hasty = norm["momentum"] < LEAST_MOMENTUM
    if not hasty and lost < MISMATCH:
        return None
    text = (
        f"batch norm's running averages are off: of the same examples "
        f"{100 * norm['accuracy_in_training']:.0f}% are classified correctly "
        f"with the averages of their batch, and {100 * used:.0f}% with the "
        "running ones"
    )
    left = norm["momentum"] ** row["step"]
    if hasty:
        text += (
            f"; a momentum of {norm['momentum']:g} forgets all but the last "
            f"{_batches(norm['momentum'])}"
        )
    elif left > STARTING:
        text += (
            f"; after {row['step']:,} steps they are still "
            f"{100 * left:.0f}% initial values"
        )
    return Finding(
        "batch_norm",
        BROKEN if lost >= MISMATCH else POOR,
        text,
        "loss and accuracy, train against val",
        propose(
            facts,
            (
                "averages computed anew before each validation",
                {"recompute_batch_norm": True},
            ),
            ("a lower learning rate", rate(facts, 0.1)),
        ),
    )


def _batches(momentum: float) -> str:
    count = round(1 / (1 - momentum))
    return "batch" if count == 1 else f"{count} batches"
