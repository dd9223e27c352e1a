"""Comparisons of real runs: what differs, what is real, what is refused."""

import json

import matplotlib.image
import numpy as np
import pytest
from scipy.stats import binomtest

from zoo.data import load_dataset
from zoo.errors import UserError
from zoo.evaluation import scoring
from zoo.evaluation.comparison import drawing, measuring, words


@pytest.fixture(scope="session")
def two(weak, strong):
    """What is found of two runs of different recipes."""
    return measuring.measure([weak, strong])


@pytest.fixture(scope="session")
def three(weak, strong, weak_again):
    """What is found of two seeds of one recipe and a run of another."""
    return measuring.measure([weak, strong, weak_again])


def right(run):
    part = load_dataset("digits").val
    logits = run.load_model().predict(part.images, verbose=0)
    return logits.argmax(axis=1) == part.labels


def test_two_runs_are_compared_by_mcnemar(two, weak, strong):
    (pair,) = two["pairs"]
    first, second = right(weak), right(strong)
    alone = int((first & ~second).sum()), int((~first & second).sum())
    assert pair["mcnemar"]["only_first"] == alone[0]
    assert pair["mcnemar"]["only_second"] == alone[1]
    assert pair["p"] == pytest.approx(binomtest(alone[1], sum(alone)).pvalue)
    assert pair["difference"] == pytest.approx(second.mean() - first.mean())
    assert pair["low"] < pair["difference"] < pair["high"]
    assert pair["better"] == "B"


def test_each_run_has_the_accuracy_and_interval_of_evaluate(two, weak):
    alone = scoring.score(weak, "val")
    found = two["runs"][0]
    for name in ("correct", "accuracy", "accuracy_low", "accuracy_high"):
        assert found[name] == alone[name]
    assert found["loss"] == pytest.approx(alone["loss"])
    assert two["recipes"][0]["low"] == alone["accuracy_low"]


def test_seeds_of_one_recipe_are_taken_together(three, weak, weak_again):
    first, second = three["recipes"]
    assert first["runs"] == ["weak", "weak-again"]
    assert first["seeds"] == [0, 1]
    accuracies = right(weak).mean(), right(weak_again).mean()
    assert first["mean"] == pytest.approx(np.mean(accuracies))
    assert first["deviation"] == pytest.approx(np.std(accuracies, ddof=1))
    assert second["deviation"] is None
    (pair,) = three["pairs"]
    assert pair["mcnemar"] is None
    assert pair["p"] == max(pair["p_bootstrap"], pair["p_seeds"] or 0)


def test_only_what_differs_is_in_the_table(two):
    assert two["differ"]["model"] == [["lr"], ["knn"]]
    assert "dataset" not in two["differ"]
    assert "run_name" not in two["differ"]
    assert two["same"]["dataset"] == [["digits"], ["digits"]]
    assert two["same"]["run_name"] == [["weak"], ["strong"]]


def test_there_is_no_evidence_where_runs_answer_alike(weak, make):
    # As good as the same: a hundredth of a percent more of each update.
    near = make("near", learning_rate=0.010001)
    found = measuring.measure([weak, near])
    (pair,) = found["pairs"]
    assert pair["better"] is None
    assert "no evidence of a difference" in words.text(found, False, False)


def test_what_is_found_can_be_read_as_json(three):
    assert json.loads(json.dumps(three, allow_nan=False))["examples"] == 144


def test_the_text_names_runs_settings_and_the_verdict(three):
    lines = words.text(three, False, False).splitlines()
    assert lines[0] == (
        "3 runs of 2 recipes on the same 144 validation examples of digits"
    )
    assert any(
        line.split()[:3] == ["A", "weak,", "weak-again"] for line in lines
    )
    assert any(line.split() == ["model", "lr", "knn"] for line in lines)
    assert any(line.split() == ["seed", "0,", "1", "0"] for line in lines)
    assert not any(line.startswith("dataset") for line in lines)
    assert any(line.startswith("B - A") for line in lines)


def test_everything_is_shown_where_all_is_asked_for(three):
    assert "\ndataset " in words.text(three, True, False)


def test_markdown_tables_have_as_many_cells_in_each_row(three):
    text = words.text(three, True, True)
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1
    assert "## What differs" in text


def test_one_run_alone_is_not_compared(weak):
    with pytest.raises(UserError, match="weak alone"):
        measuring.measure([weak])


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("more", {"val_fraction": 0.2}, "--val_fraction=0.1 and --val_fra"),
        ("larger", {"image_size": 6}, "--image_size=None and --image_size=6"),
        ("moons", {"dataset": "moons", "model": "mlp"}, "--dataset=moons"),
    ],
)
def test_runs_on_other_validation_examples_are_refused(
    weak, make, name, options, why
):
    with pytest.raises(UserError, match="no validation examples in") as caught:
        measuring.measure([weak, make(name, **options)])
    assert why in str(caught.value)


def test_fewer_training_images_leave_the_validation_images_the_same(weak, make):
    fewer = make("fewer", train_examples=300)
    assert measuring.measure([weak, fewer])["differ"]["train_examples"] == [
        [None],
        [300],
    ]


def test_runs_that_predict_numbers_are_compared_by_squared_error(make):
    options = {"dataset": "bumps", "model": "mlp"}
    first = make("bumps", **options)
    second = make("bumps-longer", **{**options, "steps": 60})
    found = measuring.measure([first, second])
    errors = [scoring.score(run, "val") for run in (first, second)]
    for row, error in zip(found["runs"], errors, strict=True):
        expected = error["mean_squared_error"]
        assert row["mean_squared_error"] == pytest.approx(expected)
    (pair,) = found["pairs"]
    assert pair["mcnemar"] is None
    assert pair["difference"] < 0
    assert pair["better"] == "B"
    assert "mean squared error" in words.text(found, False, False)
    with pytest.raises(UserError, match="numbers and"):
        measuring.measure([first, make("weak")])


def test_the_curves_are_drawn_into_a_png(weak, strong, tmp_path):
    target = drawing.check_target(str(tmp_path / "curves.png"))
    drawing.save([weak, strong], target)
    picture = matplotlib.image.imread(target)
    assert picture.shape[0] > 300
    assert picture.shape[1] > 2 * picture.shape[0]  # loss and accuracy
    # Some pixel is of each of the first two colours.
    for colour in drawing.COLOURS[:2]:
        wanted = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        near = np.abs(picture[..., :3] - wanted).max(axis=-1) < 0.02
        assert near.any()


@pytest.mark.parametrize("name", ["curves", "no/such/folder/curves.png", "."])
def test_a_picture_that_cannot_be_written_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="--picture="):
        drawing.check_target(str(tmp_path / name))


def test_recipes_are_named_by_letters():
    assert [measuring.letter(i) for i in (0, 25, 26, 52)] == [
        "A", "Z", "A1", "A2",
    ]  # fmt: skip
