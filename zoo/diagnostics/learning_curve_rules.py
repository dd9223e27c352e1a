"""Rules on learning curves and predictions."""

from __future__ import annotations

from zoo import metrics
from zoo.console import pluralize
from zoo.diagnostics.findings import (
    ERROR,
    INFO,
    WARNING,
    Changes,
    Finding,
    RunStats,
    longer,
    progress_above,
    propose,
    scaled_learning_rate,
    tag,
    target,
)
from zoo.diagnostics.optimization_rules import MAX_UPDATE_RATIO

MIN_PROGRESS = 0.1  # of the way from the majority baseline to perfect
# The most that accuracy at chance level may be above it.
MAX_CHANCE_PROGRESS = 0.2
IMBALANCED_FRACTION = 0.6  # of examples in the largest class
ONE_CLASS_FRACTION = 0.95  # of predictions in one class

MIN_STEPS = 100
TYPICAL_BATCH_SIZE = 32
MANY_STEPS_PER_EPOCH = 64  # a smaller batch helps little from here on

VAL_LOSS_RISE_FACTOR = 1.2  # last validation loss over the lowest
MIN_VAL_LOSS_RISE = 0.05  # in nats; a few examples cause less
FALLING_LOSS_RATIO = 0.8  # last training loss over that at two thirds
MIN_ACCURACY_GAP, LARGE_ACCURACY_GAP = 0.05, 0.1  # training - validation

MAX_CALIBRATION_GAP = 0.1  # confidence - accuracy
STRONG_LABEL_SMOOTHING = 0.2  # lowers the confidence visibly

# Values from which on regularization is strong, and typical ones.
REGULARIZATION_LIMITS: dict[str, tuple[float, float]] = {
    "l1": (1e-3, 1e-5),
    "l2": (1e-2, 1e-4),
    "weight_decay": (1e-2, 1e-4),
    "dropout": (0.6, 0.2),
    "label_smoothing": (0.5, 0.1),
}
DECOUPLED_WEIGHT_DECAY_LIMITS = (0.5, 0.01)


def regularization(stats: RunStats) -> Finding | None:
    """Regularization so strong that little is learned."""
    if stats.has_learned or stats.status == "diverged":
        return None
    limits = dict(REGULARIZATION_LIMITS)
    if stats.config.get("optimizer") in ("adamw", "muon"):
        limits["weight_decay"] = DECOUPLED_WEIGHT_DECAY_LIMITS
    excess = {
        name: stats.config[name] / limit
        for name, (limit, _) in limits.items()
        if (stats.config.get(name) or 0) >= limit
    }
    if not excess:
        return None
    name = max(excess, key=excess.get)
    typical = limits[name][1]
    return Finding(
        "regularization",
        ERROR if stats.is_failing else WARNING,
        f"the regularization is too strong: with --{name}="
        f"{stats.config[name]:g}, training accuracy is "
        f"{100 * stats.train_accuracy:.1f}%",
        "loss",
        propose(stats, ("a typical value", {name: typical})),
    )


def few_steps(stats: RunStats) -> Finding | None:
    """Too few updates to learn much, whatever the learning rate."""
    if stats.has_learned or stats.status != "completed":
        return None
    batches = stats.config.get("gradient_accumulation_steps") or 1
    updates = stats.steps // batches
    if stats.is_nonparametric or not 0 < updates < MIN_STEPS:
        return None
    size = stats.config.get("batch_size") or 0
    is_large = (
        size > TYPICAL_BATCH_SIZE
        and stats.steps_per_epoch < MANY_STEPS_PER_EPOCH
    )
    noun = "training step" if batches == 1 else "update"
    smaller = {}
    # With a fixed number of steps a smaller batch makes no more of them.
    if is_large and not stats.config.get("steps"):
        smaller = {"batch_size": TYPICAL_BATCH_SIZE}
    return Finding(
        "few_steps",
        ERROR if stats.is_failing else INFO,
        f"only {pluralize(round(updates), noun)}, of {size * batches:,} "
        "examples each",
        "loss",
        propose(
            stats,
            ("a smaller batch, and more steps", smaller),
            longer(stats, 5),
        ),
    )


