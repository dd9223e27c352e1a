"""Records what recipes reached: from run folders to `results.json` and a page.

    python -m experiments.record_results RUN...   records finished runs of
                                                  recipes; a folder stands for
                                                  all its runs; --shared
                                                  where other work ran on the
                                                  machine: times are left out
    python -m experiments.record_results          rewrites `RESULTS.md` and
                                                  `figures/README.md`

A run belongs to the recipe whose options it has; only where it is stored, its
seed and its summaries may differ. A recipe that is edited later loses its
results, since they would be those of another recipe.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from experiments import figures
from zoo import metrics, recipes
from zoo.config import TrainConfig
from zoo.console import format_count, format_duration
from zoo.errors import UserError
from zoo.evaluation import compare
from zoo.evaluation.statistics import (
    SCORE_LIMITS,
    format_p_value,
    seed_stats,
)
from zoo.evaluation.test_set import recorded_test_result
from zoo.io import atomic_write
from zoo.models.registry import NO_OPTIONS
from zoo.run_store import RunStore
from zoo.runs import Run
from zoo.tuning import suites

RESULTS = pathlib.Path(__file__).with_name("results.json")
COMPARISONS = pathlib.Path(__file__).with_name("comparisons.json")
PAGE = pathlib.Path(__file__).with_name("RESULTS.md")
# Options that do not change what a recipe is.
IGNORED = {"runs_dir", "run_name", "data_dir", "seed", "summaries"}
IGNORED |= {"summary_every", "debug_every", "checkpoint_every", "deterministic"}
IGNORED |= {"precision", "devices"}  # recorded next to the results

Rows = Sequence[dict[str, Any]]
NOT_RUN = "not run yet"
HEAD = """\
# Results of the recipes

Written by `make results` from the run folders; nothing here is typed by hand.
`make train RECIPE=NAME` trains one of them again, `make reproduce SUITE=NAME` a
whole section in order.

"Last" is the validation accuracy of the last epoch, as training accuracy is,
and "best" that of the best epoch, whose weights are kept, so it is slightly
optimistic; where the test set was evaluated, test accuracy stands next to it,
with one view of each image, and after a semicolon that of several views.
Parameters are the trainable ones, multiply-adds those of one image. Times are
left out where the machine was shared with other work. The interval
of a single run is the exact one of Clopper and Pearson: it covers the sampling
of the images alone. That of several seeds is Student's interval of their mean,
after mean ± standard deviation: it covers the seeds alone. "Published" is the
result of the source, and "budget" the training of the recipe, "of" that of the
source where it is shorter. "Expected" states whether our results lie in the
range of `expected.toml`; with a reduced budget that range is the recipe's own
and says nothing about the source. "Own source run each" means that every seed
started from a source run of its own, which the spread includes.
[Figures](figures/README.md) show some of the runs.
"""
COLUMNS = ("recipe", "seeds", "parameters", "multiply-adds", "steps")
COLUMNS += ("training loss", "training accuracy", "validation, last")
COLUMNS += ("validation, best (95%)", "test accuracy (95%)")
COLUMNS += ("published", "budget", "time", "expected")
RIGHT_ALIGNED = (*COLUMNS[2:8],)


def main(argv: list[str] | None = None) -> int:
    """Records the runs that are named; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m experiments.record_results",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="*", metavar="RUN")
    parser.add_argument("--runs_dir", default="runs")
    parser.add_argument("--shared", action="store_true")
    flags = parser.parse_args(argv)
    results, comparisons = read_results(), read_comparisons()
    recorded: dict[str, list[Run]] = {}
    try:
        for run in _find_runs(flags.runs, flags.runs_dir):
            name, row = record(run, flags.runs_dir)
            add(results, name, without_time(row) if flags.shared else row)
            recorded.setdefault(name, []).append(run)
        comparisons |= compare_best(recorded, results)
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    for path, text in (
        (RESULTS, json.dumps(dict(sorted(results.items())), indent=1) + "\n"),
        (COMPARISONS, json.dumps(comparisons, indent=1) + "\n"),
        (PAGE, page(results, comparisons)),
        (figures.PAGE, figures.page()),
    ):
        with atomic_write(path) as file:
            file.write(text.encode())
    return 0


def _find_runs(names: Iterable[str], runs_dir: str) -> Iterator[Run]:
    """Yields the named runs; a folder stands for all finished ones in it."""
    for name in names:
        start = f"{name.rstrip('/')}/"
        inside = [
            r for r in RunStore(runs_dir).runs() if r.name.startswith(start)
        ]
        if not inside:
            yield RunStore(runs_dir).find(name)
        for run in inside:
            try:
                record(run, runs_dir)
            except UserError as error:
                print(f"skipped: {error}")
            else:
                yield run


