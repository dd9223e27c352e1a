"""What becomes of trainings by turns, ours and the peers'."""

import pytest

from benchmarks import training
from benchmarks.config import PEERS, ZOO_VARIANTS
from tests.unit.benchmarks.fake_results import (
    PART,
    WHOLE,
    compared,
    fake_config,
    report,
    rounds,
)

KERAS, TORCH = PEERS


def test_the_first_epoch_is_left_out_of_the_rate():
    assert training.rate(report(seconds=4.0)) == 25.0


def test_of_a_part_of_a_data_set_only_updates_count():
    assert training.rate(report(4.0, updates=2.0), whole=False) == 50.0
    row = compared(PART, (report(9.0, updates=2.0), report(9.0, updates=3.0)))
    (found,) = row["ratios"]
    assert found["ratio"] == 1.5
    # Processor time is known of whole epochs alone.
    assert found["cpu_ratio"] is None


def test_the_first_step_is_counted_from_the_images_on():
    assert training.to_first_step(report(1.0)) == 1.5


def test_the_ratio_is_the_median_of_paired_ratios():
    # A machine that halves its speed between rounds; no round has 1 / 6.
    slow = (report(2.0), report(6.0))
    fast = (report(1.0), report(3.5))
    odd = (report(1.0), report(9.0))
    found = training.ratio([slow, fast, odd], whole=True)
    assert found["ratios"] == [3.0, 3.5, 9.0]
    assert found["ratio"] == 3.5


def test_less_processor_time_is_a_higher_ratio():
    pair = (report(1.0, cpu=0.5), report(1.0, cpu=1.0))
    assert training.ratio([pair], whole=True)["cpu_ratio"] == 2.0


def test_sides_train_by_turns_and_turn_round():
    ran = []

    def run(function, **task):
        ran.append(function)
        return report(1.0)

    training.measure(fake_config(run, repeats=3, peers=PEERS))
    once = [ZOO_VARIANTS[0].trains, KERAS.trains, TORCH.trains]
    assert ran == [*once, *once[::-1], *once]


def test_what_takes_long_has_fewer_rounds():
    ran = []

    def run(function, **task):
        ran.append(function)
        return report(1.0)

    case = training.Case("lr", 128, epochs=3, rounds=2)
    training.measure(fake_config(run, cases=[case], repeats=9))
    assert len(ran) == 2 * 2


@pytest.mark.parametrize("have_bfloat16", [False, True])
def test_bfloat16_takes_part_where_processors_have_it(have_bfloat16):
    told = []

    def run(function, **task):
        told.append(task.get("precision"))
        return report(1.0)

    training.measure(fake_config(run, repeats=1, have_bfloat16=have_bfloat16))
    assert ("bfloat16" in told) == have_bfloat16


def test_all_sides_get_the_same_case_and_images():
    tasks = []

    def run(function, case, images, **rest):
        tasks.append((case, images))
        return report(1.0)

    training.measure(
        fake_config(run, repeats=1, peers=PEERS, have_bfloat16=True)
    )
    assert len(tasks) == 4
    assert all(task == tasks[0] for task in tasks)


def test_both_formats_are_compared_with_every_peer():
    found = {side.name: report(1.0) for side in (*ZOO_VARIANTS, *PEERS)}
    row = training.compare([found], PART, ZOO_VARIANTS, PEERS)
    asked_for = {(r["ours"], r["peer"]): r["expected"] for r in row["ratios"]}
    assert asked_for == {
        ("float32", "keras"): 1.15,
        ("float32", "torch"): 1.0,
        ("bfloat16", "keras"): 1.8,
        ("bfloat16", "torch"): 1.0,
    }


def test_the_table_shows_ratio_and_expectation():
    pairs = [(report(1.0), report(4.0)), (report(1.0), report(5.0))]
    lines = training.table([compared(WHOLE, *pairs)]).splitlines()
    row = next(line for line in lines if line.startswith("lr/128"))
    assert "4.50" in row and "4.00 to 5.00" in row and "at least 4" in row


@pytest.mark.parametrize(
    ("theirs", "same"), [(0.9, True), (0.91, True), (0.95, False)]
)
def test_the_table_tells_accuracies_that_are_not_the_same(theirs, same):
    pair = (report(1.0), report(1.0, accuracy=theirs))
    text = training.table([compared(WHOLE, pair)])
    assert ("not the same" not in text) == same


def test_the_interval_of_two_accuracies_is_newcombe_s():
    # 56 of 70 and 48 of 80: case (a) of Newcombe 1998, table II, method 10.
    ours = {"val_accuracy": 56 / 70, "val_examples": 70}
    theirs = {"val_accuracy": 48 / 80, "val_examples": 80}
    found = training.accuracy_gap(ours, theirs)
    assert found == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_medians_are_kept_of_every_side():
    reports = [report(seconds) for seconds in (1.0, 2.0, 4.0)]
    row = training.compare(
        rounds(*zip(reports, reports, strict=True)),
        WHOLE,
        ZOO_VARIANTS[:1],
        [KERAS],
    )
    assert row["sides"]["keras"]["examples_per_second"] == 50.0
    assert row["sides"]["float32"]["first_step_seconds"] == 1.5
