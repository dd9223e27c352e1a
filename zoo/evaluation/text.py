"""The metrics of evaluated runs as text: one run in full, several as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoo.console import format_interval, format_percent, format_table
from zoo.evaluation import test_set
from zoo.evaluation.evaluate import SPLITS, TOP_K
from zoo.evaluation.statistics import format_repeated, format_seeds

MIRROR_NOTE = (
    "Half of the views are mirror images, which may be of another class here."
)


def format_result(result: dict[str, Any]) -> str:
    """Returns one result as text: all metrics, then a row for each class."""
    blocks = [_format_head(result), _format_metrics(result)]
    if "classes" in result:
        blocks.append(format_classes(result["classes"]))
    return "\n\n".join(blocks)


def format_results(results: Sequence[dict], configs: Sequence[dict]) -> str:
    """Returns several results as text: a row a run, then a row a config.

    Args:
        results: Of runs on one split.
        configs: What `summarize_seeds` returns for them.
    """
    first = results[0]
    head = f"{len(results)} runs on {SPLITS[first['split']]} examples"
    blocks = [head, _format_runs(results)]
    if "tta" in first:
        blocks.append(_format_tta(results))
    if any(len(config["runs"]) > 1 for config in configs):
        blocks.append(_format_configs(configs))
        if "tta" in first:
            views = [{**config, **config["tta"]} for config in configs]
            blocks.append(
                _format_configs(views, f" with {first['tta']['views']} views")
            )
    repeated = [name for config in configs for name in config["repeated"]]
    if repeated:
        blocks.append(format_repeated(repeated))
    if first["split"] == "test":
        blocks.append(_format_test_evaluations(results))
    return "\n\n".join(blocks)


def _format_head(result: dict) -> str:
    split = SPLITS[result["split"]]
    text = f"{result['run']}, {split}: {result['examples']:,} examples"
    if "random_labels" in result:
        changed = result["random_labels"]["changed"]
        text += (
            f"\nevaluated by the true labels; {changed:,} were randomized in "
            "training"
        )
    if result["split"] == "test":
        text += f"\n{test_set.describe_count(result['test_evaluations'])}"
    return text


def _format_metrics(result: dict) -> str:
    if "r2" in result:
        r2 = "-" if result["r2"] is None else f"{result['r2']:.4f}"
        return (
            f"mean squared error {result['mean_squared_error']:.4g}, "
            f"R2 {r2} (0 for always predicting the mean)"
        )
    rows = [_accuracy_row("accuracy", "", result), *_corrected_row(result)]
    if "tta" in result:
        name = f"with {result['tta']['views']} views"
        rows.append(_accuracy_row(name, "", result["tta"]))
    if "random_labels" in result:
        drawn = result["random_labels"]
        rows.append(_accuracy_row("by random labels", "", drawn))
    balanced = format_percent(result["balanced_accuracy"])
    rows.append(("balanced accuracy", f"{balanced}%", "mean recall of classes"))
    if f"top{TOP_K}_accuracy" in result:
        name = f"top-{TOP_K} accuracy"
        rows.append(_accuracy_row(name, f"top{TOP_K}_", result))
    rows += _loss_rows(result)
    text = "\n".join(
        f"{name:<18}{value:>8}   {note}".rstrip() for name, value, note in rows
    )
    if "tta" in result and not result["tta"]["mirror_safe"]:
        text += f"\n\n{MIRROR_NOTE}"
    return text


def _accuracy_row(name: str, prefix: str, result: dict) -> tuple[str, str, str]:
    low = result[f"{prefix}accuracy_low"]
    high = result[f"{prefix}accuracy_high"]
    correct = result[f"{prefix}correct"]
    return (
        name,
        f"{format_percent(result[f'{prefix}accuracy'])}%",
        f"95% CI {format_interval(low, high)}; {correct:,} correct",
    )


def _corrected_row(result: dict) -> list[tuple[str, str, str]]:
    text = format_corrected(result)
    return [("", "", text)] if text else []


def format_corrected(result: dict) -> str:
    """Returns the interval corrected for several test-set evaluations."""
    corrected = result.get("corrected")
    if not corrected or corrected["test_evaluations"] == 1:
        return ""
    ends = corrected["accuracy_low"], corrected["accuracy_high"]
    return (
        f"{format_interval(*ends)} for "
        f"{corrected['test_evaluations']} evaluations (Bonferroni)"
    )


def _loss_rows(result: dict) -> list[tuple[str, str, str]]:
    likelihood, loss = result["negative_log_likelihood"], result["loss"]
    note = "negative log-likelihood in nats"
    rows = [("loss", f"{loss:.4f}", note)]
    if loss != likelihood:
        rows = [
            ("loss", f"{loss:.4f}", "as minimized"),
            ("cross-entropy", f"{likelihood:.4f}", note),
        ]
    error = format_percent(result["expected_calibration_error"])
    return [
        *rows,
        ("calibration error", f"{error}%", "expected (ECE), 15 bins"),
        ("Brier score", f"{result['brier_score']:.4f}", "0 is best, 2 worst"),
    ]


def format_classes(rows: Sequence[dict]) -> str:
    """Returns a row for each class: precision, and recall with its interval."""
    return format_table(
        ("class", "examples", "correct", "precision", "recall", "95% CI"),
        [
            (
                row["class"],
                f"{row['examples']:,}",
                f"{row['correct']:,}",
                format_percent(row["precision"]),
                format_percent(row["recall"]),
                format_interval(row["recall_low"], row["recall_high"]),
            )
            for row in rows
        ],
        right=(1, 2, 3, 4),
    )


def _format_tta(results: Sequence[dict]) -> str:
    """Returns a row a run: its accuracy with test-time augmentation."""
    first = results[0]["tta"]
    head = f"with {first['views']} views per image (--tta={first['kind']})\n"
    if not all(result["tta"]["mirror_safe"] for result in results):
        head += f"{MIRROR_NOTE}\n"
    return head + format_table(
        ("run", "correct", "accuracy", "95% CI"),
        [
            (
                result["run"],
                f"{result['tta']['correct']:,}",
                format_percent(result["tta"]["accuracy"]),
                format_interval(
                    result["tta"]["accuracy_low"],
                    result["tta"]["accuracy_high"],
                ),
            )
            for result in results
        ],
        right=(1, 2),
    )


def _format_runs(results: Sequence[dict]) -> str:
    if "r2" in results[0]:
        return format_table(
            ("run", "examples", "mean squared error", "R2"),
            [
                (
                    r["run"],
                    f"{r['examples']:,}",
                    f"{r['mean_squared_error']:.4g}",
                    "-" if r["r2"] is None else f"{r['r2']:.4f}",
                )
                for r in results
            ],
            right=(1, 2, 3),
        )
    return format_table(
        ("run", "examples", "correct", "accuracy", "95% CI", "loss"),
        [
            (
                r["run"],
                f"{r['examples']:,}",
                f"{r['correct']:,}",
                format_percent(r["accuracy"]),
                format_interval(r["accuracy_low"], r["accuracy_high"]),
                f"{r['loss']:.4f}",
            )
            for r in results
        ],
        right=(1, 2, 3, 5),
    )


def _format_configs(configs: Sequence[dict], note: str = "") -> str:
    """Returns a row for each config: its seeds, and how they vary."""
    rows = [
        (
            config["runs"][0],
            format_seeds(config["seeds"]),
            _format_score(config, "mean"),
            _format_score(config, "std"),
            f"{_format_score(config, 'low')} to {_format_score(config, 'high')}"
            if config["low"] is not None
            else "-",
        )
        for config in configs
    ]
    score = "R2" if configs[0]["score"] == "r2" else "accuracy"
    heads = ("config of", "seeds", f"mean {score}{note}", "std")
    return format_table((*heads, "95% CI over seeds"), rows, (2, 3))


def _format_score(config: dict, name: str) -> str:
    value = config[name]
    if config["score"] != "r2":
        return format_percent(value)
    return "-" if value is None else f"{value:.4f}"


def _format_test_evaluations(results: Sequence[dict]) -> str:
    """Returns the count of evaluations, and intervals corrected for it."""
    count = max(result["test_evaluations"] for result in results)
    lines = [test_set.describe_count(count)]
    for result in results:
        if text := format_corrected(result):
            lines.append(f"{result['run']}: {text}")
    return "\n".join(lines)