def record(run: Run, runs_dir: str) -> tuple[str, dict[str, Any]]:
    """Returns the recipe of a finished run, and its results.

    Args:
        run: A finished run.
        runs_dir: Folder of the log of test-set evaluations.

    Raises:
        UserError: The run is not finished, or not of a recipe.
    """
    if run.status not in ("completed", "stopped_early"):
        raise UserError(f"{run.name} is not finished; it is {run.status}.")
    options = identifying_options(run.config)
    for recipe in recipes.list_recipes():
        if recipe_options(recipe.name) == options:
            return recipe.name, results_of(run, options, runs_dir)
    raise UserError(
        f"{run.name} is not a run of a recipe; `zoo recipes` lists them."
    )


def recipe_options(name: str) -> dict[str, Any]:
    """Returns what a recipe sets, by option, as JSON has it."""
    return identifying_options(recipes.read_config(name))


def identifying_options(config: TrainConfig) -> dict[str, Any]:
    """Returns the options that tell recipes apart, as JSON has them."""
    asked = {k: v for k, v in config.overrides().items() if k not in IGNORED}
    if config.weights:
        asked["weights"] = suites.recipe_source_name(
            config.weights, config.seed
        )
    return json.loads(json.dumps({"model": config.model, **asked}))


def results_of(
    run: Run, options: dict[str, Any], runs_dir: str
) -> dict[str, Any]:
    """Returns what is kept of a run; test results if it was evaluated."""
    metrics, resolved = run.metrics, run.resolved
    test = recorded_test_result(run, runs_dir) or {}
    best, examples = metrics["best_val_accuracy"], resolved["data"]["val"]
    return {
        "seed": run.config.seed,
        "options": options,
        "base": run.config.weights,
        "epochs": metrics["epochs"],
        "steps": metrics["steps"],
        "train_loss": metrics["train_loss"],
        "train_accuracy": metrics["train_accuracy"],
        "last_val_accuracy": metrics["val_accuracy"],
        "val_loss": metrics["best_val_loss"],
        "val_correct": None if best is None else round(best * examples),
        "val_examples": examples,
        "test_correct": test.get("correct"),
        "test_examples": test.get("examples"),
        "tta": _tta(test),
        "parameters": metrics["parameters"],
        "multiply_adds": resolved["multiply_adds"],
        "wall_seconds": metrics["wall_seconds"],
        "examples_per_second": metrics["examples_per_second"],
        "data": resolved["data"]["fingerprint"],
        "machine": {"cpu": "unknown CPU", **resolved["machine"]},
        "precision": resolved["precision"],
        "zoo": resolved["zoo"],
    }


