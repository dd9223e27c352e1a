"""Groups of runs as Python functions: sweeps, varied options, suites.

Runs are trained in processes of their own, so a script calls these below
`if __name__ == "__main__":`. The same call again resumes, and repeats nothing.
GPUs are left to the runs: this process has none afterwards, unless it has used
them before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

from zoo.api_arguments import (
    Data,
    RunLike,
    check_option_names,
    find_run,
    make_config,
    make_dataset,
    make_placement,
    space_text,
    values_text,
)
from zoo.config import DEFAULTS, TrainConfig
from zoo.errors import UserError
from zoo.results import Result, sweep_result

if TYPE_CHECKING:
    from zoo.train_options import TrainOptions
    from zoo.tuning.cluster import ClusterConfig
    from zoo.tuning.varied_option import VariedOption

RUNS_DIR = DEFAULTS["runs_dir"]


def sweep(
    model: str | TrainConfig = "lenet5",
    data: Data | None = None,
    *,
    space: Mapping[str, Any] | None = None,
    tuner: str = "random",
    trials: int | None = None,
    executions: int = 1,
    objective: str | None = None,
    select_epoch: str = "best",
    retrain_seeds: int = 3,
    keep: str = "best",
    workers: int | str | None = None,
    cluster: str | ClusterConfig | None = None,
    sweep_name: str | None = None,
    verbose: bool = True,
    **options: Unpack[TrainOptions],
) -> Result:
    """Searches for good hyperparameters; each trial is an ordinary run.

        zoo.sweep("mlp", space={"learning_rate": "log:1e-4:1e-1"}, trials=8)

    Trials are trained in processes of their own, so a script calls it below
    `if __name__ == "__main__":`. The same call with the same `sweep_name`
    resumes a sweep. GPUs are left to the trials: this process has none
    afterwards, unless it has used them before.

    Args:
        model: Name of a model, or a `TrainConfig`.
        data: As `zoo.train` takes it, but for a `Dataset`.
        space: Values of each option that is searched: a list, or a range as
            text, such as `"0:0.5"`, `"0:0.5:0.1"` or `"log:1e-4:1e-1"`. By
            default the search space of the model.
        tuner: `random`, `grid`, `bayesian` or `hyperband`.
        trials: Number of trials; by default 12, or the whole grid.
        executions: Number of seeds of each trial.
        objective: `val_accuracy` or `val_loss`.
        select_epoch: Epoch whose value is the score: `best` or `last`.
        retrain_seeds: Number of new seeds with which the best trial is
            retrained.
        keep: Whose models are kept: `best` or `all`.
        workers: Number of trials that are trained at once, or `auto`; 1 by
            default, and on a cluster as many as fit.
        cluster: Address of a Ray cluster that trains the trials, `HOST:PORT`
            or `auto`, or a `zoo.tuning.cluster.ClusterConfig` with the GPUs
            and cores of a trial. All nodes must share `runs_dir`.
        sweep_name: Name of the folder.
        verbose: Whether to print the progress.
        **options: Fields of `TrainConfig` that all trials share.

    Returns:
        The contents of `result.json`.
    """
    from zoo.training.console import TrainingConsole
    from zoo.tuning.workers import hide_gpus, require_single_device

    options = dict(options)
    name, dataset = make_dataset(data, None, None, options, model)
    if dataset is not None:
        raise UserError("zoo.sweep takes data by name or as arrays (x, y).")
    config = make_config(model, name, options)
    require_single_device(config)
    _require_in_workers(config)
    hide_gpus()
    from zoo.tuning.sweep import open_folder, run_placed_sweep
    from zoo.tuning.sweep_config import resolve_sweep

    settings = resolve_sweep(
        config,
        tuple(space_text(*pair) for pair in (space or {}).items()),
        tuner=tuner,
        trials=trials,
        executions=executions,
        objective=objective,
        select_epoch=select_epoch,
        factor=None,
        keep=keep,
        retrain_seeds=retrain_seeds,
    )
    folder = run_placed_sweep(
        lambda: open_folder(settings, sweep_name),
        settings,
        TrainingConsole(quiet=not verbose),
        make_placement(workers, cluster),
        config.runs_dir,
    )
    result = folder.result
    return sweep_result(folder.name, result, settings.objective)


def vary(
    run: RunLike | TrainConfig = "last",
    *,
    seeds: int | None = None,
    folds: int | None = None,
    workers: int | str | None = None,
    cluster: str | ClusterConfig | None = None,
    verbose: bool = True,
    runs_dir: str | None = None,
    **options: Any,
) -> Result:
    """Varies one option of a run, and compares the results.

        zoo.vary("last", learning_rate=[1e-4, 1e-3, 1e-2])
        zoo.vary("last", seeds=5)  # or folds=5

    Each value is an ordinary run, trained in a process of its own, so a
    script calls it below `if __name__ == "__main__":`. The same call again
    resumes what was interrupted, and repeats nothing.

    Args:
        run: The run to vary, or a `TrainConfig`.
        seeds: Number of seeds of each value.
        folds: Number of folds of a cross-validation, in the place of a list:
            each run is validated on another part of the training examples.
        workers: Number of runs that are trained at once, or `auto`; 1 by
            default, and on a cluster as many as fit.
        cluster: Ray cluster that trains the runs, as `zoo.sweep` takes it.
        verbose: Whether to print the progress.
        runs_dir: Folder of the runs; by default that of the `TrainConfig`.
        **options: Fields of `TrainConfig`. A list gives the values of the
            varied option; the others are changed in all runs.

    Raises:
        UserError: there is no list, or more than one.
    """
    from zoo.resolve import resolve_names
    from zoo.training.console import TrainingConsole
    from zoo.tuning import multirun
    from zoo.tuning.multirun_summary import format_summary
    from zoo.tuning.workers import hide_gpus, require_single_device

    check_option_names(options)
    if runs_dir is None:
        given = isinstance(run, TrainConfig)
        runs_dir = run.runs_dir if given else RUNS_DIR
    lists = {k: v for k, v in options.items() if isinstance(v, list)}
    varied = _varied(lists, seeds, folds)
    parent = None
    if not isinstance(run, TrainConfig):
        parent = find_run(run, runs_dir)
    config = parent.config if parent else run
    changes = {k: v for k, v in options.items() if k not in lists}
    config = config.replace(
        **{"runs_dir": runs_dir, "run_name": None, **changes}
    )
    require_single_device(config)
    _require_in_workers(config)
    group = config.run_name
    base = resolve_names(config.replace(run_name=None))
    base = base.replace(run_name=group)
    asked = multirun.MultirunConfig(
        base, multirun.seeds_from(base.seed, seeds or 1), varied
    )
    multirun.find_multirun(asked)  # mistakes are refused before Keras loads
    hide_gpus()
    print_fn = TrainingConsole(quiet=not verbose).print
    result = multirun.run_placed_multirun(
        asked, parent, make_placement(workers, cluster), print_fn
    )
    return Result(result.summary, format_summary(result.summary))


def _require_in_workers(config: TrainConfig) -> None:
    """Raises `UserError` for a model that only this process knows."""
    from zoo.models import MODELS, plugins

    if plugins.is_from_python(MODELS.find(config.model)):
        raise UserError(
            f"the model {config.model} was passed in Python, which the "
            "processes that train a group do not have; save a function that "
            "builds it in a file, and give model='net.py:build'."
        )


def _varied(
    lists: Mapping[str, list], seeds: int | None, folds: int | None
) -> VariedOption | None:
    """Returns the option that varies; `None` if only the seed does."""
    from zoo.tuning import multirun
    from zoo.tuning.varied_option import VariedOption

    if folds and (lists or seeds):
        raise UserError(
            f"folds={folds} and {next(iter(lists), 'seeds')} both ask for "
            "several runs; give one of them."
        )
    if len(lists) > 1 or not (lists or seeds or folds):
        raise UserError(
            "zoo.vary needs one option with a list of values, as in "
            "zoo.vary(run, learning_rate=[1e-3, 1e-2]), seeds=3, or folds=5."
        )
    if folds:
        return multirun.all_folds(folds)
    for name, values in lists.items():
        return VariedOption.parse(name, values_text(values))
    return None


def reproduce(
    suite: str | None = None,
    budget: str = "laptop",
    *,
    seeds: int = 1,
    workers: int | str | None = None,
    cluster: str | ClusterConfig | None = None,
    data_dir: str | None = None,
    verbose: bool = True,
    runs_dir: str = RUNS_DIR,
) -> Result:
    """Trains the recipes of a suite in order, those that have no result yet.

        zoo.reproduce()  # lists the suites
        zoo.reproduce("lecture", "smoke")

    Args:
        suite: Name of a suite; without one they are listed.
        budget: `smoke` (seconds), `laptop` or `full`.
        seeds: Number of seeds of each recipe.
        workers: Number of runs that are trained at once, or `auto`; 1 by
            default, and on a cluster as many as fit.
        cluster: Ray cluster that trains the runs, as `zoo.sweep` takes it.
        data_dir: Folder of tensorflow-datasets.
        verbose: Whether to print the progress.
        runs_dir: Folder of the runs.

    Returns:
        For each recipe, by its label, its runs and their mean, or with the
        key `failed` why there are none.

    Raises:
        UserError: there is no such suite or budget, or a dataset is missing.
    """
    from zoo.tuning import suites

    if suite is None:
        known = suites.list_suites()
        return Result(
            {name: found.description for name, found in known.items()},
            suites.describe_suites(),
        )
    from zoo.training.console import TrainingConsole
    from zoo.tuning.cluster import open_workers

    print_fn = TrainingConsole(quiet=not verbose).print
    suite_run = suites.open_suite(suite, budget, seeds, runs_dir, data_dir)
    placement = make_placement(workers, cluster)
    with open_workers(placement, runs_dir, print_fn) as (run_jobs, number):
        suite_run.train(number(suite_run.num_runs), print_fn, run_jobs)
    lines: list[str] = []
    suites.print_results(suite_run, lines.append)
    return Result(suite_run.results(), "\n".join(lines).strip())
