"""Plots of 2-D and 1-D data are what the model computes."""

import keras
import numpy as np
import pytest

from tests.unit.summaries.conftest import broken
from zoo.summaries import toy_plots
from zoo.summaries.drawing import Axes, Chart

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(60, 2)).astype(np.float32)
TAGS = {"decision_boundary", "feature_plane", "hidden_units"}


@pytest.fixture
def draw(snapshot, writer, read):
    """Writes the three images of a model; returns them by tag."""

    def draw(inspector, classes=2, labels=None):
        if labels is None:
            labels = np.arange(60, dtype=np.int32) % classes
        moment = snapshot(
            inspector=inspector,
            inputs=POINTS,
            labels=labels,
            class_names=tuple(f"class {k}" for k in range(classes)),
        )
        toy_plots.write_decision_boundary(writer, moment)
        found = read(writer)
        assert found.keys() == TAGS
        return found

    return draw


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("hidden", [(6,), (6, 2), (40, 1), (3,) * 7])
def test_pictures_are_written_and_no_wider_than_a_page(
    classes, hidden, inspector_of, draw
):
    found = draw(inspector_of(2, hidden, classes), classes)
    for (step, value), *others in found.values():
        assert step == 3 and not others
        assert 300 < int(value[0]) <= 600


def test_a_class_without_any_points_breaks_nothing(inspector_of, draw):
    draw(inspector_of(2, (6,), 3), 3, labels=np.zeros(60, np.int32))


def test_a_plane_that_is_not_finite_gives_placeholders(inspector_of, draw):
    found = draw(broken(inspector_of(2, (6,), 2)))
    assert int(found["decision_boundary"][0][1][1]) < 60  # words alone


def test_a_layer_that_says_the_same_of_all_breaks_nothing(inspector_of, draw):
    inspector = inspector_of(2, (6,), 2)
    inspector.network.get_layer("hidden1").bias.assign(np.full(6, -1e3))
    draw(inspector)


@pytest.mark.parametrize("width", [7, 90])
def test_principal_components_hold_most_variance_and_are_uncorrelated(width):
    features = RANDOM.normal(size=(50, width))
    features[:, :2] *= (9, 5)
    points, share = toy_plots.principal_plane(features)
    covariance = np.cov(features.T)
    # The largest eigenvalues are the most that directions can hold.
    values = np.linalg.eigvalsh(covariance)
    found = np.cov(points.T)
    np.testing.assert_allclose(
        found, np.diag(values[[-1, -2]]), atol=1e-9 * values[-1]
    )
    assert share == pytest.approx(values[-2:].sum() / np.trace(covariance))


def test_components_do_not_turn_when_the_examples_are_shuffled():
    features = RANDOM.normal(size=(50, 4)) * [1, 9, 1, 5]
    order = RANDOM.permutation(50)
    points, _ = toy_plots.principal_plane(features)
    shuffled, _ = toy_plots.principal_plane(features[order])
    np.testing.assert_allclose(shuffled, points[order], atol=1e-9)


def test_two_features_are_shown_as_they_are():
    points, what, _ = toy_plots.project_to_plane(POINTS)
    assert points is POINTS and what == "two features"


def test_the_cut_of_the_feature_plane_is_the_models_own(inspector_of):
    inspector = inspector_of(2, (6, 2), 3)
    features = inspector.features(POINTS)
    axes = Axes.around(features, 100, 100)
    maps = toy_plots.linear_logits(inspector.linear_classifier(), axes)
    # Every example has the answer of the cell that it lies in, or beside it
    # a cell with another answer.
    answers = maps.argmax(axis=-1)
    said = inspector.logits(POINTS).argmax(axis=1)
    cells = (axes.to_pixels(features) * toy_plots.GRID / 100).astype(int)
    for (column, row), answer in zip(cells, said, strict=True):
        near = answers[
            max(0, row - 1) : row + 2, max(0, column - 1) : column + 2
        ]
        assert answer in near
    assert len(np.unique(said)) > 1


def test_more_than_two_features_are_not_cut(inspector_of):
    inspector = inspector_of(2, (6,), 2)
    axes = Axes((0, 0), (1, 1), 10, 10)
    assert toy_plots.linear_logits(inspector.linear_classifier(), axes) is None


