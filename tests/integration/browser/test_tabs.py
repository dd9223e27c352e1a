"""What a person sees of real runs in TensorBoard's tabs."""

import pytest

from tests.integration.browser.conftest import RUNS

pytestmark = pytest.mark.browser
VAL = {f"{name}/val" for name in RUNS}
CURVES = 2 * len(RUNS)  # training and validation of each run


def words(texts):
    """Returns texts of the page, without the space around them."""
    return {" ".join(text.split()) for text in texts}


def test_scalars_are_drawn_as_a_curve_for_each_run_and_split(board):
    board.open("scalars", tagFilter="^loss$", _smoothingWeight="0")

    def curves():
        drawn = board.read(".line-plot:not(.ghost) path.line", "outerHTML")
        return [curve for curve in drawn if ' d="M' in curve]

    board.wait(lambda: len(curves()) >= CURVES, "curves of the loss")
    assert words(board.read(".heading-label")) >= {"loss", "tag: loss"}


def test_pictures_arrive_for_every_run(board):
    board.open("images", tagFilter="^confusion$")
    board.wait(lambda: len(board.find("a > img")) >= len(RUNS), "pictures")
    board.wait(lambda: all(board.read("a > img", "complete")), "whole pictures")
    assert min(board.read("a > img", "naturalWidth")) > 100
    assert words(board.read(".heading-label")) >= {*VAL, "tag: confusion"}


@pytest.mark.parametrize(
    ("tab", "drawn"),
    [
        ("histograms", ".histogram > path"),
        ("distributions", ".area-plot path.area"),
    ],
)
def test_histograms_are_drawn_for_every_run(board, tab, drawn):
    board.open(tab, tagFilter="^logits$")
    board.wait(lambda: len(board.find(drawn)) >= len(RUNS), drawn)
    assert words(board.read(".heading-label")) >= {*VAL, "tag: logits"}


def test_hparams_have_a_row_for_every_run(board):
    board.open("hparams")

    def cells():
        return words(board.read("vaadin-grid-cell-content"))

    rows = {f"{name}/train" for name in RUNS}
    board.wait(lambda: rows <= cells(), "rows of all runs")
    heads = {"model", "learning_rate", "best/val_accuracy"}
    assert {*heads, "lenet5"} <= cells()


def test_the_text_tab_shows_the_options_of_every_run(board):
    board.open("text", tagFilter="^config$")
    board.wait(lambda: len(board.find("td")) > 10 * len(RUNS), "options")
    assert {"lenet5", "spiral", "learning_rate"} <= words(board.read("td"))
    assert words(board.read(".heading-label")) >= VAL


def test_the_graph_shows_the_layers(board):
    board.open("graphs")

    def layers():
        return words(board.read("text.nodelabel > title"))

    board.wait(layers, "layers")
    assert {"image", "conv1", "dense5", "features", "logits"} <= layers()


def test_the_projector_shows_every_held_out_example(board):
    board.open("projector")
    board.wait(lambda: board.read(".numDataPoints") == ["144"], "144 points")
    assert {"label", "prediction", "correct"} <= words(board.read("paper-item"))
    assert board.read("#scatter canvas", "width")[0] > 300


@pytest.mark.parametrize(
    ("tag", "drawn"),
    [
        ("loss", "scalar-card line-chart"),
        ("logits", "histogram-card .histogram > path"),
        ("confusion", "image-card img"),
    ],
)
def test_the_time_series_tab_shows_cards_of_every_sort(board, tag, drawn):
    board.open("timeseries", tagFilter=f"^{tag}$")
    board.wait(lambda: board.find(drawn), drawn)
