"""`zoo evaluate` and `zoo compare`, as they are typed and as they answer."""

import json
import re
import shutil

import numpy as np
import pytest

from zoo.cli.main import main
from zoo.config import TrainConfig
from zoo.training.console import TrainingConsole
from zoo.training.train import train


@pytest.fixture
def typed(two_seeds, tmp_path, capfd):
    """Returns a function: types a command about copies of the runs."""
    folder = shutil.copytree(two_seeds, tmp_path / "runs")

    def type_(*argv):
        assert main([*argv, f"--runs_dir={folder}"]) == 0
        captured = capfd.readouterr()
        assert captured.err == ""
        return captured.out

    return type_


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


def test_the_output_counts_the_evaluations_on_the_test_set(typed, tmp_path):
    texts = [typed("evaluate", "a", "--split=test") for _ in range(3)]
    assert "1st evaluation on this test set\n" in texts[0]
    assert "unbiased" not in texts[0]
    assert "3rd evaluation on this test set; no longer" in texts[2]
    assert "for 3 evaluations (Bonferroni)" in texts[2]
    log = tmp_path / "runs" / "test_evaluations.jsonl"
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
def test_test_images_are_read_for_whole_names_alone(
    two_seeds, tmp_path, capfd, words
):
    folder = shutil.copytree(two_seeds, tmp_path / "runs")
    argv = ["evaluate", *words, "--split=test", f"--runs_dir={folder}"]
    assert main(argv) == 2
    assert capfd.readouterr().err.count("\n") == 1
    assert not (folder / "test_evaluations.jsonl").exists()


def test_without_a_name_the_last_run_is_scored(typed):
    assert typed("evaluate") == typed("evaluate", "b")


@pytest.fixture(scope="module")
def without_test(tmp_path_factory):
    """A folder with a run on so few images that no part is cut off them."""
    home = tmp_path_factory.mktemp("few")
    images = np.random.default_rng(0).integers(0, 256, (3, 6, 6), np.uint8)
    np.savez(home / "few.npz", x=images, y=np.arange(3))
    config = TrainConfig(
        model="lr", dataset=f"npz:{home}/few.npz", steps=2,
        summaries=("none",), run_name="few", runs_dir=str(home / "runs"),
    )  # fmt: skip
    train(config, console=TrainingConsole(quiet=True))
    return home / "runs"


@pytest.mark.parametrize(
    "argv",
    [
        ["evaluate", "few", "--split=test"],
        ["evaluate", "few"],
        ["misclassified", "few"],
        ["compare", "few", "few"],
        ["sweep", "--model=lr", "--open_test"],
    ],
)
def test_a_part_without_images_is_one_sentence(without_test, capfd, argv):
    more = [f"--runs_dir={without_test}"]
    if argv[0] == "sweep":
        more.append(f"--dataset=npz:{without_test.parent}/few.npz")
    assert main([*argv, *more]) == 2
    err = capfd.readouterr().err
    assert err.startswith("zoo: ") and err.count("\n") == 1
    assert not (without_test / "test_evaluations.jsonl").exists()
