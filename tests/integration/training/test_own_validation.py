"""Data with a validation split of their own, and --val_fraction."""

import csv

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.tuning import sweep_config

SIZES = {"train": 40, "val": 10}


def examples(split):
    x = np.random.default_rng(SIZES[split]).integers(
        0, 256, (SIZES[split], 6, 6), np.uint8
    )
    return x, np.arange(len(x)) % 2


def write_files(folder):
    """Writes both splits; returns path, class and split of each file."""
    rows = []
    for split in SIZES:
        for i, (image, label) in enumerate(zip(*examples(split), strict=True)):
            name = f"{split}/{'ab'[label]}/{i}.png"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / name)
            rows.append((name, "ab"[label], split))
    return rows


def as_folder(tmp_path):
    write_files(tmp_path / "files")
    return tmp_path / "files"


def as_csv(tmp_path):
    rows = write_files(tmp_path)
    with (tmp_path / "table.csv").open("w", newline="", encoding="utf-8") as f:
        csv.writer(f).writerows([("path", "label", "split"), *rows])
    return tmp_path / "table.csv"


def as_npz(tmp_path):
    (x, y), (x_val, y_val) = map(examples, SIZES)
    path = tmp_path / "data.npz"
    np.savez(path, x=x, y=y, x_val=x_val, y_val=y_val)
    return path


def as_mapping(tmp_path):
    return {"train": examples("train"), "validation": examples("val")}


KINDS = (as_folder, as_csv, as_npz, as_mapping)
every_kind = pytest.mark.parametrize(
    "make", KINDS, ids=lambda make: make.__name__
)


def train(data, tmp_path, **options):
    return zoo.train(
        "lr", data, runs_dir=str(tmp_path / "runs"), summaries=("none",),
        verbose=False, **{"epochs": 1} | options,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "cache"))


@every_kind
def test_a_fraction_beside_a_validation_split_is_refused(make, tmp_path):
    sentence = r"val_fraction=0.5 does not go with .* out"
    with pytest.raises(zoo.UserError, match=sentence):
        train(make(tmp_path), tmp_path, val_fraction=0.5)
    assert not (tmp_path / "runs").exists()


@every_kind
def test_a_fraction_of_0_leaves_a_validation_split_out_with_a_note(
    make, tmp_path
):
    run = train(make(tmp_path), tmp_path, val_fraction=0)
    data = run.resolved["data"]
    assert (data["train"] >= 34, data["val"]) == (True, 0)
    assert "leaves out 10 validation images of" in data["notes"][-1]
    assert (
        "leaves out 10 validation images" in (run.path / "log.txt").read_text()
    )


@every_kind
def test_without_a_fraction_the_validation_split_is_used(make, tmp_path):
    data = train(make(tmp_path), tmp_path).resolved["data"]
    assert (data["has_own_val"], data["val"]) == (True, 10)


def test_a_sweep_of_a_fraction_beside_a_validation_split_is_refused(tmp_path):
    config = zoo.TrainConfig(
        model="lr", dataset=f"folder:{as_folder(tmp_path)}", val_fraction=0.5
    )
    with pytest.raises(zoo.UserError, match="val_fraction=0.5 does not go"):
        sweep_config.resolve_sweep(
            config, (), tuner="random", trials=1, executions=1, objective=None,
            select_epoch="best", factor=None, keep="best",
        )  # fmt: skip


def test_a_run_with_such_a_fraction_is_evaluated_and_continued(
    tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:  # as it was trained before
        patch.setattr(
            "zoo.training.setup.check_own_validation", lambda *_: None
        )
        run = train(as_folder(tmp_path), tmp_path, val_fraction=0.5)
    assert zoo.evaluate(run)["examples"] == 10
    longer = zoo.resume(run, epochs=2, verbose=False)
    assert longer.metrics["epochs"] == 2
