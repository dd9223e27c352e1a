"""`zoo compare RUN RUN...`: which differences are significant."""

from __future__ import annotations

import json

from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.config import DEFAULTS
from zoo.errors import UserError
from zoo.run_store import RunStore, describe_left_out
from zoo.runs import Run


def run(argv: list[str]) -> int:
    """Compares runs on their validation examples; returns the exit code."""
    command = Command(
        "zoo compare RUN RUN... [--markdown] [--plot=PATH.png]",
        "Compare options and metrics of runs on the same validation examples, "
        "and test which differences are significant. Runs that differ only in "
        "the seed are one config; a group's name stands for its runs.",
        words=("RUN...",),
    )
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    command.text(
        "plot", None, "write the learning curves to this PNG, replacing it"
    )
    command.switch("all", "list the options that do not differ, too")
    command.switch("markdown", "print tables in Markdown")
    command.switch("json", "print JSON")
    words = command.parse(argv)
    if words is None:
        return 0
    values = command.values
    if values.json and values.markdown:
        raise UserError("--json and --markdown contradict; give one of them.")
    found, without = _find(words, values.runs_dir)
    with stderr.hold():
        result = _compare(found, values.plot)
    if values.json:
        print(json.dumps(result, indent=1))
    else:
        from zoo.evaluation.compare import format_comparison

        print(
            format_comparison(
                result,
                all_options=values["all"].value,
                markdown=values.markdown,
            )
        )
        if without:
            print(f"\n{describe_left_out(without)}")
    return 0


def _find(words: list[str], runs_dir: str) -> tuple[list[Run], list[Run]]:
    """Returns the runs to compare, and those of groups that have no result."""
    if len(words) == 1 and RunStore(runs_dir).find_group(words[0]) is None:
        raise UserError("a RUN is missing; write `zoo compare RUN RUN...`.")
    return RunStore(runs_dir).find_all(words)


def _compare(found: list[Run], plot: str | None) -> dict:
    from zoo.evaluation import compare

    # A path that cannot be written is refused before anything is computed.
    target = compare.check_plot_path(plot) if plot is not None else None
    result = compare.compare_runs(found)
    if target is not None:
        compare.save_learning_curves(found, target)
        result["plot"] = str(target)
    return result
