"""What `zoo evaluate --dataset` prints: the original beside the new score."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from zoo.console import format_table
from zoo.evaluation.opening import verdict
from zoo.evaluation.words import SPLITS, between, classes_table, percent

COLUMNS = 80
PARTS = {**SPLITS, "all": "all of it"}
HEADS = ("examples", "right", "accuracy", "95 % interval")


def text(results: Sequence[dict[str, Any]]) -> str:
    """Returns results on one data set as text; of one run class by class."""
    first = results[0]
    blocks = [_head(results)]
    blocks += [_scores(result, len(results) > 1) for result in results]
    if len(results) == 1:
        rows = [row for row in first["classes"] if row["examples"]]
        blocks.append(classes_table(rows))
    return "\n\n".join(blocks)


def _head(results: Sequence[dict]) -> str:
    first = results[0]
    who = first["run"] if len(results) == 1 else f"{len(results)} runs"
    lines = [
        f"{who} on {first['dataset']}, {PARTS[first['split']]}: "
        f"{first['examples']:,} examples, each scored once"
    ]
    if first["split"] in ("test", "all"):
        lines.append(verdict(max(result["openings"] for result in results)))
    return "\n".join(lines)


def _scores(result: dict, named: bool) -> str:
    """Returns the rows of one run, and what there is to say of them."""
    original, drop = result["original"], result["drop"]
    rows = [_row("new", result)]
    if original:
        rows.insert(0, _row(f"original ({original['split']})", original))
        ends = between(drop["low"], drop["high"])
        rows.append(("drop in points", "", "", percent(drop["value"]), ends))
    lines = [format_table(("", *HEADS), rows, right=(1, 2, 3))]
    corrected = result.get("corrected")
    if corrected and corrected["openings"] > 1:
        ends = between(corrected["accuracy_low"], corrected["accuracy_high"])
        looks = f"{corrected['openings']} looks (Bonferroni)"
        lines.append(f"new: {ends} corrected for {looks}")
    lines += [part for note in _notes(result) for part in _wrapped(note)]
    return "\n".join([result["run"]] * named + lines)


def _row(name: str, share: dict) -> tuple[str, ...]:
    return (
        name,
        f"{share['examples']:,}",
        f"{share['correct']:,}",
        percent(share["accuracy"]),
        between(share["accuracy_low"], share["accuracy_high"]),
    )


def _notes(result: dict) -> list[str]:
    original = result["original"]
    if original is None:
        first = (
            "no validation images were held out and no test split was opened, "
            "so that there is no original to compare with"
        )
    else:
        from_test = original["split"] == "test"
        why = {
            True: "test split, as it was opened before",
            False: "validation examples of the best epoch, a little too good; "
            "its test split stays sealed",
        }[from_test]
        first = f"original: {original['dataset']}, {why}"
    return [first, *result["notes"]]


def _wrapped(note: str) -> list[str]:
    return textwrap.wrap(
        f"- {note}", COLUMNS, subsequent_indent="  ", break_on_hyphens=False
    )
