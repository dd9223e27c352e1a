"""The results as a person reads them."""

from __future__ import annotations

from typing import Any


def text(results: dict[str, Any]) -> str:
    """Returns all tables, one below the other."""
    machine = ", ".join(f"{k} {v}" for k, v in results["machine"].items())
    parts = [machine]
    if results["stand_in"]:
        parts.append(results["stand_in"])
    if results["pairs"]:
        parts += [_speed(results["pairs"]), _first_steps(results["pairs"])]
    if results["looks"]:
        parts.append(_looks(results["looks"]))
    if results["sweeps"]:
        parts.append(_sweeps(results["sweeps"]))
    parts += [_startup(results["startup"]), _memory(results["memory"])]
    return "\n\n".join(parts)


def columns(rows: list[list[str]]) -> str:
    """Lines up cells: the first column to the left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _speed(pairs: list[dict]) -> str:
    rows = [["case", "zoo", "peer", "", "ratio", "range", "expected", "cpu"]]
    for pair in pairs:
        low, high = min(pair["ratios"]), max(pair["ratios"])
        rows.append(
            [
                pair["case"],
                f"{pair['ours']['examples_per_second']:,.0f}",
                f"{pair['theirs']['examples_per_second']:,.0f}",
                pair["peer"],
                f"{pair['ratio']:.2f}",
                f"{low:.2f} to {high:.2f}",
                f"{pair['expected']:.1f}" if pair["expected"] else "",
                f"{pair['cpu_ratio']:.2f}",
            ]
        )
    title = (
        "training images a second over whole epochs, the first left out; "
        "cpu: ratio by processor time"
    )
    return f"{title}\n{columns(rows)}"


def _first_steps(pairs: list[dict]) -> str:
    rows = [["case", "zoo", "peer", "", "zoo val", "peer val"]]
    for pair in pairs:
        ours, theirs = pair["ours"], pair["theirs"]
        rows.append(
            [
                pair["case"],
                f"{ours['first_step_seconds']:.2f}",
                f"{theirs['first_step_seconds']:.2f}",
                pair["peer"],
                f"{ours['val_accuracy']:.4f}",
                f"{theirs['val_accuracy']:.4f}",
            ]
        )
    title = (
        "seconds from images in memory to the first step, "
        "and validation accuracy at the end"
    )
    return f"{title}\n{columns(rows)}"


def _looks(looks: list[dict]) -> str:
    rows = [["summaries", "kinds", "added", "range", "expected", "MB"]]
    for look in looks:
        for kinds, limit in (("default", 0.03), ("all", 0.15)):
            found = look[kinds]
            low, high = min(found["shares"]), max(found["shares"])
            rows.append(
                [
                    f"{look['look']}, {look['epochs']} epochs",
                    kinds,
                    f"{100 * found['share']:.1f} %",
                    f"{100 * low:.1f} to {100 * high:.1f} %",
                    f"at most {100 * limit:.0f} %",
                    f"{found['event_bytes'] / 1e6:.1f}",
                ]
            )
    title = (
        "what summaries add to the processor time of an epoch, and the size "
        "of the event files"
    )
    return f"{title}\n{columns(rows)}"


def _sweeps(sweeps: list[dict]) -> str:
    rows = [["sweep", "1 worker", "2", "ratio", "range", "expected"]]
    for found in sweeps:
        one, two = found["seconds"]
        low, high = min(found["ratios"]), max(found["ratios"])
        rows.append(
            [
                found["sweep"],
                f"{one:.0f} s",
                f"{two:.0f} s",
                f"{found['ratio']:.2f}",
                f"{low:.2f} to {high:.2f}",
                f"at least {found['expected']:.1f}",
            ]
        )
    title = "wall time of a sweep on two cores, trials of one thread"
    return f"{title}\n{columns(rows)}"


def _startup(lines: list[dict]) -> str:
    rows = [["wall time", "seconds", "expected"]]
    for line in lines:
        limit = line["expected"]
        rows.append(
            [
                line["command"],
                f"{line['seconds']:.2f}",
                f"below {limit:g}" if limit else "",
            ]
        )
    return columns(rows)


def _memory(lines: list[dict]) -> str:
    rows = [["peak resident memory", "GB", "expected"]]
    for line in lines:
        limit = line["expected"]
        rows.append(
            [
                line["command"],
                f"{line['peak_bytes'] / 1e9:.2f}",
                f"below {limit / 1e9:g}" if limit else "",
            ]
        )
    return columns(rows)
