"""Experiment suites: recipes that belong together, run in order.

`experiments/suites.toml` lists the suites, and per budget the flags that
replace some of a recipe's own. The runs of a suite are in
`runs/suite-NAME-BUDGET`: that of a recipe's own seed under the recipe's label,
and those of further seeds beside it, as `LABEL_seed1`. Finished runs are not
repeated and interrupted ones are resumed.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from zoo import recipes
from zoo.config import TrainConfig
from zoo.console import format_table, pluralize
from zoo.data import cache, datasets, tfds
from zoo.errors import UserError, join_or, unknown_name_error
from zoo.resolve import resolve_names
from zoo.runs import NOT_STARTED, Run, RunGroup
from zoo.tuning import workers
from zoo.tuning.jobs import RunJobs, RunRequest, RunResult
from zoo.tuning.multirun import (
    Multirun,
    MultirunConfig,
    RunSpec,
    difference,
    seeds_from,
)
from zoo.tuning.multirun_summary import MultirunProgress, summarize

BUDGETS = ("smoke", "laptop", "full")
CURVES = "curves.png"
_OTHERS = "default"  # in a table of flags: all experiments not named there

Print = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One recipe of a suite.

    Attributes:
        label: Name in the suite's list; names the folder of its runs.
        recipe: Full name of the recipe.
        flags: Flags of the budget that replace some of the recipe's.
    """

    label: str
    recipe: str
    flags: tuple[str, ...]

    def config(self, *more: str) -> TrainConfig:
        """Returns the config of the recipe, with a budget's and more flags."""
        return recipes.read_config(self.recipe, [*self.flags, *more])


@dataclasses.dataclass(frozen=True)
class Suite:
    """A list of recipes.

    Attributes:
        name: Name of the suite, and of the folder of most of its recipes.
        description: What the suite shows, in a few words.
        labels: Labels of its experiments, in order.
        fallback: Suite to run where the datasets are not available, if any.
        budgets: For each budget the flags by label, `default` for the others.
    """

    name: str
    description: str
    labels: tuple[str, ...]
    fallback: str
    budgets: Mapping[str, Mapping[str, str]]

    def recipe(self, label: str) -> str:
        """Returns the full name of an experiment's recipe."""
        return label if "/" in label else f"{self.name}/{label}"

    def experiments(self, budget: str) -> list[Experiment]:
        """Returns the experiments in order, with the flags of a budget."""
        flags = self.budgets.get(budget, {})
        return [
            Experiment(
                label.replace("/", "-"),
                self.recipe(label),
                tuple(shlex.split(flags.get(label, flags.get(_OTHERS, "")))),
            )
            for label in self.labels
        ]


def list_suites() -> dict[str, Suite]:
    """Returns every suite by its name, in the order of the file."""
    path = recipes.folder() / "suites.toml"
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    common = content["budgets"]
    return {
        name: Suite(
            name,
            table["description"],
            tuple(table["recipes"]),
            table.get("fallback", ""),
            {
                budget: {
                    _OTHERS: common.get(budget, ""),
                    **table.get(budget, {}),
                }
                for budget in BUDGETS
            },
        )
        for name, table in content["suites"].items()
    }


def find_suite(name: str) -> Suite:
    """Returns a suite by its name.

    Raises:
        UserError: There is no suite of this name.
    """
    known = list_suites()
    if name not in known:
        raise unknown_name_error("suite", name, list(known), "zoo reproduce")
    return known[name]


def describe_suites() -> str:
    """Returns the suites as text, a line each."""
    known = list_suites()
    width = max(map(len, known))
    lines = [
        f"{name:<{width}}  {pluralize(len(suite.labels), 'recipe')}: "
        f"{suite.description}"
        for name, suite in known.items()
    ]
    return "\n".join(lines)


def check_data(suite: Suite, data_dir: str | None = None) -> None:
    """Checks that a suite's datasets are on disk, before anything is trained.

    Missing data is neither downloaded nor replaced: that is the user's choice.

    Raises:
        UserError: A dataset is missing; the sentence names both ways on.
    """
    data_folder = cache.resolve_data_dir(data_dir)
    for experiment in suite.experiments("full"):
        source, _ = datasets.find_dataset(experiment.config().dataset)
        if source.tfds_name and not tfds.is_prepared(source, data_folder):
            raise UserError(
                f"{source.name} is not in {data_folder}; download its "
                f"{source.download_mib:,} MiB with `zoo download "
                f"{source.name}`, or run `zoo reproduce {suite.fallback}`, "
                "which needs no download."
            )


