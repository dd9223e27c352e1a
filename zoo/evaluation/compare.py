"""Comparison of runs: which options and which metrics differ.

All runs are evaluated on the same validation examples. Runs that differ in
the seed alone are one config; configs are named A, B, C in the order given.
"""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import backend, metrics
from zoo.console import format_count, format_table, show_activity
from zoo.errors import UserError
from zoo.evaluation.evaluate import (
    EvaluatedRun,
    SplitCache,
    check_same_task,
    mean_loss_fn,
)
from zoo.evaluation.statistics import (
    SCORE_LIMITS,
    first_of_each_seed,
    format_p_value,
    format_repeated,
    format_seeds,
    group_by_config,
    holm_correction,
    mcnemar_test,
    paired_bootstrap,
    repeated_seeds,
    seed_stats,
    split_options,
    welch_p_value,
)
from zoo.io import atomic_write
from zoo.models.inference import ModelLoader, predict_batched
from zoo.models.registry import NO_OPTIONS
from zoo.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALPHA = 0.05  # of p-values that are corrected for the number of comparisons
# Options that determine which examples are held out.
SPLIT_OPTIONS = (
    "dataset", "val_fraction", "fold", "group_by", "image_size", "resize",
    "classes", "skip_unreadable",
)  # fmt: skip

MAX_NAMES = 3  # runs of a config that a table names; others are counted
# More configs are rows of the table of options, and compared with A alone.
MAX_COLUMNS = 8
MAX_PAIRWISE = 12
MAX_VALUES = 5  # of an option in one config
ACCURACY_NOTE = (
    "p: exact McNemar test of two runs, which does not cover other seeds; for "
    "a config of several seeds the larger of the paired bootstrap over "
    "examples and Welch's test (Student's against one run) over seeds"
)
REGRESSION_NOTE = (
    "p: paired bootstrap over examples; for a config of several seeds the "
    "larger of that and Welch's test over seeds"
)

# Okabe and Ito's colors, which color-blind readers can tell apart; line styles
# change when the colors repeat.
COLORS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9",
    "#000000",
)  # fmt: skip
LINE_STYLES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)))
# Columns of `history.csv`: validation, with training dotted beside it.
TITLES = {
    "val_loss": "validation loss (dotted: training)",
    "val_accuracy": "validation accuracy (dotted: training)",
}
TRAINING = {"val_loss": "loss", "val_accuracy": "accuracy"}
DOTTED = (0, (1, 1.5))
LOG_SCALE_RATIO = 50  # largest over lowest loss, above which the axis is log
MAX_LABEL_CHARS = 40


@dataclasses.dataclass(frozen=True)
class PerExampleScores:
    """Scores of a run on each validation example.

    Attributes:
        run: The run.
        scores: Float `[N]`: 1 for a correct and 0 for an incorrect
            prediction, or the squared error of a regression.
        loss: Mean of the loss that the run minimized.
    """

    run: Run
    scores: np.ndarray
    loss: float

    @property
    def mean(self) -> float:
        """Accuracy, or mean squared error."""
        return float(self.scores.mean())


@backend.fixed_settings()
def compare_runs(
    runs: Sequence[Run],
    evaluated: Mapping[pathlib.Path, EvaluatedRun] = NO_OPTIONS,
) -> dict[str, Any]:
    """Evaluates runs on the same validation examples, and tests differences.

    Args:
        runs: At least two finished runs.
        evaluated: Runs that were evaluated already, by their folders.

    Returns:
        What `zoo compare --json` prints. Fractions are 0..1.

    Raises:
        UserError: there is nothing to compare, a run cannot be evaluated, or
            their validation examples differ.
    """
    if len(runs) < 2:
        raise UserError(
            f"{runs[0].name} alone cannot be compared; name two or more runs."
        )
    check_same_task(runs)
    cache = SplitCache()
    for other in runs[1:]:
        _check_same_examples(cache, runs[0], other)
    loader = ModelLoader()
    by_path = {
        run.path: _evaluate(run, cache, loader, evaluated.get(run.path))
        for run in runs
    }
    groups = [
        [by_path[r.path] for r in group] for group in group_by_config(runs)
    ]
    counted = [
        [by_path[s.path] for s in first_of_each_seed(s.run for s in group)]
        for group in groups
    ]
    different, same = split_options([[s.run for s in g] for g in groups])
    is_regression = runs[0].resolved["data"].get("task") == "regression"
    score = "mean_squared_error" if is_regression else "accuracy"
    return {
        "dataset": runs[0].config.dataset,
        "split": "val",
        "examples": len(groups[0][0].scores),
        "fingerprint": cache.fingerprint(runs[0], "val"),
        "score": score,
        "configs": [
            _config_entry(group_label(i), g, counted[i], score)
            for i, g in enumerate(groups)
        ],
        "runs": [
            _run_entry(group_label(i), s, score)
            for i, g in enumerate(groups)
            for s in g
        ],
        "different_options": different,
        "same_options": same,
        "pairs": _pairwise_tests(counted, score),
    }


