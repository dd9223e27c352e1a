"""`zoo check`: looks at data and model before any time goes into training."""

from __future__ import annotations

import dataclasses
import json

from zoo.cli import stderr, train
from zoo.cli.flags import Command
from zoo.resolve import resolve_names

NOT_OK = 1  # as of `grep` and `diff`: the answer is no


def run(argv: list[str]) -> int:
    """Checks what `zoo train` would do with these flags.

    Returns:
        0 if all is well, 1 if something is not.
    """
    command = Command(
        "zoo check [--model=NAME] [--dataset=NAME] [--flags]",
        "Look at data and model before training, with the flags of `zoo "
        "train`: are the inputs centred, does the untrained network guess, "
        "does every weight get a gradient, can it learn 16 examples by heart, "
        "and do blank images tell it nothing? Exit code 0 if all is well, 1 "
        "if not. Nothing is written.",
    )
    command.switch("json", "print JSON")
    asked = train.read(argv, command)
    if asked is None:
        return 0
    config, _ = asked
    resolve_names(config)  # before Keras is imported, which takes seconds
    with stderr.hold():
        from zoo.training import sanity_checks

        answers = sanity_checks.check(config)
    if command.values.json:
        rows = [dataclasses.asdict(answer) for answer in answers]
        print(json.dumps(rows, indent=1))
    else:
        print(table(answers))
    return 0 if all(answer.ok for answer in answers) else NOT_OK


def table(answers: list) -> str:
    """Returns a line for each check: its name, `ok` or `not ok`, its number."""
    return "\n".join(
        f"{answer.name:<10} {'ok' if answer.ok else 'not ok':<7} {answer.text}"
        for answer in answers
    )
