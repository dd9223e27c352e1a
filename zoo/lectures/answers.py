"""Answers to the questions of lectures, computed from runs.

Each function takes runs, and perhaps options as text, and returns a few lines.
The TOML files of this folder name them. Accuracies are of validation examples
and in percent; intervals are 95% confidence intervals.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence

import numpy as np

from zoo import api, metrics
from zoo.console import format_count, format_table, pluralize
from zoo.errors import join_and
from zoo.evaluation import evaluate, external
from zoo.evaluation.landscape import plots
from zoo.evaluation.statistics import (
    format_p_value,
    paired_bootstrap,
    seed_stats,
)
from zoo.evaluation.test_set import recorded_test_result
from zoo.models.inference import predict_batched
from zoo.run_store import RunStore
from zoo.runs import Run, RunGroup

FITTED = 0.99  # training accuracy from which on training data count as fitted
EQUAL_TOL = 1e-5  # of the largest weight or output, below which numbers agree
SETTINGS = ("completed", "stopped_early")


# Scores.


def scores(*runs: Run) -> str:
    """Training and validation accuracy of each run, with intervals."""
    heads = ("run", "parameters", "training", "validation", "95% CI", "loss")
    return format_table(heads, [_score_row(run) for run in runs], (1, 2, 3, 5))


def _score_row(run: Run) -> tuple[str, ...]:
    last = run.metrics
    parameters = format_count(run.resolved["parameters"]["trainable"])
    if run.status not in SETTINGS:
        return (_name(run), parameters, run.status, "-", "-", "-")
    interval = "-"
    if last.get("best_val_accuracy") is not None:
        found = _validation(run)
        interval = f"{_percent(found.low)} to {_percent(found.high)}"
    return (
        _name(run),
        parameters,
        _percent(last.get("train_accuracy")),
        _percent(last.get("best_val_accuracy")),
        interval,
        _number(last.get("best_val_loss") or last.get("train_loss")),
    )


def _validation(run: Run) -> metrics.Proportion:
    """Returns the accuracy of a run's saved weights, with its interval."""
    examples = run.resolved["data"]["val"]
    correct = round(run.metrics["best_val_accuracy"] * examples)
    return metrics.binomial_ci(correct, examples)