def group_label(index: int) -> str:
    """Returns A to Z, then A1, B1, ..."""
    round_, letter = divmod(index, 26)
    return f"{chr(ord('A') + letter)}{round_ or ''}"


def _check_same_examples(cache: SplitCache, first: Run, other: Run) -> None:
    """Raises `UserError` if two runs have other validation examples.

    Image files are the same examples at every size: a test that is paired by
    file asks whether the size matters.
    """
    if cache.fingerprint(first, "val") == cache.fingerprint(other, "val"):
        return
    if _have_same_files(cache, first, other):
        return
    for name in SPLIT_OPTIONS:
        values = [getattr(run.config, name) for run in (first, other)]
        if values[0] != values[1]:
            options = " and ".join(f"--{name}={v}" for v in values)
            reason = f"they were trained with {options}"
            break
    else:
        reason = "their pixels, labels or class names differ"
    raise UserError(
        f"{first.name} and {other.name} cannot be compared, because their "
        f"validation examples differ: {reason}."
    )


def _have_same_files(cache: SplitCache, first: Run, other: Run) -> bool:
    """Whether two runs validate on the same image files, in the same order."""
    ours, theirs = (cache.load(run, "val") for run in (first, other))
    classes, other_classes = (
        run.resolved["data"]["class_names"] for run in (first, other)
    )
    return (
        first.config.dataset == other.config.dataset
        and classes == other_classes
        and bool(ours.file_names)
        and ours.file_names == theirs.file_names
        and np.array_equal(ours.labels, theirs.labels)
    )


def _evaluate(
    run: Run,
    cache: SplitCache,
    loader: ModelLoader,
    evaluated: EvaluatedRun | None,
) -> PerExampleScores:
    part = cache.load(run, "val")
    if evaluated is None:
        show_activity(f"evaluating {run.name}")
        outputs = predict_batched(
            loader.load(run.model_path(), run.load_model), part.images
        )
    else:
        outputs = evaluated.outputs
    if part.labels.dtype.kind == "f":
        errors = outputs[:, 0].astype(np.float64) - part.labels
        scores = np.square(errors)
        return PerExampleScores(run, scores, float(scores.mean()))
    correct = outputs.argmax(axis=1) == part.labels
    loss = mean_loss_fn(run)(part.labels, outputs)
    return PerExampleScores(run, correct.astype(np.float64), loss)


def _run_entry(
    label: str, scored: PerExampleScores, score: str
) -> dict[str, Any]:
    entry = {
        "config": label,
        "run": scored.run.name,
        "seed": scored.run.resolved["config"]["seed"],
        score: scored.mean,
        "loss": scored.loss,
    }
    if score == "accuracy":
        ci = _accuracy_ci(scored)
        entry["correct"] = ci.correct
        entry["accuracy_low"] = ci.low
        entry["accuracy_high"] = ci.high
    return entry


def _config_entry(
    label: str,
    group: Sequence[PerExampleScores],
    counted: Sequence[PerExampleScores],
    score: str,
) -> dict[str, Any]:
    """Returns the score of a config: over seeds, or that of its one run.

    Args:
        label: Of the config.
        group: All of its runs.
        counted: One run for each of their seeds.
        score: Name of the score.
    """
    stats = seed_stats([s.mean for s in counted], *SCORE_LIMITS[score])
    entry = {
        "config": label,
        "runs": [s.run.name for s in group],
        "seeds": [s.run.resolved["config"]["seed"] for s in group],
        "repeated": repeated_seeds([s.run for s in group]),
        "parameters": group[0].run.resolved["parameters"]["trainable"],
        "loss": float(np.mean([s.loss for s in counted])),
        **dataclasses.asdict(stats),
        "interval": "Student, over seeds",
    }
    if len(counted) > 1:
        return entry
    if score != "accuracy":
        return {**entry, "interval": None}
    ci = _accuracy_ci(counted[0])
    exact = {"low": ci.low, "high": ci.high}
    return {**entry, **exact, "interval": "Clopper-Pearson, over examples"}


