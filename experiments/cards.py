"""The card of weights that come with the package, from their folder alone."""

from __future__ import annotations

import textwrap
from typing import Any

from zoo import metrics, recipes
from zoo.console import format_count, format_shape
from zoo.models import MODELS
from zoo.pretrained import PretrainedRun

NAME = "card.md"
STORED = {
    "float32": "as trained, in float32",
    "float16": "each rounded to float16, and read as float32",
}
# What a data set's pictures are like, where others easily differ.
LIKE = {
    "mnist": "Digits there are white on black, centred, and fill the middle "
    "20 of 28 pixels; a photograph of ink on paper must be inverted and cut "
    "out so first. "
}


def text(kept: PretrainedRun) -> str:
    """Returns the card, in Markdown."""
    parts = [
        f"# `{kept.name}`\n",
        _fill(_model(kept)),
        _use(kept),
        "## How good it is\n",
        _scores(kept.facts, kept.resolved["data"]["name"]),
        _fill(_stored(kept.facts)),
        "## What it is for, and what not\n",
        _fill(_limits(kept)),
        "## How it was made\n",
        _fill(_training(kept)),
        _flags(kept),
        _table(kept),
    ]
    return "\n".join(parts)


def summary(kept: PretrainedRun) -> str:
    """Returns size and score in a line."""
    facts = kept.facts
    return (
        f"{facts['bytes']:,} bytes, {facts['precision']}; validation "
        f"{_share(facts['validation'])}; {facts['answers_changed']} answers "
        "changed by storing"
    )


def _fill(words: str) -> str:
    return textwrap.fill(words, 80, break_on_hyphens=False) + "\n"


def _share(found: dict[str, Any]) -> str:
    return str(metrics.binomial_ci(found["correct"], found["examples"]))


def _model(kept: PretrainedRun) -> str:
    resolved = kept.resolved
    entry = MODELS.find(resolved["config"]["model"])
    paper = f" ({entry.paper})" if entry.paper else ""
    return (
        f"{entry.name}, {entry.description}{paper}, with weights learned from "
        f"{resolved['data']['name']}: "
        f"{format_count(resolved['parameters']['total'])} parameters. "
        f"{_preprocessing(resolved['statistics'])}"
    )


def _preprocessing(statistics: dict[str, Any]) -> str:
    """Says what the first layers do to raw pixels."""
    mean, std = statistics["mean"], statistics["std"]
    words = {
        "none": "",
        "channel": f"subtracts {_numbers(mean)}",
        "pixel": "subtracts the mean image",
        "image": "subtracts each image's own mean",
    }[statistics["mean_subtraction"]]
    divided = {
        "none": "",
        "unit": "divides by 255",
        "std": f"divides by {_numbers(std)}",
    }[statistics["scale"]]
    done = " and ".join(part for part in (words, divided) if part)
    whose = ", as measured on the training images" if mean or std else ""
    first = f"The first layer {done}{whose}" if done else "No layer does more"
    return f"It takes raw pixels 0..255. {first}."


def _numbers(values: list | None) -> str:
    # A mean image is named and not told.
    values = [v for v in values or () if not isinstance(v, list)]
    return ", ".join(f"{value:.2f}" for value in values)


def _use(kept: PretrainedRun) -> str:
    shape = format_shape(kept.resolved["data"]["input_shape"])
    return (
        "```python\n"
        f'model = zoo.load_model("{kept.name}")\n'
        f"logits = model.predict(images)  # [B, {shape.replace('x', ', ')}], "
        "raw pixels 0..255\n"
        "answers = logits.argmax(axis=1)\n"
        "```\n\n"
        "```sh\n"
        f"zoo predict {kept.name} photo.png\n"
        f"zoo train --weights={kept.name} --new_head --dataset=folder:mine\n"
        "```\n"
    )


