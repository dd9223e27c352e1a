"""A sweep: proposes trials, trains them, and retrains the best one.

`run_sweep` runs from top to bottom: propose, train, log, prune, retrain,
finish. All it writes is in the folder of the sweep:

runs/mlp-digits-random/
    sweep.json        its options, written before the first trial
    flags.txt         the same as a flagfile
    trials.jsonl      a line for each finished training
    proposals.jsonl   a line for each proposal of the tuner
    trial-003/        an ordinary run; with several seeds, trial-003/seed1/
    trials.csv        a row for each finished training
    sweep.png         score by hyperparameter, and by time
    best_trial.flags  the best trial as a flagfile
    best_trial/       runs of the best trial with new seeds
    default_recipe/   runs of the default recipe with the same seeds
    retrained.jsonl   a line for each of these runs
    result.json       status, best trial, and scores over the new seeds
    log.txt           what was printed
    workers.log       what libraries print while trials run

A sweep that has lost a training is incomplete: it names the best trial so
far, but retrains nothing and does not touch the test set.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import zoo
from zoo.commands import Target
from zoo.config import format_option
from zoo.console import pluralize
from zoo.errors import Interrupted, Lost, UserError
from zoo.evaluation.statistics import SCORE_LIMITS, seed_stats
from zoo.evaluation.test_set import EvaluationLog, log_dir, recorded_test_result
from zoo.io import remove_temporary_files
from zoo.models import plugins
from zoo.run_store import RunStore, check_backend, default_name, new_id
from zoo.runs import RESULT_FILE, SWEEP_FILE, Run, RunWriter, SweepFolder
from zoo.training.console import TrainingConsole
from zoo.tuning import workers
from zoo.tuning.cluster import Placement, open_workers
from zoo.tuning.jobs import RunJobs, RunRequest, RunResult
from zoo.tuning.oracle import Oracle, keras_tuner_version
from zoo.tuning.progress import Budget, SweepProgress
from zoo.tuning.retrain import (
    BEST_TRIAL,
    FLAGS_FILE,
    Retraining,
    RunKey,
    format_score_ci,
    format_seeds,
    has_interval,
    summarize_retraining,
)
from zoo.tuning.space import format_values
from zoo.tuning.sweep_config import NUM_KEPT, OBJECTIVES, PATHS, SweepConfig
from zoo.tuning.trials import (
    Search,
    Trial,
    rank_trials,
    trial_config,
    trial_name,
    write_csv,
)

MAX_FAILURES = 3  # failed trials in a row that end a sweep
NO_FLAGS: Mapping[str, Any] = MappingProxyType({})


def run_placed_sweep(
    opened: Callable[[], SweepFolder],
    settings: SweepConfig,
    console: TrainingConsole,
    placement: Placement,
    runs_dir: str,
) -> SweepFolder:
    """Runs or resumes a sweep on this machine or on a cluster.

    Args:
        opened: Makes or finds the folder, once the workers can be used.
        settings: Options of the sweep.
        console: Where to print.
        placement: Where trials are trained.
        runs_dir: Folder of the run folders.

    Returns:
        The folder of the finished sweep.

    Raises:
        UserError: The cluster cannot be used; see also `run_sweep`.
    """
    with open_workers(placement, runs_dir, console.print) as where:
        run_jobs, num_workers = where
        folder = opened()
        number = num_workers(Budget.of(settings).at_once)
        progress = SweepProgress(console, folder, settings, number)
        with folder.lock():
            run_sweep(
                folder,
                settings,
                progress,
                num_workers=number,
                run_jobs=run_jobs,
                resume_flags=placement.flags,
            )
    return folder


def run_sweep(
    folder: SweepFolder,
    settings: SweepConfig,
    progress: SweepProgress,
    *,
    num_workers: int = 1,
    run_jobs: RunJobs = workers.run_jobs,
    resume_flags: Mapping[str, Any] = NO_FLAGS,
) -> list[Trial]:
    """Runs a sweep from its start, or resumes it, to its end.

    Args:
        folder: Folder with `sweep.json`, which no other process holds.
        settings: Contents of `sweep.json`.
        progress: Prints the progress.
        num_workers: Number of runs that are trained at once.
        run_jobs: Trains runs, as `workers.run_jobs` does.
        resume_flags: Flags of `zoo resume` that train the rest there again.

    Returns:
        All trials, by number.

    Raises:
        UserError: Three trials in a row failed, or nothing can be written.
        Lost: Trainings, or three trials in a row, lost their worker in every
            try; the sweep can be resumed.
        Interrupted: A signal asked for an end; the sweep can be resumed.
    """
    resume = f"`{Target.of(folder).typed('resume', **resume_flags)}`"
    oracle = make_oracle(settings)
    try:
        remove_temporary_files(folder.path)
        search = Search(folder, settings, oracle)
        retraining = Retraining(folder, settings)
        progress.begin(search, retraining.done)
        _declare_hparams(folder, settings)
        _prune_early(search, settings, folder)
        log = folder.path / "workers.log"
        requests = _requests(settings, search, retraining, progress)
        results = run_jobs(requests, num_workers, log)
        _record(results, folder, settings, search, retraining, progress, resume)
    except Interrupted:
        done = pluralize(len(search.trials()), "trial")
        raise Interrupted(
            f"stopped after {done}, and saved the running ones; {resume} "
            "continues."
        ) from None
    finally:
        oracle.close()
    trials = search.trials()
    if not search.lost:  # Hyperband may train any trial further
        prune(trials, settings, folder)
    result = finish(folder, settings, search, retraining)
    progress.end(trials, result)
    if lost := result["lost"]:
        raise Lost(
            f"{pluralize(len(lost), 'training')} of {folder.name} lost "
            f"{'its worker' if len(lost) == 1 else 'their workers'}; "
            f"{resume} tries again."
        )
    return trials


def make_oracle(settings: SweepConfig) -> Oracle:
    """Returns a fresh oracle for a sweep."""
    space = settings.search_space
    if settings.tuner == "grid":
        space = space.grid()
    return Oracle(
        settings.tuner,
        space,
        trials=settings.trials,
        direction=settings.direction,
        seed=settings.config.seed,
        epochs=settings.epochs,
        factor=settings.factor,
    )


def _requests(
    settings: SweepConfig,
    search: Search,
    retraining: Retraining,
    progress: SweepProgress,
) -> Iterator[RunRequest | None]:
    """Yields the runs to train; `None` where a result must come first.

    While a trial is lost, the best one is not known, and nothing is retrained.
    """
    yield from search.requests()
    while search.num_running:
        yield None
    best = rank_trials(search.trials(), settings)[:1]
    if search.lost or not best:
        return
    left = retraining.requests(best[0])
    if left:
        progress.retrain(best[0])
    yield from left


def _record(
    results: Iterator[RunResult],
    folder: SweepFolder,
    settings: SweepConfig,
    search: Search,
    retraining: Retraining,
    progress: SweepProgress,
    resume: str,
) -> None:
    """Logs and prints the result of each training."""
    failures = 0
    for result in results:
        if isinstance(result.request.key, RunKey):
            progress.trained(result)
            progress.retrained(retraining.record(result))
            continue
        trial = search.record(result)
        write_csv(folder, search.executions + search.lost, settings)
        progress.trained(result)
        if trial is None:
            continue
        progress.trial(trial, search.trials())
        _prune_early(search, settings, folder)
        failures = failures + 1 if _has_failed(trial) else 0
        if failures == MAX_FAILURES:
            kind = Lost if trial.failure.status == "lost" else UserError
            raise kind(
                f"{MAX_FAILURES} trials in a row failed, the last one because "
                f"{trial.failure.reason}; correct that, then {resume} "
                "continues."
            )


def _has_failed(trial: Trial) -> bool:
    return bool(trial.failure) and trial.failure.status in ("failed", "lost")


def _declare_hparams(folder: SweepFolder, settings: SweepConfig) -> None:
    """Declares the columns of TensorBoard's table."""
    from zoo.tuning import plots

    plots.declare_columns(folder, settings)


