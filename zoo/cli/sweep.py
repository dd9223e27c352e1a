"""`zoo sweep`: searches for good hyperparameters; each trial is a run."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import Callable
from typing import Any

from zoo import recipes
from zoo.cli import multirun, train
from zoo.cli.flags import Command, expand_flagfile
from zoo.cli.output import redirect_stderr
from zoo.config import DEFAULTS, OPTIONS, TrainConfig
from zoo.errors import UserError, close_matches, join_or
from zoo.options import INT, Option, read_option
from zoo.run_store import check_backend, full_name_error
from zoo.runs import SweepFolder
from zoo.tuning import workers
from zoo.tuning.cluster import Placement
from zoo.tuning.oracle import TUNERS
from zoo.tuning.space import ARGUMENT, SearchSpace
from zoo.tuning.sweep_config import (
    KEEP,
    OBJECTIVES,
    SELECT_EPOCH,
    SweepConfig,
    resolve_sweep,
)

RETRAIN_SEEDS = 3
NUMBERS = {
    "trials": Option(INT, "", "", low=1),
    "executions": Option(INT, "", "", low=1),
    "factor": Option(INT, "", "", low=2),
    "retrain_seeds": Option(INT, "", "", low=0),
}


@dataclasses.dataclass(frozen=True)
class SweepFlags:
    """The flags of a sweep.

    Attributes:
        config: Options that all trials share.
        choices: Other arguments of `sweep_config.resolve_sweep`.
        name: Name of the sweep, if one was given.
        placement: Where trials are trained.
    """

    config: TrainConfig
    choices: dict[str, Any]
    name: str | None
    placement: Placement


def run(argv: list[str]) -> int:
    """Runs a sweep; returns the exit code."""
    flags = read(argv)
    if flags is None:
        return 0
    with redirect_stderr() as held:
        workers.require_single_device(flags.config)
        workers.hide_gpus()
        from zoo.tuning.sweep import open_folder

        settings = resolve_sweep(flags.config, **flags.choices)

        def opened() -> SweepFolder:
            return open_folder(settings, flags.name)

        _run(opened, settings, flags.config.runs_dir, flags.placement, held)
    return 0


def resume(folder: SweepFolder, name: str, placement: Placement) -> int:
    """Resumes a sweep; returns the exit code.

    Args:
        folder: Folder of the sweep.
        name: Name or path as it was typed.
        placement: Where its trials run.
    """
    check_backend(folder.path, folder.name)
    with redirect_stderr() as held:
        workers.hide_gpus()
        from zoo.tuning.sweep import read_settings

        settings = read_settings(folder)
        if settings.open_test and not folder.result.get("test"):
            _check_full_name(name, folder)
        _run(lambda: folder, settings, folder.runs_dir, placement, held)
    return 0


def _check_full_name(name: str, folder: SweepFolder) -> None:
    """Raises `UserError` for a short name of a sweep that uses its test set."""
    is_path = not folder.name.startswith(name) and pathlib.Path(name).is_dir()
    if name.rstrip("/") != folder.name and not is_path:
        raise full_name_error(name, [folder.name])


def _run(
    opened: Callable[[], SweepFolder],
    settings: SweepConfig,
    runs_dir: str,
    placement: Placement,
    held,
) -> None:
    """Runs a sweep, or resumes it, with standard error in its log.

    Args:
        opened: Returns the folder of the sweep, once trials can be trained.
        settings: Options of the sweep.
        runs_dir: Folder of the run folders.
        placement: Where trials are trained.
        held: Standard error until now.
    """
    from zoo.training.console import TrainingConsole
    from zoo.tuning.sweep import run_placed_sweep

    console = TrainingConsole(sys.stdout, on_log=held.move_to)
    run_placed_sweep(opened, settings, console, placement, runs_dir)


def read(argv: list[str]) -> SweepFlags | None:
    """Reads the flags, recipes and runs that a command line names.

    Returns:
        What they ask for; `None` if help was asked for and shown.

    Raises:
        UserError: a value that no sweep can have.
    """
    command = _command()
    expanded = expand_flagfile(
        argv, "recipe", lambda name: recipes.find(name, sweeps=True).path
    )
    found = train.read(expanded, command)
    if found is None:
        return None
    values = command.values
    placement = multirun.read_placement(command)
    if values.hypermodel is not None:
        if "model" in command.given():
            raise UserError(
                f"--hypermodel={values.hypermodel} is a model, and so is "
                f"--model={values.model}; give one of them."
            )
        found = found[0].replace(model=values.hypermodel), found[1]
    config, texts = merge_space(found[0], values.space or [], argv)
    numbers = {name: _number(name, getattr(values, name)) for name in NUMBERS}
    choices = {
        "texts": tuple(texts),
        "tuner": _choice("tuner", values.tuner, TUNERS),
        "objective": _choice("objective", values.objective, OBJECTIVES),
        "select_epoch": _choice(
            "select_epoch", values.select_epoch, SELECT_EPOCH
        ),
        "keep": _choice("keep", values.keep, KEEP),
        **numbers,
        "compare_default": (
            values.compare_default
            if "compare_default" in command.given()
            else None
        ),
        "open_test": values.open_test,
    }
    choices["executions"] = numbers["executions"] or 1
    if numbers["retrain_seeds"] is None:
        choices["retrain_seeds"] = RETRAIN_SEEDS
    return SweepFlags(config, choices, _name(values.sweep_name), placement)


def merge_space(
    config: TrainConfig, texts: list[str], argv: list[str]
) -> tuple[TrainConfig, list[str]]:
    """Gives typed flags precedence over those of a recipe.

    Args:
        config: Options of all flags.
        texts: Each `--space` of all flags.
        argv: The typed words.

    Returns:
        The options without the hyperparameters, and each effective
        `--space`.
    """
    typed = {word.lstrip("-").partition("=")[0] for word in argv}
    own = _typed_spaces(argv)
    rest = list(texts)
    for text in own:
        rest.remove(text)
    names = {hp.name for hp in SearchSpace.parse(own).hyperparameters}
    kept = [
        hp.text
        for hp in SearchSpace.parse(rest).hyperparameters
        if hp.name not in names | typed
    ]
    freed = {
        name: DEFAULTS[name]
        for name in names
        if name in OPTIONS and name not in typed
    }
    arguments = config.model_arg
    if "model_arg" not in typed:
        arguments = {
            name: value
            for name, value in arguments.items()
            if ARGUMENT + name not in names
        }
    return config.replace(**freed, model_arg=arguments), [*kept, *own]


def _typed_spaces(argv: list[str]) -> list[str]:
    found = []
    for word, after in zip(argv, [*argv[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name in ("-space", "--space"):
            found.append(value if equals else after)
    return found


def _command() -> Command:
    command = Command(
        "zoo sweep [--model=NAME] [--dataset=NAME] [--space=...] [--flags]",
        "Search for good hyperparameters. Each trial is an ordinary run in the "
        "folder of the sweep; the other flags are what all trials have in "
        "common. `zoo resume SWEEP` continues after any interruption.",
    )
    command.texts(
        "space",
        "what to search, repeatable: NAME=a,b,c, NAME=low:high, "
        "NAME=low:high:step, NAME=log:low:high, NAME=a,b;c for values with "
        "commas; model_arg.NAME is an argument of the model (default: the "
        "model's own space)",
    )
    command.text(
        "hypermodel",
        None,
        "PATH.py:build, a function build(hp) as keras-tuner takes it: searches "
        "its hyperparameters",
    )
    command.text(
        "tuner",
        "random",
        "proposes trials: random, grid, bayesian or hyperband (default random)",
    )
    command.text(
        "trials",
        None,
        "maximum number of trials (default 12, or the whole grid; hyperband: "
        "follows from --epochs and --factor)",
    )
    command.text(
        "executions", None, "number of seeds of each trial (default 1)"
    )
    command.text(
        "objective",
        None,
        "score of a run: val_accuracy or val_loss (default: the accuracy, "
        "where there are classes)",
    )
    command.text(
        "select_epoch",
        "best",
        "epoch whose value is the score of a run: best or last (default best)",
    )
    command.text(
        "factor",
        None,
        "hyperband: one trial of so many is trained further (default 3)",
    )
    command.text(
        "keep",
        "best",
        "trials whose models and checkpoints are kept: the 3 best ones, or all "
        "(default best)",
    )
    command.text(
        "retrain_seeds",
        None,
        "number of new seeds with which the best trial is retrained; 0 for "
        f"none (default {RETRAIN_SEEDS})",
    )
    command.switch(
        "compare_default",
        "whether the model's default recipe is trained with the same seeds, "
        "for as many epochs (default: yes, from 2 seeds on)",
    )
    command.switch(
        "open_test",
        "at the end evaluate the retrained runs on the test set, once",
    )
    multirun.define_placement(command, common=True)
    command.text("sweep_name", None, "name of the sweep's folder")
    return command


def _number(name: str, text: str | None) -> int | str | None:
    return None if text is None else read_option(name, NUMBERS[name], text)


def _choice(name: str, value: str | None, known) -> str | None:
    if value is None or value in known:
        return value
    close = close_matches(value, known, 1)
    hint = f"did you mean {close[0]}? Choose" if close else "choose"
    raise UserError(f"--{name}={value} is not known; {hint} {join_or(known)}.")


def _name(name: str | None) -> str | None:
    """Returns the name of a sweep, if it can name a folder."""
    try:
        TrainConfig(run_name=name)
    except UserError as error:
        text = str(error).replace("--run_name", "--sweep_name")
        raise UserError(text) from None
    return name
