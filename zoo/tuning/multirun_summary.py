"""The summary of a group of runs: its progress, numbers, table and sentences.

Scores are those that the runs themselves recorded, of the weights that they
kept. Differences are tested on the same validation examples, as by
`zoo compare`.
"""

from __future__ import annotations

import dataclasses
import math
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import metrics
from zoo.console import (
    format_duration,
    format_interval,
    format_percent,
    format_table,
    show_activity,
)
from zoo.errors import UserError, join_and
from zoo.evaluation import compare
from zoo.evaluation.statistics import (
    SCORE_LIMITS,
    fold_stats,
    format_p_value,
    seed_stats,
)
from zoo.runs import Run
from zoo.tuning.jobs import RunResult

if TYPE_CHECKING:
    from zoo.tuning.multirun import Multirun, RunSpec

LARGE_LOSS = 1000  # from which losses are printed without decimals
SAME = " = "  # between values that are one config


class MultirunProgress:
    """Prints a line for each run of a group that ends.

    Args:
        total: Number of runs to train in this session.
        print_fn: Prints a line.
        clock: Returns the time in seconds.
        names_best: Whether to tell which run is best so far.
    """

    def __init__(
        self,
        total: int,
        print_fn: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        names_best: bool = True,
    ):
        self._names_best = names_best
        self._total = total
        self._print = print_fn
        self._clock = clock
        self._began = clock()
        self._done = 0
        self._best: tuple[float, str] | None = None
        self._show_activity()

    def ended(
        self, label: str, status: str, metrics: dict[str, Any], reason: str = ""
    ) -> None:
        """Prints how a run ended, and the time left."""
        self._done += 1
        width = len(str(self._total))
        parts = [
            f"{self._done:>{width}} of {self._total}  {label}",
            _describe_end(status, metrics, reason),
        ]
        sort_key = _sort_key(metrics)
        if sort_key is not None:
            if self._best is None or sort_key > self._best[0]:
                self._best = sort_key, label
        if self._names_best and self._best and self._done > 1:
            best = "this one" if self._best[1] == label else self._best[1]
            parts.append(f"best so far: {best}")
        left = self._total - self._done
        if left:
            seconds = (self._clock() - self._began) / self._done * left
            parts.append(f"about {format_duration(math.ceil(seconds))} left")
        self._print("; ".join(parts))
        self._show_activity()

    def _show_activity(self) -> None:
        if self._done < self._total:
            show_activity(f"training, {self._done} of {self._total} runs done")


def _describe_end(status: str, metrics: dict[str, Any], reason: str) -> str:
    """Returns how a run ended, in words."""
    if status not in ("completed", "stopped_early"):
        return f"{status}: {reason.rstrip('.')}" if reason else status
    span = format_duration(metrics["wall_seconds"])
    if metrics.get("best_val_accuracy") is not None:
        score = f"accuracy {format_percent(metrics['best_val_accuracy'])}%"
    elif metrics.get("best_val_loss") is not None:
        score = f"loss {metrics['best_val_loss']:.4g}"
    else:
        score = "trained"
    return f"{score} in {span}"


def _sort_key(metrics: dict[str, Any]) -> float | None:
    """Returns a number that is larger for a better run."""
    if metrics.get("status") not in ("completed", "stopped_early"):
        return None
    accuracy = metrics.get("best_val_accuracy")
    if accuracy is not None:
        return accuracy
    loss = metrics.get("best_val_loss")
    return None if loss is None else -loss


def summarize(
    multirun: Multirun, ended: Mapping[str, RunResult] | None = None
) -> dict[str, Any]:
    """Returns the contents of `vary.json`, `seeds.json` or `folds.json`.

    Args:
        multirun: A group all or some of whose runs have ended.
        ended: Results of the runs of this session, by path.
    """
    varied = multirun.config.varied
    rows = [
        _row(multirun, spec, (ended or {}).get(spec.path))
        for spec in multirun.specs
    ]
    score = next((row["score"] for row in rows if row["score"]), None)
    found = {
        "group": multirun.group.name,
        "kind": multirun.config.kind,
        "option": varied and varied.name,
        "split": "val",
        "score": score,
        "runs": rows,
        "values": _values(rows, score),
        "pairs": [],
        "untested": None,
    }
    if found["kind"] == "vary":
        found |= _test_pairs(multirun, rows)
    if found["kind"] == "folds":
        found["folds"] = _cross_validation(rows, score)
    return found


