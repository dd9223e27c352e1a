"""Climbs a ladder: trains its recipes in order, then shows them together.

    python -m experiments.ladder                       lists the ladders
    python -m experiments.ladder mnist                 minutes
    python -m experiments.ladder mnist --scale=smoke   seconds: does it run?
    python -m experiments.ladder mnist --scale=full    the paper's or lecture's
    python -m experiments.ladder mnist --seeds=3 --workers=2

Stopped at any moment, the same command goes on. Everything is kept in
`runs/ladder-NAME-SCALE`, with one picture of all curves.
"""

from __future__ import annotations

import argparse
import pathlib
import sys

from experiments import ladders
from experiments.commands import DONE, FAILED, ended, say
from zoo.cli import stderr
from zoo.config import DEFAULTS
from zoo.tuning.repeating.request import MOST_SEEDS


def main(argv: list[str] | None = None) -> int:
    """Climbs the ladder that is named; returns the exit code."""
    flags = _parser().parse_args(argv)
    if not flags.name:
        print(ladders.listing())
        return DONE
    return ended(lambda: _climb(flags))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m experiments.ladder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME")
    parser.add_argument("--scale", choices=ladders.SCALES, default="laptop")
    parser.add_argument("--seeds", type=_count, default=1)
    parser.add_argument("--workers", type=_count, default=1)
    parser.add_argument("--runs_dir", default=DEFAULTS["runs_dir"])
    parser.add_argument("--data_dir")
    return parser


def _count(text: str) -> int:
    """Reads a number of seeds or workers."""
    if not text.isdecimal() or not 1 <= int(text) <= MOST_SEEDS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number from 1 to {MOST_SEEDS}"
        )
    return int(text)


def _climb(flags: argparse.Namespace) -> int:
    ladder = ladders.find(flags.name)
    ladders.check_data(ladder, flags.data_dir)
    name = f"ladder-{ladder.name}-{flags.scale}"
    root = pathlib.Path(flags.runs_dir, name)
    print(f"ladder     {ladder.name}: {ladder.about}")
    print(f"scale      {flags.scale}")
    print(f"runs       {root}", flush=True)

    with stderr.hold():
        from experiments import view
        from experiments.climbing import Climb

        climb = Climb(ladder, flags.scale, flags.seeds, root, flags.data_dir)
        climb.train(flags.workers, say)
        return FAILED if view.show(climb, say) else DONE


if __name__ == "__main__":
    sys.exit(main())
