"""The folder `landscape/` of a run: numbers, pictures, and what TensorBoard
shows of them.

    landscape.json        what was measured, and how
    path.png line.png plane.png
    events.out.tfevents.* the pictures again, under `landscape/...`

It stands beside `train/` and `val/`, whose event files a resumed run cuts
back: nothing is added to those. The whole folder takes the place of an older
one at the end, so that a stop at any moment leaves the old or the new.
"""

from __future__ import annotations

import json
import math
import os
import pathlib
import shutil
from typing import Any

import numpy as np

from zoo.errors import UserError
from zoo.evaluation.landscape.drawing import draw
from zoo.evaluation.landscape.request import PARTS
from zoo.runs import Run, RunWriter
from zoo.summaries.events import EventLog

NAME = "landscape"


def save(run: Run, found: dict[str, Any]) -> pathlib.Path:
    """Writes what was measured; returns the folder.

    Raises:
        UserError: the run is in use, or its folder cannot be written.
    """
    folder = run.path / NAME
    fresh, old = (run.path / f".{NAME}.{word}" for word in ("new", "old"))
    with RunWriter(run).lock():
        try:
            for rest in (fresh, old):
                shutil.rmtree(rest, ignore_errors=True)
            fresh.mkdir()
            _write(fresh, run, found)
            if folder.exists():
                os.rename(folder, old)
            os.rename(fresh, folder)
        except OSError as error:
            raise UserError(
                f"{folder} cannot be written: "
                f"{os.strerror(error.errno or 0)}; what was there is kept."
            ) from error
        finally:
            for rest in (fresh, old):
                shutil.rmtree(rest, ignore_errors=True)
    return folder


def _write(folder: pathlib.Path, run: Run, found: dict[str, Any]) -> None:
    text = json.dumps(plain(found), indent=1, allow_nan=False)
    (folder / "landscape.json").write_text(text + "\n")
    step = int(run.metrics.get("steps", 0))
    log = EventLog(folder)
    try:
        for part in PARTS:
            if part in found:
                picture = draw(found, part)
                _save_picture(folder / f"{part}.png", picture)
                log.image(f"{NAME}/{part}", picture, step)
    finally:
        log.close()


def _save_picture(path: pathlib.Path, picture: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray(picture).save(path)


def plain(value: Any) -> Any:
    """Returns what JSON has: lists for arrays, `null` for NaN."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
