"""`zoo landscape [RUN]`: the loss as a function of the weights, in pictures."""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.config import DEFAULTS as TRAIN_DEFAULTS
from zoo.console import Progress, format_duration, tensorboard_command
from zoo.evaluation.landscape import DEFAULTS, OPTIONS, LandscapeConfig
from zoo.options import format_option, read_option
from zoo.run_store import RunStore


def run(argv: list[str]) -> int:
    """Measures and draws the loss surface of one run; returns the exit code."""
    command = Command(
        "zoo landscape [RUN] [--parts=path,line,plane]",
        "Draw the loss between two sets of weights and around the result, "
        "into RUN/landscape/ and TensorBoard.",
        words=("[RUN]",),
    )
    for name, option in OPTIONS.items():
        (shown,) = format_option(name, DEFAULTS[name])
        default = shown.partition("=")[2]
        help = f"{option.help} (default {default})"
        command.text(name, default, help)
    command.text(
        "runs_dir", TRAIN_DEFAULTS["runs_dir"], "folder of the run folders"
    )
    words = command.parse(argv)
    if words is None:
        return 0
    words = words or ["last"]
    config = _config(command)
    runs_dir = command.values.runs_dir
    found = RunStore(runs_dir).find(words[0])
    progress = PointsProgress(sys.stdout)
    with stderr.hold():
        from zoo.evaluation.landscape import plots, scan

        try:
            numbers = scan.scan_landscape(found, config, runs_dir, progress)
        finally:
            progress.clear()
        place = plots.save(found, numbers)
    print("\n".join(lines(numbers)))
    print(f"plots       {place}")
    print(f"tensorboard {tensorboard_command(runs_dir)}")
    return 0


def _config(command: Command) -> LandscapeConfig:
    given = {
        name: read_option(name, option, command.values[name].value)
        for name, option in OPTIONS.items()
    }
    return LandscapeConfig(**given)


class PointsProgress:
    """Shows on a terminal how many points are done, and the time left."""

    def __init__(self, stream: TextIO):
        self._progress = Progress(stream, plain=False)
        self._first: float | None = None

    def __call__(self, done: int, total: int) -> None:
        """Is called with the number of points that are done, and of all."""
        now = time.monotonic()
        if self._first is None:
            self._first = now  # the first point builds the network, and waits
        details = ""
        if done > 1:
            left = (now - self._first) / (done - 1) * (total - done)
            details = f"{format_duration(left)} left"
        self._progress.update("loss surface", done, total, details)

    def clear(self) -> None:
        """Removes the bar."""
        self._progress.clear()


def lines(found: dict[str, Any]) -> list[str]:
    """Returns a line on the surface, and one on each part."""
    sizes = " and ".join(
        f"{size:,} {'training' if name == 'train' else 'validation'}"
        for name, size in found["examples"].items()
    )
    text = [
        f"surface     {found['run']}: {found['loss']} of {sizes} "
        f"{found['noun']}; {found['batch_norm_note']}"
    ]
    for part in OPTIONS["parts"].choices:
        if part in found:
            text.append(f"{part:<11} {_describe_part(part, found[part])}")
    return text


def _describe_part(part: str, numbers: dict[str, Any]) -> str:
    loss = numbers["train"]["loss"]
    shape = {
        True: "convex",
        False: "not convex",
        None: "not finite everywhere",
    }[numbers["convex"]]
    if part == "path":
        return (
            f"{numbers['start']} to {numbers['end']}: training loss "
            f"{loss[0]:.4f} to {loss[-1]:.4f}; {shape}"
        )
    reach, middle = numbers["step"][-1], len(numbers["step"]) // 2
    if part == "line":
        at = f"{loss[0]:.4g} and {loss[-1]:.4g} at its ends"
        return (
            f"{loss[middle]:.4f} at the center ({numbers['center']}), "
            f"{at}, {reach:g} away; {shape}"
        )
    corners = loss[0, 0], loss[0, -1], loss[-1, 0], loss[-1, -1]
    at = f"{min(corners):.4g} to {max(corners):.4g} at its corners"
    return (
        f"{loss[middle, middle]:.4f} at the center ({numbers['center']}), "
        f"{at}; {shape}"
    )
