"""Answers to the questions of lectures, from what runs recorded.

Each function takes runs, and perhaps options as text, and returns a few lines.
The TOML files of this folder name them. Accuracies are of validation examples
and in percent; intervals are 95% confidence intervals.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence

import numpy as np

from zoo import api, metrics
from zoo.console import format_count, format_table, pluralize
from zoo.evaluation import external
from zoo.evaluation.landscape import plots
from zoo.evaluation.new_accuracy import describe_fits, fit_accuracies
from zoo.evaluation.statistics import format_p_value, seed_stats
from zoo.evaluation.test_set import recorded_test_result
from zoo.run_store import RunStore
from zoo.runs import Run, RunGroup

FITTED = 0.99  # training accuracy from which on training data count as fitted
FINISHED = ("completed", "stopped_early")


# Scores.


def scores(*runs: Run) -> str:
    """Training and validation accuracy of each run, with intervals."""
    heads = ("run", "parameters", "training", "validation", "95% CI", "loss")
    return format_table(heads, [_score_row(run) for run in runs], (1, 2, 3, 5))


def _score_row(run: Run) -> tuple[str, ...]:
    last = run.metrics
    parameters = format_count(run.resolved["parameters"]["trainable"])
    if run.status not in FINISHED:
        return (name(run), parameters, run.status, "-", "-", "-")
    interval = "-"
    if last.get("best_val_accuracy") is not None:
        found = _validation(run)
        interval = f"{percent(found.low)} to {percent(found.high)}"
    return (
        name(run),
        parameters,
        percent(last.get("train_accuracy")),
        percent(last.get("best_val_accuracy")),
        interval,
        number(last.get("best_val_loss") or last.get("train_loss")),
    )


def _validation(run: Run) -> metrics.Proportion:
    """Returns the accuracy of a run's saved weights, with its interval."""
    examples = run.resolved["data"]["val"]
    correct = round(run.metrics["best_val_accuracy"] * examples)
    return metrics.binomial_ci(correct, examples)


def compare(*runs: Run, pairs: Iterable[tuple[Run, Run]] | None = None) -> str:
    """Which differences between runs are significant, pair by pair.

    Args:
        runs: At least two, whose pairs are all tested together.
        pairs: Those that are shown; all if `None`. Their p-values are
            corrected for all pairs, since they are chosen by their scores.
    """
    found = api.compare(*runs)
    names = {
        row["config"]: _name_of(row["runs"][0]) for row in found["configs"]
    }
    labels = {row["run"]: row["config"] for row in found["runs"]}
    shown = None
    if pairs is not None:
        shown = [{labels[run.name] for run in pair} for pair in pairs]
    return "\n".join(
        _pair_sentence(pair, names, found)
        for pair in found["pairs"]
        if shown is None or {pair["first"], pair["second"]} in shown
    )


def _pair_sentence(pair: dict, names: dict, found: dict) -> str:
    first, second = names[pair["first"]], names[pair["second"]]
    unit = 100 if found["score"] == "accuracy" else 1
    what = "points" if unit == 100 else "of squared error"
    low, high = unit * pair["low"], unit * pair["high"]
    numbers = (
        f"{second} minus {first}: {unit * pair['difference']:+.2f} {what} "
        f"({low:+.2f} to {high:+.2f}), "
        f"p {_equals(format_p_value(pair['p_corrected']))}"
    )
    if pair["better"] is None:
        return f"{numbers}: no significant difference."
    return f"{numbers}: {names[pair['better']]} is better."


def ranking(*runs: Run) -> str:
    """Runs in the order of validation accuracy, neighbors tested."""
    order = sorted(runs, key=lambda r: -(r.metrics["best_val_accuracy"] or 0))
    neighbors = list(itertools.pairwise(order))
    return "\n".join([scores(*order), compare(*order, pairs=neighbors)])


def diagnose(*runs: Run) -> str:
    """What `zoo diagnose` finds first in each run."""
    runs = all_members(runs)
    return "\n".join(f"{name(run)}: {_finding(run)}" for run in runs)


