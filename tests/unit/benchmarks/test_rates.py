"""Answers, steps, batches and growth: what becomes of their figures."""

import itertools

import pytest

from benchmarks import inference, scaling, train_step
from benchmarks.config import CASES, PEERS, Case
from tests.unit.benchmarks.fake_results import (
    fake_config,
    inferred,
    report,
    results,
)
from zoo.models.describe import read_counts

# Multiply-adds of one image, by hand. LeNet-5: 28 * 28 places of 25 * 6, 10 *
# 10 places of 25 * 6 * 16, then 400 * 120 + 120 * 84 + 84 * 10.
BY_HAND = {
    "lr": 784 * 10,
    "mlp": 784 * 512 + 512 * 512 + 512 * 10,
    "lenet5": 117_600 + 240_000 + 48_000 + 10_080 + 840,
}


def clock(step):
    """Returns a clock that goes on by so many seconds at each look."""
    ticks = itertools.count()
    return lambda: step * next(ticks)


@pytest.mark.parametrize("model", BY_HAND)
def test_an_update_has_six_operations_a_multiply_add(model):
    # One multiplication and one addition, forward and twice backward.
    known = read_counts()[model]["multiply_adds"]
    assert train_step.flop(known, 128) == 6 * 128 * BY_HAND[model]


def test_the_first_pass_over_the_images_is_left_out():
    asked_for = []
    rate = inference.images_per_second(
        lambda: asked_for.append("all"), 100, clock(0.5)
    )
    # It looks at 0, after two passes at 0.5, after three at 1, and at the end.
    assert len(asked_for) == 1 + 3
    assert rate == pytest.approx(3 * 100 / 1.5)


def test_calls_go_on_until_they_can_be_timed():
    called = []
    rate = train_step.calls_per_second(
        lambda: called.append(1), clock(1.0), seconds=2.5
    )
    assert len(called) == 3
    assert rate == pytest.approx(3 / 4)


def test_ratios_of_answers_are_paired_by_round():
    # The second round is on a machine at half its speed.
    rounds = [
        {"zoo": inferred(300.0), "keras": inferred(100.0)},
        {"zoo": inferred(150.0), "keras": inferred(50.0)},
    ]
    found = inference.compare(rounds, "lr", "predict")
    assert found["ratios"] == [
        {"peer": "keras", "ratio": 3.0, "ratios": [3.0, 3.0]}
    ]
    assert found["rates"] == {"zoo": 450.0, "keras": 150.0}


def test_every_side_answers_for_the_same_images_by_turns():
    told = []

    def run(function, side, tasks):
        told.append((side, tasks))
        return inferred(100.0)

    rows = inference.measure(fake_config(run, peers=PEERS))
    assert [side for side, _ in told] == [
        *("zoo", "keras", "torch"),
        *("torch", "keras", "zoo"),
    ]
    assert all(tasks == told[0][1] for _, tasks in told)
    assert [row["key"] for row in rows] == ["lr evaluate", "lr predict"]


def test_there_is_a_way_to_answer_for_every_side():
    assert set(inference.IMPLEMENTATIONS) == {
        "zoo",
        *(peer.name for peer in PEERS),
    }


def test_a_model_without_a_question_measures_nothing():
    case = Case("resnet20", 128, 3, "cifar10")
    assert inference.measure(fake_config(None, cases=[case])) == []


def test_the_share_of_a_step_is_paired_by_turn():
    turns = [{"product": 100.0, "step": 60.0}, {"product": 50.0, "step": 25.0}]
    found = train_step.compare_utilization(turns)
    assert found["shares"] == [0.6, 0.5]
    assert found["share"] == pytest.approx(0.55)


@pytest.mark.parametrize("have_bfloat16", [False, True])
def test_steps_are_measured_once_a_model_and_format(have_bfloat16):
    def run(function, formats, turns, **task):
        found = [{"product": 2.0, "step": 1.0}] * turns
        return {"flop": 6, "turns": {name: found for name in formats}}

    rows = train_step.measure_utilization(
        fake_config(run, cases=CASES[:1] * 2, have_bfloat16=have_bfloat16)
    )
    names = ["lr/128 float32", "lr/128 bfloat16"][: 1 + have_bfloat16]
    assert [row["key"] for row in rows] == names
    assert {row["share"] for row in rows} == {0.5}