def _row(
    multirun: Multirun, spec: RunSpec, result: RunResult | None
) -> dict[str, Any]:
    run, varied = multirun.run(spec), multirun.config.varied
    # A run whose worker was lost does not know that.
    is_lost = result is not None and result.status == "lost"
    status = "lost" if is_lost else run.status
    recorded = run.metrics if run.has_model else {}
    row = {
        "run": run.name,
        "value": varied and varied.format(spec.value),
        "seed": spec.config.seed,
        "reused": spec.reused,
        "status": status,
        "reason": (result.reason or None) if result else None,
        "score": None,
        "mean": None,
        "low": None,
        "high": None,
        "loss": recorded.get("best_val_loss"),
        "best_epoch": recorded.get("best_epoch"),
        "wall_seconds": recorded.get("wall_seconds"),
    }
    if recorded.get("best_val_accuracy") is not None:
        row |= _accuracy(run, recorded["best_val_accuracy"])
    elif row["loss"] is not None and _predicts_numbers(run):
        row |= {"score": "mean_squared_error", "mean": row["loss"]}
    return row


def _predicts_numbers(run: Run) -> bool:
    return run.resolved["data"].get("task") == "regression"


def _accuracy(run: Run, accuracy: float) -> dict[str, Any]:
    """Returns an accuracy with its exact interval over the examples."""
    examples = run.resolved["data"]["val"]
    interval = metrics.binomial_ci(round(accuracy * examples), examples)
    return {
        "score": "accuracy",
        "mean": interval.value,
        "correct": interval.correct,
        "examples": examples,
        "low": interval.low,
        "high": interval.high,
    }


def _values(rows: Sequence[dict], score: str | None) -> list[dict[str, Any]]:
    """Returns a row for each value, over its seeds."""
    values = []
    for value in dict.fromkeys(row["value"] for row in rows):
        mine = [row for row in rows if row["value"] == value]
        scored = [row for row in mine if row["mean"] is not None]
        means = [row["mean"] for row in scored]
        stats = (
            seed_stats(means, *SCORE_LIMITS[score]) if means and score else None
        )
        values.append(
            {
                "value": value,
                "runs": [row["run"] for row in mine],
                "seeds": [row["seed"] for row in mine],
                "scored": len(scored),
                **_spread(stats),
                "median": float(np.median(means)) if means else None,
                "loss": _mean(row["loss"] for row in scored),
                "wall_seconds": sum(r["wall_seconds"] or 0 for r in mine),
            }
        )
    return values


def _cross_validation(
    rows: Sequence[dict], score: str | None
) -> dict[str, Any] | None:
    """Returns the score of all folds together; `None` without two scores."""
    scored = [row for row in rows if row["mean"] is not None]
    if score is None or len(scored) < 2:
        return None
    stats = fold_stats(
        [row["mean"] for row in scored], len(rows), *SCORE_LIMITS[score]
    )
    found = {"scored": len(scored), **_spread(stats), "pooled": None}
    if score == "accuracy":
        pooled = metrics.binomial_ci(
            sum(row["correct"] for row in scored),
            sum(row["examples"] for row in scored),
        )
        found["pooled"] = {
            "correct": pooled.correct,
            "examples": sum(row["examples"] for row in scored),
            "mean": pooled.value,
            "low": pooled.low,
            "high": pooled.high,
        }
    return found


def _spread(stats: Any) -> dict[str, float | None]:
    names = ("mean", "std", "low", "high")
    if stats is None:
        return dict.fromkeys(names)
    return {name: dataclasses.asdict(stats)[name] for name in names}


def _mean(values) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _test_pairs(multirun: Multirun, rows: Sequence[dict]) -> dict[str, Any]:
    """Returns a test of each pair of values, or why there is none."""
    by_name = {row["run"]: row["value"] for row in rows}
    ready = [run for run in map(multirun.run, multirun.specs) if run.has_model]
    if len({by_name[run.name] for run in ready}) < 2:
        return {"untested": "fewer than two values have a result."}
    try:
        measured = compare.compare_runs(ready)
    except UserError as error:
        return {"untested": str(error)}
    if len(measured["configs"]) < 2:
        return {"untested": "the values change nothing that is learned."}
    names = {
        config["config"]: SAME.join(
            dict.fromkeys(by_name[run] for run in config["runs"])
        )
        for config in measured["configs"]
    }
    return {
        "pairs": [
            {
                **pair,
                "first": names[pair["first"]],
                "second": names[pair["second"]],
                "better": pair["better"] and names[pair["better"]],
            }
            for pair in measured["pairs"]
        ]
    }


