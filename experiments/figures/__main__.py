"""Makes one of the lectures' pictures: trains what is missing, and draws.

    python -m experiments.figures                        lists them
    python -m experiments.figures boundaries_l2
    python -m experiments.figures sgd --scale=smoke      does it run?
    python -m experiments.figures boundaries_l2 --keep   as part of the project

Stopped at any moment, the same command goes on. The picture goes to
`runs/figures`, and with `--keep` to `experiments/figures` too.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import sys

from experiments import ladders
from experiments.commands import DONE, ended, say
from experiments.figures import table
from zoo.cli import stderr
from zoo.config import DEFAULTS
from zoo.errors import UserError


def main(argv: list[str] | None = None) -> int:
    """Makes the picture that is named; returns the exit code."""
    flags = _parser().parse_args(argv)
    if not flags.name:
        print(table.listing())
        return DONE
    return ended(lambda: _make(flags))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        table.COMMAND,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME")
    parser.add_argument(
        "--scale", choices=("smoke", "laptop"), default="laptop"
    )
    parser.add_argument("--runs_dir", default=DEFAULTS["runs_dir"])
    parser.add_argument("--data_dir")
    parser.add_argument("--keep", action="store_true")
    return parser


def _make(flags: argparse.Namespace) -> int:
    picture = table.find(flags.name)
    if flags.keep and flags.scale == "smoke":
        raise UserError(
            "--keep is for pictures that show something, and --scale=smoke "
            "shows only that it runs; leave one of them out."
        )
    ladders.check_data(picture.rungs, flags.data_dir)
    ending = "" if flags.scale == "laptop" else f"-{flags.scale}"
    folder = pathlib.Path(flags.runs_dir, "figures")
    target = folder / f"{picture.name}{ending}.png"
    print(f"figure     {picture.name}: {picture.shows}", flush=True)
    with stderr.hold():
        from experiments.figures import making

        where = flags.runs_dir, flags.data_dir
        runs = making.train(picture, flags.scale, *where, say)
        making.draw(picture, runs, target)
    print(f"picture    {target}")
    if flags.keep:
        shutil.copyfile(target, picture.path)
        print(f"kept       {picture.path}")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
