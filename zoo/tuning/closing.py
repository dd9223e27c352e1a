"""The last words of a sweep: what new seeds show, and what to do next."""

from __future__ import annotations

from typing import Any

from zoo.commands import Target, command
from zoo.console import expand_command
from zoo.evaluation.test_log import describe_count
from zoo.runs import Run, RunGroup, SweepFolder
from zoo.tuning import picture, table
from zoo.tuning.confirming import flagfile, words
from zoo.tuning.confirming.recipes import DEFAULT, WINNER
from zoo.tuning.results import Trial
from zoo.tuning.settings import SweepConfig

Rows = list[tuple[str, str]]


def text(
    folder: SweepFolder,
    settings: SweepConfig,
    best: list[Trial],
    result: dict[str, Any],
) -> str:
    """Returns what is said below the table of the best trials.

    Args:
        folder: of the sweep.
        settings: of the sweep.
        best: the winner, if there is one.
        result: what `result.json` holds.
    """
    found, blocks = result["confirmation"], []
    if not best:
        blocks.append("no trial has a score, so that there is no winner")
    if found and found[WINNER]:
        blocks.append("\n" + words.text(found, settings.config.model))
    if settings.open_test and found:
        blocks.append(_test(result["test"]))
    rows = _files(folder)
    if result["lost"]:
        blocks += _lost(result["lost"])
    elif best:
        rows += _next(folder, best[0], result)
    lines = [f"{label:<10} {line}" for label, line in rows]
    return "\n".join([*blocks, "", *lines] if blocks else lines)


def _lost(rows: list[dict[str, str]]) -> list[str]:
    """Says which trainings are missing, and why."""
    lines = [f"lost: {row['run']}: {row['reason']}" for row in rows]
    return ["", *lines, "the best trial is confirmed when they are trained"]


def _files(folder: SweepFolder) -> Rows:
    return [
        ("table", str(folder.path / table.NAME)),
        ("picture", str(folder.path / picture.NAME)),
    ]


def _next(folder: SweepFolder, best: Trial, result: dict[str, Any]) -> Rows:
    """Says what one can do now."""
    found = result["confirmation"]
    flags = str(folder.path / flagfile.NAME)
    rows = [("winner", expand_command(command("train", flagfile=flags)))]
    if not (found and found[WINNER] and found[WINNER]["scores"]):
        run = Run(folder.run_path(best.runs[0]), best.runs[0])
        return [
            *rows,
            ("next", expand_command(Target.of(run).typed("evaluate"))),
        ]
    winner = _group(folder, WINNER)
    if found[DEFAULT] and found[DEFAULT]["scores"]:
        pair = (_group(folder, DEFAULT).name, winner.name)
        runs_dir = winner.runs_dir
        compare = command("compare", *pair, runs_dir=runs_dir)
        rows.append(("next", expand_command(compare)))
    run = Run(folder.run_path(best.runs[0]), best.runs[0])
    if result["test"] or not _has_test(run):
        return rows
    test = expand_command(winner.typed("evaluate", split="test"))
    return [*rows, ("test set", test)]


def _has_test(run: Run) -> bool:
    """Whether its data have test examples; yes where it is elsewhere."""
    is_here = (run.path / "resolved.json").is_file()
    return not is_here or bool(run.resolved["data"]["test"])


def _group(folder: SweepFolder, name: str) -> Target:
    """Returns what to type for a group of runs."""
    return Target.of(RunGroup(folder.path / name, f"{folder.name}/{name}"))


def _test(found: dict[str, Any] | None) -> str:
    """Says what the winner scores on test examples."""
    if found is None:
        return (
            "the test split stays sealed: no model of the winner is on this "
            "machine"
        )
    ends = words.interval_in_words(found)
    score = found["score"].replace("_", " ")
    values = ", ".join(f"{value:.4f}" for value in found["values"])
    line = f"test {score} {found['mean']:.4f}"
    if words.has_interval(found):
        line += f", 95% CI over seeds {ends}"
    return (
        f"{line} ({values}) on {found['examples']:,} examples; "
        f"{describe_count(found['test_evaluations'])}"
    )
