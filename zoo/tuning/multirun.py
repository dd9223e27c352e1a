"""Groups of runs that differ in one option, or in the seed alone.

`MultirunConfig` has the options of a group and `Multirun` its folder, which is
found again by these options, extended, and written before the first run.
`run_multirun` builds every run before the first one is trained, so that an
invalid value is refused at once, and not hours later; then it trains what does
not exist yet, and writes a summary.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from zoo.commands import Target
from zoo.config import DEFAULTS, TrainConfig, format_option
from zoo.console import expand_command, pluralize, tensorboard_command
from zoo.errors import Interrupted, UserError, join_and
from zoo.evaluation import compare
from zoo.io import atomic_write
from zoo.models import plugins
from zoo.resolve import resolve_names
from zoo.run_store import (
    RunStore,
    check_backend,
    default_name,
    with_counters,
)
from zoo.runs import GROUP_FILE, GROUP_FORMAT, Run, RunGroup
from zoo.tuning import workers
from zoo.tuning.cluster import Placement, open_workers
from zoo.tuning.jobs import RunJobs, RunRequest, RunResult
from zoo.tuning.multirun_checks import check_members, check_rest, check_runs
from zoo.tuning.multirun_summary import (
    MultirunProgress,
    best_value,
    format_summary,
    summarize,
)
from zoo.tuning.varied_option import VariedOption

MAX_SEEDS = 1000
MAX_FOLDS = 100
FOLD = "fold"  # name of the option
CURVES = "curves.png"
# Options that say nothing about what a group trains.
NOT_COMPARED = {
    name: DEFAULTS[name] for name in ("seed", "run_name", "runs_dir")
}
PrintFn = Callable[[str], None]
NO_FLAGS: Mapping[str, Any] = MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class MultirunConfig:
    """Options of a group of runs.

    Attributes:
        base: Options that all runs share; its seed and its value of the
            varied option are not used; its `run_name` is that of the group.
        seeds: Seeds of the runs of each value.
        varied: The varied option; `None` if only the seed varies.
    """

    base: TrainConfig
    seeds: tuple[int, ...]
    varied: VariedOption | None = None

    @property
    def kind(self) -> str:
        """`vary`, `seeds` or `folds`."""
        if self.varied is None:
            return "seeds"
        return "folds" if self.varied.option == FOLD else "vary"

    @property
    def common(self) -> TrainConfig:
        """The base without seed, value and name: the same in equal groups."""
        base = self.varied.without(self.base) if self.varied else self.base
        return base.replace(**NOT_COMPARED)

    @property
    def default_name(self) -> str:
        """Name of the group if none is given."""
        ending = f"vary-{self.varied.name}" if self.varied else "seeds"
        if self.varied and self.kind == "folds":
            ending = f"folds{len(self.varied.values)}"
        return f"{default_name(self.common)}-{ending}"

    def run_specs(self) -> list[RunSpec]:
        """Returns the runs: the values in order, each with all seeds.

        Raises:
            UserError: A value contradicts another option.
        """
        base = self.base.replace(run_name=None)
        if self.varied is None:
            configs = [("", base)]
        else:
            configs = [
                (folder, self.varied.apply(base, value))
                for folder, value in zip(
                    self.varied.folder_names(), self.varied.values, strict=True
                )
            ]
        # Unknown names are refused now, and `last` becomes a run.
        configs = [(name, resolve_names(config)) for name, config in configs]
        several = self.varied is None or len(self.seeds) > 1
        return [
            RunSpec(
                f"{folder}/seed{seed}".strip("/") if several else folder,
                self.varied and self.varied.value_of(config),
                config.replace(seed=seed),
            )
            for folder, config in configs
            for seed in self.seeds
        ]


@dataclasses.dataclass(frozen=True)
class RunSpec:
    """One run of a group.

    Attributes:
        path: Its path from the group's folder.
        value: Its value of the varied option.
        config: Its options, without a name.
        parent: As `--like` stores it in a run.
        reused: Whether the run existed before the group.
        epochs: Maximum number of epochs; `None` if it is not known.
        config_hash: That of the run, with its seed, when it was reused.
    """

    path: str
    value: Any
    config: TrainConfig
    parent: dict | None = None
    reused: bool = False
    epochs: int | None = None
    config_hash: str | None = None


def seeds_from(first: int, count: int) -> tuple[int, ...]:
    """Returns consecutive seeds.

    Raises:
        UserError: The last one is too large.
    """
    seeds = tuple(range(first, first + count))
    TrainConfig(seed=seeds[-1])
    return seeds


def all_folds(count: int) -> VariedOption:
    """Returns what varies between the runs of a cross-validation.

    Raises:
        UserError: The number is out of range.
    """
    if not 2 <= count <= MAX_FOLDS:
        raise UserError(f"folds={count} is not from 2 to {MAX_FOLDS}.")
    values = tuple(f"{number}/{count}" for number in range(1, count + 1))
    return VariedOption(FOLD, values)


@dataclasses.dataclass(frozen=True)
class Multirun:
    """A group of runs that differ in one option, or in the seed alone.

    Attributes:
        group: Its folder, which need not exist yet.
        config: Its options.
        specs: Its runs.
    """

    group: RunGroup
    config: MultirunConfig
    specs: tuple[RunSpec, ...]

    def run(self, spec: RunSpec) -> Run:
        """Returns a run, which need not exist yet."""
        return self.group.run(spec.path)

    def write(self) -> None:
        """Makes the folder, or replaces `group.json`; whole or not at all.

        Raises:
            UserError: The name is taken, or the folder cannot be written.
        """
        text = json.dumps(self._to_dict(), indent=1) + "\n"
        if not self.group.path.exists():
            root, name = str(self.group.runs_dir), self.group.name
            RunStore(root).create(name, name, {GROUP_FILE: text})
            return
        with atomic_write(self.group.path / GROUP_FILE) as file:
            file.write(text.encode())

    def _to_dict(self) -> dict[str, Any]:
        config, varied = self.config, self.config.varied
        return {
            "format": GROUP_FORMAT,
            "kind": config.kind,
            "option": varied and varied.option,
            "argument": varied and varied.argument,
            "values": varied and list(varied.values),
            "seeds": list(config.seeds),
            "base": config.base.replace(run_name=None).as_dict(),
            "members": [
                {
                    "run": spec.path,
                    "value": spec.value,
                    "seed": spec.config.seed,
                    "reused": spec.reused,
                    "parent": spec.parent,
                    "epochs": spec.epochs,
                    "config_hash": spec.config_hash,
                }
                for spec in self.specs
            ],
        }


def find_multirun(config: MultirunConfig) -> Multirun:
    """Returns the group with these options: an existing one, or a new one.

    An existing group is extended by the values and seeds that it lacks;
    nothing is written.

    Raises:
        UserError: The name is taken by something else.
    """
    root, name = config.base.runs_dir, config.base.run_name
    if name:
        group = RunGroup(pathlib.Path(root, name), name)
        if (group.path / GROUP_FILE).is_file():
            return extend(read_multirun(group), config)
        RunStore(root).check_free(name)
        return Multirun(group, config, tuple(config.run_specs()))
    for name in with_counters(config.default_name):
        group = RunGroup(pathlib.Path(root, name), name)
        if not group.path.exists():
            return Multirun(group, config, tuple(config.run_specs()))
        if (group.path / GROUP_FILE).is_file():
            known = read_multirun(group)
            if not difference(known.config, config):
                return extend(known, config)
    raise RuntimeError("counters do not end")


def extend(known: Multirun, config: MultirunConfig) -> Multirun:
    """Returns a group with the values and seeds that a config adds to it.

    Raises:
        UserError: The config has fewer of them, or other options.
    """
    reason = difference(known.config, config)
    if reason:
        raise UserError(
            f"there is a group {known.group.name!r} already, {reason}; choose "
            "another --run_name."
        )
    check_backend(known.group.path, known.group.name)
    plugins.check_unchanged(known.group.path, known.group.name)
    existing = {
        (repr(spec.value), spec.config.seed): spec for spec in known.specs
    }
    paths = {spec.path for spec in known.specs}
    specs = []
    for spec in config.run_specs():
        kept = existing.get((repr(spec.value), spec.config.seed))
        while kept is None and spec.path in paths:
            spec = dataclasses.replace(spec, path=f"{spec.path}_")
        specs.append(kept or spec)
    return Multirun(known.group, config, tuple(specs))


def difference(old: MultirunConfig, new: MultirunConfig) -> str:
    """Returns what an old config has that a new one lacks.

    Returns:
        The end of a sentence; empty if the new one has all of it.
    """
    if old.varied is None and new.varied is not None:
        return "in which the seed alone varies"
    if old.varied is not None and (
        new.varied is None or old.varied.name != new.varied.name
    ):
        return f"in which {old.varied.name} is varied"
    before, now = old.common.as_dict(), new.common.as_dict()
    for name, value in before.items():
        if value != now[name]:
            old_text, new_text = _format(name, value), _format(name, now[name])
            return f"with {old_text} and not {new_text}"
    if old.varied and new.varied:
        texts = [
            tuple(map(r.varied.format, r.varied.values)) for r in (old, new)
        ]
        if not set(texts[0]) <= set(texts[1]):
            return f"in which {old.varied.name} is {join_and(texts[0])}"
    if old.varied and len(old.seeds) == 1 and len(new.seeds) > 1:
        return "with one seed for each value"
    if not set(old.seeds) <= set(new.seeds):
        seeds = join_and(map(str, old.seeds))
        return f"with the seed{'s'[: len(old.seeds) - 1]} {seeds}"
    return ""


def _format(name: str, value: Any) -> str:
    """Returns an option as it is typed."""
    if value is None or value == {}:
        return f"no --{name}"
    return " ".join(format_option(name, value))


def read_multirun(group: RunGroup) -> Multirun:
    """Reads a group back from its folder.

    Raises:
        UserError: `group.json` is corrupt.
    """
    metadata = group.metadata
    try:
        return _from_dict(group, metadata)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{group.path / GROUP_FILE} is corrupt: it cannot be read."
        ) from error


def _from_dict(group: RunGroup, metadata: dict[str, Any]) -> Multirun:
    base = {
        **metadata["base"],
        "runs_dir": str(group.runs_dir),
        "run_name": None,
    }
    option, argument = metadata["option"], metadata["argument"] or ""

    def config_of(value: Any) -> TrainConfig:
        if argument:
            value = {**base["model_arg"], argument: value}
        values = {**base, option: value} if option else base
        # As text, since lists of JSON stand for tuples.
        return TrainConfig.from_json(json.dumps(values))

    varied = None
    if option:
        reader = VariedOption(option, (), argument)
        varied = VariedOption(
            option,
            tuple(reader.value_of(config_of(v)) for v in metadata["values"]),
            argument,
        )
    specs = []
    for row in metadata["members"]:
        config = config_of(row["value"]).replace(seed=row["seed"])
        value = varied and varied.value_of(config)
        specs.append(
            RunSpec(
                row["run"],
                value,
                config,
                row["parent"],
                row["reused"],
                row.get("epochs"),
                row.get("config_hash"),
            )
        )
    common = TrainConfig.from_json(json.dumps(base))
    config = MultirunConfig(common, tuple(metadata["seeds"]), varied)
    return Multirun(group, config, tuple(specs))


@dataclasses.dataclass(frozen=True)
class MultirunResult:
    """How a group ended.

    Attributes:
        summary: As `multirun_summary.summarize` returns it.
        diverged: Whether a run diverged.
        failed: Whether a run could not be trained.
        lost: Whether the worker of a run was lost in every try.
    """

    summary: dict[str, Any]
    diverged: bool
    failed: bool
    lost: bool = False


def run_placed_multirun(
    config: MultirunConfig,
    parent: Run | None,
    placement: Placement,
    print_fn: PrintFn,
) -> MultirunResult:
    """Trains a group on this machine or on a cluster; see `run_multirun`."""
    runs_dir, total = config.base.runs_dir, len(config.run_specs())
    with open_workers(placement, runs_dir, print_fn) as where:
        run_jobs, num_workers = where
        return run_multirun(
            config,
            parent,
            num_workers(total),
            print_fn,
            run_jobs,
            placement.flags,
        )


def run_multirun(
    config: MultirunConfig,
    parent: Run | None,
    num_workers: int,
    print_fn: PrintFn,
    run_jobs: RunJobs = workers.run_jobs,
    resume_flags: Mapping[str, Any] = NO_FLAGS,
) -> MultirunResult:
    """Trains the runs of a group that do not exist yet.

    Args:
        config: Options of the group.
        parent: The run that is varied, if it is one.
        num_workers: Number of runs that are trained at once.
        print_fn: Prints a line.
        run_jobs: Trains runs, as `workers.run_jobs` does.
        resume_flags: Flags of `zoo resume` that train the rest there again.

    Raises:
        UserError: A run cannot be trained; no folder is made.
        Interrupted: A signal asked for an end; the same call resumes.
    """
    workers.hide_gpus()  # the runs need them
    multirun = check_runs(find_multirun(config), parent)
    multirun.write()
    return _train_rest(multirun, num_workers, print_fn, run_jobs, resume_flags)


def resume_multirun(
    multirun: Multirun,
    num_workers: int,
    print_fn: PrintFn,
    run_jobs: RunJobs = workers.run_jobs,
    resume_flags: Mapping[str, Any] = NO_FLAGS,
) -> MultirunResult:
    """Trains the runs of a group that have not ended; see `run_multirun`.

    Raises:
        UserError: A run is not what the group would train.
        Interrupted: A signal asked for an end; the same call resumes.
    """
    check_rest(multirun)
    return _train_rest(multirun, num_workers, print_fn, run_jobs, resume_flags)


def _train_rest(
    multirun: Multirun,
    num_workers: int,
    print_fn: PrintFn,
    run_jobs: RunJobs,
    resume_flags: Mapping[str, Any],
) -> MultirunResult:
    """Trains what is left, and summarizes all."""
    resume = Target.of(multirun.group).typed("resume", **resume_flags)
    with multirun.group.lock():
        left = [
            spec for spec in multirun.specs if not multirun.run(spec).has_ended
        ]
        num_workers = min(num_workers, len(left))
        _announce(multirun, left, num_workers, print_fn)
        ended = {}
        if left:
            ended = _train(
                multirun, left, num_workers, print_fn, run_jobs, resume
            )
            check_members(multirun)
        found = _write_summary(multirun, ended, print_fn, resume)
    statuses = {row["status"] for row in found["runs"]}
    return MultirunResult(
        found,
        "diverged" in statuses,
        not statuses <= {"completed", "stopped_early", "diverged", "lost"},
        "lost" in statuses,
    )


def _announce(
    multirun: Multirun, left: list[RunSpec], num_workers: int, print_fn: PrintFn
) -> None:
    """Prints what will be trained, where, and what exists already."""
    config, group = multirun.config, multirun.group
    if config.kind == "folds" and config.varied:
        count = len(config.varied.values)
        print_fn(f"folds       {count}; each image is validated once")
    elif config.varied:
        texts = list(map(config.varied.format, config.varied.values))
        between = "; " if any("," in text for text in texts) else ", "
        print_fn(f"vary        {config.varied.name}: {between.join(texts)}")
    if config.varied is None or len(config.seeds) > 1:
        print_fn(f"seeds       {', '.join(map(str, config.seeds))}")
    at_once = f", {num_workers} at once" if num_workers > 1 else ""
    existing = len(multirun.specs) - len(left)
    text = f"{len(left)} to train{at_once}"
    text += f"; {existing} exist already" if existing else ""
    text += _describe_length(multirun, left)
    print_fn(f"runs        {text}, in {group.path}")
    if left:
        print_fn(f"tensorboard {tensorboard_command(group.path)}")


def _describe_length(multirun: Multirun, left: list[RunSpec]) -> str:
    """Returns the numbers of epochs in words, as far as they are known."""
    epochs = [spec.epochs for spec in left]
    if not left or None in epochs:
        return ""
    same = len(set(epochs)) == 1
    each = f"{pluralize(epochs[0], 'epoch')} each, " if same else ""
    patience = any(spec.config.early_stopping_patience for spec in left)
    up_to = "up to " if patience else ""
    return f"; {up_to}{each}{pluralize(sum(epochs), 'epoch')} in all"


def _train(
    multirun: Multirun,
    left: list[RunSpec],
    num_workers: int,
    print_fn: PrintFn,
    run_jobs: RunJobs,
    resume: str,
) -> dict[str, RunResult]:
    """Trains, reports each run that ends, and returns results by path."""
    is_race = multirun.config.kind != "folds"
    progress = MultirunProgress(len(left), print_fn, names_best=is_race)
    ended = {}
    try:
        log = multirun.group.path / "log.txt"
        for result in run_jobs(_requests(multirun, left), num_workers, log):
            spec = result.request.key
            name = multirun.run(spec).name
            reason = result.reason.removeprefix(f"{name} diverged: ")
            label = _label(multirun, spec)
            progress.ended(label, result.status, result.metrics, reason)
            ended[spec.path] = dataclasses.replace(result, reason=reason)
    except Interrupted:
        done = len(multirun.specs) - sum(
            not multirun.run(spec).has_ended for spec in multirun.specs
        )
        raise Interrupted(
            f"stopped with {done} of {len(multirun.specs)} runs done; "
            f"`{resume}` continues."
        ) from None
    return ended


def _requests(multirun: Multirun, left: list[RunSpec]) -> Iterator[RunRequest]:
    for spec in left:
        name = multirun.run(spec).name
        config = spec.config.replace(
            run_name=name, runs_dir=str(multirun.group.runs_dir)
        )
        yield RunRequest(config, key=spec, parent=spec.parent)


def _label(multirun: Multirun, spec: RunSpec) -> str:
    """Returns the label of a run among those of its group."""
    config = multirun.config
    parts = []
    if config.varied:
        text = config.varied.format(spec.value)
        parts.append(f"{config.varied.name}={text}")
    if config.varied is None or len(config.seeds) > 1:
        parts.append(f"seed {spec.config.seed}")
    return ", ".join(parts)


def _write_summary(
    multirun: Multirun,
    ended: dict[str, RunResult],
    print_fn: PrintFn,
    resume: str,
) -> dict:
    """Writes and prints the results of the runs."""
    group, kind = multirun.group, multirun.config.kind
    found = summarize(multirun, ended)
    with atomic_write(group.path / f"{kind}.json") as file:
        file.write((json.dumps(found, indent=1) + "\n").encode())
    print_fn("")
    print_fn(format_summary(found))
    print_fn("")
    drawn = [spec for spec in multirun.specs if _has_curves(multirun.run(spec))]
    if drawn:
        labels = {
            multirun.run(spec).path: _curve_label(multirun, spec)
            for spec in drawn
        }
        compare.save_learning_curves(
            [multirun.run(spec) for spec in drawn], group.path / CURVES, labels
        )
        print_fn(f"plot        {group.path / CURVES}")
    print_fn(f"numbers     {group.path / f'{kind}.json'}")
    lost = sum(row["status"] == "lost" for row in found["runs"])
    if lost:
        print_fn(
            f"next        {expand_command(resume)}  "
            f"(tries the {pluralize(lost, 'lost run')} again)"
        )
    else:
        _print_next(multirun, found, print_fn)
    return found


def _has_curves(run: Run) -> bool:
    return any(row["val_loss"] is not None for row in run.history)


def _curve_label(multirun: Multirun, spec: RunSpec) -> str:
    """Returns the label of a curve in the plot: all seeds of a value."""
    varied = multirun.config.varied
    if varied is None:
        return multirun.group.name
    return f"{varied.name}={varied.format(spec.value)}"


def _print_next(
    multirun: Multirun, found: dict[str, Any], print_fn: PrintFn
) -> None:
    """Prints the commands that may follow."""
    group = Target.of(multirun.group)
    varied = multirun.config.varied if multirun.config.kind != "folds" else None
    ready = [spec for spec in multirun.specs if multirun.run(spec).has_model]
    if not ready:
        return
    data, tested = multirun.run(ready[0]).resolved["data"], group
    split = {} if data["val"] else {"split": "train"}
    verb = "compare" if varied and len(ready) > 1 and not split else "evaluate"
    commands = {"next": group.typed(verb, **split)}
    if varied and (best := best_value(found)) is not None:
        spec = next(spec for spec in ready if varied.format(spec.value) == best)
        tested = Target.of(multirun.run(spec))
        if len(multirun.config.seeds) == 1:
            commands[""] = tested.again(seeds=5)
    if data["test"]:
        commands["test set"] = tested.typed("evaluate", split="test")
    for label, command in commands.items():
        print_fn(f"{label:<11} {expand_command(command)}")
