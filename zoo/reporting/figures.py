"""Pictures for a page: matplotlib's SVG, in the page's own colours.

Figures are drawn in colours that stand for others; in the page these become
variables of its style sheet, which differ by light and dark.
"""

from __future__ import annotations

import base64
import contextlib
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.reporting.elements import Markup, element

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, QUIET, RULE, PAPER = "#010101", "#020202", "#030303", "#040404"
ACCENT, SECOND, BAD = "#050505", "#060606", "#070707"
VARIABLES = {
    INK: "ink",
    QUIET: "quiet",
    RULE: "rule",
    PAPER: "paper",
    ACCENT: "accent",
    SECOND: "second",
    BAD: "bad",
    "#000000": "ink",
}
STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # names with a dollar are no formulas
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "axes.labelcolor": QUIET,
    "axes.titlecolor": INK,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.prop_cycle": "cycler('color', ['#050505', '#060606'])",
    "figure.facecolor": "none",
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
}
LARGEST = 100  # pixels of the page for an inch; letters are 12 pixels high
# Marks of matplotlib's own, and what no page needs of them.
NAMES = re.compile(r' id="[A-Za-z0-9_.]*_\d+"')
COMMENTS = re.compile(r"<!--.*?-->\s*", re.DOTALL)
SIZE = re.compile(r' (?:width|height)="[\d.]+pt"')
DEFAULTS = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>\s*", re.DOTALL)
FONT = re.compile(r"font(-family)?: ([^;\"]*)")


@contextlib.contextmanager
def theme() -> Iterator[None]:
    """Draws in the page's colours while the block runs."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        yield


def new(width: float, height: float) -> tuple[Figure, Any]:
    """Returns a figure of so many inches, with axes; use it in `theme`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    figure.set_layout_engine("constrained")
    return figure, figure.add_subplot()


def svg(figure: Figure, alt: str) -> Markup:
    """Returns a figure as an SVG element; use it in `theme`.

    Args:
        alt: what a person hears who does not see it; no two of a page are
            the same.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    text = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    # Clip paths are called after what they are of; others' must not be theirs.
    with matplotlib.rc_context({"svg.hashsalt": alt}):
        FigureCanvasSVG(figure).print_svg(text, metadata=nothing)
    found = text.getvalue()
    found = found[found.index("<svg") :]
    start, _, rest = found.partition(">")
    most = LARGEST * figure.get_figwidth()
    start = SIZE.sub("", start) + f' style="max-width: {most:.0f}px"'
    start += f' role="img" {_label(alt)}>'
    for unwanted in (COMMENTS, NAMES, DEFAULTS):
        rest = unwanted.sub("", rest)
    rest = FONT.sub(_font, rest)
    for colour, variable in VARIABLES.items():
        rest = rest.replace(f": {colour}", f": var(--{variable})")
    rest = re.sub(r"\s*\n\s*", "\n", rest)
    return Markup(start + rest)


def _label(alt: str) -> str:
    return element("x", aria_label=alt)[3:].partition("></x>")[0]


def _font(found: re.Match) -> str:
    """Leaves the family to the page, and the size as it is."""
    if found[1]:
        return "font-family: inherit"
    size = re.search(r"[\d.]+px", found[2])
    return f"font-size: {size[0]}" if size else found[0]


def png(pixels: np.ndarray, alt: str, **attributes: Any) -> Markup:
    """Returns uint8 `[H, W, 3]` as an image inside the page."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    height, width = pixels.shape[:2]
    return element(
        "img",
        src=f"data:image/png;base64,{data}",
        alt=alt,
        width=width,
        height=height,
        **attributes,
    )


def figure(picture: Markup, *caption: Any, class_: str | None = None) -> Markup:
    """Returns a picture with a line below it."""
    below = element("figcaption", *caption) if caption else None
    return element("figure", picture, below, class_=class_)
