"""Misclassified examples, against the run's own saved model."""

import csv

import numpy as np
import pytest
from PIL import Image
from scipy.special import log_softmax
from sklearn.datasets import load_digits

from zoo.cli.main import main
from zoo.data import load_dataset
from zoo.evaluation import misclassified
from zoo.evaluation.evaluate import load_split

WRONG = (12, 40)  # of each class, the images that lie in the other one


@pytest.fixture(scope="session")
def mislabeled(make, tmp_path_factory):
    """A run on a folder of digits, four of them in the wrong class."""
    root = tmp_path_factory.mktemp("mine")
    digits = load_digits()
    for name, other in ("38", "83"):
        chosen = digits.images[digits.target == int(name)][:90]
        for i, pixels in enumerate(chosen):
            # The folder is the label, the file's name tells the digit.
            label = other if i in WRONG else name
            path = root / label / f"{name}-{i:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            large = np.kron(pixels * 15, np.ones((2, 2))).astype(np.uint8)
            Image.fromarray(large).save(path)
    return make(
        "mislabeled", dataset=f"folder:{root}", epochs=10, steps=None,
        learning_rate=None,
    )  # fmt: skip


def test_examples_come_in_order_of_their_loss(run):
    part = load_dataset("digits").val
    logits = run.load_model().predict(part.images, verbose=0)
    chances = log_softmax(np.float64(logits), axis=1)
    losses = -chances[np.arange(len(part)), part.labels]
    wrong = np.flatnonzero(logits.argmax(axis=1) != part.labels)
    expected = wrong[np.argsort(-losses[wrong])][:7]
    found = misclassified.find_misclassified(run, "val", 7)
    assert found.total == len(wrong) > 7
    assert [each.index for each in found.worst] == expected.tolist()
    for each in found.worst:
        answer = logits[each.index].argmax()
        truth = part.labels[each.index]
        assert (each.prediction, each.label) == (str(answer), str(truth))
        assert each.loss == pytest.approx(losses[each.index], rel=1e-4)
        probabilities = each.confidence, each.label_probability
        expected = np.exp(chances[each.index, [answer, truth]])
        assert probabilities == pytest.approx(expected, rel=1e-4)


def test_wrong_labels_are_the_first_to_be_seen(mislabeled):
    found = misclassified.find_misclassified(mislabeled, "train", 10)
    names = load_split(mislabeled, "train").file_names
    strange = {name for name in names if name[0] != name[2]}
    assert strange
    assert {each.image for each in found.worst[: len(strange)]} == strange


def typed(capsys, *argv):
    code = main(["misclassified", *map(str, argv)])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_table_and_a_sheet_are_written_into_the_run(capsys, run):
    code, out, err = typed(capsys, run.path)
    assert (code, err) == (0, "")
    folder = run.path / "misclassified"
    text = (folder / "misclassified-val.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    total = misclassified.find_misclassified(run, "val", 1).total
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


def test_another_folder_split_and_count_can_be_asked_for(capsys, run, tmp_path):
    argv = (f"--out={tmp_path}/a/b", "--split=train", "--count=3")
    assert typed(capsys, run.path, *argv)[0] == 0
    text = (tmp_path / "a" / "b" / "misclassified-train.csv").read_text()
    assert text.count("\n") == 4


def test_a_run_without_errors_says_so_and_writes_nothing(
    capsys, run, monkeypatch, tmp_path
):
    labels = load_dataset("digits").val.labels
    monkeypatch.setattr(
        misclassified, "predict_batched", lambda *_: np.eye(10)[labels]
    )
    code, out, _ = typed(capsys, run.path, f"--out={tmp_path}/none")
    assert code == 0
    assert "misclassifies none of 144 validation examples" in out
    assert not (tmp_path / "none").exists()


def test_points_have_a_table_and_no_sheet(capsys, make, tmp_path):
    run = make("xor", dataset="xor", steps=1)
    assert typed(capsys, run.path, f"--out={tmp_path}/out")[0] == 0
    names = [path.name for path in (tmp_path / "out").iterdir()]
    assert names == ["misclassified-val.csv"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--split=test", ["--split=test is refused", "biases"]),
        ("--split=tst", ["--split=tst", "val or train"]),
        ("--count=0", ["--count=0", "at least 1"]),
        ("--count=few", ["--count=few", "whole number"]),
        ("--out={folder}/file/x", ["cannot make the folder", "--out"]),
    ],
)
def test_a_flag_that_cannot_be_is_told_in_one_sentence(
    capsys, run, tmp_path, word, said
):
    (tmp_path / "file").touch()
    code, out, err = typed(capsys, run.path, word.format(folder=tmp_path))
    assert (code, out) == (2, "")
    assert err.startswith("zoo: ") and err.count("\n") == 1
    assert all(part in err for part in said)


def test_a_regression_has_no_misclassified_examples(capsys, make):
    run = make("bumps", dataset="bumps", model="mlp")
    code, out, err = typed(capsys, run.path)
    assert (code, out) == (2, "")
    assert "is a regression" in err and "evaluate" in err
    assert not (run.path / "misclassified").exists()