# The folder.


def open_folder(settings: SweepConfig, name: str | None) -> SweepFolder:
    """Makes the folder of a sweep, or finds the one of the same sweep.

    Args:
        settings: Options of the sweep.
        name: Name of the folder; `None` makes a new one.

    Raises:
        UserError: The name is taken by something else, or the folder cannot
            be written.
    """
    runs_dir = settings.config.runs_dir
    if name is not None:
        path = pathlib.Path(runs_dir, name)
        if (path / SWEEP_FILE).is_file():
            return _check_same(SweepFolder(path, name), settings)
        if path.exists():
            raise UserError(
                f"--sweep_name={name} is taken in {runs_dir}, by something "
                "that is not a sweep; choose another name."
            )
    default = f"{default_name(settings.config)}-{settings.tuner}"
    versions = {"run_id": new_id(), "zoo": zoo.__version__}
    versions["keras_tuner"] = keras_tuner_version()
    run = RunStore(runs_dir).create(
        name,
        default,
        {
            SWEEP_FILE: settings.to_json(**versions),
            "flags.txt": settings.flags(),
        },
    )
    return SweepFolder(run.path, run.name)


def read_settings(folder: SweepFolder) -> SweepConfig:
    """Returns the options of a sweep.

    Raises:
        UserError: Its `sweep.json` is corrupt or of another version.
    """
    try:
        return SweepConfig.from_json(
            (folder.path / SWEEP_FILE).read_text(encoding="utf-8")
        )
    except UserError:
        raise
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{folder.path} is corrupt: {SWEEP_FILE} cannot be read."
        ) from error