def compare(*runs: Run) -> str:
    """Which differences between runs are significant, pair by pair."""
    found = api.compare(*runs)
    names = {
        row["config"]: _name_of(row["runs"][0]) for row in found["configs"]
    }
    return "\n".join(
        _pair_sentence(pair, names, found) for pair in found["pairs"]
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
    lines = [scores(*order)]
    lines += [compare(*pair) for pair in itertools.pairwise(order)]
    return "\n".join(lines)


def diagnose(*runs: Run) -> str:
    """What `zoo diagnose` finds first in each run."""
    runs = _all_members(runs)
    return "\n".join(f"{_name(run)}: {_finding(run)}" for run in runs)


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
        if over.std is not None:
            ends = f"{_percent(over.low)} to {_percent(over.high)}"
        rows.append(
            (_name(group), str(len(values)), _percent(over.mean),
             _percent(over.std), ends)
        )  # fmt: skip
    heads = ("runs", "seeds", "validation", "std", "95% CI over seeds")
    return format_table(heads, rows, (1, 2, 3))


def values(group: Run) -> str:
    """Scores of a group of `zoo vary`, value by value, best pair tested."""
    runs = [run for run in _members(group) if run.has_model]
    if len(runs) < 2:
        return "Fewer than two values have a result."
    order = sorted(runs, key=lambda r: -(r.metrics["best_val_accuracy"] or 0))
    return "\n".join([scores(*runs), compare(order[-1], order[0])])


def _members(group: Run) -> list[Run]:
    """Returns the runs of a group, or a run itself."""
    found = RunGroup(group.path, group.name)
    if (group.path / "group.json").is_file():
        return [run for run in found.runs() if run.status in SETTINGS]
    return [group]


# Training and validation.


def gap(*runs: Run) -> str:
    """Training minus validation accuracy after the last epoch, and changes."""
    rows = []
    for run in runs:
        last = run.history[-1]
        train, val = last["accuracy"], last["val_accuracy"]
        rows.append(
            (_name(run), _percent(train), _percent(val), _points(train - val))
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
            f"From {_name(runs[0])} to {_name(runs[-1])}, training changes by "
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
            f"{_name(run)}: validation loss was lowest, {lowest:.3f}, in epoch "
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
    runs = _all_members(runs)
    rows = []
    for run in runs:
        images, losses = training_curve(run)
        half = losses[len(losses) // 2 :]
        moves = np.abs(np.diff(half)) if len(half) > 1 else np.zeros(1)
        fraction = float(moves.mean() / max(half.mean(), 1e-12))
        rows.append(
            (_name(run), format_count(run.metrics["steps"]),
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
    runs = _all_members(runs)
    rows = [
        (_name(run), format_count(run.metrics["steps"]),
         _number(run.metrics["train_loss"]),
         _percent(run.metrics["train_accuracy"]))
        for run in runs
    ]  # fmt: skip
    heads = ("run", "steps", "training loss", "training accuracy")
    best = min(runs, key=lambda run: run.metrics["train_loss"])
    return (
        f"{format_table(heads, rows, (1, 2, 3))}\n"
        f"{_name(best)} has the lowest training loss."
    )


def epochs_to_fit(*runs: Run) -> str:
    """First epoch in which nearly all training labels are predicted."""
    lines = []
    for run in _all_members(runs):
        epoch = first_fitted_epoch(run)
        labels = f"{100 * run.config.randomize_labels:g}% random labels"
        last = run.metrics
        end = (
            f"fitted in epoch {epoch}"
            if epoch
            else f"not fitted in {pluralize(last['epochs'], 'epoch')}"
        )
        lines.append(
            f"{_name(run)}, {labels}: {end}; training "
            f"{_percent(last['train_accuracy'])}, validation "
            f"{_percent(last.get('val_accuracy'))}."
        )
    return "\n".join(lines)


def first_fitted_epoch(run: Run) -> int | None:
    """Returns the first epoch with a training accuracy of `FITTED`."""
    for row in run.history:
        if (row["accuracy"] or 0) >= FITTED:
            return int(row["epoch"])
    return None


def _all_members(groups: Sequence[Run]) -> list[Run]:
    return [run for group in groups for run in _members(group)]


# What a network predicts, and with which weights.


def predicted_classes(*runs: Run) -> str:
    """Which classes are predicted at each measurement, and how often."""
    lines = []
    for run in runs:
        names = run.resolved["data"]["class_names"]
        seen = []
        for row in run.layer_stats:
            fractions = row["classes"]["predictions"]
            top = int(np.argmax(fractions))
            seen.append(
                f"step {row['step']:,}: {names[top]} for "
                f"{100 * fractions[top]:.0f}%"
            )
        lines.append(f"{_name(run)}: {'; '.join(seen)}.")
    return "\n".join(lines)


def logits(*runs: Run) -> str:
    """Spread of the logits, and how far the true class is ahead."""
    rows = []
    for run in runs:
        part = evaluate.load_split(run, "val")
        outputs = _outputs(run, part.images)
        margin = margins(outputs, part.labels)
        rows.append(
            (_name(run), _number(float(outputs.std())),
             _number(float(np.median(margin))),
             _percent(float((margin > 0).mean())))
        )  # fmt: skip
    heads = ("run", "std of logits", "median margin", "correct")
    return (
        f"{format_table(heads, rows, (1, 2, 3))}\n"
        "The margin is the logit of the true class minus the largest other; "
        "a network learns when it moves above 0, whatever the spread."
    )


def margins(outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the logit of the true class minus the largest other, `[N]`."""
    rows = np.arange(len(labels))
    true = outputs[rows, labels]
    others = outputs.copy()
    others[rows, labels] = -np.inf
    return true - others.max(axis=1)


def weight_norms(*runs: Run) -> str:
    """Euclidean norm of all kernels, confidence, and accuracy."""
    runs = _all_members(runs)
    rows = []
    for run in runs:
        part = evaluate.load_split(run, "val")
        outputs = _outputs(run, part.images)
        confidence = np.exp(metrics.log_softmax(outputs).max(axis=1)).mean()
        rows.append(
            (_name(run), f"{kernel_norm(run):.2f}", _percent(float(confidence)),
             _percent(run.metrics["best_val_accuracy"]))
        )  # fmt: skip
    heads = ("run", "norm of weights", "confidence", "validation")
    largest = max(rows, key=lambda row: float(row[1]))
    return (
        f"{format_table(heads, rows, (1, 2, 3))}\n"
        f"{largest[0]} has the largest weights."
    )


def kernel_norm(run: Run) -> float:
    """Returns the Euclidean norm of all kernels of a run's model."""
    kernels = [v for v in _variables(run) if v.path.endswith("kernel")]
    return math.sqrt(sum(float(np.square(v).sum()) for v in kernels))


def _variables(run: Run) -> list:
    return run.load_model().trainable_variables


def linearity(*runs: Run) -> str:
    """How far the logits are from a linear function of the inputs."""
    lines = []
    for run in runs:
        part = evaluate.load_split(run, "val")
        fraction = nonlinear_fraction(part.images, _outputs(run, part.images))
        what = "linear" if fraction < EQUAL_TOL else "not linear"
        lines.append(
            f"{_name(run)}: the best linear function of the inputs leaves "
            f"{100 * fraction:.2g}% of the variance of its logits: it is "
            f"{what}."
        )
    return "\n".join(lines)


def nonlinear_fraction(inputs: np.ndarray, outputs: np.ndarray) -> float:
    """Returns the variance of outputs that least squares leaves, 0..1."""
    flat = inputs.reshape(len(inputs), -1).astype(np.float64)
    design = np.column_stack([flat, np.ones(len(flat))])
    targets = outputs.astype(np.float64)
    found, *_ = np.linalg.lstsq(design, targets, rcond=None)
    left = np.square(targets - design @ found).sum()
    return float(left / np.square(targets - targets.mean(axis=0)).sum())


def distinct_units(*runs: Run) -> str:
    """Number of different hidden units in the first layer."""
    lines = []
    for run in runs:
        kernel = next(
            np.asarray(v) for v in _variables(run) if v.path.endswith("kernel")
        )
        units = kernel.reshape(-1, kernel.shape[-1])
        scale = np.abs(units).max() * EQUAL_TOL
        distinct = len(np.unique(np.round(units / scale), axis=1).T)
        lines.append(
            f"{_name(run)}: {distinct} of {units.shape[1]} hidden units of the "
            f"first layer differ; validation "
            f"{_percent(run.metrics['best_val_accuracy'])}."
        )
    return "\n".join(lines)


def gradient_norms(*runs: Run) -> str:
    """Norm of the gradient of each layer at the first measurement."""
    runs = _all_members(runs)
    lines = []
    for run in runs:
        layers = run.layer_stats[0]["layers"]
        norms = [row["gradient_norm"] for row in layers.values()]
        names = list(layers)
        ratio = norms[0] / norms[-1] if norms[-1] else math.nan
        lines.append(
            f"{_name(run)}: {names[0]} {norms[0]:.2g}, {names[-1]} "
            f"{norms[-1]:.2g}; the first layer has {ratio:.2g} times the "
            f"gradient of the last; training "
            f"{_percent(run.metrics['train_accuracy'])}."
        )
    return "\n".join(lines)


def kinks(*runs: Run) -> str:
    """Where the ReLUs of a network of one input bend, and its error."""
    lines = []
    for run in runs:
        part = evaluate.load_split(run, "val")
        places = kink_places(run)
        low, high = float(part.images.min()), float(part.images.max())
        inside = [x for x in places if low <= x <= high]
        shown = ", ".join(f"{x:.2f}" for x in inside)
        lines.append(
            f"{_name(run)}: {len(inside)} of {len(places)} units bend between "
            f"{low:g} and {high:g}: {shown}; squared error "
            f"{_number(run.metrics['best_val_loss'])}."
        )
    return "\n".join(lines)


def kink_places(run: Run) -> list[float]:
    """Returns the inputs at which the first hidden layer's ReLUs bend."""
    first = next(layer for layer in _layers(run.load_model()) if layer.weights)
    kernel, bias = (np.asarray(w, np.float64) for w in first.weights)
    mean, std = _affine(run)
    with np.errstate(divide="ignore", invalid="ignore"):
        places = mean - std * bias / kernel[0]
    return sorted(float(x) for x in places if np.isfinite(x))


def _affine(run: Run) -> tuple[float, float]:
    """Returns mean and standard deviation by which inputs are scaled."""
    found = run.resolved["statistics"]
    mean = found["mean"] or [0.0]
    std = found["std"] or [1.0]
    return float(np.ravel(mean)[0]), float(np.ravel(std)[0])


def layers(*runs: Run) -> str:
    """Shape of each kernel, and how many weights it has."""
    lines = []
    for run in runs:
        rows = [
            (
                v.path.split("/")[-2],
                "x".join(map(str, v.shape)),
                format_count(math.prod(v.shape)),
            )
            for v in _variables(run)
            if v.path.endswith("kernel")
        ]
        lines.append(
            format_table((_name(run), "kernel", "weights"), rows, (2,))
        )
    return "\n".join(lines)


def _layers(model):
    """Yields the layers of a model and of the models inside it."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _layers(layer)
        else:
            yield layer


def _outputs(run: Run, inputs: np.ndarray) -> np.ndarray:
    return predict_batched(run.load_model(), inputs)


# Cost.


def cost(*runs: Run) -> str:
    """Parameters and multiply-adds beside accuracy, and their ratio."""
    rows = [
        (_name(run), format_count(run.resolved["parameters"]["trainable"]),
         format_count(run.resolved["multiply_adds"]),
         _percent(run.metrics["best_val_accuracy"]))
        for run in runs
    ]  # fmt: skip
    heads = ("run", "parameters", "multiply-adds", "validation")
    lines = [format_table(heads, rows, (1, 2, 3))]
    first, last = (run.resolved["multiply_adds"] for run in (runs[0], runs[-1]))
    if len(runs) > 1 and first:
        lines.append(
            f"{_name(runs[-1])} needs {last / first:.3g} times the "
            f"multiply-adds of {_name(runs[0])}."
        )
    return "\n".join(lines)


def regression_errors(*groups: Run) -> str:
    """Squared error of each run beside its number of parameters."""
    rows = [
        (_name(run), format_count(run.resolved["parameters"]["trainable"]),
         _number(run.metrics["best_val_loss"]))
        for run in _all_members(groups)
    ]  # fmt: skip
    best = min(rows, key=lambda row: float(row[2]))
    table = format_table(("run", "parameters", "squared error"), rows, (1, 2))
    return f"{table}\n{best[0]} is the most precise."


def svm_margins(*groups: Run) -> str:
    """Width of the margin of linear classifiers, and errors by the margin."""
    rows = []
    for run in _all_members(groups):
        part = evaluate.load_split(run, "val")
        kernel = next(
            np.asarray(v) for v in _variables(run) if v.path.endswith("kernel")
        )
        # The two classes are 1 apart in the difference of their logits.
        width = 2 / float(np.linalg.norm(kernel[:, 1] - kernel[:, 0]))
        inside = (margins(_outputs(run, part.images), part.labels) < 1).mean()
        rows.append(
            (_name(run), f"{width:.2f}", _percent(float(inside)),
             _percent(run.metrics["best_val_accuracy"]))
        )  # fmt: skip
    heads = ("run", "width of the margin", "inside or wrong", "validation")
    widest = max(rows, key=lambda row: float(row[1]))
    return (
        f"{format_table(heads, rows, (1, 2, 3))}\n"
        f"{widest[0]} has the widest margin, in standard deviations of the "
        "inputs."
    )


def group_gaps(*groups: Run) -> str:
    """Training and validation accuracy of every run of groups."""
    return gap(*_all_members(groups))


# Effects and generalization.


def factorial(*runs: Run) -> str:
    """Effect of the mean and of the optimizer in four runs.

    Args:
        runs: Neither; the optimizer changed; the mean subtracted; both.
    """
    part = evaluate.load_split(runs[0], "val")
    correct = [
        _outputs(run, part.images).argmax(axis=1) == part.labels for run in runs
    ]
    neither, optimizer, mean, both = (c.astype(np.float64) for c in correct)
    lines = [scores(*runs)]
    for words, before, after in (
        ("the mean", (neither + optimizer) / 2, (mean + both) / 2),
        ("the optimizer", (neither + mean) / 2, (optimizer + both) / 2),
    ):
        found = paired_bootstrap(before, after)
        lines.append(
            f"Effect of {words}, averaged over the other: "
            f"{100 * found.mean:+.1f} points ({100 * found.low:+.1f} to "
            f"{100 * found.high:+.1f})."
        )
    return "\n".join(lines)


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
        lines.append(f"{_name(run)}: {', '.join(words)}.")
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
        f"{_percent(score)}, the largest of {result['trials']} numbers that "
        "each contain chance."
    ]
    if again:
        mean = sum(again) / len(again)
        lines.append(
            f"Trained again with {pluralize(len(again), 'new seed')}, it has "
            f"{_percent(mean)}: {_points(mean - score)} points."
        )
    return "\n".join(lines)


def tested(*runs: Run) -> str:
    """Validation beside test accuracy, measured once."""
    lines = []
    for run in runs:
        found = recorded_test_result(run, _runs_dir(run))
        if found is None:
            lines.append(f"{_name(run)}: the test set was not opened.")
            continue
        test = metrics.binomial_ci(found["correct"], found["examples"])
        val = _validation(run)
        lines.append(
            f"{_name(run)}: validation {_with_interval(val)}, test "
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
            f"{_name(run)}: {_with_interval(own)} on its own "
            f"{run.config.dataset}, {_with_interval(new)} on {dataset}."
        )
    if len(runs) > 2:
        before = [_validation(run).value for run in runs]
        after = [r["correct"] / r["examples"] for r in found]
        slope = float(np.polyfit(before, after, 1)[0])
        lines.append(
            f"Slope of new against original accuracy: {slope:.2f}; above 1, "
            "better models lose less."
        )
    return "\n".join(lines)


def data_findings(*, data: str) -> str:
    """What `zoo inspect` finds in a dataset."""
    found = api.inspect(data)["findings"]
    if not found:
        return "No problems found."
    return "\n".join(f"{one['sentence']}" for one in found)


def mistakes(*runs: Run) -> str:
    """How many validation examples are misclassified, and as what."""
    lines = []
    for run in runs:
        part = evaluate.load_split(run, "val")
        names = run.resolved["data"]["class_names"]
        predicted = _outputs(run, part.images).argmax(axis=1)
        wrong = predicted != part.labels
        pairs: dict[tuple[int, int], int] = {}
        for true, given in zip(
            part.labels[wrong], predicted[wrong], strict=True
        ):
            pairs[true, given] = pairs.get((true, given), 0) + 1
        most = sorted(pairs.items(), key=lambda pair: -pair[1])[:3]
        shown = join_and(
            f"{names[t]} as {names[g]} ({n})" for (t, g), n in most
        )
        lines.append(
            f"{_name(run)}: {wrong.sum()} of {len(wrong):,} are misclassified"
            + (f", most often {shown}." if most else ".")
        )
    return "\n".join(lines)


# Text.


def _name(run: Run) -> str:
    return _name_of(run.name)


def _name_of(name: str) -> str:
    """Returns a name without the folders of lecture and lectures."""
    parts = name.split("/")
    return "/".join(parts[2:]) or name


def _runs_dir(run: Run) -> str:
    return str(run.path.parents[len(run.name.split("/")) - 1])


def _percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:.1f}"


def _points(fraction: float) -> str:
    return f"{100 * fraction:+.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _equals(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"


def _with_interval(found: metrics.Proportion) -> str:
    return (
        f"{_percent(found.value)} ({_percent(found.low)} to "
        f"{_percent(found.high)})"
    )