def run_path(config: TrainConfig, label: str, seed: int) -> str:
    """Returns where the run of a seed lies.

    A run from which other recipes start is found by its label. So each seed
    of such a recipe starts from a run of its own, and the spread over its
    seeds includes that of these runs.

    Args:
        config: Config of the recipe.
        label: Label of the recipe in its suite.
        seed: Seed of the run.

    Returns:
        The path from the folder of the run of the recipe's own seed.
    """
    return "." if seed == config.seed else f"../{label}{_seed_suffix(seed)}"


def recipe_source_name(name: str, seed: int) -> str:
    """Returns the name that a recipe has for the run that a seed starts from.

    The inverse of `run_path`.
    """
    return name.removesuffix(_seed_suffix(seed))


def _seed_suffix(seed: int | str) -> str:
    return f"_seed{seed}"


@dataclasses.dataclass
class SuiteRun:
    """The runs of one suite at one budget.

    Attributes:
        suite: The recipes.
        budget: One of `BUDGETS`.
        num_seeds: Seeds of each recipe, at least; existing runs of further
            seeds count too.
        root: Folder of all the runs.
        data_dir: Folder of tensorflow-datasets, if given.
        groups: Runs of each experiment whose config is valid.
        failures: Why runs failed or diverged, by label and seed.
    """

    suite: Suite
    budget: str
    num_seeds: int
    root: pathlib.Path
    data_dir: str | None = None
    groups: dict[str, Multirun] = dataclasses.field(default_factory=dict)
    failures: dict[tuple[str, int], str] = dataclasses.field(
        default_factory=dict
    )

    @property
    def experiments(self) -> list[Experiment]:
        """The experiments, in order."""
        return self.suite.experiments(self.budget)

    @property
    def num_runs(self) -> int:
        """Number of runs in all."""
        return len(self.experiments) * self.num_seeds

    def train(
        self,
        num_workers: int,
        print_fn: Print,
        run_jobs: RunJobs = workers.run_jobs,
    ) -> None:
        """Trains the runs that are missing; a failed run stops no other.

        Args:
            num_workers: Number of runs trained at once.
            print_fn: Prints a line.
            run_jobs: Trains runs, as `workers.run_jobs` does.

        Raises:
            UserError: The folder cannot be written, or is in use.
            Interrupted: A signal asked for an end; the same call resumes.
        """
        workers.hide_gpus()  # the runs need them
        with self._lock():
            progress = MultirunProgress(self._num_missing(), print_fn)
            requests = self._requests(progress)
            log = self.root / "log.txt"
            for result in run_jobs(requests, num_workers, log):
                experiment, spec = result.request.key
                self._report(progress, experiment, spec.config.seed, result)

    def results(self) -> dict[str, dict[str, Any]]:
        """Returns the runs of each experiment, by its label, and their mean.

        Where there are none, `failed` says why.
        """
        found: dict[str, dict[str, Any]] = {}
        for experiment in self.experiments:
            label = experiment.label
            if label in self.groups:
                found[label] = summarize(self.groups[label])
            else:
                found[label] = {"failed": self.failure(label)}
        return found

    def failure(self, label: str) -> str:
        """Returns why an experiment has no runs."""
        why = [why for (name, _), why in self.failures.items() if name == label]
        return why[0] if why else "not started"

    def _lock(self):
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{self.root} cannot be created: {error.strerror}; choose "
                "another --runs_dir."
            ) from error
        return RunGroup(self.root, self.root.name).lock()

    def _num_missing(self) -> int:
        return sum(
            not RunGroup(self.root / e.label, e.label).run(path).has_ended
            for e in self.experiments
            for path in self._run_paths(e)
        )

    def _run_paths(self, experiment: Experiment) -> list[str]:
        config = experiment.config()
        return [
            run_path(config, experiment.label, seed)
            for seed in self._seeds(experiment)
        ]

    def _seeds(self, experiment: Experiment) -> list[int]:
        """Returns the seeds of an experiment, those of its runs among them."""
        asked = seeds_from(experiment.config().seed, self.num_seeds)
        return sorted({*asked, *self._further_seeds(experiment.label)})

    def _requests(
        self, progress: MultirunProgress
    ) -> Iterator[RunRequest | None]:
        for experiment in self.experiments:
            label, config = experiment.label, experiment.config()
            while config.weights and self._waits_for(config.weights):
                yield None  # until the run that it starts from has ended
            try:
                multirun = self._resolve(experiment)
            except UserError as error:
                for seed in self._seeds(experiment):
                    self.failures[label, seed] = str(error).rstrip(".")
                    progress.ended(label, "failed", {}, str(error))
                continue
            self.groups[label] = multirun
            for spec in multirun.specs:
                run = multirun.run(spec)
                if not run.has_ended:
                    config = spec.config.replace(
                        run_name=run.name, runs_dir=str(self.root)
                    )
                    if config.weights:
                        config = config.replace(
                            weights=self._source_run(experiment, config.seed)
                        )
                    yield RunRequest(config, key=(experiment, spec))

    def _waits_for(self, name: str) -> bool:
        """Whether a run of another experiment has not ended yet."""
        multirun = self.groups.get(name)
        return multirun is not None and not all(
            multirun.run(spec).has_ended
            or (name, spec.config.seed) in self.failures
            for spec in multirun.specs
        )

    def _source_run(self, experiment: Experiment, seed: int) -> str:
        """Returns the run that a seed starts from: one of the same seed.

        A run that is not of this suite is the same for all seeds.
        """
        name = experiment.config().weights
        for other in self.experiments:
            config = other.config()
            if config.run_name == name:
                path = run_path(config, other.label, seed)
                return RunGroup(self.root, name).run(path).name
        return name

    def _resolve(self, experiment: Experiment) -> Multirun:
        """Returns the runs of an experiment: those there are, and new ones.

        Raises:
            UserError: The recipe is invalid, or was edited since its runs
                were trained.
        """
        flags = [f"--data_dir={self.data_dir}"] if self.data_dir else []
        asked = experiment.config(f"--runs_dir={self.root}", *flags)
        config = resolve_names(asked.replace(run_name=None))
        label = experiment.label
        group = RunGroup(self.root / label, label)
        seeds = self._seeds(experiment)
        specs = [
            RunSpec(
                run_path(config, label, seed), None, config.replace(seed=seed)
            )
            for seed in seeds
        ]
        request = MultirunConfig(config, tuple(seeds))
        multirun = Multirun(group, request, tuple(specs))
        for spec in specs:
            self._check_unchanged(multirun.run(spec), spec.config)
        return multirun

    def _further_seeds(self, label: str) -> Iterator[int]:
        """Yields the seeds of the runs there are beside the first."""
        start = f"{label}{_seed_suffix('')}"
        for path in self.root.glob(f"{start}*"):
            if path.name.removeprefix(start).isdigit():
                yield int(path.name.removeprefix(start))

    def _check_unchanged(self, run: Run, config: TrainConfig) -> None:
        """Raises `UserError` if a run is of another form of the recipe."""
        if run.status == NOT_STARTED:
            return
        known = resolve_names(
            run.config.replace(
                data_dir=config.data_dir,
                weights=config.weights,
                run_name=None,
            )
        )
        why = difference(MultirunConfig(known, ()), MultirunConfig(config, ()))
        if why:
            raise UserError(
                f"{run.path} is a run {why}, of an earlier version of the "
                "recipe; move that folder away."
            )

    def _report(
        self,
        progress: MultirunProgress,
        experiment: Experiment,
        seed: int,
        result: RunResult,
    ) -> None:
        label = experiment.label
        name = result.request.config.run_name
        reason = result.reason.removeprefix(f"{name} diverged: ")
        if reason:
            self.failures[label, seed] = reason
        shown = label if self.num_seeds == 1 else f"{label}, seed {seed}"
        progress.ended(shown, result.status, result.metrics, reason)


