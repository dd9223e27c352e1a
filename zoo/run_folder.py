"""The run folder: what is in it, reading it and locking it.

runs/lenet5-digits-dropout0.5/
    config.json     what was asked, written before the first update
    flags.txt       the same as a flagfile: --flagfile=.../flags.txt
    resolved.json   what was really used: versions, data, recipe, model
    history.csv     one row an epoch
    vitals.json     what `diagnose` reads: sizes by layer, at a few moments
    train/ val/     TensorBoard events
    checkpoints/    last and best
    model.keras     the result; stock Keras loads it
    metrics.json    status and scores
    report.html     a page about it
    log.txt         the console, and what libraries print
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import json
import pathlib
import shlex
from collections.abc import Callable
from typing import Any

from zoo import backend
from zoo.commands import Target, command
from zoo.config import DEFAULTS, TrainConfig
from zoo.errors import UserError
from zoo.io import atomic_write, exclusive


@dataclasses.dataclass(frozen=True)
class Run:
    """A run folder on disk; reads what is in it when asked."""

    path: pathlib.Path
    name: str

    @property
    def argument(self) -> str:
        """What to type for RUN: the name, or the path of a run elsewhere."""
        at_home = self.path == pathlib.Path(DEFAULTS["runs_dir"], self.name)
        return self.name if at_home else shlex.quote(str(self.path))

    def name_from(self, runs_dir: str) -> str:
        """Returns what finds the run again: its name, or else its path.

        Args:
            runs_dir: where runs are looked for.
        """
        below = pathlib.Path(runs_dir, self.name) == self.path
        return self.name if below else str(self.path)

    @property
    def config(self) -> TrainConfig:
        """What was asked for."""
        return self._parse("config.json", TrainConfig.from_json)

    @property
    def resolved(self) -> dict[str, Any]:
        """What was really used."""
        return self._parse("resolved.json", json.loads)

    @property
    def metrics(self) -> dict[str, Any]:
        """Status and scores; empty before the run has ended."""
        if not (self.path / "metrics.json").exists():
            return {}
        return self._parse("metrics.json", json.loads)

    @property
    def history(self) -> list[dict[str, float | None]]:
        """One row an epoch, numbers as numbers; `None` where there is none."""
        if not (self.path / "history.csv").exists():
            return []
        return self._parse("history.csv", _rows)

    @property
    def vitals(self) -> list[dict[str, Any]]:
        """Numbers of a few moments; empty in a run that measured none."""
        if not (self.path / "vitals.json").exists():
            return []
        return self._parse("vitals.json", json.loads)

    @property
    def status(self) -> str:
        """How the run stands; `killed` if it ended without saying so."""
        if self.is_locked():
            return "running"
        return self.metrics.get("status", "killed")

    def load_model(self):
        """Returns the trained Keras model: raw pixels in, logits out."""
        return read_model(self.model_path())

    def model_path(self) -> pathlib.Path:
        """Returns where the trained model is saved; refuses if it is not."""
        path = self.path / "model.keras"
        if path.exists():
            return path
        if self.status in ("completed", "stopped_early"):
            raise UserError(
                f"{self.name} has no model.keras any more, as trials that are "
                f"not among a sweep's best; `{self._retrain()}` trains it anew."
            )
        if self.status == "diverged":
            raise UserError(
                f"{self.name} diverged and has no model.keras; "
                f"`{Target.of(self).typed('diagnose')}` says what to try."
            )
        raise UserError(
            f"{self.name} has no model.keras, its status is {self.status}; "
            f"{Target.of(self).resume()} finishes it."
        )

    def _retrain(self) -> str:
        return command("train", flagfile=str(self.path / "flags.txt"))

    def check_writable(self) -> None:
        """Raises `UserError` if nothing may be added to this run."""

    def write(self, name: str, text: str) -> None:
        """Writes a file of the run, whole or not at all."""
        with atomic_write(self.path / name) as file:
            file.write(text.encode())

    def is_locked(self) -> bool:
        """Whether some process is at work on this run."""
        try:
            with self.lock():
                return False
        except UserError:
            return True

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Holds the run for this process; the system frees it at death.

        Raises:
            UserError: another process holds it.
        """
        return exclusive(self.path, f"{self.name} is running")

    def _parse(self, name: str, parse: Callable[[str], Any]) -> Any:
        try:
            return parse((self.path / name).read_text())
        except (OSError, ValueError, TypeError) as error:
            raise UserError(
                f"{self.path} is damaged: {name} cannot be read."
            ) from error


def created(path: pathlib.Path) -> str:
    """Returns the `run_id` of a file, by which runs are ordered.

    Empty where the file is damaged, which is told of elsewhere.
    """
    try:
        return str(json.loads(path.read_text())["run_id"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return ""


def _rows(text: str) -> list[dict[str, float | None]]:
    return [
        {key: float(cell) if cell else None for key, cell in row.items()}
        for row in csv.DictReader(text.splitlines())
    ]


@backend.fixed_settings()
def read_model(path: pathlib.Path):
    """Returns the Keras model of a file; `UserError` if there is none in it."""
    import keras

    try:
        return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} cannot be read as a model.") from error
