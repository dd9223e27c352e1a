"""Measure speed, start-up and memory; print a table and keep it as JSON."""

from __future__ import annotations

import argparse
import datetime
import pathlib
import sys
import tempfile
import time
from typing import Any

from benchmarks import children, images, machine, parts, sides, stored, table
from benchmarks.asked import Asked, Images
from benchmarks.cases import choose
from zoo import backend
from zoo.errors import UserError


def main(argv: list[str] | None = None) -> int:
    """Runs what the flags ask for; returns the exit code."""
    flags = parse(argv)
    try:
        results, path = measure(flags)
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    print(f"\n{table.text(results)}\n\nkept in {path}")
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the flags."""
    listed = "\n".join(
        f"  {part.name:<10} {part.about}, about {part.minutes:g} min"
        for part in parts.PARTS
    )
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description=__doc__,
        epilog=f"parts, and how long they take on two quiet cores:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help="what to measure (else all)"
    )
    parser.add_argument(
        "--repeats",
        type=int,
        default=5,
        help="rounds of each case; what takes long has fewer",
    )
    parser.add_argument(
        "--cases",
        help="models with commas, or single cases such as lr/128 (else all)",
    )
    parser.add_argument(
        "--out", help="file for the figures (else results/MACHINE.json)"
    )
    return parser.parse_args(argv)


def measure(flags: argparse.Namespace) -> tuple[dict, pathlib.Path]:
    """Measures part by part and keeps each; returns all that is stored."""
    chosen = parts.choose(flags.parts)
    cases = choose(flags.cases)
    if flags.repeats < 1:
        raise UserError(
            f"--repeats={flags.repeats} measures nothing; give at least 1."
        )
    about = machine.describe()
    path = pathlib.Path(flags.out or stored.RESULTS / machine.file_name(about))
    stored.check_writable(path)
    results = stored.read(path, about)
    peers, missing = sides.present()
    have_bfloat16 = backend.cpu_has_bfloat16()
    if not have_bfloat16:
        missing.append("these processors have no bfloat16; it is left out.")
    for line in missing:
        print(line, flush=True)
    how = {
        "measured": datetime.date.today().isoformat(),
        "repeats": flags.repeats,
        "software": machine.software(),
    }
    with tempfile.TemporaryDirectory() as folder:
        asked = Asked(
            cases,
            flags.repeats,
            peers,
            have_bfloat16,
            Images(folder, images.save),
            children.report,
            say,
        )
        for part in chosen:
            begun = time.monotonic()
            rows = part.measure(asked)
            results = stored.with_rows(results, part.name, rows, how)
            stored.write(path, results)
            say_done(part.name, rows, time.monotonic() - begun)
    return results, path


def say(what: str) -> None:
    """Tells a waiting person what is being measured."""
    print(f"measuring {what} ...", flush=True)


def say_done(part: str, rows: list[Any], seconds: float) -> None:
    """Tells a waiting person that a part is measured and kept."""
    trouble = "" if rows else ", which none of the --cases belongs to"
    print(f"{part}: {seconds / 60:.1f} min{trouble}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
