"""Exports the weights of finished runs of recipes into the package.

    python -m experiments.export_weights RUN...    writes zoo/weights/MODEL-DATA
    python -m experiments.export_weights --cards   rewrites all model cards

Each folder gets the weights, a checksum, the run's small files, scores of the
weights as they are stored, and a model card. Validation scores are measured
here. Those of the test set are taken from the log, if
`zoo evaluate RUN --split=test` has evaluated the run: export it again after
that, and only scores and card change.

A `.keras` file is a zip with the weights in HDF5 inside. Here HDF5 itself
compresses them: bytes of equal significance side by side, then deflate. Large
weights are rounded to half precision first, which saves more than half of the
space, since what rounding leaves of them are zeros; they are read as float32.
Stock Keras loads the result, and the same model gives the same bytes.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import io
import json
import pathlib
import sys
import textwrap
import tomllib
import zipfile
from typing import Any

import h5py
import numpy as np

from experiments import record_results
from zoo import metrics, pretrained, recipes
from zoo.cli.output import redirect_stderr
from zoo.config import DEFAULTS
from zoo.console import format_count, format_shape
from zoo.data.datasets import find_dataset
from zoo.errors import UserError
from zoo.evaluation import evaluate
from zoo.evaluation.test_set import recorded_test_result
from zoo.models import MODELS
from zoo.models.inference import predict_batched
from zoo.pretrained import FACTS, PretrainedRun
from zoo.run_store import RunStore
from zoo.runs import Run
from zoo.serving.export import replacing

PROJECT = pathlib.Path(__file__).parents[1] / "pyproject.toml"
MAX_BYTES = 4_000_000  # of all files in zoo/weights together
# Options that say where a run was stored; they are not part of a recipe.
PATH_OPTIONS = ("data_dir", "runs_dir", "run_name")
COUNTS = ("examples", "correct", "accuracy", "accuracy_low", "accuracy_high")
SCORES = (*COUNTS, "negative_log_likelihood", "expected_calibration_error")
SCORES += ("brier_score",)
MIN_BYTES_ROUNDED = 1_000_000  # of weights in float32; larger ones are rounded
WEIGHTS = "model.weights.h5"  # Keras's name
CARD = "card.md"
STORED = {
    "float32": "as trained, in float32",
    "float16": "each rounded to float16, and read as float32",
}
# How the images of a dataset differ from a user's own.
IMAGE_NOTES = {
    "mnist": "Digits there are white on black, centered, and fill the middle "
    "20 of 28 pixels; a photograph of ink on paper must be inverted and cut "
    "out so first. "
}


def main(argv: list[str] | None = None) -> int:
    """Exports the runs that are named; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m experiments.export_weights",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="*", metavar="RUN")
    parser.add_argument("--runs_dir", default=DEFAULTS["runs_dir"])
    parser.add_argument("--cards", action="store_true")
    flags = parser.parse_args(argv)
    try:
        for name in flags.runs:
            run = RunStore(flags.runs_dir).find(name)
            with redirect_stderr():
                kept = export(run, flags.runs_dir)
            print(f"{kept.name}: {summary(kept)}")
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    if flags.cards:
        _write_cards()
    return 0


def _write_cards() -> None:
    for name in pretrained.list_weights():
        kept = pretrained.find(name)
        (kept.path / CARD).write_text(card(kept), encoding="utf-8")


def export(
    run: Run, runs_dir: str, root: pathlib.Path = pretrained.FOLDER
) -> PretrainedRun:
    """Writes the folder of a run's weights, replacing an older one.

    Args:
        run: A finished run of a recipe, on a dataset of `zoo datasets`.
        runs_dir: Folder of the log of test-set evaluations.
        root: Folder of all weights.

    Raises:
        UserError: It is not such a run, its dataset is missing, or all
            weights together would be too large; nothing is written.
    """
    recipe, _ = record_results.record(run, runs_dir)
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
        facts |= _measure(run, kept, runs_dir, facts["precision"])
        _write(temporary / FACTS, facts)
        (temporary / CARD).write_text(card(kept), encoding="utf-8")
        _check_room(root, folder, temporary)
    return dataclasses.replace(kept, path=folder)


