"""The name of a run that was given none: model, data, and what differs."""

from __future__ import annotations

import itertools
import pathlib
import re

from zoo.config import TrainConfig, format_option

LENGTH = 120  # of a name at most, in characters
NAMELESS = {  # options that say nothing about what is trained
    "model", "dataset", "data_dir", "runs_dir", "run_name", "summaries",
    "summary_every", "debug_every", "checkpoint_every", "steps_per_execution",
    "devices",
}  # fmt: skip


def default_name(asked: TrainConfig) -> str:
    """Returns `lenet5-digits-dropout0.5`: model, data, and what differs.

    Of what differs, only the first parts are named that keep it short enough
    for a folder; each is named whole.
    """
    words = [asked.model, slug(asked.dataset)]
    for name, value in asked.overrides().items():
        if name not in NAMELESS:
            words += [
                flag.removeprefix("--").removeprefix("model_arg=")
                for flag in format_option(name, value)
            ]
    parts = [slug(word.replace("=", "", 1)) for word in words]
    ends = itertools.accumulate(len(part) + 1 for part in parts)
    fitting = sum(end <= LENGTH + 1 for end in ends)
    return "-".join(parts[:fitting]) or parts[0][:LENGTH]


def slug(text: str) -> str:
    """Returns a text as a part of a name, a path by its last part."""
    if ":" in text:
        text = pathlib.PurePath(text.partition(":")[2]).stem or "data"
    return re.sub(r"[^A-Za-z0-9_.\-]+", "_", text).strip("_.")
