"""The functions of `zoo` return what the commands print."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax

import zoo
from zoo.cli.main import main
from zoo.data import load_dataset
from zoo.results import Result


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Two short runs on the digits, in one folder."""
    config = zoo.TrainConfig(
        model="lr",
        steps=40,
        runs_dir=str(tmp_path_factory.mktemp("runs")),
        summaries=("none",),
    )
    return [
        zoo.train(config.replace(run_name=name, seed=seed), verbose=False)
        for seed, name in enumerate(("first", "second"))
    ]


@pytest.fixture(scope="session")
def moons(tmp_path_factory):
    """A short run on points."""
    runs_dir = str(tmp_path_factory.mktemp("moons"))
    return zoo.train(
        "lr", "moons", steps=8, summaries=("none",), verbose=False,
        runs_dir=runs_dir,
    )  # fmt: skip


@pytest.fixture(scope="session")
def digits():
    """The validation images of the digits."""
    return load_dataset("digits").val


@pytest.fixture
def folder(tmp_path):
    """Pictures of two classes, one of them under both labels."""
    random = np.random.default_rng(0)
    for name in ("left", "right"):
        (tmp_path / "own" / name).mkdir(parents=True)
        for number in range(8):
            pixels = random.integers(0, 256, (12, 12, 3), np.uint8)
            path = tmp_path / "own" / name / f"{number}.png"
            Image.fromarray(pixels).save(path)
    twin = (tmp_path / "own" / "left" / "0.png").read_bytes()
    (tmp_path / "own" / "right" / "twin.png").write_bytes(twin)
    return tmp_path / "own"


def typed(capsys, verb, *words):
    """Returns what a command prints."""
    capsys.readouterr()
    assert main([verb, *map(str, words)]) == 0
    return capsys.readouterr().out


def test_a_result_is_shown_as_text_and_read_as_numbers():
    from IPython.lib.pretty import pretty

    answer = Result({"accuracy": 0.5}, "half of them")
    assert answer["accuracy"] == 0.5
    assert str(answer) == pretty(answer) == "half of them"
    assert answer.image is None


def test_a_figure_is_drawn_when_asked_for():
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    picture = Result({}, "", lambda: pixels).image
    np.testing.assert_array_equal(np.asarray(picture), pixels)


@pytest.mark.parametrize(
    ("function", "argv"),
    [
        (lambda run: zoo.evaluate(run, "val"), ["evaluate", "--split=val"]),
        (lambda run: zoo.evaluate(run, "train"), ["evaluate", "--split=train"]),
        (zoo.diagnose, ["diagnose"]),
    ],
)
def test_a_function_returns_what_the_command_prints(
    runs, capsys, function, argv
):
    answer, argv = function(runs[0]), [*argv, runs[0].path]
    assert str(answer).strip() == typed(capsys, *argv).strip()
    assert answer == json.loads(typed(capsys, *argv, "--json"))


def test_compare_returns_what_the_command_prints(runs, capsys):
    answer = zoo.compare(*runs)
    argv = ["compare", *(run.path for run in runs)]
    assert str(answer) == typed(capsys, *argv).strip()
    printed = json.loads(typed(capsys, *argv, "--json"))
    assert json.loads(json.dumps(answer)) == printed


def test_the_picture_of_a_comparison_is_that_of_the_command(
    runs, capsys, tmp_path
):
    picture = zoo.compare(*runs).image
    path = tmp_path / "curves.png"
    typed(capsys, "compare", *(r.path for r in runs), f"--plot={path}")
    drawn = Image.open(path).convert("RGB")
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(drawn))


def test_misclassified_returns_what_the_command_prints(runs, capsys, tmp_path):
    answer = zoo.misclassified(runs[0], count=5)
    argv = [runs[0].path, "--count=5", f"--out={tmp_path}"]
    printed = typed(capsys, "misclassified", *argv)
    assert printed.startswith(f"{answer}\n\ncsv ")
    assert len(answer["worst"]) == 5 < answer["misclassified"]
    losses = [one["loss"] for one in answer["worst"]]
    assert losses == sorted(losses, reverse=True)
    drawn = Image.open(tmp_path / "misclassified-val.png")
    np.testing.assert_array_equal(np.asarray(answer.image), np.asarray(drawn))