def test_of_many_units_those_that_vary_most_are_shown_in_their_order():
    scale = RANDOM.permutation(np.arange(1, 51))
    outputs = RANDOM.choice([-1.0, 1.0], (400, 1)) * scale
    shown = toy_plots.most_active(outputs)
    largest = np.flatnonzero(scale > 50 - toy_plots.MAX_UNITS)
    assert shown.tolist() == largest.tolist()


def test_a_map_is_red_where_its_unit_is_on_and_white_where_it_is_off():
    rows = np.repeat(np.arange(toy_plots.MAP_SIDE), toy_plots.MAP_SIDE)
    outputs = np.where(rows < toy_plots.MAP_SIDE // 2, 1.0, 0.0)[:, None]
    picture = toy_plots.draw_unit_maps(outputs, "hidden1").astype(int)
    red = (picture[..., 0] - picture[..., 1] > 100).any(axis=1)
    assert red.sum() == toy_plots.MAP_SIDE // 2 - 1  # below the tile's frame


AXES = Axes((-2.0, -1.0), (2.0, 3.0), 100, 100)


def line_through(slope, classes=2):
    """Logits on the grid that are larger for class 1 right of x = slope y."""
    x, y = AXES.grid(toy_plots.GRID, toy_plots.GRID).astype(np.float64).T
    margin = (x - slope * y).reshape(toy_plots.GRID, toy_plots.GRID)
    others = [np.full_like(margin, -99)] * (classes - 2)
    return toy_plots.relative_logits(
        np.stack([-margin, margin, *others], axis=-1)
    )


@pytest.mark.parametrize("classes", [2, 5])
def test_the_scores_on_the_grid_give_the_models_own_probabilities(
    inspector_of, classes
):
    inspector = inspector_of(2, (8,), classes)
    maps = toy_plots.logits_on_grid(inspector, AXES).reshape(-1, classes)
    points = AXES.grid(toy_plots.GRID, toy_plots.GRID)
    own = keras.ops.softmax(inspector.model(points))
    found = np.exp(maps) / np.exp(maps).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, own, atol=1e-5)


def test_between_the_grids_points_the_boundary_stays_on_the_line():
    found = toy_plots.predicted_classes(line_through(0.4), (400, 400))
    x, y = AXES.grid(400, 400).astype(np.float64).T
    expected = (x > 0.4 * y).reshape(400, 400)
    # Within the outermost half cells there is nothing to fill in from.
    assert (found == expected)[4:-4, 4:-4].mean() > 0.998


def test_a_background_has_a_line_where_classes_meet_and_their_colors():
    painted = toy_plots.draw_regions(50 * line_through(0.0), AXES).astype(int)
    left, right = painted[100, 20], painted[100, -20]
    assert left[2] > left[0] and right[0] > right[2]  # blue, then orange
    assert (painted[:, 98:102] == toy_plots.TEXT).all(axis=-1).any(axis=1).all()


def test_where_nothing_is_sure_the_background_is_white():
    equal = np.zeros((toy_plots.GRID, toy_plots.GRID, 3))
    painted = toy_plots.draw_regions(equal, AXES)
    assert (painted == 255).all()


def test_certainty_is_zero_for_equal_classes_and_one_for_a_single_one():
    logits = np.array([[[0, 0, 0.0]], [[0, -99, -99]]])
    assert toy_plots.relative_confidence(logits)[:, 0] == pytest.approx([0, 1])


def test_wrong_points_are_ringed_and_right_ones_are_not():
    chart = Chart(AXES)
    points = np.array([[-1.0, 1.0], [1.0, 1.0]])
    labels = np.array([0, 1])
    toy_plots.draw_points(chart, points, labels, np.array([True, False]))
    picture = chart.render()
    dark = (picture < 100).all(axis=-1)[10:-25]
    columns = np.flatnonzero(dark[:, 30:-20].any(axis=0)) + 30
    assert columns.min() > picture.shape[1] / 2