def format_summary(summary: dict[str, Any]) -> str:
    """Returns the table of a group, and its result in sentences.

    Args:
        summary: As `summarize` returns it.
    """
    several = summary["kind"] == "vary" and _has_seeds(summary)
    blocks = [_value_table(summary) if several else _run_table(summary)]
    blocks += [_list_remarks(summary)] if several else []
    blocks.append(_conclusion(summary))
    return "\n\n".join(block for block in blocks if block)


def _has_seeds(summary: dict) -> bool:
    return any(len(row["runs"]) > 1 for row in summary["values"])


def _format_score(summary: dict, value: float | None) -> str:
    if value is None:
        return "-"
    if summary["score"] == "accuracy":
        return format_percent(value)
    return f"{value:.4g}"


def _format_ci(summary: dict, row: dict) -> str:
    if row["low"] is None:
        return "-"
    if summary["score"] == "accuracy":
        return format_interval(row["low"], row["high"])
    return f"{row['low']:.4g} to {row['high']:.4g}"


def _score_name(summary: dict) -> str:
    return (summary["score"] or "accuracy").replace("_", " ")


def _run_table(summary: dict) -> str:
    """Returns a table with a row a run."""
    by_seed = summary["kind"] == "seeds"
    heads = ("seed" if by_seed else summary["option"], _score_name(summary))
    heads += ("95% CI", "loss", "best epoch", "seconds", "")
    rows = [
        (
            str(row["seed"]) if by_seed else row["value"],
            _format_score(summary, row["mean"]),
            _format_ci(summary, row),
            _format_loss(row),
            _or_dash(row["best_epoch"], "{}"),
            _or_dash(row["wall_seconds"], "{:.1f}"),
            _remark(row),
        )
        for row in summary["runs"]
    ]
    return format_table(heads, rows, (1, 3, 4, 5))


def _value_table(summary: dict) -> str:
    """Returns a table with a row a value, over its seeds."""
    heads = (summary["option"], "seeds", f"mean {_score_name(summary)}")
    heads += ("95% CI over seeds", "std", "median", "loss")
    rows = [
        (
            row["value"],
            ", ".join(map(str, row["seeds"])),
            _format_score(summary, row["mean"]),
            _format_ci(summary, row),
            _format_score(summary, row["std"]),
            _format_score(summary, row["median"]),
            _format_loss(row),
            f"{row['wall_seconds']:.1f}",
        )
        for row in summary["values"]
    ]
    return format_table((*heads, "seconds"), rows, (2, 4, 5, 6, 7))


def _format_loss(row: dict) -> str:
    small = row["loss"] is None or row["loss"] < LARGE_LOSS
    return _or_dash(row["loss"], "{:.4f}" if small else "{:.3g}")


def _or_dash(value: Any, form: str) -> str:
    return "-" if value is None else form.format(value)


def _remark(row: dict) -> str:
    """Returns what is unusual about a run."""
    if row["reused"]:
        return f"the existing run {row['run']}"
    if row["status"] in ("completed", "stopped_early"):
        return "stopped early" if row["status"] == "stopped_early" else ""
    reason = row["reason"]
    return f"{row['status']}: {reason}" if reason else row["status"]


def _list_remarks(summary: dict) -> str:
    """Returns the remarks on runs, beside a table of values."""
    lines = [
        f"{row['run']}: {_remark(row)}"
        for row in summary["runs"]
        if _remark(row)
    ]
    return "\n".join(lines)


def _conclusion(summary: dict) -> str:
    """Returns what the numbers show, and how certain it is."""
    lines = []
    if summary["kind"] == "seeds":
        lines += _over_seeds(summary)
    elif summary["kind"] == "folds":
        lines += _over_folds(summary)
    elif summary["untested"]:
        lines.append(f"Differences are not tested: {summary['untested']}")
    else:
        lines += _differences(summary)
    return "\n".join(textwrap.fill(line, 80) for line in lines)