def _check(run: Run) -> None:
    """Raises `UserError` for runs whose weights others could not use."""
    resolved = run.resolved
    data = resolved["data"]
    if data["from_arrays"] or ":" in data["name"]:
        raise UserError(
            f"{run.name} was trained on {data['name']}, which others do not "
            "have; export a run on a dataset of `zoo datasets`."
        )
    if (
        data["task"] != "classification"
        or resolved["features"]
        or not data["val"]
    ):
        raise UserError(
            f"{run.name} is not an image classifier with validation images; "
            "export one that is."
        )


def _copy_files(run: Run, folder: pathlib.Path) -> None:
    """Copies the run's small files, without paths."""
    for name in ("flags.txt", "history.csv"):
        (folder / name).write_text(
            (run.path / name).read_text(encoding="utf-8"), encoding="utf-8"
        )
    defaults = {name: DEFAULTS[name] for name in PATH_OPTIONS}
    (folder / "config.json").write_text(
        run.config.replace(**defaults).to_json(), encoding="utf-8"
    )
    resolved = run.resolved
    config = {**resolved["config"], **defaults}
    _write(
        folder / "resolved.json", {**resolved, "parent": None, "config": config}
    )
    _write(folder / "metrics.json", run.metrics)


def _store(run: Run, folder: pathlib.Path) -> dict[str, Any]:
    """Writes the model; returns facts about the file."""
    parameters = run.resolved["parameters"]["total"]
    precision = precision_for(parameters)
    path = folder / "model.keras"
    pack(run.model_path(), path, precision)
    content = path.read_bytes()
    source, _ = find_dataset(run.resolved["data"]["name"])
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    return {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "precision": precision,
        "license": project["license"],
        "data": {"origin": source.authors, "license": source.license},
    }


def _measure(
    run: Run, kept: PretrainedRun, runs_dir: str, precision: str
) -> dict[str, Any]:
    """Returns the scores of the stored weights, and the effect of rounding."""
    part = evaluate.load_split(run, "val")
    model = kept.load_model()
    before = predict_batched(run.load_model(), part.images)
    after = predict_batched(model, part.images)
    names = run.resolved["data"]["class_names"]
    found = evaluate.classification_metrics(
        after, part.labels, names, evaluate.mean_loss_fn(run)
    )
    by_class = {
        row["class"]: [row["correct"], row["examples"]]
        for row in found["classes"]
    }
    changed = before.argmax(axis=1) != after.argmax(axis=1)
    example = probe(tuple(run.resolved["data"]["input_shape"]))
    return {
        "validation": {
            "examples": len(part),
            **{key: found[key] for key in SCORES if key in found},
            "classes": by_class,
        },
        "run_correct": metrics.count_correct(before, part.labels),
        "answers_changed": int(changed.sum()),
        "test": _test(run, runs_dir, precision),
        "probe": model.predict_on_batch(example).round(4).tolist(),
    }


def _test(run: Run, runs_dir: str, precision: str) -> dict[str, Any] | None:
    """Returns the logged test result of the run, if there is one."""
    found = recorded_test_result(run, runs_dir)
    if found is None:
        return None
    share = metrics.binomial_ci(found["correct"], found["examples"])
    values = (share.examples, share.correct, share.value, share.low, share.high)
    return {
        **dict(zip(COUNTS, values, strict=True)),
        "before_rounding": precision == "float16",
    }


def probe(shape: tuple[int, ...]) -> np.ndarray:
    """Returns three images of stripes, whose logits are in `weights.json`.

    Returns:
        float32 `[3, H, W, C]`, 0..255.
    """
    image, row, column, channel = np.indices((3, *shape))
    stripes = (image + 1) * (7 * row + 13 * column + 29 * channel)
    return (stripes % 256).astype(np.float32)


def _check_room(
    root: pathlib.Path, old: pathlib.Path, new: pathlib.Path
) -> None:
    """Raises `UserError` if the package would become too large."""
    others = [path for path in root.glob("*/*") if path.parent != old]
    total = sum(path.stat().st_size for path in {*others, *new.iterdir()})
    if total > MAX_BYTES:
        raise UserError(
            f"all weights together would take {total:,} bytes, and the package "
            f"has room for {MAX_BYTES:,}; export a smaller model."
        )


def _write(path: pathlib.Path, values: Any) -> None:
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def precision_for(parameters: int) -> str:
    """Returns the precision in which a model of so many weights is stored."""
    return "float16" if 4 * parameters > MIN_BYTES_ROUNDED else "float32"


