"""`zoo evaluate` and `zoo compare`, as they are typed and as they answer."""

import json
import re
import shutil

import numpy as np
import pytest

from zoo.config import TrainConfig
from zoo.training.console import TrainingConsole
from zoo.training.train import train


def test_the_first_line_counts_the_examples(typed):
    assert typed("evaluate", "a").splitlines()[0] == (
        "a, validation: 144 examples"
    )


def test_json_has_the_keys_that_programs_read(typed):
    found = json.loads(typed("evaluate", "a", "--json"))
    assert {
        "split", "examples", "correct", "accuracy", "accuracy_low",
        "accuracy_high", "test_evaluations", "loss", "balanced_accuracy",
        "negative_log_likelihood", "expected_calibration_error",
        "brier_score", "classes", "confusion",
    } <= set(found)  # fmt: skip
    assert (found["split"], found["test_evaluations"]) == ("val", 0)
    assert sum(map(sum, found["confusion"])) == found["examples"] == 144


def test_the_output_counts_the_evaluations_on_the_test_set(typed, folder):
    texts = [typed("evaluate", "a", "--split=test") for _ in range(3)]
    assert "1st evaluation on this test set\n" in texts[0]
    assert "unbiased" not in texts[0]
    assert "3rd evaluation on this test set; no longer" in texts[2]
    assert "for 3 evaluations (Bonferroni)" in texts[2]
    log = folder / "test_evaluations.jsonl"
    assert len(log.read_text().splitlines()) == 3


def test_seeds_evaluated_together_count_once_in_text_and_json(typed):
    text = typed("evaluate", "a", "b", "--split=test")
    assert "\n1st evaluation on this test set\n" in text
    assert re.search(r"^a +0, 1 ", text, re.MULTILINE)
    found = json.loads(typed("evaluate", "a", "b", "--split=test", "--json"))
    assert [run["test_evaluations"] for run in found["runs"]] == [2, 2]
    assert found["configs"][0]["runs"] == ["a", "b"]


def test_a_line_of_what_is_printed_fits_80_columns(typed):
    typed("evaluate", "a", "--split=test")
    for line in typed("evaluate", "a", "--split=test").splitlines():
        assert len(line) <= 80


def test_compare_prints_tables_json_or_markdown(typed, tmp_path):
    assert "2 runs of 1 config on the same 144" in typed("compare", "a", "b")
    found = json.loads(typed("compare", "a", "b", "--json"))
    assert found["configs"][0]["seeds"] == [0, 1]
    assert "| A | a, b | 0, 1 |" in typed("compare", "a", "b", "--markdown")
    picture = tmp_path / "curves.png"
    typed("compare", "a", "b", f"--plot={picture}")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_compare_shows_all_settings_where_it_is_asked_to(typed):
    assert "learning_rate" not in typed("compare", "a", "b")
    assert "learning_rate" in typed("compare", "a", "b", "--all")


@pytest.mark.parametrize("words", [["last"], []])
def test_test_images_are_read_for_whole_names_alone(answer, folder, words):
    answer("evaluate", *words, "--split=test")
    assert not (folder / "test_evaluations.jsonl").exists()


def test_without_a_name_the_last_run_is_scored(typed):
    assert typed("evaluate") == typed("evaluate", "b")


@pytest.fixture(scope="module")
def without_test(tmp_path_factory):
    """A folder with a run on too few images to cut parts off, and a copy."""
    home = tmp_path_factory.mktemp("few")
    images = np.random.default_rng(0).integers(0, 256, (3, 6, 6), np.uint8)
    np.savez(home / "few.npz", x=images, y=np.arange(3))
    config = TrainConfig(
        model="lr", dataset=f"npz:{home}/few.npz", steps=2,
        summaries=("none",), run_name="few", runs_dir=str(home / "runs"),
    )  # fmt: skip
    train(config, console=TrainingConsole(quiet=True))
    shutil.copytree(home / "runs" / "few", home / "runs" / "again")
    return home / "runs"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("evaluate few --split=test", "too small to have a held-out test set"),
        ("evaluate few", "no validation images"),
        ("misclassified few", "no validation images"),
        ("compare few again", "no validation images"),
        (
            "sweep --model=lr --open_test --dataset=npz:{few}",
            "needs validation examples",
        ),
    ],
)
def test_a_part_without_images_is_one_sentence(
    answer, without_test, line, words
):
    line = line.format(few=without_test.parent / "few.npz")
    assert words in answer(*line.split(), f"--runs_dir={without_test}")
    assert not (without_test / "test_evaluations.jsonl").exists()
