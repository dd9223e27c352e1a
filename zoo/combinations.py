"""Which options contradict each other, in sentences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoo.errors import UserError

if TYPE_CHECKING:
    from zoo.config import TrainConfig

RUN_NAME = re.compile(r"[A-Za-z0-9_.\-]+(/[A-Za-z0-9_.\-]+)*")


def check_combinations(config: TrainConfig) -> None:
    """Raises `UserError` for options that cannot hold together."""
    if config.epochs is not None and config.steps is not None:
        raise UserError(
            f"--epochs={config.epochs} and --steps={config.steps} contradict "
            "each other; give one of them."
        )
    if config.run_name is not None:
        parts = config.run_name.split("/")
        if not RUN_NAME.fullmatch(config.run_name) or any(
            part.startswith(".") for part in parts
        ):
            raise UserError(
                f"--run_name={config.run_name} cannot name a folder below "
                "--runs_dir; use letters, digits and _ . - (and / between "
                "folders), no part starting with a dot."
            )
    if config.early_stopping_patience is not None and not config.val_fraction:
        raise UserError(
            "--early_stopping_patience needs validation images, and "
            "--val_fraction=0 leaves none; give --val_fraction=0.1."
        )
    _check_transfer(config)
    if config.group_by is not None and not config.dataset.startswith("folder:"):
        raise UserError(
            f"--group_by goes by file names, and {config.dataset} has none; "
            "it belongs to --dataset=folder:PATH."
        )
    if config.skip_unreadable and not config.dataset.startswith("folder:"):
        raise UserError(
            f"--skip_unreadable leaves out files, and {config.dataset} is not "
            "read from files of single images; it belongs to "
            "--dataset=folder:PATH."
        )


def _check_transfer(config: TrainConfig) -> None:
    """Refuses what contradicts weights of another run, or frozen ones."""
    if config.new_head and config.weights is None:
        raise UserError(
            "--new_head has no effect on weights that are all new; it belongs "
            "to --weights=RUN."
        )
    if config.weights is not None and config.features is not None:
        raise UserError(
            f"--weights={config.weights} starts from weights that have "
            f"seen images, and --features={config.features} leaves none to "
            "see; give one of them."
        )
    words = [word.strip() for word in config.freeze.split(",")]
    if "" in words or "none" in words and len(words) > 1:
        raise UserError(
            f"--freeze={config.freeze} is no list of layers; write for "
            "example --freeze=features, or --freeze=conv1*,conv3."
        )
