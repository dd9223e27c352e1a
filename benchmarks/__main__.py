"""`python -m benchmarks`: measures, prints a table and keeps it as JSON."""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import tempfile

from benchmarks import (
    children,
    looking,
    machine,
    memory,
    pairs,
    startup,
    sweeping,
    table,
)
from benchmarks.cases import PEERS, choose
from zoo.errors import UserError

RESULTS = pathlib.Path(__file__).parent / "results"


def main(argv: list[str] | None = None) -> int:
    """Runs what the flags ask for; returns the exit code."""
    flags = parse(argv)
    try:
        results = measure(flags)
        path = save(results, flags.out)
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    print(f"\n{table.text(results)}\n\nkept in {path}")
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the flags."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__
    )
    parser.add_argument(
        "--repeats", type=int, default=5, help="pairs of each case"
    )
    parser.add_argument(
        "--cases",
        default="lr,mlp,lenet5",
        help="models with commas, or single cases such as lr/128",
    )
    parser.add_argument(
        "--looks",
        action="store_true",
        help="measure what summaries cost, too; needs mnist and cifar10",
    )
    parser.add_argument(
        "--workers",
        action="store_true",
        help="measure what a second worker is worth to a sweep, too",
    )
    parser.add_argument(
        "--out", help="file for the figures (else results/MACHINE.json)"
    )
    return parser.parse_args(argv)


def measure(flags: argparse.Namespace) -> dict:
    """Measures everything, saying before each part what it is."""
    if flags.repeats < 1:
        raise UserError(
            f"--repeats={flags.repeats} measures nothing; give at least 1."
        )
    cases = choose(flags.cases)
    with tempfile.TemporaryDirectory() as folder:
        images = f"{folder}/images.npz"
        say("images")
        told = children.python("-m", "benchmarks.images", images).output
        stand_in = told.splitlines()[-1]  # above it, news of a download
        say("start-up and memory")
        results = {
            "machine": machine.describe(),
            "stand_in": stand_in,
            "repeats": flags.repeats,
            "startup": startup.seconds(flags.repeats),
            "memory": memory.peaks(f"npz:{images}" if stand_in else "mnist"),
            "pairs": [],
            "looks": [],
            "sweeps": [],
        }
        for look in looking.LOOKS if flags.looks else ():
            say(f"what summaries cost {look.model}")
            results["looks"].append(
                looking.measure(look, flags.repeats, children.report)
            )
        if flags.workers:
            say("what a second worker is worth to a sweep")
            found = sweeping.measure(flags.repeats, children.report)
            results["sweeps"].append(found)
        for peer in PEERS:
            for case in cases:
                say(f"{case.name} against {peer}")
                results["pairs"].append(
                    pairs.measure(
                        case, peer, flags.repeats, images, children.report
                    )
                )
    return results


def save(
    results: dict, out: str | None, folder: pathlib.Path = RESULTS
) -> pathlib.Path:
    """Writes the results as JSON, by default named by the machine."""
    name = machine.file_name(results["machine"])
    path = pathlib.Path(out) if out else folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
    return path


def say(part: str) -> None:
    """Tells a waiting person what is being measured."""
    print(f"measuring {part} ...", flush=True)


if __name__ == "__main__":
    sys.exit(main())
