"""What a person sees while a run trains: quiet, and telling.

On a terminal one line moves; elsewhere each epoch is one line. Everything
but the moving line goes to `log.txt` too.
"""

from __future__ import annotations

import pathlib
import shutil
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from zoo.tables import many as many  # also where others look for it
from zoo.training.state import TrainState

if TYPE_CHECKING:
    from zoo.data import Dataset
    from zoo.runs import Run

REFRESH_SECONDS = 0.2
SILENCE_SECONDS = 30.0  # without a terminal, a long epoch speaks this often


class Console:
    """Prints to a stream and, once a run has a folder, to its log.

    Args:
        stream: where to print; `None` is standard output.
        quiet: print nothing, keep only the log.
        on_log: called with the path of the log, once there is one.
        on_end: called with the run and its data when it has ended, however
            that came; the run is still held.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        quiet: bool = False,
        on_log: Callable[[pathlib.Path], None] | None = None,
        on_end: Callable[[Run, Dataset], None] | None = None,
    ):
        self._on_log = on_log
        self._on_end = on_end
        self._stream = stream or sys.stdout
        self._quiet = quiet
        self._log: pathlib.Path | None = None
        self._moving = False
        self._shown = time.monotonic()
        self._kept: list[str] = []

    def log_to(self, path: pathlib.Path) -> None:
        """Writes what was said so far, and all to come, to a file as well."""
        self._log = path
        with path.open("a") as file:
            file.writelines(f"{line}\n" for line in self._kept)
        if self._on_log:
            self._on_log(path)

    def ended(self, run: Run, data: Dataset) -> None:
        """Is told that a run has ended, and what it was trained on."""
        if self._on_end:
            self._on_end(run, data)

    def say(self, text: str) -> None:
        """Prints whole lines."""
        self._clear()
        self._kept.append(text)
        if self._log:
            with self._log.open("a") as file:
                file.write(f"{text}\n")
        if not self._quiet:
            print(text, file=self._stream, flush=True)

    def table(self, rows: dict[str, str]) -> None:
        """Prints labelled lines, the labels in one column."""
        for label, text in rows.items():
            self.say(f"{label:<10} {text}")

    def epoch(self, row: dict, state: TrainState, plan) -> None:
        """Prints the line of a finished epoch."""
        width = len(str(plan.epochs))
        parts = [
            f"epoch {row['epoch']:>{width}}/{plan.epochs}",
        ]
        parts += [
            f"{name} {row[name]:.4f}"
            for name in ("loss", "accuracy", "val_loss", "val_accuracy")
            if row[name] is not None
        ]
        parts.append(f"{row['seconds']:.1f} s")
        best = "  best" if state.best.epoch == row["epoch"] else ""
        self.say("  ".join(parts) + best)

    def extracting(self, done: int, total: int) -> None:
        """Shows how many images have their features, if it takes long."""
        if not self._is_time():
            return
        self._show(f"features of {done:,} of {total:,} images")

    def progress(self, now, state: TrainState, plan, clock) -> None:
        """Shows the running epoch, where there is a terminal."""
        if not self._is_time():
            return
        rate = clock.rate()
        left = plan.total_steps - state.step
        seconds = left * plan.config.batch_size / rate if rate else None
        text = (
            f"epoch {state.epoch + 1}/{plan.epochs}  update "
            f"{state.step:,}/{plan.total_steps:,}  loss {now.loss:.4f}"
        )
        if now.accuracy is not None:
            text += f"  accuracy {now.accuracy:.4f}"
        if seconds is not None:
            pace = f"{rate:,.0f} {plan.source.noun}/s"
            text += f"  {pace}  {duration(seconds)} left"
        self._show(text)

    def passing(self, text: str) -> None:
        """Shows a line that the next one replaces, on a terminal alone."""
        if not self._quiet and self._stream.isatty():
            self._show(text)

    def _is_time(self) -> bool:
        """Whether something passing may be shown again."""
        terminal = self._stream.isatty()
        pause = REFRESH_SECONDS if terminal else SILENCE_SECONDS
        return not self._quiet and time.monotonic() - self._shown >= pause

    def _show(self, text: str) -> None:
        """Shows a line that the next one replaces, where that is possible."""
        self._shown = time.monotonic()
        if self._stream.isatty():
            columns = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r\x1b[K{text[:columns]}")
            self._moving = True
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def _clear(self) -> None:
        self._shown = time.monotonic()
        if self._moving:
            self._stream.write("\r\x1b[K")
            self._moving = False


def duration(seconds: float) -> str:
    """Returns a span of time in words: `40 s`, `3 min`, `2 h 10 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
