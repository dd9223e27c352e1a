"""Paired tests against cases worked out by hand, SciPy and plain loops."""

import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, ttest_ind

from zoo.evaluation import compare, statistics
from zoo.evaluation.statistics import (
    SeedStats,
    config_hash,
    first_of_each_seed,
    fold_stats,
    follows_from_config,
    format_seeds,
    input_digests,
    seed_stats,
)


def answers(both, only_first, only_second, neither):
    """Whether each of two is right, from how often which is."""
    counts = [both, only_first, only_second, neither]
    first = np.repeat([True, True, False, False], counts)
    second = np.repeat([True, False, True, False], counts)
    return first, second


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (0, 0, 1.0),  # no discordant example
        (1, 0, 1.0),  # one coin: either side is as surprising
        (5, 5, 1.0),
        (6, 0, 2 / 2**6),
        (8, 1, 2 * (1 + 9) / 2**9),  # 0 or 1 of 9, on either side
        (2, 10, 2 * (1 + 12 + 66) / 2**12),
    ],
)
def test_mcnemar_is_that_worked_out_by_hand(only_first, only_second, p):
    found = statistics.mcnemar_test(*answers(30, only_first, only_second, 4))
    assert (found.only_first, found.only_second) == (only_first, only_second)
    assert found.p == pytest.approx(p)


@given(st.integers(0, 40), st.integers(0, 40))
def test_what_both_have_right_or_wrong_does_not_matter(first, second):
    few = statistics.mcnemar_test(*answers(1, first, second, 0))
    many = statistics.mcnemar_test(*answers(500, first, second, 300))
    assert few == many


def test_mcnemar_calls_equals_different_in_at_most_5_of_100_draws():
    random = np.random.default_rng(0)
    wrongly = 0
    for _ in range(400):
        first, second = random.random((2, 60)) < 0.8
        wrongly += statistics.mcnemar_test(first, second).p < 0.05
    assert wrongly <= 20


def test_the_bootstrap_is_that_of_a_plain_loop():
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 80))
    second += 0.3
    found = statistics.paired_bootstrap(first, second)
    difference = second - first
    drawn = [random.integers(0, 80, 80) for _ in range(10_000)]
    loop = np.array([difference[indices].mean() for indices in drawn])
    assert found.mean == pytest.approx(difference.mean())
    low, high = np.percentile(loop, [2.5, 97.5])
    assert found.low == pytest.approx(low, abs=0.02)
    assert found.high == pytest.approx(high, abs=0.02)
    share = 2 * min((loop <= 0).mean(), (loop >= 0).mean())
    assert found.p == pytest.approx(share, abs=0.01)


def test_the_bootstrap_says_the_same_each_time():
    first, second = np.float64(answers(70, 9, 4, 5))
    found = statistics.paired_bootstrap(first, second)
    assert found == statistics.paired_bootstrap(first, second)


def test_equal_scores_differ_by_nothing_for_certain():
    same = np.array([1.0, 0.0, 1.0])
    found = statistics.paired_bootstrap(same, same)
    assert found == statistics.BootstrapDifference(0, 0, 0, 1)


def test_holm_is_that_worked_out_by_hand():
    # 0.01 * 3; 0.03 * 2; 0.04 * 1, but not below the one before.
    assert statistics.holm_correction([0.01, 0.04, 0.03]) == pytest.approx(
        [0.03, 0.06, 0.06]
    )
    assert statistics.holm_correction([0.6, 0.9]) == [1.0, 1.0]
    assert statistics.holm_correction([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_corrects_no_less_than_a_weaker_correction(chances):
    corrected = np.array(statistics.holm_correction(chances))
    assert np.all(corrected >= false_discovery_control(chances) - 1e-12)


@pytest.mark.parametrize(
    ("second", "equal_var"),
    [([0.96, 0.97], False), ([0.99], True)],
    ids=["several seeds by Welch", "one seed by Student"],
)
def test_seeds_are_compared_by_a_t_test_of_scipy(second, equal_var):
    first = [0.91, 0.92, 0.95]
    expected = ttest_ind(first, second, equal_var=equal_var).pvalue
    assert statistics.welch_p_value(first, second) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "second"), [([0.9], [0.8]), ([0.9, 0.9], [0.8, 0.8, 0.8])]
)
def test_seeds_without_spread_say_nothing(first, second):
    assert statistics.welch_p_value(first, second) is None


@pytest.mark.parametrize(
    "seeds, text",
    [
        ([3, 1, 2], "3, 1, 2"),
        (range(150), "0 to 149"),
        ([0, 2, 4, 6, 8, 10, 12], "0, 2, 4, 6, 8 and 2 more"),
    ],
)
def test_many_seeds_are_written_in_short(seeds, text):
    assert format_seeds(list(seeds)) == text


def comparison_of(num_configs):
    return {
        "configs": [{"config": f"C{i}"} for i in range(num_configs)],
        "different_options": {
            "learning_rate": [[0.1 * i] for i in range(num_configs)],
            "seed": [list(range(9))] * num_configs,
        },
    }