def _check_same(folder: SweepFolder, settings: SweepConfig) -> SweepFolder:
    difference = read_settings(folder).difference(settings)
    if difference:
        raise UserError(
            f"{folder.name} is another sweep, in which {difference}; choose "
            "another --sweep_name."
        )
    check_backend(folder.path, folder.name)
    plugins.check_unchanged(folder.path, folder.name)
    return folder


# Weights of trials, of which only the best are kept.


def prune(
    trials: Iterable[Trial], settings: SweepConfig, sweep: SweepFolder
) -> None:
    """Removes models and checkpoints of finished trials that are not best.

    Curves, histories and logs are kept, and `flags.txt` trains a run again.

    Args:
        trials: Finished trials, none of which is trained further.
        settings: Options of the sweep.
        sweep: Its folder.
    """
    if settings.keep == "all":
        return
    trials = list(trials)
    best = {trial.number for trial in rank_trials(trials, settings)[:NUM_KEPT]}
    for trial in trials:
        if trial.number not in best:
            for name in trial.runs:
                _drop_weights(sweep.run_path(name))


def _drop_weights(folder: pathlib.Path) -> None:
    """Removes the model and the checkpoints of a run."""
    (folder / "model.keras").unlink(missing_ok=True)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def _prune_early(
    search: Search, settings: SweepConfig, folder: SweepFolder
) -> None:
    """Prunes while the sweep runs, where no trial is trained further."""
    if settings.tuner != "hyperband":
        prune(search.trials(), settings, folder)


# The end.


def finish(
    folder: SweepFolder,
    settings: SweepConfig,
    search: Search,
    retraining: Retraining,
) -> dict[str, Any]:
    """Writes the results of a sweep; returns the contents of `result.json`.

    Args:
        folder: Folder of the sweep.
        settings: Options of the sweep.
        search: The finished search.
        retraining: The finished retraining.
    """
    from zoo.tuning import plots

    trials = search.trials()
    best = rank_trials(trials, settings)[:1]
    lost = [*search.lost, *retraining.lost]
    write_csv(folder, search.executions + search.lost, settings)
    result = {
        "status": "incomplete" if lost else "completed",
        "lost": [{"run": run.run, "reason": run.reason} for run in lost],
        "trials": len(trials),
        "failed": sum(trial.score is None for trial in trials),
        "objective": settings.objective,
        "best": [
            {
                "trial": trial.number,
                "runs": trial.runs,
                "values": trial.values,
                "score": trial.score,
                "kept": kept_weights(folder, trial),
            }
            for trial in best
        ],
        "retrained": None,
        "test": folder.result.get("test"),
    }
    if best and settings.retrain_seeds and not lost:
        result["retrained"] = summarize_retraining(
            folder, settings, trials, best[0], retraining.done
        )
    _write_result(folder, result)
    plots.save(folder, search.executions, settings)
    if lost:
        return result
    for trial in best:
        write_best_flags(folder, settings, trial, result["retrained"])
    if settings.open_test and result["retrained"]:
        row = result["retrained"][BEST_TRIAL]
        result["test"] = evaluate_on_test_once(folder, row) if row else None
        _write_result(folder, result)
    return result


def kept_weights(folder: SweepFolder, trial: Trial) -> list[dict[str, Any]]:
    """Returns of which epoch the saved model of each run is, and its scores.

    A run keeps the weights of its best epoch, as `zoo train` does; the score
    of the trial may be of another one.
    """
    rows = []
    for name in trial.runs:
        try:
            found = Run(folder.run_path(name), name).metrics
        except UserError:
            found = {}  # corrupt, which other readers report
        row = {"run": name, "epoch": found.get("best_epoch")}
        for score in OBJECTIVES:
            row[score] = found.get(f"best_{score}")
        rows.append(row)
    return rows


