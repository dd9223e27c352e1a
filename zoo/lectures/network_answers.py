"""Answers to the questions of lectures, from the networks of runs.

From what they predict, and from their weights. Functions as those of
`answers.py`.
"""

from __future__ import annotations

import math

import numpy as np

from zoo import metrics
from zoo.console import format_count, format_table
from zoo.errors import join_and
from zoo.evaluation import evaluate
from zoo.evaluation.statistics import paired_bootstrap
from zoo.lectures.answers import all_members, name, number, percent, scores
from zoo.models.graph import all_layers
from zoo.models.inference import predict_batched
from zoo.runs import Run

EQUAL_TOL = 1e-5  # of the largest weight or output, below which numbers agree


# What a network predicts.


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
        lines.append(f"{name(run)}: {'; '.join(seen)}.")
    return "\n".join(lines)


def logits(*runs: Run) -> str:
    """Spread of the logits, and how far the true class is ahead."""
    rows = []
    for run in runs:
        part = evaluate.load_split(run, "val")
        outputs = _outputs(run, part.images)
        margin = metrics.margins(outputs, part.labels)
        rows.append(
            (name(run), number(float(outputs.std())),
             number(float(np.median(margin))),
             percent(float((margin > 0).mean())))
        )  # fmt: skip
    heads = ("run", "std of logits", "median margin", "correct")
    return (
        f"{format_table(heads, rows, (1, 2, 3))}\n"
        "The margin is the logit of the true class minus the largest other; "
        "a network learns when it moves above 0, whatever the spread."
    )


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
            f"{name(run)}: {wrong.sum()} of {len(wrong):,} are misclassified"
            + (f", most often {shown}." if most else ".")
        )
    return "\n".join(lines)


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


def svm_margins(*groups: Run) -> str:
    """Width of the margin of linear classifiers, and errors by the margin."""
    rows = []
    for run in all_members(groups):
        part = evaluate.load_split(run, "val")
        kernel = next(
            np.asarray(v) for v in _variables(run) if v.path.endswith("kernel")
        )
        # The two classes are 1 apart in the difference of their logits.
        width = 2 / float(np.linalg.norm(kernel[:, 1] - kernel[:, 0]))
        margin = metrics.margins(_outputs(run, part.images), part.labels)
        inside = (margin < 1).mean()
        rows.append(
            (name(run), f"{width:.2f}", percent(float(inside)),
             percent(run.metrics["best_val_accuracy"]))
        )  # fmt: skip
    heads = ("run", "width of the margin", "inside or wrong", "validation")
    widest = max(rows, key=lambda row: float(row[1]))
    return (
        f"{format_table(heads, rows, (1, 2, 3))}\n"
        f"{widest[0]} has the widest margin, in standard deviations of the "
        "inputs."
    )


def _outputs(run: Run, inputs: np.ndarray) -> np.ndarray:
    return predict_batched(run.load_model(), inputs)


# Its weights, and what they compute.


def weight_norms(*runs: Run) -> str:
    """Euclidean norm of all kernels, confidence, and accuracy."""
    runs = all_members(runs)
    rows = []
    for run in runs:
        part = evaluate.load_split(run, "val")
        outputs = _outputs(run, part.images)
        confidence = np.exp(metrics.log_softmax(outputs).max(axis=1)).mean()
        rows.append(
            (name(run), f"{kernel_norm(run):.2f}", percent(float(confidence)),
             percent(run.metrics["best_val_accuracy"]))
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
            f"{name(run)}: the best linear function of the inputs leaves "
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
            f"{name(run)}: {distinct} of {units.shape[1]} hidden units of the "
            f"first layer differ; validation "
            f"{percent(run.metrics['best_val_accuracy'])}."
        )
    return "\n".join(lines)


def gradient_norms(*runs: Run) -> str:
    """Norm of the gradient of each layer at the first measurement."""
    runs = all_members(runs)
    lines = []
    for run in runs:
        layers = run.layer_stats[0]["layers"]
        norms = [row["gradient_norm"] for row in layers.values()]
        names = list(layers)
        ratio = norms[0] / norms[-1] if norms[-1] else math.nan
        lines.append(
            f"{name(run)}: {names[0]} {norms[0]:.2g}, {names[-1]} "
            f"{norms[-1]:.2g}; the first layer has {ratio:.2g} times the "
            f"gradient of the last; training "
            f"{percent(run.metrics['train_accuracy'])}."
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
            f"{name(run)}: {len(inside)} of {len(places)} units bend between "
            f"{low:g} and {high:g}: {shown}; squared error "
            f"{number(run.metrics['best_val_loss'])}."
        )
    return "\n".join(lines)


def kink_places(run: Run) -> list[float]:
    """Returns the inputs at which the first hidden layer's ReLUs bend."""
    first = next(
        layer for layer in all_layers(run.load_model()) if layer.weights
    )
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
        lines.append(format_table((name(run), "kernel", "weights"), rows, (2,)))
    return "\n".join(lines)
