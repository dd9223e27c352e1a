"""What is left in a run's folder: numbers, pictures, and TensorBoard's."""

import errno
import json
import os

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from zoo.cli.main import main
from zoo.errors import UserError
from zoo.evaluation.landscape import LandscapeConfig, plots
from zoo.evaluation.landscape.scan import scan_landscape


def test_points_far_out_are_gaps_and_not_a_crash(linear):
    config = LandscapeConfig(points=3, examples=50)
    object.__setattr__(config, "span", 1e60)  # farther than may be asked for
    far = scan_landscape(linear, config)
    line = far["line"]["train"]["loss"]
    assert np.isnan(line[[0, 2]]).all() and np.isfinite(line[1])
    assert far["line"]["convex"] is None
    for part in ("path", "line", "plane"):
        assert plots.draw(far, part).shape[2] == 3
    assert plots.as_json(far)["line"]["train"]["loss"][0] is None


@pytest.mark.parametrize("part", ["path", "line", "plane"])
def test_a_surface_without_any_number_is_drawn(surface, part):
    shape = surface[part]["regularization_loss"].shape
    nothing = np.full(shape, np.nan)
    scan = {**surface[part], "regularization_loss": nothing}
    for name in {"train", "val"} & set(scan):
        scan[name] = {"loss": nothing, "accuracy": None}
    assert plots.draw({**surface, part: scan}, part).any()


@pytest.mark.parametrize("values", [[2.0, 2.0], [0.0, 0.0], [0.0, 1e9]])
def test_contour_levels_rise_whatever_the_losses(values):
    levels = plots.contour_levels(np.array(values))
    assert (np.diff(levels) > 0).all() and levels[0] > 0


def test_the_folder_has_the_numbers_and_what_tensorboard_shows(linear, surface):
    before = {p: p.read_bytes() for p in linear.path.rglob("*tfevents*")}
    place = plots.save(linear, surface)
    plots.save(linear, surface)  # takes the place of the first
    names = {p.name.partition(".")[0] for p in place.iterdir()}
    assert names == {"landscape", "path", "line", "plane", "events"}
    assert len(list(place.iterdir())) == 5
    stored = json.loads((place / "landscape.json").read_text())
    assert stored["batch_norm"] == "none"
    np.testing.assert_array_equal(
        stored["plane"]["train"]["loss"], surface["plane"]["train"]["loss"]
    )
    events = EventAccumulator(str(place)).Reload()
    tags = {f"landscape/{part}" for part in ("path", "line", "plane")}
    assert set(events.Tags()["tensors"]) == tags
    assert [e.step for e in events.Tensors("landscape/line")] == [1]
    assert all(p.read_bytes() == was for p, was in before.items())


def test_a_stop_while_writing_leaves_the_folder_as_it_was(linear, surface):
    less = {k: v for k, v in surface.items() if k not in ("line", "plane")}
    place = plots.save(linear, less)
    before = {p.name: p.read_bytes() for p in place.iterdir()}
    with pytest.raises(TypeError):
        plots.save(linear, {**less, "line": None})
    assert {p.name: p.read_bytes() for p in place.iterdir()} == before
    assert not list(linear.path.glob(".landscape*"))


def test_the_command_draws_and_says_what_it_found(linear, capfd):
    argv = ["landscape", "linear", f"--runs_dir={linear.path.parent}"]
    words = ["--points=3", "--parts=path,line", "--end=last"]
    assert main([*argv, *words]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert "no batch norm" in out and "initial to last" in out
    assert "; convex" in out
    assert "loss surface" not in out  # a bar moves on a terminal alone
    assert (linear.path / "landscape" / "line.png").exists()
    assert not (linear.path / "landscape" / "plane.png").exists()


def test_a_folder_that_cannot_be_renamed_is_put_back(
    linear, surface, monkeypatch
):
    place = plots.save(linear, surface)
    before = {p.name: p.read_bytes() for p in place.iterdir()}
    rename = os.rename

    def fail(source, target):
        if str(source).endswith(".new"):
            raise OSError(errno.EIO, "not now")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(UserError, match="its old content is kept"):
        plots.save(linear, surface)
    assert {p.name: p.read_bytes() for p in place.iterdir()} == before


def test_a_folder_that_a_kill_left_aside_is_found_again(linear, surface):
    place = plots.save(linear, surface)
    before = sorted(p.name for p in place.iterdir())
    place.rename(place.with_name(".landscape.old"))

    def fail(*_):
        raise OSError(errno.ENOSPC, "full")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "EventWriter", fail)
        with pytest.raises(UserError, match="its old content is kept"):
            plots.save(linear, surface)
    assert sorted(p.name for p in place.iterdir()) == before
