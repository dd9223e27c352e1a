"""Run folders, and folders of several runs: what is in them.

runs/lenet5-digits-dropout0.5/
    config.json       the requested options
    flags.txt         the same as a flagfile: --flagfile=.../flags.txt
    resolved.json     what was used: versions, data, recipe, model
    history.csv       one row an epoch
    layer_stats.json  statistics of layers, which `zoo diagnose` reads
    train/ val/       TensorBoard events
    checkpoints/      last and best
    model.keras       the trained model; stock Keras loads it
    metrics.json      status and scores
    report.html       a page about it
    log.txt           the console, and what libraries print
runs/lr-digits-seeds/
    group.json        what was requested, and the runs of the group
    seed0/ seed1/     ordinary runs
    seeds.json        their scores; vary.json of a varied option
    curves.png        their learning curves
runs/lr-digits-random/
    sweep.json        what was requested
    trial-000/        ordinary runs

`Run`, `RunGroup` and `SweepFolder` read; `RunWriter` writes and locks.
`zoo.run_store` creates runs and finds them by name.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import json
import pathlib
import posixpath
import shlex
from collections.abc import Callable
from typing import Any

from zoo import backend, io
from zoo.commands import Target, command
from zoo.config import DEFAULTS, TrainConfig
from zoo.errors import Locked, UserError

FORMAT = 1  # of a run folder; another one is refused
GROUP_FORMAT = 1  # of group.json; another one is refused
GROUP_FILE = "group.json"
SWEEP_FILE = "sweep.json"
RESULT_FILE = "result.json"  # of a sweep
TRIALS_FILE = "trials.jsonl"  # of a sweep
# Statuses of runs with which nothing is left to do.
ENDED = ("completed", "stopped_early", "diverged")
NOT_STARTED = "not started"


@dataclasses.dataclass(frozen=True)
class Run:
    """A run folder, which is read when an attribute is.

    Attributes:
        path: Path of the folder.
        name: Name of the run, relative to the folder of runs.
        data_dir: Where its data are now, if not where they were: see
            `TrainConfig.with_data_at`.
    """

    path: pathlib.Path
    name: str
    data_dir: str | None = None

    @property
    def argument(self) -> str:
        """RUN as it is typed: the name, or the path of a run elsewhere."""
        return _argument(self.path, self.name)

    def name_from(self, runs_dir: str) -> str:
        """Returns what finds the run again: its name, or else its path.

        Args:
            runs_dir: folder in which runs are looked for.
        """
        is_below = pathlib.Path(runs_dir, self.name) == self.path
        return self.name if is_below else str(self.path)

    @property
    def config(self) -> TrainConfig:
        """Requested options, with the place where its data are now."""
        config = self._parse("config.json", TrainConfig.from_json)
        return config.with_data_at(self.data_dir)

    @property
    def resolved(self) -> dict[str, Any]:
        """What was really used: options, versions, data, model."""
        return self._parse("resolved.json", json.loads)

    @property
    def metrics(self) -> dict[str, Any]:
        """Status and scores; empty before the run has ended."""
        if not (self.path / "metrics.json").exists():
            return {}
        return self._parse("metrics.json", json.loads)

    @property
    def history(self) -> list[dict[str, float | None]]:
        """Metrics of each epoch; `None` where there is none."""
        if not (self.path / "history.csv").exists():
            return []
        return self._parse("history.csv", _parse_history)

    @property
    def layer_stats(self) -> list[dict[str, Any]]:
        """Statistics of layers at a few steps; empty if there are none."""
        if not (self.path / "layer_stats.json").exists():
            return []
        return self._parse("layer_stats.json", json.loads)

    @property
    def status(self) -> str:
        """Status: running, completed, ...; killed if it has no other."""
        if not (self.path / "config.json").exists():
            return NOT_STARTED
        if self.is_locked():
            return "running"
        return self.metrics.get("status", "killed")

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.status in ENDED

    @property
    def has_model(self) -> bool:
        """Whether a trained model is saved."""
        return (self.path / "model.keras").exists()

    def load_model(self):
        """Returns the trained Keras model: raw pixels in, logits out.

        Raises:
            UserError: there is none, or it cannot be read.
        """
        return read_model(self.model_path())

    def model_path(self) -> pathlib.Path:
        """Returns the path of the trained model.

        Raises:
            UserError: there is none.
        """
        path = self.path / "model.keras"
        if path.exists():
            return path
        status = self.status
        if status in ("completed", "stopped_early"):
            flags = str(self.path / "flags.txt")
            raise UserError(
                f"{self.name} no longer has a model.keras, as trials that are "
                "not among a sweep's best; "
                f"`{command('train', flagfile=flags)}` trains it again."
            )
        if status == "diverged":
            raise UserError(
                f"{self.name} diverged and has no model.keras; "
                f"`{Target.of(self).typed('diagnose')}` says what to try."
            )
        raise UserError(
            f"{self.name} has no model.keras, its status is {status}; "
            f"{Target.of(self).resume()} finishes it."
        )

    def with_data_at(self, data_dir: str | None) -> Run:
        """Returns the same run, whose data are elsewhere."""
        return dataclasses.replace(self, data_dir=data_dir)

    def check_data(self) -> None:
        """Raises `UserError` if the folder or file of its data is not there.

        Data that were passed as arrays, and those of a table, have none.
        """
        dataset = self.config.dataset
        place = dataset.partition(":")[2]
        path = pathlib.Path(place).expanduser()
        if not place or path.exists():
            return
        relative = ""
        if not path.is_absolute():
            relative = "; the path is relative to where it was trained"
        raise UserError(
            f"the data of {self.name}, {dataset}, do not exist{relative}; give "
            "the place where they are now, as --data_dir=PATH."
        )

    def is_locked(self) -> bool:
        """Whether a process is working on this run."""
        try:
            with io.exclusive(self.path, self.name):
                return False
        except Locked:
            return True
        except UserError:
            return False  # in a folder that nobody can write, no run runs

    def check_writable(self) -> None:
        """Raises `UserError` if nothing may be added to this run."""

    def _parse(self, name: str, parse: Callable[[str], Any]) -> Any:
        try:
            return parse((self.path / name).read_text())
        except (OSError, ValueError, TypeError) as error:
            raise UserError(
                f"{self.path} is damaged: {name} cannot be read."
            ) from error


class RunWriter:
    """Writes files of a run folder.

    Args:
        run: which run.

    Raises:
        UserError: nothing may be added to this run.
    """

    def __init__(self, run: Run):
        run.check_writable()
        self.run = run

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Locks the run for this process while a block runs.

        Raises:
            Locked: another process holds it.
        """
        return io.exclusive(self.run.path, f"{self.run.name} is running")

    def write(self, name: str, text: str) -> None:
        """Writes a file of the run, atomically."""
        with io.atomic_write(self.run.path / name) as file:
            file.write(text.encode())


