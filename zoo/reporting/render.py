"""Jinja2 templates to HTML, and HTML to a file."""

from __future__ import annotations

import contextlib
import datetime
import functools
import pathlib
import traceback
from collections.abc import Sequence

import jinja2
from markupsafe import Markup, escape

import zoo
from zoo import backend
from zoo.console import ESCAPE, show_activity
from zoo.data import Dataset
from zoo.evaluation import evaluate
from zoo.io import OTHER_OUT, atomic_write, encode, open_to_append
from zoo.reporting import FILE, figures, sections
from zoo.reporting.context import (
    ReportContext,
    collect,
    collect_all,
    without_paths,
)
from zoo.runs import Run, RunWriter

STYLE_SHEET = pathlib.Path(__file__).with_name("page.css")
MAX_SECTIONS = 20  # of single runs on a page about several
# Longest evaluation, in seconds, that the end of a training waits for.
MAX_SECONDS_AFTER_TRAINING = 30.0


@backend.fixed_settings()
def write_report(
    runs: Sequence[Run], runs_dir: str, path: pathlib.Path | None = None
) -> pathlib.Path:
    """Writes the report of one run, or of several, and returns its path.

    Args:
        runs: One or more runs, finished or not.
        runs_dir: Folder of the test-set log, for runs that are in there.
        path: File to write; by default `report.html` in the folder of the one
            run, or in `runs_dir`. An existing file is replaced.
    """
    if path is None and len(runs) == 1:
        runs[0].check_writable()
    contexts = collect_all(runs, runs_dir)
    show_activity("drawing the report")
    text = render(contexts)
    if path is None:
        folder = pathlib.Path(runs_dir) if len(runs) > 1 else runs[0].path
        path = folder / FILE
    with atomic_write(path, OTHER_OUT) as file:
        file.write(encode(text))
    return path


def write_after_training(
    run: Run, dataset: Dataset, runs_dir: str
) -> pathlib.Path | None:
    """Writes the report of a run that has just ended, and returns its path.

    The run and its metrics are saved by then, so no error is raised: it is
    written to the run's log.

    Args:
        run: Run whose lock this process still holds.
        dataset: Its dataset, which is in memory.
        runs_dir: Folder of the test-set log.

    Returns:
        `None` if the report could not be written.
    """
    try:
        RunWriter(run).write(
            FILE, _render_after_training(run, dataset, runs_dir)
        )
        return run.path / FILE
    except (Exception, KeyboardInterrupt):
        # The disk may be full: then there is no log either.
        with contextlib.suppress(OSError):
            with open_to_append(
                run.path / "log.txt", encoding="utf-8", errors=ESCAPE
            ) as log:
                log.write(traceback.format_exc())
        return None


@backend.fixed_settings()
def _render_after_training(run: Run, dataset: Dataset, runs_dir: str) -> str:
    parts = evaluate.SplitCache()
    parts.add(run, dataset)
    context = collect(
        run,
        runs_dir,
        parts=parts,
        max_seconds=MAX_SECONDS_AFTER_TRAINING,
        status=run.metrics["status"],
    )
    return render([context])


def render(runs: Sequence[ReportContext]) -> str:
    """Returns the HTML of a report about one run, or about several."""
    now = datetime.datetime.now()
    return (
        _environment()
        .get_template("page.html")
        .render(
            runs=runs,
            max_sections=MAX_SECTIONS,
            title=_title([run.name for run in runs]),
            # Our own file, which is CSS: the only text that is not escaped.
            style=Markup(STYLE_SHEET.read_text(encoding="utf-8")),
            version=zoo.__version__,
            written=f"{now.day} {now:%B %Y, %H:%M}",
        )
    )


def _title(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MAX_SECTIONS])
    more = len(names) - MAX_SECTIONS
    return f"{shown} and {more} more" if more > 0 else shown


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("zoo.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["with_code"] = with_code
    environment.globals.update(sections=sections, figures=figures)
    return environment


def with_code(text: str) -> Markup:
    """Returns a sentence in which the text between backquotes is code.

    It has no path of this machine.
    """
    parts = without_paths(text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )
