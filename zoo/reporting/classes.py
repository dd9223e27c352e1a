"""Right and wrong answers class by class, and what is taken for what."""

from __future__ import annotations

import math

import numpy as np

from zoo.reporting.elements import (
    NOTHING,
    Markup,
    element,
    joined,
    scrolling,
    section,
    table,
)
from zoo.reporting.gathering import Story
from zoo.summaries.confusion import MOST, worst

FEW = 12  # classes whose cells have room to spare
PAIRS = 5  # of classes that are taken for each other, in words


def by_class(story: Story) -> Markup:
    """Returns precision and recall of each class, the worst of many first."""
    if not story.scored or story.is_regression:
        return NOTHING
    rows = story.scored.result["classes"]
    order = list(range(len(rows)))
    show = story.numbers
    note = joined(
        "Balanced accuracy, the mean of recall: ",
        show.percent("evaluate.balanced_accuracy"),
        ".",
        _top(story),
    )
    if len(rows) <= MOST:
        return section("Class by class", _table(story, order), note=note)
    order.sort(key=lambda i: (rows[i]["recall"] is None, rows[i]["recall"]))
    rest = element(
        "details",
        element("summary", f"The other {len(rows) - MOST} classes"),
        _table(story, sorted(order[MOST:])),
    )
    first = f"The {MOST} classes of {len(rows)} with the lowest recall"
    return section(
        "Class by class",
        _table(story, order[:MOST], first),
        rest,
        note=note,
    )


def _top(story: Story) -> Markup:
    show = story.numbers
    if show.value("evaluate.top5_accuracy") is None:
        return NOTHING
    return joined(
        " The true class is among the five surest answers for ",
        show.percent("evaluate.top5_accuracy"),
        " (95 % interval ",
        show.share("evaluate.top5_accuracy_low"),
        " to ",
        show.share("evaluate.top5_accuracy_high"),
        ").",
    )


def _table(
    story: Story, order: list[int], caption: str | None = None
) -> Markup:
    low = _scale(story)
    heads = ("class", "examples", "right", "precision %", "recall %",
             "95 % interval", _ends(low))  # fmt: skip
    rows = [_row(story, index, low) for index in order]
    return table(heads, rows, (1, 2, 3, 4, 5), caption)


def _scale(story: Story) -> float:
    """Returns where the drawn intervals begin, so that they can be told."""
    rows = story.scored.result["classes"]
    lows = [r["recall_low"] for r in rows if r["recall_low"] is not None]
    return math.floor(10 * min(lows)) / 10


def _ends(low: float) -> Markup:
    ends = [element("span", f"{100 * x:.0f}") for x in (low, 1)]
    return element("span", ends, class_="ends")


def _row(story: Story, index: int, scale: float) -> list:
    show, at = story.numbers, f"evaluate.classes.{index}."
    row = story.scored.result["classes"][index]
    between = "–"
    if row["recall_low"] is not None:
        between = joined(
            show.share(at + "recall_low"), " to ",
            show.share(at + "recall_high"),
        )  # fmt: skip
    return [
        row["class"],
        show.count(at + "examples"),
        show.count(at + "correct"),
        show.share(at + "precision"),
        show.share(at + "recall"),
        between,
        _whisker(row, scale),
    ]


def _whisker(row: dict, scale: float) -> Markup:
    """Returns the interval of the recall as a line, the value as a dot."""
    if row["recall"] is None:
        return NOTHING
    places = {"low": "recall_low", "at": "recall", "high": "recall_high"}
    style = ";".join(
        f"--{name}:{(row[key] - scale) / (1 - scale):.4f}"
        for name, key in places.items()
    )
    return element("span", class_="whisker", style=style, aria_hidden="true")


def confusion(story: Story) -> Markup:
    """Returns the matrix, and what is confused most often in words."""
    if not story.scored or story.is_regression:
        return NOTHING
    counts = np.array(story.scored.result["confusion"])
    shown = worst(counts).tolist()
    note = "True classes in rows, answers in columns; a cell is the darker, "
    note += "the larger its share of the row."
    if len(shown) < len(counts):
        note += f" The {len(shown)} classes of {len(counts)} with most errors."
    return section(
        "What is taken for what",
        scrolling(_matrix(story, counts, shown), "confusion matrix"),
        _pairs(story, counts),
        note=note,
    )


def _matrix(story: Story, counts: np.ndarray, shown: list[int]) -> Markup:
    names = story.resolved["data"]["class_names"]
    long = any(len(names[k]) > 2 for k in shown)
    heads = [
        element("th", element("span", names[k]), scope="col") for k in shown
    ]
    totals = counts.sum(axis=1)
    rows = [
        element(
            "tr",
            element("th", names[true], scope="row"),
            [_cell(story, true, k, counts, totals[true]) for k in shown],
        )
        for true in shown
    ]
    return element(
        "table",
        element("thead", element("tr", element("td"), heads)),
        element("tbody", rows),
        class_=f"matrix{' long' * long}{' many' * (len(shown) > FEW)}",
    )


def _cell(
    story: Story, true: int, answer: int, counts: np.ndarray, total: int
) -> Markup:
    count = counts[true, answer]
    kind = "right" if true == answer else "wrong"
    if not count:
        return element("td", class_=kind)
    # The root, so that the few errors of a good network are seen at all.
    shade = (count / total) ** 0.5
    return element(
        "td",
        story.numbers.count(f"evaluate.confusion.{true}.{answer}"),
        class_=kind,
        style=f"--share:{shade:.3f}",
    )


def _pairs(story: Story, counts: np.ndarray) -> Markup:
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
    names, show = story.resolved["data"]["class_names"], story.numbers
    found = []
    for true, answer in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if not wrong[true, answer]:
            continue
        found += [
            ", " if found else "Most often: ",
            element("b", names[true]), " taken for ",
            element("b", names[answer]), " (",
            show.count(f"evaluate.confusion.{true}.{answer}"), ")",
        ]  # fmt: skip
    return element("p", *found, ".") if found else NOTHING