def open_suite(
    name: str,
    budget: str,
    num_seeds: int,
    runs_dir: str,
    data_dir: str | None = None,
) -> SuiteRun:
    """Finds a suite and its data, before anything is trained.

    Args:
        name: Name of the suite.
        budget: One of `BUDGETS`.
        num_seeds: Seeds of each recipe.
        runs_dir: Folder of the runs.
        data_dir: Folder of tensorflow-datasets.

    Raises:
        UserError: There is no such suite or budget, or a dataset is missing.
    """
    suite = find_suite(name)
    if budget not in BUDGETS:
        raise UserError(
            f"--budget={budget} is not a budget; choose {join_or(BUDGETS)}."
        )
    check_data(suite, data_dir)
    root = run_folder(suite, budget, runs_dir)
    return SuiteRun(suite, budget, num_seeds, root, data_dir)


def run_folder(suite: Suite, budget: str, runs_dir: str) -> pathlib.Path:
    """Returns the folder of a suite's runs."""
    return pathlib.Path(runs_dir, f"suite-{suite.name}-{budget}")


HEADER = ("recipe", "seeds", "training", "validation", "95% interval")
HEADER += ("loss", "seconds", "expected", "")


def print_results(suite_run: SuiteRun, print_fn: Print) -> bool:
    """Prints a table and draws all curves; returns whether a run failed."""
    from zoo.evaluation import compare

    rows, failed, drawn = [], False, {}
    for experiment in suite_run.experiments:
        label = experiment.label
        multirun = suite_run.groups.get(label)
        if multirun is None:
            why = f"failed: {suite_run.failure(label)}"
            rows.append((label, "", *["-"] * 6, why))
            failed = True
            continue
        found = summarize(multirun)
        rows.append(_row(experiment, found, suite_run, multirun))
        for spec, row in zip(multirun.specs, found["runs"], strict=True):
            run = multirun.run(spec)
            failed |= row["status"] == "not started"
            history = run.history if run.has_model else []
            if any(r.get("val_loss") is not None for r in history):
                drawn[run.path] = run, label
    print_fn("")
    print_fn(format_table(HEADER, rows, (2, 3, 5, 6)))
    if drawn:
        labels = {path: label for path, (_, label) in drawn.items()}
        target = suite_run.root / CURVES
        compare.save_learning_curves(
            [run for run, _ in drawn.values()], target, labels
        )
        print_fn(f"\ncurves     {target}")
    if suite_run.budget == "smoke":
        print_fn("budget     smoke: only checks that the recipes run")
    return failed


