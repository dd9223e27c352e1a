"""What came of a run, in words: how long it took, and how good it is."""

from __future__ import annotations

from zoo.console import format_duration, pluralize
from zoo.metrics import binomial_ci, r2_score
from zoo.training import expected
from zoo.training.plan import Plan

UNTOUCHED = {  # options that leave a default recipe what it is
    "model", "dataset", "data_dir", "seed", "runs_dir", "run_name",
    "summaries", "summary_every", "debug_every", "checkpoint_every",
    "deterministic", "devices",
}  # fmt: skip


def work(plan: Plan, metrics: dict) -> str:
    """Returns what was done, and how long it took."""
    span = format_duration(metrics["wall_seconds"])
    if plan.entry.is_nonparametric:
        return f"done in {span}, without an update"
    words = "trained"
    if metrics["status"] == "stopped_early":
        patience = pluralize(plan.config.early_stopping_patience, "epoch")
        words = f"stopped early, {patience} without a better validation loss"
    rate = metrics["examples_per_second"]
    pace = f", {rate:,.0f} {plan.source.noun}/s" if rate else ""
    return (
        f"{words}: {pluralize(metrics['epochs'], 'epoch')}, "
        f"{pluralize(metrics['steps'], 'update')} in {span}{pace}"
    )


def table(plan: Plan, metrics: dict) -> dict[str, str]:
    """Returns lines with the scores of the weights that are kept."""
    if metrics["best_epoch"] is None:
        return {
            "result": "the last weights; no validation "
            f"{plan.source.noun} were kept"
        }
    if metrics["best_val_accuracy"] is None:
        return {"result": _fit_in_words(plan, metrics)}
    count = len(plan.data.val)
    right = round(metrics["best_val_accuracy"] * count)
    rows = {
        "result": f"{_best_in_words(metrics)}validation {plan.source.noun}: "
        f"{binomial_ci(right, count)}"
    }
    if metrics["best_val_balanced_accuracy"] is not None:
        rows["balanced"] = (
            f"{metrics['best_val_balanced_accuracy']:.4f}, the mean of the "
            "classes' own accuracies"
        )
    if not set(plan.asked.overrides()) - UNTOUCHED:
        rows["expected"] = expected.verdict(
            plan.config.model, plan.data.name, metrics["best_val_accuracy"]
        )
    return {label: text for label, text in rows.items() if text}


def _fit_in_words(plan: Plan, metrics: dict) -> str:
    """Says how well numbers were predicted in the best epoch."""
    error = metrics["best_val_loss"]
    share = r2_score(error, plan.data.val.labels)
    return (
        f"epoch {metrics['best_epoch']}, validation {plan.source.noun}: mean "
        f"squared error {error:.4g}, R2 {share:.4f}"
    )


def _best_in_words(metrics: dict) -> str:
    epoch = metrics["best_epoch"]
    return f"epoch {epoch}, " if epoch else ""