def _over_seeds(summary: dict) -> list[str]:
    (row,) = summary["values"]
    if row["mean"] is None:
        return ["No run has a validation score."]
    unit = "%" if summary["score"] == "accuracy" else ""
    start = f"{_score_name(summary)} over {row['scored']} seeds"
    if row["std"] is None:
        return [f"{start[:-1]}: {_format_score(summary, row['mean'])}{unit}."]
    mean, std, median = (
        _format_score(summary, row[name]) for name in ("mean", "std", "median")
    )
    lines = [
        f"{start[:1].upper()}{start[1:]}: mean {mean}{unit}, std {std}, median "
        f"{median}."
    ]
    if row["low"] is not None:
        lines.append(
            f"95% CI of the mean: {_format_ci(summary, row)}{unit} (Student's "
            "t). It covers the seeds, not the choice of the validation "
            "examples."
        )
    return lines


def _over_folds(summary: dict) -> list[str]:
    found = summary["folds"]
    if found is None:
        return ["Fewer than two folds have a validation score."]
    unit = "%" if summary["score"] == "accuracy" else ""
    mean, std = (_format_score(summary, found[n]) for n in ("mean", "std"))
    name = _score_name(summary)
    lines = []
    if pooled := found["pooled"]:
        lines.append(
            f"All folds together: {pooled['correct']:,} of "
            f"{pooled['examples']:,} are correct, "
            f"{format_percent(pooled['mean'])}%; 95% CI "
            f"{_format_ci(summary, pooled)}% (Clopper-Pearson). It covers the "
            "choice of the examples, not that of the training images."
        )
    line = (
        f"{name[:1].upper()}{name[1:]} over {found['scored']} folds: mean "
        f"{mean}{unit}, std {std}"
    )
    if found["low"] is not None:
        line += (
            f"; 95% CI {_format_ci(summary, found)}{unit} (Student's t, "
            "corrected for training images that folds share: Nadeau and Bengio "
            "2003). It covers both, of training on as many images"
        )
    lines.append(f"{line}.")
    lines.append(
        "Each run kept the weights of the epoch that was best on its own fold, "
        "so that scores are somewhat too high."
    )
    return lines


def best_value(summary: dict[str, Any]) -> str | None:
    """Returns the value with the best mean score; `None` if none has one.

    Of equal ones it is that of the lower loss.
    """
    scored = [row for row in summary["values"] if row["mean"] is not None]
    if not scored:
        return None
    sign = 1 if summary["score"] == "accuracy" else -1
    return max(scored, key=lambda row: (sign * row["mean"], -row["loss"]))[
        "value"
    ]


def _name_in_pairs(summary: dict, value: str | None) -> str | None:
    """Returns the name of a value in pairs: `200 = full` if it is both."""
    for pair in summary["pairs"]:
        for name in (pair["first"], pair["second"]):
            if value in name.split(SAME):
                return name
    return value


def _differences(summary: dict) -> list[str]:
    """Returns which values are worse than the best one, with evidence."""
    best = _name_in_pairs(summary, best_value(summary))
    worse, similar = [], []
    for pair in summary["pairs"]:
        if best not in (pair["first"], pair["second"]):
            continue
        other = pair["second" if pair["first"] == best else "first"]
        text = f"{other} (p {format_p_value(pair['p_corrected'])})"
        (worse if pair["better"] == best else similar).append(text)
    if not (worse or similar):
        return []
    name = f"{summary['option']} {best}"
    others = join_and(similar)
    if not worse:
        sentence = f"There is no evidence that {name}, which scores best here, "
        sentence += f"differs from {others}."
    else:
        sentence = f"{name} is better than {join_and(worse)}"
        sentence += "; there is no evidence that it differs from " * bool(
            similar
        )
        sentence += f"{others}."
    return [sentence, _how_tested(summary)]


def _how_tested(summary: dict) -> str:
    count = len(summary["pairs"])
    how = "p as in `zoo compare`, on the same validation examples"
    if count > 1:
        how += f", corrected for {count} comparisons (Holm)"
    fewest = min(row["scored"] for row in summary["values"] if row["scored"])
    if fewest == 1:
        how += "; one seed each, so that other seeds may differ"
    return f"{how}."
