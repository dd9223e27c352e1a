"""What came of a group, as a table and in sentences."""

from __future__ import annotations

import textwrap
from typing import Any

from zoo.console import format_interval, format_percent, format_table
from zoo.errors import join_and
from zoo.evaluation.statistics import format_p_value

HUGE = 1000  # losses from here on need no digits after the point


def text(found: dict[str, Any]) -> str:
    """Returns the table of a group, and what it shows.

    Args:
        found: as `summary.summarize` returns it.
    """
    several = found["kind"] == "vary" and _has_seeds(found)
    blocks = [_values(found) if several else _runs(found)]
    blocks += [_left_out(found)] if several else []
    blocks.append(_meaning(found))
    return "\n\n".join(block for block in blocks if block)


def _has_seeds(found: dict) -> bool:
    return any(len(row["runs"]) > 1 for row in found["values"])


def _score(found: dict, value: float | None) -> str:
    if value is None:
        return "-"
    if found["score"] == "accuracy":
        return format_percent(value)
    return f"{value:.4g}"


def _ends(found: dict, row: dict) -> str:
    if row["low"] is None:
        return "-"
    if found["score"] == "accuracy":
        return format_interval(row["low"], row["high"])
    return f"{row['low']:.4g} to {row['high']:.4g}"


def _name_of_score(found: dict) -> str:
    return (found["score"] or "accuracy").replace("_", " ")


def _runs(found: dict) -> str:
    """Returns a table with a row a run."""
    by_seed = found["kind"] == "seeds"
    heads = ("seed" if by_seed else found["option"], _name_of_score(found))
    heads += ("95% CI", "loss", "best epoch", "seconds", "")
    rows = [
        (
            str(row["seed"]) if by_seed else row["value"],
            _score(found, row["mean"]),
            _ends(found, row),
            _loss(row),
            _or_dash(row["best_epoch"], "{}"),
            _or_dash(row["wall_seconds"], "{:.1f}"),
            _remark(row),
        )
        for row in found["runs"]
    ]
    return format_table(heads, rows, (1, 3, 4, 5))


def _values(found: dict) -> str:
    """Returns a table with a row a value, over its seeds."""
    heads = (found["option"], "seeds", f"mean {_name_of_score(found)}")
    heads += ("95% CI over seeds", "std", "median", "loss")
    rows = [
        (
            row["value"],
            ", ".join(map(str, row["seeds"])),
            _score(found, row["mean"]),
            _ends(found, row),
            _score(found, row["std"]),
            _score(found, row["median"]),
            _loss(row),
            f"{row['wall_seconds']:.1f}",
        )
        for row in found["values"]
    ]
    return format_table((*heads, "seconds"), rows, (2, 4, 5, 6, 7))


def _loss(row: dict) -> str:
    small = row["loss"] is None or row["loss"] < HUGE
    return _or_dash(row["loss"], "{:.4f}" if small else "{:.3g}")


def _or_dash(value: Any, form: str) -> str:
    return "-" if value is None else form.format(value)


def _remark(row: dict) -> str:
    """Says what is not as usual with a run."""
    if row["reused"]:
        return f"this is {row['run']}, which was there"
    if row["status"] in ("completed", "stopped_early"):
        return "stopped early" if row["status"] == "stopped_early" else ""
    reason = row["reason"]
    return f"{row['status']}: {reason}" if reason else row["status"]


def _left_out(found: dict) -> str:
    """Names the runs that a table of values does not count."""
    lines = [
        f"{row['run']}: {_remark(row)}" for row in found["runs"] if _remark(row)
    ]
    return "\n".join(lines)


def _meaning(found: dict) -> str:
    """Says what the numbers show, and how sure that is."""
    lines = []
    if found["kind"] == "seeds":
        lines += _over_seeds(found)
    elif found["untested"]:
        lines.append(f"Differences are not tested: {found['untested']}")
    else:
        lines += _differences(found)
    return "\n".join(textwrap.fill(line, 80) for line in lines)


def _over_seeds(found: dict) -> list[str]:
    (row,) = found["values"]
    if row["mean"] is None:
        return ["No run has a validation score."]
    unit = " %" if found["score"] == "accuracy" else ""
    start = f"{_name_of_score(found)} over {row['scored']} seeds"
    if row["std"] is None:
        return [f"{start[:-1]}: {_score(found, row['mean'])}{unit}."]
    lines = [
        f"{start[:1].upper()}{start[1:]}: mean {_score(found, row['mean'])}"
        f"{unit}, deviation {_score(found, row['std'])}, median "
        f"{_score(found, row['median'])}.",
        f"95% CI of the mean: {_ends(found, row)}{unit} (Student's t). "
        "It counts the chance of the seed, not that of the examples.",
    ]
    return lines


def best_value(found: dict[str, Any]) -> str | None:
    """Returns the value with the best mean score; `None` if none has one.

    Of equal ones it is that of the lower loss.
    """
    scored = [row for row in found["values"] if row["mean"] is not None]
    if not scored:
        return None
    sign = 1 if found["score"] == "accuracy" else -1
    return max(scored, key=lambda row: (sign * row["mean"], -row["loss"]))[
        "value"
    ]


def _differences(found: dict) -> list[str]:
    """Says which values are worse than the best one, and which may not be."""
    best = best_value(found)
    worse, level = [], []
    for pair in found["pairs"]:
        if best not in (pair["first"], pair["second"]):
            continue
        other = pair["second" if pair["first"] == best else "first"]
        known = f"{other} (p {format_p_value(pair['p_corrected'])})"
        (worse if pair["better"] == best else level).append(known)
    name = f"{found['option']} {best}"
    others = join_and(level)
    if not worse:
        sentence = f"There is no evidence that {name}, which scores best here, "
        sentence += f"differs from {others}."
    else:
        sentence = f"{name} is better than {join_and(worse)}"
        sentence += "; there is no evidence that it differs from " * bool(level)
        sentence += f"{others}."
    return [sentence, _how_tested(found)]


def _how_tested(found: dict) -> str:
    count = len(found["pairs"])
    how = "p: as `zoo compare` tests it, on the same validation examples"
    if count > 1:
        how += f", corrected for {count} comparisons (Holm)"
    fewest = min(row["scored"] for row in found["values"] if row["scored"])
    if fewest == 1:
        how += "; one seed each, so that another seed may say otherwise"
    return f"{how}."