def _accuracy_ci(scored: PerExampleScores) -> metrics.Proportion:
    return metrics.binomial_ci(int(scored.scores.sum()), len(scored.scores))


def _pairwise_tests(
    groups: Sequence[Sequence[PerExampleScores]], score: str
) -> list[dict]:
    """Returns a test of each pair of configs, p corrected for their number.

    Of many configs only the pairs with the first, which is named before its
    score is known.
    """
    labeled = [(group_label(i), group) for i, group in enumerate(groups)]
    chosen = list(itertools.combinations(labeled, 2))
    if len(labeled) > MAX_PAIRWISE:
        chosen = [(labeled[0], other) for other in labeled[1:]]
    pairs = [_test_pair(first, second, score) for first, second in chosen]
    corrected = holm_correction([pair["p"] for pair in pairs])
    for pair, p in zip(pairs, corrected, strict=True):
        pair["p_corrected"] = p
        pair["better"] = _better(pair, score) if p < ALPHA else None
    return pairs


def _test_pair(
    first: tuple[str, Sequence[PerExampleScores]],
    second: tuple[str, Sequence[PerExampleScores]],
    score: str,
) -> dict[str, Any]:
    """Compares two configs; p is the largest of the tests that apply."""
    groups = first[1], second[1]
    means = [np.mean([s.scores for s in group], axis=0) for group in groups]
    difference = paired_bootstrap(*means)
    p_seeds = welch_p_value(*([s.mean for s in group] for group in groups))
    pair = {
        "first": first[0],
        "second": second[0],
        "difference": difference.mean,
        "low": difference.low,
        "high": difference.high,
        "p_bootstrap": difference.p,
        "p_seeds": p_seeds,
        "mcnemar": None,
        "p": max(difference.p, p_seeds or 0.0),
    }
    if all(len(group) == 1 for group in groups) and score == "accuracy":
        exact = mcnemar_test(*(group[0].scores > 0 for group in groups))
        pair["mcnemar"] = dataclasses.asdict(exact)
        pair["p"] = exact.p
    return pair


def _better(pair: dict[str, Any], score: str) -> str:
    """Returns the label of the better config."""
    is_second = (pair["difference"] > 0) == (score == "accuracy")
    return pair["second"] if is_second else pair["first"]


# Text.


def format_comparison(
    comparison: dict[str, Any],
    *,
    all_options: bool = False,
    markdown: bool = False,
) -> str:
    """Returns a comparison as tables.

    Args:
        comparison: What `compare_runs` returns.
        all_options: Whether to list the options that do not differ, too.
        markdown: Whether tables are in Markdown.
    """
    table = _markdown_table if markdown else format_table
    title = "## {}".format if markdown else str
    blocks = [headline(comparison), table(*config_table(comparison))]
    names = [n for row in comparison["configs"] for n in row["repeated"]]
    if names:
        blocks.append(textwrap.fill(format_repeated(names)))
    kinds = {"different_options": "Options that differ"}
    if all_options:
        kinds["same_options"] = "Options that are the same"
    for kind, text in kinds.items():
        heads, rows = option_table(comparison, kind)
        blocks += [title(text), table(heads, rows) if rows else "none"]
    if comparison["pairs"]:
        blocks += [title("Differences"), table(*difference_table(comparison))]
        lines = notes(comparison)
        blocks += lines if markdown else map(textwrap.fill, lines)
    return "\n\n".join(blocks)


def headline(comparison: dict) -> str:
    """Returns how many runs of how many configs were compared on what."""
    num_runs, num_configs = len(comparison["runs"]), len(comparison["configs"])
    configs = f"{num_configs} configs" if num_configs > 1 else "1 config"
    return (
        f"{num_runs} runs of {configs} on the same "
        f"{comparison['examples']:,} validation examples of "
        f"{comparison['dataset']}"
    )


def config_table(comparison: dict):
    """Returns heads, rows and numeric columns: a row a config."""
    score = comparison["score"].replace("_", " ")
    heads = ("", "runs", "seeds", "parameters", score, "95% CI", "std", "loss")
    rows = [
        (
            row["config"],
            _run_names(row["runs"]),
            format_seeds(row["seeds"]),
            format_count(row["parameters"]),
            _format_score(comparison, row["mean"]),
            _format_ends(comparison, row),
            _format_score(comparison, row["std"]),
            f"{row['loss']:.4f}",
        )
        for row in comparison["configs"]
    ]
    return heads, rows, (3, 4, 6, 7)