def test_options_of_many_configs_are_columns():
    heads, rows = compare.option_table(comparison_of(2), "different_options")
    assert heads == ["", "C0", "C1"]
    assert rows[1] == ("seed", "0 to 8", "0 to 8")
    heads, rows = compare.option_table(comparison_of(30), "different_options")
    assert tuple(heads) == ("", "learning_rate", "seed")
    assert len(rows) == 30 and rows[0] == ("C0", "0.0", "0 to 8")


@pytest.mark.parametrize("num_configs, num_pairs", [(4, 6), (12, 66), (13, 12)])
def test_many_configs_are_compared_with_the_first_alone(num_configs, num_pairs):
    scores = np.random.default_rng(0).integers(0, 2, (num_configs, 50)) * 1.0
    groups = [[compare.PerExampleScores(None, each, 0.0)] for each in scores]
    pairs = compare._pairwise_tests(groups, "accuracy")
    assert len(pairs) == num_pairs
    if num_configs == 13:
        assert {pair["first"] for pair in pairs} == {"A"}


# The identity of a config.


def run_of(**config):
    resolved = {"config": config, "data": {"fingerprint": "f"}}
    return types.SimpleNamespace(resolved=resolved)


def test_an_option_that_a_later_version_adds_leaves_the_hash(monkeypatch):
    run = run_of(model="lr", epochs=3)
    before = config_hash(run, with_seed=True)
    monkeypatch.setitem(statistics.DEFAULTS, "of_a_later_version", 1)
    assert config_hash(run, with_seed=True) == before
    other = run_of(model="lr", epochs=3, of_a_later_version=2)
    assert config_hash(other, with_seed=True) != before


def test_another_value_is_another_hash_and_another_seed_where_asked():
    hashes = {
        config_hash(run_of(**options), with_seed=True)
        for options in ({}, {"seed": 1}, {"epochs": 3}, {"dropout": 0.5})
    }
    assert len(hashes) == 4
    assert config_hash(run_of()) == config_hash(run_of(seed=1))


def test_the_layers_of_a_user_s_model_are_part_of_its_config():
    run, other = run_of(), run_of()
    other.resolved["architecture"] = "0" * 64
    assert config_hash(run) != config_hash(other)


def with_weights(digest, fresh, **config):
    run = run_of(**config)
    run.resolved["initial_weights"] = {"sha256": digest, "fresh": fresh}
    return run


def test_weights_that_a_model_was_given_are_part_of_its_config():
    run, given = run_of(), with_weights("0", False)
    assert config_hash(run) != config_hash(given)
    assert config_hash(with_weights("1", False)) != config_hash(given)
    assert follows_from_config(run)
    assert not follows_from_config(given)


def test_weights_that_were_drawn_again_are_another_draw_of_one_config():
    runs = [with_weights(digest, True, seed=0) for digest in "001"]
    assert len({config_hash(run) for run in runs}) == 1
    assert len({config_hash(run, with_seed=True) for run in runs}) == 2
    assert first_of_each_seed(runs) == [runs[0], runs[2]]


def started_from(option, digest):
    run = run_of(**{option: "src"})
    key = {"weights": "weights_sha256", "features": "fingerprint"}[option]
    run.resolved[option] = {"name": "src", key: digest}
    return run


@pytest.mark.parametrize("option", ["features", "weights"])
def test_a_source_that_was_replaced_under_its_name_is_another_config(option):
    runs = [started_from(option, digest * 64) for digest in "001"]
    hashes = [config_hash(run) for run in runs]
    assert hashes[0] == hashes[1] != hashes[2]
    assert input_digests(runs[1].resolved) != input_digests(runs[2].resolved)


def test_features_that_follow_from_the_data_have_no_digest():
    run = started_from("features", "0" * 64)
    run.resolved["features"]["name"] = "bag_of_visual_words"
    assert input_digests(run.resolved) == {"data": "f"}


@pytest.mark.parametrize("passive", [True, False])
def test_callbacks_that_may_change_training_are_part_of_the_config(passive):
    run, other = run_of(), run_of()
    stop = {"class": "EarlyStopping", "arguments": {}, "passive": passive}
    other.resolved["callbacks"] = [stop]
    assert (config_hash(run) == config_hash(other)) == passive
    assert follows_from_config(other) == passive


def test_a_sentence_on_many_repeated_seeds_names_some():
    text = statistics.format_repeated(f"run-{number}" for number in range(200))
    assert "run-4 and 195 more repeat seeds" in text and "run-5" not in text


def test_equal_scores_of_two_seeds_have_no_interval():
    assert seed_stats([0.9, 0.9]) == SeedStats(0.9, 0, None, None)


def test_equal_scores_of_folds_have_no_interval():
    stats = fold_stats([1.0] * 5, 5, 0.0, 1.0)
    assert (stats.mean, stats.low, stats.high) == (1.0, None, None)


def test_labels_go_on_after_z():
    labels = [compare.group_label(index) for index in (0, 25, 26, 51, 52)]
    assert labels == ["A", "Z", "A1", "Z1", "A2"]
