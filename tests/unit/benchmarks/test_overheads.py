"""What summaries cost, a second worker is worth, and how long starts take."""

import pytest

from benchmarks import scaling, startup, subprocesses, summary_overhead
from benchmarks.subprocesses import Stopwatch
from tests.unit.benchmarks.fake_results import (
    fake_config,
    logged,
    results,
    swept,
)


def test_the_cost_of_looking_is_told_beside_a_whole_epoch():
    rounds = [
        {"none": logged(1.0), "default": logged(1.2), "all": logged(2.0, 7)}
    ]
    found = summary_overhead.compare(rounds, whole=10.0)
    assert found["default"]["share"] == pytest.approx(0.02)
    assert found["all"]["share"] == pytest.approx(0.1)
    assert found["all"]["event_bytes"] == 7


def test_every_round_trains_with_none_some_and_all():
    told = []

    def run(function, training, dataset, summaries):
        told.append((training["model"], dataset, summaries))
        return logged(1.0)

    rows = summary_overhead.measure(fake_config(run, repeats=2))
    kinds = [("lenet5", "mnist", kind) for kind in summary_overhead.KINDS]
    assert told[: 2 * len(kinds)] == 2 * kinds
    assert [row["key"] for row in rows] == [
        "lenet5 on mnist",
        "wrn16_4 on cifar10",
    ]


@pytest.mark.parametrize(
    ("training", "total"),
    [
        (summary_overhead.TRAININGS[0], 60_000),
        (summary_overhead.TRAININGS[1], 50_000),
    ],
)
def test_a_whole_epoch_is_counted_in_images_trained_on(training, total):
    held_out = round(training.val_fraction * total)
    measured = training.train_examples + held_out / 3
    whole = 0.9 * total + 0.1 * total / 3
    assert training.whole == pytest.approx(whole / measured, rel=0.01)


def test_what_a_second_worker_is_worth_is_a_median_of_paired_ratios():
    # A machine that halves its speed between rounds.
    rounds = [swept(90.0, 50.0), swept(180.0, 90.0), swept(90.0, 60.0)]
    found = scaling.compare_workers(rounds)
    assert found["ratios"] == [1.8, 2.0, 1.5]
    assert found["ratio"] == 1.8
    assert found["seconds"] == [90.0, 60.0]


def test_sweeps_run_with_one_worker_and_two_by_turns():
    told = []

    def run(function, sweep, workers):
        told.append(workers)
        return {"moments": {"ended": 60.0 / workers}}

    (row,) = scaling.measure_sweeps(fake_config(run, repeats=3))
    assert row["ratio"] == 2.0
    assert told == [1, 2, 2, 1]


def test_the_table_shows_what_a_second_worker_is_worth():
    lines = scaling.sweeps_table(results()["parts"]["sweeps"]).splitlines()
    assert "1.80" in lines[-1] and "at least 1.7" in lines[-1]


def test_stages_follow_each_other_and_leave_nothing_out():
    ends = dict(
        zip(startup.STAGES, (1.0, 4.0, 4.5, 5.0, 6.0, 6.5, 7.0), strict=True)
    )
    *rows, after = startup.stages([{"moments": ends}])
    assert [row["seconds"] for row in rows] == [1, 3, 0.5, 0.5, 1, 0.5, 0.5]
    assert after["seconds"] == 3.0
    assert after["expected"] == startup.MAX_FIRST_STEP_SECONDS


@pytest.mark.slow
def test_a_first_training_reaches_every_stage():
    function = startup.FUNCTION
    found = subprocesses.report(function)["moments"]
    assert list(found) == list(startup.STAGES)


@pytest.mark.parametrize(
    ("part", "table", "end"),
    [
        ("startup", startup.startup_table, "below 0.5"),
        ("memory", startup.memory_table, "below 2"),
    ],
)
def test_the_table_shows_what_is_asked(part, table, end):
    assert table(results()["parts"][part]).endswith(end)


def test_a_moment_is_noted_once():
    watch = Stopwatch(started=0.0)
    watch.note("first_step")
    first = dict(watch.moments)
    watch.note("first_step")
    assert watch.moments == first


def test_updates_are_timed_from_the_beginning_of_an_epoch():
    watch = Stopwatch(started=0.0)
    watch.begin_epoch()
    watch.end_updates()
    watch.begin_epoch()
    watch.end_updates()
    assert len(watch.update_seconds) == 2
    assert all(0 <= seconds < 1 for seconds in watch.update_seconds)
