"""What `zoo evaluate` prints: scores as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoo.console import format_table
from zoo.errors import UserError, join_or
from zoo.evaluation import drawn
from zoo.evaluation.opening import verdict

SPLITS = {"val": "validation", "train": "training", "test": "test"}


def check_split(split: str) -> None:
    """Raises `UserError` for a split that there is not."""
    if split not in SPLITS:
        raise UserError(
            f"--split={split} is not known; choose {join_or(SPLITS)}."
        )


def table(result: dict[str, Any]) -> str:
    """Returns one result as text: the total, then class by class."""
    blocks = [_head(result), _scores(result)]
    if "classes" in result:
        blocks.append(classes_table(result["classes"]))
    return "\n\n".join(blocks)


def several(results: Sequence[dict], recipes: Sequence[dict]) -> str:
    """Returns several results as text: a row a run, then a row a recipe.

    Args:
        results: of runs on one split.
        recipes: what `recipes_of` says of them.
    """
    first = results[0]
    head = f"{len(results)} runs on {SPLITS[first['split']]} examples"
    blocks = [head + ", each scored once", _runs(results)]
    if any(len(recipe["runs"]) > 1 for recipe in recipes):
        blocks.append(_recipes(recipes))
    if first["split"] == "test":
        blocks.append(_looks(results))
    return "\n\n".join(blocks)


def percent(share: float | None) -> str:
    """Writes 0.98765 as 98.77, and what is unknown as -."""
    return "-" if share is None else f"{100 * share:.2f}"


def between(low: float | None, high: float | None) -> str:
    """Writes the ends of an interval of shares in percent."""
    return "-" if low is None else f"{percent(low)} to {percent(high)}"


def _head(result: dict) -> str:
    split = SPLITS[result["split"]]
    text = (
        f"{result['run']}, {split}: {result['examples']:,} examples, "
        "each scored once"
    )
    text += drawn.about(result)
    if result["split"] == "test":
        text += f"\n{verdict(result['openings'])}"
    return text


def _scores(result: dict) -> str:
    if "r2" in result:
        r2 = "-" if result["r2"] is None else f"{result['r2']:.4f}"
        return (
            f"mean squared error {result['mean_squared_error']:.4g}, "
            f"R2 {r2} (0 for always predicting the mean)"
        )
    rows = [_share_row("accuracy", "", result), *_corrected_row(result)]
    if "drawn_labels" in result:
        rows.append(_share_row("of drawn labels", "", result["drawn_labels"]))
    mean = "the mean of the classes' recall"
    rows.append(
        ("balanced accuracy", f"{percent(result['balanced_accuracy'])} %", mean)
    )
    if "top5_accuracy" in result:
        rows.append(_share_row("among the top 5", "top5_", result))
    rows += _loss_rows(result)
    return "\n".join(
        f"{name:<18}{value:>8}   {about}".rstrip()
        for name, value, about in rows
    )


def _share_row(name: str, start: str, result: dict) -> tuple[str, str, str]:
    low, high = result[f"{start}accuracy_low"], result[f"{start}accuracy_high"]
    about = f"95 % interval {between(low, high)}; "
    about += f"{result[f'{start}correct']:,} right"
    return name, f"{percent(result[f'{start}accuracy'])} %", about


def _corrected_row(result: dict) -> list[tuple[str, str, str]]:
    found = result.get("corrected")
    if not found or found["openings"] == 1:
        return []
    ends = between(found["accuracy_low"], found["accuracy_high"])
    looks = f"{found['openings']} looks"
    return [("", "", f"{ends} corrected for {looks} (Bonferroni)")]


def _loss_rows(result: dict) -> list[tuple[str, str, str]]:
    likelihood, loss = result["negative_log_likelihood"], result["loss"]
    about = "nats: the negative log-likelihood"
    rows = [("loss", f"{loss:.4f}", about)]
    if loss != likelihood:
        rows = [
            ("loss", f"{loss:.4f}", "what was minimized"),
            ("cross-entropy", f"{likelihood:.4f}", about),
        ]
    error = percent(result["expected_calibration_error"])
    return [
        *rows,
        (
            "calibration error",
            f"{error} %",
            "confidence from accuracy, 15 bins",
        ),
        ("Brier score", f"{result['brier_score']:.4f}", "0 is best, 2 worst"),
    ]


def classes_table(rows: Sequence[dict]) -> str:
    """Returns a row for each class: precision, and recall with its interval."""
    return format_table(
        ("class", "examples", "right", "precision", "recall", "95 % interval"),
        [
            (
                row["class"],
                f"{row['examples']:,}",
                f"{row['correct']:,}",
                percent(row["precision"]),
                percent(row["recall"]),
                between(row["recall_low"], row["recall_high"]),
            )
            for row in rows
        ],
        right=(1, 2, 3, 4),
    )


def _runs(results: Sequence[dict]) -> str:
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
        ("run", "examples", "right", "accuracy", "95 % interval", "loss"),
        [
            (
                r["run"],
                f"{r['examples']:,}",
                f"{r['correct']:,}",
                percent(r["accuracy"]),
                between(r["accuracy_low"], r["accuracy_high"]),
                f"{r['loss']:.4f}",
            )
            for r in results
        ],
        right=(1, 2, 3, 5),
    )


def _recipes(recipes: Sequence[dict]) -> str:
    """Returns a row for each recipe: its seeds, and how they vary."""
    rows = [
        (
            recipe["runs"][0],
            ", ".join(map(str, recipe["seeds"])),
            _number(recipe, "mean"),
            _number(recipe, "deviation"),
            f"{_number(recipe, 'low')} to {_number(recipe, 'high')}"
            if recipe["low"] is not None
            else "-",
        )
        for recipe in recipes
    ]
    score = "R2" if recipes[0]["score"] == "r2" else "accuracy"
    heads = ("recipe of", "seeds", f"mean {score}", "deviation")
    return format_table((*heads, "95 % interval over seeds"), rows, (2, 3))


def _number(recipe: dict, name: str) -> str:
    value = recipe[name]
    if recipe["score"] != "r2":
        return percent(value)
    return "-" if value is None else f"{value:.4f}"


def _looks(results: Sequence[dict]) -> str:
    """Says how clean the test set is, and corrects for the looks."""
    openings = max(result["openings"] for result in results)
    lines = [verdict(openings)]
    for result in results:
        for _, _, about in _corrected_row(result):
            lines.append(f"{result['run']}: {about}")
    return "\n".join(lines)
