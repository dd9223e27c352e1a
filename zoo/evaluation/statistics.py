"""Statistics of runs: seeds of one config, and tests of differences.

Runs that differ in the seed alone have one config. Its options are those that
a run really used, with the defaults of its recipe filled in; where a run was
written, and how often, is no part of it, since it changes nothing that is
learned.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.config import DEFAULTS, TrainConfig
from zoo.errors import join_and
from zoo.features import FIXED
from zoo.metrics import CONFIDENCE
from zoo.run_store import CONTINUED_AFTER, UNNAMED_OPTIONS
from zoo.runs import Run

BOOKKEEPING_OPTIONS = UNNAMED_OPTIONS - {"model", "dataset"}
MAX_SEEDS = 5  # of a config that a table lists
SCORE_LIMITS = {
    "accuracy": (0.0, 1.0),
    "r2": (-math.inf, 1.0),
    "mean_squared_error": (0.0, math.inf),
}

NUM_RESAMPLES = 10_000  # of the bootstrap
BOOTSTRAP_SEED = 1  # the same runs have the same interval each time
CHUNK_SIZE = 100  # resamples at once, which bounds the memory

OptionTable = dict[str, list[list[Any]]]


# Configs.


def all_options(run: Run) -> dict[str, Any]:
    """Returns every option with the value that a run used.

    An option that did not exist yet when the run was made has its default.
    """
    # To JSON and back, so that defaults are lists where read values are.
    return json.loads(json.dumps({**DEFAULTS, **run.resolved["config"]}))


def settings(run: Run) -> dict[str, Any]:
    """Returns every option that affects what a run learns."""
    return _without_bookkeeping(all_options(run))


def settings_of(config: TrainConfig) -> dict[str, Any]:
    """Returns the settings of a run with a resolved config."""
    return _without_bookkeeping(json.loads(config.to_json()))


def _without_bookkeeping(options: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in options.items() if k not in BOOKKEEPING_OPTIONS}


def config_hash(run: Run, *, with_seed: bool = False) -> str:
    """Returns the SHA-256, in hex, of a run's settings and data.

    Options that have their default are left out, so that an option which a
    later version adds leaves the hash as it is in the log of evaluations. The
    layers of a user's model count, since its name says little, and so do the
    weights that it came with unless freshly drawn, the content of the run or
    file that `--features` or `--weights` names, callbacks that may change what
    is learned, and that a run was continued for more epochs.

    Args:
        run: Finished or not.
        with_seed: Whether runs that differ in the seed have different hashes.
    """
    defaults = json.loads(json.dumps(DEFAULTS))
    ours = {k: v for k, v in settings(run).items() if v != defaults.get(k)}
    if not with_seed:
        ours.pop("seed", None)
    content = [ours, run.resolved["data"]["fingerprint"]]
    if architecture := run.resolved.get("architecture"):
        content.append(architecture)
    if weights := (_weights_digest if with_seed else _given_weights)(run):
        content.append({"initial weights": weights})
    if sources := source_digests(run.resolved):
        content.append({"sources": sources})
    if callbacks := active_callbacks(run):
        content.append({"callbacks": callbacks})
    if epochs := continuation(run):
        content.append({"continued after epochs": epochs})
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def source_digests(resolved: Mapping[str, Any]) -> dict[str, str]:
    """Returns the SHA-256 of the features and weights that others trained.

    Their names say where they were, and another run may have come there since.

    Args:
        resolved: Entries `features` and `weights` of `resolved.json`; features
            that follow from the data have no digest.
    """
    features, weights = resolved.get("features"), resolved.get("weights")
    digests = {}
    if features and features["name"] not in FIXED:
        digests["features"] = features["fingerprint"]
    if weights:
        digests["weights"] = weights["weights_sha256"]
    return digests


def input_digests(resolved: Mapping[str, Any]) -> dict[str, str]:
    """Returns the SHA-256 of the data and of what `source_digests` has."""
    data = resolved["data"]["fingerprint"]
    return {"data": data, **source_digests(resolved)}


def _weights_digest(run: Run) -> str | None:
    """Returns the SHA-256 of the weights that a Keras model came with."""
    weights = run.resolved.get("initial_weights")
    return weights and weights["sha256"]


def _given_weights(run: Run) -> str | None:
    """Returns that digest where the weights are not a draw, as of a seed."""
    weights = run.resolved.get("initial_weights")
    return None if weights and weights["fresh"] else _weights_digest(run)


def active_callbacks(run: Run) -> list[dict[str, Any]]:
    """Returns the user's callbacks that may change what a run learns."""
    callbacks = run.resolved.get("callbacks", [])
    return [each for each in callbacks if not each["passive"]]


