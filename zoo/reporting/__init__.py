"""A run, or several runs side by side, as one self-contained HTML page.

context.py     `ReportContext`: everything a page shows about one run
sections.py    the contents of each section, as plain values
figures.py     plots as SVG in the page's own colors, images as PNG
render.py      Jinja2 templates to HTML, HTML to a file
model_card.py  the same figures as the README.md of the Hugging Face Hub
templates/     one macro per section; every value is escaped (autoescape)
page.css       the style sheet, which is embedded in the page

A page has no scripts and loads nothing, so it can be read offline, printed
and sent by e-mail.
"""

from __future__ import annotations

import pathlib

from zoo.errors import UserError
from zoo.runs import REPORT_FILE

FILE = REPORT_FILE


def check_path(path: str, overwrite: bool) -> pathlib.Path:
    """Returns the path of a report, if it can be written there.

    Raises:
        UserError: it is a folder, its folder does not exist, or it exists and
            may not be replaced.
    """
    target = pathlib.Path(path)
    if target.is_dir() or not target.name:
        raise UserError(
            f"--out={path} is a folder; write for example "
            f"--out={target / FILE}."
        )
    if not target.parent.is_dir():
        raise UserError(
            f"--out={path} cannot be written: there is no folder "
            f"{target.parent}."
        )
    if target.exists() and not overwrite:
        raise UserError(
            f"--out={path} exists already; choose another name, or add "
            "--overwrite."
        )
    return target
