"""The recorded sweeps: of recipes that stand, and on the page as written."""

import csv

import pytest

from experiments import record_sweeps
from tests.unit.tuning.sweeping import begin, settings
from zoo.cli import sweep
from zoo.errors import UserError

RECORDED = record_sweeps.recorded()


def test_the_page_is_made_from_the_results():
    assert record_sweeps.PAGE.read_text() == record_sweeps.page(RECORDED)


@pytest.mark.parametrize("recipe", RECORDED, ids=lambda recipe: recipe.name)
def test_a_result_is_the_best_of_its_table(recipe):
    result = RECORDED[recipe]
    with open(
        recipe.path.with_suffix("") / record_sweeps.TABLE, encoding="utf-8"
    ) as file:
        rows = list(csv.DictReader(file))
    scores = [float(row[result["objective"]]) for row in rows if row["epoch"]]
    assert result["best"][0]["score"] == max(scores)
    names = {text.partition("=")[0] for text in _space(recipe)}
    assert {name.rpartition(".")[2] for name in names} <= set(rows[0])


def _space(recipe):
    return sweep.read([f"--recipe={recipe.name}"]).choices["texts"]


def test_a_sweep_of_no_recipe_is_not_recorded(tmp_path):
    with pytest.raises(UserError, match="not a sweep of a recipe"):
        record_sweeps.recipe_of(settings(tmp_path))


def test_an_unfinished_sweep_is_not_recorded(tmp_path):
    with pytest.raises(UserError, match="is not finished"):
        record_sweeps.record(begin(settings(tmp_path)))
