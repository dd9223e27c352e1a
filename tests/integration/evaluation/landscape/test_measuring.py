"""The numbers of a run's loss surface, against NumPy and the evaluation."""

import dataclasses
import shutil

import numpy as np
import pytest

from zoo import metrics
from zoo.errors import UserError
from zoo.evaluation import evaluate
from zoo.evaluation.landscape import LandscapeConfig
from zoo.evaluation.landscape.scan import (
    NamedWeights,
    final_weights,
    scan_landscape,
)
from zoo.runs import Run, RunWriter
from zoo.training.setup import prepare

EVERY = 10_000  # more examples than there are


def test_the_path_starts_where_the_run_started(linear):
    job = prepare(linear.config.replace(run_name=None), None)
    places = NamedWeights(linear, job, "")
    kernel, bias = places["initial"]
    # One step of gradient descent by hand leads from there to the result.
    mean, std = (linear.resolved["statistics"][k] for k in ("mean", "std"))
    part = evaluate.load_split(linear, "train")
    x = ((part.images - mean) / std).reshape(len(part), -1)
    errors = np.exp(metrics.log_softmax(x @ kernel + bias))
    errors[np.arange(len(part)), part.labels] -= 1
    gradient = x.T @ errors / len(part) + 2 * 0.01 * kernel
    after, after_bias = final_weights(linear)
    np.testing.assert_allclose(after, kernel - 0.1 * gradient, atol=1e-6)
    np.testing.assert_allclose(
        after_bias, bias - 0.1 * errors.mean(axis=0), atol=1e-6
    )


def test_the_ends_of_the_path_are_the_weights_to_the_bit(linear, surface):
    assert surface["path"]["fraction"][[0, -1]].tolist() == [0, 1]
    for sample_name in ("train", "val"):
        path = surface["path"][sample_name]["loss"]
        line = surface["line"][sample_name]["loss"]
        assert path[-1] == line[2]


@pytest.mark.parametrize("name", ["linear", "normed"])
def test_the_center_is_what_the_run_is_evaluated_at(name, request):
    run = request.getfixturevalue(name)
    wanted = LandscapeConfig(
        points=3, examples=EVERY, batch_norm="kept", parts=("line",)
    )
    line = scan_landscape(run, wanted)["line"]
    for split in ("train", "val"):
        evaluated = evaluate.evaluate_runs([run], split)[0]
        assert line[split]["loss"][1] == pytest.approx(
            evaluated["loss"], rel=1e-6
        )
        assert line[split]["accuracy"][1] == evaluated["accuracy"]


def test_the_middle_row_of_the_plane_is_the_line(surface):
    np.testing.assert_array_equal(
        surface["plane"]["train"]["loss"][2], surface["line"]["train"]["loss"]
    )


def test_the_regularization_loss_is_that_of_the_moved_weights(linear, surface):
    kernel, _ = final_weights(linear)
    assert surface["line"]["regularization_loss"][2] == pytest.approx(
        0.01 * np.square(kernel).sum(), rel=1e-6
    )


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 2, 3))]
)
def test_a_linear_model_lies_in_a_bowl(linear, seed):
    found = scan_landscape(
        linear, LandscapeConfig(points=9, examples=200, seed=seed)
    )
    for part in ("path", "line", "plane"):
        scan = found[part]
        total = scan["train"]["loss"] + scan["regularization_loss"]
        for axis in range(total.ndim):
            assert np.diff(total, 2, axis=axis).min() >= -1e-6
        assert scan["convex"] is True


def test_the_same_seed_gives_the_same_surface(linear, surface):
    request = LandscapeConfig(points=5, examples=EVERY, parts=("line",))
    again = scan_landscape(linear, request)["line"]["train"]["loss"]
    np.testing.assert_array_equal(again, surface["line"]["train"]["loss"])
    request = dataclasses.replace(request, seed=1)
    other = scan_landscape(linear, request)["line"]["train"]["loss"]
    assert (np.delete(other, 2) != np.delete(again, 2)).all()


def test_points_in_the_plane_have_a_surface_too(trained):
    run = trained("points", model="mlp", dataset="moons", steps=4)
    found = scan_landscape(run, LandscapeConfig(points=3, parts=("line",)))
    assert found["unit"] == "points"
    assert np.isfinite(found["line"]["train"]["loss"]).all()


def test_a_path_leads_from_one_run_to_another(linear, trained):
    other = trained("other", batch_size="full", steps=1, seed=7)
    wanted = LandscapeConfig(
        points=3, parts=("path",), start="final", end="other", examples=EVERY
    )
    path = scan_landscape(linear, wanted, str(linear.path.parent))["path"]
    for run, index in ((linear, 0), (other, -1)):
        evaluated = evaluate.evaluate_runs([run], "val")[0]["loss"]
        found = path["val"]["loss"][index]
        assert found == pytest.approx(evaluated, rel=1e-6)


def test_no_path_leads_to_another_network(linear, normed):
    wanted = LandscapeConfig(points=3, parts=("path",), end="normed")
    with pytest.raises(UserError, match="--model is lr and mlp"):
        scan_landscape(linear, wanted, str(linear.path.parent))


def test_a_run_in_use_is_left_alone(linear):
    with (
        RunWriter(linear).lock(),
        pytest.raises(UserError, match="another process"),
    ):
        scan_landscape(linear, LandscapeConfig())


def test_a_run_without_a_model_is_refused(linear, tmp_path):
    copy = Run(shutil.copytree(linear.path, tmp_path / "copy"), "copy")
    (copy.path / "model.keras").unlink()
    with pytest.raises(UserError, match="no longer has a model.keras"):
        scan_landscape(copy, LandscapeConfig())


def test_an_interrupt_leaves_nothing(normed):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan_landscape(normed, LandscapeConfig(points=3), progress=stop)
    assert not list(normed.path.glob("*landscape*"))


@pytest.mark.slow
def test_a_wide_residual_net_has_a_surface(trained):
    run = trained("wrn", model="wrn16_1", steps=4, learning_rate=0.05)
    kept, measured = (
        scan_landscape(
            run, LandscapeConfig(points=3, examples=300, batch_norm=how)
        )["plane"]["train"]["loss"]
        for how in ("kept", "measured")
    )
    assert np.isfinite(measured).all()
    assert (kept != measured).all()