def _finding(run: Run) -> str:
    found = api.diagnose(run)["findings"]
    if not found:
        return "no problems found."
    text = found[0]["text"]
    return f"{text}; try {found[0]['advice'].rstrip('.')}."


def seeds(*groups: Run) -> str:
    """Mean, spread and interval over the seeds of each group."""
    rows = []
    for group in groups:
        values = [r.metrics["best_val_accuracy"] for r in _members(group)]
        over = seed_stats(values, 0, 1)
        ends = "-"
        if over.low is not None:
            ends = f"{percent(over.low)} to {percent(over.high)}"
        rows.append(
            (name(group), str(len(values)), percent(over.mean),
             percent(over.std), ends)
        )  # fmt: skip
    heads = ("runs", "seeds", "validation", "std", "95% CI over seeds")
    return format_table(heads, rows, (1, 2, 3))


def values(group: Run) -> str:
    """Scores of a group of `zoo vary`, value by value, best pair tested."""
    runs = [run for run in _members(group) if run.has_model]
    if len(runs) < 2:
        return "Fewer than two values have a result."
    order = sorted(runs, key=lambda r: -(r.metrics["best_val_accuracy"] or 0))
    ends = [(order[-1], order[0])]
    return "\n".join([scores(*runs), compare(*order[::-1], pairs=ends)])


def _members(group: Run) -> list[Run]:
    """Returns the runs of a group, or a run itself."""
    found = RunGroup(group.path, group.name)
    if (group.path / "group.json").is_file():
        return [run for run in found.runs() if run.status in FINISHED]
    return [group]


# Training and validation.


def gap(*runs: Run) -> str:
    """Training minus validation accuracy after the last epoch, and changes."""
    rows = []
    for run in runs:
        last = run.history[-1]
        train, val = last["accuracy"], last["val_accuracy"]
        rows.append(
            (name(run), percent(train), percent(val), _points(train - val))
        )
    heads = ("run", "training", "validation", "gap, points")
    lines = [format_table(heads, rows, (1, 2, 3))]
    if len(runs) > 1:
        first, last = (run.history[-1] for run in (runs[0], runs[-1]))
        changes = [
            _points(last[key] - first[key])
            for key in ("accuracy", "val_accuracy")
        ]
        lines.append(
            f"From {name(runs[0])} to {name(runs[-1])}, training changes by "
            f"{changes[0]} and validation by {changes[1]} points."
        )
    return "\n".join(lines)


def overfitting(*runs: Run) -> str:
    """Gap of accuracies, beside how far the validation loss rose."""
    lines = [gap(*runs)]
    for run in runs:
        losses = [row["val_loss"] for row in run.history]
        lowest = min(losses)
        epoch = losses.index(lowest) + 1
        lines.append(
            f"{name(run)}: validation loss was lowest, {lowest:.3f}, in epoch "
            f"{epoch} of {len(losses)}, and ended at {losses[-1]:.3f}: "
            + (
                "it did not rise."
                if losses[-1] <= 1.05 * lowest
                else "it rose while training went on, which is overfitting."
            )
        )
    return "\n".join(lines)


