"""What the functions of `zoo` return: numbers by name, a text, a figure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import notebook_html

if TYPE_CHECKING:
    from PIL.Image import Image

    from zoo.runs import Run


class RunList(list["Run"]):
    """Runs, which a notebook shows as a table."""

    def _repr_html_(self) -> str:
        """Returns the table, for notebooks."""
        return notebook_html.runs(self)


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
        return notebook_html.text(str(self), self.image)

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
