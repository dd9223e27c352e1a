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
from zoo.errors import (
    UserError,
    close_matches,
    join_and,
    unknown_name_error,
)
from zoo.options import argument_text, option_text, plain_value
from zoo.run_store import RunStore
from zoo.runs import Run

if TYPE_CHECKING:
    import keras

    from zoo.data.dataset import Dataset, Split
    from zoo.training.console import TrainingConsole
    from zoo.tuning.cluster import ClusterConfig, Placement

RunLike: TypeAlias = "Run | str | os.PathLike[str]"
Arrays: TypeAlias = (
    "tuple[np.ndarray, np.ndarray] | tuple[np.ndarray, np.ndarray, np.ndarray]"
)
# Of arrays, or a tf.data.Dataset, a keras.utils.PyDataset, a Hugging Face
# Dataset or a DataFrame, which are known by what they have.
Examples: TypeAlias = "Arrays | Any"
Data: TypeAlias = "str | os.PathLike[str] | Dataset | Examples"
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
    if path.suffix.lower() == ".npz" and path.is_file():
        return f"npz:{word}"
    if path.suffix.lower() == ".csv" and path.is_file():
        from zoo.data import image_table

        return f"{'csv' if image_table.is_table(path) else 'points'}:{word}"
    if path.exists():
        raise UserError(
            f"{word} is a file; give a folder whose sub-folders are the "
            "classes, a NumPy .npz file, or a CSV file of paths and labels."
        )
    around = path.parent.iterdir() if path.parent.is_dir() else ()
    folders = [str(p.relative_to(path.parent)) for p in around if p.is_dir()]
    close = close_matches(path.name, [*folders, *names], 1)
    hint = (
        f"did you mean {close[0]}?" if close else "give the path of a folder."
    )
    raise UserError(f"there is no folder or dataset {word!r}; {hint}")


def find_run(run: RunLike, runs_dir: str, data_dir: str | None = None) -> Run:
    return RunStore(runs_dir, data_dir).find(run)


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


def check_option_names(options: Iterable[str]) -> None:
    """Raises `UserError` for a name that is no field of `TrainConfig`."""
    for name in options:
        if name not in DEFAULTS:
            raise unknown_name_error(
                "option", name, DEFAULTS, "zoo train --helpfull"
            )


def make_config(
    model: Model | None, dataset: str | None, options: Mapping[str, Any]
) -> TrainConfig:
    """Returns the config of a training."""
    check_option_names(options)
    changes = dict(options)
    if dataset is not None:
        changes["dataset"] = dataset
    if isinstance(model, TrainConfig):
        return model.replace(**changes)
    if model is not None and not isinstance(model, str):
        model = register(model)
    return TrainConfig(model=model, **changes)


def make_dataset(
    data: Data | None,
    validation_data: Examples | None,
    test_data: Examples | None,
    options: Mapping[str, Any],
    model: Any = None,
    *,
    verbose: bool = True,
) -> tuple[str | None, Dataset | None]:
    """Returns the name of a dataset, or a `Dataset` as it was passed.

    Examples from Python are read into the cache, where their name finds them.

    Args:
        data: As `zoo.train` takes it.
        validation_data: As `zoo.train` takes it.
        test_data: As `zoo.train` takes it.
        options: Fields of `TrainConfig`.
        model: A `TrainConfig` that has the other fields, or anything else.
        verbose: Whether to print what is read.
    """
    from zoo.data import Dataset
    from zoo.data.examples import split_parts
    from zoo.data.loading import VAL

    is_named = data is None or isinstance(data, (str, os.PathLike, Dataset))
    if is_named:
        if validation_data is not None or test_data is not None:
            raise UserError(
                "validation_data and test_data go with arrays, as in "
                "zoo.train(model, (x, y), validation_data=(x_val, y_val)); a "
                "dataset has its own."
            )
        if data is None or isinstance(data, Dataset):
            return None, data
        return dataset_name(data), None
    if isinstance(model, str):
        from zoo.models import MODELS

        MODELS.find(model)  # a mistake is told before anything is read
    elif model is not None and not isinstance(model, TrainConfig):
        _check_model_or_builder(model)
    given = model.as_dict() if isinstance(model, TrainConfig) else {}
    given |= options
    fraction = given.get("val_fraction", DEFAULTS["val_fraction"])
    own, allowed = "validation_data", [DEFAULTS["val_fraction"]]
    if validation_data is None:
        own = "the validation part of data"
        allowed.append(0)  # it is there, and is left out
    elif "val_fraction" in options:
        allowed = []
    has_own = VAL in split_parts(data, validation_data, test_data)
    if has_own and fraction not in allowed:
        raise UserError(
            f"val_fraction={fraction} does not go with {own}; leave one of "
            "them out."
        )
    name = store_examples(
        data, validation_data, test_data, given, verbose=verbose
    )
    return name, None