def raggedness(*runs: Run) -> str:
    """How far the training loss moves from one logged value to the next."""
    runs = all_members(runs)
    rows = []
    for run in runs:
        images, losses = training_curve(run)
        half = losses[len(losses) // 2 :]
        moves = np.abs(np.diff(half)) if len(half) > 1 else np.zeros(1)
        fraction = float(moves.mean() / max(half.mean(), 1e-12))
        rows.append(
            (name(run), format_count(run.metrics["steps"]),
             format_count(int(images[-1])), f"{losses[-1]:.4f}",
             f"{100 * fraction:.1f}%")
        )  # fmt: skip
    heads = ("run", "steps", "images seen", "last loss", "mean move")
    lines = [format_table(heads, rows, (1, 2, 3, 4))]
    noisiest = max(rows, key=lambda row: float(row[4].rstrip("%")))
    best = min(rows, key=lambda row: float(row[3]))
    lines.append(
        f"{noisiest[0]} moves most from value to value; {best[0]} has the "
        "lowest loss at the end."
    )
    return "\n".join(lines)


def training_curve(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Returns images seen and mean training loss since the value before.

    Both `[N]`, as TensorBoard's curve `loss` in `train` has them.
    """
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(run.path / "train"), {"tensors": 0}).Reload()
    found = events.Tensors("loss")
    steps = np.array([one.step for one in found])
    losses = np.array([float(make_ndarray(one.tensor_proto)) for one in found])
    resolved = run.resolved
    examples = resolved["data"]["train"]
    batch = min(resolved["config"]["batch_size"], examples)
    epochs, rest = np.divmod(steps, -(-examples // batch))
    return epochs * examples + np.minimum(rest * batch, examples), losses


def training_loss(*runs: Run) -> str:
    """Training loss of each run after its last epoch."""
    runs = all_members(runs)
    rows = [
        (name(run), format_count(run.metrics["steps"]),
         number(run.metrics["train_loss"]),
         percent(run.metrics["train_accuracy"]))
        for run in runs
    ]  # fmt: skip
    heads = ("run", "steps", "training loss", "training accuracy")
    best = min(runs, key=lambda run: run.metrics["train_loss"])
    return (
        f"{format_table(heads, rows, (1, 2, 3))}\n"
        f"{name(best)} has the lowest training loss."
    )


def epochs_to_fit(*runs: Run) -> str:
    """First epoch in which nearly all training labels are predicted."""
    lines = []
    for run in all_members(runs):
        epoch = first_fitted_epoch(run)
        labels = f"{100 * run.config.randomize_labels:g}% random labels"
        last = run.metrics
        end = (
            f"fitted in epoch {epoch}"
            if epoch
            else f"not fitted in {pluralize(last['epochs'], 'epoch')}"
        )
        lines.append(
            f"{name(run)}, {labels}: {end}; training "
            f"{percent(last['train_accuracy'])}, validation "
            f"{percent(last.get('val_accuracy'))}."
        )
    return "\n".join(lines)


def first_fitted_epoch(run: Run) -> int | None:
    """Returns the first epoch with a training accuracy of `FITTED`."""
    for row in run.history:
        if (row["accuracy"] or 0) >= FITTED:
            return int(row["epoch"])
    return None


def all_members(groups: Sequence[Run]) -> list[Run]:
    return [run for group in groups for run in _members(group)]


# Cost.


def cost(*runs: Run) -> str:
    """Parameters and multiply-adds beside accuracy, and their ratio."""
    rows = [
        (name(run), format_count(run.resolved["parameters"]["trainable"]),
         format_count(run.resolved["multiply_adds"]),
         percent(run.metrics["best_val_accuracy"]))
        for run in runs
    ]  # fmt: skip
    heads = ("run", "parameters", "multiply-adds", "validation")
    lines = [format_table(heads, rows, (1, 2, 3))]
    first, last = (run.resolved["multiply_adds"] for run in (runs[0], runs[-1]))
    if len(runs) > 1 and first:
        lines.append(
            f"{name(runs[-1])} needs {last / first:.3g} times the "
            f"multiply-adds of {name(runs[0])}."
        )
    return "\n".join(lines)


def regression_errors(*groups: Run) -> str:
    """Squared error of each run beside its number of parameters."""
    rows = [
        (name(run), format_count(run.resolved["parameters"]["trainable"]),
         number(run.metrics["best_val_loss"]))
        for run in all_members(groups)
    ]  # fmt: skip
    best = min(rows, key=lambda row: float(row[2]))
    table = format_table(("run", "parameters", "squared error"), rows, (1, 2))
    return f"{table}\n{best[0]} is the most precise."


def group_gaps(*groups: Run) -> str:
    """Training and validation accuracy of every run of groups."""
    return gap(*all_members(groups))


# Generalization.


def convexity(*runs: Run) -> str:
    """Whether the loss of each run is convex where `landscape` scanned it."""
    lines = []
    for run in runs:
        path = run.path / plots.FOLDER_NAME / "landscape.json"
        found = json.loads(path.read_text(encoding="utf-8"))
        words = [
            f"{part} {'convex' if found[part]['convex'] else 'not convex'}"
            for part in ("path", "line", "plane")
            if part in found
        ]
        lines.append(f"{name(run)}: {', '.join(words)}.")
    return "\n".join(lines)


def sweep(found: Run) -> str:
    """Score of a sweep's best trial, and of the same with new seeds."""
    runs = RunStore(_runs_dir(found)).runs()
    inside = [r for r in runs if r.name.startswith(f"{found.name}/")]
    inside = [r for r in inside if r.has_model or r.metrics]
    trials = [r for r in inside if "/trial-" in r.name]
    best = max(trials, key=lambda r: r.metrics["best_val_accuracy"] or 0)
    result = json.loads(
        (found.path / "result.json").read_text(encoding="utf-8")
    )
    again = [
        r.metrics["best_val_accuracy"]
        for r in inside
        if r.name.startswith(f"{found.name}/best_trial")
    ]
    score = best.metrics["best_val_accuracy"]
    lines = [
        f"The best of {result['trials']} trials, {best.path.name}, has "
        f"{percent(score)}, the largest of {result['trials']} numbers that "
        "each contain chance."
    ]
    if again:
        mean = sum(again) / len(again)
        lines.append(
            f"Trained again with {pluralize(len(again), 'new seed')}, it has "
            f"{percent(mean)}: {_points(mean - score)} points."
        )
    return "\n".join(lines)


def tested(*runs: Run) -> str:
    """Validation beside test accuracy, measured once."""
    lines = []
    for run in runs:
        found = recorded_test_result(run, _runs_dir(run))
        if found is None:
            lines.append(f"{name(run)}: the test set was not opened.")
            continue
        test = metrics.binomial_ci(found["correct"], found["examples"])
        val = _validation(run)
        lines.append(
            f"{name(run)}: validation {_with_interval(val)}, test "
            f"{_with_interval(test)}."
        )
    return "\n".join(lines)


def evaluate_on(*runs: Run, dataset: str, split: str = "val") -> str:
    """Accuracy on the dataset that a run was trained on, and on another."""
    found = external.evaluate_external(
        runs, dataset, split, runs_dir=_runs_dir(runs[0])
    )
    lines = []
    for run, result in zip(runs, found, strict=True):
        new = metrics.binomial_ci(result["correct"], result["examples"])
        own = _validation(run)
        lines.append(
            f"{name(run)}: {_with_interval(own)} on its own "
            f"{run.config.dataset}, {_with_interval(new)} on {dataset}."
        )
    if len(runs) > 2:
        lines.append(describe_fits(found, fit_accuracies(found)))
    return "\n".join(lines)


def data_findings(*, data: str) -> str:
    """What `zoo inspect` finds in a dataset."""
    found = api.inspect(data)["findings"]
    if not found:
        return "No problems found."
    return "\n".join(f"{one['sentence']}" for one in found)


# Text.


def name(run: Run) -> str:
    return _name_of(run.name)


def _name_of(name: str) -> str:
    """Returns a name without the folders of lecture and lectures."""
    parts = name.split("/")
    return "/".join(parts[2:]) or name


def _runs_dir(run: Run) -> str:
    return str(run.path.parents[len(run.name.split("/")) - 1])


def percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:.1f}"


def _points(fraction: float) -> str:
    return f"{100 * fraction:+.1f}"


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _equals(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"


def _with_interval(found: metrics.Proportion) -> str:
    return (
        f"{percent(found.value)} ({percent(found.low)} to "
        f"{percent(found.high)})"
    )
