"""From the folder of a finished run to a folder of `zoo/weights`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import tomllib
from typing import Any

import numpy as np

from experiments import cards, record, storing
from zoo import metrics, pretrained
from zoo.config import DEFAULTS
from zoo.data.sources import find_source
from zoo.errors import UserError
from zoo.evaluation import judging, scoring
from zoo.evaluation.elsewhere.original import recorded_test
from zoo.models.inference import predict_batched
from zoo.pretrained import FACTS, PretrainedRun
from zoo.runs import Run
from zoo.serving.target import replacing

PROJECT = pathlib.Path(__file__).parents[1] / "pyproject.toml"
MOST = 4_000_000  # bytes of all files in zoo/weights together
# Where a run was kept is nobody's business, and no setting of it.
HOMELESS = ("data_dir", "runs_dir", "run_name")
SHARES = ("examples", "correct", "accuracy", "accuracy_low", "accuracy_high")
KEPT = (*SHARES, "negative_log_likelihood", "expected_calibration_error")
KEPT += ("brier_score",)


def keep(
    run: Run, runs_dir: str, root: pathlib.Path = pretrained.FOLDER
) -> PretrainedRun:
    """Writes the folder of one run's weights, in the place of an older one.

    Args:
        run: finished, of a recipe, and of a data set in the table.
        runs_dir: where the ledger is, of runs that are in there.
        root: where the folder goes.

    Raises:
        UserError: it is no such run, its data are not there, or all weights
            together would be too large; nothing is left behind.
    """
    recipe, _ = record.record(run, runs_dir)
    _check(run)
    resolved = run.resolved
    name = f"{resolved['config']['model']}:{resolved['data']['name']}"
    folder = pretrained.folder_of(name, root)
    with replacing(folder) as temporary:
        temporary.mkdir()
        kept = PretrainedRun(temporary, name)
        _copy_files(run, temporary)
        facts = {"name": name, "recipe": recipe, **_store(run, temporary)}
        _write(temporary / FACTS, facts)  # the model is loaded by its checksum
        facts |= _scores(run, kept, runs_dir, facts["precision"])
        _write(temporary / FACTS, facts)
        (temporary / cards.NAME).write_text(cards.text(kept))
        _check_room(root, folder, temporary)
    return dataclasses.replace(kept, path=folder)


def _check(run: Run) -> None:
    """Refuses runs whose model would not do what its name promises."""
    resolved = run.resolved
    data = resolved["data"]
    if data["handed_over"] or ":" in data["name"]:
        raise UserError(
            f"{run.name} was trained on {data['name']}, which others do not "
            "have; keep the weights of a run on a data set of `zoo datasets`."
        )
    if data["task"] != "classes" or resolved["features"] or not data["val"]:
        raise UserError(
            f"{run.name} is no classifier of images with validation images; "
            "keep the weights of one that is."
        )


def _copy_files(run: Run, folder: pathlib.Path) -> None:
    """Copies the run's small files, without where it was kept."""
    for name in ("flags.txt", "history.csv"):
        (folder / name).write_text((run.path / name).read_text())
    homeless = {name: DEFAULTS[name] for name in HOMELESS}
    (folder / "config.json").write_text(
        run.config.replace(**homeless).to_json()
    )
    resolved = run.resolved
    config = {**resolved["config"], **homeless}
    _write(
        folder / "resolved.json", {**resolved, "parent": None, "config": config}
    )
    _write(folder / "metrics.json", run.metrics)


def _store(run: Run, folder: pathlib.Path) -> dict[str, Any]:
    """Writes the model; returns what is told of the file."""
    parameters = run.resolved["parameters"]["total"]
    precision = storing.precision_for(parameters)
    path = folder / "model.keras"
    storing.write(run.model_path(), path, precision)
    content = path.read_bytes()
    source, _ = find_source(run.resolved["data"]["name"])
    project = tomllib.loads(PROJECT.read_text())["project"]
    return {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "precision": precision,
        "licence": project["license"],
        "data": {"origin": source.origin, "licence": source.licence},
    }


def _scores(
    run: Run, kept: PretrainedRun, runs_dir: str, precision: str
) -> dict[str, Any]:
    """Returns how good the stored weights are, and what rounding changed."""
    part = scoring.images_of(run, "val")
    model = kept.load_model()
    before = predict_batched(run.load_model(), part.images)
    after = predict_batched(model, part.images)
    names = run.resolved["data"]["class_names"]
    found = judging.of_classes(after, part.labels, names, scoring.loss_of(run))
    by_class = {
        row["class"]: [row["correct"], row["examples"]]
        for row in found["classes"]
    }
    changed = before.argmax(axis=1) != after.argmax(axis=1)
    example = probe(tuple(run.resolved["data"]["input_shape"]))
    return {
        "validation": {
            "examples": len(part),
            **{key: found[key] for key in KEPT if key in found},
            "classes": by_class,
        },
        "run_correct": metrics.count_correct(before, part.labels),
        "answers_changed": int(changed.sum()),
        "test": _test(run, runs_dir, precision),
        "probe": model.predict_on_batch(example).round(4).tolist(),
    }


def _test(run: Run, runs_dir: str, precision: str) -> dict[str, Any] | None:
    """Returns what the ledger tells of the run on test images, if it does."""
    found = recorded_test(run, runs_dir)
    if found is None:
        return None
    share = metrics.binomial_ci(found["correct"], found["examples"])
    values = (share.examples, share.correct, share.value, share.low, share.high)
    return {
        **dict(zip(SHARES, values, strict=True)),
        "before_rounding": precision == "float16",
    }


def probe(shape: tuple[int, ...]) -> np.ndarray:
    """Returns three images of stripes, whose logits stand in `weights.json`.

    Returns:
        float32 `[3, H, W, C]`, 0..255.
    """
    image, row, column, channel = np.indices((3, *shape))
    stripes = (image + 1) * (7 * row + 13 * column + 29 * channel)
    return (stripes % 256).astype(np.float32)


def _check_room(
    root: pathlib.Path, old: pathlib.Path, new: pathlib.Path
) -> None:
    """Refuses what would make the package too large."""
    others = [path for path in root.glob("*/*") if path.parent != old]
    total = sum(path.stat().st_size for path in {*others, *new.iterdir()})
    if total > MOST:
        raise UserError(
            f"all weights together would take {total:,} bytes, and the package "
            f"has room for {MOST:,}; keep a smaller model."
        )


def _write(path: pathlib.Path, values: Any) -> None:
    path.write_text(json.dumps(values, indent=1) + "\n")
