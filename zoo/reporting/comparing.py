"""Several runs beside each other, before each is told by itself."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.errors import UserError, join_and
from zoo.evaluation.comparison import drawing, measuring, words
from zoo.reporting import figures
from zoo.reporting.elements import (
    NOTHING,
    Markup,
    element,
    joined,
    section,
    sentence,
    table,
)
from zoo.reporting.gathering import Story


def comparison(stories: Sequence[Story]) -> Markup:
    """Returns what differs, and which differences are real."""
    whole = [story for story in stories if story.is_finished]
    rest = [story for story in stories if not story.is_finished]
    try:
        if not whole:
            raise UserError("none of these runs is finished.")
        found = measuring.measure([story.run for story in whole])
    except UserError as error:
        told = element("p", "No test was made: ", sentence(str(error)))
        return joined(
            section("Side by side", told, _stored(stories)), _picture(stories)
        )
    notes = [element("p", note, class_="note") for note in words.notes(found)]
    return joined(
        section(
            "Side by side",
            table(*words.recipes(found)),
            _without(rest),
            note=f"{words.head(found)}.",
        ),
        section("Differences", table(*words.differences(found)), notes)
        if found["pairs"]
        else NOTHING,
        _settings(found),
        _picture(whole),  # a loss that ran away would hide the others
    )


def _without(rest: Sequence[Story]) -> Markup:
    """Says which runs are in no test."""
    if not rest:
        return NOTHING
    names = join_and(f"{s.name} ({s.status})" for s in rest)
    return element("p", f"Not compared, since without a result: {names}.")


def _settings(found: dict) -> Markup:
    heads, rows = words.settings(found, "differ")
    if not rows:
        body = element("p", "Nothing but the seed.")
    else:
        body = table(heads, rows)
    return section("Settings that differ", body)


def _stored(stories: Sequence[Story]) -> Markup:
    """Returns what each run has kept, where no test can be made."""
    rows = [
        (
            story.name,
            story.status.replace("_", " "),
            story.numbers.count("resolved.parameters.trainable"),
            story.numbers.share("metrics.best_val_accuracy"),
            story.numbers.decimal("metrics.best_val_loss"),
        )
        for story in stories
    ]
    heads = ("run", "status", "parameters", "validation accuracy %", "loss")
    return table(heads, rows, (2, 3, 4))


def _picture(stories: Sequence[Story]) -> Markup:
    if not any(story.facts.history for story in stories):
        return NOTHING
    with figures.theme():
        figure = drawing.draw([story.run for story in stories])
        figure.set_size_inches(8.2, 3)
        picture = figures.svg(figure, "Validation loss and accuracy by epoch")
    return section("How they learned", figures.figure(picture))
