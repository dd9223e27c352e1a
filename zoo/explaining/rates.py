"""Rules about the size of the steps: learning rate, momentum, clipping."""

from __future__ import annotations

import math

from zoo.explaining.advice import Changes, propose, rate, rounded
from zoo.explaining.facts import Facts
from zoo.explaining.finding import BROKEN, POOR, Finding, tag

TYPICAL = 1e-3  # update over weights, in most layers of most healthy runs
WILD = 0.05
STILL = 3e-5
BLOWN_UP = 3.0  # loss of an epoch, beside that of the untrained network
GROWN = 20.0  # norm of a hidden layer's weights, beside where it started
MODEST = 0.01  # a learning rate with which hardly any recipe diverges
LONG_MOMENTUM = 0.98  # an average over more than 50 steps
USUAL_MOMENTUM = 0.9
CLIPPED = 10.0  # norm of the gradient beside what it is clipped to
FALLEN = 0.02  # learning rate beside its peak
# Adam and its kin divide by the size of gradients, clipped or not.
FEEL_CLIPPING = ("sgd", "momentum", "nesterov")


def diverged(facts: Facts) -> Finding | None:
    """Loss or weights are no longer numbers."""
    if facts.status != "diverged":
        return None
    value = facts.config["learning_rate"]
    return Finding(
        "diverged",
        BROKEN,
        f"training diverged: with a learning rate of {value:g} the loss or "
        "the weights are no longer numbers",
        "loss",
        propose(facts, *_slower(facts), otherwise="smaller inputs"),
    )


def momentum(facts: Facts) -> Finding | None:
    """A momentum that averages over more steps than settle down."""
    value = facts.config.get("momentum")
    if facts.status == "diverged" or not value or value <= LONG_MOMENTUM:
        return None
    if facts.config.get("optimizer") == "rmsprop" or facts.has_learned:
        return None
    return Finding(
        "momentum",
        _cost(facts),
        f"the momentum of {value:g} adds up the gradients of about "
        f"{1 / (1 - value):,.0f} steps, in {facts.steps:,.0f} steps of "
        "training",
        "loss",
        propose(facts, ("a usual momentum", {"momentum": USUAL_MOMENTUM})),
    )


def too_high(facts: Facts) -> Finding | None:
    """Updates so large that they destroy what was learned."""
    if facts.status == "diverged" or facts.is_memorized:
        return None
    # A network may learn all the same, with weights and losses that explode.
    sign = _blown_up(facts, facts.history[-1:])
    if facts.is_failing:
        sign = _blown_up(facts, facts.history) or _grown(facts) or _wild(facts)
    if not sign:
        return None
    value = facts.config["learning_rate"]
    text, where = sign
    return Finding(
        "rate_too_high",
        BROKEN,
        f"the learning rate of {value:g} is too high: {text}",
        where,
        propose(facts, *_slower(facts), otherwise="smaller inputs"),
    )


