"""The commands `train`, `vary` and `check`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from zoo import commands, recipes
from zoo.cli import distributed, multirun
from zoo.cli.flags import Command, expand_flagfile
from zoo.cli.output import redirect_stderr
from zoo.config import BOOL, DEFAULTS, OPTIONS, TrainConfig
from zoo.data.datasets import check_path
from zoo.errors import UserError, join_and
from zoo.resolve import resolve_names
from zoo.results import checks_result
from zoo.run_store import RunStore, describe_parent
from zoo.runs import Run
from zoo.tuning.varied_option import (
    EXCLUSIVE,
    FIXED,
    VariedOption,
    split_values,
)

if TYPE_CHECKING:
    from zoo.training.process_group import ProcessInfo


def run_train(argv: list[str]) -> int:
    """Trains one model, or several; returns the exit code."""
    command = _command()
    asked = read(argv, command, _define)
    if asked is None:
        return 0
    config, parent = asked
    count, varied = multirun.seeds(command), multirun.folds(command)
    if count is not None or varied is not None:
        distributed.refuse(command, "several runs")
        placement = multirun.read_placement(command)
        return multirun.train(config, varied, parent, count, placement)
    multirun.refuse_placement(command, "a single run")
    info = distributed.read(command, "train")
    if info and not distributed.is_child():
        resolve_names(config)
        return distributed.run_as_child()
    train(config, describe_parent(config, parent), info)
    return 0


def _define(command: Command) -> None:
    multirun.define(command)
    multirun.define_folds(command)
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
    config = command.config()
    check_path(config.dataset)
    return config, parents[0] if parents else None


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
            from zoo.training.replica import run_replica

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


# Varying one option.

EXAMPLE = "--learning_rate=1e-4,1e-3,1e-2"


def run_vary(argv: list[str]) -> int:
    """Trains a run for each value; returns the exit code.

    Returns:
        0 if every run came to its end; 4 if one lost its worker in every try,
        3 if one diverged, and 2 if one could not be trained, after the others
        were.
    """
    command = Command(
        f"zoo vary [RUN] {EXAMPLE} [--flags]",
        "Repeat a run, or what `zoo train` would do with these flags, with "
        "several values of one option, and test the differences. Values that "
        "are lists themselves are separated by semicolons, in quotes: "
        "--schedule_epochs='4,8;6,9'. The same command again resumes, and "
        "repeats nothing. Exit code 3 if a run diverged, 2 if one failed and "
        "4 if one lost its process; the others continue.",
    )
    flags = list(_flags(argv))
    words = [flag for flag in flags if not flag.name]
    lists = [flag for flag in flags if flag.has_several_values]
    rest = [w for f in flags if f not in (*lists, *words[:1]) for w in f.words]
    like = [f"--like={word.words[0]}" for word in words[:1]]
    asked = read([*like, *rest], command, multirun.define)
    if asked is None:
        return 0
    varied = _varied_option(lists, flags, words)
    config, parent = asked
    count, placement = multirun.seeds(command), multirun.read_placement(command)
    typed = {flag.name for flag in flags}
    excluded = EXCLUSIVE.get(varied.option)
    if excluded and excluded not in typed:
        config = config.replace(**{excluded: None})
    if count is not None and "seed" not in typed:
        config = config.replace(seed=multirun.first_seed(parent, config.seed))
    return multirun.train(config, varied, parent, count, placement)


@dataclasses.dataclass(frozen=True)
class Flag:
    """A flag as it was typed.

    Attributes:
        name: Name without dashes; empty for a word that is not a flag.
        value: Value as text; `None` without one.
        words: Words of the command line.
    """

    name: str
    value: str | None
    words: tuple[str, ...]

    @property
    def has_several_values(self) -> bool:
        """Whether it has several values."""
        return (
            self.name in OPTIONS
            and self.value is not None
            and len(split_values(self.name, self.value)) > 1
        )


def _flags(argv: list[str]) -> Iterator[Flag]:
    """Yields each flag with its value, and each word that is not a flag."""
    words = iter(argv)
    for word in words:
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-"):
            yield Flag("", None, (word,))
        elif equals:
            yield Flag(name, value, (word,))
        elif _takes_no_value(name):
            yield Flag(name, None, (word,))
        else:
            after = next(words, None)
            both = (word,) if after is None else (word, after)
            yield Flag(name, after, both)


def _takes_no_value(name: str) -> bool:
    """Whether a flag has no value."""
    option = OPTIONS.get(name) or OPTIONS.get(name.removeprefix("no"))
    is_switch = option is not None and option.type is BOOL
    return is_switch or name.startswith("help") or name == "h"


def _varied_option(
    lists: list[Flag], flags: list[Flag], words: list[Flag]
) -> VariedOption:
    """Returns the varied option.

    Raises:
        UserError: There is none, or more than one.
    """
    if len(lists) > 1:
        names = join_and(f"--{flag.name}" for flag in lists)
        raise UserError(
            f"vary changes one option, and {names} have several values each; "
            "`zoo sweep --tuner=grid` tries all combinations."
        )
    if lists:
        return VariedOption.parse(lists[0].name, lists[0].value or "")
    free = [name for name in OPTIONS if name not in FIXED]
    single = [f for f in flags if f.name in free and f.value is not None]
    if not single:
        raise UserError(
            "vary needs an option with several values; write for example "
            f"{EXAMPLE}."
        )
    name, value = single[-1].name, single[-1].value
    like = words[0].words[0] if words else None
    given = {f.name: f.value for f in flags if f.value is not None}
    kept = {n: v for n, v in given.items() if n in commands.FLAGS["train"]}
    typed = commands.command("train", **({"like": like} | kept))
    raise UserError(
        f"vary needs an option with several values, and --{name}={value} is "
        f"one; for that type `{typed}`."
    )


# Checking.

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

        result = checks_result(sanity_checks.check(config))
    print(json.dumps(result, indent=1) if command.values.json else result)
    return 0 if result["ok"] else NOT_OK
