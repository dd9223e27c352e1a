"""Measures speed, start-up and memory; prints and stores the results."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import (
    inference,
    results,
    scaling,
    startup,
    subprocesses,
    summary_overhead,
    time_to_accuracy,
    train_step,
    training,
)
from benchmarks.config import (
    BenchmarkConfig,
    Row,
    SharedImages,
    choose_cases,
    find_installed,
    save_images,
)
from zoo import backend
from zoo.errors import UserError, unknown_name_error


def main(argv: list[str] | None = None) -> int:
    """Runs the benchmarks; returns the exit code."""
    flags = parse(argv)
    try:
        measured, path = measure(flags)
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    print(f"\n{format_results(measured)}\n\nwritten to {path}")
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the flags."""
    listed = "\n".join(
        f"  {part.name:<10} {part.about}, about {part.minutes:g} min"
        for part in PARTS
    )
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description=__doc__,
        epilog=f"parts, and their time on two idle cores:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help="part to measure (default: all)",
    )
    parser.add_argument(
        "--repeats",
        type=int,
        default=5,
        help="rounds of each case; long ones have fewer",
    )
    parser.add_argument(
        "--cases",
        help="comma-separated models, or cases such as lr/128 (default: all)",
    )
    parser.add_argument(
        "--out", help="output file (default: results/MACHINE.json)"
    )
    return parser.parse_args(argv)


def measure(flags: argparse.Namespace) -> tuple[dict, pathlib.Path]:
    """Measures and stores part by part; returns all results and their file."""
    chosen = choose_parts(flags.parts)
    cases = choose_cases(flags.cases)
    if flags.repeats < 1:
        raise UserError(f"--repeats={flags.repeats} is not a positive number.")
    about = results.describe_machine()
    path = pathlib.Path(flags.out or results.RESULTS / results.file_name(about))
    results.check_writable(path)
    measured = results.read_results(path, about)
    peers, missing = find_installed()
    have_bfloat16 = backend.cpu_has_bfloat16()
    if not have_bfloat16:
        missing.append("this CPU has no bfloat16; it is skipped.")
    for line in missing:
        print(line, flush=True)
    how = {
        "measured": datetime.date.today().isoformat(),
        "repeats": flags.repeats,
        "software": results.software(),
    }
    with tempfile.TemporaryDirectory() as folder:
        config = BenchmarkConfig(
            cases,
            flags.repeats,
            peers,
            have_bfloat16,
            SharedImages(folder, save_images),
            subprocesses.report,
            say,
        )
        for part in chosen:
            start = time.monotonic()
            rows = part.measure(config)
            measured = results.with_rows(measured, part.name, rows, how)
            results.write_results(path, measured)
            say_done(part.name, rows, time.monotonic() - start)
    return measured, path


def say(what: str) -> None:
    """Prints what is being measured."""
    print(f"measuring {what} ...", flush=True)


def say_done(part: str, rows: list[Any], seconds: float) -> None:
    """Prints that a part is done."""
    note = "" if rows else "; none of the --cases is measured by it"
    print(f"{part}: {seconds / 60:.1f} min{note}", flush=True)


@dataclasses.dataclass(frozen=True)
class Part:
    """One group of measurements.

    Attributes:
        about: What it measures.
        minutes: Time on two idle cores, with five repeats.
        measure: Measures; returns rows.
        table: Formats rows as text.
    """

    name: str
    about: str
    minutes: float
    measure: Callable[[BenchmarkConfig], list[Row]]
    table: Callable[[list[Row]], str]


PARTS = tuple(
    Part(name, about, minutes, measure, table)
    for name, about, minutes, measure, table in (
        (
            "startup",
            "start-up time of commands",
            1,
            startup.measure_startup,
            startup.startup_table,
        ),
        (
            "memory",
            "peak memory of a command",
            0.5,
            startup.measure_memory,
            startup.memory_table,
        ),
        (
            "training",
            "training next to Keras and PyTorch",
            29,
            training.measure,
            training.table,
        ),
        (
            "accuracy",
            "time to an accuracy next to Keras and PyTorch",
            60,
            time_to_accuracy.measure,
            time_to_accuracy.table,
        ),
        (
            "inference",
            "evaluation and prediction next to Keras and PyTorch",
            3,
            inference.measure,
            inference.table,
        ),
        (
            "utilization",
            "the training step next to matrix products",
            2.5,
            train_step.measure_utilization,
            train_step.utilization_table,
        ),
        (
            "ablations",
            "the training step without one of its properties",
            6,
            train_step.measure_ablations,
            train_step.ablations_table,
        ),
        (
            "batches",
            "batches alone, next to the training step",
            1.5,
            train_step.measure_batches,
            train_step.batches_table,
        ),
        (
            "summaries",
            "the cost of summaries",
            4,
            summary_overhead.measure,
            summary_overhead.table,
        ),
        (
            "scaling",
            "time and memory by images, width and depth",
            2,
            scaling.measure_scaling,
            scaling.scaling_table,
        ),
        (
            "sweeps",
            "a sweep with one and two workers",
            3.5,
            scaling.measure_sweeps,
            scaling.sweeps_table,
        ),
    )
)
BY_NAME = {part.name: part for part in PARTS}


def choose_parts(names: Sequence[str]) -> list[Part]:
    """Returns the parts of these names, in the order of the table.

    Args:
        names: Names of parts; none is all.

    Raises:
        UserError: one of them is not in the table.
    """
    for name in names:
        if name not in BY_NAME:
            raise unknown_name_error("part", name, BY_NAME, "")
    return [part for part in PARTS if not names or part.name in names]


def format_results(measured: dict[str, Any]) -> str:
    """Returns all tables."""
    found = [results.describe(measured["machine"])]
    for part in PARTS:
        if rows := measured["parts"].get(part.name):
            found.append(f"{heading(part.name, rows)}\n{part.table(rows)}")
    return "\n\n".join(found)


def heading(name: str, rows: list[Row]) -> str:
    """Returns the heading of a part: dates, repeats, software and notes."""
    days = sorted({row["measured"] for row in rows})
    day = " to ".join(dict.fromkeys([days[0], days[-1]]))
    counts = sorted({row["repeats"] for row in rows})
    repeats = " to ".join(map(str, dict.fromkeys([counts[0], counts[-1]])))
    lines = [f"== {name}, {day}, --repeats={repeats}"]
    lines += dict.fromkeys(results.describe(row["software"]) for row in rows)
    stand_ins = (row.get("stand_in") for row in rows)
    lines += dict.fromkeys(filter(None, stand_ins))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
