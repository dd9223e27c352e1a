"""Trains on an accelerator what two processor cores cannot, by one command.

    python -m experiments.accelerator                 94 %, in minutes
    python -m experiments.accelerator --whole         the paper's recipes, hours
    python -m experiments.accelerator --scale=smoke   does it run, anywhere?

Measures how fast the device multiplies matrices, climbs the ladder
`accelerator`, and tells images a second and the share of that rate which
training reached. Stopped at any moment, the same command goes on.
`zoo evaluate RUN --split=test` opens the test images of a run, and
`python -m experiments.record RUN` keeps what it reached.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys
from typing import Any

from experiments import ladders
from experiments.commands import DONE, FAILED, ended, say
from zoo.config import DEFAULTS
from zoo.console import format_table
from zoo.errors import UserError
from zoo.io import atomic_write
from zoo.runs import Run

LADDER = "accelerator"
SHORT = 1  # rungs, without --whole
RATE = "experiments.matrix_rate"
# Forward, gradients of activations and of weights, two operations each.
FLOP_A_MULTIPLY_ADD = 6
HEADS = ("rung", "images a second", "TFLOP/s", "share of products", "seconds")


def main(argv: list[str] | None = None) -> int:
    """Trains and tells; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m experiments.accelerator",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--scale", choices=("smoke", "full"), default="full")
    parser.add_argument("--runs_dir", default=DEFAULTS["runs_dir"])
    parser.add_argument("--data_dir")
    flags = parser.parse_args(argv)
    return ended(lambda: _train(flags))


def _train(flags: argparse.Namespace) -> int:
    ladder = ladders.find(LADDER)
    if not flags.whole:
        ladder = dataclasses.replace(ladder, labels=ladder.labels[:SHORT])
    ladders.check_data(ladder, flags.data_dir)
    best = _matrix_rate()
    if best["device"] == "cpu" and flags.scale == "full":
        raise UserError(
            "there is no accelerator that Keras can use, and on a processor "
            "this takes days; `make ladder LADDER=cifar10` takes an hour, and "
            "`zoo doctor` says what it sees."
        )
    from experiments.climbing import Climb

    root = pathlib.Path(flags.runs_dir, f"ladder-{LADDER}-{flags.scale}")
    climb = Climb(ladder, flags.scale, 1, root, flags.data_dir)
    climb.train(1, say)
    rows = {
        label: speed(group.run(group.members[0]), best["flop_a_second"])
        for label, group in climb.groups.items()
        if not climb.reasons.get((label, group.members[0].config.seed))
    }
    with atomic_write(root / "speed.json") as file:
        told = {**best, "rungs": rows}
        file.write(f"{json.dumps(told, indent=1)}\n".encode())
    say(f"\n{table(best, rows)}")
    return DONE if len(rows) == len(ladder.labels) else FAILED


def _matrix_rate() -> dict[str, Any]:
    """Measures in a process of its own, which lets go of the device."""
    done = subprocess.run(
        [sys.executable, "-m", RATE], capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise UserError(
            f"the device could not be measured: {last}; `zoo doctor` looks for "
            "the reason."
        )
    return json.loads(done.stdout.splitlines()[-1])


def speed(run: Run, rates: dict[str, float]) -> dict[str, Any]:
    """Returns what a run's training reached of the device.

    Args:
        run: finished.
        rates: floating-point operations a second of products, by format.
    """
    metrics, resolved = run.metrics, run.resolved
    images = metrics["examples_per_second"]
    flop = FLOP_A_MULTIPLY_ADD * resolved["multiply_adds"] * images
    return {
        "precision": resolved["precision"],
        "images_a_second": images,
        "flop_a_second": flop,
        "share": flop / rates[resolved["precision"]],
        "seconds": metrics["wall_seconds"],
    }


def table(best: dict[str, Any], rows: dict[str, dict]) -> str:
    """Returns speeds as text, below the device's own rates."""
    cells = [
        (
            label,
            f"{row['images_a_second']:,.0f}",
            f"{row['flop_a_second'] / 1e12:.3g}",
            f"{100 * row['share']:.0f} % in {row['precision']}",
            f"{row['seconds']:,.0f}",
        )
        for label, row in rows.items()
    ]
    rates = ", ".join(
        f"{rate / 1e12:.3g} TFLOP/s in {name}"
        for name, rate in best["flop_a_second"].items()
    )
    return f"{best['device']}: products of matrices at {rates}\n" + (
        format_table(HEADS, cells, (1, 2, 4))
    )


if __name__ == "__main__":
    sys.exit(main())
