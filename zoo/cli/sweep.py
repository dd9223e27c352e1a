"""`zoo sweep`: searches for good hyperparameters; each trial is a run."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import Callable
from typing import Any

from zoo import recipes
from zoo.cli import cluster, spaces, train
from zoo.cli.cluster import Placement
from zoo.cli.flags import Command, expand_flagfile
from zoo.cli.output import redirect_stderr
from zoo.config import TrainConfig
from zoo.errors import UserError, close_matches, join_or
from zoo.options import INT, Option, read_option
from zoo.run_store import check_backend, full_name_error
from zoo.runs import SweepFolder
from zoo.tuning.settings import KEEP, OBJECTIVES, SELECT_EPOCH

TUNERS = ("random", "grid", "bayesian", "hyperband")
RETRAIN_SEEDS = 3
NUMBERS = {
    "trials": Option(INT, "", "", low=1),
    "executions": Option(INT, "", "", low=1),
    "factor": Option(INT, "", "", low=2),
    "retrain_seeds": Option(INT, "", "", low=0),
}


@dataclasses.dataclass(frozen=True)
class Asked:
    """What was typed.

    Attributes:
        config: what all trials have in common.
        choices: other arguments of `checking.settle`.
        name: of the sweep, if any was given.
        placement: where trials are trained.
    """

    config: TrainConfig
    choices: dict[str, Any]
    name: str | None
    placement: Placement


def run(argv: list[str]) -> int:
    """Runs a sweep; returns the exit code."""
    asked = read(argv)
    if asked is None:
        return 0
    with redirect_stderr() as held:
        from zoo.tuning import devices

        devices.refuse_several(asked.config)
        devices.hide_gpus()
        from zoo.tuning.checking import settle
        from zoo.tuning.folder import open_folder

        settings = settle(asked.config, **asked.choices)

        def opened() -> SweepFolder:
            return open_folder(settings, asked.name)

        go(opened, settings, asked.config.runs_dir, asked.placement, held)
    return 0


def resume(folder: SweepFolder, placement: Placement) -> int:
    """Goes on with a sweep; returns the exit code."""
    check_backend(folder.path, folder.name)
    with redirect_stderr() as held:
        from zoo.tuning import devices

        devices.hide_gpus()
        from zoo.tuning.folder import read_settings

        settings = read_settings(folder)
        go(lambda: folder, settings, folder.runs_dir, placement, held)
    return 0


def check_whole(name: str, folder: SweepFolder) -> None:
    """Raises `UserError` if a sweep opens test images and is not named whole.

    Args:
        name: as it was typed.
        folder: of the sweep that it means.
    """
    from zoo.tuning.folder import read_settings

    path = pathlib.Path(name)
    is_path = not folder.name.startswith(name) and path.is_dir()
    if name.rstrip("/") == folder.name or is_path:
        return
    opened = folder.result.get("test")
    if not opened and read_settings(folder).open_test:
        raise full_name_error(name, [folder.name])


def go(
    opened: Callable[[], SweepFolder],
    settings,
    runs_dir: str,
    placement: Placement,
    held,
) -> None:
    """Runs a sweep, or resumes it, with standard error in its log.

    Args:
        opened: returns the folder of the sweep, once trials can be trained.
        settings: of the sweep.
        runs_dir: folder of the run folders.
        placement: where trials are trained.
        held: standard error until now.
    """
    from zoo.training.console import TrainingConsole
    from zoo.tuning.budget import Budget
    from zoo.tuning.display import Display
    from zoo.tuning.sweep import run_sweep

    console = TrainingConsole(sys.stdout, on_log=held.move_to)
    with cluster.place(placement, runs_dir, console.print) as (work, at_once):
        folder = opened()
        number = at_once(Budget.of(settings).at_once)
        display = Display(console, folder, settings, number)
        with folder.lock():
            run_sweep(
                folder,
                settings,
                display,
                workers=number,
                work=work,
                resume_flags=placement.flags,
            )


def read(argv: list[str]) -> Asked | None:
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
    placement = cluster.read(command)
    config, texts = spaces.merge(found[0], values.space or [], argv)
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
    return Asked(config, choices, _name(values.sweep_name), placement)


def _command() -> Command:
    command = Command(
        "zoo sweep [--model=NAME] [--dataset=NAME] [--space=...] [--flags]",
        "Search for good hyperparameters. Each trial is an ordinary run in the "
        "folder of the sweep; the other flags are what all trials have in "
        "common. `zoo resume SWEEP` goes on after any interruption.",
    )
    command.texts(
        "space",
        "what to search, repeatable: NAME=a,b,c, NAME=low:high, "
        "NAME=low:high:step, NAME=log:low:high; model_arg.NAME is an argument "
        "of the model (default: the model's own space)",
    )
    command.text(
        "tuner",
        "random",
        "who proposes trials: random, grid, bayesian or hyperband "
        "(default random)",
    )
    command.text(
        "trials",
        None,
        "trials at most (default 12, or the whole grid; hyperband: follows "
        "from --epochs and --factor)",
    )
    command.text("executions", None, "seeds each trial has (default 1)")
    command.text(
        "objective",
        None,
        "what counts: val_accuracy or val_loss (default: the accuracy, where "
        "there are classes)",
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
        "whose models and checkpoints stay on the disk: best for those of the "
        "3 best trials, or all (default best)",
    )
    command.text(
        "retrain_seeds",
        None,
        "the best trial is trained again with so many seeds that no trial "
        f"had; 0 for none (default {RETRAIN_SEEDS})",
    )
    command.switch(
        "compare_default",
        "whether the model's default recipe is trained with the same seeds, "
        "for as many epochs (default: yes, from 2 seeds on)",
    )
    command.switch(
        "open_test",
        "in the end open the test split, once, to the winner's new seeds",
    )
    cluster.define(command, common=True)
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
