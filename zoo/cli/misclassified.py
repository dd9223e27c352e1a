"""`zoo misclassified [RUN]`: most confident errors, to find wrong labels."""

from __future__ import annotations

from pathlib import Path

from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.commands import Target
from zoo.config import DEFAULTS
from zoo.options import INT, Option, read_option
from zoo.run_store import RunStore
from zoo.runs import Run

COUNT = Option(INT, "number of errors to write, largest loss first", "", low=1)


def run(argv: list[str]) -> int:
    """Writes and prints the most confident errors; returns the exit code."""
    command = Command(
        "zoo misclassified [RUN] [--split=val|train] [--count=40]",
        "List misclassified examples, largest loss first: a wrong label looks "
        "like a confident error. Writes a table (CSV) and a contact sheet "
        "(PNG).",
        words=("[RUN]",),
    )
    command.text("count", "40", COUNT.help)
    command.text("split", "val", "examples to evaluate: val or train")
    command.text("out", None, "folder to write to (default: RUN/misclassified)")
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    words = command.parse(argv)
    if words is None:
        return 0
    words = words or ["last"]
    given = command.values
    count = read_option("count", COUNT, given.count)
    found = RunStore(given.runs_dir).find(words[0])
    out = given["out"].value
    if not out:
        found.check_writable()
    folder = Path(out).expanduser() if out else found.path / "misclassified"
    with stderr.hold():
        from zoo.evaluation import misclassified

        misclassified.check_split(given.split)
        wrong = misclassified.find_misclassified(found, given.split, count)
        written = []
        if wrong.total:
            misclassified.make_folder(folder)
            written = misclassified.save(wrong, folder)
    print("\n".join(lines(found, wrong, written)))
    return 0


def lines(found: Run, wrong, written: list[Path]) -> list[str]:
    """Returns what is printed.

    Args:
        wrong: a `zoo.evaluation.misclassified.Misclassified`.
        written: the files that hold it.
    """
    from zoo.evaluation.misclassified import format_misclassified

    told = [format_misclassified(wrong, Target.of(found))]
    if written:
        told.append("")
    return told + [f"{path.suffix[1:]:<6} {path}" for path in written]