def class_imbalance(stats: RunStats) -> Finding | None:
    """A large class that is predicted for nearly all inputs."""
    classes, baseline = stats.end and stats.end["classes"], stats.train_baseline
    if not classes or not stats.is_failing or baseline is None:
        return None
    fraction = max(classes["predictions"])
    if not IMBALANCED_FRACTION <= baseline < 1 or fraction < baseline:
        return None
    if stats.config.get("class_weight") == "balanced":
        return None
    name = stats.data["class_names"][classes["predictions"].index(fraction)]
    return Finding(
        "class_imbalance",
        ERROR,
        f"the classes are imbalanced: {100 * baseline:.0f}% of the training "
        f"examples are of one class, and {100 * fraction:.0f}% of the "
        f"predictions are {name!r}",
        tag(stats, "confusion", "confusion"),
        propose(
            stats,
            (
                "a class-weighted loss, and balanced accuracy",
                {"class_weight": "balanced"},
            ),
            otherwise="more examples of the other classes",
        ),
    )


def one_class(stats: RunStats) -> Finding | None:
    """The same prediction for every input."""
    classes, baseline = stats.end and stats.end["classes"], stats.val_baseline
    if not classes or baseline is None or baseline > ONE_CLASS_FRACTION - 0.1:
        return None
    fraction = max(classes["predictions"])
    if fraction < ONE_CLASS_FRACTION:
        return None
    name = stats.data["class_names"][classes["predictions"].index(fraction)]
    centered = {"mean_subtraction": "channel", "scale": "std"}
    if stats.config.get("mean_subtraction", "none") != "none":
        centered = {}
    ratio = stats.update_ratio or MAX_UPDATE_RATIO
    change = ("a lower learning rate", scaled_learning_rate(stats, 0.1))
    if ratio < MAX_UPDATE_RATIO / 10:
        change = ("a higher learning rate", scaled_learning_rate(stats, 10))
    return Finding(
        "one_class",
        ERROR,
        f"the model predicts class {name!r} for {100 * fraction:.0f}% of the "
        "inputs",
        tag(stats, "confusion", "confusion"),
        propose(stats, ("centered inputs", centered), change),
    )


def not_learning(stats: RunStats) -> Finding | None:
    """Training accuracy that is no better than the majority baseline."""
    accuracy, baseline = stats.train_accuracy, stats.train_baseline
    if stats.progress is None or stats.progress > MIN_PROGRESS:
        return None
    if stats.random_labels or baseline >= 1:
        return None  # with a single class there is nothing to learn
    if _is_above_chance(stats):
        return None  # of many classes, a small accuracy may be far above it
    advice = "checking inputs against their labels"
    if not target(stats).from_python:
        advice = f"checks before training: `{target(stats).again('check')}`"
    return Finding(
        "not_learning",
        ERROR,
        f"the model is not learning: training accuracy is {100 * accuracy:.1f}%"
        f", the majority baseline {100 * baseline:.1f}%",
        "loss",
        advice,
    )


def _is_above_chance(stats: RunStats) -> bool:
    """Whether an accuracy is significantly and twice above the baseline."""
    for accuracy, baseline, count in (
        (stats.train_accuracy, stats.train_baseline, stats.data["train"]),
        (stats.val_accuracy, stats.val_baseline, stats.num_val),
    ):
        if accuracy is None or not count or accuracy < 2 * baseline:
            continue
        if metrics.binomial_ci(round(accuracy * count), count, 0.99).low > (
            baseline
        ):
            return True
    return False