def _tta(test: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns what is kept of test-time augmentation, if it was used."""
    found = test.get("tta")
    return found and {k: found[k] for k in ("kind", "views", "correct")}


def read_results() -> dict[str, list[dict[str, Any]]]:
    """Returns the recorded results by recipe, seeds in order."""
    return (
        json.loads(RESULTS.read_text(encoding="utf-8"))
        if RESULTS.exists()
        else {}
    )


def read_comparisons() -> dict[str, str]:
    """Returns a sentence of `zoo compare` by suite."""
    if not COMPARISONS.exists():
        return {}
    return json.loads(COMPARISONS.read_text())


def without_time(row: dict[str, Any]) -> dict[str, Any]:
    """Returns results without times, which other work made longer."""
    return {**row, "wall_seconds": None, "examples_per_second": None}


def compare_best(
    recorded: Mapping[str, Sequence[Run]], results: Mapping[str, Any]
) -> dict[str, str]:
    """Compares the two best recipes of each suite on the same images.

    Of a suite of several datasets those of the most frequent one.

    Args:
        recorded: Runs by recipe.
        results: All results by recipe.

    Returns:
        A sentence by suite; none for a suite with results of other recipes
        too, or with fewer than two recipes that can be compared.
    """
    found = {}
    for suite in suites.list_suites().values():
        groups = {
            label: recorded[suite.recipe(label)]
            for label in suite.labels
            if suite.recipe(label) in recorded
        }
        known = {x for x in suite.labels if suite.recipe(x) in results}
        if not groups or set(groups) != known:
            continue
        datasets = [runs[0].config.dataset for runs in groups.values()]
        dataset = statistics.mode(datasets)
        scored = sorted(
            (_best_accuracy(runs), label)
            for label, runs in groups.items()
            if runs[0].config.dataset == dataset
        )[-2:]
        if len(scored) < 2 or scored[0][0] < 0:
            continue
        labels = [label for _, label in scored]
        try:
            result = compare.compare_runs(
                [run for label in labels for run in groups[label]]
            )
        except UserError as error:
            print(f"not compared: {error}")
            continue
        if len(result["pairs"]) == 1:
            found[suite.name] = comparison_sentence(result, labels)
    return found


def _best_accuracy(runs: Sequence[Run]) -> float:
    """Returns the mean best accuracy; -1 if a run has none."""
    values = [run.metrics["best_val_accuracy"] for run in runs]
    return -1.0 if None in values else sum(values) / len(values)


def comparison_sentence(result: dict[str, Any], labels: Sequence[str]) -> str:
    """Returns the one pair of a comparison as a sentence.

    Args:
        result: What `compare_runs` returns.
        labels: Names of its two configs.
    """
    (pair,) = result["pairs"]
    p = format_p_value(pair["p_corrected"])
    better = pair["better"]
    end = (
        "no significant difference"
        if better is None
        else f"`{labels[better == pair['second']]}` is better"
    )
    return (
        f"`{labels[1]}` minus `{labels[0]}`: {100 * pair['difference']:+.2f} "
        f"points ({100 * pair['low']:+.2f} to {100 * pair['high']:+.2f}), p "
        f"{p if p.startswith('<') else f'= {p}'}: {end}."
    )


def add(results: dict, name: str, row: dict[str, Any]) -> None:
    """Adds the results of a run, in place of those of its seed, if any."""
    others = [
        old
        for old in results.get(name, ())
        if old["seed"] != row["seed"] and old["options"] == row["options"]
    ]
    results[name] = sorted([*others, row], key=lambda old: old["seed"])


def page(
    results: Mapping[str, Rows], comparisons: Mapping[str, str] = NO_OPTIONS
) -> str:
    """Returns the text of `RESULTS.md`.

    Args:
        results: Results by recipe, as `results.json` holds them.
        comparisons: A sentence by suite.
    """
    sections = [
        _section(suite, results, comparisons.get(suite.name, ""))
        for suite in suites.list_suites().values()
    ]
    return "\n".join([HEAD, _unexpected(results), *sections])


def unexpected(results: Mapping[str, Rows]) -> list[tuple[str, str]]:
    """Returns the recipes outside their expected ranges, and how."""
    known = {recipe.name for recipe in recipes.list_recipes()}
    return [
        (name, text)
        for name, rows in results.items()
        if name in known
        for text in _outside(name, rows)
    ]


def _unexpected(results: Mapping[str, Rows]) -> str:
    found = unexpected(results)
    if not found:
        return "All recorded runs lie in the expected ranges.\n"
    lines = ["## Outside the expected range\n"]
    return "\n".join([*lines, *(f"- `{n}`: {how}" for n, how in found), ""])


def _section(
    suite: suites.Suite, results: Mapping[str, Rows], comparison: str
) -> str:
    """Returns the table of a suite, with its comparison and machines below."""
    names = [suite.recipe(label) for label in suite.labels]
    cells = [_cells(name, results.get(name, ())) for name in names]
    kept = [
        index
        for index in range(len(COLUMNS))
        if index == 0 or any(row[index] for row in cells)
    ]
    about = suite.description
    lines = [f"## {suite.name}\n", f"{about[:1].upper()}{about[1:]}.\n"]
    lines += [_line(COLUMNS[index] for index in kept)]
    lines += [
        _line(
            "---:" if COLUMNS[index] in RIGHT_ALIGNED else "---"
            for index in kept
        )
    ]
    lines += [_line(row[index] for index in kept) for row in cells]
    machines = _machines(results.get(name, ()) for name in names)
    if comparison:
        machines = [f"{comparison}\n", *machines]
    return "\n".join([*lines, "", *machines])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(name: str, rows: Rows) -> tuple[str, ...]:
    """Returns the line of a recipe: all its seeds together."""
    source, budget = recipes.published(name), _budget(name)
    published = ""
    if source:
        score = source.score.replace("_", " ")
        published = f"{score} {source.value}: {source.source}"
    label = f"`{name}`"
    if not rows:
        return (label, NOT_RUN, *[""] * 8, published, budget, "", "")
    times = [row["wall_seconds"] for row in rows]
    time = "" if None in times else format_duration(sum(times) / len(times))
    return (
        label,
        _seeds(rows),
        _count(rows, "parameters"),
        _count(rows, "multiply_adds"),
        format_count(rows[0]["steps"]),
        _mean(rows, "training_loss"),
        _mean(rows, "training_accuracy"),
        _last_accuracy(rows),
        _accuracy(rows, "val"),
        _accuracy(rows, "test") + _with_views(rows),
        published,
        budget,
        time,
        _verdict(name, rows),
    )


def _budget(name: str) -> str:
    """Returns the length of a recipe's training, next to its source's."""
    source = recipes.published(name)
    if source is None:
        return ""
    config = recipes.read_config(name)
    number, unit = source.length.split()
    own = config.epochs if unit == "epochs" else config.steps
    is_shorter = own < int(number.replace(",", ""))
    return f"{own:,} of {source.length}" if is_shorter else f"{own:,} {unit}"


def is_reduced(name: str) -> bool:
    """Whether a recipe trains for less than its published source."""
    return " of " in _budget(name)


def _seeds(rows: Rows) -> str:
    """Returns the seeds, and whether each started from another source run."""
    seeds = ", ".join(str(row["seed"]) for row in rows)
    sources = {row.get("base") for row in rows} - {None}
    if len(sources) == len(rows) > 1:
        return f"{seeds} (own source run each)"
    return seeds


def _score(row: dict[str, Any], score: str) -> float | None:
    """Returns a score of a run by the name of `expected.toml`."""
    part, kind = score.split("_")
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


def _count(rows: Rows, key: str) -> str:
    """Returns a number that all runs of a recipe have in common, if known."""
    value = rows[0].get(key)
    return "" if value is None else format_count(value)


def _last_accuracy(rows: Rows) -> str:
    """Returns the mean validation accuracy of the last epoch, if known."""
    values = [row.get("last_val_accuracy") for row in rows]
    return "" if None in values else f"{sum(values) / len(values):.4f}"


def _with_views(rows: Rows) -> str:
    """Returns the mean accuracy with test-time augmentation, if all have it."""
    found = [row.get("tta") for row in rows]
    if not all(found):
        return ""
    correct = [one["correct"] for one in found]
    mean = sum(correct) / sum(row["test_examples"] for row in rows)
    return f"; {mean:.4f} with {found[0]['views']} views"


def _accuracy(rows: Rows, part: str) -> str:
    """Returns an accuracy with its interval: over images, or over seeds."""
    score = f"{'validation' if part == 'val' else 'test'}_accuracy"
    values = _values(rows, score)
    if not values:
        # A regression has a loss alone.
        losses = _values(rows, "validation_loss") if part == "val" else []
        return f"loss {_mean(rows, 'validation_loss')}" if losses else ""
    if len(values) == 1:
        (row,) = rows
        one = metrics.binomial_ci(
            row[f"{part}_correct"], row[f"{part}_examples"]
        )
        return f"{one.value:.4f} ({one.low:.4f} to {one.high:.4f})"
    over = seed_stats(values, *SCORE_LIMITS["accuracy"])
    text = f"{over.mean:.4f} ± {over.std:.4f}"
    if over.low is None:  # equal scores, whose interval is not known
        return text
    return f"{text} ({over.low:.4f} to {over.high:.4f})"


def _outside(name: str, rows: Rows) -> list[str]:
    """Returns each score that is outside its expected range."""
    found = []
    for expected in recipes.expected_ranges(name):
        values = _values(rows, expected.score)
        if not values:
            continue
        mean = sum(values) / len(values)
        if not expected.contains(mean):
            found.append(
                f"{expected.score.replace('_', ' ')} {mean:.4f}, expected "
                f"{expected.low:g} to {expected.high:g}"
            )
    return found


def _verdict(name: str, rows: Rows) -> str:
    ranges = recipes.expected_ranges(name)
    if not any(_values(rows, expected.score) for expected in ranges):
        return ""
    if _outside(name, rows):
        return "**no**"
    return "for its budget" if is_reduced(name) else "yes"


def _machines(groups: Iterable[Rows]) -> list[str]:
    """Returns a line on the machines of the runs, if there are runs."""
    found = {_machine(row) for rows in groups for row in rows}
    return [f"Trained on: {'; '.join(sorted(found))}.\n"] if found else []


def _machine(row: dict[str, Any]) -> str:
    """Returns the machine of a run, and its precision where not float32."""
    machine = row["machine"]
    where = f"{machine['cpu']}, {machine['cores']} cores"
    if machine.get("device") != "cpu":
        where = f"{machine.get('device')}, {machine['cpu']}"
    precision = row.get("precision", "float32")
    return where if precision == "float32" else f"{where}, in {precision}"


if __name__ == "__main__":
    sys.exit(main())
