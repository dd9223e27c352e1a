"""Which Pythons are let in, and what the others are told."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from zoo.__main__ import main
from zoo.pythons import NEWEST, OLDEST, complaint, describe

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 1), (3, 13, 9)])
def test_suitable_pythons_are_let_in(version):
    assert complaint(version) == ""


@pytest.mark.parametrize("version", [(2, 7), (3, 10, 13), (3, 14, 0), (4, 0)])
def test_other_pythons_are_named_and_told_what_would_be_right(version):
    said = complaint(version)
    assert f"Python {version[0]}.{version[1]}," in said
    assert "Python 3.11 to 3.13" in said
    assert "python -m zoo setup" in said


@pytest.mark.parametrize("version", [(3, 10, 13), (3, 14, 0)])
def test_a_wrong_python_ends_every_verb_with_one_sentence_and_2(
    capsys, version
):
    assert main(["train", "--model=lr"], version) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("zoo: this is Python 3.1")
    assert printed.err.count("\n") == 1


def test_setup_goes_on_under_a_wrong_python(capsys):
    assert main(["setup", "--python=/no/such/python"], (3, 14, 0)) == 2
    printed = capsys.readouterr()
    assert "this is Python" not in printed.err
    assert "/no/such/python does not start" in printed.err


def test_the_package_asks_for_the_same_pythons():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    above = (NEWEST[0], NEWEST[1] + 1)
    asked = f">={describe(OLDEST)},<{describe(above)}"
    assert project["requires-python"] == asked


def test_nothing_more_is_imported_before_the_python_is_checked():
    script = (
        "import sys; from zoo.__main__ import main; "
        "main(['train'], (3, 14, 0)); "
        "print(*sorted(n for n in sys.modules if n.startswith('zoo')))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == [
        "zoo",
        "zoo.__main__",
        "zoo.interrupts",
        "zoo.pythons",
    ]
