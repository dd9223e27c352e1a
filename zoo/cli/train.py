"""`zoo train`: trains a model into a new run folder."""

from __future__ import annotations

from zoo import recipes, runs
from zoo.cli import stderr
from zoo.cli.flags import Command, expand_flagfile
from zoo.config import DEFAULTS, OPTIONS, TrainConfig
from zoo.training.plan import settle


def run(argv: list[str]) -> int:
    """Trains what the flags ask for; returns the exit code."""
    asked = read(argv)
    if asked is not None:
        train(*asked)
    return 0


def read(
    argv: list[str], command: Command | None = None
) -> tuple[TrainConfig, dict | None] | None:
    """Reads the flags, recipes and runs that a command line names.

    Args:
        argv: the words after the verb.
        command: of another verb that takes the same flags.

    Returns:
        The config, and with --like the run that is repeated and what is
        changed; `None` if help was asked for and shown.
    """
    command = command or Command(
        "zoo train [--model=NAME] [--dataset=NAME] [--flags]",
        "Train a model; what is not given is the model's own recipe.",
    )
    command.text("recipe", None, "recipe of `zoo recipes` to start from")
    command.text("like", None, "run to repeat, with what else is given changed")
    command.options()
    runs_dir = _runs_dir(argv)
    parents = []

    def flags_of_run(name: str) -> str:
        parents.append(runs.find(name, runs_dir))
        return str(parents[-1].path / "again.flags")

    argv = expand_flagfile(argv, "flagfile", lambda path: path)
    argv = expand_flagfile(argv, "recipe", lambda n: recipes.find(n).path)
    argv = expand_flagfile(argv, "like", flags_of_run)
    if command.parse(argv) is None:
        return None
    config = command.config()
    return config, _difference(parents[0], config) if parents else None


def train(config: TrainConfig, parent: dict | None) -> None:
    """Trains with standard error kept in the run's log."""
    settle(config)  # before Keras is imported, which takes seconds
    with stderr.hold() as held:
        from zoo.cli import ending
        from zoo.training.loop import train

        console = ending.console(held, config.runs_dir)
        train(config, console=console, parent=parent)


def _runs_dir(argv: list[str]) -> str:
    """Reads --runs_dir ahead of the others: --like looks for runs there."""
    found = DEFAULTS["runs_dir"]
    for word, after in zip(argv, [*argv[1:], ""], strict=False):
        name, equals, value = word.partition("=")
        if name in ("-runs_dir", "--runs_dir"):
            found = value if equals else after
    return found


def _difference(parent: runs.Run, config: TrainConfig) -> dict:
    """Returns which run is repeated, and each option that is not the same."""
    before, now = parent.config.as_dict(), config.as_dict()
    changed = {
        name: [before[name], now[name]]
        for name in OPTIONS
        if before[name] != now[name] and name not in ("run_name", "runs_dir")
    }
    return {"run": parent.name, "changed": changed}
