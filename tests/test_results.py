"""The recorded results: of recipes that stand, and in the table as written."""

import json

import pytest

from experiments import record
from zoo import recipes, scores
from zoo.config import TrainConfig
from zoo.errors import UserError

RESULTS = record.read_results()


@pytest.mark.parametrize("name", RESULTS)
def test_results_are_of_the_recipe_as_it_stands(name):
    for row in RESULTS[name]:
        assert row["options"] == record.recipe_options(name)


def test_the_table_is_made_from_the_results():
    assert record.TABLE.read_text() == record.table(RESULTS)


def test_every_recipe_can_be_read():
    for recipe in recipes.list_recipes():
        assert record.recipe_options(recipe.name)["model"]


def row(**changes):
    values = {
        "seed": 0,
        "options": {"model": "lr"},
        "steps": 10,
        "train_loss": 0.5,
        "train_accuracy": 0.75,
        "val_correct": 90,
        "val_examples": 100,
    }
    return {**values, **changes}


def test_a_row_shows_counts_and_their_exact_interval():
    low, high = scores.proportion(90, 100).low, scores.proportion(90, 100).high
    text = record.table({"group/name": [row()]})
    assert f"0.9000 ({low:.4f} to {high:.4f})" in text


def test_a_test_score_has_a_column_in_its_group_alone():
    tested = row(test_correct=30, test_examples=200)
    text = record.table({"a/one": [tested], "a/two": [row()], "b/one": [row()]})
    low, high = scores.proportion(30, 200).low, scores.proportion(30, 200).high
    assert text.count("test accuracy (95 %)") == 1
    assert f"0.1500 ({low:.4f} to {high:.4f}) |" in text
    (line,) = (x for x in text.splitlines() if x.startswith("| `a/two`"))
    assert line.endswith("|  |")


def test_a_run_of_the_same_seed_takes_the_older_one_s_place():
    results = {"a": [row(train_loss=9.0), row(seed=1)]}
    record.add(results, "a", row(train_loss=1.0))
    assert [(r["seed"], r["train_loss"]) for r in results["a"]] == [
        (0, 1.0),
        (1, 0.5),
    ]


def test_results_of_an_older_form_of_a_recipe_go():
    results = {"a": [row(seed=1, options={"model": "mlp"})]}
    record.add(results, "a", row())
    assert [r["seed"] for r in results["a"]] == [0]


class Unfinished:
    name, status = "half", "interrupted"


class Homemade:
    name, status = "mine", "completed"
    config = TrainConfig(model="lr", learning_rate=0.123)


@pytest.mark.parametrize("run", [Unfinished(), Homemade()])
def test_only_finished_runs_of_recipes_are_recorded(run):
    with pytest.raises(UserError, match=run.name):
        record.record(run, "runs")


def test_the_results_are_plain_json():
    assert json.loads(json.dumps(RESULTS)) == RESULTS
