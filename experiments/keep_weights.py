"""Keeps the weights of finished runs of recipes, to come with the package.

    python -m experiments.keep_weights RUN...    writes zoo/weights/MODEL-DATA
    python -m experiments.keep_weights --cards   writes all cards anew

Each gets its file of weights, a checksum, the run's own small files, scores of
the weights as they are stored, and a card; nothing in there is typed by hand.
Validation scores are measured here. That of the test split is taken from the
ledger, if `zoo evaluate RUN --split=test` has opened it: keep the run again
after that, and only numbers and card change.
"""

from __future__ import annotations

import argparse
import sys

from experiments import cards
from zoo import pretrained
from zoo.cli import stderr
from zoo.config import DEFAULTS
from zoo.errors import UserError
from zoo.run_store import RunStore


def _write_cards() -> None:
    for name in pretrained.list_weights():
        kept = pretrained.find(name)
        (kept.path / cards.NAME).write_text(cards.text(kept))


def main(argv: list[str] | None = None) -> int:
    """Keeps the runs that are named; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m experiments.keep_weights",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="*", metavar="RUN")
    parser.add_argument("--runs_dir", default=DEFAULTS["runs_dir"])
    parser.add_argument("--cards", action="store_true")
    flags = parser.parse_args(argv)
    try:
        for name in flags.runs:
            run = RunStore(flags.runs_dir).find(name)
            with stderr.hold():
                from experiments.keeping import keep

                kept = keep(run, flags.runs_dir)
            print(f"{kept.name}: {cards.summary(kept)}")
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    if flags.cards:
        _write_cards()
    return 0


if __name__ == "__main__":
    sys.exit(main())