def warmup(facts: Facts) -> Finding | None:
    """A learning rate that hardly arrives before training ends."""
    epochs, length = facts.config.get("warmup_epochs"), len(facts.history)
    if not epochs or not length or 2 * epochs < length or facts.has_learned:
        return None
    if facts.status not in ("completed", "stopped_early"):
        return None
    return Finding(
        "warmup",
        _cost(facts),
        f"the learning rate was still warming up: {epochs:g} epochs of "
        f"warm-up, in {length} of training",
        "learning_rate",
        propose(
            facts, ("a shorter warm-up", {"warmup_epochs": length // 10 * 1.0})
        ),
    )


def schedule(facts: Facts) -> Finding | None:
    """A learning rate that fell long before training ended."""
    rates = [row.get("learning_rate") for row in facts.history]
    if facts.has_learned or len(rates) < 4 or not all(rates):
        return None
    fallen = [r < FALLEN * max(rates) for r in rates]
    if not fallen[len(rates) // 2]:
        return None
    first = fallen.index(True)
    return Finding(
        "schedule",
        _cost(facts),
        f"the schedule lowered the learning rate too early: to "
        f"{rates[first]:.2g} in epoch {first + 1} of {len(rates)}, from "
        f"{max(rates):.2g}",
        "learning_rate",
        propose(
            facts, *_later(facts, len(rates)), otherwise="a later schedule"
        ),
    )


def _later(facts: Facts, epochs: int) -> list[tuple[str, Changes]]:
    halves = (epochs / 2, 0.75 * epochs)
    factor = round(0.05 ** (1 / epochs), 3)
    return [
        ("later steps of the schedule", {"schedule_epochs": halves}),
        (
            "a slower decay",
            {"schedule_factor": factor}
            if facts.config.get("schedule") == "exponential"
            else {},
        ),
    ]


def clipping(facts: Facts) -> Finding | None:
    """Gradients that are clipped to a small part of what they are."""
    limit = facts.config.get("clip_norm")
    if not limit or facts.has_learned:
        return None
    if facts.config.get("optimizer") not in FEEL_CLIPPING:
        return None
    norms = [_gradient_norm(row) for row in facts.later]
    if not norms or min(norms) < CLIPPED * limit:
        return None
    return Finding(
        "clipping",
        _cost(facts),
        f"gradients are clipped to a norm of {limit:g}, and theirs is "
        f"{min(norms):.2g} or more: steps are far smaller than the learning "
        "rate says",
        tag(facts, "gradients", "gradients"),
        propose(
            facts, ("a larger limit", {"clip_norm": rounded(2 * max(norms))})
        ),
    )


def _gradient_norm(row: dict) -> float:
    sizes = [layer["gradient_norm"] for layer in row["layers"].values()]
    return math.sqrt(sum(size**2 for size in sizes if size is not None))


def too_low(facts: Facts) -> Finding | None:
    """Updates so small that the network stays where it started."""
    ratio = facts.update_ratio
    if not ratio or ratio > STILL or facts.is_memorized:
        return None
    value = facts.config["learning_rate"]
    times = max(10, TYPICAL / ratio)
    return Finding(
        "rate_too_low",
        BROKEN if facts.is_failing else POOR,
        f"the learning rate of {value:g} is too low: a step changes the "
        f"weights by {ratio:.1g} of their size at most, where {TYPICAL:g} is "
        "usual",
        tag(facts, "gradients", "update_ratio"),
        propose(
            facts,
            ("a higher learning rate", rate(facts, times)),
        ),
    )


def _cost(facts: Facts) -> int:
    return BROKEN if facts.is_failing else POOR


def _blown_up(facts: Facts, rows: list[dict]) -> tuple[str, str] | None:
    before = facts.start and facts.start["classes"]
    if not before or before["loss"] is None:
        return None
    if facts.config.get("loss") != "cross_entropy":
        return None
    rows = [r for r in rows if r["loss"] is not None]
    worst = max(rows, key=lambda row: row["loss"], default=None)
    if not worst or worst["loss"] < BLOWN_UP * before["loss"]:
        return None
    return (
        f"the loss rose from {before['loss']:.3g} before training to "
        f"{worst['loss']:.3g} in epoch {worst['epoch']:.0f}",
        "loss",
    )


def _grown(facts: Facts) -> tuple[str, str] | None:
    if not facts.start or not facts.end:
        return None
    first, last = facts.start["layers"], facts.end["layers"]
    # The last layer starts small on purpose, and may grow.
    for name in list(last)[:-1]:
        before, after = first[name]["weight_norm"], last[name]["weight_norm"]
        if before and after and after > GROWN * before:
            return (
                f"the weights of {name} have grown {after / before:.0f} times "
                "as large as they were",
                f"weights/{name}",
            )
    return None


def _wild(facts: Facts) -> tuple[str, str] | None:
    ratio = facts.update_ratio
    if not ratio or ratio < WILD:
        return None
    return (
        f"a step changes the weights by {ratio:.1g} of their size, where "
        f"{TYPICAL:g} is usual",
        tag(facts, "gradients", "update_ratio"),
    )


def _slower(facts: Facts) -> list[tuple[str, Changes]]:
    proposals = []
    if (facts.config.get("momentum") or 0) > LONG_MOMENTUM:
        proposals.append(("a usual momentum", {"momentum": USUAL_MOMENTUM}))
    # A tenth of an absurd rate is absurd still.
    proposals.append(("a lower learning rate", rate(facts, 0.1, most=MODEST)))
    return proposals