def test_misclassified_points_have_no_figure(moons):
    answer = zoo.misclassified(moons)
    assert answer["misclassified"] > 0
    assert answer.image is None


def test_an_array_and_a_file_of_it_get_the_same_answer(runs, digits, tmp_path):
    np.save(tmp_path / "x.npy", digits.images[:3])
    in_memory = zoo.predict(runs[0], digits.images[:3], top=3)
    in_file = zoo.predict(runs[0], tmp_path / "x.npy", top=3)
    assert in_memory.names == ["images[0]", "images[1]", "images[2]"]
    assert in_file.names[0].endswith("x.npy[0]")
    np.testing.assert_array_equal(
        in_memory.probabilities, in_file.probabilities
    )


def test_one_image_is_an_array_too(runs, digits):
    one = zoo.predict(runs[0], digits.images[0])
    many = zoo.predict(runs[0], digits.images[:1])
    np.testing.assert_array_equal(one.probabilities, many.probabilities)


def test_predictions_are_an_array_and_a_sequence_of_names(runs, digits):
    answer = zoo.predict(runs[0], digits.images[:5], top=3)
    logits = zoo.load_model(runs[0]).predict(
        digits.images[:5].astype(np.float32), verbose=0
    )
    expected = softmax(logits.astype(np.float64), axis=1)
    np.testing.assert_allclose(answer.probabilities, expected, atol=1e-6)
    assert answer.labels.tolist() == logits.argmax(axis=1).tolist()
    assert [one.classes[0] for one in answer] == [
        str(label) for label in answer.labels
    ]
    last = answer[-1]
    assert last.name == "images[4]" and last == answer[3:][1]
    order = np.argsort(-expected[4])[:3]
    assert last.classes == tuple(str(i) for i in order)
    assert last.probabilities == pytest.approx(expected[4][order], abs=1e-6)


def test_a_path_stands_for_what_the_command_takes(runs, digits, tmp_path):
    for number in range(3):
        pixels = digits.images[number, :, :, 0]
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    whole = zoo.predict(runs[0], tmp_path).to_dict()
    for same in (f"{tmp_path}/*.png", sorted(tmp_path.iterdir())):
        assert zoo.predict(runs[0], same).to_dict() == whole
    assert len(whole["predictions"]) == 3


def test_an_image_that_cannot_be_read_is_reported(runs, digits, tmp_path):
    Image.fromarray(digits.images[0, :, :, 0]).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_text("no picture")
    answer = zoo.predict(runs[0], tmp_path)
    assert len(answer) == 1
    assert "bad.png" in str(answer).splitlines()[-1]


def test_points_are_predicted_from_an_array(moons):
    points = np.array([[-1, 0.5], [2, -0.5]])
    answer = zoo.predict(moons, points)
    assert answer.names == ["points[0]", "points[1]"]
    logits = moons.load_model().predict(points, verbose=0)
    names = moons.resolved["data"]["class_names"]
    assert [one.classes[0] for one in answer] == [
        names[i] for i in logits.argmax(axis=1)
    ]


def test_an_export_says_where_it_is_and_what(runs, tmp_path):
    answer = zoo.export(runs[0], out=str(tmp_path / "m.keras"))
    assert answer["path"] == str(tmp_path / "m.keras")
    assert answer["class_names"] == [str(digit) for digit in range(10)]
    said = r"^parity .* 144 of 144 predictions are equal$"
    assert re.search(said, str(answer), re.MULTILINE)


def test_inspect_returns_what_the_command_prints(folder, capsys):
    answer = zoo.inspect(f"folder:{folder}")
    sheet = folder.parent / "sheet.png"
    printed = typed(capsys, "inspect", folder, f"--out={sheet}")
    assert printed.startswith(f"{answer}\n\ncontact sheet")
    assert "twin.png" in str(answer)
    drawn = Image.open(sheet)
    np.testing.assert_array_equal(np.asarray(answer.image), np.asarray(drawn))