@dataclasses.dataclass(frozen=True)
class RunGroup:
    """A folder of runs that vary one option, or have several seeds.

    Its name stands for its runs wherever several runs can be named.

    Attributes:
        path: Path of the folder.
        name: Name of the group, relative to the folder of runs.
    """

    path: pathlib.Path
    name: str

    @property
    def argument(self) -> str:
        """The group as it is typed: its name, or the path of one elsewhere."""
        return _argument(self.path, self.name)

    @property
    def metadata(self) -> dict[str, Any]:
        """Contents of `group.json`.

        Raises:
            UserError: it cannot be read, or is of another version of zoo.
        """
        path = self.path / GROUP_FILE
        try:
            metadata = json.loads(path.read_text())
            version = metadata["format"]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path} is damaged: it cannot be read.") from error
        if version != GROUP_FORMAT:
            raise UserError(
                f"{path} has the format {version} of another version of zoo; "
                f"this one reads format {GROUP_FORMAT}."
            )
        return metadata

    @property
    def runs_dir(self) -> pathlib.Path:
        """Folder of runs, to which its name and those of its runs relate."""
        return self.path.parents[len(self.name.split("/")) - 1]

    def run(self, path: str) -> Run:
        """Returns one of its runs, which need not have started.

        Args:
            path: of the run, relative to the group's folder.
        """
        name = posixpath.normpath(f"{self.name}/{path}")
        # A run that varies another may lie beside the group, not above it.
        if name.split("/")[0] in ("..", ".") or "\0" in name:
            raise UserError(
                f"{self.path / GROUP_FILE} is damaged: {path!r} leads out of "
                "the folder of runs."
            )
        return Run(self.runs_dir / name, name)

    def runs(self) -> list[Run]:
        """Returns its runs, started or not, in the order of `group.json`."""
        return [self.run(row["run"]) for row in self.metadata["members"]]

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Locks the group for this process while a block runs.

        Raises:
            Locked: another process holds it.
        """
        return io.exclusive(self.path, f"{self.name} is running")


@dataclasses.dataclass(frozen=True)
class SweepFolder:
    """A folder of the trials of a sweep.

    Attributes:
        path: Path of the folder.
        name: Name of the sweep, relative to the folder of runs.
    """

    path: pathlib.Path
    name: str

    @property
    def runs_dir(self) -> str:
        """Folder of runs, to which its name and those of its trials relate."""
        depth = len(pathlib.PurePath(self.name).parts)
        return str(self.path.parents[depth - 1])

    @property
    def result(self) -> dict[str, Any]:
        """Result of the sweep; empty before it has ended."""
        try:
            return json.loads((self.path / RESULT_FILE).read_text())
        except (OSError, ValueError):
            return {}

    @property
    def executions(self) -> int:
        """Number of finished training runs."""
        try:
            return (self.path / TRIALS_FILE).read_bytes().count(b"\n")
        except OSError:
            return 0

    @property
    def status(self) -> str:
        """Status: running, completed, ...; killed if it has no other."""
        try:
            with self.lock():
                return self.result.get("status", "killed")
        except Locked:
            return "running"
        except UserError:
            return self.result.get("status", "killed")

    def run_path(self, name: str) -> pathlib.Path:
        """Returns the folder of one of its runs.

        Args:
            name: of the run, as files of the sweep have it.

        Raises:
            UserError: it does not lie in this sweep.
        """
        relative = pathlib.PurePosixPath(name.removeprefix(f"{self.name}/"))
        path = self.path / relative
        is_inside = path.resolve().is_relative_to(self.path.resolve())
        if not relative.parts or ".." in relative.parts or not is_inside:
            raise UserError(
                f"{self.path} is damaged: {name!r} is not a run of this sweep."
            )
        return path

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Locks the sweep for this process while a block runs.

        Raises:
            Locked: another process holds it.
        """
        return io.exclusive(self.path, f"the sweep {self.name} is running")


def run_id_in(path: pathlib.Path) -> str:
    """Returns the `run_id` in a JSON file, by which runs are ordered.

    Empty where the file is damaged, which other readers report.
    """
    try:
        return str(json.loads(path.read_text())["run_id"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return ""


@backend.fixed_settings()
def read_model(path: pathlib.Path):
    """Returns the Keras model in a file.

    Raises:
        UserError: the file cannot be read as a model.
    """
    import keras

    try:
        return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} cannot be read as a model.") from error


def _argument(path: pathlib.Path, name: str) -> str:
    is_below = path == pathlib.Path(DEFAULTS["runs_dir"], name)
    return name if is_below else shlex.quote(str(path))


def _parse_history(text: str) -> list[dict[str, float | None]]:
    return [
        {key: float(cell) if cell else None for key, cell in row.items()}
        for row in csv.DictReader(text.splitlines())
    ]
