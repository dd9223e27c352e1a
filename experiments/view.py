"""What came of a climb: a table, and one picture of all curves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.climbing import Climb
from zoo.config import DEFAULTS
from zoo.console import format_table
from zoo.evaluation.comparison import drawing
from zoo.evaluation.words import between, percent
from zoo.tuning.repeating import summary

CURVES = "curves.png"
HEADS = ("rung", "seeds", "training", "validation", "95 % interval")
HEADS += ("loss", "seconds", "")


def show(climb: Climb, say: Callable[[str], None]) -> bool:
    """Prints the table, draws the picture; returns whether a run failed."""
    rows, failed, drawn = [], False, {}
    for rung in climb.rungs:
        repeats = climb.groups.get(rung.label)
        if repeats is None:
            rows.append(_without(rung.label, climb))
            failed = True
            continue
        found = summary.summarize(repeats)
        rows.append(_row(rung.label, found, climb, repeats))
        for member, row in zip(repeats.members, found["runs"], strict=True):
            run = repeats.run(member)
            failed |= row["status"] == "not started"
            if any(r.get("val_loss") is not None for r in _history(run)):
                drawn[run.path] = run, rung.label
    say("")
    say(format_table(HEADS, rows, (2, 3, 5, 6)))
    if drawn:
        labels = {path: label for path, (_, label) in drawn.items()}
        target = climb.root / CURVES
        drawing.save([run for run, _ in drawn.values()], target, labels)
        say(f"\npicture    {target}")
    if climb.scale == "smoke":
        say("scale      smoke: these runs show that it works, and nothing else")
    elif not failed:
        where = climb.root.parent
        where = (
            "" if str(where) == DEFAULTS["runs_dir"] else f"--runs_dir={where} "
        )
        say(f"record     python -m experiments.record {where}{climb.root.name}")
    return failed


def _history(run) -> list[dict[str, Any]]:
    return run.history if run.has_model else []


def _without(label: str, climb: Climb) -> tuple[str, ...]:
    reasons = [why for (rung, _), why in climb.reasons.items() if rung == label]
    why = reasons[0] if reasons else "not started"
    return (label, "", "-", "-", "-", "-", "-", f"failed: {why}")


def _row(
    label: str, found: dict[str, Any], climb: Climb, repeats
) -> tuple[str, ...]:
    """Returns a rung's line: of one run, or of the mean over its seeds."""
    (over,) = found["values"]
    alone = found["runs"][0] if len(found["runs"]) == 1 else over
    shares = found["score"] == "accuracy"
    return (
        label,
        ", ".join(map(str, over["seeds"])),
        percent(_training(repeats)),
        percent(over["mean"]) if shares else "-",
        between(alone["low"], alone["high"]) if shares else "-",
        "-" if over["loss"] is None else f"{over['loss']:.4g}",
        f"{over['wall_seconds']:.1f}",
        _remark(label, found, climb),
    )


def _training(repeats) -> float | None:
    """Returns the mean training accuracy of the last epochs."""
    runs = map(repeats.run, repeats.members)
    known = [r.metrics["train_accuracy"] for r in runs if r.has_model]
    known = [value for value in known if value is not None]
    return sum(known) / len(known) if known else None


def _remark(label: str, found: dict[str, Any], climb: Climb) -> str:
    """Says what is not as usual with runs."""
    words = []
    for row in found["runs"]:
        if row["status"] not in ("completed", "stopped_early"):
            why = climb.reasons.get((label, row["seed"]), "")
            status = (
                "failed" if row["status"] == "not started" else row["status"]
            )
            words.append(f"{status}: {why}" if why else status)
        elif row["status"] == "stopped_early":
            words.append("stopped early")
    return "; ".join(dict.fromkeys(words))
