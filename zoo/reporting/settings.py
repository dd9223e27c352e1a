"""Where a run departs from its model's own recipe, and how to repeat it."""

from __future__ import annotations

import dataclasses
import shlex
from typing import Any

from zoo.commands import Target
from zoo.config import TrainConfig, format_option
from zoo.data.sources import find_source
from zoo.errors import UserError
from zoo.evaluation.comparison.words import value_in_words
from zoo.evaluation.kinship import BOOKKEEPING, options
from zoo.models import MODELS
from zoo.reporting.elements import Markup, code, element, joined, section, table
from zoo.reporting.gathering import Story
from zoo.runs import Run
from zoo.training import recipe

PLACES = ("run_name", "runs_dir")


@dataclasses.dataclass(frozen=True)
class Recorded:
    """A data set as far as a run folder and the table tell of it.

    It has what `recipe.fill` asks of a `Dataset`.
    """

    name: str
    train: range
    task: str
    has_vectors: bool
    flips: bool

    @classmethod
    def of(cls, run: Run) -> Recorded:
        """Reads a run."""
        found = run.resolved["data"]
        try:
            flips = find_source(found["name"])[0].flips
        except UserError:
            flips = False
        return cls(
            found["name"],
            range(found["train"]),
            found["task"],
            len(found["input_shape"]) == 1,
            flips,
        )


def settings(story: Story) -> Markup:
    """Returns the options that are not the recipe's, and the command."""
    return section(
        "Settings",
        _departures(story),
        _parent(story),
        element("p", "To repeat it:"),
        code(command(story.run)),
        element(
            "p",
            "or, where its folder is, ",
            element("code", Target.of(story.run).again()),
            ".",
        )
        if not story.resolved["data"]["handed_over"]
        else None,
    )


def command(run: Run) -> str:
    """Returns the command that repeats a run, a flag in each line."""
    flags = [
        shlex.quote(flag)
        for name, value in run.config.asked().items()
        if name not in PLACES
        for flag in format_option(name, value)
    ]
    return " \\\n    ".join(["zoo train", *flags])


def departures(run: Run) -> list[tuple[str, Any, Any]] | None:
    """Returns option, value and the recipe's value where these differ.

    Returns:
        `None` where the recipe is not known, as that of a model of one's own.
    """
    config, data = run.config, Recorded.of(run)
    try:
        entry = MODELS.find(run.resolved["config"]["model"])
        bare = TrainConfig(model=entry.name, dataset=config.dataset)
        own = recipe.fill(bare, recipe.recipe_of(entry, data), data)
    except UserError:
        return None
    used, own = options(run), own.as_dict()
    return [
        (name, used[name], value)
        for name, value in own.items()
        if name not in (*BOOKKEEPING, "seed")
        and value_in_words(used[name]) != value_in_words(value)
    ]


def _departures(story: Story) -> Markup:
    found, asked = departures(story.run), story.run.config.asked()
    name = story.resolved["config"]["model"]
    if found is None:
        text = f"The recipe of {name} is not known here."
        return element("p", text)
    if not found:
        return element("p", f"The default recipe of {name}, unchanged.")
    rows = [
        (
            element("code", option),
            value_in_words(used),
            value_in_words(own),
            "" if option in asked else "follows from the others",
        )
        for option, used, own in found
    ]
    heads = ("option", "here", f"{name}'s own", "")
    return table(heads, rows, caption="What differs from the model's recipe")


def _parent(story: Story) -> Markup | None:
    parent = story.resolved["parent"]
    if not parent:
        return None
    changed = ", ".join(parent["changed"]) or "nothing"
    return element(
        "p",
        joined("It repeats ", element("strong", parent["run"])),
        f" with these changed: {changed}.",
    )
