"""What a person sees of a sweep in TensorBoard's tab HParams."""

import csv
import subprocess
import sys

import pytest

from docs import browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """The folder of a sweep in which one option depends on another."""
    if reason := browser.missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("runs")
    subprocess.run(
        [
            sys.executable, "-m", "zoo", "sweep", "--model=lr", "--epochs=1",
            "--summaries=scalars,hparams", "--tuner=grid", "--sweep_name=s",
            "--space=optimizer=adam,momentum", "--space=momentum=0.5,0.9",
            "--space=l2=0.001,0.01", "--trials=6", "--retrain_seeds=0",
            f"--runs_dir={folder}",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return folder / "s"


@pytest.fixture(scope="module")
def board(sweep):
    with (
        browser.serving(sweep) as address,
        browser.browsing(address, 1500, 1000) as board,
    ):
        board.open("hparams")
        yield board


def words(board, selector):
    return [" ".join(t.split()) for t in board.read(selector)]


def test_the_table_shows_every_trial_with_every_value(board, sweep):
    with open(sweep / "trials.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    trials = {f"trial-{int(row['trial']):03d}/train": row for row in rows}
    assert len(trials) == 6

    def shown():
        return words(board, "vaadin-grid-cell-content")

    board.wait(lambda: set(trials) <= set(shown()), "rows of all trials")
    cells = shown()
    heads = {"Trial ID", "l2", "momentum", "optimizer"}
    assert {*heads, "validation accuracy, best epoch"} <= set(cells)
    for name, trial in trials.items():
        at = cells.index(name)
        line = cells[at : at + 5]
        momentum = float(trial["momentum"] or 0)
        assert trial["optimizer"] in line
        numbers = [float(c) for c in line if c.replace(".", "").isdigit()]
        assert {float(trial["l2"]), momentum} <= set(numbers)


@pytest.mark.parametrize(
    ("tab", "drawn"),
    [
        ("PARALLEL COORDINATES VIEW", "g.foreground > path[d^=M]"),
        ("SCATTER PLOT MATRIX VIEW", "circle, .data-marker"),
    ],
)
def test_every_trial_is_drawn_in_the_other_views(board, tab, drawn):
    for found in board.find("paper-tab"):
        if " ".join(found.text.split()).upper() == tab:
            board.driver.execute_script("arguments[0].click()", found)
    board.wait(lambda: len(board.find(drawn)) >= 6, drawn)
    assert board.errors() == []
