"""The commands `train` and `check`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from zoo import recipes
from zoo.cli import cluster, distributed, repeating
from zoo.cli.flags import Command, expand_flagfile
from zoo.cli.output import redirect_stderr
from zoo.config import DEFAULTS, TrainConfig
from zoo.resolve import resolve_names
from zoo.run_store import RunStore, describe_parent
from zoo.runs import Run

if TYPE_CHECKING:
    from zoo.training.distributed.process_group import ProcessInfo


def run_train(argv: list[str]) -> int:
    """Trains one model, or several; returns the exit code."""
    command = _command()
    asked = read(argv, command, _define)
    if asked is None:
        return 0
    config, parent = asked
    count = repeating.seeds(command)
    if count is not None:
        distributed.refuse(command, "several runs")
        placement = cluster.read(command)
        return repeating.train(config, None, parent, count, placement)
    cluster.refuse(command, "a single run")
    info = distributed.read(command, "train")
    if info and not distributed.is_child():
        resolve_names(config)
        return distributed.run_as_child()
    train(config, describe_parent(config, parent), info)
    return 0


def _define(command: Command) -> None:
    repeating.define(command)
    distributed.define(command)


def _command() -> Command:
    return Command(
        "zoo train [--model=NAME] [--dataset=NAME] [--flags]",
        "Train a model. Options that are not given take the values of the "
        "model's recipe.",
    )


def read(
    argv: list[str],
    command: Command | None = None,
    define: Callable[[Command], None] | None = None,
) -> tuple[TrainConfig, Run | None] | None:
    """Reads the flags, recipes and runs that a command line names.

    Args:
        argv: the words after the verb.
        command: of another verb that takes the same flags.
        define: defines more flags, behind those of a whole run.

    Returns:
        The config, and with --like the run that is repeated; `None` if help
        was asked for and shown.
    """
    command = command or _command()
    command.text(
        "recipe", None, "recipe to start from; `zoo recipes` lists them"
    )
    command.text(
        "like", None, "start from this run's settings; other flags override"
    )
    if define is not None:
        define(command)
    command.options()
    runs_dir = _runs_dir(argv)
    parents = []

    def flags_of_run(name: str) -> str:
        parents.append(RunStore(runs_dir).find(name))
        return str(parents[-1].path / "flags.txt")

    argv = expand_flagfile(argv, "flagfile", lambda path: path)
    argv = expand_flagfile(argv, "recipe", lambda n: recipes.find(n).path)
    argv = expand_flagfile(argv, "like", flags_of_run)
    if command.parse(argv) is None:
        return None
    return command.config(), parents[0] if parents else None


def train(
    config: TrainConfig, parent: dict | None, info: ProcessInfo | None = None
) -> None:
    """Trains with standard error kept in the run's log.

    Args:
        config: what to train.
        parent: the run that is repeated, if one is.
        info: how this process joins others; `None` is a single one.
    """
    resolve_names(config)  # before Keras is imported, which takes seconds
    with redirect_stderr() as held, distributed.join(info) as group:
        if not group.is_first:
            from zoo.training.distributed.replica import run_replica

            return run_replica(group, config)
        from zoo.api_arguments import training_console
        from zoo.training.train import train

        console = training_console(config.runs_dir, on_log=held.move_to)
        train(config, console=console, parent=parent, group=group)


def _runs_dir(argv: list[str]) -> str:
    """Reads --runs_dir ahead of the others: --like looks for runs there."""
    found = DEFAULTS["runs_dir"]
    for word, after in zip(argv, [*argv[1:], ""], strict=False):
        name, equals, value = word.partition("=")
        if name in ("-runs_dir", "--runs_dir"):
            found = value if equals else after
    return found


NOT_OK = 1  # exit code, as of `grep` and `diff`


def run_check(argv: list[str]) -> int:
    """Checks what `zoo train` would do with these flags.

    Returns:
        0 if all is well, 1 if something is not.
    """
    command = Command(
        "zoo check [--model=NAME] [--dataset=NAME] [--flags]",
        "Check data and model before training, with the flags of `zoo train`: "
        "are the inputs centered, is the initial loss that of chance, does "
        "every weight get a gradient, does the model overfit 16 examples, and "
        "does it learn nothing from blank images? Exit code 0 if all is well, "
        "1 if not. Nothing is written.",
    )
    command.switch("json", "print JSON")
    asked = read(argv, command)
    if asked is None:
        return 0
    config, _ = asked
    resolve_names(config)  # before Keras is imported, which takes seconds
    with redirect_stderr():
        from zoo.training import sanity_checks

        answers = sanity_checks.check(config)
    if command.values.json:
        rows = [dataclasses.asdict(answer) for answer in answers]
        print(json.dumps(rows, indent=1))
    else:
        print(_format_checks(answers))
    return 0 if all(answer.ok for answer in answers) else NOT_OK


def _format_result(ok: bool) -> str:
    return f"{'ok' if ok else 'not ok':<7}"


def _format_checks(answers: list) -> str:
    """Returns a line for each check: its name, `ok` or `not ok`, its number."""
    width = max(len(answer.name) for answer in answers)
    return "\n".join(
        f"{answer.name:<{width}} {_format_result(answer.ok)} {answer.text}"
        for answer in answers
    )
