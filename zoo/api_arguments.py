"""What the functions of `zoo` take: runs, models and data, in many forms."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from zoo.config import DEFAULTS, TrainConfig
from zoo.errors import UserError, close_matches, unknown_name_error
from zoo.run_store import RunStore
from zoo.runs import Run

if TYPE_CHECKING:
    import keras

    from zoo.data.dataset import Dataset, Split
    from zoo.training.console import TrainingConsole
    from zoo.tuning.cluster import ClusterConfig, Placement

RunLike: TypeAlias = "Run | str | os.PathLike[str]"
Arrays: TypeAlias = "tuple[np.ndarray, np.ndarray]"
Data: TypeAlias = "str | os.PathLike[str] | Arrays | Dataset"
Model: TypeAlias = (
    "str | TrainConfig | keras.Model | Callable[..., keras.Model]"
)


def dataset_name(data: str | os.PathLike[str]) -> str:
    """Returns the name of a dataset, from that or from a path.

    Raises:
        UserError: there is neither a dataset of that name nor such a path.
    """
    from zoo.data.datasets import DATASETS, find_dataset

    word = os.fspath(data)
    path = pathlib.Path(word).expanduser()
    names = {source.name for source in DATASETS}
    if word in names or (":" in word and word.partition(":")[0] + ":" in names):
        find_dataset(word)
        return word
    if path.is_dir():
        return f"folder:{word}"
    if path.suffix == ".npz" and path.is_file():
        return f"npz:{word}"
    if path.exists():
        raise UserError(
            f"{word} is a file; give a folder whose sub-folders are the "
            "classes, or a NumPy .npz file."
        )
    around = path.parent.iterdir() if path.parent.is_dir() else ()
    folders = [str(p.relative_to(path.parent)) for p in around if p.is_dir()]
    close = close_matches(path.name, [*folders, *names], 1)
    hint = (
        f"did you mean {close[0]}?" if close else "give the path of a folder."
    )
    raise UserError(f"there is no folder or dataset {word!r}; {hint}")


def find_run(run: RunLike, runs_dir: str, data_dir: str | None = None) -> Run:
    if not isinstance(run, Run):
        return RunStore(runs_dir, data_dir).find(os.fspath(run))
    return run if data_dir is None else run.with_data_at(data_dir)


def find_runs(
    names: Iterable[RunLike], runs_dir: str, data_dir: str | None = None
) -> list[Run]:
    """Returns runs, those of a group in place of its name."""
    names, store = list(names), RunStore(runs_dir, data_dir)
    if not any(isinstance(name, Run) for name in names):
        return store.find_all(map(os.fspath, names))[0]
    return [
        run
        for name in names
        for run in (
            [find_run(name, runs_dir, data_dir)]
            if isinstance(name, Run)
            else store.find_all([os.fspath(name)])[0]
        )
    ]


def make_config(
    model: Model, dataset: str | None, options: Mapping[str, Any]
) -> TrainConfig:
    """Returns the config of a training."""
    for name in options:
        if name not in DEFAULTS:
            raise unknown_name_error(
                "option", name, DEFAULTS, "zoo train --helpfull"
            )
    changes = dict(options)
    if dataset is not None:
        changes["dataset"] = dataset
    if isinstance(model, TrainConfig):
        return model.replace(**changes)
    if not isinstance(model, str):
        model = register(model)
    return TrainConfig(model=model, **changes)


def make_dataset(
    data: Data | None,
    validation_data: Arrays | None,
    test_data: Arrays | None,
    options: dict[str, Any],
) -> tuple[str | None, Dataset | None]:
    """Returns the name of a dataset, or a `Dataset` made of arrays.

    Takes `val_fraction` out of the options if arrays are split by it here.
    """
    from zoo.data import Dataset

    is_arrays = isinstance(data, (tuple, list)) and len(data) == 2
    if not is_arrays:
        if validation_data is not None or test_data is not None:
            raise UserError(
                "validation_data and test_data go with arrays, as in "
                "zoo.train(model, (x, y), validation_data=(x_val, y_val)); a "
                "dataset has its own."
            )
        if data is None or isinstance(data, Dataset):
            return None, data
        if isinstance(data, (str, os.PathLike)):
            return dataset_name(data), None
        raise UserError(
            f"{data!r:.60} is not a dataset; give a name, a path, arrays "
            "(x, y), or a Dataset."
        )
    fraction = options.pop("val_fraction", None)
    if validation_data is not None:
        if fraction:
            raise UserError(
                f"val_fraction={fraction} has no effect with validation_data; "
                "leave one of them out."
            )
        fraction = 0.0
    if fraction is None:
        fraction = DEFAULTS["val_fraction"]
    dataset = Dataset.from_arrays(*data, val_fraction=fraction)
    like = dataset.input_shape, dataset.num_classes
    if validation_data is not None:
        split = checked_split(validation_data, "validation_data", *like)
        dataset = dataclasses.replace(dataset, val=split)
    if test_data is not None:
        split = checked_split(test_data, "test_data", *like)
        dataset = dataclasses.replace(dataset, num_test_examples=len(split))
    return None, dataset


def checked_split(
    arrays: Arrays, name: str, input_shape: Sequence[int], num_classes: int
) -> Split:
    """Returns a split of arrays `(x, y)` that fit the training data.

    Args:
        arrays: Raw pixels, `[N, H, W, C]`, and classes, `[N]`.
        name: Name of the argument, for errors.
        input_shape: `(H, W, C)` of the training examples.
        num_classes: Number of classes of the training data.

    Raises:
        UserError: they have another shape, or a class too many.
    """
    from zoo.data.arrays import check_examples
    from zoo.data.dataset import Split

    split = Split(*check_examples(*arrays, name))
    shape = tuple(split.images.shape[1:])
    if shape != tuple(input_shape):
        raise UserError(
            f"the examples of {name} have the shape {shape}, those of the "
            f"training data {tuple(input_shape)}."
        )
    if split.labels.max() >= num_classes:
        raise UserError(
            f"{name} has the class {split.labels.max()}, the training data "
            f"only 0 to {num_classes - 1}."
        )
    return split


def split_of_arrays(run: Run, arrays: Arrays) -> Split:
    """Returns a split of arrays for a run that was trained on arrays.

    Raises:
        UserError: the run was trained on a dataset that can be loaded, or
            the arrays do not fit it.
    """
    data = run.resolved["data"]
    if not data["from_arrays"]:
        raise UserError(
            f"{run.name} was trained on {data['name']}, which is loaded for "
            "its evaluation; leave out data, or give dataset=NAME."
        )
    num_classes = len(data["class_names"])
    return checked_split(arrays, "data", data["input_shape"], num_classes)


def register(model: Any, name: str | None = None) -> str:
    """Registers a model of the user for this process; returns its name."""
    import keras

    from zoo.models import MODELS, register_model

    if not (isinstance(model, keras.Model) or callable(model)):
        raise UserError(
            f"{model!r:.60} is not a model; give a name, a keras.Model, or a "
            "function build(input_shape, num_classes)."
        )
    if name is None:
        own = getattr(model, "name", None) or getattr(model, "__name__", "")
        name = re.sub(r"\W", "_", str(own)).strip("_") or "model"
        name = name if name[0].isalpha() else f"model_{name}"
    builder = _cloner(model) if isinstance(model, keras.Model) else model
    MODELS.discard(name)
    register_model(name, builder, takes_vectors=True)
    return name


def _cloner(model: keras.Model) -> Callable[..., keras.Model]:
    """Returns a builder that gives a copy of a model, with its weights."""
    import keras

    def build(input_shape, num_classes):
        try:
            copy = keras.models.clone_model(model)
        except ValueError:  # a subclass, which is refused where it is checked
            return model
        if model.built and copy.built:
            copy.set_weights(model.get_weights())
        return copy

    return build


def training_console(
    runs_dir: str,
    *,
    verbose: bool = True,
    on_log: Callable[[pathlib.Path], None] | None = None,
) -> TrainingConsole:
    """Returns a console for a run that leaves a report in its folder.

    Args:
        runs_dir: Folder of the log of test-set evaluations.
        verbose: Whether to print the progress.
        on_log: Called with the path of the log, once there is one.
    """
    from zoo.training.console import TrainingConsole

    def on_end(run: Run, dataset: Dataset) -> None:
        from zoo.reporting.render import write_after_training

        path = write_after_training(run, dataset, runs_dir)
        failed = "could not be written; see log.txt"
        console.print_fields({"report": str(path or failed)})

    console = TrainingConsole(quiet=not verbose, on_log=on_log, on_end=on_end)
    return console


def array_or_paths(examples: Any) -> np.ndarray | list[str]:
    """Returns an array as it is, and one path or several as strings."""
    if isinstance(examples, np.ndarray):
        return examples
    if isinstance(examples, (str, os.PathLike)):
        examples = [examples]
    try:
        paths = [os.fspath(path) for path in examples]
    except TypeError:
        paths = []
    if not paths:
        raise UserError(
            f"{examples!r:.60} is not an example; give a NumPy array of raw "
            "pixels, or paths of image files."
        )
    return paths


def space_text(option: str, values: Any) -> str:
    """Returns the values of a hyperparameter as text."""
    if not isinstance(values, str):
        values = ",".join(map(str, values))
    return f"{option}={values}"


def make_placement(
    workers: int | str | None, cluster: str | ClusterConfig | None
) -> Placement:
    """Returns where runs are trained, on this machine or a cluster."""
    from zoo.tuning.cluster import ClusterConfig, Placement

    if isinstance(cluster, str):
        cluster = ClusterConfig(cluster)
    return Placement(workers, cluster)


def values_text(values: Sequence[Any]) -> str:
    """Returns the values of an option as they are typed."""
    if any(isinstance(value, (list, tuple)) for value in values):
        return ";".join(",".join(map(str, value)) for value in values) + ";"
    return ",".join(str(value) for value in values)
