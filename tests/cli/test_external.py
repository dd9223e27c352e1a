"""`zoo evaluate RUN --dataset=...`: another dataset than the run's own."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from zoo import metrics
from zoo.cli.main import main
from zoo.config import TrainConfig
from zoo.data import load_dataset
from zoo.data.datasets import find_dataset
from zoo.data.tfds import CIFAR10, prepared_builder
from zoo.evaluation.test_set import EvaluationLog
from zoo.metrics import difference_ci
from zoo.training.console import TrainingConsole
from zoo.training.train import train


@pytest.fixture(scope="module")
def trained(two_seeds, tmp_path_factory):
    """A folder with the runs `a` and `b`, two seeds, and `wave`, of numbers."""
    runs_dir = tmp_path_factory.mktemp("runs")
    shutil.copytree(two_seeds, runs_dir, dirs_exist_ok=True)
    config = TrainConfig(
        model="mlp", dataset="sine", steps=2, summaries=("none",),
        run_name="wave", runs_dir=str(runs_dir),
    )  # fmt: skip
    train(config, console=TrainingConsole(quiet=True))
    return runs_dir


@pytest.fixture
def folder(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "runs")


@pytest.fixture
def refused(folder, answer):
    """Returns a function: types what is refused, and returns the sentence."""

    def type_(*argv):
        sentence = answer("evaluate", *argv)
        assert not (folder / "test_evaluations.jsonl").exists()
        return sentence

    return type_


@pytest.fixture
def new(tmp_path):
    """Shifted validation digits in a file, and the name of that dataset."""
    part = load_dataset("digits").val
    x = np.roll(part.images, 1, axis=2)
    np.savez(tmp_path / "new.npz", x=x, y=part.labels)
    return f"npz:{tmp_path / 'new.npz'}"


def test_original_and_new_stand_side_by_side_with_the_drop(
    typed, folder, new, tmp_path
):
    found = json.loads(typed("evaluate", "a", f"--dataset={new}", "--json"))
    original = json.loads(typed("evaluate", "a", "--json"))
    assert found["original"]["split"] == "val"
    for name in ("examples", "correct", "accuracy", "accuracy_low"):
        assert found["original"][name] == original[name]
    with np.load(tmp_path / "new.npz") as file:
        from zoo.run_store import RunStore

        model = RunStore(str(folder)).find("a").load_model()
        answers = model.predict(file["x"], verbose=0).argmax(axis=1)
        assert found["correct"] == (answers == file["y"]).sum()
    drop = difference_ci(
        metrics.binomial_ci(original["correct"], 144),
        metrics.binomial_ci(found["correct"], 144),
    )
    assert found["drop"] == {
        "value": drop.value, "low": drop.low, "high": drop.high
    }  # fmt: skip
    assert (found["split"], found["seen_in_training"]) == ("all", 0)


def test_the_table_says_what_the_original_is(typed, new):
    text = typed("evaluate", "a", f"--dataset={new}")
    assert "all examples: 144 examples" in text
    assert "original (val)" in text and "drop in points" in text
    assert "test set is not read" in text.replace("\n  ", " ")


def test_a_logged_test_accuracy_is_the_original(typed, folder, new):
    typed("evaluate", "a", f"--dataset={new}")
    assert [line["dataset"] for line in EvaluationLog(folder).read()] == [new]
    opened = json.loads(typed("evaluate", "a", "--split=test", "--json"))
    found = json.loads(typed("evaluate", "a", f"--dataset={new}", "--json"))
    assert found["original"]["split"] == "test"
    assert found["original"]["correct"] == opened["correct"]
    other = json.loads(typed("evaluate", "b", f"--dataset={new}", "--json"))
    assert other["original"]["split"] == "val"
    text = typed("evaluate", "a", f"--dataset={new}")
    assert "original (test)" in text


def test_a_test_score_of_an_older_run_of_that_name_is_not_the_original(
    typed, folder, new
):
    typed("evaluate", "a", "--split=test")
    path = folder / "a" / "resolved.json"
    text = path.read_text()
    assert '"seed": 0' in text
    path.write_text(text.replace('"seed": 0', '"seed": 5'))
    (folder / "a" / "SHA256SUMS").unlink()
    found = json.loads(typed("evaluate", "a", f"--dataset={new}", "--json"))
    assert found["original"]["split"] == "val"


def test_evaluations_on_a_new_test_set_are_counted(typed, folder, new):
    first = typed("evaluate", "a", f"--dataset={new}")
    assert "\n1st evaluation on this test set\n" in first
    second = typed("evaluate", "b", f"--dataset={new}")
    assert "2nd evaluation on this test set; no longer an unbiased" in second
    assert "for 2 evaluations" in second
    lines = EvaluationLog(folder).read()
    assert lines[0]["test_set"] == lines[1]["test_set"]


def test_seeds_on_a_new_set_count_once_and_share_a_table(typed, new):
    text = typed("evaluate", "a", "b", f"--dataset={new}")
    assert text.startswith("2 runs on npz:")
    assert "\n1st evaluation on this test set\n" in text
    (head,) = [x for x in text.splitlines() if x.startswith("#  run")]
    assert head.split()[2:7] == ["original", "(val)", "95%", "CI", "new"]
    rows = text.partition(head)[2].partition("\n\n")[0].split("\n")[1:]
    assert sorted(row.split()[1] for row in rows) == ["a", "b"]
    assert "needs at least 3 runs" in text


def test_original_accuracies_of_several_runs_are_of_one_split(typed, new):
    flags = ("a", "b", f"--dataset={new}")
    typed("evaluate", "a", "--split=test")
    found = json.loads(typed("evaluate", *flags, "--json"))["runs"]
    assert [run["original"]["split"] for run in found] == ["val", "val"]
    text = typed("evaluate", *flags).replace("\n  ", " ")
    assert "- original accuracy of each run: digits, validation" in text
    assert "- the test accuracy of a is not used" in text
    assert "the test accuracy of b" not in text
    typed("evaluate", "b", "--split=test")
    found = json.loads(typed("evaluate", *flags, "--json"))["runs"]
    assert [run["original"]["split"] for run in found] == ["test", "test"]
    text = typed("evaluate", *flags)
    assert "original (test)" in text and "is not used" not in text


def test_new_against_original_accuracy_is_drawn(typed, tmp_path):
    plot = tmp_path / "plot.png"
    text = typed(
        "evaluate", "a", "b", "--dataset=shifted_digits", f"--plot={plot}"
    )
    assert str(plot) in text
    with Image.open(plot) as image:
        assert min(image.size) > 400


def test_a_plot_without_another_dataset_is_refused(refused):
    said = refused("evaluate", "a", "--plot=x.png")
    assert "--plot=x.png needs --dataset" in said


def test_validation_examples_of_another_set_are_not_logged(typed, folder):
    found = json.loads(
        typed("evaluate", "a", "--dataset=low_contrast_digits", "--json")
    )
    assert (found["split"], found["test_evaluations"]) == ("val", 0)
    assert EvaluationLog(folder).read() == []


def test_training_images_among_the_new_ones_are_counted(typed, tmp_path):
    data = load_dataset("digits")
    x = np.concatenate([data.train.images[:50], data.val.images])
    y = np.concatenate([data.train.labels[:50], data.val.labels])
    np.savez(tmp_path / "mixed.npz", x=x, y=y)
    name = f"--dataset=npz:{tmp_path / 'mixed.npz'}"
    found = json.loads(typed("evaluate", "a", name, "--json"))
    assert found["seen_in_training"] == 50
    assert "50 of the 194 are training images" in typed("evaluate", "a", name)


def test_size_colour_and_missing_classes_are_told(typed, tmp_path):
    data = load_dataset("digits", image_size=12).val
    few = data.take(np.flatnonzero(data.labels < 3))
    np.savez(
        tmp_path / "few.npz",
        x=np.repeat(few.images, 3, axis=3),
        y=few.labels,
        class_names=np.array(["0", "1", "2"]),
    )
    text = typed("evaluate", "a", f"--dataset=npz:{tmp_path / 'few.npz'}")
    assert "12x12 pixels are resized to 8x8" in text
    assert "images are converted to gray" in text
    assert "3 of the 10 classes" in text
    assert not any(line.startswith("3  ") for line in text.splitlines())


class Downloads:
    """Answers the builder's request for downloads with files on disk."""

    downloaded_size = 0

    def __init__(self, folder):
        self._files = [str(folder / "images.npy"), str(folder / "labels.npy")]

    def download(self, _):
        return self._files