def pack(source: pathlib.Path, target: pathlib.Path, precision: str) -> None:
    """Rewrites a saved model, compressed.

    Args:
        source: A `.keras` file.
        target: Another one.
        precision: `float32`, which changes no weight, or `float16`, to which
            each is rounded.
    """
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == WEIGHTS:
                content = _packed(content, precision)
            # An entry that is made so has the date 1980-01-01.
            new.writestr(zipfile.ZipInfo(name), content)


def _packed(content: bytes, precision: str) -> bytes:
    packed = io.BytesIO()
    with (
        h5py.File(io.BytesIO(content), "r") as old,
        h5py.File(packed, "w") as new,
    ):

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                _copy_array(new, name, item[()], precision)
            else:
                new.require_group(name)
            new[name].attrs.update(item.attrs)

        new.attrs.update(old.attrs)
        old.visititems(copy)
    return packed.getvalue()


def _copy_array(
    file: h5py.File, name: str, array: np.ndarray, precision: str
) -> None:
    how = {}
    if array.dtype == np.float32:
        with np.errstate(over="raise"):
            array = array.astype(precision).astype(np.float32)
    if array.size > 1:
        how = {"chunks": array.shape, "shuffle": True, "compression": 9}
    file.create_dataset(name, data=array, **how)


def card(kept: PretrainedRun) -> str:
    """Returns the model card, in Markdown."""
    parts = [
        f"# `{kept.name}`\n",
        _fill(_model(kept)),
        _use(kept),
        "## Scores\n",
        _score_table(kept.facts, kept.resolved["data"]["name"]),
        _fill(_stored(kept.facts)),
        "## Intended use and limitations\n",
        _fill(_limits(kept)),
        "## Training\n",
        _fill(_training(kept)),
        _flags(kept),
        _file_table(kept),
    ]
    return "\n".join(parts)


def summary(kept: PretrainedRun) -> str:
    """Returns size and score in a line."""
    facts = kept.facts
    return (
        f"{facts['bytes']:,} bytes, {facts['precision']}; validation "
        f"{_share(facts['validation'])}; {facts['answers_changed']} "
        "predictions changed by rounding"
    )


def _fill(words: str) -> str:
    return textwrap.fill(words, 80, break_on_hyphens=False) + "\n"


def _share(found: dict[str, Any]) -> str:
    return str(metrics.binomial_ci(found["correct"], found["examples"]))


def _model(kept: PretrainedRun) -> str:
    resolved = kept.resolved
    entry = MODELS.find(resolved["config"]["model"])
    paper = f" ({entry.paper})" if entry.paper else ""
    return (
        f"{entry.name}, {entry.description}{paper}, with weights learned from "
        f"{resolved['data']['name']}: "
        f"{format_count(resolved['parameters']['total'])} parameters. "
        f"{_preprocessing(resolved['statistics'])}"
    )


def _preprocessing(statistics: dict[str, Any]) -> str:
    """Describes what the first layers do to raw pixels."""
    mean, std = statistics["mean"], statistics["std"]
    words = {
        "none": "",
        "channel": f"subtracts {_numbers(mean)}",
        "pixel": "subtracts the mean image",
        "image": "subtracts each image's own mean",
    }[statistics["mean_subtraction"]]
    divided = {
        "none": "",
        "unit": "divides by 255",
        "std": f"divides by {_numbers(std)}",
    }[statistics["scale"]]
    done = " and ".join(part for part in (words, divided) if part)
    whose = ", as measured on the training images" if mean or std else ""
    first = f"The first layer {done}{whose}" if done else "No layer does more"
    return f"It takes raw pixels 0..255. {first}."


def _numbers(values: list | None) -> str:
    # A mean image is too long to print.
    values = [v for v in values or () if not isinstance(v, list)]
    return ", ".join(f"{value:.2f}" for value in values)


def _use(kept: PretrainedRun) -> str:
    shape = format_shape(kept.resolved["data"]["input_shape"])
    return (
        "```python\n"
        f'model = zoo.load_model("{kept.name}")\n'
        f"logits = model.predict(images)  # [B, {shape.replace('x', ', ')}], "
        "raw pixels 0..255\n"
        "classes = logits.argmax(axis=1)\n"
        "```\n\n"
        "```sh\n"
        f"zoo predict {kept.name} photo.png\n"
        f"zoo train --weights={kept.name} --new_head --dataset=folder:mine\n"
        "```\n"
    )


