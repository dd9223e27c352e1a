"""Findings in words, from the numbers that a run has kept.

A finding is made by a rule: a function from `Facts` to a `Finding` or `None`.
To add a rule, write it beside its like and give it a line in `RULES`.
"""

from __future__ import annotations

from zoo.explaining import beginnings, layers, learning, rates
from zoo.explaining.facts import Facts
from zoo.explaining.finding import Finding, Rule

# Causes before what they cause: of equally severe findings the first counts.
RULES: tuple[Rule, ...] = (
    rates.diverged,
    layers.equal_units,
    learning.regularization,
    rates.momentum,
    rates.warmup,
    rates.schedule,
    rates.clipping,
    beginnings.linear,
    beginnings.inputs,
    rates.too_high,
    layers.vanishing,
    rates.too_low,
    beginnings.frozen,
    layers.batch_norm,
    learning.labels,
    learning.drawn_labels,
    layers.dead_units,
    beginnings.starting_loss,
    learning.imbalance,
    learning.few_steps,
    learning.one_class,
    learning.stuck,
    learning.overfitting,
    learning.stopped_too_soon,
    learning.calibration,
    learning.unfinished,
)


def explain(facts: Facts) -> list[Finding]:
    """Returns all findings on a run, the most severe first."""
    found = [finding for rule in RULES if (finding := rule(facts))]
    return sorted(found, key=lambda finding: -finding.severity)
