"""Rules about the size of the updates: the learning rate."""

from __future__ import annotations

from zoo.explaining.facts import Facts
from zoo.explaining.finding import BROKEN, POOR, Finding, again, option, tag

TYPICAL = 1e-3  # update over weights, in most layers of most healthy runs
WILD = 0.05
STILL = 3e-5
BLOWN_UP = 3.0  # loss of an epoch, beside that of the untrained network
GROWN = 20.0  # norm of a hidden layer's weights, beside where it started
MODEST = 0.01  # a rate with which hardly any recipe diverges


def diverged(facts: Facts) -> Finding | None:
    """Loss or weights are no longer numbers."""
    if facts.status != "diverged":
        return None
    rate = facts.config["learning_rate"]
    return Finding(
        "diverged",
        BROKEN,
        f"training diverged: with a rate of {rate:g} the loss or the weights "
        "are no longer numbers",
        "loss",
        f"a lower rate: {_slower(facts)}",
    )


def too_high(facts: Facts) -> Finding | None:
    """Updates so large that they destroy what was learned."""
    if facts.status == "diverged":
        return None
    # A network may learn all the same, with weights and losses that explode.
    sign = _blown_up(facts, facts.history[-1:])
    if facts.is_failing:
        sign = _blown_up(facts, facts.history) or _grown(facts) or _wild(facts)
    if not sign:
        return None
    rate = facts.config["learning_rate"]
    text, where = sign
    return Finding(
        "rate_too_high",
        BROKEN,
        f"the rate of {rate:g} is too high: {text}",
        where,
        f"a lower rate: {_slower(facts)}",
    )


def too_low(facts: Facts) -> Finding | None:
    """Updates so small that the network stays where it started."""
    ratio = facts.update_ratio
    if not ratio or ratio > STILL or facts.config.get("optimizer") is None:
        return None
    rate = facts.config["learning_rate"]
    faster = option("learning_rate", rate * 100)
    return Finding(
        "rate_too_low",
        BROKEN if facts.is_failing else POOR,
        f"the rate of {rate:g} is too low: an update changes the weights by "
        f"{ratio:.1g} of their size at most, where {TYPICAL:g} is usual",
        tag(facts, "gradients", "update_ratio"),
        f"a higher rate: {again(facts, faster)}",
    )


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
        f"an update changes the weights by {ratio:.1g} of their size, where "
        f"{TYPICAL:g} is usual",
        tag(facts, "gradients", "update_ratio"),
    )


def _slower(facts: Facts) -> str:
    # A tenth of an absurd rate is absurd still.
    rate = min(facts.config["learning_rate"] / 10, MODEST)
    return again(facts, option("learning_rate", rate))
