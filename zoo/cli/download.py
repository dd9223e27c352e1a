"""`zoo download DATASET`: downloads a data set and caches its arrays."""

from __future__ import annotations

from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.config import OPTIONS


def run(argv: list[str]) -> int:
    """Downloads one data set; returns the exit code."""
    command = Command(
        "zoo download DATASET",
        "Download a data set, so that training works offline, and cache its "
        "images as arrays, from which later runs start fast. Arrays that are "
        "cached already are verified.",
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