def test_a_choice_is_compared_turn_by_turn():
    # The second turn is on a machine at half its speed.
    turns = [{"chosen": 30.0, "other": 20.0}, {"chosen": 14.0, "other": 10.0}]
    found = train_step.compare_ablation(turns)
    assert found["ratios"] == pytest.approx([1.5, 1.4])
    assert (found["chosen"], found["other"]) == (22.0, 15.0)


def test_each_way_goes_first_in_every_second_turn():
    assert list(train_step.orders("ab", 3)) == [
        ["a", "b"],
        ["b", "a"],
        ["a", "b"],
    ]


@pytest.mark.parametrize("have_bfloat16", [False, True])
def test_bfloat16_is_a_choice_where_processors_have_it(have_bfloat16):
    def run(function, ablations, turns, **task):
        found = [{"chosen": 3.0, "other": 2.0}] * turns
        return {"turns": {name: found for name in ablations}}

    rows = train_step.measure_ablations(
        fake_config(run, have_bfloat16=have_bfloat16)
    )
    assert ("lr/128 bfloat16" in [r["key"] for r in rows]) == have_bfloat16
    assert {row["ratio"] for row in rows} == {1.5}


def test_a_model_shows_the_choices_that_matter_to_it():
    def run(function, ablations, turns, **task):
        return {
            "turns": {n: [{"chosen": 3.0, "other": 2.0}] for n in ablations}
        }

    rows = train_step.measure_ablations(
        fake_config(run, cases=[Case("resnet20", 128, 3)])
    )
    assert [row["key"] for row in rows] == ["resnet20/128 norm"]
    assert (
        train_step.measure_ablations(
            fake_config(None, cases=[Case("vgg11", 128, 3)])
        )
        == []
    )


def test_batches_are_told_beside_what_a_step_takes():
    turns = [
        {"plain": 40.0, "moved": 20.0, "step": 10.0},
        {"plain": 30.0, "moved": 10.0, "step": 5.0},
    ]
    found = train_step.compare_batches({"turns": turns})
    assert found["plain_ratio"] == 5.0
    assert found["moved_ratio"] == 2.0


@pytest.mark.parametrize(
    ("dataset", "how"), [("cifar10", "crop_flip"), ("mnist", "crop")]
)
def test_digits_are_not_mirrored(dataset, how):
    assert train_step.augmentation(Case("lr", 128, 3, dataset)) == how


def test_the_exponent_is_the_slope_of_logarithms():
    sizes = [2, 8, 32]
    figures = [5 * size**1.5 for size in sizes]
    assert scaling.exponent(sizes, figures) == pytest.approx(1.5)


def test_growth_is_that_of_medians_and_leaves_the_first_epoch_out():
    rounds = [[report(1.0), report(4.0)], [report(1.2), report(4.8)]]
    found = scaling.compare_sizes([1, 2], rounds)
    assert found["seconds"] == pytest.approx([1.1, 4.4])
    assert found["seconds_exponent"] == pytest.approx(2.0)
    assert found["peak_exponent"] == pytest.approx(0.0)


def test_every_growth_has_a_case_for_each_size():
    for grown in scaling.SCALINGS:
        assert list(grown.sizes) == sorted(grown.sizes)
        assert len(grown.sizes) == len(grown.cases)


@pytest.mark.parametrize(
    ("part", "table", "shown"),
    [
        ("inference", inference.table, ["300", "200", "1.50"]),
        (
            "utilization",
            train_step.utilization_table,
            ["0.00602", "60", "100", "60%"],
        ),
        (
            "ablations",
            train_step.ablations_table,
            ["300", "200", "1.50", "XLA"],
        ),
        (
            "batches",
            train_step.batches_table,
            ["400,000", "200,000", "100,000", "4.0", "2.0"],
        ),
        ("scaling", scaling.scaling_table, ["1 / 2", "1.00 / 2.00"]),
    ],
)
def test_a_table_shows_the_figures(part, table, shown):
    line = table(results()["parts"][part]).splitlines()[-1]
    assert all(figure in line for figure in shown)
