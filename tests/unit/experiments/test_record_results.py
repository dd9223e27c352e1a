"""The recorded results: of recipes that stand, and on the page as written."""

import pathlib
import re

import numpy as np
import pytest
from scipy import stats

from experiments import record_results
from zoo import metrics, recipes
from zoo.config import TrainConfig
from zoo.errors import UserError

RESULTS = record_results.read_results()
ROOT = pathlib.Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("name", RESULTS)
def test_results_are_of_the_recipe_as_it_stands(name):
    for row in RESULTS[name]:
        assert row["options"] == record_results.recipe_options(name)


def test_the_page_is_made_from_the_results():
    page = record_results.page(RESULTS, record_results.read_comparisons())
    assert record_results.PAGE.read_text() == page


def test_every_recipe_can_be_read():
    for recipe in recipes.list_recipes():
        assert record_results.recipe_options(recipe.name)["model"]


def row(**changes):
    values = {
        "seed": 0,
        "options": {"model": "lr"},
        "steps": 10,
        "train_loss": 0.5,
        "train_accuracy": 0.75,
        "val_correct": 90,
        "val_examples": 100,
        "wall_seconds": 9.0,
    }
    return {**values, **changes}


MACHINE = {"cpu": "a processor", "cores": "2", "device": "cpu"}


def text_of(*rows, name="plane/xor_relu"):
    """Returns the page's line of a recipe with these rows."""
    text = record_results.page(
        {name: [{**r, "machine": MACHINE} for r in rows]}
    )
    (line,) = (x for x in text.splitlines() if x.startswith(f"| `{name}` |"))
    return line


def test_one_run_shows_the_exact_interval_over_images():
    share = metrics.binomial_ci(90, 100)
    line = text_of(row())
    assert f"| 0.9000 ({share.low:.4f} to {share.high:.4f}) |" in line


def test_seeds_are_one_row_of_mean_deviation_and_student_s_interval():
    correct = (90, 92, 97)
    line = text_of(*(row(seed=s, val_correct=c) for s, c in enumerate(correct)))
    values = [c / 100 for c in correct]
    low, high = stats.t.interval(
        0.95, 2, np.mean(values), stats.sem(values, ddof=1)
    )
    assert "| 0, 1, 2 |" in line
    assert f"0.9300 ± {np.std(values, ddof=1):.4f}" in line
    assert f"({low:.4f} to {min(high, 1):.4f})" in line


def test_a_test_score_is_shown_beside():
    share = metrics.binomial_ci(30, 200)
    line = text_of(row(test_correct=30, test_examples=200))
    assert f"0.1500 ({share.low:.4f} to {share.high:.4f})" in line


def test_a_run_outside_its_expected_range_is_listed():
    results = {"plane/xor_relu": [row(val_correct=50)]}
    ((name, how),) = record_results.unexpected(results)
    assert name == "plane/xor_relu"
    assert how == "validation accuracy 0.5000, expected 0.98 to 1"
    assert "**no**" in text_of(row(val_correct=50))
    assert "| yes |" in text_of(row(val_correct=100))


def test_a_reduced_budget_is_not_a_plain_yes():
    name = "cifar10/wrn16_4"
    line = text_of(row(val_correct=70), name=name)
    assert "| 1 of 200 epochs |" in line
    assert "| for its budget |" in line and "| yes |" not in line
    assert "**no**" in text_of(row(val_correct=10), name=name)


def test_source_runs_of_their_own_are_shown_with_the_seeds():
    def rows(*bases):
        return [row(seed=s, base=base) for s, base in enumerate(bases)]

    name = "transfer/features_10"
    own, shared = rows("a", "b"), rows("a", "a")
    assert "| 0, 1 (own source run each) |" in text_of(*own, name=name)
    assert "| 0, 1 |" in text_of(*shared, name=name)


def test_half_precision_is_shown_below_the_table():
    rows = [{**row(), "machine": MACHINE, "precision": "bfloat16"}]
    text = record_results.page({"plane/xor_relu": rows})
    assert "Trained on: a processor, 2 cores, in bfloat16." in text


def test_recipes_without_a_run_are_listed_as_such():
    assert "| `svhn/lr_sgd` | not run yet |" in record_results.page({})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_has_an_accuracy_that_is_not_recorded(page):
    """Numbers of recipes belong to RESULTS.md, which is written by a program.

    What stands between fences is a command's output, word for word.
    """
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    assert not re.findall(r"\b0\.\d{3,4}\b|\b\d\d\.\d\d?%", prose)
    known = {
        (row["val_correct"], row["val_examples"])
        for rows in RESULTS.values()
        for row in rows
    }
    for pair in re.findall(r"(\d+) of (\d+) validation images", prose):
        assert tuple(map(int, pair)) in known


def test_a_run_of_the_same_seed_takes_the_older_one_s_place():
    results = {"a": [row(train_loss=9.0), row(seed=1)]}
    record_results.add(results, "a", row(train_loss=1.0))
    assert [(r["seed"], r["train_loss"]) for r in results["a"]] == [
        (0, 1.0),
        (1, 0.5),
    ]


def test_results_of_an_older_form_of_a_recipe_go():
    results = {"a": [row(seed=1, options={"model": "mlp"})]}
    record_results.add(results, "a", row())
    assert [r["seed"] for r in results["a"]] == [0]


class Unfinished:
    name, status = "half", "interrupted"


class Homemade:
    name, status = "mine", "completed"
    config = TrainConfig(model="lr", learning_rate=0.123)


@pytest.mark.parametrize("run", [Unfinished(), Homemade()])
def test_only_finished_runs_of_recipes_are_recorded(run):
    with pytest.raises(UserError, match=run.name):
        record_results.record(run, "runs")


def test_a_folder_stands_for_the_runs_in_it(tmp_path, capsys, monkeypatch):
    for name, rate in (("a/lr/seed0", 0.5), ("a/lr/seed1", 0.1)):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        config = TrainConfig(model="lr", learning_rate=rate)
        (folder / "config.json").write_text(config.to_json())

    def of_half(run, runs_dir):
        if run.config.learning_rate != 0.5:
            raise UserError("it is another one.")
        return "lr", {}

    monkeypatch.setattr(record_results, "record", of_half)
    (found,) = record_results._find_runs(["a"], str(tmp_path))
    assert found.name == "a/lr/seed0"
    assert capsys.readouterr().out == "skipped: it is another one.\n"


def test_last_and_best_epoch_are_columns_of_their_own():
    line = text_of(row(last_val_accuracy=0.85, parameters=12_345))
    cells = [cell.strip() for cell in line.split("|")]
    assert "0.8500" in cells and "12,345" in cells
    assert any(cell.startswith("0.9000 (") for cell in cells)


def test_times_of_a_shared_machine_are_left_out():
    alone = row(examples_per_second=1.0)
    shared = record_results.without_time(alone)
    assert "| 9 s |" in text_of(alone)
    assert " s |" not in text_of(shared)


def test_a_suite_ends_with_a_sentence_of_compare():
    result = {
        "pairs": [
            {
                "first": "A", "second": "B", "better": "B",
                "difference": 0.02, "low": 0.01, "high": 0.03,
                "p_corrected": 0.004,
            }
        ]
    }  # fmt: skip
    text = record_results.comparison_sentence(result, ("one", "two"))
    assert text == (
        "`two` minus `one`: +2.00 points (+1.00 to +3.00), p = 0.004: `two` "
        "is better."
    )
    assert text in record_results.page({}, {"plane": text})