def store_examples(
    data: Examples,
    validation_data: Examples | None,
    test_data: Examples | None,
    options: Mapping[str, Any],
    *,
    verbose: bool = False,
) -> str:
    """Reads examples into the cache; returns the name of the dataset."""
    from zoo.data import examples as from_python
    from zoo.data import image_table, user_data

    parts = from_python.split_parts(data, validation_data, test_data)
    data_dir, size = options.get("data_dir"), options.get("image_size")
    resize = options.get("resize", DEFAULTS["resize"])
    if any(map(image_table.is_frame, parts.values())):
        return image_table.store_frames(parts, data_dir)
    examples = {
        split_name: from_python.open_examples(
            part, from_python.ARGUMENTS[split_name], size, resize
        )
        for split_name, part in parts.items()
    }
    return user_data.store(examples, data_dir, verbose=verbose)


def restore_examples(
    run: Run,
    data: Data,
    validation_data: Examples | None = None,
    test_data: Examples | None = None,
) -> bool:
    """Puts the data of a run into the cache again, if these are its data.

    Returns:
        Whether they are those that the run was trained on.

    Raises:
        UserError: they cannot be, as they are others at each reading.
    """
    from zoo.data import user_data

    config = run.config
    if isinstance(data, (str, os.PathLike)):
        return dataset_name(data) == config.dataset
    known = user_data.stored_names(config.data_dir)
    name = store_examples(data, validation_data, test_data, config.as_dict())
    if name == config.dataset:
        return True
    is_same, changing = _has_same_images(run, name), []
    if is_same:
        user_data.copy(name, config.dataset, config.data_dir)
    if name.startswith(user_data.PREFIX):
        changing = user_data.changing_parts(name, config.data_dir)
        if name not in known:
            user_data.discard(name, config.data_dir)
    if changing and not is_same:
        remedy = "train again, with augment= instead of random changes"
        if config.dataset in known:
            remedy = "leave them out, since those are in the cache"
        verb = "gives" if len(changing) == 1 else "give"
        raise UserError(
            f"{join_and(changing)} {verb} other examples at each reading, and "
            f"so not the data that {run.name} was trained on; {remedy}."
        )
    return is_same


def _has_same_images(run: Run, name: str) -> bool:
    """Whether a run was trained on the images of another dataset."""
    from zoo.data import load_dataset, user_data

    config = run.config
    if not config.dataset.startswith(user_data.PREFIX):
        return False
    dataset = load_dataset(
        name,
        data_dir=config.data_dir,
        image_size=config.image_size,
        resize=config.resize,
        val_fraction=config.val_fraction,
        fold=config.fold,
        train_examples=config.train_examples,
        classes=config.classes,
    )
    return dataset.fingerprint == run.resolved["data"]["fingerprint"]


def data_again(
    run: Run,
    data: Data | None,
    validation_data: Examples | None,
    test_data: Examples | None,
) -> Dataset | None:
    """Takes the data of a run again, for its continuation.

    Returns:
        The data where no name finds them, else `None`.

    Raises:
        UserError: they are not those that it was trained on.
    """
    from zoo.data import Dataset

    if data is None:
        return None
    is_named = isinstance(data, (str, os.PathLike))
    if run.resolved["data"]["from_arrays"] and not is_named:
        if isinstance(data, Dataset):
            return data
        from zoo.data import load_dataset

        # As many are held out as before.
        sizes = run.resolved["data"]
        total = sizes["train"] + sizes["val"]
        fraction = 0.1 if validation_data is not None else sizes["val"] / total
        name = store_examples(data, validation_data, test_data, {})
        dataset = load_dataset(name, val_fraction=fraction)
        return dataclasses.replace(dataset, name=run.config.dataset)
    if not restore_examples(run, data, validation_data, test_data):
        raise UserError(
            f"these are not the data that {run.name} was trained on; give the "
            "same again, with validation_data and test_data if there were "
            "such."
        )
    return None


def is_from_python(run: Run) -> bool:
    """Whether a run was trained on data from Python."""
    from zoo.data import user_data

    is_stored = run.config.dataset.startswith(user_data.PREFIX)
    return is_stored or run.resolved["data"]["from_arrays"]


def given_split(run: Run, data: Data, split: str) -> Split | None:
    """Returns examples that were given for an evaluation.

    `None` where they are all the data of the run, which are in the cache then.
    """
    if split != "test" and is_from_python(run):
        try:
            if restore_examples(run, data):
                return None
        except UserError:
            pass  # such as a part that has only some of the classes
    return split_of_examples(run, data, split)


