"""Every command of `zoo` as a Python function; `api_groups` has some too.

    import zoo

    run = zoo.train("lenet5", "mnist", epochs=3)
    zoo.evaluate(run)
    zoo.compare("last", "lr-mnist")

A function that needs a run takes a `Run`, or what names one on the command
line: its name, a unique prefix, its folder, `last`, or weights that come with
the package, such as `lenet5:mnist`. What it returns is printed as the command
prints it, and holds the numbers by the names that `--json` gives them.

Heavy imports are inside the functions, so that `import zoo` costs nothing.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from zoo import backend
from zoo.api_arguments import (
    Data,
    Examples,
    Model,
    RunLike,
    array_or_paths,
    check_model,
    check_option_names,
    data_again,
    find_run,
    find_runs,
    given_split,
    make_config,
    make_dataset,
    register,
    training_console,
)
from zoo.commands import Target
from zoo.config import DEFAULTS
from zoo.errors import UserError
from zoo.results import Result, RunList, checks_result
from zoo.run_store import RunStore
from zoo.runs import Run

if TYPE_CHECKING:
    import keras

    from zoo.serving.predict import Predictions
    from zoo.train_options import TrainOptions
    from zoo.training.user_callbacks import Callbacks

RUNS_DIR = DEFAULTS["runs_dir"]


# Training.


def train(
    model: Model | None = None,
    data: Data | None = None,
    *,
    validation_data: Examples | None = None,
    test_data: Examples | None = None,
    callbacks: Callbacks = (),
    verbose: bool = True,
    **options: Unpack[TrainOptions],
) -> Run:
    """Trains a model, and returns its run.

        zoo.train("lenet5", "mnist", epochs=3)
        zoo.train(keras_model, (x, y), learning_rate=1e-3)

    Args:
        model: Name of a model, see `zoo.list_models()`; a `TrainConfig`; a
            `keras.Model` from raw or standardized images to one output per
            class, of which a copy is trained; or a function
            `build(input_shape, num_classes, **options)` that returns one.
            By default that of `weights`, else `lenet5`.
        data: Name of a dataset, see `zoo.list_datasets()`; path to a folder
            of images, to a `.npz` file or to a CSV file of paths and labels;
            arrays `(x, y)` or `(x, y, sample_weight)` of raw pixels 0..255,
            `[N, H, W, C]`, and classes, `[N]`; a `tf.data.Dataset`, a
            `keras.utils.PyDataset` or a Hugging Face `Dataset` of such, which
            is read once into the cache; a DataFrame of paths and labels; a
            dictionary of these by split; or a `zoo.Dataset`. By default that
            of the config, `digits`.
        validation_data: In the same forms. By default a fraction
            `val_fraction` of the training examples is held out.
        test_data: In the same forms; used by `zoo.evaluate(run, "test")`
            alone.
        callbacks: Keras callbacks, a list or one, called as in one `fit`.
        verbose: Whether to print the progress.
        **options: Fields of `TrainConfig`.

    Raises:
        UserError: something asked for cannot work; no run is made.
        zoo.errors.Diverged: the loss or a weight is not finite any more; the
            run is kept.
        zoo.errors.Interrupted: training was stopped by a signal; the run can
            be resumed.
    """
    from zoo.training.train import train as train_config

    check_option_names(options)  # before anything is read
    name, dataset = make_dataset(
        data, validation_data, test_data, options, model, verbose=verbose
    )
    config = make_config(model, name, options)
    return train_config(
        config,
        dataset,
        console=training_console(config.runs_dir, verbose=verbose),
        callbacks=callbacks,
    )


def resume(
    run: RunLike = "last",
    data: Data | None = None,
    *,
    model: keras.Model | Callable[..., keras.Model] | None = None,
    validation_data: Examples | None = None,
    test_data: Examples | None = None,
    callbacks: Callbacks = (),
    epochs: int | None = None,
    devices: int | str | None = None,
    verbose: bool = True,
    runs_dir: str = RUNS_DIR,
) -> Run:
    """Continues a run from its last checkpoint, to the same result.

        zoo.resume("last")
        zoo.resume(run, epochs=40)  # a new run that continues a finished one

    Args:
        run: A run that was interrupted or killed.
        data: The same data again, if it was a `Dataset`, or is not in the
            cache any more.
        model: The same `keras.Model` or function again, if it was one.
        validation_data: The same again, if there were such.
        test_data: The same again, if there were such.
        callbacks: The same Keras callbacks again. Keras's own, and those that
            have `get_state` and `set_state`, continue where they were.
        epochs: Number of epochs in all of a new run that continues a finished
            one.
        devices: Number of devices, if not as many as before.
        verbose: Whether to print the progress.
        runs_dir: Folder in which runs are found by name.

    Raises:
        UserError: the run is finished or running, or its data have changed.
    """
    found = find_run(run, runs_dir)
    backend.use_onednn_of(found.resolved.get("machine", {}))
    from zoo.training.resume import extend
    from zoo.training.resume import resume as resume_run

    if model is not None:
        register(model, found.config.model)
    check_model(found)
    dataset = data_again(found, data, validation_data, test_data)
    options: dict[str, Any] = {
        "console": training_console(runs_dir, verbose=verbose),
        "devices": devices,
        "callbacks": callbacks,
    }
    if epochs is not None:
        return extend(found, epochs, dataset, **options)
    return resume_run(found, dataset, **options)


def check(
    model: Model | None = None,
    data: Data | None = None,
    **options: Unpack[TrainOptions],
) -> Result:
    """Runs sanity checks of data and model before training.

    Args:
        model: As `zoo.train` takes it.
        data: As `zoo.train` takes it, but for a `Dataset`.
        **options: Fields of `TrainConfig`.

    Raises:
        UserError: something asked for cannot work.
    """
    from zoo.training import sanity_checks

    options = dict(options)
    name, dataset = make_dataset(data, None, None, options, model)
    if dataset is not None:
        raise UserError("zoo.check takes data by name or as arrays (x, y).")
    results = sanity_checks.check(make_config(model, name, options))
    return checks_result(results)


# Runs.


def list_runs(runs_dir: str = RUNS_DIR) -> RunList:
    """Returns all runs in a folder, the oldest first."""
    return RunList(RunStore(runs_dir).runs())


def load_run(
    run: RunLike = "last", runs_dir: str = RUNS_DIR, data_dir: str | None = None
) -> Run:
    """Returns a run by name, prefix, folder or `last`; of moved data, too."""
    return find_run(run, runs_dir, data_dir)


def evaluate(
    run: RunLike | Sequence[RunLike] = "last",
    split: str | None = None,
    *,
    data: Data | None = None,
    dataset: str | None = None,
    data_dir: str | None = None,
    tta: str | None = None,
    runs_dir: str = RUNS_DIR,
) -> Result:
    """Evaluates runs, with confidence intervals, in total and by class.

    Args:
        run: A finished run, or several.
        split: `val` (the default), `train`, or `test`: the held-out test set,
            whose every evaluation is logged beside the runs.
        data: Examples of that split, `(x, y)` or as `zoo.train` takes them,
            for a run whose data came from Python. Its own are in the cache,
            and those that it was trained on are put there again.
        dataset: Another dataset, to measure distribution shift.
        data_dir: Where the data are, if they were moved.
        tta: Test-time augmentation, stated beside the accuracy of one view:
            `flip` averages the logits of an image and its mirror image,
            `flip_shift` those of six views.
        runs_dir: Folder in which runs are found by name.

    Raises:
        UserError: a run has no model, or its examples cannot be loaded.
    """
    from zoo.evaluation import evaluate as evaluation
    from zoo.evaluation import statistics, text

    if split is not None:
        evaluation.check_split(split)
    several = isinstance(run, (list, tuple))
    names = list(run) if several else [run]
    if split == "test":
        texts = [str(name) for name in names if not isinstance(name, Run)]
        if texts:
            RunStore(runs_dir).check_full_names(texts)
    found = find_runs(names, runs_dir, None if dataset else data_dir)
    if dataset is not None:
        if data is not None:
            raise UserError(
                "data and dataset are both examples to evaluate on; give one "
                "of them."
            )
        from zoo.evaluation import external

        if tta is not None:
            raise UserError("tta is for a run's own data, and not dataset.")
        results = external.evaluate_external(
            found, dataset, split, data_dir=data_dir, runs_dir=runs_dir
        )
        values, draw = external.as_json(results), external.plotter(results)
        return Result(values, lambda: external.format_results(results), draw)
    split, cache = split or "val", evaluation.SplitCache()
    if data is not None:
        for each in found:
            part = given_split(each, data, split)
            if part is not None:
                cache.add_split(each, split, part)
    results = evaluation.evaluate_runs(found, split, runs_dir, cache, tta)
    if len(found) == 1:
        return Result(results[0], lambda: text.format_result(results[0]))
    rows = statistics.summarize_seeds(found, results)
    return Result(
        {"runs": results, "configs": rows},
        lambda: text.format_results(results, rows),
    )


def compare(*run: RunLike, runs_dir: str = RUNS_DIR) -> Result:
    """Compares runs: settings, scores, and which differences are significant.

    Args:
        *run: Two runs or more, evaluated on the same validation examples, or
            a group of runs. Runs that differ only in the seed are grouped.
        runs_dir: Folder in which runs are found by name.

    Raises:
        UserError: fewer than two runs, or no examples in common.
    """
    from zoo.evaluation import compare as comparison

    found = find_runs(run, runs_dir)
    if len(found) < 2:
        raise UserError(
            f"{len(found)} runs cannot be compared; give two or more, as in "
            "zoo.compare(first, second)."
        )
    values = comparison.compare_runs(found)
    return Result(
        values,
        comparison.format_comparison(values),
        lambda: comparison.render_learning_curves(found),
    )


def diagnose(run: RunLike = "last", *, runs_dir: str = RUNS_DIR) -> Result:
    """Diagnoses a run from its metrics: findings, and what to try next.

    Args:
        run: A run, finished or not.
        runs_dir: Folder in which runs are found by name.
    """
    from zoo import diagnostics
    from zoo.diagnostics.findings import RunStats, as_json, format_findings

    stats = RunStats.of(find_run(run, runs_dir))
    findings = diagnostics.diagnose(stats)
    return Result(as_json(stats, findings), format_findings(stats, findings))


def misclassified(
    run: RunLike = "last",
    split: str = "val",
    count: int = 14,
    *,
    runs_dir: str = RUNS_DIR,
) -> Result:
    """Returns the misclassified examples with the largest loss.

    Args:
        run: A finished run of a classifier.
        split: `val` or `train`; the test set is refused.
        count: Number of examples to return, at most.
        runs_dir: Folder in which runs are found by name.

    Raises:
        UserError: the run is a regression or has no model, or there is no
            such split.
    """
    from zoo.evaluation.misclassified import (
        as_json,
        draw,
        find_misclassified,
        format_misclassified,
    )

    run = find_run(run, runs_dir)
    found = find_misclassified(run, split, count)
    has_images = found.total and found.part.images.ndim == 4
    return Result(
        as_json(found),
        format_misclassified(found, Target.of(run)),
        (lambda: draw(found)) if has_images else None,
    )


def landscape(
    run: RunLike = "last", *, runs_dir: str = RUNS_DIR, **options: Any
) -> Result:
    """Computes the loss surface of a run, and draws it into its folder.

    Args:
        run: A finished run.
        runs_dir: Folder in which runs are found by name.
        **options: Fields of `zoo.evaluation.landscape.LandscapeConfig`,
            such as `parts=("line",)` and `points=11`.
    """
    from zoo.evaluation.landscape import LandscapeConfig, plots
    from zoo.evaluation.landscape.scan import scan_landscape

    run = find_run(run, runs_dir)
    numbers = scan_landscape(run, LandscapeConfig(**options), runs_dir)
    path = plots.save(run, numbers)
    return Result({**numbers, "path": str(path)}, f"plots  {path}")


def report(
    *run: RunLike,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    runs_dir: str = RUNS_DIR,
) -> pathlib.Path:
    """Writes a run, or several side by side, as an HTML page.

    Args:
        *run: One run or more, finished or not; by default the last one.
        out: Path of the page; by default `report.html` in the folder of the
            run, or of all runs. A `.md` file becomes a model card of the Hub.
        overwrite: Whether an existing file `out` may be replaced.
        runs_dir: Folder in which runs are found by name.

    Returns:
        Path of the page.
    """
    from zoo.reporting import check_path, model_card, render

    found = find_runs(run or ["last"], runs_dir)
    path = None if out is None else check_path(str(out), overwrite)
    if path is not None and path.suffix == model_card.SUFFIX:
        return model_card.write_card(found, runs_dir, path)
    return render.write_report(found, runs_dir, path)


# Trained models.


def predict(
    run: RunLike,
    examples: np.ndarray | str | os.PathLike[str] | Sequence[Any],
    top: int = 2,
    *,
    runs_dir: str = RUNS_DIR,
) -> Predictions:
    """Predicts the classes of new examples.

    Args:
        run: A finished run of a classifier, or the path of a `.keras` file.
        examples: Raw pixels 0..255, `[N, H, W, C]`, or points, `[N, D]`; or
            paths of files, folders and patterns, one or several.
        top: Number of classes to return for each, the most probable first.
        runs_dir: Folder in which runs are found by name.

    Returns:
        A sequence with an item for each example, which has its `name`, and
        `classes` and `probabilities` of its top classes; for all `N` examples
        together `probabilities`, float64 `[N, K]`, and `labels`, int64 `[N]`,
        the most probable class of each.

    Raises:
        UserError: the run is a regression, or the examples do not fit it.
    """
    from zoo.serving import predict as serving

    if not isinstance(run, Run):
        run = serving.find_model(os.fspath(run), runs_dir)
    return serving.predict(run, array_or_paths(examples), top)


def export(
    run: RunLike = "last",
    format: str = "keras",
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    *,
    runs_dir: str = RUNS_DIR,
) -> Result:
    """Exports a run for other programs, and checks its predictions.

    Args:
        run: A finished run of a classifier.
        format: `keras`, `saved_model`, `onnx`, `tflite`, `tflite_int8` or
            `python`.
        out: Path to write to; by default inside the run folder.
        overwrite: Whether an existing export may be replaced.
        runs_dir: Folder in which runs are found by name.

    Raises:
        UserError: it cannot be written; nothing is left behind.
    """
    from zoo.serving.export import export as export_run

    out = None if out is None else os.fspath(out)
    found = export_run(find_run(run, runs_dir), format, out, overwrite)
    return Result({**found.metadata, "path": str(found.path)}, str(found))


# Data and models.


def inspect(data: Data, *, data_dir: str | None = None) -> Result:
    """Checks the images of a dataset before training.

    The figure is a contact sheet.

    Args:
        data: As `zoo.train` takes it, but for a `Dataset`.
        data_dir: Folder of tensorflow-datasets.

    Raises:
        UserError: there is no such dataset, or it has no images.
    """
    from zoo import data_checks
    from zoo.console import expand_commands
    from zoo.data_checks import report as data_report

    name = make_dataset(data, None, None, {"data_dir": data_dir})[0]
    if name is None:
        raise UserError("zoo.inspect takes data by name or as arrays (x, y).")
    kind, _, path = name.partition(":")
    if kind == "folder" and path:
        stats = data_checks.read_folder(path)
    else:
        stats = data_checks.read_dataset(name, data_dir)
    findings = data_checks.inspect(stats)
    return Result(
        data_report.as_json(stats, findings, None),
        expand_commands(data_report.format_report(stats, findings)),
        lambda: data_report.draw_contact_sheet(stats),
    )


def describe(
    model: str,
    input_shape: tuple[int, ...] | None = None,
    num_classes: int = 10,
    **options: Any,
) -> Result:
    """Describes a model: shapes, parameters, multiply-adds and memory.

    Args:
        model: Name of a model.
        input_shape: `(H, W, C)` or `(D,)`; by default that of the paper.
        num_classes: Number of classes.
        **options: Arguments of the builder.
    """
    from zoo.models.describe import describe_model, format_description

    found = describe_model(model, input_shape, num_classes, **options)
    return Result(found, lambda: format_description(found))


def list_datasets() -> list[str]:
    """Returns the names of all datasets; `folder:` takes a path."""
    from zoo.data.datasets import list_datasets as list_sources

    return [source.name for source in list_sources()]
