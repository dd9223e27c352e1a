"""A function of one number and the shares it is the sum of."""

import numpy as np
import pytest

from zoo.summaries import function

X = np.linspace(-3, 3, 50, dtype=np.float32)[:, None]


def moment(snapshot, view):
    targets = np.sin(X[:, 0])
    return snapshot(view=view, inputs=X, labels=targets, class_names=())


@pytest.mark.parametrize("hidden", [(12,), (8, 5)])
def test_shares_and_bias_add_up_to_the_networks_own_outputs(look, hidden):
    view = look(1, hidden, 1)
    fit = function.fitted(view, X)
    own = view.model.predict(fit.x[:, None], verbose=0)[:, 0]
    total = fit.shares.sum(axis=1) + fit.bias
    np.testing.assert_allclose(total, own, atol=1e-5)


def test_the_share_of_a_unit_is_its_output_times_its_weight(look):
    view = look(1, (12,), 1)
    fit = function.fitted(view, X)
    first, last = view.body.get_layer("hidden1"), view.body.get_layer("logits")
    seen = 0.5 * fit.x[:, None] + 0.1  # the preprocessing of `look`
    before = seen @ first.kernel.numpy() + first.bias.numpy()
    expected = np.maximum(before, 0) * last.kernel.numpy()[:, 0]
    np.testing.assert_allclose(fit.shares, expected, atol=1e-5)


def test_kinks_lie_where_a_unit_crosses_zero(look):
    view = look(1, (12,), 1)
    fit = function.fitted(view, X)
    first = view.body.get_layer("hidden1")
    zeros = -first.bias.numpy() / first.kernel.numpy()[0]  # as it is seen
    zeros = np.sort((zeros - 0.1) / 0.5)
    inside = zeros[(zeros > fit.x[0]) & (zeros < fit.x[-1])]
    assert len(inside) > 3
    np.testing.assert_allclose(np.sort(fit.kinks), inside, atol=0.01)


def test_a_smooth_network_has_no_kinks(look):
    fit = function.fitted(look(1, (12,), 1, "tanh"), X)
    assert len(fit.kinks) == 0


@pytest.mark.parametrize("hidden", [(12,), (50,), (8, 5)])
def test_the_picture_is_written(hidden, look, snapshot, log, read):
    function.write(log, moment(snapshot, look(1, hidden, 1)))
    (step, value), *others = read(log)["function"]
    assert step == 3 and not others
    assert 400 < int(value[0]) <= 600


def test_weights_that_are_no_numbers_break_nothing(look, snapshot, log, read):
    view = look(1, (5,), 1)
    for variable in view.model.trainable_variables:
        variable.assign(np.full(variable.shape, np.nan))
    function.write(log, moment(snapshot, view))
    assert int(read(log)["function"][0][1][1]) < 60


def test_the_largest_shares_are_those_that_change_most():
    shares = np.linspace(0, 1, 20)[:, None] * np.arange(40)
    assert function.largest(shares).tolist() == list(range(8, 40))
