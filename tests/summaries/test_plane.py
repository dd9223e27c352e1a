"""What is painted on a plane is what the network says there."""

import keras
import numpy as np
import pytest

from zoo.summaries import plane
from zoo.summaries.chart import Axes, Chart

AXES = Axes((-2.0, -1.0), (2.0, 3.0), 100, 100)


def line_through(slope, classes=2):
    """Logits on the grid that are larger for class 1 right of x = slope y."""
    x, y = AXES.grid(plane.GRID, plane.GRID).astype(np.float64).T
    margin = (x - slope * y).reshape(plane.GRID, plane.GRID)
    others = [np.full_like(margin, -99)] * (classes - 2)
    return plane.lowered(np.stack([-margin, margin, *others], axis=-1))


@pytest.mark.parametrize("classes", [2, 5])
def test_the_scores_on_the_grid_give_the_models_own_probabilities(
    look, classes
):
    view = look(2, (8,), classes)
    maps = plane.scores_on(view, AXES).reshape(-1, classes)
    own = keras.ops.softmax(view.model(AXES.grid(plane.GRID, plane.GRID)))
    found = np.exp(maps) / np.exp(maps).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, own, atol=1e-5)


def test_between_the_grids_points_the_boundary_stays_on_the_line():
    found = plane.answers(line_through(0.4), (400, 400))
    x, y = AXES.grid(400, 400).astype(np.float64).T
    expected = (x > 0.4 * y).reshape(400, 400)
    # Within the outermost half cells there is nothing to fill in from.
    assert (found == expected)[4:-4, 4:-4].mean() > 0.998


def test_a_background_has_a_line_where_classes_meet_and_their_colours():
    painted = plane.painted(50 * line_through(0.0), AXES).astype(int)
    left, right = painted[100, 20], painted[100, -20]
    assert left[2] > left[0] and right[0] > right[2]  # blue, then orange
    assert (painted[:, 98:102] == plane.INK).all(axis=-1).any(axis=1).all()


def test_where_nothing_is_sure_the_background_is_white():
    painted = plane.painted(np.zeros((plane.GRID, plane.GRID, 3)), AXES)
    assert (painted == 255).all()


def test_certainty_is_zero_for_equal_classes_and_one_for_a_single_one():
    logits = np.array([[[0, 0, 0.0]], [[0, -99, -99]]])
    assert plane.certainty(logits)[:, 0] == pytest.approx([0, 1])


def test_wrong_points_are_ringed_and_right_ones_are_not():
    chart = Chart(AXES)
    points = np.array([[-1.0, 1.0], [1.0, 1.0]])
    labels = np.array([0, 1])
    plane.mark_points(chart, points, labels, np.array([True, False]))
    picture = chart.picture()
    dark = (picture < 100).all(axis=-1)[10:-25]
    columns = np.flatnonzero(dark[:, 30:-20].any(axis=0)) + 30
    assert columns.min() > picture.shape[1] / 2


def test_more_classes_than_colours_have_colours():
    names = tuple(f"class {k}" for k in range(30))
    assert plane.legend(names, 300).shape[1] == 300
    assert plane.colour_of(29) == plane.colour_of(9)