def test_cifar10_1_is_a_test_set_for_runs_on_cifar10_s_classes(
    refused, folder, tmp_path, capfd
):
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (60, 32, 32, 3), np.uint8)
    y = np.arange(60) % 10
    names = np.array([name.title() for name in CIFAR10.split()])
    np.savez(tmp_path / "own.npz", x=x[::-1], y=y, class_names=names)
    config = TrainConfig(
        model="lr", dataset=f"npz:{tmp_path / 'own.npz'}", steps=1,
        batch_size=4, run_name="c", runs_dir=str(folder),
    )  # fmt: skip
    train(config, console=TrainingConsole(quiet=True))
    np.save(tmp_path / "images.npy", x[:20])
    np.save(tmp_path / "labels.npy", y[:20])
    place = str(tmp_path / "data")

    def make_builder(name, where):
        import tensorflow_datasets as tfds

        builder = tfds.builder(name, data_dir=where)
        builder._make_download_manager = lambda **_: Downloads(tmp_path)
        return builder

    prepared_builder(
        find_dataset("cifar10_1")[0],
        place,
        log=lambda _: None,
        is_online=lambda _: True,
        make_builder=make_builder,
    )
    flags = ("--dataset=cifar10_1", f"--data_dir={place}")
    assert "a test set only" in refused("c", "--split=val", *flags)
    assert (
        main(["evaluate", "c", *flags, "--json", f"--runs_dir={folder}"]) == 0
    )
    output = capfd.readouterr()
    assert "reading 20 images and caching" in output.err  # not amid the JSON
    found = json.loads(output.out)
    assert (found["split"], found["examples"]) == ("test", 20)
    assert found["class_mapping"]["automobile"] == "Automobile"
    assert found["test_evaluations"] == 1


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("a --dataset=digits", ["--dataset=digits", "a was trained on"]),
        ("a --dataset=minst", ["no dataset 'minst'", "mnist"]),
        ("a --dataset=moons", ["moons has points", "images"]),
        ("a --dataset=sine", ["sine is a regression dataset"]),
        ("wave --dataset=digits", ["wave is a regression"]),
        ("a --dataset=low_contrast_digits --split=all", ["--split=all", "val"]),
        ("a --dataset=npz:no.npz", ["npz:no.npz is not a file"]),
    ],
)
def test_what_does_not_suit_is_refused_in_a_sentence(refused, argv, words):
    sentence = refused(*argv.split())
    for word in words:
        assert word in sentence


@pytest.mark.parametrize(
    ("shape", "names", "words"),
    [
        ((8, 8), ["1", "0", "22"], ["'22'", "did you mean 2?"]),
        ((8, 8), None, ["3 classes without names", "a has 10", "class_names"]),
        ((8, 8, 4), ["0", "1", "2"], ["4 channels", "those of training 1"]),
    ],
)
def test_arrays_of_other_classes_or_channels_are_refused(
    refused, tmp_path, shape, names, words
):
    arrays = {"x": np.zeros((9, *shape), np.uint8), "y": np.arange(9) % 3}
    if names:
        arrays["class_names"] = np.array(names)
    np.savez(tmp_path / "odd.npz", **arrays)
    sentence = refused("a", f"--dataset=npz:{tmp_path / 'odd.npz'}")
    for word in words:
        assert word in sentence