def _score_table(facts: dict[str, Any], data: str) -> str:
    found = facts["validation"]
    test = _share(facts["test"]) if facts["test"] else "not evaluated"
    if facts["test"] and facts["test"]["before_rounding"]:
        test += ", of the same run before its weights were rounded"
    by_class = ", ".join(
        f"{name}: {correct} of {examples}"
        for name, (correct, examples) in found["classes"].items()
    )
    rows = (
        (f"validation images of {data}", _share(found)),
        (f"test images of {data}", test),
        (
            "expected calibration error",
            f"{found['expected_calibration_error']:.4f}",
        ),
        (
            "negative log-likelihood",
            f"{found['negative_log_likelihood']:.4f} nats",
        ),
        ("Brier score", f"{found['brier_score']:.4f}"),
        ("correct, by class", by_class),
    )
    lines = ["| of the weights as stored | |", "| --- | --- |"]
    lines += [f"| {label} | {value} |" for label, value in rows]
    words = (
        "All but the second line are of validation images, by which the best "
        "epoch was selected, so they are slightly optimistic. Intervals are "
        "those of Clopper and Pearson. The expected calibration error is the "
        "mean distance of confidence from accuracy, over 15 bins."
    )
    return "\n".join([*lines, "", _fill(words)])


def _stored(facts: dict[str, Any]) -> str:
    words = f"Weights are stored {STORED[facts['precision']]}"
    if facts["precision"] == "float32":
        return f"{words}: they predict what the run did."
    total = facts["validation"]["examples"]
    return (
        f"{words}. The run before that had {facts['run_correct']:,} of "
        f"{total:,} validation images correct, and the stored weights have "
        f"{facts['validation']['correct']:,}; the predictions "
        f"of {facts['answers_changed']} images differ."
    )


def _limits(kept: PretrainedRun) -> str:
    data = kept.resolved["data"]
    shape = format_shape(data["input_shape"])
    return (
        "For lectures, tests, demonstrations and as a start for other "
        f"training. It knows the {len(data['class_names'])} classes of "
        f"{data['name']} and nothing else: of any image it predicts one of "
        "them, often with high confidence. Its scores hold for images made as "
        f"those of {data['name']} were, {shape}, and say little about others. "
        f"{IMAGE_NOTES.get(data['name'], '')}Nothing that matters to a person "
        "should rest on it."
    )


def _training(kept: PretrainedRun) -> str:
    resolved, metrics = kept.resolved, kept.metrics
    data, machine = resolved["data"], resolved["machine"]
    best = metrics["best_epoch"]
    return (
        f"Trained on {resolved['started'][:10]} with zoo {resolved['zoo']}, "
        f"Keras {machine['keras']} on {machine['backend']}, {machine['device']}"
        f": {data['train']:,} images of the training split, "
        f"{data['val']:,} more for validation; {metrics['epochs']} epochs, "
        f"{metrics['steps']:,} steps, of which epoch {best} was selected. The "
        "flags, and the command that trains it again:"
    )


def _flags(kept: PretrainedRun) -> str:
    recipe = recipes.find(kept.facts["recipe"])
    flags = [
        line
        for line in recipe.path.read_text(encoding="utf-8").splitlines()
        if line.startswith("--")
    ]
    shown = textwrap.fill(" ".join(flags), 80, break_on_hyphens=False)
    seed = kept.config.seed
    return (
        f"```\n{shown}\n```\n\n"
        f"```sh\nzoo train --recipe={recipe.name} --seed={seed}\n```\n"
    )


def _file_table(kept: PretrainedRun) -> str:
    facts = kept.facts
    data = kept.resolved["data"]
    rows = (
        ("file", f"`model.keras`, {facts['bytes']:,} bytes"),
        ("SHA-256", f"`{facts['sha256']}`"),
        ("license of the weights", f"{facts['license']}, as the package"),
        (
            "data",
            f"{data['name']} ({facts['data']['origin']}), under "
            f"{facts['data']['license']}; no image of it is in here",
        ),
        ("split", f"`{data['fingerprint']}`"),
    )
    lines = ["| | |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {a} | {b} |" for a, b in rows), ""])


if __name__ == "__main__":
    sys.exit(main())
