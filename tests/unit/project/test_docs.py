"""The documentation is true: commands parse, links lead somewhere."""

import contextlib
import pathlib
import re
import shlex

import pytest

from zoo import recipes
from zoo.cli import train
from zoo.cli.main import VERBS, main
from zoo.models import MODELS

ROOT = pathlib.Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text()
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}
GENERATED = ("reference/models.md", "reference/python.md")
GENERATED += ("reference/commands.md", "lectures/index.md")


# Flags of absl, and of groups of runs.
ELSEWHERE = {"flagfile"}
OF_GROUPS = ("--like", "--seeds", "--folds", "--workers", "--cluster", "...")


def commands(start):
    """Yields the words of every command of all pages that starts so."""
    for text in PAGES.values():
        blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        inline = re.findall(r"`([^`\n]+)`", prose)
        for line in [*"\n".join(blocks).splitlines(), *inline]:
            line = line.partition("  #")[0].strip()
            if line.startswith(f"{start} "):
                yield tuple(shlex.split(line)[1:])


ZOO = sorted(set(commands("zoo")))
MAKE = sorted(set(commands("make")))


def test_the_pages_have_commands_to_check():
    assert len(ZOO) > 40
    assert len(MAKE) > 5


@pytest.mark.parametrize("words", ZOO, ids=" ".join)
def test_every_zoo_command_is_a_verb_with_flags_that_exist(words, capsys):
    if words[0] == "COMMAND":
        return
    assert words[0] in VERBS
    with contextlib.suppress(SystemExit):  # of argparse, in doctor
        main([words[0], "--helpfull"])
    known = set(re.findall(r"--\[?(?:no\]?)?(\w+)", capsys.readouterr().out))
    flags = [word for word in words[1:] if word.startswith("--")]
    for flag in flags:
        name = flag.removeprefix("--").partition("=")[0]
        assert name in known | ELSEWHERE or words[0] == "vary", flag


@pytest.mark.parametrize(
    "words",
    [w for w in ZOO if w[0] == "train" and "NAME" not in " ".join(w)],
    ids=" ".join,
)
def test_every_train_command_is_understood(
    words, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()  # what the pages call a reader's own
    (tmp_path / "images.csv").touch()
    words = [word for word in words[1:] if not word.startswith(OF_GROUPS)]
    config = train.read(words)
    assert config or "zoo train" in capsys.readouterr().out


@pytest.mark.parametrize("words", MAKE, ids=" ".join)
def test_every_make_command_has_its_target(words):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert words[0] in targets


def test_the_models_of_readme_exist():
    table = README.partition("## Models")[2].partition("\n## ")[0]
    names = re.findall(r"`([a-z]\w+)`", table)
    assert len(names) > 15
    for name in names:
        if name != "zoo":
            assert MODELS.find(name)


def test_readme_is_short():
    assert len(README.splitlines()) <= 130


def test_files_of_the_package_have_700_lines_at_most():
    long = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "zoo").rglob("*.py")
        if len(path.read_text().splitlines()) > 700
    }
    assert not long


def test_ci_runs_the_tests_and_builds_the_documentation():
    assert "\nmake test " in README
    script = (ROOT / ".ci/run").read_text()
    assert script.endswith("\nmake test\nmake docs\n")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_into_the_project_leads_somewhere(page):
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", PAGES[page]):
        path = (folder / target).resolve()
        made = path.relative_to(ROOT).as_posix().removeprefix("docs/")
        assert path.exists() or made in GENERATED, target


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text()
    for page in PAGES:
        if page.startswith("docs/"):
            assert f"- {page.removeprefix('docs/')}\n" in navigation


@pytest.mark.parametrize(
    "recipe", recipes.list_recipes(), ids=lambda recipe: recipe.name
)
def test_every_recipe_is_understood_and_says_what_it_shows(recipe):
    config, parent = train.read([f"--recipe={recipe.name}"])
    assert config.overrides()
    assert parent is None
    assert recipe.about[0].isupper()
