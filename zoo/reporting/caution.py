"""What the numbers do not say, and who has seen the test set."""

from __future__ import annotations

import datetime
from typing import Any

from zoo.commands import Target
from zoo.diagnostics.text import notes
from zoo.evaluation import words
from zoo.evaluation.opening import verdict
from zoo.reporting.elements import (
    NOTHING,
    Markup,
    element,
    section,
    sentence,
    table,
)
from zoo.reporting.gathering import Story
from zoo.training import expected, result

TITLE = "Looks at the test set"
LINES = 12  # of the ledger, the newest


def looks(story: Story) -> Markup:
    """Returns the ledger's lines about the run's data set."""
    found = story.resolved["data"]
    if not found["test"]:
        return NOTHING
    if not story.looks:
        told = "The test split was never opened from this folder of runs"
        if story.is_finished and not found["handed_over"]:
            typed = Target.of(story.run).typed("evaluate", split="test")
            told += f"; `{typed}` opens it"
        return section(TITLE, element("p", sentence(f"{told}.")))
    rows = [
        (str(number), _when(look), ", ".join(r["run"] for r in look["runs"]),
         ", ".join(_score(r["result"]) for r in look["runs"]))
        for number, look in enumerate(story.looks, start=1)
    ]  # fmt: skip
    count = len(rows)
    about = f"The last of them was the {verdict(count)}."
    more = f" The newest {LINES} of {count}." if count > LINES else ""
    return section(
        TITLE,
        table(("", "when", "runs", "result"), rows[-LINES:], (3,)),
        note=about + more,
    )


def _when(look: dict[str, Any]) -> str:
    try:
        when = datetime.datetime.fromisoformat(look["when"])
    except (KeyError, TypeError, ValueError):
        return "–"
    return f"{when:%Y-%m-%d %H:%M}"


def _score(found: dict[str, Any]) -> str:
    if "accuracy" in found:
        return f"{words.percent(found['accuracy'])} %"
    if "mean_squared_error" in found:
        return f"{found['mean_squared_error']:.4g}"
    return "–"


def limits(story: Story) -> Markup:
    """Returns what a reader must not conclude, a sentence each."""
    told = [text for text in _limits(story) if text]
    items = [element("li", sentence(text)) for text in told]
    return section("What the numbers do not say", element("ul", items))


def _limits(story: Story) -> list[str]:
    return [
        _left_out(story),
        _one_seed(story),
        _selection(story),
        _expected(story),
        _labels(story),
        _examples(story),
        *notes(story.facts),
    ]


def _left_out(story: Story) -> str:
    if not story.left_out:
        return ""
    return (
        "Answers on validation examples are missing, and with them classes, "
        f"mistakes and calibration: {story.left_out}"
    )


def _one_seed(story: Story) -> str:
    seed = story.resolved["config"]["seed"]
    text = f"This is one run with seed {seed}. Another gives another number"
    target = Target.of(story.run)
    if target.from_arrays:
        return f"{text}."
    return f"{text}: `{target.again(seed=seed + 1)}`."


def _selection(story: Story) -> str:
    best, epochs = story.metrics.get("best_epoch"), story.metrics.get("epochs")
    if not best:
        return ""
    return (
        f"The weights are those of the best of {epochs} epochs, chosen by the "
        "same validation examples, so that their score is somewhat too good; "
        "the more so, the more settings were tried on them."
    )


def _expected(story: Story) -> str:
    """Says what is known of the recipe, if nothing else was asked for."""
    metrics, config = story.metrics, story.resolved["config"]
    accuracy = metrics.get("best_val_accuracy")
    if accuracy is None or set(story.run.config.asked()) - result.UNTOUCHED:
        return ""
    name = story.resolved["data"]["name"]
    found = expected.verdict(config["model"], name, accuracy)
    return f"The validation accuracy is {found}." if found else ""


def _labels(story: Story) -> str:
    if not story.resolved["config"].get("randomize_labels"):
        return ""
    return (
        "Some training labels are random, so that training accuracy says what "
        "can be learned by heart, and nothing of what was understood."
    )


def _examples(story: Story) -> str:
    return (
        "The interval is about other examples of the same source. Of pictures "
        "taken elsewhere, by others, at another time, it says nothing."
    )