def test_more_classes_than_colors_have_colors():
    names = tuple(f"class {k}" for k in range(30))
    assert toy_plots.draw_legend(names, 300).shape[1] == 300
    assert toy_plots.class_color(29) == toy_plots.class_color(9)


X = np.linspace(-3, 3, 50, dtype=np.float32)[:, None]


@pytest.fixture
def draw_function(snapshot, writer, read):
    """Writes the image of a model of one number; returns its one point."""

    def draw(inspector):
        moment = snapshot(
            inspector=inspector,
            inputs=X,
            labels=np.sin(X[:, 0]),
            class_names=(),
        )
        toy_plots.write_function(writer, moment)
        (point,) = read(writer)["function"]
        return point

    return draw


@pytest.mark.parametrize("hidden", [(12,), (8, 5)])
def test_shares_and_bias_add_up_to_the_networks_own_outputs(
    inspector_of, hidden
):
    inspector = inspector_of(1, hidden, 1)
    fit = toy_plots.evaluate_function(inspector, X)
    own = inspector.model.predict(fit.x[:, None], verbose=0)[:, 0]
    total = fit.terms.sum(axis=1) + fit.bias
    np.testing.assert_allclose(total, own, atol=1e-5)


def test_the_share_of_a_unit_is_its_output_times_its_weight(inspector_of):
    inspector = inspector_of(1, (12,), 1)
    fit = toy_plots.evaluate_function(inspector, X)
    first = inspector.network.get_layer("hidden1")
    last = inspector.network.get_layer("logits")
    seen = 0.5 * fit.x[:, None] + 0.1  # the preprocessing of `inspector_of`
    before = seen @ first.kernel.numpy() + first.bias.numpy()
    expected = np.maximum(before, 0) * last.kernel.numpy()[:, 0]
    np.testing.assert_allclose(fit.terms, expected, atol=1e-5)


def test_kinks_lie_where_a_unit_crosses_zero(inspector_of):
    inspector = inspector_of(1, (12,), 1)
    fit = toy_plots.evaluate_function(inspector, X)
    first = inspector.network.get_layer("hidden1")
    zeros = -first.bias.numpy() / first.kernel.numpy()[0]  # as it is seen
    zeros = np.sort((zeros - 0.1) / 0.5)
    inside = zeros[(zeros > fit.x[0]) & (zeros < fit.x[-1])]
    assert len(inside) > 3
    np.testing.assert_allclose(np.sort(fit.kinks), inside, atol=0.01)


def test_a_smooth_network_has_no_kinks(inspector_of):
    fit = toy_plots.evaluate_function(inspector_of(1, (12,), 1, "tanh"), X)
    assert len(fit.kinks) == 0


@pytest.mark.parametrize("hidden", [(12,), (50,), (8, 5)])
def test_the_picture_is_written(hidden, inspector_of, draw_function):
    step, value = draw_function(inspector_of(1, hidden, 1))
    assert step == 3
    assert 400 < int(value[0]) <= 600


def test_a_function_that_is_not_finite_gives_a_placeholder(
    inspector_of, draw_function
):
    _, value = draw_function(broken(inspector_of(1, (5,), 1)))
    assert int(value[1]) < 60


def test_the_largest_shares_are_those_that_change_most():
    shares = np.linspace(0, 1, 20)[:, None] * np.arange(40)
    assert toy_plots.largest_terms(shares).tolist() == list(range(8, 40))


def test_units_that_cross_zero_within_one_step_are_kinks_of_their_own():
    x = np.linspace(-1, 1, 21)
    zeros = np.array([0.02, 0.04, 0.07, -0.55])
    outputs = np.maximum(0, (x[:, None] - zeros) * [1.0, -2.0, 3.0, 1.0])
    found = toy_plots.zero_crossings(x, outputs)
    np.testing.assert_allclose(np.sort(found), np.sort(zeros), atol=1e-9)


def test_a_unit_that_is_on_at_one_point_alone_crosses_zero_around_it():
    x = np.linspace(-1, 1, 21)
    outputs = np.zeros((21, 1))
    outputs[10] = 1
    found = toy_plots.zero_crossings(x, outputs)
    np.testing.assert_allclose(found, [-0.05, 0.05], atol=1e-9)