def _scores(facts: dict[str, Any], data: str) -> str:
    found = facts["validation"]
    told = _share(facts["test"]) if facts["test"] else "not opened"
    if facts["test"] and facts["test"]["before_rounding"]:
        told += ", of the same run before its weights were rounded"
    per_class = ", ".join(
        f"{name}: {correct} of {examples}"
        for name, (correct, examples) in found["classes"].items()
    )
    rows = (
        (f"validation images of {data}", _share(found)),
        (f"test images of {data}", told),
        (
            "expected calibration error",
            f"{found['expected_calibration_error']:.4f}",
        ),
        (
            "negative log-likelihood",
            f"{found['negative_log_likelihood']:.4f} nats",
        ),
        ("Brier score", f"{found['brier_score']:.4f}"),
        ("correct, by class", per_class),
    )
    lines = ["| of the weights as stored | |", "| --- | --- |"]
    lines += [f"| {label} | {value} |" for label, value in rows]
    words = (
        "All but the second line are of validation images, by which the best "
        "epoch was chosen, so they are a little too good. Intervals are those "
        "of Clopper and Pearson. The expected calibration error is the mean "
        "distance of confidence from accuracy, over 15 bins."
    )
    return "\n".join([*lines, "", _fill(words)])


def _stored(facts: dict[str, Any]) -> str:
    words = f"Weights are stored {STORED[facts['precision']]}"
    if facts["precision"] == "float32":
        return f"{words}: they answer as the run did."
    total = facts["validation"]["examples"]
    return (
        f"{words}. The run before that had {facts['run_correct']:,} of "
        f"{total:,} validation images correct, and the stored weights have "
        f"{facts['validation']['correct']:,}; "
        f"{facts['answers_changed']} predictions differ."
    )


def _limits(kept: PretrainedRun) -> str:
    data = kept.resolved["data"]
    shape = format_shape(data["input_shape"])
    return (
        "For lectures, tests, demonstrations and as a start for other "
        f"training. It knows the {len(data['class_names'])} classes of "
        f"{data['name']} and nothing else: of any picture it names one of "
        "them, often with confidence. Its scores hold for images made as "
        f"those of {data['name']} were, {shape}, and say little about others. "
        f"{LIKE.get(data['name'], '')}Nothing that matters to a person "
        "should rest on it."
    )


def _training(kept: PretrainedRun) -> str:
    resolved, metrics = kept.resolved, kept.metrics
    data, machine = resolved["data"], resolved["machine"]
    best = metrics["best_epoch"]
    return (
        f"Trained on {resolved['started'][:10]} with zoo {resolved['zoo']}, "
        f"Keras {machine['keras']} on {machine['backend']}, {machine['device']}"
        f": {data['train']:,} images of the training split, "
        f"{data['val']:,} more for validation; {metrics['epochs']} epochs, "
        f"{metrics['steps']:,} updates, of which epoch {best} was kept. The "
        "flags, and the command that trains it again:"
    )


def _flags(kept: PretrainedRun) -> str:
    recipe = recipes.find(kept.facts["recipe"])
    flags = [
        line
        for line in recipe.path.read_text().splitlines()
        if line.startswith("--")
    ]
    shown = textwrap.fill(" ".join(flags), 80, break_on_hyphens=False)
    seed = kept.config.seed
    return (
        f"```\n{shown}\n```\n\n"
        f"```sh\nzoo train --recipe={recipe.name} --seed={seed}\n```\n"
    )


def _table(kept: PretrainedRun) -> str:
    facts = kept.facts
    data = kept.resolved["data"]
    rows = (
        ("file", f"`model.keras`, {facts['bytes']:,} bytes"),
        ("SHA-256", f"`{facts['sha256']}`"),
        ("licence of the weights", f"{facts['licence']}, as the package"),
        (
            "data",
            f"{data['name']} ({facts['data']['origin']}), under "
            f"{facts['data']['licence']}; no image of it is in here",
        ),
        ("split", f"`{data['fingerprint']}`"),
    )
    lines = ["| | |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {a} | {b} |" for a, b in rows), ""])