def unrelated_labels(stats: RunStats) -> Finding | None:
    """Training labels that are memorized without generalizing at all."""
    if stats.margin_of_error is None or stats.train_accuracy is None:
        return None
    baseline = stats.train_baseline
    if stats.random_labels or baseline >= 1:
        return None  # intended, or there is a single class
    correct = round(stats.val_accuracy * stats.num_val)
    ci = metrics.binomial_ci(correct, stats.num_val, 0.99)
    learned = stats.train_accuracy - baseline
    if learned < 2 * MIN_PROGRESS * (1 - baseline):
        return None
    if ci.low > stats.val_baseline or stats.train_accuracy <= ci.high:
        return None  # better than chance, or too few examples to tell
    if progress_above(ci.high, stats.val_baseline) > MAX_CHANCE_PROGRESS:
        return None  # so few that it may be far above chance
    return Finding(
        "unrelated_labels",
        ERROR,
        f"training accuracy is {100 * stats.train_accuracy:.0f}% and "
        f"validation accuracy {100 * stats.val_accuracy:.0f}%, at chance "
        "level: the labels are memorized and may not belong to the inputs",
        tag(stats, "misclassified", "misclassified"),
        "checking inputs against their labels: a label file in another order "
        "than the images has this effect",
    )


def random_labels(stats: RunStats) -> Finding | None:
    """Labels randomized on purpose, and whether they are memorized."""
    drawn, accuracy = stats.random_labels, stats.train_accuracy
    if not drawn or accuracy is None:
        return None
    changed, count = drawn["changed"], stats.data["train"]
    # Without memorizing, a perfect model fits the unchanged labels alone.
    # Of few changed ones, half must be fitted beyond that.
    margin = min(MIN_PROGRESS / 2, changed / count / 2)
    memorized = accuracy > 1 - changed / count + margin
    outcome = "the wrong ones are memorized, without generalizing"
    if not memorized:
        outcome = "the wrong ones are not memorized yet"
    true_labels = ("the true labels", {"randomize_labels": 0.0})
    proposals = [true_labels] if memorized else [longer(stats), true_labels]
    return Finding(
        "random_labels",
        WARNING if stats.is_failing else INFO,
        f"{changed:,} of the {count:,} training labels are wrong "
        f"(--randomize_labels={drawn['fraction']:g}), and training accuracy is "
        f"{100 * accuracy:.0f}%: {outcome}",
        "accuracy",
        propose(stats, *proposals),
    )


def overfitting(stats: RunStats) -> Finding | None:
    """A rising validation loss, or a gap between training and validation.

    The gap alone is called by its own name: a network may have the larger gap
    and be the better one.
    """
    rows = [r for r in stats.history if r.get("val_loss") is not None]
    if len(rows) < 3 or stats.status == "diverged" or stats.random_labels:
        return None
    if not_learning(stats) is not None or stats.is_nonparametric:
        return None  # the loss may rise, but nothing was memorized
    best = min(rows, key=lambda row: row["val_loss"])
    last = rows[-1]
    is_rising = _val_loss_rises(stats, best, last)
    gap = _accuracy_gap(stats, last)
    if not is_rising and gap is None:
        return None
    signs = []
    if gap is not None:
        signs.append(
            f"training accuracy is {100 * gap:.0f} points above validation "
            "accuracy"
        )
    if is_rising:
        signs.append(
            f"the validation loss was lowest after epoch {best['epoch']:.0f}, "
            f"{best['val_loss']:.3g}, and is {last['val_loss']:.3g} now"
        )
    return Finding(
        "overfitting",
        WARNING if is_rising or (gap or 0) > LARGE_ACCURACY_GAP else INFO,
        f"{'overfitting' if is_rising else 'generalization gap'}: "
        f"{' and '.join(signs)}",
        "loss, train against val",
        propose(
            stats,
            ("regularization", _more_regularization(stats)),
            ("early stopping", {"early_stopping_patience": 3}),
            otherwise="more training examples, or a smaller model",
        ),
    )


def _val_loss_rises(stats: RunStats, best: dict, last: dict) -> bool:
    """Whether the validation loss rose by more than chance, in overfitting.

    It is none where the training loss rises too, or training accuracy is no
    higher than validation accuracy.
    """
    least = MIN_VAL_LOSS_RISE if stats.num_classes else 0.0
    lowest, now = best["val_loss"], last["val_loss"]
    if now <= VAL_LOSS_RISE_FACTOR * lowest or now - lowest <= least:
        return False
    if last["loss"] is None or last["loss"] >= min(best["loss"], now):
        return False
    accuracy = last.get("accuracy")
    return accuracy is None or accuracy > last["val_accuracy"]


