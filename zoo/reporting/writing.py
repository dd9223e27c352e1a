"""A page in its file: when a run ends, or where it is asked for."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from zoo import backend
from zoo.data import Dataset
from zoo.errors import UserError
from zoo.io import atomic_write
from zoo.reporting.gathering import gather, gather_all, parts_of
from zoo.reporting.page import page
from zoo.runs import Run

NAME = "report.html"
PATIENCE = 30.0  # seconds that a run's end may wait for its model's answers


def check_target(path: str, overwrite: bool) -> pathlib.Path:
    """Returns where a page will be.

    Raises:
        UserError: there is no such folder, or a file that is to be kept.
    """
    target = pathlib.Path(path)
    if target.is_dir() or not target.name:
        raise UserError(
            f"--out={path} is a folder; write for example "
            f"--out={target / NAME}."
        )
    if not target.parent.is_dir():
        raise UserError(
            f"--out={path} cannot be written: there is no folder "
            f"{target.parent}."
        )
    if target.exists() and not overwrite:
        raise UserError(
            f"--out={path} is there already; choose another name, or give "
            "--overwrite."
        )
    return target


@backend.fixed_settings()
def write(
    runs: Sequence[Run], runs_dir: str, target: pathlib.Path | None = None
) -> pathlib.Path:
    """Writes a page about runs, and returns where it is.

    Args:
        runs: one or more, finished or not.
        runs_dir: where the ledger is, of runs that are in there.
        target: where to; else anew into the folder of the one run, or that
            of all runs.
    """
    if target is None and len(runs) == 1:
        runs[0].check_writable()
    text = page(gather_all(runs, runs_dir))
    if target is None:
        folder = pathlib.Path(runs_dir) if runs[1:] else runs[0].path
        target = folder / NAME
    with atomic_write(target) as file:
        file.write(text.encode())
    return target


@backend.fixed_settings()
def write_at_end(run: Run, data: Dataset, runs_dir: str) -> pathlib.Path:
    """Writes the page of a run that has just ended, and returns where it is.

    Args:
        run: still held by this process.
        data: what it was trained on, which is in memory.
        runs_dir: where the ledger is.
    """
    parts = parts_of(run, data)
    story = gather(run, runs_dir, parts, PATIENCE, is_held=True)
    run.write(NAME, page([story]))
    return run.path / NAME