def split_of_examples(run: Run, examples: Examples, split: str) -> Split:
    """Returns examples as a split, for a run that was trained on such.

    Raises:
        UserError: the run was trained on a dataset that has a name, the
            examples do not fit it, or it was trained on them.
    """
    from zoo.data import Dataset, image_table, user_data
    from zoo.data.examples import open_examples

    data = run.resolved["data"]
    if not is_from_python(run):
        raise UserError(
            f"{run.name} was trained on {data['name']}, which is loaded for "
            "its evaluation; leave out data, or give dataset=NAME."
        )
    if image_table.is_frame(examples):
        raise UserError("data is a DataFrame; give arrays (x, y).")
    if isinstance(examples, Dataset):
        raise UserError(
            "data is a Dataset; give the examples of one split, such as "
            "(data.val.images, data.val.labels)."
        )
    found = open_examples(
        examples, "data", run.config.image_size, run.config.resize
    )
    part = user_data.read_split(
        found, "data", data["class_names"], tuple(data["input_shape"])
    )
    if split != "train" and run.config.dataset.startswith(user_data.PREFIX):
        fraction = user_data.fraction_in_training(
            part, run.config.dataset, run.config.data_dir
        )
        if fraction > 0.5:
            raise UserError(
                f"{fraction:.0%} of the examples in data are training data of "
                f"{run.name}; leave data out for its own {split} split, or "
                "give examples that it was not trained on."
            )
    return part


def register(model: Any, name: str | None = None) -> str:
    """Registers a model of the user for this process; returns its name."""
    import keras

    from zoo.models import MODELS, register_model

    _check_model_or_builder(model)
    if name is None:
        own = getattr(model, "name", None) or getattr(model, "__name__", "")
        name = re.sub(r"\W", "_", str(own)).strip("_") or "model"
        name = name if name[0].isalpha() else f"model_{name}"
    builder = _Cloner(model) if isinstance(model, keras.Model) else model
    MODELS.discard(name)
    register_model(name, builder, takes_vectors=True)
    return name


def _check_model_or_builder(model: Any) -> None:
    import keras

    if isinstance(model, keras.Sequential) and not model.layers:
        raise UserError(
            f"{model.name} has no layers; add some, at its end "
            "layers.Dense(num_classes)."
        )
    is_layer = isinstance(model, keras.Layer)
    if isinstance(model, keras.Model) or callable(model) and not is_layer:
        return
    shown = f"the layer {model.name}" if is_layer else f"{model!r:.60}"
    raise UserError(
        f"{shown} is not a model; give a name, a keras.Model, or a function "
        "build(input_shape, num_classes)."
    )


def check_model(run: Run) -> None:
    """Raises `UserError` if the model of a run is not known here."""
    from zoo.models import MODELS, plugins

    name = run.config.model
    if plugins.is_file_name(name):
        return
    try:
        MODELS.find(name)
    except UserError:
        raise UserError(
            f"{run.name} was trained on {name}, a model of your own; give it "
            "again, as in zoo.resume(run, model=model)."
        ) from None


class _Cloner:
    """A builder that gives a copy of a model, with its weights.

    Args:
        original: The model, which is left as it is.
    """

    def __init__(self, original: keras.Model):
        self.original = original

    def __call__(self, input_shape, num_classes):
        import keras

        from zoo.models import user_models
        from zoo.models.graph import copy_trainable

        model = self.original
        if user_models.is_subclassed(model):
            return model  # its layers are copied later
        # What it was compiled with is read from the original; a loss of the
        # user's own could not be copied.
        compiled, model.compiled = model.compiled, False
        try:
            copy = keras.models.clone_model(model)
        except user_models.NOT_COPIED as error:
            raise user_models.not_loadable(model.name, model) from error
        finally:
            model.compiled = compiled
        if model.built and copy.built:
            copy.set_weights(model.get_weights())
            copy_trainable(copy, model)
        return copy


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
    from zoo.tuning.space import ARGUMENT

    if not isinstance(values, str):
        values = values_text(values, option.startswith(ARGUMENT))
    return f"{option}={values}"


def make_placement(
    workers: int | str | None, cluster: str | ClusterConfig | None
) -> Placement:
    """Returns where runs are trained, on this machine or a cluster."""
    from zoo.tuning.cluster import ClusterConfig, Placement

    if isinstance(cluster, str):
        cluster = ClusterConfig(cluster)
    return Placement(workers, cluster)


def values_text(values: Sequence[Any], is_argument: bool = False) -> str:
    """Returns the values of an option as they are typed.

    Args:
        values: Of any types that the option has.
        is_argument: Whether they are those of an argument of the model.

    Raises:
        UserError: a value contains what separates values.
    """
    values = plain_value(list(values))
    texts = [
        argument_text(value) if is_argument else option_text(value)
        for value in values
    ]
    for text in texts:
        if ";" in text:
            raise UserError(
                f"the value {text} has a semicolon, which separates values; "
                "choose another name for it, or train it by itself."
            )
    has_commas = any("," in text for text in texts)
    if has_commas or any(isinstance(value, tuple) for value in values):
        return ";".join(texts) + ";"  # so that commas belong to a value
    return ",".join(texts)