def option_table(comparison: dict, kind: str):
    """Returns heads and rows: a row an option, its values in each config.

    Of many configs, a row a config, and its value of each option.

    Args:
        comparison: What `compare_runs` returns.
        kind: `different_options` or `same_options`.
    """
    heads = ["", *(row["config"] for row in comparison["configs"])]
    rows = [
        (name, *(_format_values(v) for v in values))
        for name, values in comparison[kind].items()
    ]
    if len(heads) > MAX_COLUMNS + 1 and rows:
        heads, *rows = zip(heads, *rows, strict=True)
    return heads, rows


def difference_table(comparison: dict):
    """Returns heads, rows and numeric columns: a row a pair of configs."""
    exact = any(pair["mcnemar"] for pair in comparison["pairs"])
    heads = ["", "difference", "95% CI"]
    heads += ["only one correct"] if exact else []
    rows = []
    for pair in comparison["pairs"]:
        row = [
            f"{pair['second']} - {pair['first']}",
            _format_score(comparison, pair["difference"], "+"),
            _format_ends(comparison, pair),
        ]
        row += [_format_discordant(pair)] if exact else []
        p = format_p_value(pair["p_corrected"])
        rows.append((*row, p, format_conclusion(pair)))
    return (*heads, "p", "conclusion"), rows, (1,)


def notes(comparison: dict) -> list[str]:
    """Returns how p-values and intervals were computed."""
    is_accuracy = comparison["score"] == "accuracy"
    tests = ACCURACY_NOTE if is_accuracy else REGRESSION_NOTE
    count = len(comparison["pairs"])
    if count > 1:
        tests += f"; corrected for {count} comparisons (Holm)"
    if count == len(comparison["configs"]) - 1 > MAX_PAIRWISE - 1:
        tests += "; of so many configs, each is compared with A alone"
    unit = "percentage points" if is_accuracy else "squared units of the target"
    return [
        f"{tests}.",
        f"Differences are in {unit}, with the interval of the paired bootstrap "
        "over examples. Intervals of configs are over seeds where there are "
        "several, else over examples.",
    ]


def _format_values(values: Sequence[Any]) -> str:
    """Returns the values of an option in the runs of one config."""
    if len(values) > MAX_VALUES and all(type(v) is int for v in values):
        return format_seeds(values)
    shown = ", ".join(map(format_value, values[:MAX_VALUES]))
    more = len(values) - MAX_VALUES
    return f"{shown} and {more} more" if more > 0 else shown


def format_value(value: Any) -> str:
    """Returns the value of an option as it is typed; - for none."""
    if value is None or value in ({}, [], ()):
        return "-"
    if isinstance(value, dict):
        return " ".join(f"{k}={v}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def format_conclusion(pair: dict[str, Any]) -> str:
    """Returns which config of a pair is better, if any."""
    if pair["better"] is None:
        return "no significant difference"
    return f"{pair['better']} is better"


def _format_score(comparison: dict, value: float | None, sign: str = "") -> str:
    if value is None:
        return "-"
    if comparison["score"] == "accuracy":
        return f"{100 * value:{sign}.2f}"
    return f"{value:{sign}.4g}"


def _format_ends(comparison: dict, row: dict) -> str:
    if row["low"] is None:
        return "-"
    ends = [_format_score(comparison, row[end]) for end in ("low", "high")]
    return " to ".join(ends)


def _format_discordant(pair: dict) -> str:
    counts = pair["mcnemar"]
    if counts is None:
        return "-"
    first = f"{pair['first']} {counts['only_first']:,}"
    return f"{first}, {pair['second']} {counts['only_second']:,}"


def _run_names(runs: Sequence[str]) -> str:
    folders = {run.rpartition("/")[0] for run in runs}
    if len(folders) == 1:
        # The folder is named once: `lr-digits-seeds/seed0, seed1, seed2`.
        runs = [runs[0], *(run.rpartition("/")[2] for run in runs[1:])]
    if len(runs) <= MAX_NAMES:
        return ", ".join(runs)
    return f"{', '.join(runs[:MAX_NAMES])} and {len(runs) - MAX_NAMES} more"


def _markdown_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[int] = (),
) -> str:
    rules = ["---:" if i in right else "---" for i in range(len(heads))]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
        for line in [heads, rules, *rows]
    )


