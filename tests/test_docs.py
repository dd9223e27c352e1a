"""README tells the truth: its commands parse, its table is the code's."""

import pathlib
import re
import shlex

import pytest

from zoo import recipes
from zoo.cli import train
from zoo.cli.main import VERBS
from zoo.models import describe

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def commands(start):
    """Yields the words of every command in README that starts so."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", README)
    for line in [*"\n".join(blocks).splitlines(), *inline]:
        line = line.partition("  #")[0].strip()
        if line.startswith(f"{start} "):
            yield shlex.split(line)[1:]


ZOO = list(commands("zoo"))
MAKE = list(commands("make"))


def test_readme_has_commands_to_check():
    assert len(ZOO) > 5
    assert len(MAKE) > 5


@pytest.mark.parametrize("words", ZOO, ids=" ".join)
def test_every_zoo_command_of_readme_names_a_verb(words):
    assert words[0] in VERBS or words[0] == "--help"


@pytest.mark.parametrize(
    "words",
    [w for w in ZOO if w[0] == "train" and "NAME" not in " ".join(w)],
    ids=" ".join,
)
def test_every_train_command_of_readme_is_understood(words, capsys):
    config = train.read(words[1:])
    assert config or "zoo train" in capsys.readouterr().out


@pytest.mark.parametrize("words", MAKE, ids=" ".join)
def test_every_make_command_of_readme_has_its_target(words):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert words[0] in targets


def test_the_table_of_models_is_the_generated_one():
    table = describe.format_markdown(describe.list_entries())
    assert f"-->\n\n{table}\n\n<!--" in README


def test_ci_runs_the_test_command_of_readme():
    assert "\nmake test " in README
    assert (ROOT / ".ci/run").read_text().rstrip().endswith("\nmake test")


def test_every_link_of_readme_into_the_project_leads_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize(
    "recipe", recipes.list_recipes(), ids=lambda recipe: recipe.name
)
def test_every_recipe_is_understood_and_says_what_it_shows(recipe):
    config, parent = train.read([f"--recipe={recipe.name}"])
    assert config.overrides()
    assert parent is None
    assert recipe.about[0].isupper()
