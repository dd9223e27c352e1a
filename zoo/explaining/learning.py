"""Rules about the curves: whether it learns, and whether that generalizes."""

from __future__ import annotations

from zoo import metrics
from zoo.explaining.advice import Changes, longer, propose, rate, target
from zoo.explaining.facts import Facts
from zoo.explaining.finding import BROKEN, HINT, POOR, Finding, tag
from zoo.explaining.rates import WILD

NEARLY_ALL = 0.95
CLEAR = 0.1  # of the way from the majority baseline to perfect
TURNED = 1.2  # last validation loss beside the lowest
RISEN = 0.05  # between these, in nats; less is a few examples' doing
STEEP = 0.8  # training loss at the end beside that at two thirds
GAP, WIDE_GAP = 0.05, 0.1  # in accuracy
UNSURE = 0.1  # confidence beside accuracy
FEW_STEPS = 100
USUAL_BATCH = 32
MANY_STEPS = 64  # in an epoch, with which a smaller batch brings little
IMBALANCED = 0.6  # fraction of the largest class
SOFT = 0.2  # label smoothing that shows in the confidence

# Regularization above this is strong, and what is usual.
STRONG: dict[str, tuple[float, float]] = {
    "l1": (1e-3, 1e-5),
    "l2": (1e-2, 1e-4),
    "weight_decay": (1e-2, 1e-4),
    "dropout": (0.6, 0.2),
    "label_smoothing": (0.5, 0.1),
}
DECOUPLED = (0.5, 0.01)  # of the weight decay of AdamW


def regularization(facts: Facts) -> Finding | None:
    """Penalties or noise so strong that little is learned."""
    if facts.has_learned or facts.status == "diverged":
        return None
    limits = dict(STRONG)
    if facts.config.get("optimizer") == "adamw":
        limits["weight_decay"] = DECOUPLED
    excess = {
        name: facts.config[name] / limit
        for name, (limit, _) in limits.items()
        if (facts.config.get(name) or 0) >= limit
    }
    if not excess:
        return None
    name = max(excess, key=excess.get)
    usual = limits[name][1]
    return Finding(
        "regularization",
        BROKEN if facts.is_failing else POOR,
        f"the regularization is too strong: with --{name}="
        f"{facts.config[name]:g}, {100 * facts.train_accuracy:.1f}% of the "
        "training examples are classified correctly",
        "loss",
        propose(facts, ("a usual value", {name: usual})),
    )


def few_steps(facts: Facts) -> Finding | None:
    """So few steps that little can be learned, whatever the rate."""
    if facts.has_learned or facts.status != "completed" or facts.is_memorized:
        return None
    if not 0 < facts.steps < FEW_STEPS:
        return None
    size = facts.config.get("batch_size") or 0
    smaller = {}
    if size > USUAL_BATCH and facts.steps_an_epoch < MANY_STEPS:
        smaller = {"batch_size": USUAL_BATCH}
        if facts.config.get("steps"):  # as many, of fewer examples
            smaller = {}
    steps = f"{facts.steps:,.0f} step{'' if facts.steps == 1 else 's'}"
    return Finding(
        "few_steps",
        BROKEN if facts.is_failing else HINT,
        f"only {steps} of training were made, of {size:,} examples each",
        "loss",
        propose(
            facts,
            ("a smaller batch, and more steps", smaller),
            longer(facts, 5),
        ),
    )


def imbalance(facts: Facts) -> Finding | None:
    """The largest class predicted for nearly all, since most are of it."""
    found, share = facts.end and facts.end["classes"], facts.train_guess
    if not found or not facts.is_failing or share is None:
        return None
    most = max(found["answers"])
    if share < IMBALANCED or share >= 1 or most < share:
        return None
    if facts.config.get("class_weight") == "balanced":
        return None
    name = facts.data["class_names"][found["answers"].index(most)]
    return Finding(
        "imbalance",
        BROKEN,
        f"the classes are imbalanced: {100 * share:.0f}% of the training "
        f"examples are of one class, and {100 * most:.0f}% of the "
        f"predictions are {name!r}",
        tag(facts, "confusion", "confusion"),
        propose(
            facts,
            (
                "a loss in which all classes count the same, and balanced "
                "accuracy",
                {"class_weight": "balanced"},
            ),
            otherwise="more examples of the other classes",
        ),
    )


