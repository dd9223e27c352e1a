"""Misclassified examples, against the run's own saved model."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from scipy.special import log_softmax
from sklearn.datasets import load_digits

from zoo.cli.main import main
from zoo.config import TrainConfig
from zoo.data import load_dataset
from zoo.evaluation import misclassified
from zoo.evaluation.evaluate import load_split
from zoo.training.console import TrainingConsole
from zoo.training.train import train

QUIET = TrainingConsole(quiet=True)
WRONG = (12, 40)  # of each class, the images that lie in the other one


@pytest.fixture(scope="module")
def early(tmp_path_factory):
    """A run on the digits that has learned a little."""
    runs_dir = str(tmp_path_factory.mktemp("runs"))
    config = TrainConfig(
        model="lr", steps=20, summaries=("none",), runs_dir=runs_dir
    )
    return train(config, console=QUIET)


@pytest.fixture(scope="module")
def mislabeled(tmp_path_factory):
    """A run on a folder of digits, four of them in the wrong class."""
    root = tmp_path_factory.mktemp("mine")
    digits = load_digits()
    for name, other in ("38", "83"):
        chosen = digits.images[digits.target == int(name)][:90]
        for i, pixels in enumerate(chosen):
            # The folder is the label, the file's name tells the digit.
            label = other if i in WRONG else name
            path = root / "digits" / label / f"{name}-{i:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            large = np.kron(pixels * 15, np.ones((2, 2))).astype(np.uint8)
            Image.fromarray(large).save(path)
    config = TrainConfig(
        model="lr",
        dataset=f"folder:{root}/digits",
        epochs=10,
        summaries=("none",),
        runs_dir=str(root / "runs"),
        run_name="run",
    )
    return train(config, console=QUIET)


def test_examples_come_in_order_of_their_loss(early):
    data = load_dataset("digits")
    logits = early.load_model().predict(data.val.images, verbose=0)
    chances = log_softmax(np.float64(logits), axis=1)
    rows = np.arange(len(logits))
    losses = -chances[rows, data.val.labels]
    wrong = np.flatnonzero(logits.argmax(axis=1) != data.val.labels)
    expected = wrong[np.argsort(-losses[wrong])][:7]
    found = misclassified.find_misclassified(early, "val", 7)
    assert found.total == len(wrong) > 7
    assert [each.index for each in found.worst] == expected.tolist()
    for each in found.worst:
        answer = logits[each.index].argmax()
        truth = data.val.labels[each.index]
        assert (each.prediction, each.label) == (str(answer), str(truth))
        assert each.loss == pytest.approx(losses[each.index], rel=1e-4)
        assert each.confidence == pytest.approx(
            np.exp(chances[each.index, answer]), rel=1e-4
        )
        assert each.label_probability == pytest.approx(
            np.exp(chances[each.index, truth]), rel=1e-4
        )


def test_wrong_labels_are_the_first_to_be_seen(mislabeled):
    found = misclassified.find_misclassified(mislabeled, "train", 10)
    strange = {
        name
        for name in load_split(mislabeled, "train").file_names
        if name[0] != name[2]
    }
    assert strange
    first = {each.image for each in found.worst[: len(strange)]}
    assert first == strange


def typed(capsys, *argv):
    code = main(["misclassified", *map(str, argv)])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_table_and_a_sheet_are_written_into_the_run(capsys, early):
    code, out, err = typed(capsys, early.path)
    assert (code, err) == (0, "")
    folder = early.path / "misclassified"
    with open(
        folder / "misclassified-val.csv", encoding="utf-8", newline=""
    ) as file:
        rows = list(csv.DictReader(file))
    total = misclassified.find_misclassified(early, "val", 1).total
    assert len(rows) == min(40, total)
    assert list(rows[0]) == [
        "index", "image", "label", "prediction", "confidence",
        "label_probability", "loss",
    ]  # fmt: skip
    losses = [float(row["loss"]) for row in rows]
    assert losses == sorted(losses, reverse=True)
    assert f"{total} misclassified of 144 validation examples" in out
    assert sum("val/" in line for line in out.splitlines()) == 10
    with Image.open(folder / "misclassified-val.png") as sheet:
        assert sheet.size[0] > 900


def test_another_folder_split_and_count_can_be_asked_for(
    capsys, early, tmp_path
):
    argv = (f"--out={tmp_path}/a/b", "--split=train", "--count=3")
    assert typed(capsys, early.path, *argv)[0] == 0
    text = (tmp_path / "a" / "b" / "misclassified-train.csv").read_text()
    assert text.count("\n") == 4


def test_a_run_without_errors_says_so_and_writes_nothing(
    capsys, early, monkeypatch, tmp_path
):
    labels = load_dataset("digits").val.labels
    monkeypatch.setattr(
        misclassified, "predict_batched", lambda *_: np.eye(10)[labels]
    )
    code, out, _ = typed(capsys, early.path, f"--out={tmp_path}/none")
    assert code == 0
    assert "misclassifies none of 144 validation examples" in out
    assert not (tmp_path / "none").exists()


def test_points_have_a_table_and_no_sheet(capsys, tmp_path):
    config = TrainConfig(
        model="lr",
        dataset="xor",
        steps=1,
        summaries=("none",),
        runs_dir=str(tmp_path / "runs"),
    )
    run = train(config, console=QUIET)
    assert typed(capsys, run.path, f"--out={tmp_path}/out")[0] == 0
    names = [path.name for path in (tmp_path / "out").iterdir()]
    assert names == ["misclassified-val.csv"]


def change(text, **values):
    return json.dumps({**json.loads(text), **values})


def of_the_test(copy):
    return ["--split=test"], "--split=test is refused", "biases"


def of_no_split(copy):
    return ["--split=tst"], "--split=tst", "val or train"


def none_wanted(copy):
    return ["--count=0"], "--count=0", "at least 1"


def few_wanted(copy):
    return ["--count=few"], "--count=few", "whole number"


def unfinished(copy):
    (copy / "model.keras").unlink()
    (copy / "metrics.json").unlink()
    return [], "no model.keras", "killed"


def of_another_version(copy):
    path = copy / "resolved.json"
    (copy / "SHA256SUMS").unlink()
    path.write_text(change(path.read_text(), format=99))
    return [], "format 99"


def of_numbers(copy):
    path = copy / "resolved.json"
    data = {**json.loads(path.read_text())["data"], "task": "regression"}
    (copy / "SHA256SUMS").unlink()
    path.write_text(change(path.read_text(), data=data))
    return [], "is a regression", "evaluate"


def to_no_place(copy):
    (copy / "file").touch()
    return [f"--out={copy}/file/x"], "cannot make the folder", "--out"


@pytest.mark.parametrize(
    "make",
    [
        of_the_test, of_no_split, none_wanted, few_wanted, unfinished,
        of_another_version, of_numbers, to_no_place,
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_told_in_one_sentence(
    capsys, early, tmp_path, make
):
    copy = shutil.copytree(
        early.path,
        tmp_path / "run",
        ignore=shutil.ignore_patterns("misclassified"),
    )
    argv, *words = make(copy)
    code, out, err = typed(capsys, copy, *argv)
    assert (code, out) == (2, "")
    assert err.startswith("zoo: ") and err.count("\n") == 1
    for word in words:
        assert word in err
    assert not (copy / "misclassified").exists()


def test_a_run_that_is_not_there_is_told(capsys, tmp_path):
    code, _, err = typed(capsys, "foo", f"--runs_dir={tmp_path}")
    assert code == 2 and "no run 'foo'" in err