def _row(
    experiment: Experiment,
    found: dict[str, Any],
    suite_run: SuiteRun,
    multirun: Multirun,
) -> tuple[str, ...]:
    """Returns the cells of a recipe: one run, or the mean over its seeds."""
    from zoo.console import format_interval, format_percent

    (over,) = found["values"]
    alone = found["runs"][0] if len(found["runs"]) == 1 else over
    is_accuracy = found["score"] == "accuracy"
    return (
        experiment.label,
        ", ".join(map(str, over["seeds"])),
        format_percent(_mean(multirun, "train_accuracy")),
        format_percent(over["mean"]) if is_accuracy else "-",
        format_interval(alone["low"], alone["high"]) if is_accuracy else "-",
        "-" if over["loss"] is None else f"{over['loss']:.4g}",
        f"{over['wall_seconds']:.1f}",
        _verdict(experiment, multirun),
        _remark(experiment.label, found, suite_run),
    )


def _mean(multirun: Multirun, key: str) -> float | None:
    """Returns the mean of a metric over the runs that have it."""
    runs = map(multirun.run, multirun.specs)
    values = [run.metrics[key] for run in runs if run.has_model]
    values = [value for value in values if value is not None]
    return sum(values) / len(values) if values else None


def _verdict(experiment: Experiment, multirun: Multirun) -> str:
    """Returns whether the mean scores lie in the recipe's expected ranges.

    Nothing where the budget changes the recipe.
    """
    if experiment.flags:
        return ""
    keys = {
        "training_accuracy": "train_accuracy",
        "training_loss": "train_loss",
        "validation_accuracy": "best_val_accuracy",
        "validation_loss": "best_val_loss",
    }
    verdicts = []
    for expected in recipes.expected_ranges(experiment.recipe):
        key = keys.get(expected.score)
        value = key and _mean(multirun, key)
        if value is not None:
            verdicts.append(expected.contains(value))
    if not verdicts:
        return ""
    return "within" if all(verdicts) else "outside"


def _remark(label: str, found: dict[str, Any], suite_run: SuiteRun) -> str:
    """Returns what is unusual about the runs of a recipe."""
    remarks = []
    for row in found["runs"]:
        if row["status"] not in ("completed", "stopped_early"):
            why = suite_run.failures.get((label, row["seed"]), "")
            status = (
                "failed" if row["status"] == "not started" else row["status"]
            )
            remarks.append(f"{status}: {why}" if why else status)
        elif row["status"] == "stopped_early":
            remarks.append("stopped early")
    return "; ".join(dict.fromkeys(remarks))
