"""Where a run with --weights starts: which network that is, and of what.

Needs neither Keras nor data, so that mistakes are told at once. A run's own
files say what it is; a `.keras` file that lies outside of its run folder is
asked itself, since preprocessing and the model's name are saved in it.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import zipfile
from typing import Any

from zoo.config import TrainConfig
from zoo.data import preprocess
from zoo.data.preprocess import Statistics
from zoo.errors import UserError
from zoo.models import MODELS
from zoo.run_store import RunStore
from zoo.runs import Run
from zoo.training.recipe import GENERAL

FILE = ".keras"
SAVED = "model.keras"  # name of the file in a run folder
# Options on which the shapes of weights depend, besides model_arg; and what
# comes before the network. They are those of the origin if not given.
SHAPING = ("activation", "norm", "extra_features")
PREPROCESSING = ("mean_subtraction", "scale")


@dataclasses.dataclass(frozen=True)
class Origin:
    """A trained network from which another run starts.

    Attributes:
        name: what `--weights` says to find it again.
        path: of its saved model.
        model: its name in the zoo.
        options: of `SHAPING`, with which it was built, as far as known.
        model_arg: likewise.
        statistics: of the inputs that it was trained on.
        targets: its task and class names; `None` where not known.
    """

    name: str
    path: pathlib.Path
    model: str
    options: dict[str, Any]
    model_arg: dict[str, Any]
    statistics: Statistics
    targets: tuple[str, tuple[str, ...]] | None


def settle(asked: TrainConfig) -> TrainConfig:
    """Returns a config that says all that it takes over from its origin.

    Args:
        asked: with --weights. What comes back has the origin's model,
            options and preprocessing, and gives the same again.

    Raises:
        UserError: there is no such network, it is another model, or it has
            nothing to hand over.
    """
    origin = find(asked.weights, asked.runs_dir)
    _check_model(asked, origin)
    taken = {
        name: value
        for name, value in origin.options.items()
        if getattr(asked, name) in (None, ())
    }
    for name in PREPROCESSING:
        learned = getattr(origin.statistics, name)
        if getattr(asked, name) not in (None, learned):
            raise UserError(
                f"--{name}={getattr(asked, name)} contradicts --weights: "
                f"{origin.name} has learned with --{name}={learned}, which "
                "goes with its weights; leave it out."
            )
        taken[name] = None if learned == GENERAL[name] else learned
    return asked.replace(
        weights=origin.name,
        model=origin.model,
        model_arg={**origin.model_arg, **asked.model_arg},
        **taken,
    )


def _check_model(asked: TrainConfig, origin: Origin) -> None:
    """Refuses an origin that is another model, or that has no weights."""
    if asked.model not in (None, origin.model):
        raise UserError(
            f"--model={asked.model} cannot start from {origin.name}, which is "
            f"{origin.model}; give --model={origin.model}, or leave it out."
        )
    if MODELS.find(origin.model).is_nonparametric:
        raise UserError(
            f"--weights={origin.name} is {origin.model}, which remembers "
            "its training images and has no weights to hand over; start from "
            "a network, such as lenet5."
        )


def find(spec: str, runs_dir: str) -> Origin:
    """Finds the network that `--weights` names: a run, or a saved file.

    Raises:
        UserError: there is none, it is not finished, or it saw no images.
    """
    path = pathlib.Path(spec)
    if not spec.endswith(FILE):
        try:
            return _of_run(RunStore(runs_dir).find(spec), runs_dir)
        except UserError as error:
            raise UserError(
                f"--weights={spec} names nothing to start from: {error}"
            ) from error
    if not path.is_file():
        raise UserError(
            f"--weights={spec} names no file; give a run, or the path of "
            f"its {SAVED}."
        )
    if path.name == SAVED and (path.parent / "config.json").is_file():
        run = RunStore(runs_dir).find(str(path.parent))
        return _of_run(run, runs_dir)
    return _of_file(path)


def _of_run(run: Run, runs_dir: str) -> Origin:
    resolved = run.resolved
    config, data = resolved["config"], resolved["data"]
    path = run.model_path()
    if resolved["features"]:
        raise _saw_no_images(run.name, resolved["features"]["name"])
    kept = {name: config.get(name) for name in SHAPING}
    asked = run.config
    return Origin(
        name=run.name_from(runs_dir),
        path=path,
        model=config["model"],
        options={n: _as_asked(v) for n, v in kept.items() if v},
        model_arg=dict(asked.model_arg),
        statistics=Statistics.from_json(resolved["statistics"]),
        targets=(data["task"], tuple(data["class_names"])),
    )


def _as_asked(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _of_file(path: pathlib.Path) -> Origin:
    """Reads what a saved model says of itself; Keras's format is a zip."""
    try:
        with zipfile.ZipFile(path) as file:
            config = json.loads(file.read("config.json"))["config"]
        layers = {x["config"]["name"]: x for x in config["layers"]}
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile):
        raise UserError(
            f"--weights={path} cannot be read as a Keras model."
        ) from None
    if "network" not in layers:
        raise UserError(
            f"--weights={path} has no layer named network, as every "
            f"{SAVED} of a run has; give one of those."
        )
    if "extractor" in layers:
        raise _saw_no_images(str(path), "NAME")
    return Origin(
        name=str(path),
        path=path,
        model=config["name"],
        options={},
        model_arg={},
        statistics=preprocess.read(list(layers.values())),
        targets=None,
    )


def _saw_no_images(name: str, features: str) -> UserError:
    return UserError(
        f"--weights={name} was trained on features, not on images; "
        f"--features={features} gives these to lr, mlp or knn."
    )