def _accuracy_gap(stats: RunStats, last: dict) -> float | None:
    """Returns a gap in accuracy that is neither small nor due to chance."""
    if last.get("val_accuracy") is None or last["accuracy"] is None:
        return None
    gap = last["accuracy"] - last["val_accuracy"]
    least = max(MIN_ACCURACY_GAP, stats.margin_of_error or 0)
    return gap if gap > least else None


def _more_regularization(stats: RunStats) -> Changes:
    changes: Changes = {}
    if stats.config.get("augment") in (None, "none"):
        changes["augment"] = "crop"
    if not stats.config.get("weight_decay"):
        changes["weight_decay"] = 0.001
    return changes


def calibration(stats: RunStats) -> Finding | None:
    """Confidence that differs from accuracy."""
    classes = stats.end and stats.end["classes"]
    if stats.config.get("loss") != "cross_entropy":
        return None  # the outputs are no log-probabilities
    if not classes or classes["confidence"] is None:
        return None
    confidence, accuracy = classes["confidence"], classes["accuracy"]
    gap = confidence - accuracy
    least = max(MAX_CALIBRATION_GAP, stats.margin_of_error or 0)
    if stats.is_failing or abs(gap) < least:
        return None
    if gap > 0:
        smoothing = ("label smoothing", {"label_smoothing": 0.1})
        advice = propose(stats, smoothing, otherwise="more training examples")
    else:
        is_strong = (
            stats.config.get("label_smoothing") or 0
        ) >= STRONG_LABEL_SMOOTHING
        none = {"label_smoothing": 0.0} if is_strong else {}
        advice = propose(
            stats,
            ("less label smoothing", none),
            longer(stats),
            otherwise="calibration after training, such as temperature scaling",
        )
    return Finding(
        "calibration",
        INFO,
        f"{'over-confident' if gap > 0 else 'under-confident'}: mean "
        f"confidence {100 * confidence:.0f}%, accuracy {100 * accuracy:.0f}% "
        f"(ECE {classes['calibration_error']:.2f})",
        tag(stats, "calibration", "calibration"),
        advice,
    )


def early_stopping(stats: RunStats) -> Finding | None:
    """Early stopping of a model that was still underfitting."""
    patience = stats.config.get("early_stopping_patience")
    if stats.status != "stopped_early" or not patience or stats.has_learned:
        return None
    if overfitting(stats) is not None:
        return None  # it stopped what it is there to stop
    return Finding(
        "early_stopping",
        WARNING,
        "early stopping ended training too soon: after "
        f"{pluralize(len(stats.history), 'epoch')}, with a patience of "
        f"{patience}, training accuracy is {100 * stats.train_accuracy:.1f}%",
        "loss, train against val",
        propose(
            stats,
            (
                "more patience",
                {"early_stopping_patience": max(10, 5 * patience)},
            ),
        ),
    )


def still_improving(stats: RunStats) -> Finding | None:
    """Losses that were still falling when training ended."""
    rows = [r for r in stats.history if r["loss"] is not None]
    if len(rows) < 3 or stats.status != "completed":
        return None
    before, last = rows[2 * len(rows) // 3 - 1], rows[-1]
    if last["loss"] > FALLING_LOSS_RATIO * before["loss"]:
        return None
    val = [r["val_loss"] for r in rows if r.get("val_loss") is not None]
    if val and val[-1] > min(val):
        return None
    return Finding(
        "still_improving",
        INFO,
        f"the loss was still falling: from {before['loss']:.3g} after epoch "
        f"{before['epoch']:.0f} to {last['loss']:.3g} after epoch "
        f"{last['epoch']:.0f}",
        "loss",
        propose(stats, longer(stats), otherwise="longer training"),
    )
