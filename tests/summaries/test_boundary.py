"""Pictures of the plane: points, features and units, and their edges."""

import numpy as np
import pytest

from zoo.summaries import boundary, plane
from zoo.summaries.chart import Axes

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(60, 2)).astype(np.float32)
TAGS = {"decision_boundary", "feature_plane", "hidden_units"}


def moment(snapshot, view, classes=2, **given):
    return snapshot(
        view=view,
        inputs=POINTS,
        labels=np.arange(60, dtype=np.int32) % classes,
        class_names=tuple(f"class {k}" for k in range(classes)),
        **given,
    )


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("hidden", [(6,), (6, 2), (40, 1), (3,) * 7])
def test_pictures_are_written_and_no_wider_than_a_page(
    classes, hidden, look, snapshot, log, read
):
    view = look(2, hidden, classes)
    boundary.write(log, moment(snapshot, view, classes))
    found = read(log)
    assert found.keys() == TAGS
    for (step, value), *others in found.values():
        assert step == 3 and not others
        assert 300 < int(value[0]) <= 600


def test_a_class_without_any_points_breaks_nothing(look, snapshot, log, read):
    view = look(2, (6,), 3)
    some = moment(snapshot, view, 3)
    some.labels[:] = 0
    boundary.write(log, some)
    assert read(log).keys() == TAGS


def test_weights_that_are_no_numbers_break_nothing(look, snapshot, log, read):
    view = look(2, (6,), 2)
    for variable in view.model.trainable_variables:
        variable.assign(np.full(variable.shape, np.nan))
    boundary.write(log, moment(snapshot, view))
    found = read(log)
    assert found.keys() == TAGS
    assert int(found["decision_boundary"][0][1][1]) < 60  # words alone


def test_a_layer_that_says_the_same_of_all_breaks_nothing(
    look, snapshot, log, read
):
    view = look(2, (6,), 2)
    view.body.get_layer("hidden1").bias.assign(np.full(6, -1e3))
    boundary.write(log, moment(snapshot, view))
    assert read(log).keys() == TAGS


@pytest.mark.parametrize("width", [7, 90])
def test_principal_components_hold_most_variance_and_are_uncorrelated(width):
    features = RANDOM.normal(size=(50, width))
    features[:, :2] *= (9, 5)
    points, share = boundary.principal(features)
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
    points, _ = boundary.principal(features)
    shuffled, _ = boundary.principal(features[order])
    np.testing.assert_allclose(shuffled, points[order], atol=1e-9)


def test_two_features_are_shown_as_they_are():
    points, what, _ = boundary.in_plane(POINTS)
    assert points is POINTS and what == "two features"


def test_the_cut_of_the_feature_plane_is_the_models_own(look):
    view = look(2, (6, 2), 3)
    features = view.features(POINTS)
    axes = Axes.around(features, 100, 100)
    maps = boundary.classified(view.classifier(), axes)
    # Every example has the answer of the cell that it lies in, or beside it
    # a cell with another answer.
    answers, said = maps.argmax(axis=-1), view.logits(POINTS).argmax(axis=1)
    cells = (axes.place(features) * plane.GRID / 100).astype(int)
    for (column, row), answer in zip(cells, said, strict=True):
        near = answers[
            max(0, row - 1) : row + 2, max(0, column - 1) : column + 2
        ]
        assert answer in near
    assert len(np.unique(said)) > 1


def test_more_than_two_features_are_not_cut(look):
    view = look(2, (6,), 2)
    axes = Axes((0, 0), (1, 1), 10, 10)
    assert boundary.classified(view.classifier(), axes) is None


def test_of_many_units_those_that_vary_most_are_shown_in_their_order():
    scale = RANDOM.permutation(np.arange(1, 51))
    outputs = RANDOM.choice([-1.0, 1.0], (400, 1)) * scale
    shown = boundary.liveliest(outputs)
    assert (
        shown.tolist() == np.flatnonzero(scale > 50 - boundary.UNITS).tolist()
    )


def test_a_map_is_red_where_its_unit_is_on_and_white_where_it_is_off():
    rows = np.repeat(np.arange(boundary.MAP), boundary.MAP)
    outputs = np.where(rows < boundary.MAP // 2, 1.0, 0.0)[:, None]
    picture = boundary.unit_maps(outputs, "hidden1").astype(int)
    red = (picture[..., 0] - picture[..., 1] > 100).any(axis=1)
    assert red.sum() == boundary.MAP // 2 - 1  # below the tile's frame
