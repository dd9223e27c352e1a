"""Ours and a peer's training by turns, and what their reports amount to."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable
from typing import Any

from benchmarks.cases import OURS, PEERS, Case

Report = dict[str, Any]


def measure(
    case: Case,
    peer: str,
    repeats: int,
    images: str,
    run: Callable[..., Report],
) -> dict[str, Any]:
    """Trains A B A B ... and returns the comparison.

    Args:
        case: what to train.
        peer: a key of `PEERS`.
        repeats: pairs; the figures are medians over them.
        images: path of the images.
        run: from a module and its task to a report.
    """
    task = {"case": dataclasses.asdict(case), "images": images}
    pairs = [
        (run(OURS, **task), run(PEERS[peer], **task)) for _ in range(repeats)
    ]
    return {
        "case": case.name,
        "peer": peer,
        "expected": case.expected,
        **compare(pairs),
    }


def compare(pairs: list[tuple[Report, Report]]) -> dict[str, Any]:
    """Returns the median of the paired ratios, and both sides' figures."""
    ratios = [rate(ours) / rate(theirs) for ours, theirs in pairs]
    cpu = [cpu_seconds(theirs) / cpu_seconds(ours) for ours, theirs in pairs]
    ours, theirs = zip(*pairs, strict=True)
    return {
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "cpu_ratio": statistics.median(cpu),
        "ours": summarize(ours),
        "theirs": summarize(theirs),
    }


def summarize(reports: tuple[Report, ...]) -> dict[str, float]:
    """Returns the medians of one side."""
    return {
        "examples_per_second": statistics.median(map(rate, reports)),
        "cpu_seconds_an_epoch": statistics.median(map(cpu_seconds, reports)),
        "first_step_seconds": statistics.median(map(to_first_step, reports)),
        "val_accuracy": statistics.median(r["val_accuracy"] for r in reports),
        "peak_bytes": statistics.median(r["peak_bytes"] for r in reports),
    }


def rate(report: Report) -> float:
    """Returns training images a second over all epochs but the first.

    Whole epochs count: validation, summaries and checkpoints too.
    """
    ends = report["epoch_ends"]
    return report["examples"] * (len(ends) - 1) / (ends[-1] - ends[0])


def cpu_seconds(report: Report) -> float:
    """Returns processor seconds of an epoch, over all but the first.

    Summed over cores. Other work on the machine changes it little.
    """
    ends = report["cpu_at_ends"]
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def to_first_step(report: Report) -> float:
    """Returns seconds from images at hand to the end of the first step.

    Building, tracing and compiling; where several updates run at once, all
    of these.
    """
    moments = report["moments"]
    return moments["first_step"] - moments["loaded"]
