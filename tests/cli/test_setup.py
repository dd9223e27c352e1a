"""Set-up: what is run, in which state .venv is left, what goes wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.cli import setup
from zoo.errors import UserError

POSIX = pytest.mark.skipif(os.name == "nt", reason="makes links and shims")
pytestmark = POSIX


class Steps:
    """Records the steps; makes what `venv` would make, as a link.

    Attributes:
        fail_on: a word; a command that holds it fails.
    """

    verbosity = ()

    def __init__(self, fail_on=None):
        self.fail_on = fail_on
        self.said = []
        self.commands = []

    def say(self, text):
        self.said.append(text)

    def call(self, command, folder):
        self.commands.append(command)
        if "venv" in command:
            python = setup.python_of(Path(command[-1]))
            python.parent.mkdir()
            python.symlink_to(sys.executable)
        return int(self.fail_on in command)


@pytest.fixture
def clone(tmp_path):
    """A folder with what set-up reads of a clone."""
    (tmp_path / "requirements.lock").write_text("keras==3.15.1\nsix==1.17.0\n")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    return tmp_path


def prepare(clone, python=sys.executable, wheels=None, fail_on=None):
    """Sets up with recorded steps, and returns these."""
    steps = Steps(fail_on)
    setup.set_up(clone, python, wheels, steps)
    return steps


def test_a_fresh_clone_gets_an_environment_the_lock_and_the_project(clone):
    steps = prepare(clone)
    venv, lock, itself = steps.commands
    assert venv[1:] == ["-m", "venv", str(clone / ".venv")]
    assert lock[-2:] == ["--requirement", "requirements.lock"]
    assert itself[-2:] == ["--editable", "."]
    assert {"--no-deps", "--no-build-isolation"} <= set(itself)
    assert setup.is_ready(clone)


def test_packages_go_into_the_new_environment(clone):
    steps = prepare(clone)
    inside = str(setup.python_of(clone / ".venv"))
    assert [command[0] for command in steps.commands[1:]] == [inside] * 2


def test_the_second_time_costs_nothing(clone):
    prepare(clone)
    assert prepare(clone, python=None).commands == []


def test_the_second_time_renews_the_time_that_make_compares(clone):
    prepare(clone)
    stamp = clone / ".venv" / ".zoo-ready"
    os.utime(stamp, (1, 1))
    prepare(clone, python=None)
    lock = clone / "requirements.lock"
    assert stamp.stat().st_mtime >= lock.stat().st_mtime


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_an_edited_file_is_installed_into_the_environment_there_is(clone, name):
    prepare(clone)
    (clone / name).write_text("six==1.16.0\n")
    assert not setup.is_ready(clone)
    steps = prepare(clone, python=None)
    assert not any("venv" in command for command in steps.commands)
    assert setup.is_ready(clone)


def test_a_moved_clone_is_not_ready(clone, tmp_path_factory):
    prepare(clone)
    moved = clone.rename(tmp_path_factory.mktemp("other") / "moved")
    assert not setup.is_ready(moved)


@pytest.mark.parametrize("step", ["venv", "--requirement", "--editable"])
def test_a_failed_step_leaves_nothing_that_counts_as_ready(clone, step):
    with pytest.raises(UserError, match="not ready"):
        prepare(clone, fail_on=step)
    assert not setup.is_ready(clone)
    assert not (clone / ".venv" / ".zoo-ready").exists()


@pytest.mark.parametrize("step", ["venv", "--requirement", "--editable"])
def test_after_a_failure_the_environment_is_made_anew(clone, step):
    with pytest.raises(UserError):
        prepare(clone, fail_on=step)
    left = clone / ".venv" / "left"
    left.touch()
    steps = prepare(clone)
    assert "venv" in steps.commands[0]
    assert not left.exists()
    assert setup.is_ready(clone)


def test_a_failed_update_no_longer_counts_as_ready(clone):
    prepare(clone)
    (clone / "requirements.lock").write_text("six==1.16.0\n")
    with pytest.raises(UserError):
        prepare(clone, python=None, fail_on="--requirement")
    (clone / "requirements.lock").write_text("keras==3.15.1\nsix==1.17.0\n")
    assert not setup.is_ready(clone)


def test_an_environment_of_somebody_else_is_never_removed(clone):
    mine = clone / ".venv" / "mine"
    mine.parent.mkdir()
    mine.touch()
    with pytest.raises(UserError, match="left alone"):
        prepare(clone)
    assert mine.exists()


def test_an_interrupted_removal_is_not_taken_for_somebody_elses(clone):
    with pytest.raises(UserError):
        prepare(clone, fail_on="venv")
    assert (clone / ".venv" / ".zoo-unfinished").exists()


def test_an_environment_whose_python_is_gone_is_not_ready(clone):
    prepare(clone)
    setup.python_of(clone / ".venv").unlink()
    assert not setup.is_ready(clone)


def test_wheels_keep_pip_off_the_network(clone, tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for command in prepare(clone, wheels=str(wheels)).commands[1:]:
        assert "--no-index" in command
        assert command[command.index("--find-links") + 1] == str(wheels)


def test_missing_wheels_are_refused_before_anything_is_made(clone):
    with pytest.raises(UserError, match="--wheels=gone is not a folder"):
        prepare(clone, wheels="gone")
    assert not (clone / ".venv").exists()


def test_an_installed_zoo_needs_no_setup(tmp_path):
    with pytest.raises(UserError, match="needs no setup"):
        prepare(tmp_path)


def test_a_misspelt_flag_is_one_sentence_and_2(capsys):
    assert setup.run(["--wheel"]) == 2
    assert setup.run(["--whels=x"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert all(line.startswith("zoo: ") for line in said)


def test_pip_sees_no_packages_of_another_python(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    ask = "import os, sys; sys.exit('PYTHONPATH' in os.environ)"
    steps = setup.Steps(verbose=False)
    assert steps.call([sys.executable, "-c", ask], tmp_path) == 0


@pytest.mark.slow
def test_a_real_set_up_without_the_wheels_it_needs_is_not_ready(clone):
    root = Path(setup.__file__).parents[2]
    (clone / "zoo").symlink_to(root / "zoo")
    wheels = clone / "wheels"
    wheels.mkdir()
    call = "import pathlib, sys; from zoo.cli import setup; "
    call += "setup.ROOT = pathlib.Path.cwd(); sys.exit(setup.run(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", call, f"--wheels={wheels}"],
        cwd=clone,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("zoo: that step failed")
    assert setup.python_of(clone / ".venv").exists()
    assert not setup.is_ready(clone)
