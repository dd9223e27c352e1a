"""Rules about the curves: whether it learns, and whether that carries over."""

from __future__ import annotations

from zoo import scores
from zoo.explaining.facts import Facts
from zoo.explaining.finding import BROKEN, HINT, POOR, Finding, again, tag

NEARLY_ALL = 0.95
CLEAR = 0.1  # share of the way from guessing to perfect
TURNED = 1.2  # last validation loss beside the lowest
RISEN = 0.05  # between these, in nats; less is a few examples' doing
STEEP = 0.8  # training loss at the end beside that at two thirds
GAP, WIDE_GAP = 0.05, 0.1  # in accuracy
UNSURE = 0.1  # confidence beside accuracy


def one_class(facts: Facts) -> Finding | None:
    """The same answer to every input."""
    found = facts.end and facts.end["classes"]
    if not found or found["largest_class"] > NEARLY_ALL - 0.1:
        return None
    share = max(found["answers"])
    if share < NEARLY_ALL:
        return None
    name = facts.data["class_names"][found["answers"].index(share)]
    return Finding(
        "one_class",
        BROKEN,
        f"{100 * share:.0f} % of the answers are {name!r}, whatever the input",
        tag(facts, "confusion", "confusion"),
        "centred inputs and another rate: "
        f"{again(facts, '--mean_subtraction=channel', '--optimizer=adam')}",
    )


def stuck(facts: Facts) -> Finding | None:
    """Training accuracy that is no better than guessing."""
    accuracy, guess = facts.train_accuracy, facts.guess
    if facts.progress is None or facts.progress > CLEAR or facts.drawn_labels:
        return None
    return Finding(
        "stuck",
        BROKEN,
        f"nothing is learned: {100 * accuracy:.1f} % of the training examples "
        f"are right, and always naming the largest class gets "
        f"{100 * guess:.1f} %",
        "loss",
        "what comes before training: `zoo check --model="
        f"{facts.config['model']} --dataset={facts.config['dataset']}`",
    )


def labels(facts: Facts) -> Finding | None:
    """Training examples are learned, and tell nothing about others."""
    if facts.noise is None or facts.train_accuracy is None:
        return None
    if facts.drawn_labels:
        return None  # as was asked for
    guess = facts.guess
    learned = facts.train_accuracy - guess
    right = round(facts.val_accuracy * facts.num_val)
    likely = scores.proportion(right, facts.num_val, 0.99)
    if learned < 2 * CLEAR * (1 - guess) or likely.low > guess:
        return None
    if facts.train_accuracy <= likely.high:
        return None  # few examples: validation may well be as good
    return Finding(
        "labels",
        BROKEN,
        f"{100 * facts.train_accuracy:.0f} % of the training examples are "
        f"right and {100 * facts.val_accuracy:.0f} % of the validation "
        "examples, no more than by guessing: they are learned by heart, as "
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
    # Who knows the truth, and nothing by heart, matches the others alone.
    by_heart = accuracy > 1 - wrong / count + CLEAR / 2
    outcome = "wrong ones are learned by heart, and help with no other example"
    if not by_heart:
        outcome = "no wrong ones are learned by heart yet"
    return Finding(
        "drawn_labels",
        POOR if facts.is_failing else HINT,
        f"{wrong:,} of the {count:,} training labels are wrong, as "
        f"--randomize_labels={found['share']:g} asked, and "
        f"{100 * accuracy:.0f} % are matched: {outcome}",
        "accuracy",
        f"the true labels: {again(facts, '--randomize_labels=0')}"
        if by_heart
        else f"longer training: {_longer(facts)}",
    )


def overfitting(facts: Facts) -> Finding | None:
    """A gap between training and validation, or a validation loss that rose."""
    rows = [r for r in facts.history if r.get("val_loss") is not None]
    if len(rows) < 3 or facts.status == "diverged" or facts.drawn_labels:
        return None
    if stuck(facts) is not None:
        return None  # its loss may rise, but nothing was learned by heart
    best = min(rows, key=lambda row: row["val_loss"])
    last = rows[-1]
    turned = _has_turned(facts, best["val_loss"], last["val_loss"])
    gap = _gap(facts, last)
    if not turned and gap is None:
        return None
    words = []
    if gap is not None:
        words.append(
            f"training accuracy is {100 * gap:.0f} points above that of "
            "validation"
        )
    if turned:
        words.append(
            f"the validation loss was lowest after epoch {best['epoch']:.0f}, "
            f"{best['val_loss']:.3g}, and is {last['val_loss']:.3g} now"
        )
    return Finding(
        "overfitting",
        POOR if turned or (gap or 0) > WIDE_GAP else HINT,
        f"it learns by heart: {' and '.join(words)}",
        "loss, train against val",
        f"something that holds it back: {again(facts, *_restraint(facts))}",
    )


def _has_turned(facts: Facts, lowest: float, last: float) -> bool:
    """Whether the validation loss has risen by more than chance explains."""
    risen = RISEN if facts.num_classes else 0.0
    return last > TURNED * lowest and last - lowest > risen


def _gap(facts: Facts, last: dict) -> float | None:
    """Returns a gap in accuracy that is neither small nor noise."""
    if last.get("val_accuracy") is None or last["accuracy"] is None:
        return None
    gap = last["accuracy"] - last["val_accuracy"]
    return gap if gap > max(GAP, facts.noise or 0) else None


def _restraint(facts: Facts) -> list[str]:
    flags = []
    # Features are computed once, of images as they are.
    sees_images = not facts.config.get("features")
    if sees_images and facts.config.get("augment") in (None, "none"):
        if len(facts.data["input_shape"]) == 3:
            flags.append("--augment=crop")
    if not facts.config.get("weight_decay"):
        flags.append("--weight_decay=0.001")
    return flags or ["--early_stopping_patience=3"]


def calibration(facts: Facts) -> Finding | None:
    """Confidence that is not how often the network is right."""
    found = facts.end and facts.end["classes"]
    if not found or found["confidence"] is None:
        return None
    error, sure = found["calibration_error"], found["confidence"]
    gap = sure - found["accuracy"]
    if facts.is_failing or abs(gap) < max(UNSURE, facts.noise or 0):
        return None
    return Finding(
        "calibration",
        HINT,
        f"it is too {'sure of itself' if gap > 0 else 'modest'}: its mean "
        f"confidence is {100 * sure:.0f} % and {100 * found['accuracy']:.0f} % "
        f"are right (calibration error {error:.2f})",
        tag(facts, "calibration", "calibration"),
        f"softer labels: {again(facts, '--label_smoothing=0.1')}"
        if gap > 0
        else f"longer training: {_longer(facts)}",
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
        f"longer training: {_longer(facts)}",
    )


def _longer(facts: Facts) -> str:
    span = "steps" if facts.config.get("steps") else "epochs"
    return again(facts, f"--{span}={2 * facts.config[span]}")
