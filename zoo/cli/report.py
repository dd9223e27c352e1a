"""`zoo report [RUN...]`: one page of HTML about a run, or about several."""

from __future__ import annotations

from zoo.cli import stderr
from zoo.cli.flags import Command
from zoo.config import DEFAULTS
from zoo.errors import UserError
from zoo.run_store import RunStore, describe_left_out


def run(argv: list[str]) -> int:
    """Writes a page about runs; returns the exit code."""
    command = Command(
        "zoo report [RUN...] [--out=PATH.html]",
        "Write a page of HTML about a run, into its folder anew, or about "
        "several runs beside each other, into the folder of runs. The page is "
        "one file and needs no network; the test split is not opened for it.",
        words=("[RUN...]",),
    )
    command.text("out", None, "write the page into this file")
    command.switch("overwrite", "replace the file of --out if it is there")
    command.text("runs_dir", DEFAULTS["runs_dir"], "folder of the run folders")
    words = command.parse(argv)
    if words is None:
        return 0
    words = words or ["last"]
    values = command.values
    found, without = RunStore(values.runs_dir).find_all(words)
    out, overwrite = values.out, values["overwrite"].value
    if out is None and overwrite:
        raise UserError("--overwrite is about --out; give that too.")
    with stderr.hold():
        from zoo.reporting import render

        target = None if out is None else render.check_path(out, overwrite)
        target = render.write_report(found, values.runs_dir, target)
    print(target)
    if without:
        print(describe_left_out(without))
    return 0
