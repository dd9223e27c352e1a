"""Questions about runs that have been trained."""

from __future__ import annotations

from zoo.commands import Target
from zoo.config import DEFAULTS
from zoo.errors import UserError
from zoo.notebook.answer import Answer
from zoo.runs import Run


def evaluate(
    run: Run, split: str = "val", *, runs_dir: str = DEFAULTS["runs_dir"]
) -> Answer:
    """Scores a run, with intervals, in all and class by class.

    Args:
        run: finished.
        split: `val`, `train`, or `test`, which opens the sealed examples; that
            is written down beside the runs.
        runs_dir: where the record of such looks is, of runs that are in there.

    Raises:
        UserError: the run has no model, or its examples are not there.
    """
    from zoo.evaluation import scoring
    from zoo.evaluation.words import check_split, table

    check_split(split)
    result = scoring.score(run, split, runs_dir)
    return Answer(result, table(result))


def explain(run: Run) -> Answer:
    """Says what the numbers of a run show, and what to try next.

    Args:
        run: finished or not.
    """
    from zoo.diagnostics import diagnose, text
    from zoo.diagnostics.run_stats import RunStats

    stats = RunStats.of(run)
    findings = diagnose(stats)
    return Answer(
        text.as_json(stats, findings), text.format_findings(stats, findings)
    )


def compare(*runs: Run) -> Answer:
    """Says which differences between runs are real; draws their curves.

    Args:
        runs: at least two, validated on the same examples; those that differ
            in the seed alone are taken together.

    Raises:
        UserError: there is nothing to compare, or no examples in common.
    """
    from zoo.evaluation.comparison import drawing, measuring, words

    if len(runs) < 2:
        raise UserError(
            f"{len(runs)} runs cannot be compared; give two or more, as in "
            "zoo.compare(first, second)."
        )
    found = measuring.measure(runs)
    text = words.text(found, everything=False, markdown=False)
    return Answer(found, text, lambda: drawing.pixels(runs))


def find_mistakes(run: Run, split: str = "val", count: int = 14) -> Answer:
    """Shows what a run gets wrong, the largest loss first.

    Args:
        run: finished, a classifier.
        split: `val` or `train`; the test split stays sealed.
        count: how many at most.

    Raises:
        UserError: the run has no classes or no model, or the split is no such.
    """
    from zoo.evaluation import mistakes, mistakes_in_words

    found = mistakes.find(run, split, count)
    has_images = found.total and found.part.images.ndim == 4
    return Answer(
        mistakes_in_words.as_json(found),
        mistakes_in_words.text(found, Target.of(run)),
        (lambda: mistakes.draw(found)) if has_images else None,
    )
