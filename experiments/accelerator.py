"""Trains Wide ResNets on an accelerator and measures its utilization.

    python -m experiments.accelerator                  94%, minutes
    python -m experiments.accelerator --whole          the papers, hours
    python -m experiments.accelerator --budget=smoke   does it run?

Measures the matrix multiplications of the device, runs the suite `accelerator`,
and prints images per second and the fraction of that rate which training
reaches. The same command resumes. `zoo evaluate RUN --split=test` evaluates the
test images of a run, and `python -m experiments.record_results RUN` records it.
`--matrix_rate` prints the rates of the device alone, as JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from zoo.config import DEFAULTS
from zoo.console import format_table
from zoo.errors import Interrupted, UserError
from zoo.io import atomic_write
from zoo.runs import Run
from zoo.tuning import suites

SUITE = "accelerator"
NUM_SHORT = 1  # recipes, without --whole
SIZES = {"cpu": (512, 1024, 2048), "gpu": (4096, 8192)}  # of square matrices
FORMATS = ("float32", "bfloat16")
MIN_SECONDS = 0.5  # of a measurement
# Forward, gradients of activations and of weights, two operations each.
FLOP_PER_MULTIPLY_ADD = 6
HEADER = ("recipe", "images/s", "TFLOP/s", "utilization", "seconds")


def main(argv: list[str] | None = None) -> int:
    """Trains and prints the utilization; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m experiments.accelerator",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--matrix_rate", action="store_true")
    parser.add_argument("--budget", choices=("smoke", "full"), default="full")
    parser.add_argument("--runs_dir", default=DEFAULTS["runs_dir"])
    parser.add_argument("--data_dir")
    flags = parser.parse_args(argv)
    if flags.matrix_rate:
        print(json.dumps(measure_device()))
        return 0
    try:
        return _train(flags)
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    except Interrupted:
        print("stopped; the same command resumes.", file=sys.stderr)
        return 130


def _train(flags: argparse.Namespace) -> int:
    suite = suites.find_suite(SUITE)
    if not flags.whole:
        suite = dataclasses.replace(suite, labels=suite.labels[:NUM_SHORT])
    suites.check_data(suite, flags.data_dir)
    device = _measure_in_subprocess()
    if device["device"] == "cpu" and flags.budget == "full":
        raise UserError(
            "Keras finds no accelerator, and on a CPU this takes days; `zoo "
            "reproduce cifar10` takes an hour, and `zoo doctor` lists the GPUs."
        )
    root = suites.run_folder(suite, flags.budget, flags.runs_dir)
    suite_run = suites.SuiteRun(suite, flags.budget, 1, root, flags.data_dir)
    suite_run.train(1, _say)
    rows = {}
    for label, multirun in suite_run.groups.items():
        spec = multirun.specs[0]
        if (label, spec.config.seed) not in suite_run.failures:
            rows[label] = speed(multirun.run(spec), device["flop_per_second"])
    with atomic_write(root / "speed.json") as file:
        content = {**device, "recipes": rows}
        file.write(f"{json.dumps(content, indent=1)}\n".encode())
    _say(f"\n{table(device, rows)}")
    return 0 if len(rows) == len(suite.labels) else 2


def _say(line: str) -> None:
    print(line, flush=True)


def _measure_in_subprocess() -> dict[str, Any]:
    """Measures in a process of its own, which frees the device."""
    command = [sys.executable, "-m", "experiments.accelerator", "--matrix_rate"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise UserError(
            f"the device could not be measured: {last}; `zoo doctor` may find "
            "the reason."
        )
    return json.loads(done.stdout.splitlines()[-1])


def speed(run: Run, rates: dict[str, float]) -> dict[str, Any]:
    """Returns the throughput of a run, and the utilization of the device.

    Args:
        run: A finished run.
        rates: Floating-point operations per second of matrix products, by
            format.
    """
    metrics, resolved = run.metrics, run.resolved
    images = metrics["examples_per_second"]
    flop = FLOP_PER_MULTIPLY_ADD * resolved["multiply_adds"] * images
    return {
        "precision": resolved["precision"],
        "images_per_second": images,
        "flop_per_second": flop,
        "utilization": flop / rates[resolved["precision"]],
        "seconds": metrics["wall_seconds"],
    }


def table(device: dict[str, Any], rows: dict[str, dict]) -> str:
    """Returns speeds as text, below the rates of the device."""
    cells = [
        (
            label,
            f"{row['images_per_second']:,.0f}",
            f"{row['flop_per_second'] / 1e12:.3g}",
            f"{100 * row['utilization']:.0f}% in {row['precision']}",
            f"{row['seconds']:,.0f}",
        )
        for label, row in rows.items()
    ]
    rates = ", ".join(
        f"{rate / 1e12:.3g} TFLOP/s in {name}"
        for name, rate in device["flop_per_second"].items()
    )
    return f"{device['device']}: matrix products at {rates}\n" + (
        format_table(HEADER, cells, (1, 2, 4))
    )


def measure_device() -> dict[str, Any]:
    """Returns the device, and operations per second of matrix products.

    In float32 and in bfloat16: the most that a training step can reach.
    """
    from zoo import backend
    from zoo.training.results import describe_machine

    device = describe_machine()["device"]
    sizes = SIZES["gpu" if backend.has_accelerator() else "cpu"]
    rates = {name: max(_rate(size, name) for size in sizes) for name in FORMATS}
    return {"device": device, "flop_per_second": rates}


def _rate(size: int, name: str) -> float:
    """Returns operations per second for matrices of one size and format."""
    product = _product(size, name)
    product(1)  # compiles
    calls = 1
    while True:
        start = time.perf_counter()
        product(calls)
        seconds = time.perf_counter() - start
        if seconds > MIN_SECONDS:
            return 2 * size**3 * calls / seconds
        calls *= 2


def _product(size: int, name: str) -> Callable[[int], None]:
    """Returns a function that multiplies a number of times and waits."""
    import keras

    matrix = keras.random.normal((size, size), seed=0)
    matrix = keras.ops.cast(matrix, name)
    step = _compiled(keras.ops.matmul)

    def product(calls: int) -> None:
        for _ in range(calls):
            result = step(matrix, matrix)
        float(keras.ops.cast(result[0, 0], "float32"))  # waits

    return product


def _compiled(function: Callable) -> Callable:
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function)


if __name__ == "__main__":
    sys.exit(main())
