"""What the functions of `zoo` return: numbers by name, a text, a figure.

Notebooks show results and runs as HTML: tables, curves, text. Colors are those
of the notebook's own text, so that it is legible on a light and on a dark page.
"""

from __future__ import annotations

import base64
import dataclasses
import html
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from zoo.runs import Run


class RunList(list["Run"]):
    """Runs, which a notebook shows as a table."""

    def _repr_html_(self) -> str:
        """Returns the table, for notebooks."""
        return runs_html(self)


class Result(dict):
    """Numbers by name, as `--json` prints them, with a text and a figure.

    Printed, or shown in a notebook, it is the text that the command prints.

    Args:
        values: The numbers.
        text: The text, or a function that returns it.
        draw: Draws the figure, uint8 `[H, W, 3]`; there is none if not given.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        text: str | Callable[[], str],
        draw: Callable[[], np.ndarray] | None = None,
    ):
        super().__init__(values)
        self._text = text
        self._draw = draw

    def __str__(self) -> str:
        return self._text if isinstance(self._text, str) else self._text()

    def _repr_pretty_(self, printer, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        """Returns the text and the figure, for notebooks."""
        return text_html(str(self), self.image)

    @property
    def image(self) -> Image | None:
        """The figure, which a notebook shows; `None` if there is none."""
        from PIL import Image

        return None if self._draw is None else Image.fromarray(self._draw())


def checks_result(results: Sequence[Any]) -> Result:
    """Returns what `zoo.check` found, a line for each check."""
    width = max(len(result.name) for result in results)
    lines = [
        f"{result.name:<{width}} {'ok' if result.ok else 'not ok':<7} "
        f"{result.text}"
        for result in results
    ]
    rows = [dataclasses.asdict(result) for result in results]
    is_ok = all(result.ok for result in results)
    return Result({"ok": is_ok, "checks": rows}, "\n".join(lines))


def sweep_result(
    name: str, result: Mapping[str, Any], objective: str
) -> Result:
    """Returns what `zoo.sweep` found, a line for each of the best trials."""
    lines = [f"{name}: {result['trials']} trials, {result['status']}"]
    for best in result["best"]:
        values = " ".join(f"{k}={v}" for k, v in best["values"].items())
        lines.append(
            f"best trial: {best['trial']}, {values}, {objective} "
            f"{best['score']:.4f}"
        )
    return Result(result, "\n".join(lines))


WIDTH, HEIGHT = 360, 120  # of a curve, in pixels
COLORS = ("#1f77b4", "#ff7f0e")


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Returns a table; without a head if there are no columns."""
    head = ""
    if columns:
        cells = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
        head = f"<thead><tr>{cells}</tr></thead>"
    body = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"<table>{head}<tbody>{body}</tbody></table>"


def _curves(series: Mapping[str, Sequence[float | None]], title: str) -> str:
    """Returns curves over the epochs as SVG; empty if nothing is finite.

    Args:
        series: a value an epoch, by name; two at most.
        title: of the plot.
    """
    known = {
        name: [
            (place, value)
            for place, value in enumerate(values)
            if value is not None and math.isfinite(value)
        ]
        for name, values in series.items()
    }
    points = [point for line in known.values() for point in line]
    if not points:
        return ""
    last = max(place for place, _ in points) or 1
    low = min(value for _, value in points)
    high = max(value for _, value in points)
    span = (high - low) or 1.0
    lines, names = [], []
    for color, (name, line) in zip(COLORS, known.items(), strict=False):
        path = " ".join(
            f"{8 + (WIDTH - 16) * place / last:.1f},"
            f"{8 + (HEIGHT - 16) * (high - value) / span:.1f}"
            for place, value in line
        )
        lines.append(
            f'<polyline fill="none" stroke="{color}" stroke-width="2" '
            f'points="{path}"/>'
        )
        names.append(f'<span style="color:{color}">{html.escape(name)}</span>')
    label = f"{title}, {low:.3g} to {high:.3g}"
    return (
        f'<figure style="margin:0"><svg role="img" aria-label="{label}" '
        f'width="{WIDTH}" height="{HEIGHT}">{"".join(lines)}</svg>'
        f"<figcaption>{html.escape(label)}: {', '.join(names)}</figcaption>"
        "</figure>"
    )


def text_html(content: str, image: Any = None) -> str:
    """Returns a text as it is printed, and a figure of Pillow below it."""
    block = f'<pre style="white-space:pre">{html.escape(content)}</pre>'
    if image is None:
        return block
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'{block}<img alt="figure" style="max-width:100%" '
        f'src="data:image/png;base64,{data}">'
    )


RUN_COLUMNS = (
    *("run", "model", "dataset", "status", "epochs"),
    *("best validation accuracy", "parameters"),
)


def run_html(found: Run) -> str:
    """Returns the facts and the learning curves of a run."""
    try:
        cells, history = _run_row(found), found.history
    except UserError as error:
        return text_html(str(error))
    facts = _table((), zip(RUN_COLUMNS, cells, strict=True))
    plots = [
        _curves(
            {
                name: [row.get(name) for row in history]
                for name in (column, f"val_{column}")
            },
            column,
        )
        for column in ("loss", "accuracy")
    ]
    return facts + "".join(plots)


def runs_html(found: Iterable[Run]) -> str:
    """Returns a table with a row for each run."""
    return _table(RUN_COLUMNS, map(_run_row, found))


def _run_row(found: Run) -> tuple[str, ...]:
    """Returns the cells of a run in a table, see `RUN_COLUMNS`."""
    try:
        config, metrics = found.config, found.metrics
    except UserError:  # one corrupt run does not hide the others
        empty = ("",) * (len(RUN_COLUMNS) - 4)
        return (found.name, "", "", found.status, *empty)
    accuracy = metrics.get("best_val_accuracy")
    return (
        found.name,
        str(config.model),
        config.dataset,
        found.status,
        str(metrics.get("epochs", "")),
        "" if accuracy is None else f"{accuracy:.4f}",
        f"{metrics['parameters']:,}" if "parameters" in metrics else "",
    )
