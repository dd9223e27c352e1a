"""Which Pythons are supported, and what the others print."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from zoo.__main__ import (
    NEWEST_PYTHON,
    OLDEST_PYTHON,
    main,
    unsupported_python_error,
)
from zoo.cli.main import _check_current_folder
from zoo.errors import UserError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 1), (3, 13, 9)])
def test_a_supported_python_has_no_error(version):
    assert unsupported_python_error(version) == ""


@pytest.mark.parametrize("version", [(3, 7), (3, 10, 13), (3, 14, 0), (4, 0)])
def test_an_unsupported_python_ends_every_command_with_a_sentence_and_2(
    capsys, version
):
    assert main(["train", "--model=lr"], version) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith(f"zoo: Python {version[0]}.{version[1]} ")
    assert "Python 3.11 to 3.13" in err and "`make setup`" in err


def test_the_package_supports_the_same_pythons():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest, newest = OLDEST_PYTHON, NEWEST_PYTHON
    supported = f">={oldest[0]}.{oldest[1]},<{newest[0]}.{newest[1] + 1}"
    assert project["requires-python"] == supported
    makefile = (ROOT / "Makefile").read_text()
    assert f"{oldest} <= sys.version_info" in makefile
    assert f"sys.version_info < {(newest[0], newest[1] + 1)}" in makefile


def test_nothing_more_is_imported_before_the_python_is_checked():
    script = (
        "import sys; from zoo.__main__ import main; "
        "main(['train'], (3, 14, 0)); "
        "print(*sorted(n for n in sys.modules if n.startswith('zoo')))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["zoo", "zoo.__main__"]


def test_a_current_folder_that_was_removed_is_told(tmp_path, monkeypatch):
    folder = tmp_path / "removed"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(UserError, match="current folder was removed"):
        _check_current_folder()