def test_inspect_looks_at_a_named_data_set():
    answer = zoo.inspect("digits")
    assert answer["held_out_test_images"] == 360
    assert answer["contact_sheet"] is None


# Mistakes: a sentence, as on the command line.

MISTAKES = [
    (lambda r: zoo.evaluate(r, "vla"), "choose val, train or test"),
    (lambda r: zoo.misclassified(r, "test"), "refused"),
    (lambda r: zoo.compare(), "0 runs cannot be compared"),
    (lambda r: zoo.compare(r), "1 runs cannot be compared"),
    (lambda r: zoo.predict(r, "no.png"), "there is no file no.png"),
    (lambda r: zoo.predict(r, []), "not an example"),
    (lambda r: zoo.predict(r, np.zeros((2, 9, 9, 1))), "the model takes"),
    (lambda r: zoo.predict(r, np.ones((1, 8, 8, 1)) / 2), "multiply by 255"),
    (lambda r: zoo.predict(r, np.zeros((0, 8, 8, 1))), "the model takes"),
    (lambda r: zoo.predict(r, "x", top=0), "--top=0"),
    (lambda r: zoo.predict(r, 7), "7 is not an example"),
    (lambda r: zoo.export(r, "onxn"), "onnx"),
    (lambda r: zoo.inspect("digitz"), "did you mean digits"),
    (lambda r: zoo.inspect("folder:"), "needs a path"),
    (lambda r: zoo.inspect("moons"), "points"),
]


@pytest.mark.parametrize(("ask", "sentence"), MISTAKES)
def test_a_mistake_is_reported_in_a_sentence(runs, ask, sentence):
    with pytest.raises(zoo.UserError, match=re.escape(sentence)):
        ask(runs[0])


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        (np.zeros((2, 3)), "[N, 2]"),
        (np.array([[0, np.nan]]), "points[0] has a value"),
        (np.array([["a", "b"]]), "holds no numbers"),
    ],
)
def test_points_that_are_none_are_told(moons, points, sentence):
    with pytest.raises(zoo.UserError, match=re.escape(sentence)):
        zoo.predict(moons, points)


# What a notebook shows.


def test_a_notebook_shows_results_runs_and_lists(tmp_path):
    silent = {"summaries": ("none",), "verbose": False}
    run = zoo.train("lr", epochs=2, runs_dir=str(tmp_path), **silent)
    page = run._repr_html_()
    assert run.name in page and page.count("<polyline") == 4
    accuracy = run.metrics["best_val_accuracy"]
    assert f"<td>{accuracy:.4f}</td>" in page
    assert run.name in zoo.list_runs(str(tmp_path))._repr_html_()
    shown = zoo.evaluate(run)._repr_html_()
    assert shown.startswith("<pre") and "accuracy" in shown
    wrong = zoo.misclassified(run)._repr_html_()
    assert "data:image/png;base64," in wrong


def test_a_corrupt_run_does_not_hide_the_others_in_a_notebook(tmp_path):
    options = {"epochs": 1, "verbose": False, "runs_dir": str(tmp_path)}
    for name in ("good", "bad"):
        zoo.train("lr", "moons", run_name=name, **options)
    (tmp_path / "bad" / "metrics.json").write_text("[]")
    page = zoo.list_runs(str(tmp_path))._repr_html_()
    assert "<td>good</td><td>lr</td>" in page
    assert "<td>bad</td>" in page and "<td>corrupt</td>" in page


def test_classes_that_fit_no_image_are_explained(tmp_path):
    silent = {"summaries": ("none",), "verbose": False}
    run = zoo.train("cnn_c4k3-p-f", steps=2, runs_dir=str(tmp_path), **silent)
    for classes in ([0, 1, 0], "a", [0.5]):
        with pytest.raises(zoo.UserError, match="neither one class nor one"):
            zoo.grad_cam(run, classes=classes)
    assert zoo.grad_cam(run, classes=3)["classes"].tolist() == [3] * 24