def one_class(facts: Facts) -> Finding | None:
    """The same prediction for every input."""
    found, guess = facts.end and facts.end["classes"], facts.val_guess
    if not found or guess is None or guess > NEARLY_ALL - 0.1:
        return None
    share = max(found["answers"])
    if share < NEARLY_ALL:
        return None
    name = facts.data["class_names"][found["answers"].index(share)]
    centered = {"mean_subtraction": "channel", "scale": "std"}
    has_means = facts.config.get("mean_subtraction", "none") != "none"
    factor = 0.1 if (facts.update_ratio or WILD) >= WILD / 10 else 10
    words = "a lower learning rate" if factor < 1 else "a higher learning rate"
    return Finding(
        "one_class",
        BROKEN,
        f"the model predicts class {name!r} for {100 * share:.0f}% of the "
        "inputs",
        tag(facts, "confusion", "confusion"),
        propose(
            facts,
            ("centered inputs", {} if has_means else centered),
            (words, rate(facts, factor)),
        ),
    )


def stuck(facts: Facts) -> Finding | None:
    """Training accuracy that is no better than the majority baseline."""
    accuracy, guess = facts.train_accuracy, facts.train_guess
    if facts.progress is None or facts.progress > CLEAR or facts.drawn_labels:
        return None
    if guess >= 1:
        return None  # a single class: there is nothing to learn
    advice = "a look at inputs beside their labels"
    if not target(facts).from_arrays:
        advice = f"checks before training: `{target(facts).again('check')}`"
    return Finding(
        "stuck",
        BROKEN,
        f"nothing is learned: {100 * accuracy:.1f}% of the training examples "
        "are classified correctly, and always naming their largest class "
        f"gets {100 * guess:.1f}%",
        "loss",
        advice,
    )


def labels(facts: Facts) -> Finding | None:
    """Training examples are learned, and tell nothing about others."""
    if facts.noise is None or facts.train_accuracy is None:
        return None
    if facts.drawn_labels or facts.train_guess >= 1:
        return None  # as was asked for, or nothing to tell apart
    guess = facts.train_guess
    learned = facts.train_accuracy - guess
    right = round(facts.val_accuracy * facts.num_val)
    likely = metrics.binomial_ci(right, facts.num_val, 0.99)
    if learned < 2 * CLEAR * (1 - guess) or likely.low > facts.val_guess:
        return None
    if facts.train_accuracy <= likely.high:
        return None  # few examples: validation may well be as good
    return Finding(
        "labels",
        BROKEN,
        f"{100 * facts.train_accuracy:.0f}% of the training examples are "
        f"classified correctly and {100 * facts.val_accuracy:.0f}% of the "
        "validation examples, no more than by chance: they are memorized, as "
        "labels are that have nothing to do with the inputs",
        tag(facts, "mistakes", "mistakes"),
        "a look at inputs beside their labels: a file of labels in another "
        "order than that of the images does this",
    )


def drawn_labels(facts: Facts) -> Finding | None:
    """Labels that were made wrong on purpose, and whether they are learned."""
    found, accuracy = facts.drawn_labels, facts.train_accuracy
    if not found or accuracy is None:
        return None
    wrong, count = found["changed"], facts.data["train"]
    # Who knows the truth, and memorizes nothing, matches the others alone.
    memorized = accuracy > 1 - wrong / count + CLEAR / 2
    outcome = "wrong ones are memorized, and help with no other example"
    if not memorized:
        outcome = "no wrong ones are memorized yet"
    true = ("the true labels", {"randomize_labels": 0.0})
    return Finding(
        "drawn_labels",
        POOR if facts.is_failing else HINT,
        f"{wrong:,} of the {count:,} training labels are wrong, as "
        f"--randomize_labels={found['share']:g} asked, and "
        f"{100 * accuracy:.0f}% are matched: {outcome}",
        "accuracy",
        propose(facts, true)
        if memorized
        else propose(facts, longer(facts), true),
    )


def overfitting(facts: Facts) -> Finding | None:
    """A gap between training and validation, or a validation loss that rose."""
    rows = [r for r in facts.history if r.get("val_loss") is not None]
    if len(rows) < 3 or facts.status == "diverged" or facts.drawn_labels:
        return None
    if stuck(facts) is not None or facts.is_memorized:
        return None  # its loss may rise, but nothing was memorized
    best = min(rows, key=lambda row: row["val_loss"])
    last = rows[-1]
    turned = _has_turned(facts, best, last)
    gap = _gap(facts, last)
    if not turned and gap is None:
        return None
    words = []
    if gap is not None:
        words.append(
            f"training accuracy is {100 * gap:.0f} points above validation "
            "accuracy"
        )
    if turned:
        words.append(
            f"the validation loss was lowest after epoch {best['epoch']:.0f}, "
            f"{best['val_loss']:.3g}, and is {last['val_loss']:.3g} now"
        )
    return Finding(
        "overfitting",
        POOR if turned or (gap or 0) > WIDE_GAP else HINT,
        f"overfitting: {' and '.join(words)}",
        "loss, train against val",
        propose(
            facts,
            ("regularization", _regularization(facts)),
            ("early stopping", {"early_stopping_patience": 3}),
            otherwise="more training examples, or a smaller model",
        ),
    )


