"""`zoo prepare DATASET`: fetches a data set now, and keeps it as arrays."""

from __future__ import annotations

from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.config import OPTIONS


def run(argv: list[str]) -> int:
    """Fetches one data set; returns the exit code."""
    command = Command(
        "zoo prepare DATASET",
        "Fetch a data set, so that it is there without a network, and keep its "
        "images as arrays, from which later starts are fast. Arrays that are "
        "there are checked.",
        words=("DATASET",),
    )
    command.text("data_dir", None, OPTIONS["data_dir"].help)
    words = command.parse(argv)
    if words is None:
        return 0
    with stderr.hold():
        from zoo.data.loading import prepare

        sizes = prepare(words[0], data_dir=command.values.data_dir)
    counts = ", ".join(f"{size:,} {split}" for split, size in sizes.items())
    print(f"{words[0]} is ready: {counts} images")
    return 0
