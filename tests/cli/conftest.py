"""How tests type a command, and what every complaint must look like."""

import os
import re
import shutil

import pytest

from zoo.cli.main import main
from zoo.config import TrainConfig
from zoo.training.console import TrainingConsole
from zoo.training.train import train

RUNLESS = ("describe",)  # verbs that have nothing to do with runs


@pytest.fixture(scope="session")
def two_seeds(tmp_path_factory):
    """A folder with two seeds of one config, `a` and `b`; do not write."""
    runs_dir = tmp_path_factory.mktemp("seeds")
    for seed, name in enumerate("ab"):
        config = TrainConfig(
            model="lr", steps=8, seed=seed, summaries=("none",),
            run_name=name, runs_dir=str(runs_dir),
        )  # fmt: skip
        train(config, console=TrainingConsole(quiet=True))
    return runs_dir


@pytest.fixture
def folder(two_seeds, tmp_path):
    """A copy of the two runs, where `answer` looks for runs."""
    return shutil.copytree(two_seeds, tmp_path / "runs")


@pytest.fixture
def copy(two_seeds, tmp_path):
    """A copy of one of them, named `done`, where `answer` looks for runs."""
    copy = shutil.copytree(two_seeds / "a", tmp_path / "runs" / "done")
    (copy / "report.html").touch()
    return copy


@pytest.fixture
def typed(folder, capfd):
    """Returns a function: types a command about the runs in `folder`."""

    def type_(*argv):
        assert main([*argv, f"--runs_dir={folder}"]) == 0
        captured = capfd.readouterr()
        assert captured.err == ""
        return captured.out

    return type_


@pytest.fixture
def answer(tmp_path, capfd):
    """Returns a function: types a command, checks and returns its answer."""

    def ask(*argv, code=2):
        runs_dir = tmp_path / "runs"
        before = _folders(runs_dir)
        knows_runs = argv[0] not in RUNLESS
        if knows_runs and not any(w.startswith("--runs_dir") for w in argv):
            argv = (*argv, f"--runs_dir={runs_dir}")
        assert main(list(argv)) == code
        return _sentence(capfd.readouterr().err, _folders(runs_dir) - before)

    return ask


def _folders(runs_dir):
    return set(os.listdir(runs_dir)) if runs_dir.is_dir() else set()


def _sentence(err, left_behind):
    assert err.count("\n") == 1 and err.endswith("\n"), err
    assert re.match(r"zoo: [^A-Z\s].*[.?]$", err.rstrip("\n")), err
    assert "Traceback" not in err
    assert not left_behind
    return err.removeprefix("zoo: ").rstrip("\n")