def _has_turned(facts: Facts, best: dict, last: dict) -> bool:
    """Whether validation got worse by more than chance, while training did not.

    A validation loss that rises along with that of training, or beside an
    accuracy in training that is no higher, is not memorizing.
    """
    risen = RISEN if facts.num_classes else 0.0
    lowest, now = best["val_loss"], last["val_loss"]
    if now <= TURNED * lowest or now - lowest <= risen:
        return False
    if last["loss"] is None or last["loss"] >= min(best["loss"], now):
        return False
    accuracy = last.get("accuracy")
    return accuracy is None or accuracy > last["val_accuracy"]


def _gap(facts: Facts, last: dict) -> float | None:
    """Returns a gap in accuracy that is neither small nor noise."""
    if last.get("val_accuracy") is None or last["accuracy"] is None:
        return None
    gap = last["accuracy"] - last["val_accuracy"]
    return gap if gap > max(GAP, facts.noise or 0) else None


def _regularization(facts: Facts) -> Changes:
    changes: Changes = {}
    if facts.config.get("augment") in (None, "none"):
        changes["augment"] = "crop"
    if not facts.config.get("weight_decay"):
        changes["weight_decay"] = 0.001
    return changes


def calibration(facts: Facts) -> Finding | None:
    """Confidence that is not how often the network is right."""
    found = facts.end and facts.end["classes"]
    if not found or found["confidence"] is None:
        return None
    error, sure = found["calibration_error"], found["confidence"]
    gap = sure - found["accuracy"]
    if facts.is_failing or abs(gap) < max(UNSURE, facts.noise or 0):
        return None
    if gap > 0:
        smoother = ("label smoothing", {"label_smoothing": 0.1})
        advice = propose(facts, smoother, otherwise="more training examples")
    else:
        smoothing = facts.config.get("label_smoothing") or 0
        sharper = {"label_smoothing": 0.0} if smoothing >= SOFT else {}
        advice = propose(
            facts,
            ("less label smoothing", sharper),
            longer(facts),
            otherwise="probabilities that are calibrated afterwards",
        )
    return Finding(
        "calibration",
        HINT,
        f"{'over-confident' if gap > 0 else 'under-confident'}: mean "
        f"confidence {100 * sure:.0f}%, accuracy "
        f"{100 * found['accuracy']:.0f}% (ECE {error:.2f})",
        tag(facts, "calibration", "calibration"),
        advice,
    )


def stopped_too_soon(facts: Facts) -> Finding | None:
    """Early stopping that ended a training which was still underfitting."""
    patience = facts.config.get("early_stopping_patience")
    if facts.status != "stopped_early" or not patience or facts.has_learned:
        return None
    if overfitting(facts) is not None:
        return None  # it stopped what it is there to stop
    length = len(facts.history)
    epochs = f"{length} epoch{'' if length == 1 else 's'}"
    return Finding(
        "stopped_too_soon",
        POOR,
        f"early stopping ended training after {epochs}, with "
        f"{100 * facts.train_accuracy:.1f}% of the training examples "
        f"classified correctly: a patience of {patience} is short where the "
        "validation loss goes up and down",
        "loss, train against val",
        propose(
            facts,
            (
                "more patience",
                {"early_stopping_patience": max(10, 5 * patience)},
            ),
        ),
    )


def unfinished(facts: Facts) -> Finding | None:
    """Curves that were still on their way when training ended."""
    rows = [r for r in facts.history if r["loss"] is not None]
    if len(rows) < 3 or facts.status != "completed":
        return None
    before, last = rows[2 * len(rows) // 3 - 1], rows[-1]
    val = [r["val_loss"] for r in rows if r.get("val_loss") is not None]
    if last["loss"] > STEEP * before["loss"] or (val and val[-1] > min(val)):
        return None
    return Finding(
        "unfinished",
        HINT,
        f"the loss was still falling: from {before['loss']:.3g} after epoch "
        f"{before['epoch']:.0f} to {last['loss']:.3g} after epoch "
        f"{last['epoch']:.0f}",
        "loss",
        propose(facts, longer(facts), otherwise="longer training"),
    )