# Learning curves, by Matplotlib's Agg backend: no pyplot, no display.


def check_plot_path(path: str) -> pathlib.Path:
    """Returns where a plot will be written, or raises `UserError`."""
    target = pathlib.Path(path)
    if target.suffix.lower() != ".png":
        raise UserError(
            f"--plot={path} is not the name of a PNG file; write for "
            "example --plot=curves.png."
        )
    if not target.parent.is_dir() or target.is_dir():
        raise UserError(
            f"--plot={path} cannot be written: {target.parent} is not a "
            "folder, or there is a folder of that name."
        )
    return target


def save_learning_curves(
    runs: Sequence[Run],
    target: pathlib.Path,
    labels: Mapping[pathlib.Path, str] = NO_OPTIONS,
) -> None:
    """Plots loss and accuracy by epoch into a PNG, replacing an old one.

    Args:
        runs: The runs; seeds of one config have one color.
        target: Path of the PNG.
        labels: Labels by the folders of runs, in place of their names.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(plot_learning_curves(runs, labels))
    with atomic_write(target) as file:
        canvas.print_png(file)


def render_learning_curves(runs: Sequence[Run]) -> np.ndarray:
    """Returns the plot of `save_learning_curves`, uint8 `[H, W, 3]`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(plot_learning_curves(runs))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def plot_learning_curves(
    runs: Sequence[Run], labels: Mapping[pathlib.Path, str] = NO_OPTIONS
) -> Figure:
    """Returns a figure of loss and accuracy by epoch, both splits.

    Args:
        runs: The runs; seeds of one config have one color.
        labels: Labels by the folders of runs, in place of their names.
    """
    from matplotlib.figure import Figure

    histories = {run.path: run.history for run in runs}
    columns = [
        column
        for column in TITLES
        if any(_points(rows, column) for rows in histories.values())
    ]
    figure = Figure(figsize=(6 * max(len(columns), 1), 4.5), dpi=110)
    figure.set_layout_engine("constrained")
    for position, column in enumerate(columns, 1):
        axes = figure.add_subplot(1, len(columns), position)
        for index, group in enumerate(group_by_config(runs)):
            label = _label(group, labels)
            _plot_config(axes, index, group, histories, column, label)
        axes.set_xlabel("epoch")
        axes.set_title(TITLES[column])
        axes.xaxis.get_major_locator().set_params(integer=True)
        if column == "val_loss" and _needs_log(histories.values(), column):
            axes.set_yscale("log")  # else a bad run hides all others
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return figure


def _needs_log(histories: Iterable, column: str) -> bool:
    values = [v for rows in histories for _, v in _points(rows, column)]
    return min(values) > 0 and max(values) > LOG_SCALE_RATIO * min(values)


def _plot_config(
    axes: Any,
    index: int,
    group: Sequence[Run],
    histories: dict,
    column: str,
    label: str | None,
) -> None:
    """Plots thin lines for each seed; the first of them has the label."""
    color = COLORS[index % len(COLORS)]
    style = LINE_STYLES[index // len(COLORS) % len(LINE_STYLES)]
    for run in group:
        points = _points(histories[run.path], column)
        if not points:
            continue
        marker = "o" if len(points) == 1 else None
        axes.plot(
            *zip(*points, strict=True),
            color=color,
            linestyle=style,
            linewidth=1.2,
            marker=marker,
            label=label,
        )
        label = None
        training = _points(histories[run.path], TRAINING[column])
        if training:
            axes.plot(
                *zip(*training, strict=True),
                color=color,
                linestyle=DOTTED,
                linewidth=1.0,
                marker=marker,
            )


def _label(group: Sequence[Run], labels: Mapping[pathlib.Path, str]) -> str:
    name = labels.get(group[0].path, group[0].name)
    if len(name) > MAX_LABEL_CHARS:
        name = f"{name[: MAX_LABEL_CHARS - 3]}..."
    # Matplotlib reads $...$ as a formula and hides labels that start with _.
    name = name.replace("$", r"\$")
    name = f" {name}" if name.startswith("_") else name
    return name if len(group) == 1 else f"{name} ({len(group)} seeds)"


def _points(rows: list[dict], column: str) -> list[tuple[float, float]]:
    return [
        (row["epoch"], row[column])
        for row in rows
        if row.get(column) is not None
    ]