def follows_from_config(run: Run) -> bool:
    """Whether a new run of the same config learns the same.

    Not if a run had callbacks, began from the weights of a `keras.Model`, or
    was continued for more epochs.
    """
    return not (
        _weights_digest(run) or active_callbacks(run) or continuation(run)
    )


def continuation(run: Run) -> list[int]:
    """Returns the epochs after which a run was continued for more epochs.

    Empty where a run with as many epochs from the start learns the same.
    """
    config = all_options(run)
    depends_on_length = (
        config["schedule"] not in (None, "constant")
        or config["warmup_epochs"]
        or config["lookahead_every"] is not None
        or config["early_stopping_patience"] is not None
    )
    parent = run.resolved.get("parent") or {}
    return parent.get(CONTINUED_AFTER, []) if depends_on_length else []


def group_by_config(runs: Iterable[Run]) -> list[list[Run]]:
    """Groups runs that differ in the seed alone, in the order given."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(config_hash(run), []).append(run)
    return list(groups.values())


def split_options(
    groups: Sequence[Sequence[Run]],
) -> tuple[OptionTable, OptionTable]:
    """Returns the options that differ between groups, and all others.

    Args:
        groups: Runs of one config each.

    Returns:
        Two tables from an option to its values in each group: one value
        where its runs agree, as they do on all but the seed and where they
        were written, which counts among the others.
    """
    configs = [
        [
            {
                **all_options(run),
                "model": _model_name(run),
                "epochs": _epochs(run),
                **_source_names(run),
                "callbacks": describe_callbacks(run) or None,
            }
            for run in group
        ]
        for group in groups
    ]
    different, same = {}, {}
    for name in configs[0][0]:
        values = [_distinct(c[name] for c in group) for group in configs]
        is_same = all(v == values[0] and len(v) == 1 for v in values)
        table = same if is_same or name in BOOKKEEPING_OPTIONS else different
        table[name] = values
    return different, same


def _model_name(run: Run) -> str:
    """Returns the name of a model, with a digest of its layers if a user's."""
    name = run.resolved["config"]["model"]
    architecture = run.resolved.get("architecture")
    if not architecture:
        return name
    weights = _given_weights(run)
    from_weights = f", weights {weights[:6]}" if weights else ""
    return f"{name} ({architecture[:6]}{from_weights})"


def _source_names(run: Run) -> dict[str, str]:
    """Returns the names of features and weights, each with its digest."""
    return {
        option: f"{run.resolved['config'][option]} ({digest[:6]})"
        for option, digest in source_digests(run.resolved).items()
    }


def _epochs(run: Run) -> int | str | None:
    """Returns the number of epochs, and where more of them were added."""
    epochs, added = run.resolved["config"]["epochs"], continuation(run)
    if not added:
        return epochs
    return f"{epochs} (continued after {join_and(map(str, added))})"


def describe_callbacks(run: Run) -> str:
    """Returns the user's callbacks that may change what a run learns."""
    shown = [
        f"{each['class'].rpartition('.')[2]}({_short(each['arguments'])})"
        for each in active_callbacks(run)
    ]
    return ", ".join(shown)


