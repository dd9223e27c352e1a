"""Commands in messages: built in one place, so that they work when typed.

A sentence holds a command between backquotes, "`zoo train --epochs=3`";
`zoo.console.expand_commands` puts there how `zoo` is called on this machine.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shlex
from typing import Any

from zoo import backend as keras_backend
from zoo.config import DEFAULTS, OPTIONS, WITH_PATH
from zoo.errors import UserError
from zoo.options import format_option

RUNS_DIR = "runs_dir"
# Flags of each command besides the options of `TrainConfig`.
TRAINING = {"like", "recipe", "flagfile"}
CLUSTER = {"cluster", "trial_gpus", "trial_cpus", "cluster_without_token"}
FLAGS: dict[str, set[str]] = {
    "train": {*TRAINING, *OPTIONS, *CLUSTER, "seeds", "folds", "workers"},
    "check": {*TRAINING, *OPTIONS},
    "vary": {*TRAINING, *OPTIONS, *CLUSTER, "seeds", "workers"},
    "sweep": {*TRAINING, *OPTIONS, *CLUSTER, "workers"},
    "resume": {"epochs", RUNS_DIR, *CLUSTER, "devices", "data_dir"},
    "evaluate": {RUNS_DIR, "split", "dataset", "data_dir"},
    "compare": {RUNS_DIR, "data_dir"},
    "diagnose": {RUNS_DIR},
    "report": {RUNS_DIR, "data_dir"},
    "landscape": {RUNS_DIR},
    "misclassified": {RUNS_DIR, "split", "data_dir"},
    "export": {RUNS_DIR, "format", "data_dir"},
    "predict": {RUNS_DIR},
    "download": {"data_dir"},
    "describe": set(),
    "inspect": set(),
    "runs": {RUNS_DIR},
}
# These need no backend, so it does not matter which one is selected.
WITHOUT_BACKEND = ("diagnose", "inspect", "download", "runs")


def command(verb: str, *words: str, backend: str = "", **flags: Any) -> str:
    """Returns a command as it is typed, quoted for the shell.

    Args:
        verb: such as `train`.
        words: arguments without a flag, such as a run.
        backend: the Keras backend that it needs; where that is not the one
            that Keras takes here by default, the command sets it.
        **flags: values by the name of the flag; `None` leaves one out.

    Raises:
        ValueError: the command has no such flag, which is a bug of ours.
    """
    parts = ["zoo", verb, *words]
    for name, value in flags.items():
        if value is None or (name == RUNS_DIR and value == DEFAULTS[RUNS_DIR]):
            continue
        if name not in FLAGS[verb]:
            raise ValueError(f"zoo {verb} has no flag --{name}")
        parts += format_option(name, _short(value))
    text = shlex.join(parts)
    if verb in WITHOUT_BACKEND or backend in ("", keras_backend.default()):
        return text
    return f"{keras_backend.ENV_VARIABLE}={backend} {text}"


def _short(value: Any) -> Any:
    """Returns a number in its short form, if that is the same number."""
    short = f"{value:g}" if isinstance(value, float) else ""
    return short if short and float(short) == value else value


@dataclasses.dataclass(frozen=True)
class Target:
    """What commands need to know about a run, a group of runs or a sweep.

    Attributes:
        name: below the folder of runs.
        runs_dir: that folder.
        backend: of Keras, on which it was trained; empty where not known.
        from_python: what was passed in Python, of `data` and `model`, so that
            no command can load it again.
        data_dir: where its data are now, if they were moved.
        dataset: the same as a `--dataset`, for `train`; `None` if the
            `data_dir` says it.
    """

    name: str
    runs_dir: str = DEFAULTS[RUNS_DIR]
    backend: str = ""
    from_python: tuple[str, ...] = ()
    data_dir: str | None = None
    dataset: str | None = None

    @classmethod
    def of(cls, found) -> Target:
        """Returns the target of a run, a group or a sweep folder.

        Args:
            found: with a `path` and a `name` below its folder of runs.
        """
        if ":" in found.name and "/" not in found.name:
            return cls(found.name)  # weights that come with the zoo
        path = pathlib.Path(found.path)
        depth = len(pathlib.PurePath(found.name).parts)
        runs_dir = str(path.parents[depth - 1]) if depth else str(path.parent)
        place = getattr(found, "data_dir", None)
        dataset = None
        if place is not None:
            config = found.config
            if config.dataset.partition(":")[0] in WITH_PATH:
                dataset = config.dataset
        return cls(found.name, runs_dir, *_needs(found), place, dataset)

    def typed(self, verb: str, **flags: Any) -> str:
        """Returns a command on it as RUN, such as `zoo evaluate RUN`."""
        if "data_dir" in FLAGS[verb] and "dataset" not in flags:
            flags = {"data_dir": self.data_dir, **flags}
        return command(
            verb,
            self.word,
            backend=self.backend,
            runs_dir=self.runs_dir,
            **flags,
        )

    def again(self, verb: str = "train", **changes: Any) -> str:
        """Returns the command that repeats it with some options changed.

        Raises:
            ValueError: its data or model were passed in Python; a bug of ours.
        """
        if self.from_python:
            raise ValueError("no command loads what a program has passed")
        if self.dataset is not None:
            changes = {"dataset": self.dataset, **changes}
        elif self.data_dir is not None:
            changes = {"data_dir": self.data_dir, **changes}
        return command(
            verb,
            backend=self.backend,
            like=self.word,
            runs_dir=self.runs_dir,
            **changes,
        )

    def resume(self, **flags: Any) -> str:
        """Returns how to resume it, as a command or in Python, in backquotes.

        Data and a model that were passed in Python have to be passed again.
        """
        if self.from_python:
            again = ["data"] if "data" in self.from_python else []
            again += ["model=model"] if "model" in self.from_python else []
            run = f"zoo.load_run({self.path!r})"
            return f"`zoo.resume({', '.join([run, *again])})` in Python"
        return f"`{self.typed('resume', **flags)}`"

    @property
    def word(self) -> str:
        """The name, or the folder where the name would look like a flag."""
        return self.path if self.name.startswith("-") else self.name

    @property
    def path(self) -> str:
        """The folder."""
        return str(pathlib.Path(self.runs_dir, self.name))


def _needs(found) -> tuple[str, tuple[str, ...]]:
    """Returns the backend of a run, and what was passed to it in Python."""
    try:
        resolved = found.resolved
        passed = {
            "data": resolved["data"]["from_arrays"],
            "model": resolved.get("model_from_python"),
        }
        given = tuple(name for name, is_passed in passed.items() if is_passed)
        return resolved["machine"]["backend"], given
    except (AttributeError, UserError, KeyError, TypeError):
        return "", ()  # a group, a sweep, or a run that is corrupt