def _write_result(folder: SweepFolder, result: dict[str, Any]) -> None:
    text = json.dumps(result, indent=1) + "\n"
    RunWriter(Run(folder.path, folder.name)).write(RESULT_FILE, text)


def evaluate_on_test_once(
    folder: SweepFolder, row: dict[str, Any]
) -> dict[str, Any] | None:
    """Evaluates the retrained runs on the test set, as one evaluation.

    A sweep that has done so before gets the same result again.

    Args:
        folder: Folder of the sweep.
        row: The best trial in `retrain.summarize_retraining`.

    Returns:
        Runs, scores and their statistics, for `result.json`; `None` if no
        model exists here.
    """
    before = folder.result.get("test")
    if before:
        return before
    runs = [Run(folder.run_path(name), name) for name in row["runs"]]
    runs = [run for run in runs if run.has_model]
    if not runs:
        return None
    # After a kill the results may be recorded already.
    results = [recorded_test_result(run, folder.runs_dir) for run in runs]
    if not all(results):
        from zoo.evaluation import evaluate

        results = evaluate.evaluate_runs(runs, "test", folder.runs_dir)
    score = next(name for name in SCORE_LIMITS if name in results[0])
    values = [result[score] for result in results]
    log = EvaluationLog(log_dir(runs[0], folder.runs_dir))
    return {
        "score": score,
        "runs": [run.name for run in runs],
        "values": values,
        "examples": results[0]["examples"],
        "test_evaluations": log.count(runs[0].config.dataset),
        **dataclasses.asdict(seed_stats(values, *SCORE_LIMITS[score])),
    }


def write_best_flags(
    folder: SweepFolder,
    settings: SweepConfig,
    best: Trial,
    retrained: dict[str, Any] | None,
) -> None:
    """Writes `best_trial.flags`, unless it exists.

    Args:
        folder: Folder of the sweep.
        settings: Options of the sweep.
        best: The best trial.
        retrained: As `retrain.summarize_retraining` returns it; `None`
            without new seeds.
    """
    if (folder.path / FLAGS_FILE).exists():
        return
    today = datetime.datetime.now(datetime.UTC).date()
    RunWriter(Run(folder.path, folder.name)).write(
        FLAGS_FILE, format_best_flags(folder, settings, best, retrained, today)
    )


def format_best_flags(
    folder: SweepFolder,
    settings: SweepConfig,
    best: Trial,
    retrained: dict[str, Any] | None,
    today: datetime.date,
) -> str:
    """Returns the best trial as a flagfile, with its scores as comments.

    Its seed is the first of the new ones, not the one with the best score.
    """
    row = retrained[BEST_TRIAL] if retrained else None
    config = trial_config(settings, best)
    if row and row["scores"]:
        config = config.replace(seed=row["seeds"][0])
    lines = _flags_header(folder, settings, best, row)
    lines.append(
        f"# {today}, zoo {zoo.__version__}; `zoo train "
        f"--flagfile={FLAGS_FILE}` repeats it"
    )
    # Both are written even where they are the defaults.
    explicit = {"model": config.model, "dataset": config.dataset}
    for name, value in (explicit | config.overrides()).items():
        if name not in PATHS:
            lines += format_option(name, value)
    return "\n".join(lines) + "\n"


def _flags_header(
    folder: SweepFolder,
    settings: SweepConfig,
    best: Trial,
    row: dict[str, Any] | None,
) -> list[str]:
    config, score = settings.config, settings.objective
    lines = [
        f"# {config.model} on {config.dataset}: best trial of the sweep "
        f"{folder.name}",
        f"# {trial_name(best.number)}: {format_values(best.values)}",
        f"# {score} {best.score:.4f} in the search, which selected it",
    ]
    if not row or not row["scores"]:
        return lines
    mean = f"# {score} {row['mean']:.4f} with {format_seeds(row)}"
    if has_interval(row):
        mean += f", 95% CI {format_score_ci(row)}"
    seed, first, epoch = (row[n][0] for n in ("seeds", "scores", "epochs"))
    here = f"# {score} {first:.4f} with seed {seed} alone, in epoch {epoch}"
    if config.deterministic:
        here += "; exactly so again on the same machine"
    return [*lines, mean, here]
