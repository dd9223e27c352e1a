"""`RESULTS.md`: what recipes reached, from `results.json` and their headers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from experiments import headers, ladders
from zoo import metrics, recipes
from zoo.console import format_count, format_duration
from zoo.evaluation.spread import LIMITS, spread

Rows = Sequence[dict[str, Any]]
NOT_RUN = "not run yet"
HEAD = """\
# What the recipes reached

Made by `make results` from the runs' own folders; nothing here is typed by
hand. `make train RECIPE=NAME` trains one again, `make ladder LADDER=NAME` a
section in order.

Validation accuracies are those of the best epoch, so they are a little too
good; where the test split was opened, its accuracy stands beside them. The
interval of a single run is the exact one of Clopper and Pearson, and counts
the chance of the images alone. That of several seeds is Student's interval of
their mean, behind mean and deviation, and counts the chance of the seed alone.
"Held against" is somebody else's figure, and "budget" whether the recipe
trains as long as that source did. "As expected" is whether ours lies in the
range that the recipe's header gives: with a reduced budget that is a range of
its own, and no claim to the source's figure. "A base each" means that every
seed started from a base of its own, so that their spread counts it as well.
[Pictures](figures/README.md) show
what some of them came to.
"""
COLUMNS = ("recipe", "seeds", "updates", "training loss", "training accuracy")
COLUMNS += ("validation accuracy (95 %)", "test accuracy (95 %)")
COLUMNS += ("held against", "budget", "time", "as expected")
RIGHT = ("updates", "training loss", "training accuracy")


def text(results: Mapping[str, Rows]) -> str:
    """Returns the page.

    Args:
        results: figures by recipe, as `record` keeps them.
    """
    sections = [
        _section(one, results) for one in ladders.list_ladders().values()
    ]
    return "\n".join([HEAD, _misses(results), *sections])


def misses(results: Mapping[str, Rows]) -> list[tuple[str, str]]:
    """Returns recipes that left their expected range, and how."""
    known = {recipe.name: recipe for recipe in recipes.list_recipes()}
    return [
        (name, miss)
        for name, rows in results.items()
        if name in known
        for miss in _missed(known[name], rows)
    ]


def _misses(results: Mapping[str, Rows]) -> str:
    found = misses(results)
    if not found:
        return "Every recorded run lies in the range that its recipe expects.\n"
    lines = ["## Outside of the expected range\n"]
    return "\n".join([*lines, *(f"- `{n}`: {how}" for n, how in found), ""])


def _section(ladder: ladders.Ladder, results: Mapping[str, Rows]) -> str:
    """Returns one ladder's table, rungs in order, with the machine below."""
    known = {recipe.name: recipe for recipe in recipes.list_recipes()}
    rungs = [known[ladder.recipe(label)] for label in ladder.labels]
    cells = [_cells(recipe, results.get(recipe.name, ())) for recipe in rungs]
    kept = [
        index
        for index, name in enumerate(COLUMNS)
        if index == 0 or any(row[index] for row in cells)
    ]
    lines = [f"## {ladder.name}\n", f"{_sentence(ladder.about)}\n"]
    lines += [_line(COLUMNS[index] for index in kept)]
    lines += [
        _line("---:" if COLUMNS[index] in RIGHT else "---" for index in kept)
    ]
    lines += [_line(row[index] for index in kept) for row in cells]
    machines = _machines(results.get(recipe.name, ()) for recipe in rungs)
    return "\n".join([*lines, "", *machines])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _cells(recipe: recipes.Recipe, rows: Rows) -> tuple[str, ...]:
    """Returns a recipe's line: all its seeds together."""
    held = headers.reference(recipe)
    against = f"{held.score} {held.value}: {held.source}" if held else ""
    budget = headers.budget(recipe)
    name = f"`{recipe.name}`"
    if not rows:
        return (name, NOT_RUN, *[""] * 5, against, budget, "", "")
    seconds = sum(row["wall_seconds"] for row in rows) / len(rows)
    return (
        name,
        _seeds(rows),
        format_count(rows[0]["steps"]),
        _mean(rows, "training loss"),
        _mean(rows, "training accuracy"),
        _share(rows, "val"),
        _share(rows, "test"),
        against,
        budget,
        format_duration(seconds),
        _verdict(recipe, rows),
    )


def _seeds(rows: Rows) -> str:
    """Returns the seeds, and whether each run started from another base."""
    seeds = ", ".join(str(row["seed"]) for row in rows)
    bases = {row.get("base") for row in rows} - {None}
    return f"{seeds} (a base each)" if len(bases) == len(rows) > 1 else seeds


def _score(row: dict[str, Any], score: str) -> float | None:
    """Returns a run's score by the name that headers have for it."""
    part, kind = score.split()
    if part == "training":
        return row[f"train_{kind}"]
    if kind == "loss":
        return row.get("val_loss") if part == "validation" else None
    short = "val" if part == "validation" else "test"
    correct = row.get(f"{short}_correct")
    return None if correct is None else correct / row[f"{short}_examples"]


def _values(rows: Rows, score: str) -> list[float]:
    """Returns the scores of all seeds, or none if one of them has none."""
    values = [_score(row, score) for row in rows]
    return [] if None in values else values


def _mean(rows: Rows, score: str) -> str:
    values = _values(rows, score)
    return f"{sum(values) / len(values):.4f}" if values else ""


def _share(rows: Rows, part: str) -> str:
    """Returns an accuracy with its interval: over images, or over seeds."""
    score = f"{'validation' if part == 'val' else 'test'} accuracy"
    values = _values(rows, score)
    if not values:
        # Where numbers are predicted there is a loss alone.
        losses = _values(rows, "validation loss") if part == "val" else []
        return f"loss {_mean(rows, 'validation loss')}" if losses else ""
    if len(values) == 1:
        (row,) = rows
        one = metrics.binomial_ci(
            row[f"{part}_correct"], row[f"{part}_examples"]
        )
        return f"{one.value:.4f} ({one.low:.4f} to {one.high:.4f})"
    over = spread(values, *LIMITS["accuracy"])
    return (
        f"{over.mean:.4f} ± {over.deviation:.4f} "
        f"({over.low:.4f} to {over.high:.4f})"
    )


def _missed(recipe: recipes.Recipe, rows: Rows) -> list[str]:
    """Returns, in words, each score that is outside of its range."""
    found = []
    for claim in headers.claims(recipe):
        values = _values(rows, claim.score)
        if not values:
            continue
        mean = sum(values) / len(values)
        if not claim.holds(mean):
            found.append(
                f"{claim.score} {mean:.4f}, and not {claim.low:g} to "
                f"{claim.high:g}"
            )
    return found


def _verdict(recipe: recipes.Recipe, rows: Rows) -> str:
    known = [c for c in headers.claims(recipe) if _values(rows, c.score)]
    if not known:
        return ""
    if _missed(recipe, rows):
        return "**miss**"
    return "for its budget" if headers.is_reduced(recipe) else "yes"


def _machines(groups: Iterable[Rows]) -> list[str]:
    """Returns a line on what the runs were trained on, if there are runs."""
    found = {_machine(row) for rows in groups for row in rows}
    return [f"Trained on: {'; '.join(sorted(found))}.\n"] if found else []


def _machine(row: dict[str, Any]) -> str:
    """Returns what a run was trained on, and in which number format if rare."""
    machine = row["machine"]
    where = f"{machine['cpu']}, {machine['cores']} cores"
    if machine.get("device") != "cpu":
        where = f"{machine.get('device')}, {machine['cpu']}"
    precision = row.get("precision", "float32")
    return where if precision == "float32" else f"{where}, in {precision}"
