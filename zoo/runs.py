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
    SHA256SUMS        checksums of these files, as `sha256sum -c` reads them
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
import dataclasses
import hashlib
import pathlib
import posixpath
import shlex
import zipfile
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from zoo import backend, io, results, run_files
from zoo.commands import Target, command
from zoo.config import DEFAULTS, WITH_PATH, TrainConfig
from zoo.errors import Locked, UserError
from zoo.run_files import ENDED, FORMAT, GROUP_FORMAT, INVALID

if TYPE_CHECKING:
    import keras

GROUP_FILE = "group.json"
SWEEP_FILE = "sweep.json"
RESULT_FILE = "result.json"  # of a sweep
TRIALS_FILE = "trials.jsonl"  # of a sweep
REPORT_FILE = "report.html"
CHECKSUMS_FILE = "SHA256SUMS"
# Files of a run that are there from its start, and never change.
INITIAL_FILES = ("config.json", "flags.txt", "resolved.json")
# Files that training writes, each of which a checkpoint can restore.
WRITTEN_FILES = (
    *("history.csv", "layer_stats.json", "metrics.json", "model.keras"),
)
NOT_AS_WRITTEN = "is not as the run has written it"
CORRUPT = "corrupt"  # status of a run whose status cannot be read
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

    def _repr_html_(self) -> str:
        return results.run_html(self)

    @property
    def config(self) -> TrainConfig:
        """Requested options, with the place where its data are now."""
        config = self._parse("config.json", run_files.parse_config)
        return config.with_data_at(self.data_dir)

    @property
    def resolved(self) -> dict[str, Any]:
        """What was really used: options, versions, data, model.

        Raises:
            UserError: it is corrupt, or of another version of zoo.
        """
        resolved = self._parse("resolved.json", run_files.parse_resolved)
        if resolved["format"] != FORMAT:
            raise UserError(
                f"{self.path} has the format {resolved['format']} of another "
                f"version of zoo; this one reads format {FORMAT}."
            )
        return resolved

    @property
    def metrics(self) -> dict[str, Any]:
        """Status and scores; empty before the run has ended.

        A run without `metrics.json` was killed, as far as anything can tell.
        """
        return self._parse("metrics.json", run_files.parse_metrics, default={})

    @property
    def history(self) -> list[dict[str, float | None]]:
        """Metrics of each epoch; `None` where there is none."""
        return self._parse("history.csv", run_files.parse_history, default=[])

    @property
    def layer_stats(self) -> list[dict[str, Any]]:
        """Statistics of layers at a few steps; empty if there are none."""
        return self._parse(
            "layer_stats.json", run_files.parse_layer_stats, default=[]
        )

    @property
    def status(self) -> str:
        """Status: running, completed, ...; killed if it has no other.

        `corrupt` if the file that says it cannot be read.
        """
        if not (self.path / "config.json").exists():
            return NOT_STARTED
        if self.is_locked():
            return "running"
        try:
            return self.metrics.get("status", "killed")
        except UserError:
            return CORRUPT

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.status in ENDED

    @property
    def has_model(self) -> bool:
        """Whether a trained model is saved."""
        return (self.path / "model.keras").exists()

    def load_model(self) -> keras.Model:
        """Returns the trained Keras model: raw pixels in, logits out.

        Raises:
            UserError: there is none, or it cannot be read.
        """
        return backend.read_model(self.model_path())

    def model_path(self) -> pathlib.Path:
        """Returns the path of the trained model.

        Raises:
            UserError: there is none, or it is not what the run has written.
        """
        path = self.path / "model.keras"
        if path.exists():
            self._check_file(path.name)
            if path.name not in self.checksums:
                self._check_model()
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
        kind, _, place = dataset.partition(":")
        path = pathlib.Path(place).expanduser()
        if kind not in WITH_PATH or path.exists():
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

    def corrupt_files(self) -> list[str]:
        """Returns the files that cannot be read, or are not as written.

        A file that was never written is not among them, except `model.keras`
        of a run that has ended with one. Neither is one that a sweep has
        removed, together with the checkpoints.
        """
        readers = {
            "history.csv": lambda: self.history,
            "layer_stats.json": lambda: self.layer_stats,
            "metrics.json": lambda: self.metrics,
            "model.keras": self._check_model,
        }
        if not (self._has_checkpoint or (self.path / "model.keras").exists()):
            del readers["model.keras"]
        corrupt = []
        for name, read in readers.items():
            try:
                self._check_file(name)
                read()
            except UserError:
                corrupt.append(name)
        return corrupt

    def _check_model(self) -> None:
        """Raises `UserError` if a model that has to be there is not whole."""
        name = "model.keras"
        if self.metrics.get("status") not in ("completed", "stopped_early"):
            return
        try:
            with zipfile.ZipFile(self.path / name) as archive:
                is_whole = archive.testzip() is None
        except (OSError, *io.DAMAGE):
            is_whole = False
        if not is_whole:
            raise self.corrupt_error(name)

    def _is_whole(self, name: str) -> bool:
        expected = self.checksums.get(name)
        try:
            return expected is None or expected == run_files.sha256_of_file(
                self.path / name
            )
        except OSError:
            return False

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 in hex of each file that is known not to change any more."""
        path = self.path / CHECKSUMS_FILE
        try:
            return run_files.parse_checksums(path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise io.read_error(path, error) from error
        except ValueError as error:
            raise UserError(
                f"{path} is corrupt; where the other files are right, remove "
                "it."
            ) from error

    def _check_file(self, name: str) -> None:
        """Raises `UserError` if a file is not what the run has written."""
        if not self._is_whole(name):
            raise self.corrupt_error(name, NOT_AS_WRITTEN)

    def corrupt_error(self, name: str, what: str = "") -> UserError:
        """Builds the error for a corrupt file, and says what can be done.

        Args:
            name: of the file.
            what: is wrong with it.
        """
        text = f"{self.path} is corrupt: {name} {what or 'cannot be read'}"
        if name in WRITTEN_FILES and self._has_checkpoint:
            return UserError(f"{text}; {Target.of(self).resume()} restores it.")
        return UserError(f"{text}.")

    @property
    def _has_checkpoint(self) -> bool:
        return (self.path / "checkpoints" / "last.npz").exists()

    def _parse(
        self, name: str, parse: Callable[[str], Any], default: Any = None
    ) -> Any:
        """Returns what a file of the run holds.

        Args:
            name: of the file.
            parse: raises ValueError, TypeError or KeyError for other contents.
            default: of a file that the run has never written, if it may.

        Raises:
            UserError: the file is corrupt, or cannot be read.
        """
        path = self.path / name
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            # Without the others, a run is one that was killed, or that wrote
            # no summaries, and is told as such.
            was_written = name == "history.csv" and name in self.checksums
            if default is not None and not was_written:
                return default
            raise self.corrupt_error(name, "is missing") from error
        except OSError as error:
            raise io.read_error(path, error) from error
        expected = self.checksums.get(name)
        if expected not in (None, hashlib.sha256(content).hexdigest()):
            raise self.corrupt_error(name, NOT_AS_WRITTEN)
        try:
            return parse(content.decode())
        except INVALID as error:
            if isinstance(error, UserError) and expected is not None:
                raise  # whole, and of an option that this version lacks
            raise self.corrupt_error(name) from error


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
            file.write(io.encode(text))

    def write_checksums(
        self, names: Iterable[str] = (*INITIAL_FILES, *WRITTEN_FILES)
    ) -> None:
        """Writes the checksums of files that are not to change any more.

        Args:
            names: of the files; those that are not there are left out.
        """
        paths = [self.run.path / name for name in names]
        checksums = {
            path.name: run_files.sha256_of_file(path)
            for path in paths
            if path.is_file()
        }
        self.write(CHECKSUMS_FILE, run_files.format_checksums(checksums))


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
            metadata = run_files.parse_group(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise io.read_error(path, error) from error
        except INVALID as error:
            raise UserError(f"{path} is corrupt: it cannot be read.") from error
        if metadata["format"] != GROUP_FORMAT:
            raise UserError(
                f"{path} has the format {metadata['format']} of another "
                f"version of zoo; this one reads format {GROUP_FORMAT}."
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
                f"{self.path / GROUP_FILE} is corrupt: {path!r} leads out of "
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
        """Result of the sweep; empty before it has ended.

        Empty as well where it is corrupt: `zoo resume` writes it again.
        """
        try:
            text = (self.path / RESULT_FILE).read_text(encoding="utf-8")
            return run_files.parse_sweep_result(text)
        except (OSError, *INVALID):
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
                f"{self.path} is corrupt: {name!r} is not a run of this sweep."
            )
        return path

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Locks the sweep for this process while a block runs.

        Raises:
            Locked: another process holds it.
        """
        return io.exclusive(self.path, f"the sweep {self.name} is running")


def _argument(path: pathlib.Path, name: str) -> str:
    is_below = path == pathlib.Path(DEFAULTS["runs_dir"], name)
    return name if is_below else shlex.quote(str(path))
