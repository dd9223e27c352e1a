"""The recorded sweeps: of recipes that stand, and on the page as written."""

import csv

import pytest

from experiments import searches
from tests.tuning.sweeping import begin, settings
from zoo.cli import sweep
from zoo.errors import UserError

KEPT = searches.kept()


def test_the_page_is_made_from_the_results():
    assert searches.PAGE.read_text() == searches.page(KEPT)


@pytest.mark.parametrize("recipe", KEPT, ids=lambda recipe: recipe.name)
def test_a_result_is_the_best_of_its_table(recipe):
    result = KEPT[recipe]
    with open(recipe.path.with_suffix("") / searches.TABLE) as file:
        rows = list(csv.DictReader(file))
    scores = [float(row[result["objective"]]) for row in rows if row["epoch"]]
    assert result["best"][0]["score"] == max(scores)
    names = {text.partition("=")[0] for text in _space(recipe)}
    assert {name.rpartition(".")[2] for name in names} <= set(rows[0])


def _space(recipe):
    return sweep.read([f"--recipe={recipe.name}"]).choices["texts"]


def test_a_sweep_of_no_recipe_is_not_recorded(tmp_path):
    with pytest.raises(UserError, match="not made by a recipe"):
        searches.recipe_of(settings(tmp_path))


def test_a_sweep_that_has_not_ended_is_not_recorded(tmp_path):
    with pytest.raises(UserError, match="has not ended"):
        searches.keep(begin(settings(tmp_path)))
