"""Real runs, a TensorBoard on them, and a browser that looks at it."""

import subprocess
import sys

import pytest

from docs import browser

RUNS = {
    "lenet5": ["--model=lenet5", "--summaries=all", "--epochs=2"],
    "mlp": ["--model=mlp", "--summaries=all", "--epochs=2"],
    "lr": ["--model=lr", "--epochs=2"],
    "spiral": ["--model=mlp", "--dataset=spiral", "--epochs=2"],
}


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A folder of runs, made by the command."""
    if reason := browser.missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("runs")
    for name, flags in RUNS.items():
        subprocess.run(
            [
                sys.executable, "-m", "zoo", "train", *flags,
                f"--runs_dir={folder}", f"--run_name={name}",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def window(runs):
    with (
        browser.serving(runs) as address,
        browser.browsing(address, 1500, 1000) as board,
    ):
        yield board


@pytest.fixture
def board(window):
    """The page; a test fails if the browser's console holds an error."""
    window.errors()
    yield window
    assert window.errors() == []
