"""What the new seeds show, as a table and in sentences."""

from __future__ import annotations

import textwrap
from typing import Any

from zoo.console import format_table, pluralize
from zoo.errors import join_and
from zoo.tuning.results import trial_name

HEADS = (
    "recipe",
    "seeds",
    "mean",
    "95% CI",
    "std",
    "seed by seed",
)
WIDTH = 80


def text(found: dict[str, Any], model: str) -> str:
    """Returns a table of the recipes, and what may be said of them.

    Args:
        found: as `numbers.summarize` returns it, with a winner.
        model: its name.
    """
    blocks = [_table(found), *_failed(found)]
    blocks.append(_fill(_optimism(found)))
    if found["default"]:
        blocks.append(_fill(_beside_default(found, model)))
    return "\n".join(blocks)


def has_interval(row: dict[str, Any]) -> bool:
    """Whether seeds differ, so that there is an interval to speak of."""
    return row.get("low") is not None and row["low"] < row["high"]


def interval_in_words(row: dict[str, Any]) -> str:
    """Writes the ends of an interval."""
    if not has_interval(row):
        return "-"
    return f"{row['low']:.4f} to {row['high']:.4f}"


def seeds_in_words(row: dict[str, Any]) -> str:
    """Writes the seeds of a recipe: `seeds 1, 2 and 3`."""
    seeds = list(map(str, row["seeds"]))
    return f"seed{'s'[: len(seeds) - 1]} {join_and(seeds)}"


def _fill(text: str) -> str:
    return textwrap.fill(text, WIDTH)


def _table(found: dict) -> str:
    search = found["search"]
    rows = [
        (
            f"{trial_name(found['trial'])}, in the search",
            ", ".join(map(str, search["seeds"])),
            f"{search['score']:.4f}",
            "",
            "",
            f"the best of {search['of']}",
        )
    ]
    for name in ("winner", "default"):
        row = found[name]
        if row and row["scores"]:
            rows.append(
                (
                    f"{name}, with new seeds",
                    ", ".join(map(str, row["seeds"])),
                    f"{row['mean']:.4f}",
                    interval_in_words(row),
                    "-" if row["std"] is None else _four(row),
                    ", ".join(f"{score:.4f}" for score in row["scores"]),
                )
            )
    heads = list(HEADS)
    heads[2] = f"mean {found['objective']}"
    return format_table(heads, rows, (2, 4))


def _four(row: dict) -> str:
    return f"{row['std']:.4f}"


def _failed(found: dict) -> list[str]:
    return [
        f"{one['run']} {one['status']}: {one['reason']}"
        for name in ("winner", "default")
        for one in (found[name] or {}).get("failed", ())
    ]


def _optimism(found: dict) -> str:
    """Says what the score of a search is worth."""
    search, row = found["search"], found["winner"]
    score = f"{search['score']:.4f}"
    count = search["of"]
    if count > 1:
        start = (
            f"The search score {score} is the best of {count} noisy ones, and "
            "so is likely to be too good"
        )
    else:
        start = f"The search score {score} is that of the only trial"
    if not row["scores"]:
        return f"{start}; no new seed has a score to hold beside it."
    mean = f"{row['mean']:.4f}"
    if row["std"] is None:
        said = f"one new seed says {mean}"
    elif not has_interval(row):
        said = f"{pluralize(len(row['scores']), 'new seed')} all say {mean}"
    else:
        said = (
            f"{pluralize(len(row['scores']), 'new seed')} say {mean} "
            f"({interval_in_words(row)}, Student's t)"
        )
    examples = "validation examples"
    if found["examples"]:
        examples = f"{found['examples']:,} {examples}"
        if found["objective"] == "val_accuracy":
            examples += f" (one counts {1 / found['examples']:.1g})"
    return (
        f"{start}; {said}. New seeds take out the luck of the seed, not "
        f"that of the {examples}, by which this trial and the epoch of each "
        "run were chosen."
    )


def _beside_default(found: dict, model: str) -> str:
    """Says whether the winner is better than the model's own recipe."""
    row, difference = found["default"], found["difference"]
    name = f"the default recipe of {model}"
    if difference is None:
        return f"There is nothing to compare with {name}: no score."
    value = f"{difference['value']:+.4f}"
    if difference["p"] is None:
        return (
            f"The winner beside {name}: {value}; no seed of either differs "
            "from another, so that nothing can be said of luck."
        )
    counts = f"{len(found['winner']['scores'])} and {len(row['scores'])} seeds"
    how = f"p {difference['p']:.3g}, Welch's test over {counts}"
    if difference["low"] is not None:
        how = (
            f"95% CI {difference['low']:+.4f} to "
            f"{difference['high']:+.4f}, {how}"
        )
    start = f"The winner beside {name}, as long and with the same seeds: "
    start += f"{value} ({how})."
    if difference["better"] is None:
        return (
            f"{start} At 5 % that is no evidence of a difference; few seeds "
            "show large ones alone."
        )
    if difference["better"] == "winner":
        return f"{start} The winner is better."
    return f"{start} The default recipe is better; take that."
