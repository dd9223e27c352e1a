"""How tests type a command, and what every complaint must look like."""

import os
import re

import pytest

from zoo.cli.main import main

RUNLESS = ("describe",)  # verbs that have nothing to do with runs


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
