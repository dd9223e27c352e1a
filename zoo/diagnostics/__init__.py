"""Problems in a run and what to try next, from the metrics that it recorded.

    findings.py              what a run recorded, and findings on it: their
                             severity and advice, as text and as JSON
    optimization_rules.py    rules on inputs, initial weights, learning rate
                             and layers
    learning_curve_rules.py  rules on learning curves and predictions

A rule is a function from `RunStats` to a `Finding` or `None`. To add one,
write it in a file of rules and add it to `RULES`.
"""

from __future__ import annotations

from zoo.diagnostics import learning_curve_rules as curves
from zoo.diagnostics import optimization_rules as optimization
from zoo.diagnostics.findings import (
    ERROR,
    INFO,
    WARNING,
    Finding,
    Rule,
    RunStats,
)

__all__ = [
    "ERROR",
    "INFO",
    "RULES",
    "WARNING",
    "Finding",
    "RunStats",
    "diagnose",
]

# Causes before effects: of equally severe findings the first counts.
RULES: tuple[Rule, ...] = (
    optimization.diverged,
    optimization.equal_units,
    curves.regularization,
    optimization.momentum,
    optimization.warmup,
    optimization.schedule,
    optimization.clipping,
    optimization.linear_model,
    optimization.inputs,
    optimization.learning_rate_too_high,
    optimization.vanishing_gradients,
    optimization.learning_rate_too_low,
    optimization.frozen_layers,
    optimization.batch_norm,
    curves.unrelated_labels,
    curves.random_labels,
    optimization.dead_units,
    optimization.initial_loss,
    curves.class_imbalance,
    curves.few_steps,
    curves.one_class,
    curves.not_learning,
    curves.overfitting,
    curves.early_stopping,
    curves.calibration,
    curves.still_improving,
)


def diagnose(stats: RunStats) -> list[Finding]:
    """Returns all findings on a run, the most severe first."""
    findings = [finding for rule in RULES if (finding := rule(stats))]
    return sorted(findings, key=lambda finding: -finding.severity)
