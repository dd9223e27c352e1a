"""Trainings of all sides by turns, and what their reports amount to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.asked import Asked, Report, Row
from benchmarks.cases import Case
from benchmarks.columns import at_least, columns, span
from benchmarks.sides import Side, formats

Round = dict[str, Report]  # by the name of a side


def measure(asked: Asked) -> list[Row]:
    """Trains every case on every side, A B C, C B A, ...; a row a case."""
    return [_measure_case(case, asked) for case in asked.cases]


def _measure_case(case: Case, asked: Asked) -> Row:
    ours = formats(case, asked.have_bfloat16)
    asked.say(f"training of {case.name} on {case.images}")
    rounds = run_rounds(
        [*ours, *asked.peers], case.rounds, asked, **asked.about(case)
    )
    return {
        "key": case.name,
        "images": case.images,
        "stand_in": asked.images.stand_in(case.dataset),
        **compare(rounds, case, ours, asked.peers),
    }


def run_rounds(
    sides: Sequence[Side], most: int, asked: Asked, **task: Any
) -> list[Round]:
    """Runs all sides by turns, every second round from the last to the first.

    Args:
        most: rounds.
        task: what all of them are told.
    """
    return [
        {
            side.name: asked.run(side.trains, **task, **side.task)
            for side in (sides if number % 2 == 0 else sides[::-1])
        }
        for number in range(asked.rounds(most))
    ]


def compare(
    rounds: list[Round], case: Case, ours: Sequence[Side], peers: Sequence[Side]
) -> dict[str, Any]:
    """Returns medians of each side, and of the ratios in each round."""
    whole = case.is_whole
    sides = {
        side.name: summarize([found[side.name] for found in rounds], whole)
        for side in (*ours, *peers)
    }
    ratios = [
        {
            "ours": mine.name,
            "peer": peer.name,
            "expected": case.expected(mine.name, peer.name),
            **ratio(
                [(found[mine.name], found[peer.name]) for found in rounds],
                whole,
            ),
        }
        for mine in ours
        for peer in peers
    ]
    return {"whole": whole, "sides": sides, "ratios": ratios}


def ratio(pairs: list[tuple[Report, Report]], whole: bool) -> dict[str, Any]:
    """Returns the median of the paired ratios, and all of them."""
    found = [rate(ours, whole) / rate(theirs, whole) for ours, theirs in pairs]
    cpu = [cpu_seconds(theirs) / cpu_seconds(ours) for ours, theirs in pairs]
    return {
        "ratio": statistics.median(found),
        "ratios": found,
        "cpu_ratio": statistics.median(cpu) if whole else None,
    }


def summarize(reports: Sequence[Report], whole: bool) -> dict[str, float]:
    """Returns the medians of one side."""
    rates = [rate(report, whole) for report in reports]
    return {
        "examples_per_second": statistics.median(rates),
        "cpu_seconds_an_epoch": statistics.median(map(cpu_seconds, reports)),
        "first_step_seconds": statistics.median(map(to_first_step, reports)),
        "val_accuracy": statistics.median(r["val_accuracy"] for r in reports),
        "val_examples": reports[0]["val_examples"],
        "peak_bytes": statistics.median(r["peak_bytes"] for r in reports),
    }


def rate(report: Report, whole: bool = True) -> float:
    """Returns training images a second over all epochs but the first.

    Args:
        whole: count whole epochs, with validation, summaries and checkpoints;
            else their updates alone.
    """
    ends = report["epoch_ends"]
    seconds = ends[-1] - ends[0]
    if not whole:
        seconds = sum(report["update_seconds"][1:])
    return report["examples"] * (len(ends) - 1) / seconds


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


def table(rows: list[Row]) -> str:
    """Returns speeds, and below them first steps and accuracies."""
    return f"{_speeds(rows)}\n\n{_results(rows)}"


def _speeds(rows: list[Row]) -> str:
    head = ["case", "images", "zoo", "", "peer", "", "ratio", "range"]
    cells = [[*head, "rounds", "expected", "cpu"]]
    for row in rows:
        for found in row["ratios"]:
            ours, peer = found["ours"], found["peer"]
            cpu = found["cpu_ratio"]
            cells.append(
                [
                    row["key"],
                    row["images"],
                    _rate(row, ours),
                    ours,
                    _rate(row, peer),
                    peer,
                    f"{found['ratio']:.2f}",
                    span(found["ratios"]),
                    str(len(found["ratios"])),
                    at_least(found["expected"]),
                    f"{cpu:.2f}" if cpu else "",
                ]
            )
    title = (
        "training images a second, the first epoch left out: over whole "
        "epochs with validation,\nsummaries and checkpoints, or, on a part of "
        "a data set, over updates alone; cpu: ratio by\nprocessor time"
    )
    return f"{title}\n{columns(cells)}"


def _rate(row: Row, side: str) -> str:
    return f"{row['sides'][side]['examples_per_second']:,.0f}"


def _results(rows: list[Row]) -> str:
    head = ["case", "", "first step", "", "peer's", "val", "peer's"]
    cells = [[*head, "95 % of the difference", ""]]
    for row in rows:
        for found in row["ratios"]:
            ours = row["sides"][found["ours"]]
            peer = row["sides"][found["peer"]]
            low, high = accuracy_gap(ours, peer)
            cells.append(
                [
                    row["key"],
                    found["ours"],
                    f"{ours['first_step_seconds']:.2f} s",
                    found["peer"],
                    f"{peer['first_step_seconds']:.2f} s",
                    f"{ours['val_accuracy']:.4f}",
                    f"{peer['val_accuracy']:.4f}",
                    f"{100 * low:+.1f} to {100 * high:+.1f} %",
                    "" if low <= 0 <= high else "not the same",
                ]
            )
    title = (
        "from images in memory to the first step, and validation accuracy at "
        "the end; the interval\nis that of our accuracy minus the peer's"
    )
    return f"{title}\n{columns(cells)}"


def accuracy_gap(ours: dict, theirs: dict) -> tuple[float, float]:
    """Returns the 95 % interval of our accuracy minus the peer's, -1..1."""
    from zoo import metrics

    mine, others = (
        metrics.binomial_ci(
            round(side["val_accuracy"] * side["val_examples"]),
            side["val_examples"],
        )
        for side in (ours, theirs)
    )
    found = metrics.difference_ci(mine, others)
    return found.low, found.high
