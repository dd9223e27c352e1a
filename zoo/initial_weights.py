"""The trained model whose weights a run starts from (`--weights`).

Needs neither Keras nor data, so that mistakes are reported at once. A run's
own files say what it is; a `.keras` file outside of its run folder is read
itself, since preprocessing and the model's name are saved in it.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

from zoo import backend, recipes
from zoo.commands import command
from zoo.config import IMAGENET, MODEL_ARGUMENTS, TrainConfig
from zoo.data import preprocess
from zoo.data.preprocess import Statistics
from zoo.errors import UserError
from zoo.io import DAMAGE, read_error
from zoo.models import MODELS
from zoo.models.build import NETWORK
from zoo.run_store import RunStore
from zoo.runs import Run

KERAS = "keras:"  # before the name of a network of keras.applications
FILE = ".keras"
WEIGHTS_FILE = ".h5"  # of weights alone
SAVED = "model.keras"  # name of the file in a run folder
# Options on which the shapes of weights depend, besides model_arg; and those
# of the preprocessing. They are the source model's where not given.
ARCHITECTURE_OPTIONS = ("activation", "norm", "extra_features")
PREPROCESSING_OPTIONS = ("mean_subtraction", "scale")


@dataclasses.dataclass(frozen=True)
class SourceModel:
    """A trained model whose weights another run starts from.

    Attributes:
        name: What `--weights` says to find it again.
        path: Path to the saved model.
        model: Its name in the registry.
        options: Values of `ARCHITECTURE_OPTIONS`, as far as known.
        model_arg: Values of `--model_arg`, as far as known.
        statistics: Statistics of the inputs that it was trained on.
        targets: Its task and class names; `None` where not known.
        input_shape: Shape of its inputs, `(H, W, C)` or `(D,)`; empty where
            not known.
    """

    name: str
    path: pathlib.Path
    model: str
    options: dict[str, Any]
    model_arg: dict[str, Any]
    statistics: Statistics
    targets: tuple[str, tuple[str, ...]] | None
    input_shape: tuple[int, ...] = ()

    def load_model(self):
        """Returns the model: raw pixels in, and layers with their names.

        Raises:
            UserError: it cannot be read, or not be downloaded.
        """
        if not is_application(self.name, self.model):
            return backend.read_model(self.path)
        import keras

        from zoo.models import applications

        network = applications.load(self.model, self.name)
        network.name = NETWORK
        image = keras.Input(network.input_shape[1:], name="image")
        return keras.Model(image, network(image))


def take_over(config: TrainConfig, defaults: Mapping[str, Any]) -> TrainConfig:
    """Returns a config with the source model's architecture written out.

    Args:
        config: with `--weights`. The result has the source's model, options
            and preprocessing, and gives the same result when passed again.
        defaults: value of each preprocessing option where it is not given.

    Raises:
        UserError: there is no such model, it has another architecture, or it
            has no weights.
    """
    if is_application(config.weights, config.model):
        config = _for_application(config)
    elif config.weights == IMAGENET:
        config = config.replace(weights=f"{config.model}:{IMAGENET}")
    source = find(config.weights, config.runs_dir, config.model)
    _check_model(config, source)
    if source.name.endswith(f":{IMAGENET}"):
        config = _for_imagenet(config, source)
    # An option that was given goes before the source's argument of its name.
    arguments = {
        name: value
        for name, value in source.model_arg.items()
        if name not in MODEL_ARGUMENTS or getattr(config, name) is None
    } | config.model_arg
    taken = {
        name: value
        for name, value in source.options.items()
        if getattr(config, name) in (None, ()) and name not in arguments
    }
    for name in PREPROCESSING_OPTIONS:
        learned = getattr(source.statistics, name)
        if getattr(config, name) not in (None, learned):
            raise UserError(
                f"--{name}={getattr(config, name)} contradicts --weights: "
                f"{source.name} was trained with --{name}={learned}, which "
                "belongs to its weights; leave it out."
            )
        taken[name] = None if learned == defaults[name] else learned
    return config.replace(
        weights=source.name,
        model=source.model,
        model_arg=arguments,
        **taken,
    )


def is_application(weights: str, model: str | None) -> bool:
    """Whether weights are those of a network of keras.applications alone.

    Keras's own of ImageNet, or those in a file, without a classifier.
    """
    if not (model or "").startswith(KERAS):
        return False
    return weights == IMAGENET or weights.endswith(WEIGHTS_FILE)


def _for_application(config: TrainConfig) -> TrainConfig:
    """Returns what training from such weights needs besides them."""
    from zoo.models import applications

    side = applications.image_size(config.model)
    return with_photograph_size(config, (side, side)).replace(new_head=True)


def _for_imagenet(config: TrainConfig, source: SourceModel) -> TrainConfig:
    """Returns what training from ImageNet's weights needs besides them.

    A head for other classes, and photographs in the size that the weights
    were trained on, unless another one is given.
    """
    return with_photograph_size(config, source.input_shape).replace(
        new_head=True
    )


def with_photograph_size(
    config: TrainConfig, input_shape: tuple[int, ...]
) -> TrainConfig:
    """Returns a config that resizes image files to the size of a model."""
    is_folder = config.dataset.startswith(("folder:", "csv:"))
    if config.image_size is not None or not is_folder:
        return config
    return config.replace(image_size=input_shape[0])


def _check_model(config: TrainConfig, source: SourceModel) -> None:
    """Refuses a source that is another model, or that has no weights."""
    if config.model not in (None, source.model):
        raise UserError(
            f"--model={config.model} cannot start from {source.name}, which is "
            f"{source.model}; give --model={source.model}, or leave it out."
        )
    if MODELS.find(source.model).is_nonparametric:
        raise UserError(
            f"--weights={source.name} is {source.model}, which stores "
            "its training images and has no weights; start from a network, "
            "such as lenet5."
        )


def find(spec: str, runs_dir: str, model: str | None = None) -> SourceModel:
    """Finds the model that `--weights` names: a run, or a saved file.

    Args:
        spec: value of `--weights`.
        runs_dir: where runs are looked for.
        model: value of `--model`, where it is given.

    Raises:
        UserError: there is none, it is not finished, or it was not trained on
            images.
    """
    path = pathlib.Path(spec)
    if is_application(spec, model):
        if spec != IMAGENET and not path.is_file():
            raise UserError(
                f"--weights={spec} names no file; give imagenet, a run, or a "
                f"file of weights of {model} without its classifier."
            )
        nothing = Statistics("none", "none")
        return SourceModel(spec, path, model, {}, {}, nothing, None)
    if not spec.endswith(FILE):
        try:
            return _of_run(RunStore(runs_dir).find(spec), runs_dir)
        except UserError as error:
            reason = _recipe_reason(spec, runs_dir) or error
            raise UserError(
                f"--weights={spec} names nothing to start from: {reason}"
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


def _recipe_reason(spec: str, runs_dir: str) -> str | None:
    """Returns which command makes the run, where a recipe has its name.

    `None` where there is no such recipe, and where something in the folder of
    runs is called so, or starts so, and has a reason of its own.
    """
    try:
        run_name = recipes.read_config(spec).run_name
        known = [run.name for run in RunStore(runs_dir).runs()]
    except UserError:
        return None
    places = pathlib.Path(runs_dir, spec), pathlib.Path(spec)
    is_taken = any(name.startswith(spec) for name in known)
    if is_taken or any(place.exists() for place in places):
        return None
    makes = command(
        "train",
        recipe=spec,
        run_name=None if run_name == spec else spec,
        runs_dir=runs_dir,
    )
    return f"there is no run {spec!r} in {runs_dir}; `{makes}` makes it."


def _of_run(run: Run, runs_dir: str) -> SourceModel:
    resolved = run.resolved
    config, data = resolved["config"], resolved["data"]
    path = run.model_path()
    if resolved["features"]:
        raise _trained_on_features(run.name, resolved["features"]["name"])
    kept = {name: config.get(name) for name in ARCHITECTURE_OPTIONS}
    return SourceModel(
        name=run.name_from(runs_dir),
        path=path,
        model=config["model"],
        options={n: _as_option(v) for n, v in kept.items() if v},
        model_arg=dict(run.config.model_arg),
        statistics=Statistics.from_json(resolved["statistics"]),
        targets=(data["task"], tuple(data["class_names"])),
        input_shape=tuple(data["input_shape"]),
    )


def _as_option(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _of_file(path: pathlib.Path) -> SourceModel:
    """Reads what a saved model says of itself; Keras's format is a zip."""
    try:
        with zipfile.ZipFile(path) as file:
            config = json.loads(file.read("config.json"))["config"]
        layers = {x["config"]["name"]: x for x in config["layers"]}
    except OSError as error:
        raise read_error(path, error) from error
    except DAMAGE:
        raise UserError(
            f"--weights={path} cannot be read as a Keras model."
        ) from None
    if "network" not in layers:
        raise UserError(
            f"--weights={path} has no layer named network, as every "
            f"{SAVED} of a run has; give one of those."
        )
    if "extractor" in layers:
        raise _trained_on_features(str(path), "NAME")
    return SourceModel(
        name=str(path),
        path=path,
        model=config["name"].replace("keras_", KERAS, 1),
        options={},
        model_arg={},
        statistics=preprocess.statistics_of_layers(list(layers.values())),
        targets=None,
    )


def _trained_on_features(name: str, features: str) -> UserError:
    return UserError(
        f"--weights={name} was trained on features, not on images; "
        f"--features={features} gives these to lr, mlp or knn."
    )