def _short(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{k}={str(v)[:24]}" for k, v in arguments.items())


def _distinct(values: Iterable) -> list[Any]:
    distinct = []
    for value in values:
        if value not in distinct:
            distinct.append(value)
    return distinct


# Seeds of one config.


@dataclasses.dataclass(frozen=True)
class SeedStats:
    """Mean of a score over seeds, with its 95% confidence interval.

    Attributes:
        mean: Mean over seeds.
        std: Sample standard deviation over seeds; `None` for one seed.
        low: Lower end of Student's interval of the mean; `None` for one seed,
            and for equal scores, whose spread is not known to be 0.
        high: Upper end of it.
    """

    mean: float
    std: float | None
    low: float | None
    high: float | None


def seed_stats(
    scores: Sequence[float], low: float = -math.inf, high: float = math.inf
) -> SeedStats:
    """Returns mean, standard deviation and interval of scores.

    Student's interval assumes that scores are normally distributed over
    seeds; it does not count the chance of the examples.

    Args:
        scores: At least one, each of another seed.
        low: Least possible score, at which the interval ends.
        high: Largest possible score.
    """
    mean = float(np.mean(scores))
    if len(scores) < 2:
        return SeedStats(mean, None, None, None)
    from scipy.stats import t

    std = float(np.std(scores, ddof=1))
    if np.ptp(scores) == 0:
        return SeedStats(mean, 0.0, None, None)
    margin = t.ppf((1 + CONFIDENCE) / 2, len(scores) - 1) * std
    margin = float(margin) / math.sqrt(len(scores))
    return SeedStats(
        mean, std, max(mean - margin, low), min(mean + margin, high)
    )


def fold_stats(
    scores: Sequence[float],
    count: int,
    low: float = -math.inf,
    high: float = math.inf,
) -> SeedStats:
    """Returns mean, standard deviation and interval of scores of folds.

    Two runs of a cross-validation share most of their training examples, so
    that their scores vary less than those of independent runs would. The
    variance is corrected for that (Nadeau and Bengio 2003, "Inference for the
    generalization error", section 4): s^2 (1/K + n_val/n_train), where n_val
    is a part of n_train of 1/(K - 1).

    Args:
        scores: At least two, each of another fold; equal ones have no
            interval.
        count: Number K of folds.
        low: Least possible score, at which the interval ends.
        high: Largest possible score.
    """
    from scipy.stats import t

    mean, std = float(np.mean(scores)), float(np.std(scores, ddof=1))
    if np.ptp(scores) == 0:
        return SeedStats(mean, 0.0, None, None)
    scale = math.sqrt(1 / len(scores) + 1 / (count - 1))
    margin = float(t.ppf((1 + CONFIDENCE) / 2, len(scores) - 1)) * std * scale
    return SeedStats(
        mean, std, max(mean - margin, low), min(mean + margin, high)
    )


def first_of_each_seed(runs: Iterable[Run]) -> list[Run]:
    """Returns the runs of one config whose seed no run before them has.

    A seed that is trained twice is the same training twice: it says nothing
    about how scores vary between seeds. A Keras model that was drawn again is
    another draw, whatever the seed of the run.
    """
    by_draw: dict[tuple, Run] = {}
    for run in runs:
        draw = run.resolved["config"]["seed"], _weights_digest(run)
        by_draw.setdefault(draw, run)
    return list(by_draw.values())


def repeated_seeds(runs: Sequence[Run]) -> list[str]:
    """Returns the names of the runs that repeat the seed of another."""
    counted = {run.path for run in first_of_each_seed(runs)}
    return [run.name for run in runs if run.path not in counted]


def format_repeated(names: Iterable[str]) -> str:
    """Returns a sentence on the runs, at least one, that repeat a seed."""
    names = list(names)
    if len(names) > MAX_SEEDS:
        names[MAX_SEEDS:] = [f"{len(names) - MAX_SEEDS} more"]
    if len(names) == 1:
        return (
            f"{names[0]} repeats the seed of another run of its config and is "
            "not counted again."
        )
    return (
        f"{join_and(names)} repeat seeds of other runs of their config and are "
        "not counted again."
    )


def summarize_seeds(
    runs: Sequence[Run], results: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Returns how runs of one config vary, a row for each config.

    Args:
        runs: Seeds of one config or of several.
        results: Metrics of each, as `evaluate_runs` returns them.
    """
    by_path = {
        run.path: result for run, result in zip(runs, results, strict=True)
    }
    score = next(s for s in SCORE_LIMITS if s in results[0])
    rows = []
    for group in group_by_config(runs):
        counted = first_of_each_seed(group)
        found = [by_path[run.path] for run in counted]
        row = {
            "runs": [run.name for run in group],
            "seeds": [run.resolved["config"]["seed"] for run in group],
            "repeated": repeated_seeds(group),
            "score": score,
            **_seed_row(found, score),
        }
        if "tta" in found[0]:
            row["tta"] = _seed_row([each["tta"] for each in found], score)
        rows.append(row)
    return rows


def _seed_row(results: Sequence[dict], score: str) -> dict[str, Any]:
    scores = [result[score] for result in results]
    return dataclasses.asdict(seed_stats(scores, *SCORE_LIMITS[score]))


def welch_p_value(
    first: Sequence[float], second: Sequence[float]
) -> float | None:
    """Returns the two-sided p-value of equal means over seeds.

    Welch's test (Welch 1947), or Student's where one config has one seed.

    Args:
        first: Score of each seed of one config.
        second: Score of each seed of the other.

    Returns:
        `None` where the scores do not vary: one run each, or all equal.
    """
    if len(first) + len(second) < 3:
        return None
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return None
    from scipy.stats import ttest_ind_from_stats

    equal_var = min(len(first), len(second)) == 1
    stats = [value for scores in (first, second) for value in _moments(scores)]
    return float(ttest_ind_from_stats(*stats, equal_var=equal_var).pvalue)


def welch_ci(
    first: Sequence[float], second: Sequence[float]
) -> tuple[float, float] | tuple[None, None]:
    """Returns Welch's 95% interval of the difference of two means.

    Args:
        first: Score of each seed of one config.
        second: Score of each seed of the other, which is subtracted.

    Returns:
        Lower and upper end; `None` where a config has one seed, or the
        scores do not vary.
    """
    if min(len(first), len(second)) < 2:
        return None, None
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return None, None
    from scipy.stats import ttest_ind

    ci = ttest_ind(first, second, equal_var=False).confidence_interval()
    return float(ci.low), float(ci.high)


def _moments(scores: Sequence[float]) -> tuple[float, float, int]:
    """Returns mean, standard deviation (0 of one score) and count."""
    std = float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0
    return float(np.mean(scores)), std, len(scores)


# The same examples.


@dataclasses.dataclass(frozen=True)
class McNemarResult:
    """Test of two classifiers on the same examples.

    Attributes:
        only_first: Number of examples that only the first classifies
            correctly.
        only_second: Number that only the second does.
        p: Two-sided p-value of both being equally likely.
    """

    only_first: int
    only_second: int
    p: float


def mcnemar_test(first: np.ndarray, second: np.ndarray) -> McNemarResult:
    """Returns the exact test of equal accuracies on the same examples.

    McNemar 1947, "Note on the sampling error of the difference between
    correlated proportions or percentages", with the binomial in place of its
    approximation.

    Args:
        first: Bool `[N]`, whether each example is classified correctly.
        second: The same of the other classifier.
    """
    from scipy.stats import binomtest

    only_first = int((first & ~second).sum())
    only_second = int((second & ~first).sum())
    discordant = only_first + only_second
    p = binomtest(only_first, discordant).pvalue if discordant else 1.0
    return McNemarResult(only_first, only_second, float(p))


@dataclasses.dataclass(frozen=True)
class BootstrapDifference:
    """Mean of second - first over examples, with its 95% interval.

    Attributes:
        mean: Mean difference.
        low: Lower end of the interval.
        high: Upper end of it.
        p: Two-sided p-value: twice the fraction of resamples on the other
            side of 0, at most 1.
    """

    mean: float
    low: float
    high: float
    p: float


def paired_bootstrap(
    first: np.ndarray, second: np.ndarray
) -> BootstrapDifference:
    """Resamples examples, both scores of an example together.

    Efron 1979, "Bootstrap methods: another look at the jackknife", with the
    percentile interval.

    Args:
        first: Float `[N]`, a score of each example.
        second: The same of the other model, for the same examples.
    """
    # A resample of equal differences is a multinomial count of each.
    values, counts = np.unique(second - first, return_counts=True)
    total = counts.sum()
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    fractions = counts / total
    means = np.concatenate(
        [
            generator.multinomial(total, fractions, CHUNK_SIZE) @ values / total
            for _ in range(NUM_RESAMPLES // CHUNK_SIZE)
        ]
    )
    low, high = np.percentile(means, [2.5, 97.5])
    # One more on either side: no number of resamples shows that p is 0.
    tail = 1 + min((means <= 0).sum(), (means >= 0).sum())
    p = min(1.0, 2 * float(tail) / (NUM_RESAMPLES + 1))
    return BootstrapDifference(
        float((second - first).mean()), float(low), float(high), p
    )


def holm_correction(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for their number (Holm 1979).

    The probability of any false positive is then at most the level of the
    test, however many differences are tested.
    """
    order = np.argsort(p_values, kind="stable")
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, (len(p_values) - rank) * p_values[index])
        corrected[index] = min(1.0, float(highest))
    return corrected


def format_p_value(p: float) -> str:
    """Returns a p-value with two significant digits, or `< 0.0001`."""
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}"


def format_seeds(seeds: Sequence[int]) -> str:
    """Returns seeds in short: `0 to 149`, or the first and a count."""
    if len(seeds) <= MAX_SEEDS:
        return ", ".join(map(str, seeds))
    first, last = min(seeds), max(seeds)
    if sorted(seeds) == list(range(first, last + 1)):
        return f"{first} to {last}"
    shown = ", ".join(map(str, seeds[:MAX_SEEDS]))
    return f"{shown} and {len(seeds) - MAX_SEEDS} more"
