"""What a sweep leaves in its folder for a person and for other tools."""

import csv
import dataclasses

import numpy as np
import pytest
from PIL import Image

from tests.unit.tuning.sweeping import (
    begin,
    failing,
    resume,
    run_jobs,
    settings,
    trial_log,
)
from zoo.tuning import plots
from zoo.tuning.plots import Axis
from zoo.tuning.space import HyperParameter
from zoo.tuning.trials import CSV_FILE, Execution, format_csv

EIGHT = (
    "learning_rate=log:1e-4:1e-1",
    "dropout=0:0.6:0.1",
    "optimizer=sgd,momentum,adam",
    "momentum=0.5:0.99",
    "model_arg.hidden=32,(128,128)",
    "batch_size=16,32",
    "l2=0:0.1",
    "mean_subtraction=none,channel",
)


def rows(folder):
    with open(folder.path / CSV_FILE, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# The table.


def test_the_table_has_a_row_for_each_training(tmp_path):
    folder = begin(settings(tmp_path, executions=2))
    resume(folder, run_jobs=failing(2))
    executions, _ = trial_log(folder)
    found = rows(folder)
    assert len(found) == len(executions) == 10
    for row, one in zip(found, executions, strict=True):
        assert float(row["learning_rate"]) == one.values["learning_rate"]
        score = row["val_accuracy"]
        assert (float(score) if score else None) == one.score
        assert (row["run"], row["seed"]) == (one.run, str(one.seed))
    failed = [row for row in found if row["status"] == "failed"]
    assert {row["reason"] for row in failed} == {"it rained, hard"}


def test_the_table_grows_with_each_trial(tmp_path):
    folder, lengths = begin(settings(tmp_path)), []

    def watched(*given):
        for one in run_jobs(*given):
            yield one
            lengths.append(len(rows(folder)))

    resume(folder, run_jobs=watched)
    assert lengths == [1, 2, 3, 4, 5]


def test_a_value_that_has_no_effect_is_an_empty_cell(tmp_path):
    asked = settings(tmp_path, space=EIGHT[2:5])
    values = {"optimizer": "adam", "model_arg.hidden": [128, 128]}
    one = Execution(0, 0, 0, 0, values, "r", "completed", 0.5, 1, 1, 2.0)
    (row,) = csv.DictReader(format_csv([one], asked).splitlines())
    assert row["momentum"] == ""
    assert row["hidden"] == "(128,128)"


# Axes.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("learning_rate=log:1e-4:1e-1", (True, (), 1e-4, 1e-1)),
        ("learning_rate=log:1e-4:1e-1:10", (True, (), 1e-4, 1e-1)),
        ("dropout=0:0.6:0.1", (False, (), 0, 0.6)),
        ("batch_size=16,32", (False, ("16", "32"), 0.0, 1.0)),
        ("model_arg.hidden=8,(8,8)", (False, ("8", "(8,8)"), 0.0, 1.0)),
        ("optimizer=sgd,adam", (False, ("sgd", "adam"), 0.0, 1.0)),
    ],
)
def test_a_dimension_has_the_axis_that_suits_it(text, expected):
    axis = Axis.of(HyperParameter.parse(text))
    assert (axis.log, axis.labels, axis.low, axis.high) == expected


def test_trials_of_one_category_stay_nearer_to_it_than_to_others():
    axis = Axis.of(HyperParameter.parse("optimizer=sgd,adam"))
    places = [axis.position("adam", number) for number in range(50)]
    assert all(round(place) == 1 for place in places)
    assert len(set(places)) == 50


# The plots.


def executions(asked, number, failed=()):
    """Returns trainings at random points; of trial i the score is i / 100."""
    random, found = np.random.default_rng(0), []
    for i in range(number):
        values = {}
        for one in asked.search_space.hyperparameters:
            if asked.search_space.is_active(one, values):
                share = random.random()
                values[one.name] = (
                    one.values[int(share * len(one.values))]
                    if one.values
                    else one.low + share * (one.high - one.low)
                )
        end = ("failed", None) if i in failed else ("completed", i / 100)
        found.append(
            Execution(i, i, 0, 0, values, f"r{i}", *end, 1, 1, 2.0, "rain")
        )
    return found


def panels(asked, trainings):
    """Returns the axes of a picture by their label."""
    figure = plots.draw(trainings, asked)
    return {axes.get_xlabel(): axes for axes in figure.axes}


def points(axes, kind):
    """Returns the points of one kind, by their gid."""
    found = [c for c in axes.collections if c.get_gid() == kind]
    return np.concatenate([c.get_offsets() for c in found]) if found else []


def test_every_trial_stands_at_its_value_and_score(tmp_path):
    asked = settings(tmp_path)
    trainings = executions(asked, 6)
    axes = panels(asked, trainings)["learning_rate"]
    drawn = [*points(axes, "scored"), *points(axes, "best")]
    expected = [(t.values["learning_rate"], t.score) for t in trainings]
    np.testing.assert_allclose(sorted(map(tuple, drawn)), sorted(expected))
    assert axes.get_xscale() == "log"
    assert points(axes, "best")[0][1] == pytest.approx(0.05)


@pytest.mark.parametrize("objective", ["val_accuracy", "val_loss"])
def test_failed_trials_stand_at_the_bad_edge(tmp_path, objective):
    asked = settings(tmp_path, objective=objective)
    axes = panels(asked, executions(asked, 6, {2}))["learning_rate"]
    ((_, edge),) = points(axes, "failed")
    assert edge == axes.get_ylim()[0 if objective == "val_accuracy" else 1]


def test_a_score_far_off_does_not_press_the_others_together(tmp_path):
    asked = settings(tmp_path)
    trainings = executions(asked, 10)
    low, high = panels(asked, trainings)["learning_rate"].get_ylim()
    assert low < 0 < 0.09 < high
    far = dataclasses.replace(trainings[0], proposal=10, trial=10, score=-9.0)
    axes = panels(asked, [*trainings, far])["learning_rate"]
    assert axes.get_ylim()[0] > -1
    assert points(axes, "outlier")[0][1] == axes.get_ylim()[0]


def test_the_best_so_far_never_falls(tmp_path):
    asked = settings(tmp_path)
    trainings = executions(asked, 8)
    trainings = trainings[::-1][:4] + trainings[:4]
    axes = panels(asked, trainings)["best so far, by seconds of training"]
    times, scores = axes.lines[0].get_data()
    assert times[-1] == 16 and scores[-1] == pytest.approx(0.07)
    assert all(np.diff(scores) >= 0)


@pytest.mark.parametrize(
    ("space", "number", "failed"),
    [
        (EIGHT, 20, {3, 4}),
        (EIGHT[:1], 1, ()),
        (EIGHT[:1], 3, {0, 1, 2}),
        (EIGHT[2:3], 2, ()),
        (EIGHT[:2], 0, ()),
    ],
)
def test_every_sweep_can_be_drawn(tmp_path, space, number, failed):
    asked = settings(tmp_path, space=space)
    folder, trainings = begin(asked), executions(asked, number, failed)
    assert len(panels(asked, trainings)) == len(space) + 1
    plots.save(folder, trainings, asked)
    with Image.open(folder.path / plots.PLOT_FILE) as image:
        assert image.width > 600 and image.height > 300


def test_a_sweep_leaves_its_picture(tmp_path):
    folder = begin(settings(tmp_path))
    resume(folder)
    assert (folder.path / plots.PLOT_FILE).stat().st_size > 1000
